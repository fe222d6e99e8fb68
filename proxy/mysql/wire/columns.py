"""What stands in the few packets of results that are looked into: rows of our own questions, where columns come from, what masks are.

Owns the reading of their payloads. Source: MySQL's developer documentation, "Text Resultset", column definitions. May not do:
I/O, decide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from proxy.mysql.wire.packets import lenenc_string, packet, read_lenenc_string

if TYPE_CHECKING:
    from proxy.mysql.wire.conversation import OriginWitness
    from proxy.plans import Described

_NULL: Final = 0xFB
_NOWHERE: Final = b"\x03def\0"
"""How a definition begins that names no schema: the catalog is always the same."""
_EXPRESSION: Final = _NOWHERE + b"\0\0"
"""And how, where it names no table and no original one either."""
_FIXED_SIZE: Final = 13
"""Bytes of the fields of fixed length that end a definition: how many follow (12), character set (2), the column's length in bytes (4), type and more."""
_AT_LENGTH: Final = 3
_UNREADABLE: Final = "a description that cannot be read"
_KNOWN_LIMIT: Final = 1024
"""Column definitions remembered for one world or plan, some 60 bytes each."""


def text_row(payload: bytes) -> list[bytes | None]:
    """The columns of a row in text. Raises ProtocolViolation."""
    columns: list[bytes | None] = []
    position = 0
    while position < len(payload):
        if payload[position] == _NULL:
            columns.append(None)
            position += 1
        else:
            value, position = read_lenenc_string(payload, position)
            columns.append(value)
    return columns


def hidden_origin(witness: OriginWitness, definition: bytes, *, utf8: bool) -> str:
    """The hidden column that a column definition names as its origin, "" when it names none. Raises ProtocolViolation.

    Its first fields are catalog, schema, table, original table, name, original name. The server fills in the original ones when
    a result column is a plain column, through subqueries that it merges; an expression has none. `utf8`: names are
    written in UTF-8; else what is not ASCII, or stands for what could not be written, is answered with words: it must not pass.
    """
    _, position = read_lenenc_string(definition, 0)
    schema, position = read_lenenc_string(definition, position)
    _, position = read_lenenc_string(definition, position)
    table, position = read_lenenc_string(definition, position)
    _, position = read_lenenc_string(definition, position)
    column, _ = read_lenenc_string(definition, position)
    if not table or not column:
        return ""
    names = schema + b"." + table + b"." + column
    if not utf8 and (not names.isascii() or b"?" in names):
        return _UNREADABLE
    try:
        found = (schema.decode(), table.decode(), column.decode())
    except UnicodeDecodeError:
        return _UNREADABLE
    return ".".join(found) if witness.forbids(*found) else ""


def _of_column(  # noqa: PLR0913, PLR0917  what a description says
    definition: bytes, called: bytes, table: bytes, column: bytes, characters: int, length: int
) -> bytes:
    """The definition of an expression as that of a column of a table, `called` so; any other as it is. Raises ProtocolViolation.

    The schema stays empty, so that no client takes it for one that could be written back. What the server takes to have so many
    `characters` has the column's `length`.
    """
    if not definition.startswith(_EXPRESSION):
        return definition
    name, end = read_lenenc_string(definition, len(_EXPRESSION))
    if definition[end : end + 1] != b"\0":
        return definition
    names = b"".join(lenenc_string(each) for each in (called, table, name, column))
    rest = definition[end + 1 :]
    fixed = len(rest) - _FIXED_SIZE  # 1 behind MariaDB's extended metadata, which is empty for a text
    if characters and fixed in {0, 1} and rest[fixed] == _FIXED_SIZE - 1:
        at = fixed + _AT_LENGTH
        bytes_each, uneven = divmod(int.from_bytes(rest[at : at + 4], "little"), characters)
        if bytes_each and not uneven:
            rest = rest[:at] + (bytes_each * length).to_bytes(4, "little") + rest[at + 4 :]
    return _NOWHERE + names + rest


class Origins:
    """Looks for hidden origins, and remembers the definitions that name none, as long as they are read in the same way."""

    def __init__(self) -> None:
        self._clean: set[bytes] = set()
        self._witness: OriginWitness | None = None  # that says so
        self._utf8 = False

    def hidden(self, witness: OriginWitness, definition: bytes, *, utf8: bool) -> str:
        """As `hidden_origin`. Raises ProtocolViolation."""
        if witness is not self._witness or utf8 is not self._utf8:
            self._witness, self._utf8 = witness, utf8
            self._clean.clear()
        elif definition in self._clean:
            return ""
        found = hidden_origin(witness, definition, utf8=utf8)
        if not found:
            if len(self._clean) >= _KNOWN_LIMIT:
                self._clean.clear()
            self._clean.add(definition)
        return found


class Masks:
    """Has definitions of masks say which columns these are to the client, and remembers them as long as the same plan's are asked for."""

    def __init__(self) -> None:
        self._masked: tuple[Described | None, ...] = ()  # whose definitions are known
        self._known: dict[tuple[int, int, bytes], bytes] = {}

    def told(self, masked: tuple[Described | None, ...], left: int, sequence: int, definition: bytes) -> bytes:
        """The packet for the client of the column with which `left` are still to come, by what its plan says of each.

        b"" when it is the server's own. A definition that names an original column is never changed.
        """
        if masked is not self._masked or len(self._known) >= _KNOWN_LIMIT:
            self._masked = masked
            self._known.clear()
        place = (left, sequence, definition)
        known = self._known.get(place)
        if known is None:
            column = masked[-left]
            shown = definition if column is None else _of_column(definition, *column)
            known = self._known[place] = b"" if shown == definition else packet(sequence, shown)
        return known
