"""What is assigned to a column whose hidden value must survive: the old value when the new one is what the caller sees.

Any other value is an error: the servers count the rows that really change, so that storing one would tell whether it is the hidden value.
Owns the SQL around the client's expression, which stays in the text; a `?` stands for it. May not do: decide which columns are
treated so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rewriter.mysql.catalog import Column

_TEXTS = frozenset({"char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set", "json"})
_TOO_MUCH = 999  # no double holds e to this power


def kept(column: Column, old: str, shown: str) -> str:
    """Give the assigned value: `old`, the column itself, when the new one equals `shown`, what the caller sees; else an error.

    The error is 1690 (ER_DATA_OUT_OF_RANGE), which no sql_mode makes a warning. It is computed from the column, for what is constant
    may be computed before any row.
    """
    return f"(CASE WHEN {_same(column, shown)} THEN {old} WHEN EXP({_TOO_MUCH} + ISNULL({old})) IS NULL THEN {old} END)"


def _same(column: Column, shown: str) -> str:
    """Whether the new value is the one that is shown, NULLs included; text by its bytes, for a collation finds more alike."""
    if column.base_type not in _TEXTS:
        return f"(?) <=> {shown}"
    return f"{_bytes('?')} <=> {_bytes(shown)}"


def _bytes(value: str) -> str:
    return f"CAST(CONVERT({value} USING utf8mb4) AS BINARY)"
