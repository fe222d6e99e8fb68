"""Messages by RFC 5424, and their way to a receiver over TLS with their lengths in front (RFC 5425).

Owns the bytes of a message, and the connection. The protocol has no answer: a batch counts as arrived when the receiver's system has
acknowledged every byte and the connection still stands. May not do: decide what a message says (events).
"""

from __future__ import annotations

import fcntl
import re
import socket
import ssl
import struct
import termios
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from shipping.events import Weight, fitted, weight
from shipping.following import DestinationError
from shipping.trail import Sizes

if TYPE_CHECKING:
    from shipping.events import Fields, Shape
    from shipping.trail import Batch, Place

PORT: Final = 6514
"""Of syslog over TLS (RFC 5425, section 4.1)."""

FACILITIES: Final = {"user": 1, "auth": 4, "authpriv": 10, "audit": 13, **{f"local{n}": 16 + n for n in range(8)}}
"""Facilities by their names (RFC 5424, section 6.2.1); 13 is the log audit."""

_SEVERITY: Final = {Weight.INFORMATIONAL: 6, Weight.LOW: 5, Weight.MEDIUM: 4, Weight.HIGH: 3, Weight.CRITICAL: 1}
_NOT_PRINTABLE: Final = re.compile(r"[^!-~]")
_POLL_SECONDS: Final = 0.02


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where a receiver is, and whom to believe about it; None for `context` only on this machine."""

    host: str
    port: int
    context: ssl.SSLContext | None
    seconds: float = 15.0


def header(facility: int, hostname: str, version: str, trail: str, fields: Fields) -> bytes:
    """Return the header and the structured data of a record's message, up to the space before what it says (RFC 5424, section 6)."""
    priority = facility * 8 + _SEVERITY[weight(fields)]
    when = _word(str(fields.get("time", "")), 32)
    words = (_word(hostname, 255), "louver", _word(trail, 128), _word(str(fields.get("event", "")), 32))
    quoted = re.sub(r'(["\\\]])', r"\\\1", version)
    return f'<{priority}>1 {when} {" ".join(words)} [origin software="louver" swVersion="{quoted}"]'.encode("ascii")


def _word(text: str, limit: int) -> str:
    """Return text as one printable word; `-` for none."""
    return _NOT_PRINTABLE.sub("_", text)[:limit] or "-"


def framed(message: bytes) -> bytes:
    """Return a message with its length in front (RFC 5425, section 4.3)."""
    return b"%d %b" % (len(message), message)


def _idle(connection: socket.socket) -> bool:
    """Tell whether the other side's system has acknowledged every byte."""
    (waiting,) = struct.unpack("i", fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, bytes(4)))
    return bool(waiting == 0)


class Syslog:
    """A receiver of syslog as a destination; `limit` is how long a message may be, in bytes."""

    sizes = Sizes(records=500, octets=2**20)
    pause = 0.5
    exact = False

    def __init__(  # noqa: PLR0913  what a message and its way need
        self, receiver: Receiver, *, shape: Shape, trail: str, facility: int, hostname: str, version: str, limit: int
    ) -> None:
        self._receiver = receiver
        self._shape = shape
        self._trail = trail
        self._facility = facility
        self._hostname = hostname
        self._version = version
        self._limit = limit
        self._connection: socket.socket | None = None

    def start(self, noted: Place) -> Place:
        """Connect. Raises DestinationError."""
        receiver = self._receiver
        try:
            plain = socket.create_connection((receiver.host, receiver.port), timeout=receiver.seconds)
            try:
                context = receiver.context
                made = plain if context is None else context.wrap_socket(plain, server_hostname=receiver.host)
            except BaseException:
                plain.close()
                raise
        except OSError as error:
            raise DestinationError(f"{receiver.host}:{receiver.port} cannot be reached: {error}") from None
        self._connection = made
        return noted

    def send(self, batch: Batch) -> None:
        """Send the messages of a batch, and wait until the receiver's system has them. Raises DestinationError."""
        assert self._connection is not None
        content = b"".join(framed(self.message(read.fields)) for read in batch.records)
        try:
            self._check(self._connection)
            self._connection.sendall(content)
            self._acknowledged(self._connection)
        except OSError as error:
            raise DestinationError(f"the connection to {self._receiver.host} broke: {error}") from None

    def message(self, fields: Fields) -> bytes:
        """Return the message of a record."""
        head = header(self._facility, self._hostname, self._version, self._trail, fields)
        return head + b" " + fitted(self._shape, self._trail, fields, self._limit - len(head) - 1)

    def _acknowledged(self, connection: socket.socket) -> None:
        ends = time.monotonic() + self._receiver.seconds
        while not _idle(connection):
            if time.monotonic() > ends:
                raise TimeoutError(f"it took nothing for {self._receiver.seconds:.0f} seconds")
            time.sleep(_POLL_SECONDS)
        self._check(connection)

    def _check(self, connection: socket.socket) -> None:
        """Look whether the receiver has gone; what it says otherwise means nothing. Raises OSError."""
        connection.settimeout(0)
        try:
            if not connection.recv(1024):
                raise ConnectionResetError("the receiver has closed it")
        except (BlockingIOError, ssl.SSLWantReadError):
            pass
        finally:
            connection.settimeout(self._receiver.seconds)

    def close(self) -> None:
        """Leave."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
