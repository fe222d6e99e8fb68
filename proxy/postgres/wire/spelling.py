"""How the values of an answer read: what a RowDescription says of its columns, and binary values as a text would have them.

Owns which types can say who somebody is. Source: PostgreSQL manual, 55.7 (RowDescription); binary forms as the types' send functions have them,
type numbers as in pg_type.dat. May not do: I/O, keep a value.
"""

from __future__ import annotations

import datetime as dt
import struct
import uuid
from typing import TYPE_CHECKING, Final

from proxy.shown import LONGEST, Field, as_it_came

if TYPE_CHECKING:
    from collections.abc import Callable

_FIXED: Final = 18  # bytes of a field behind its name: 4 + 2 + 4 + 2 + 4 + 2
_DAY_ZERO: Final = dt.date(2000, 1, 1).toordinal()
_NUMERIC_NEGATIVE: Final = 0x4000
_NUMERIC_SPECIAL: Final = 0xC000
_BASE_DIGITS: Final = 4  # decimal digits in one of a numeric's


def fields(description: bytes, origin: Callable[[int, int], str]) -> list[Field] | None:
    """The columns that the payload of a RowDescription tells; `origin` names a column of a table (OID, attribute number). None: it cannot be read."""
    found: list[Field] = []
    position = 2
    for _ in range(int.from_bytes(description[:2], "big")):
        end = description.find(0, position)
        if end < 0 or end + _FIXED >= len(description):
            return None
        table, number, kind, _, _, code = struct.unpack_from("!IhIhih", description, end + 1)
        found.append(_field(origin(table, number) if table else "", kind, binary=code == 1))
        position = end + 1 + _FIXED
    return found


def _field(origin: str, kind: int, *, binary: bool) -> Field:
    if kind in _SILENT:
        return Field(origin, None)
    if kind in _TEXTS:
        return Field(origin, as_it_came)
    spell = SPELLED.get(kind)
    if spell is not None:
        return Field(origin, spell if binary else as_it_came)
    if kind >= _FIRST_OF_USERS:  # enumerations and citext have no number of their own, nor have rows and arrays of them
        return Field(origin, as_it_came, doubtful=True)
    return Field(origin, as_it_came, opaque=binary or kind not in _ADDRESSES)


def integer(value: bytes) -> bytes:
    """An int2, int4, int8."""
    return b"%d" % int.from_bytes(value, "big", signed=True)


def unsigned(value: bytes) -> bytes:
    """An oid."""
    return b"%d" % int.from_bytes(value, "big")


def identifier(value: bytes) -> bytes:
    """A uuid; what has another length as it came."""
    return str(uuid.UUID(bytes=value)).encode() if len(value) == 16 else value


def day(value: bytes) -> bytes:
    """A date; what no calendar here has as it came."""
    ordinal = _DAY_ZERO + int.from_bytes(value, "big", signed=True)
    return dt.date.fromordinal(ordinal).isoformat().encode() if 0 < ordinal <= dt.date.max.toordinal() else value


def numeric(value: bytes) -> bytes:
    """A numeric: count of digits to the base 10,000, weight of the first, sign, decimals that are shown, digits. One that is too long to name anybody: as it came."""
    if len(value) < 8:
        return value
    count, weight, sign, scale = struct.unpack_from("!hhHh", value)
    if sign & _NUMERIC_SPECIAL == _NUMERIC_SPECIAL or len(value) != 8 + 2 * count:  # not a number, or infinite
        return value
    if abs(weight) * _BASE_DIGITS > LONGEST or scale > LONGEST:  # 8 bytes can stand for 100,000 digits
        return value
    groups = struct.unpack_from(f"!{count}h", value, 8)
    before = [groups[place] if place < count else 0 for place in range(weight + 1)]
    whole = "".join(f"{group:04}" for group in before).lstrip("0") or "0"
    behind = ["0000"] * max(0, -weight - 1) + [f"{group:04}" for group in groups[max(0, weight + 1) :]]
    decimals = "".join(behind)[:scale].ljust(scale, "0")
    return (("-" if sign == _NUMERIC_NEGATIVE else "") + whole + (f".{decimals}" if scale else "")).encode()


_SILENT: Final = frozenset((16, 700, 701, 790, 1083, 1114, 1184, 1186, 1266, 1560, 1562, 2278))
"""bool, floats, money, times, intervals, bits, void."""
_TEXTS: Final = frozenset((18, 19, 25, 705, 1042, 1043))
"""Types whose binary form is their text: "char", name, text, unknown, bpchar, varchar."""
_ADDRESSES: Final = frozenset((650, 774, 829, 869))
"""cidr, macaddr8, macaddr, inet."""
_FIRST_OF_USERS: Final = 16384  # FirstNormalObjectId
SPELLED: Final[dict[int, Callable[[bytes], bytes]]] = {
    20: integer, 21: integer, 23: integer, 26: unsigned, 1082: day, 1700: numeric, 2950: identifier,
}  # fmt: skip
"""How values in binary are spelled, of the types whose binary form is not their text, by OID."""
