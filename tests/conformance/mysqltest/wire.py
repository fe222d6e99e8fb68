"""Packets and answers of the servers' protocol on plain sockets. Source: MySQL Internals, Client/Server Protocol.

Owns reading one answer whole, and its normal form. May not do: judge.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

QUERY: Final = b"\x03"
_WHOLE: Final = 0xFFFFFF
_MORE_RESULTS: Final = 0x0008
_DEPRECATE_EOF: Final = 1 << 24
_LENGTHS: Final = {0xFC: 2, 0xFD: 3, 0xFE: 8}


@dataclass(frozen=True, slots=True)
class Error:
    """What the server says is wrong."""

    number: int
    sqlstate: str
    message: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The results of one text in order, each (columns, rows, (affected rows, insert id, what was done)), and the error at the end.

    A column is (name, type, character set, decimals, unsigned). `warnings` are those of the last result.
    """

    results: tuple[tuple[object, tuple[bytes, ...], object], ...]
    warnings: int = 0
    error: Error | None = None
    shown: tuple[bytes, ...] = field(default=())
    """Rows of SHOW WARNINGS afterwards."""


class Packets:
    """Packets of one direction. `read(n)` gives exactly n bytes, or raises EOFError."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read

    def next(self) -> bytes:
        """The next packet's payload."""
        parts = []
        while True:
            (length,) = struct.unpack("<I", self._read(4)[:3] + b"\0")
            parts.append(self._read(length))
            if length < _WHOLE:
                return b"".join(parts)


def packet(payload: bytes, number: int = 0) -> bytes:
    """A payload below 16 MiB as it goes over the wire."""
    return struct.pack("<I", len(payload))[:3] + bytes([number]) + payload


def capabilities(login: bytes) -> int:
    """What a client asks for in its answer to the server's greeting."""
    return int(struct.unpack_from("<I", login)[0])


def deprecates_eof(flags: int) -> bool:
    """Whether results end in an OK packet."""
    return bool(flags & _DEPRECATE_EOF)


def read_answer(packets: Packets, *, ends_in_ok: bool, decline: Callable[[int], None]) -> Answer:
    """Read the whole answer to a COM_QUERY. `decline(number)` answers a request for a file of the client with nothing."""
    results: list[tuple[object, tuple[bytes, ...], object]] = []
    warnings, more = 0, True
    while more:
        first = packets.next()
        if first[:1] == b"\xfb":
            decline(2)
            first = packets.next()
        if first[:1] == b"\xff":
            return Answer(tuple(results), 0, _error(first))
        if first[:1] == b"\0":
            done, warnings, more = _ok(first)
            results.append(((), (), done))
            continue
        columns, rows, last = _rows(packets, first, ends_in_ok=ends_in_ok)
        results.append((columns, rows, None))
        if last[:1] == b"\xff":
            return Answer(tuple(results), 0, _error(last))
        if ends_in_ok:
            _, warnings, more = _ok(last)
        else:
            warnings, status = struct.unpack_from("<HH", last, 1)
            more = bool(status & _MORE_RESULTS)
    return Answer(tuple(results), warnings)


def _rows(packets: Packets, first: bytes, *, ends_in_ok: bool) -> tuple[object, tuple[bytes, ...], bytes]:
    """Columns and rows of one result, and the packet that ends it."""
    columns = tuple(_column(packets.next()) for _ in range(_number(first, 0)[0]))
    if not ends_in_ok:
        packets.next()
    rows: list[bytes] = []
    while True:
        row = packets.next()
        ended = row[:1] == b"\xfe" and len(row) < (_WHOLE if ends_in_ok else 9)
        if ended or row[:1] == b"\xff":
            return columns, tuple(rows), row
        rows.append(row)


def _error(payload: bytes) -> Error:
    (number,) = struct.unpack_from("<H", payload, 1)
    return Error(number, payload[4:9].decode("ascii", "replace"), payload[9:].decode("utf-8", "replace"))


def _ok(payload: bytes) -> tuple[object, int, bool]:
    affected, place = _number(payload, 1)
    inserted, place = _number(payload, place)
    status, warnings = struct.unpack_from("<HH", payload, place)
    return (affected, inserted), warnings, bool(status & _MORE_RESULTS)


def _column(payload: bytes) -> tuple[str, int, int, int, bool]:
    place, texts = 0, []
    for _ in range(6):
        length, place = _number(payload, place)
        texts.append(payload[place : place + length])
        place += length
    charset, _, kind, flags, decimals = struct.unpack_from("<HIBHB", payload, place + 1)
    return texts[4].decode("utf-8", "replace"), kind, charset, decimals, bool(flags & 0x20)


def _number(payload: bytes, place: int) -> tuple[int, int]:
    """A length-encoded number, and the place behind it."""
    width = _LENGTHS.get(payload[place], 0)
    if not width:
        return payload[place], place + 1
    return int.from_bytes(payload[place + 1 : place + 1 + width], "little"), place + 1 + width
