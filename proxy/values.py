"""The values that a statement names: its literals, and what is bound to its parameters.

Owns finding them in SQL text and spelling them as a text would, whatever form the wire gives them. What it finds is hashed for the
audit (audit.values), which keeps MOST of a statement, and decides nothing, so a text that is hard to read may give too many or too few.
May not do: I/O, keep a value.
"""

from __future__ import annotations

import re
import struct
from itertools import islice
from typing import Final

from audit.values import MOST
from proxy.postgres.wire.spelling import SPELLED
from proxy.shapes import split
from proxy.types import of_mysql, of_postgres

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
        return plain(split(text)[1])  # what most are, quickly
    ended = (
        found[1] or found[3] or found[5] or b""
        for found in _LITERAL.finditer(text[:LONGEST])
        if found[2] == b"'" or found[4] == b'"' or found[5]
    )
    return list(islice(ended, MOST))


def plain(found: list[bytes]) -> list[bytes]:
    """The first MOST literals of a shape (proxy.shapes), without quotes."""
    return [each[1:-1] if each[0] == _QUOTE else each for each in found[:MOST]]


# -- PostgreSQL: Bind, behind its two names (protocol.html); binary forms as the types' send functions have them --------------------------

_INTEGERS: Final = frozenset((2, 4, 8))
_FLOAT4: Final = 700
_FLOAT8: Final = 701
_BOOL: Final = 16


class Bound:
    """What is bound to parameters: the first MOST values that are not NULL, and the types of all, as the audit has them (proxy.types).

    Or, as `read`, the literals of a text that has been taken apart already, and may have no parameters. `formats` are those of a PostgreSQL
    answer's columns, as Bind has them; b"" when they are not known.
    """

    __slots__ = ("formats", "read", "types", "values")

    def __init__(self, values: list[bytes], types: bytes, *, read: bool = False, formats: bytes = b"") -> None:
        self.values = values
        self.types = types
        self.read = read
        self.formats = formats


UNREAD: Final = Bound([], b"")
"""What is bound, where it could not be read."""


def bound(values: bytes, types: bytes) -> Bound:
    """The parameters of a Bind, from its format codes on; `types` are those that are known (count and OIDs, which may be 0).

    What ends early gives what there is: the server refuses it.
    """
    try:
        codes = values[0] << 8 | values[1]
        position = 2 + 2 * codes
        count = values[position] << 8 | values[position + 1]
        found, position = _bound(values, types, codes, count)
        return Bound(found, of_postgres(types, count), formats=values[position:])
    except (struct.error, IndexError):
        return UNREAD


def _bound(values: bytes, types: bytes, codes: int, count: int) -> tuple[list[bytes], int]:
    """The first MOST of `count` values, behind so many format codes, and where the last one ends. Raises IndexError and struct.error."""
    found: list[bytes] = []
    position = 4 + 2 * codes
    for number in range(count):
        size = values[position] << 24 | values[position + 1] << 16 | values[position + 2] << 8 | values[position + 3]
        position += 4
        if size >> 31:  # NULL
            continue
        if len(found) < MOST:
            value = values[position : position + size]
            if codes and values[3 if codes == 1 else 3 + 2 * number]:
                value = _spelled(value, _oid(types, number))
            found.append(value)
        position += size
    return found, position


def _oid(types: bytes, number: int) -> int:
    """The type of a parameter, 0 when it is not known; the count before them is as long as the list says."""
    place = len(types) % 4 + 4 * number
    return int.from_bytes(types[place : place + 4], "big") if place + 4 <= len(types) else 0


def _spelled(value: bytes, oid: int) -> bytes:
    """A value in binary as text has it; what is not known as it came."""
    if oid == _BOOL:
        return b"t" if value == b"\x01" else b"f"
    if oid in {_FLOAT4, _FLOAT8} and len(value) in {4, 8}:
        return repr(struct.unpack("!f" if len(value) == 4 else "!d", value)[0]).encode()
    spell = SPELLED.get(oid)
    if spell is not None:
        return spell(value)
    if oid == 0 and len(value) in _INTEGERS and (not value.isascii() or b"\0" in value):
        return b"%d" % int.from_bytes(value, "big", signed=True)
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
        return Bound(_executed(nulls, types, values), of_mysql(types[:count]))
    except (struct.error, IndexError):
        return UNREAD


def _executed(nulls: bytes, types: list[tuple[int, bool]], values: bytes) -> list[bytes]:
    """The first MOST values. Raises IndexError and struct.error."""
    found: list[bytes] = []
    position = 0
    for number, (kind, unsigned) in enumerate(types):
        if kind == _NULL or nulls[number // 8] >> number % 8 & 1:
            continue
        size = _NUMBERS.get(kind, 0)
        if size:
            found.append(b"%d" % int.from_bytes(_piece(values, position, size), "little", signed=not unsigned))
        elif kind in _REALS:
            size = struct.calcsize(_REALS[kind])
            found.append(repr(struct.unpack_from(_REALS[kind], values, position)[0]).encode())
        else:
            position, size = _length(values, position)
            value = _piece(values, position, size)
            found.append(_moment(value) if kind in _TEMPORAL else value)
        if len(found) == MOST:
            break
        position += size
    return found


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
