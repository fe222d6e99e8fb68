"""A client that shows the very bytes it gets: libpq logs in, then this speaks the protocol on its socket.

Owns the frames of the frontend and the reading up to ReadyForQuery. Source: PostgreSQL manual, 53.7.
"""

from __future__ import annotations

import os
import socket
import struct
from dataclasses import dataclass
from typing import Self

import psycopg

TIMEOUT = 5.0
SYNC = b"S\0\0\0\4"
FLUSH = b"H\0\0\0\4"
_READY = ord("Z")
_ERROR = ord("E")
_NOTICE = ord("N")
_ROW_DESCRIPTION = ord("T")
_DATA_ROW = ord("D")
_COPY_DATA = ord("d")
_COPY_IN = ord("G")
_COMPLETE = ord("C")
_NOTIFICATION = ord("A")


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the server."""

    kind: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """Everything the server said up to ReadyForQuery, or to the end of the connection."""

    messages: tuple[Message, ...]

    @property
    def raw(self) -> bytes:
        """The payloads, one after the other."""
        return b"\n".join(message.payload for message in self.messages)

    @property
    def ended(self) -> bool:
        """True when the connection ended instead of ReadyForQuery."""
        return not self.messages or self.messages[-1].kind != _READY

    @property
    def sqlstates(self) -> list[str]:
        """SQLSTATEs of the errors."""
        return [fields(m.payload)["C"] for m in self.messages if m.kind == _ERROR]

    @property
    def errors(self) -> list[dict[str, str]]:
        """Fields of the errors."""
        return [fields(m.payload) for m in self.messages if m.kind == _ERROR]

    @property
    def rows(self) -> list[tuple[bytes | None, ...]]:
        """Values of the rows in their order; of COPY its lines."""
        found: list[tuple[bytes | None, ...]] = []
        for message in self.messages:
            if message.kind == _DATA_ROW:
                found.append(_values(message.payload))
            elif message.kind == _COPY_DATA:
                found.append((message.payload,))
        return found

    @property
    def tags(self) -> list[bytes]:
        """Command tags."""
        return [m.payload for m in self.messages if m.kind == _COMPLETE]

    @property
    def columns(self) -> list[tuple[str, int]]:
        """(name, type OID) of every column described."""
        found: list[tuple[str, int]] = []
        for message in self.messages:
            if message.kind == _ROW_DESCRIPTION:
                place = 2
                for _ in range(struct.unpack_from("!h", message.payload)[0]):
                    end = message.payload.index(b"\0", place)
                    kind = struct.unpack_from("!i", message.payload, end + 7)[0]
                    found.append((message.payload[place:end].decode(), kind))
                    place = end + 19
        return found


def fields(payload: bytes) -> dict[str, str]:
    """The fields of an ErrorResponse or NoticeResponse."""
    return {part[:1].decode(): part[1:].decode() for part in payload.split(b"\0") if part}


def message(kind: bytes, body: bytes) -> bytes:
    """A message of the frontend."""
    return kind + struct.pack("!i", len(body) + 4) + body


def query(text: str) -> bytes:
    """Query."""
    return message(b"Q", text.encode() + b"\0")


def parse(text: str, name: str = "") -> bytes:
    """Parse, with the parameter types left to the server."""
    return message(b"P", name.encode() + b"\0" + text.encode() + b"\0\0\0")


def bind(name: str = "", portal: str = "", values: tuple[bytes | None, ...] = (), *, binary: bool = False) -> bytes:
    """Bind with values as text; results as text, or all in binary."""
    body = portal.encode() + b"\0" + name.encode() + b"\0\0\0" + struct.pack("!h", len(values))
    for value in values:
        body += struct.pack("!i", -1) if value is None else struct.pack("!i", len(value)) + value
    return message(b"B", body + (b"\0\1\0\1" if binary else b"\0\0"))


def describe(kind: str, name: str = "") -> bytes:
    """Describe a statement (S) or a portal (P)."""
    return message(b"D", kind.encode() + name.encode() + b"\0")


def execute(portal: str = "", limit: int = 0) -> bytes:
    """Execute."""
    return message(b"E", portal.encode() + b"\0" + struct.pack("!i", limit))


def close(kind: str, name: str = "") -> bytes:
    """Close a statement (S) or a portal (P)."""
    return message(b"C", kind.encode() + name.encode() + b"\0")


class Wire:
    """A logged-in connection in the hands of the test."""

    def __init__(self, dsn: str, **parameters: str) -> None:
        self._connection = psycopg.connect(dsn, autocommit=True, sslmode="disable", **parameters)  # type: ignore[arg-type]
        self._socket = socket.socket(fileno=os.dup(self._connection.pgconn.socket))
        self._socket.settimeout(TIMEOUT)
        self._buffer = b""

    def send(self, *messages: bytes) -> None:
        """Send messages and wait for nothing."""
        self._socket.sendall(b"".join(messages))

    def read(self) -> Answer:
        """Read up to ReadyForQuery or the end; a COPY FROM STDIN is ended at once."""
        found: list[Message] = []
        while not found or found[-1].kind != _READY:
            while len(self._buffer) < 5 or len(self._buffer) < (
                end := 1 + struct.unpack_from("!i", self._buffer, 1)[0]
            ):
                data = self._socket.recv(1 << 16)
                if not data:
                    return Answer(tuple(found))
                self._buffer += data
            start = (
                9 if self._buffer[0] == _NOTIFICATION else 5
            )  # the process number differs from connection to connection
            found.append(Message(self._buffer[0], self._buffer[start:end]))
            self._buffer = self._buffer[end:]
            if found[-1].kind == _COPY_IN:
                self.send(message(b"f", b"no data\0"))
        return Answer(tuple(found))

    def ask(self, *messages: bytes) -> Answer:
        """Send messages, the last of which makes the server say ReadyForQuery, and read the answer."""
        self.send(*messages)
        return self.read()

    def query(self, text: str) -> Answer:
        """One simple query."""
        return self.ask(query(text))

    def close(self) -> None:
        """End the connection."""
        self._socket.close()
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _values(payload: bytes) -> tuple[bytes | None, ...]:
    count = struct.unpack_from("!h", payload)[0]
    place = 2
    found: list[bytes | None] = []
    for _ in range(count):
        size = struct.unpack_from("!i", payload, place)[0]
        place += 4
        if size < 0:
            found.append(None)
        else:
            found.append(payload[place : place + size])
            place += size
    return tuple(found)
