"""What stands in the few messages of the server that are looked into: rows of our own, errors, descriptions.

Owns the reading of their payloads. Source: PostgreSQL manual, 55.7 (DataRow, RowDescription) and 55.8 (fields of errors).
May not do: I/O, decide, change anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from proxy.witness import Witness

_FIXED: Final = 18  # bytes of a field behind its name: 4 + 2 + 4 + 2 + 4 + 2


def hidden_origin(witness: Witness, description: bytes) -> str | None:
    """The first hidden column that the payload of a RowDescription names as an origin, or None; remembers what names none.

    A field is: name, table OID, attribute number, type OID, type length, type modifier, format. The server fills in table and
    attribute when a result column is a plain column, through subqueries, WITH items and joins; an expression has none, and
    COPY has no description. A payload that cannot be read is answered with words in place of a name: it must not pass.
    """
    if description in witness.passed:
        return None
    hidden = witness.hidden
    position = 2
    for _ in range(int.from_bytes(description[:2], "big")):
        end = description.find(0, position)
        if end < 0 or end + _FIXED >= len(description):
            return "a description that cannot be read"
        table = int.from_bytes(description[end + 1 : end + 5], "big")
        if table:
            number = int.from_bytes(description[end + 5 : end + 7], "big", signed=True)
            name = hidden.get((table, number))
            if name is not None:
                return name
        position = end + 1 + _FIXED
    if position != len(description):
        return "a description that cannot be read"
    witness.keep(description)
    return None


def columns(data: bytes, position: int) -> list[bytes | None]:
    """The columns of one DataRow whose payload begins at `position`."""
    count = int.from_bytes(data[position : position + 2], "big")
    position += 2
    columns: list[bytes | None] = []
    for _ in range(count):
        size = int.from_bytes(data[position : position + 4], "big", signed=True)
        position += 4
        if size < 0:
            columns.append(None)
        else:
            columns.append(data[position : position + size])
            position += size
    return columns


def sqlstate_of(data: bytes, position: int, stop: int) -> str:
    """The SQLSTATE of an ErrorResponse payload at [position, stop), or "" when it has none (55.8)."""
    stop = min(stop, len(data))
    while position < stop and data[position]:
        end = data.find(0, position, stop)
        if data[position] == ord("C"):
            return data[position + 1 : end].decode("ascii", "replace")
        if end < 0:
            break
        position = end + 1
    return ""
