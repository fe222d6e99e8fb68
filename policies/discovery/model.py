"""The nouns of discovery: a column as the catalog tells it, and what is found about it.

Owns the values that travel between the scan, the recognition and the dictionary file. None of them holds a value of the database.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Kind = Literal[
    "text", "integer", "number", "date", "timestamp", "boolean", "binary", "json", "address", "point", "other"
]
"""What a column's type is for recognition; `address` is a network's, `point` a place's."""

FullName: TypeAlias = tuple[str, str, str, str]
"""Database, schema, table, column, as the catalog spells them; on MySQL and MariaDB the first two are equal."""


@dataclass(frozen=True, slots=True)
class ScannedColumn:
    """One column of the catalog. `type` is what a CREATE TABLE would say, `key` whether it is a primary or foreign key."""

    name: FullName
    type: str
    kind: Kind
    comment: str = ""
    key: bool = False


@dataclass(frozen=True, slots=True)
class ScannedTable:
    """One table with its columns in order. `sampled` how many rows were looked at; `unread` why none were, or empty."""

    database: str
    schema: str
    name: str
    comment: str
    columns: tuple[ScannedColumn, ...]
    sampled: int = 0
    unread: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is proposed for a column: `category` with `confidence` from 0 to 1, and why, without any value."""

    column: ScannedColumn
    category: str
    confidence: float
    evidence: tuple[str, ...] = field(default=())
