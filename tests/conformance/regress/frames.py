"""Frames of the protocol on plain sockets, for both sides of a connection. Source: PostgreSQL manual, 53.7.

Owns reading and writing whole messages. May not do: know what they mean.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from dataclasses import dataclass

CANCEL, SSL, GSS = 80877102, 80877103, 80877104
"""Codes of the requests that may come instead of, or before, a startup message."""

_PATIENCE = 300.0  # seconds: the slowest statement of the suite takes a few


@dataclass(frozen=True, slots=True)
class Frame:
    """One message: its type byte and its body."""

    kind: bytes
    body: bytes

    @property
    def raw(self) -> bytes:
        """The message as it goes over the wire."""
        return self.kind + struct.pack("!i", len(self.body) + 4) + self.body


class Peer:
    """One end of a connection, read frame by frame. Raises EOFError at its end."""

    def __init__(self, connection: socket.socket) -> None:
        connection.settimeout(_PATIENCE)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = connection
        self._buffer = bytearray()

    @classmethod
    def connect(cls, port: int) -> Peer:
        """Connect to a port of 127.0.0.1."""
        return cls(socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE))

    def send(self, *frames: Frame) -> None:
        """Send whole messages."""
        self._socket.sendall(b"".join(frame.raw for frame in frames))

    def send_raw(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._socket.sendall(data)

    def read(self) -> Frame:
        """Read one message."""
        self._need(5)
        end = 1 + struct.unpack_from("!i", self._buffer, 1)[0]
        self._need(end)
        frame = Frame(bytes(self._buffer[:1]), bytes(self._buffer[5:end]))
        del self._buffer[:end]
        return frame

    def read_startup(self) -> bytes:
        """Read the first message, refusing encryption; return it whole. Raises EOFError for a cancel request."""
        while True:
            self._need(8)
            size, code = struct.unpack_from("!ii", self._buffer)
            self._need(size)
            data = bytes(self._buffer[:size])
            del self._buffer[:size]
            if code == CANCEL:
                raise EOFError
            if code not in {SSL, GSS}:
                return data
            self._socket.sendall(b"N")

    def close(self) -> None:
        """End the connection, also under the hands of another thread that reads it."""
        with contextlib.suppress(OSError):  # the other side may have been first
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _need(self, size: int) -> None:
        while len(self._buffer) < size:
            data = self._socket.recv(1 << 16)
            if not data:
                raise EOFError
            self._buffer += data


def startup_parameters(data: bytes) -> dict[str, str]:
    """The parameters of a startup message."""
    parts = data[8:].split(b"\0")
    return {name.decode(): value.decode() for name, value in zip(parts[::2], parts[1::2], strict=False) if name}


def report(body: bytes) -> dict[str, str]:
    """The fields of an ErrorResponse or NoticeResponse by their letters."""
    return {part[:1].decode(): part[1:].decode("utf-8", "replace") for part in body.split(b"\0") if part}
