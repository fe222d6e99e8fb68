"""The values that a statement names: its literals, and what is bound to its parameters.

Owns finding them in SQL text and spelling them as a text would, whatever form the wire gives them. What it finds is hashed for the
audit (audit.values), which keeps MOST of a statement, and decides nothing, so a text that is hard to read may give too many or too few.
May not do: I/O, keep a value.
"""

from __future__ import annotations

import re
import struct
import uuid
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from audit.values import MOST
from proxy.shapes import split
from proxy.types import of_mysql, of_postgres

if TYPE_CHECKING:
    from collections.abc import Iterator

_QUOTE: Final = ord("'")
LONGEST: Final = 64 * 1024
"""Bytes of a text, or of an execution's values, that are looked through."""

# A string that does not end matches up to the end of the text, so that nothing is looked through from each quote within it anew.
_LITERAL: Final = re.compile(
    rb"""'([^'\\]*(?:(?:''|\\.)[^'\\]*)*)('|\\?\Z) | "([^"\\]*(?:(?:""|\\.)[^"\\]*)*)("|\\?\Z)
    | (?<![\w.$'"@])([0-9]+(?:\.[0-9]+)?)(?![\w.'"])""",
    re.VERBOSE | re.DOTALL,
)


def literals(text: bytes) -> list[bytes]:
    """The first MOST strings and numbers of a text, without quotes; a name in double quotes counts, for elsewhere it is a string."""
    if b'"' not in text and b"\\" not in text and b"''" not in text and len(text) <= LONGEST:
        return [
            found[1:-1] if found[0] == _QUOTE else found for found in split(text)[1 : 2 * MOST : 2]
        ]  # what most are, quickly
    ended = (
        found[1] or found[3] or found[5] or b""
        for found in _LITERAL.finditer(text[:LONGEST])
        if found[2] == b"'" or found[4] == b'"' or found[5]
    )
    return list(islice(ended, MOST))


# -- PostgreSQL: Bind, behind its two names (protocol.html); binary forms as typsend has them --------------------------

_INTEGERS: Final = frozenset((2, 4, 8))
_FLOAT4, _FLOAT8, _UUID, _BOOL = 700, 701, 2950, 16


class Bound(NamedTuple):
    """What is bound to parameters: the first MOST values that are not NULL, and the types of all, as the audit has them (proxy.types)."""

    values: list[bytes]
    types: bytes


UNREAD: Final = Bound([], b"")
"""What is bound, where it could not be read."""


def bound(values: bytes, types: bytes) -> Bound:
    """The parameters of a Bind, from its format codes on; `types` are those that are known (count and OIDs, which may be 0).

    What ends early gives what there is: the server refuses it.
    """
    try:
        formats = int.from_bytes(values[:2], "big")
        count = int.from_bytes(values[2 + 2 * formats : 4 + 2 * formats], "big")
        return Bound(list(islice(_bound(values, types), MOST)), of_postgres(types, count))
    except (struct.error, IndexError):
        return UNREAD


def _bound(values: bytes, types: bytes) -> Iterator[bytes]:
    (formats,) = struct.unpack_from("!h", values)
    codes = struct.unpack_from(f"!{formats}h", values, 2)
    position = 2 + 2 * formats
    (count,) = struct.unpack_from("!h", values, position)
    position += 2
    known = struct.unpack_from(f"!{len(types) // 4}I", types, len(types) % 4)
    for number in range(count):
        (size,) = struct.unpack_from("!i", values, position)
        position += 4
        if size < 0:
            continue
        value = values[position : position + size]
        position += size
        code = 0 if not codes else codes[0] if len(codes) == 1 else codes[number]
        yield _spelled(value, known[number] if number < len(known) else 0) if code else value


def _spelled(value: bytes, oid: int) -> bytes:
    """A value in binary as text has it; what is not known as it came."""
    if oid == _BOOL:
        return b"t" if value == b"\x01" else b"f"
    if oid in {_FLOAT4, _FLOAT8} and len(value) in {4, 8}:
        return repr(struct.unpack("!f" if len(value) == 4 else "!d", value)[0]).encode()
    if oid == _UUID and len(value) == 16:
        return str(uuid.UUID(bytes=value)).encode()
    if len(value) in _INTEGERS and (oid in {0, 20, 21, 23, 26} and (oid or not value.isascii() or b"\0" in value)):
        return str(int.from_bytes(value, "big", signed=True)).encode()
    return value


# -- MySQL: the values of COM_STMT_EXECUTE ("Binary Protocol Value") ---------------------------------------------------

_NUMBERS: Final = {1: 1, 2: 2, 13: 2, 3: 4, 9: 4, 8: 8}  # TINY, SHORT, YEAR, LONG, INT24, LONGLONG
_REALS: Final = {4: "<f", 5: "<d"}  # FLOAT, DOUBLE
_TEMPORAL: Final = frozenset((7, 10, 11, 12))
_NULL: Final = 6


def executed(nulls: bytes, types: list[tuple[int, bool]], values: bytes, count: int) -> Bound:
    """The parameters of an execution: the bitmap of those that are NULL, (type, unsigned) of each, and the bytes of the others.

    Behind the `count` parameters stand attributes of the query, whose values are as good and whose types are nobody's.
    """
    try:
        return Bound(list(islice(_executed(nulls, types, values), MOST)), of_mysql(types[:count]))
    except (struct.error, IndexError):
        return UNREAD


def _executed(nulls: bytes, types: list[tuple[int, bool]], values: bytes) -> Iterator[bytes]:
    position = 0
    for number, (kind, unsigned) in enumerate(types):
        if kind == _NULL or nulls[number // 8] >> number % 8 & 1:
            continue
        if kind in _NUMBERS:
            size = _NUMBERS[kind]
            yield str(int.from_bytes(_piece(values, position, size), "little", signed=not unsigned)).encode()
        elif kind in _REALS:
            size = struct.calcsize(_REALS[kind])
            yield repr(struct.unpack_from(_REALS[kind], values, position)[0]).encode()
        else:
            begin, size = _length(values, position)
            position, value = begin, _piece(values, begin, size)
            yield _moment(value) if kind in _TEMPORAL else value
        position += size


def _moment(value: bytes) -> bytes:
    """A date, or a date with its time, as text has it; a time of its own as it came."""
    if len(value) in {4, 7, 11}:
        year, month, day = struct.unpack_from("<HBB", value)
        shown = f"{year:04}-{month:02}-{day:02}"
        if len(value) > 4:
            shown += " {:02}:{:02}:{:02}".format(*value[4:7])
        return shown.encode()
    return value


def _length(values: bytes, position: int) -> tuple[int, int]:
    """Where a text begins that has its length before it, and that length."""
    first = values[position]
    wide = {0xFC: 2, 0xFD: 3, 0xFE: 8}.get(first)
    if wide is None:
        return position + 1, first
    return position + 1 + wide, int.from_bytes(_piece(values, position + 1, wide), "little")


def _piece(values: bytes, position: int, size: int) -> bytes:
    piece = values[position : position + size]
    if len(piece) != size:
        raise IndexError
    return piece
