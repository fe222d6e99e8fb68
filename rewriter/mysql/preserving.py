"""What is assigned to a column whose hidden value must survive: the old value when the new one is what the caller sees.

Owns the SQL around the client's expression, which stays in the text; a `?` stands for it. May not do: decide which columns are
treated so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rewriter.mysql.catalog import Column

_TEXTS = frozenset({"char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set", "json"})
_OWN = "`louver_new`"


def twice(column: Column, old: str, shown: str) -> str:
    """Give the assigned value for an expression that may be computed twice."""
    return f"IF({_same(column, '?', shown)}, {old}, ?)"


def once(column: Column, old: str, shown: str) -> str:
    """Give the assigned value for an expression that is computed once, and names no column of the table."""
    value = f"{_OWN}.`v`"
    return f"(SELECT IF({_same(column, value, shown)}, {old}, {value}) FROM (SELECT ? AS `v`) AS {_OWN})"  # noqa: S608  our own text, and proved after the edit


def _same(column: Column, one: str, other: str) -> str:
    """Whether two values are equal, NULLs included; text by its bytes, for a collation finds more alike."""
    if column.base_type not in _TEXTS:
        return f"({one}) <=> {other}"
    return f"{_bytes(one)} <=> {_bytes(other)}"


def _bytes(value: str) -> str:
    return f"CAST(CONVERT({value} USING utf8mb4) AS BINARY)"
