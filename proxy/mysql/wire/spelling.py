"""How the values of an answer read: what a column definition says of its type and origin, and rows in text or in binary as a text would have them.

Owns which types can say who somebody is. Source: MySQL's developer documentation, "Column Definition", "Binary Protocol Resultset Row",
"Binary Protocol Value". May not do: I/O, keep a value.
"""

from __future__ import annotations

import struct
from typing import Final

from proxy.mysql.wire.columns import text_row
from proxy.mysql.wire.packets import ProtocolViolation, read_fixed, read_lenenc_string
from proxy.shown import Field, Shown, as_it_came

_UNSIGNED: Final = 0x20  # a flag of a column
_BINARY: Final = 63  # the character set of what is no text
_SIZES: Final = {1: 1, 2: 2, 3: 4, 4: 4, 5: 8, 8: 8, 9: 4, 13: 2}
"""Bytes of a value by its type: TINY, SHORT, LONG, FLOAT, DOUBLE, LONGLONG, INT24, YEAR."""
_WHOLE: Final = frozenset((1, 2, 3, 8, 9, 13))
_DATES: Final = frozenset((10, 14))
_SILENT: Final = frozenset((4, 5, 6, 7, 11, 12, 16, 17, 18, 19))
"""FLOAT, DOUBLE, NULL, times, BIT."""
_DECIMALS: Final = frozenset((0, 246))
_TEXTS: Final = frozenset((15, 247, 248, 249, 250, 251, 252, 253, 254))
"""VARCHAR, ENUM, SET, TINYTEXT to LONGTEXT, VAR_STRING, STRING."""


def described(definition: bytes) -> tuple[Field, int, bool]:
    """A column, the number of its type, and whether it is unsigned. Raises ProtocolViolation."""
    names: list[bytes] = []
    position = 0
    for _ in range(6):  # catalog, schema, table, original table, name, original name
        name, position = read_lenenc_string(definition, position)
        names.append(name)
    rest, position = read_lenenc_string(definition, position)
    if len(rest) != 12:  # MariaDB tells of a type of its own first: json, or one that is not of the server
        rest, position = read_lenenc_string(definition, position)
    if len(rest) < 10:
        raise ProtocolViolation("a malformed column definition")
    charset, _, kind, flags = struct.unpack_from("<HIBH", rest)
    origin = b".".join((names[1], names[3], names[5])).decode("utf-8", "replace") if names[3] and names[5] else ""
    return _field(origin, kind, charset), kind, bool(flags & _UNSIGNED)


def _field(origin: str, kind: int, charset: int) -> Field:
    if kind in _SILENT:
        return Field(origin, None)
    if kind in _WHOLE or kind in _DECIMALS or kind in _DATES:
        return Field(origin, as_it_came)
    if kind in _TEXTS and charset != _BINARY:
        return Field(origin, as_it_came, doubtful=True)  # JSON is text to MariaDB
    return Field(origin, None, opaque=True)


def tell(shown: Shown, columns: list[tuple[Field, int, bool]], *, binary: bool) -> None:
    """Say what the rows are that follow."""
    shown.fields = [field for field, _, _ in columns]
    shown.kinds = [(kind, unsigned) for _, kind, unsigned in columns] if binary else None


def take(shown: Shown, payload: bytes, kinds: list[tuple[int, bool]] | None) -> None:
    """Tell what a row holds: in text, or in binary when the types of its columns are given."""
    try:
        shown.row(text_row(payload) if kinds is None else binary_row(payload, kinds))
    except (ProtocolViolation, IndexError, struct.error):
        shown.missed()


def binary_row(payload: bytes, kinds: list[tuple[int, bool]]) -> list[bytes | None]:
    """The columns of a row in binary, numbers and dates as text has them. Raises ProtocolViolation and IndexError."""
    nulls, position = read_fixed(payload, 1, (len(kinds) + 9) // 8)
    found: list[bytes | None] = []
    for number, (kind, unsigned) in enumerate(kinds, 2):
        if nulls[number // 8] >> number % 8 & 1 or kind == 6:
            found.append(None)
            continue
        size = _SIZES.get(kind)
        if size is None:
            value, position = read_lenenc_string(payload, position)
            found.append(_date(value) if kind in _DATES else value)
        else:
            value, position = read_fixed(payload, position, size)
            whole = kind in _WHOLE
            found.append(b"%d" % int.from_bytes(value, "little", signed=not unsigned) if whole else value)
    return found


def _date(value: bytes) -> bytes:
    """A date: year, month, day; nothing at all is the date of zeros."""
    year, month, day = struct.unpack("<HBB", value[:4].ljust(4, b"\0"))
    return b"%04d-%02d-%02d" % (year, month, day)
