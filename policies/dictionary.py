"""The data dictionary: which columns are sensitive, of which category, at which level.

Owns the search for a column's label. When several entries match a column, the highest level wins, and of equals the
first of the file: a broad entry can never lower what a narrow one protects.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from policies.model import Label
from policies.patterns import NamePattern

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class DictionaryEntry:
    """One line of the dictionary."""

    database: NamePattern
    schema: NamePattern
    relation: NamePattern
    column: NamePattern
    label: Label

    def matches(self, database: str, schema: str, relation: str, column: str) -> bool:
        """Tell whether the entry means this column."""
        return (
            self.column.matches(column)
            and self.relation.matches(relation)
            and self.schema.matches(schema)
            and self.database.matches(database)
        )


class Dictionary:
    """All entries, found by column name. Immutable."""

    __slots__ = ("_by_column", "_by_glob", "entries")

    def __init__(self, entries: Iterable[DictionaryEntry]) -> None:
        # sorted once, so that the first match is the answer; the sort keeps the file's order among equals
        self.entries = tuple(sorted(entries, key=lambda entry: -entry.label.level))
        self._by_column: dict[str, list[tuple[int, DictionaryEntry]]] = {}
        self._by_glob: list[tuple[int, DictionaryEntry]] = []
        for rank, entry in enumerate(self.entries):
            exact = entry.column.exact
            (self._by_glob if exact is None else self._by_column.setdefault(exact, [])).append((rank, entry))

    def label(self, database: str, schema: str, relation: str, column: str) -> Label | None:
        """Give the label of a column, or None when no entry matches."""
        found: tuple[int, DictionaryEntry] | None = None
        for candidates in (self._by_column.get(column, ()), self._by_glob):
            for rank, entry in candidates:
                if found is not None and rank > found[0]:
                    break
                if entry.matches(database, schema, relation, column):
                    found = (rank, entry)
                    break
        return found[1].label if found else None

    @property
    def categories(self) -> frozenset[str]:
        """Every category that occurs."""
        return frozenset(entry.label.category for entry in self.entries)
