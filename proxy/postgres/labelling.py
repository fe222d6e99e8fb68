"""Which column has which label: by the dictionary, or by what has become of the columns that it names.

Owns how labels stay with columns that are renamed, detached, copied, restored under other OIDs, and what of this goes into
the ledger and the audit. May not do: read a catalog, decide, wait.
"""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from policies.model import ColumnName, Label
from proxy.book import Asker, Book, Expected, Kept, Naming, State, Told, database_of
from rewriter.postgres.lineage import generated
from rewriter.postgres.world import families

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from proxy.ledger import Ledger
    from rewriter.postgres.catalog import Catalog, Column, Relation
    from rewriter.postgres.lineage import Inheritance

_EXPECTED_SECONDS: Final = 86_400.0
"""How long a statement may take to make the table that it was sent for, its transaction included; what was seen in a
transaction is waited for as long."""

_CLEAN_SECONDS: Final = 600.0
"""The same for one that inherits nothing: what comes back from a dump later has its labels again."""

_LASTING: Final = frozenset({"renamed", "detached", "copied"})
"""Why a column has a label that its name would not give it again."""


class Labelling:
    """The labels of one database's columns.

    `lasting`: what a column has been called counts before what it is called, for filters hold by both. `told` is called for each column that gets a label by what happens to it, not by its name, with the columns that it has
    it from. `now` gives seconds since the epoch.
    """

    def __init__(
        self,
        database: str,
        ledger: Ledger,
        *,
        lasting: bool = False,
        told: Told = lambda _database, _kept, _sources: None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._lasting = lasting
        self._told = told
        self._now = now

    def label(self, catalog: Catalog, earlier: Collection[int], policies: Naming) -> dict[ColumnName, Label]:
        """The labels of all columns of a snapshot, which has just been read; `earlier` are the OIDs of the last one."""
        labels: dict[ColumnName, Label] = {}
        self._miss(catalog, earlier)
        for relation in catalog.relations.values():
            labels |= self._labels(relation, catalog, policies, there=relation.oid in earlier)
        self._generated(catalog, labels)
        labels |= self._left(catalog, labels)
        self._settle(catalog)
        return labels

    def labels_of(self, relation: Relation, catalog: Catalog, policies: Naming) -> dict[ColumnName, Label]:
        """The labels of one relation's columns; it may be one that the snapshot does not hold yet, or holds otherwise."""
        labels = self._labels(relation, catalog, policies, there=relation.oid in catalog.relations)
        own = {name.column: label for name, label in labels.items()}
        for parent in relation.parents:
            if parent in catalog.relations:
                above = self.labels_of(catalog.relations[parent], catalog, policies)
                own = {name.column: label for name, label in above.items()} | own
        made = generated(relation, own)
        return labels | {ColumnName(relation.schema, relation.name, name): label for name, label in made.items()}

    def _labels(
        self, relation: Relation, catalog: Catalog, policies: Naming, *, there: bool
    ) -> dict[ColumnName, Label]:
        """The same; `there`: the relation was there before, so that it is none that was made, or came back from a dump."""
        labels: dict[ColumnName, Label] = {}
        made = [] if there else self._made(relation)
        seen = relation.oid in catalog.relations
        for column in relation.columns:
            name = ColumnName(relation.schema, relation.name, column.name)
            label = policies.label(self._database, relation.schema, relation.name, column.name)
            moved = self._moved(relation, column, name) if self._lasting and label is not None else False
            earlier = self._followed(relation, column, name, policies, seen=seen) if moved else None
            if earlier is not None:
                label = earlier
            elif label is not None:
                self._named(relation, column, name, label, seen=seen)
            else:
                label = (
                    self._followed(relation, column, name, policies, seen=seen)
                    or self._copied(relation, column, name, made, seen=seen)
                    or (None if made or there else self._restored(relation, column, name, catalog, seen=seen))
                )
            if label is not None:
                labels[name] = label
        return labels

    def expect(self, inheritance: Inheritance, catalog: Catalog, by: str, asker: Asker) -> None:
        """A statement goes off that makes a table: what is new under its name inherits this, and nothing that is settled."""
        name = inheritance.name
        before = self._book.expected.get(name, [])
        there = frozenset(r.oid for r in catalog.relations.values() if r.name == name)
        now = self._now()
        same = (inheritance.columns, inheritance.rest)
        # what is expected already stays as it is, for a statement is ruled again until nothing new is expected of it
        left = [
            each for each in before if each.until > now and (each.lasts or (not each.labels and each.besides == there))
        ]
        alike = [each for each in left if (each.columns, each.rest, each.by, each.besides) == (*same, by, there)]
        for each in alike:
            each.askers.add(asker)
        if not alike:
            seconds = _EXPECTED_SECONDS if inheritance.columns or inheritance.rest else _CLEAN_SECONDS
            left.append(Expected(name, there, *same, by, self._moment(), now + seconds, askers={asker}))
        self._ledger.settle(self._database, name, left)

    def undone(self, session: int, executions: range) -> None:
        """Some executions of a session have failed or were rolled back: what is expected for them alone is no more."""
        for name, expected in list(self._book.expected.items()):
            left = [e for e in expected if any(who != session or which not in executions for who, which in e.askers)]
            self._ledger.settle(self._database, name, left)

    # -- one column ----------------------------------------------------------------------------------------------

    @property
    def _book(self) -> Book:
        return self._ledger.book(self._database)

    def _keep(self, kept: Kept) -> None:
        self._ledger.keep(self._database, kept)

    def _tell(self, kept: Kept, sources: tuple[ColumnName, ...]) -> None:
        self._ledger.keep(self._database, kept)
        self._told(database_of(self._database), kept, sources)

    def _named(self, relation: Relation, column: Column, name: ColumnName, label: Label, *, seen: bool) -> None:
        """The dictionary names a column: remembered, for it may be renamed."""
        kept = self._book.kept.get((relation.oid, column.number))
        if kept is None or kept.why not in {"copied", "detached"}:
            since = kept.since if kept is not None else "" if seen else self._moment()
            state = _state(seen=seen, kept=kept)
            self._keep(Kept(relation.oid, column.number, name, label, "named", state, since=since))

    def _moved(self, relation: Relation, column: Column, name: ColumnName) -> bool:
        """Whether a column has been called otherwise, or belonged to another table."""
        kept = self._book.kept.get((relation.oid, column.number))
        return kept is not None and (
            kept.why in {"renamed", "detached"} or (kept.why == "named" and kept.column != name)
        )

    def _followed(
        self, relation: Relation, column: Column, name: ColumnName, policies: Naming, *, seen: bool
    ) -> Label | None:
        """The label that a column has had already, under this name or another."""
        kept = self._book.kept.get((relation.oid, column.number))
        if kept is None or kept.why == "shared" or (kept.why == "generated" and column.generated):
            return None
        state = _state(seen=seen, kept=kept)
        if kept.why != "named":
            self._keep(replace(kept, column=name, state=state))
            return kept.label
        old = kept.column
        label = policies.label(self._database, old.schema, old.relation, old.column)
        if name == old or label is None:
            self._ledger.drop(self._database, kept, "the dictionary names it no more")
            return None
        self._tell(Kept(kept.oid, kept.number, name, label, "renamed", state, since=self._moment()), (old,))
        return label

    def _made(self, relation: Relation) -> list[Expected]:
        """The statements that can have made a relation."""
        return [each for each in self._book.expected.get(relation.name, ()) if relation.oid not in each.besides]

    def _copied(
        self, relation: Relation, column: Column, name: ColumnName, made: Iterable[Expected], *, seen: bool
    ) -> Label | None:
        """The label that a column inherits from the statement that has made its table."""
        for each in made:
            label = each.columns.get(column.name, each.rest)
            if label is not None:
                state = _state(seen=seen, kept=None)
                kept = Kept(relation.oid, column.number, name, label, "copied", state, each.by, each.since)
                self._tell(kept, label.sources)
                return label
        return None

    def _restored(
        self, relation: Relation, column: Column, name: ColumnName, catalog: Catalog, *, seen: bool
    ) -> Label | None:
        """The label of a column whose table has gone and come back with another OID, made elsewhere: from a dump, surely."""
        for kept in self._book.named(name):
            if kept.why in _LASTING and kept.state != "open" and kept.oid not in catalog.relations:
                self._ledger.drop(self._database, kept, "its table has another OID")
                back = replace(kept, oid=relation.oid, number=column.number, state=_state(seen=seen, kept=None))
                self._keep(back)
                return kept.label
        return None

    # -- all of them ---------------------------------------------------------------------------------------------

    def _miss(self, catalog: Catalog, earlier: Collection[int]) -> None:
        """Take down which tables are gone; of those the dictionary's own labels are found again by their names."""
        now = self._now()
        for kept in list(self._book.kept.values()):
            if kept.oid in catalog.relations:
                continue
            if kept.state == "open":
                if not kept.since or _seconds(kept.since) + _EXPECTED_SECONDS < now:
                    self._ledger.drop(self._database, kept, "its transaction has not been committed")
            elif catalog.names.get((kept.column.schema, kept.column.relation)) in earlier:
                self._ledger.drop(self._database, kept, "another table has its name")
            elif kept.why in {"named", "shared"}:
                self._ledger.drop(self._database, kept, "its table is gone")
            elif kept.state == "there":
                self._keep(replace(kept, state="gone"))

    def _generated(self, catalog: Catalog, labels: dict[ColumnName, Label]) -> None:
        """Add those of generated columns, which stay when the expression is dropped, until nothing is computed from what is new."""
        family = families(catalog)
        relations = [r for r in catalog.relations.values() if any(column.generated for column in r.columns)]
        news = bool(relations)
        while news:
            news = False
            shared = _shared(catalog, family, labels)
            for relation in relations:
                behind = shared.get(family.get(relation.oid, relation.oid), {})
                own = {c.name: ColumnName(relation.schema, relation.name, c.name) for c in relation.columns}
                here = behind | {name: labels[full] for name, full in own.items() if full in labels}
                made = generated(relation, {name: label for name, label in here.items() if name in own})
                for column in relation.columns:
                    label, place = made.get(column.name), (relation.oid, column.number)
                    if label is not None:
                        labels[own[column.name]] = label
                        news = True
                        self._computed(place, own[column.name], label)
        for kept in [
            kept for kept in self._book.kept.values() if kept.why == "generated" and kept.column not in labels
        ]:
            if kept.oid in catalog.relations:
                self._ledger.drop(self._database, kept, "what it is computed from has no label")

    def _computed(self, place: tuple[int, int], name: ColumnName, label: Label) -> None:
        before = self._book.kept.get(place)
        if before is None or before.why == "generated":
            after = Kept(*place, name, label, "generated", since=self._moment() if before is None else before.since)
            if before is None:
                self._tell(after, label.sources)
            else:
                self._keep(after)

    def _left(self, catalog: Catalog, labels: Mapping[ColumnName, Label]) -> dict[ColumnName, Label]:
        """Labels of columns that were a labelled relation's own partitions' or children's, and are so no longer.

        A member of a labelled family needs none, for `rewriter.postgres.world` treats families as one; what it shares is remembered.
        """
        family = families(catalog)
        shared = _shared(catalog, family, labels)
        kept = self._book.kept
        left: dict[ColumnName, Label] = {}
        earlier = {each.oid for each in kept.values() if each.why == "shared"}
        for oid in sorted({*family, *earlier} & catalog.relations.keys()):
            relation = catalog.relations[oid]
            for each in relation.columns:
                place = oid, each.number
                name = ColumnName(relation.schema, relation.name, each.name)
                if name in labels:
                    continue
                found = shared.get(family.get(oid, oid), {}).get(each.name)
                before = kept.get(place)
                if found is not None:
                    self._keep(Kept(*place, name, found, "shared"))
                elif before is not None and before.why == "shared":
                    left[name] = before.label
                    self._tell(Kept(*place, name, before.label, "detached", since=self._moment()), (before.column,))
        return left

    def _settle(self, catalog: Catalog) -> None:
        """End what has happened, or will not happen any more."""
        now = self._now()
        for name, expected in list(self._book.expected.items()):
            left = []
            for each in expected:
                found = self._found(each, catalog)
                self._forget_gone(found)
                if each.until > now and (each.labels or not found):
                    besides = each.besides | {relation.oid for relation in found}  # another of its name may follow
                    left.append(replace(each, besides=besides, met=each.met or bool(found)))
            self._ledger.settle(self._database, name, left)

    def _forget_gone(self, made: list[Relation]) -> None:
        """Tables have been made by statements that are known: they have nothing of earlier ones of their names."""
        names = {(relation.schema, relation.name) for relation in made}
        for kept in list(self._book.kept.values()) if names else ():
            if kept.state == "gone" and (kept.column.schema, kept.column.relation) in names:
                self._ledger.drop(self._database, kept, "a new table has its name")

    @staticmethod
    def _found(expected: Expected, catalog: Catalog) -> list[Relation]:
        """The tables that everybody sees and that can be the one expected."""
        relations = catalog.relations.values()
        return [r for r in relations if r.name == expected.relation and r.oid not in expected.besides]

    def _moment(self) -> str:
        return dt.datetime.fromtimestamp(self._now(), dt.UTC).isoformat(timespec="seconds")


def _shared(
    catalog: Catalog, family: Mapping[int, int], labels: Mapping[ColumnName, Label]
) -> dict[int, dict[str, Label]]:
    """The labels of each family of parents, partitions and children, by the member that stands for it and by column."""
    shared: dict[int, dict[str, Label]] = {}
    for column, label in labels.items():
        oid = catalog.names.get((column.schema, column.relation))
        if oid is not None and oid in family:
            shared.setdefault(family[oid], {})[column.column] = label
    return shared


def _state(*, seen: bool, kept: Kept | None) -> State:
    return "there" if seen or (kept is not None and kept.state != "open") else "open"


def _seconds(moment: str) -> float:
    return dt.datetime.fromisoformat(moment).timestamp()
