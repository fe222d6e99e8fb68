"""Which column of a MySQL or MariaDB server has which label: by the dictionary, or by what has become of columns that have one.

Tables have no number here that lasts, so labels go by names, and move with the statements that move the names. DDL commits by itself: a
statement's OK or error settles what it was expected to make. Owns what of this goes into the ledger and the audit. May not do: read a
catalog, decide, wait.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from policies.model import ColumnName, Label
from proxy.book import Asker, Expected, Kept, Naming, Told, database_of
from rewriter.mysql.catalog import Catalog, Table, column_name
from rewriter.mysql.holdings import joined
from rewriter.mysql.lineage import Inheritance, generated
from rewriter.mysql.names import fold, index_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from proxy.book import Book
    from proxy.ledger import Ledger
    from rewriter.model import Name

Outcome = Literal["done", "doubtful"]
"""What became of a statement: all of it happened, or some of it may have."""


@dataclass(slots=True, eq=False)
class _Pending:
    """What one table is to have once a statement has run, and what it had when that left.

    `serial` tells when it left, `after` how many readings of the catalog had begun when the statement ended; None as long as
    it runs.
    """

    inheritance: Inheritance
    expected: Expected
    kept: Mapping[str, Kept]
    asker: Asker
    serial: int
    sure: bool
    after: int | None = None


class Labelling:
    """The labels of one server's columns.

    `told` is called for each column that gets a label by what happens to it, not by its name, with the columns that it has
    it from. `book` is what the ledger calls these labels: of all databases, for a statement can name every one. `lasting`: what a column
    has been called counts before what it is called, for filters hold by both. `now` gives seconds since the epoch.
    """

    def __init__(
        self, ledger: Ledger, told: Told, now: Callable[[], float] = time.time, *, book: str = "", lasting: bool = False
    ) -> None:
        self._title = book
        self._lasting = lasting
        self._ledger = ledger
        self._told = told
        self._now = now
        self._pending: list[_Pending] = []
        self._serial = 0
        self._touched: dict[ColumnName, int] = {}  # when a label was kept, by the serials of statements

    def label(self, catalog: Catalog, policies: Naming, *, held: int) -> dict[ColumnName, Label]:
        """The labels of all columns of a snapshot, which is as found by reading number `held`."""
        self._adopt(catalog)
        for each in [each for each in self._pending if each.after is not None and each.after < held]:
            self._settle(each, catalog)
        self._look(catalog)
        labels = self._labels(catalog, policies)
        self._generated(catalog, labels)
        return labels

    @property
    def waits(self) -> bool:
        """Whether statements have ended that a reading of the catalog is to tell more of."""
        return any(each.after is not None for each in self._pending)

    def expect(self, inheritances: Iterable[Inheritance], catalog: Catalog, by: str, asker: Asker) -> bool:
        """A statement goes off: what it makes of tables is known, and on the disk once the ledger is flushed.

        True when that gives any table a label, or may take one away.
        """
        count = len(self._pending)
        self._serial += 1
        for each in inheritances:
            if not self._matters(each, catalog):
                continue
            schema, relation = each.name
            expected = Expected(relation, frozenset(), each.columns, each.rest, by, self._moment(), 0.0, schema=schema)
            before = self._had(each.name, catalog) | self._moved(each, catalog)
            self._pending.append(_Pending(each, expected, before, asker, self._serial, each.sure))
            self._ledger.expect(self._title, expected)
        return len(self._pending) > count

    def withdraw(self, asker: Asker) -> bool:
        """A statement does not go off after all, or has failed and done nothing. True when anything was expected of it."""
        expected = [each for each in self._pending if each.asker == asker]
        for each in expected:
            self._end(each)
        return bool(expected)

    def ended(self, asker: Asker, outcome: Outcome, begun: int) -> None:
        """A statement has ended in another way, when `begun` readings of the catalog had begun."""
        for each in [each for each in self._pending if each.asker == asker and each.after is None]:
            if each.inheritance.meanwhile and outcome == "done":
                self._end(each)
            each.after = begun
            each.sure = each.sure and outcome == "done" and not each.inheritance.meanwhile

    # -- what is expected ----------------------------------------------------------------------------------------

    @property
    def _book(self) -> Book:
        return self._ledger.book(self._title)

    @staticmethod
    def _table(kept: Kept, catalog: Catalog) -> Name:
        return fold(kept.column.schema, catalog), fold(kept.column.relation, catalog)

    def _matters(self, inheritance: Inheritance, catalog: Catalog) -> bool:
        """Whether it gives a label or takes one away."""
        if inheritance.temporary:
            return False
        if inheritance.rest is not None or any(inheritance.columns.values()):
            return True
        return bool(self._had(inheritance.name, catalog))

    def _had(self, name: Name, catalog: Catalog) -> dict[str, Kept]:
        """The labels that a table has, by its columns."""
        return {kept.column.column: kept for kept in self._book.kept.values() if self._table(kept, catalog) == name}

    def _moved(self, inheritance: Inheritance, catalog: Catalog) -> dict[str, Kept]:
        """Labels that come along from other names, by the columns' new ones."""
        found: dict[str, Kept] = {}
        for column, old in inheritance.moved.items():
            kept = self._had((old.schema, old.relation), catalog).get(old.column)
            if kept is not None:
                found[column] = kept
        return found

    def _adopt(self, catalog: Catalog) -> None:
        """What an earlier process has left unsettled may have happened."""
        mine = [each.expected for each in self._pending]
        for many in list(self._book.expected.values()):
            for expected in many:
                if expected not in mine:
                    name = fold(expected.schema, catalog), fold(expected.relation, catalog)
                    inheritance = Inheritance(name, expected.columns, expected.rest, sure=False)
                    self._pending.append(_Pending(inheritance, expected, {}, (0, 0), 0, sure=False, after=-1))

    def _end(self, pending: _Pending) -> None:
        self._pending.remove(pending)
        relation = pending.expected.relation
        left = list(self._book.expected.get(relation, ()))
        if pending.expected in left:
            left.remove(pending.expected)
        self._ledger.settle(self._title, relation, left)

    def _settle(self, pending: _Pending, catalog: Catalog) -> None:
        """A statement has ended, and the catalog was read after it: its labels are kept by the names of columns."""
        inheritance, expected = pending.inheritance, pending.expected
        table = index_of(catalog).tables.get(inheritance.name)
        names = [column.name.lower() for column in table.columns] if table is not None else list(inheritance.columns)
        schema, relation = (table.schema, table.name) if table is not None else (expected.schema, expected.relation)
        if pending.sure:
            self._clear(pending, catalog)
        computed = {column.name.lower() for column in table.columns if column.generated} if table is not None else set()
        for name in names:
            label = inheritance.columns.get(name, inheritance.rest)
            if label is None or name in computed:  # those follow what they are computed from
                continue
            place = ColumnName(schema, relation, name)
            self._give(place, label, pending, there=table is not None)
        self._end(pending)

    def _clear(self, pending: _Pending, catalog: Catalog) -> None:
        """Take away what a table had before, but for what has come since its statement left."""
        inheritance = pending.inheritance
        for kept in list(self._book.kept.values()):
            gone = inheritance.anew or kept.column.column in inheritance.columns
            earlier = self._touched.get(kept.column, 0) < pending.serial
            if self._table(kept, catalog) == inheritance.name and gone and earlier:
                self._ledger.drop(self._title, kept, "its table was made anew, or renamed")

    def _give(self, place: ColumnName, label: Label, pending: _Pending, *, there: bool) -> None:
        self._serial += 1
        self._touched[place] = self._serial
        present = self._book.kept.get(place)
        along = pending.kept.get(place.column)
        moved = pending.inheritance.moved.get(place.column)
        expected = pending.expected
        if along is not None and along.label == label and (present is None or present.label == label):
            self._ledger.keep(self._title, replace(along, column=place, state="there" if there else "gone"))
            return
        both = label if present is None else joined([label, present.label])
        why: Literal["copied", "renamed"] = (
            "renamed" if moved is not None and label.sources in {(), (moved,)} else "copied"
        )
        state: Literal["there", "gone"] = "there" if there else "gone"
        kept = Kept(0, 0, place, both, why, state, expected.by, expected.since)
        self._ledger.keep(self._title, kept)
        self._told(database_of(self._title), kept, (moved,) if why == "renamed" and moved is not None else both.sources)

    # -- all of them ---------------------------------------------------------------------------------------------

    def _look(self, catalog: Catalog) -> None:
        """Take down which of the labelled columns are there."""
        tables = index_of(catalog).tables
        for kept in list(self._book.kept.values()):
            table = tables.get(self._table(kept, catalog))
            there = table is not None and any(c.name.lower() == kept.column.column for c in table.columns)
            state: Literal["there", "gone"] = "there" if there else "gone"
            if kept.state != state:
                self._ledger.keep(self._title, replace(kept, state=state))

    def _labels(self, catalog: Catalog, policies: Naming) -> dict[ColumnName, Label]:
        """The labels by the dictionary, by the ledger, and of what is expected."""
        labels: dict[ColumnName, Label] = {}
        followed = {(self._table(kept, catalog), kept.column.column): kept for kept in self._book.kept.values()}
        awaited: dict[Name, list[Inheritance]] = {}
        for pending in self._pending:
            awaited.setdefault(pending.inheritance.name, []).append(pending.inheritance)
        for table in catalog.tables.values():
            name = fold(table.schema, catalog), fold(table.name, catalog)
            for column in table.columns:
                full = column_name(table, column.name)
                # what PostgreSQL calls database and schema is one thing here, and answers to both
                label = policies.label(full.schema, full.schema, full.relation, full.column)
                if label is None or self._lasting:
                    kept = followed.get((name, full.column))
                    own = None if kept is None or (kept.why == "generated" and column.expression) else kept.label
                    found = [own, *(each.columns.get(full.column, each.rest) for each in awaited.get(name, ()))]
                    label = joined(found) if any(found) else label
                if label is not None:
                    labels[full] = label
            for each in awaited.get(name, ()):  # the snapshot may be older than the columns
                for unseen, label in each.columns.items():
                    if label is not None:
                        labels.setdefault(ColumnName(table.schema, table.name, unseen), label)
        return labels

    def _generated(self, catalog: Catalog, labels: dict[ColumnName, Label]) -> None:
        """Add those of generated columns, which stay when the expression is dropped, until nothing is computed from what is new."""
        computing = [t for t in catalog.tables.values() if any(column.expression for column in t.columns)]
        found: set[ColumnName] = set()
        news = bool(computing)
        while news:
            news = False
            for table in computing:
                names = [column_name(table, column.name) for column in table.columns]
                own = {name.column: labels[name] for name in names if name in labels}
                for column, label in generated(table, own).items():
                    place = ColumnName(table.schema, table.name, column)
                    labels[place] = label
                    found.add(place)
                    news = True
                    self._compute(place, label)
        for kept in [each for each in self._book.kept.values() if each.why == "generated" and each.column not in found]:
            present = index_of(catalog).tables.get(self._table(kept, catalog))
            if present is not None and _expression(present, kept.column.column):
                self._ledger.drop(self._title, kept, "what it is computed from has no label")

    def _compute(self, place: ColumnName, label: Label) -> None:
        before = self._book.kept.get(place)
        if before is not None and before.why != "generated":
            return
        after = Kept(0, 0, place, label, "generated", since=self._moment() if before is None else before.since)
        if before is None:
            self._serial += 1
            self._touched[place] = self._serial
            self._told(database_of(self._title), after, label.sources)
        self._ledger.keep(self._title, after)

    def _moment(self) -> str:
        return dt.datetime.fromtimestamp(self._now(), dt.UTC).isoformat(timespec="seconds")


def _expression(table: Table, name: str) -> str:
    return next((column.expression for column in table.columns if column.name.lower() == name), "")
