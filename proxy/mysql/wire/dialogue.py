"""What a login dialogue may ask of its shell, how its packets are numbered, and how it fails.

A dialogue is a generator: it yields one of these requests, is sent the answer, and returns its result. So the order of
packets stands in one plain function, and tests play both peers without a socket. May not do: any I/O.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeVar

from proxy.failure import LoginFailure
from proxy.mysql.wire.messages import error
from proxy.mysql.wire.packets import ERR, ProtocolViolation, packet

Result = TypeVar("Result")


class Side(Enum):
    """The peer that a request is about."""

    CLIENT = "client"
    UPSTREAM = "database"


@dataclass(frozen=True, slots=True)
class ReadPacket:
    """Take a whole packet, at most `packets.LOGIN_PACKET_LIMIT` bytes. Answer: `Packet`."""

    side: Side


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet: its sequence number and its payload."""

    sequence: int
    payload: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Send:
    """Write bytes to a peer. Answer: None."""

    side: Side
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class StartTLS:
    """Do the TLS handshake. Answer: None.

    What has come from the client behind its request belongs to the handshake, for it waits for no answer. From the database
    nothing may have come: an attacker in between put it there, and the shell ends the login.
    """

    side: Side


Request = ReadPacket | Send | StartTLS
Dialogue = Generator[Request, Any, Result]


class DialogueError(LoginFailure):
    """The end of a login that cannot go on, with MySQL's number for it."""

    def __init__(self, errno: int, sqlstate: str, message: str, *, log: str | None = None, told: bool = False) -> None:
        super().__init__(sqlstate, message, log=log, told=told)
        self.errno = errno


@dataclass(slots=True)
class Leg:
    """One peer of a login. `safe`: what is said cannot be read on the way, for it is encrypted or stays on the machine.

    `sequence` is the number of the next packet in either direction.
    """

    side: Side
    safe: bool = False
    sequence: int = 0

    def read(self) -> Dialogue[bytes]:
        """The payload of the peer's next packet. Raises DialogueError when the packets are out of order."""
        found: Packet = yield ReadPacket(self.side)
        if found.sequence != self.sequence:
            raise DialogueError(1156, "08S01", "Got packets out of order", log=f"the {self.side.value} lost its count")
        self.sequence = found.sequence + 1 & 0xFF
        return found.payload

    def send(self, payload: bytes) -> Dialogue[None]:
        """Give the peer a payload."""
        data = packet(self.sequence, payload)
        self.sequence = self.sequence + 1 & 0xFF
        yield Send(self.side, data)

    def start_tls(self) -> Dialogue[None]:
        """Encrypt what follows."""
        yield StartTLS(self.side)
        self.safe = True


@dataclass(slots=True)
class Legs:
    """Both peers of one login; `greeted` once the client has had a greeting."""

    client: Leg = field(default_factory=lambda: Leg(Side.CLIENT))
    upstream: Leg = field(default_factory=lambda: Leg(Side.UPSTREAM))
    greeted: bool = False

    def farewell(self, failure: DialogueError) -> bytes:
        """The packet that tells the client why the login has failed; b"" when it has been told."""
        if failure.told:
            return b""
        if self.greeted:
            return packet(self.client.sequence, error(failure.errno, failure.sqlstate, failure.message))
        # in place of a greeting an error has no SQLSTATE, for what the client understands is not known yet
        payload = bytes((ERR,)) + failure.errno.to_bytes(2, "little") + failure.message.encode()
        return packet(self.client.sequence, payload)


def violated(side: Side, violation: ProtocolViolation) -> DialogueError:
    """The end of a login in which a peer's packet could not be read."""
    if side is Side.CLIENT:
        return DialogueError(1043, "08S01", "Bad handshake", log=f"the client broke the protocol: {violation}")
    return DialogueError(violation.errno, violation.sqlstate, f"louver: the database broke the protocol: {violation}")
