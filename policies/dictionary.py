"""The data dictionary: which columns are sensitive, of which category, at which level, and whether a person has said so.

Owns the search for a column's label. When several entries match a column, the highest level wins, and of equals the
first of the file: a broad entry can never lower what a narrow one protects. What nobody has reviewed is a setting.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from policies.model import Label
from policies.patterns import NamePattern

if TYPE_CHECKING:
    from collections.abc import Iterable

State = Literal["proposed", "accepted", "rejected"]
"""What a person has said of an entry: nothing yet, that it is right, or that its column is not sensitive after all."""

Unreviewed = Literal["show", "mask", "mask_all"]
"""What becomes of columns that nobody has reviewed.

show: nothing. mask: an entry that is only proposed labels its column like an accepted one. mask_all: in addition every
column that no entry labels and nobody has called harmless has the label `UNREVIEWED`.
"""

UNREVIEWED: Final = Label("unreviewed", 5)
"""The label of a column about which nothing is known: nothing is safe to assume, so it has the highest level."""


@dataclass(frozen=True, slots=True)
class DictionaryEntry:
    """One line of the dictionary. `label` None: it says that the column holds nothing sensitive."""

    database: NamePattern
    schema: NamePattern
    relation: NamePattern
    column: NamePattern
    label: Label | None
    state: State = "accepted"

    def matches(self, database: str, schema: str, relation: str, column: str) -> bool:
        """Tell whether the entry means this column."""
        return (
            self.column.matches(column)
            and self.relation.matches(relation)
            and self.schema.matches(schema)
            and self.database.matches(database)
        )

    @property
    def harmless(self) -> bool:
        """True when a person has said that the column is not sensitive."""
        return self.state == "rejected" or (self.state == "accepted" and self.label is None)


class EntryIndex:
    """Entries in the order of their rank, the first match of a column found by the column's name. Immutable."""

    __slots__ = ("_by_column", "_by_glob", "entries")

    def __init__(self, entries: Iterable[DictionaryEntry]) -> None:
        self.entries = tuple(entries)
        self._by_column: dict[str, list[tuple[int, DictionaryEntry]]] = {}
        self._by_glob: list[tuple[int, DictionaryEntry]] = []
        for rank, entry in enumerate(self.entries):
            exact = entry.column.exact
            (self._by_glob if exact is None else self._by_column.setdefault(exact, [])).append((rank, entry))

    def first(self, database: str, schema: str, relation: str, column: str) -> DictionaryEntry | None:
        """Give the first entry that means a column, or None."""
        found: tuple[int, DictionaryEntry] | None = None
        for candidates in (self._by_column.get(column, ()), self._by_glob):
            for rank, entry in candidates:
                if found is not None and rank > found[0]:
                    break
                if entry.matches(database, schema, relation, column):
                    found = (rank, entry)
                    break
        return found[1] if found else None


class Dictionary:
    """All entries, found by column name. Immutable. `entries` are those that label their columns, `every` is in the file's order."""

    __slots__ = ("_categories", "_harmless", "_labelling", "entries", "every", "masks_all")

    def __init__(self, entries: Iterable[DictionaryEntry], unreviewed: Unreviewed = "mask") -> None:
        entries = self.every = tuple(entries)
        states = {"accepted"} if unreviewed == "show" else {"accepted", "proposed"}
        labelling = [entry for entry in entries if entry.label is not None and entry.state in states]
        # sorted once, so that the first match is the answer; the sort keeps the file's order among equals
        labelling.sort(key=lambda entry: -entry.label.level if entry.label else 0)
        self._labelling = EntryIndex(labelling)
        self._harmless = EntryIndex(entry for entry in entries if entry.harmless)
        self.entries = self._labelling.entries
        self.masks_all = unreviewed == "mask_all"
        occurring = {entry.label.category for entry in entries if entry.label is not None}
        self._categories = frozenset(occurring | {UNREVIEWED.category} if self.masks_all else occurring)

    def label(self, database: str, schema: str, relation: str, column: str) -> Label | None:
        """Give the label of a column, or None when it is not sensitive."""
        found = self._labelling.first(database, schema, relation, column)
        if found is not None:
            return found.label
        if self.masks_all and self._harmless.first(database, schema, relation, column) is None:
            return UNREVIEWED
        return None

    def entry(self, database: str, schema: str, relation: str, column: str) -> DictionaryEntry | None:
        """Give the entry that labels a column, or says that it is harmless; None when it stands nowhere."""
        name = (database, schema, relation, column)
        return self._labelling.first(*name) or self._harmless.first(*name)

    @property
    def labels_any(self) -> bool:
        """True when there can be a labelled column at all."""
        return self.masks_all or bool(self.entries)

    @property
    def categories(self) -> frozenset[str]:
        """Every category that occurs, whether or not its entries label anything yet."""
        return self._categories
