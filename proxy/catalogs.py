"""What each database holds, as the gate needs it: the catalog snapshot and the labels of its columns.

Owns the snapshots, their renewal, and the binding of labels to columns, so that a rename does not shed one.
May not do: decide, know sessions.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from policies.model import ColumnName, Label
from rewriter.lineage import Inheritance
from rewriter.model import Catalog, Relation
from rewriter.world import families

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from policies.decide import PolicySet

log = logging.getLogger(__name__)

_CATCH_UP_SECONDS = 1.0
"""Between two readings that statements cause: each costs the database some milliseconds to seconds, and a caller can
name as many new tables as he likes."""

_LISTED = frozenset("rpvmfS")
"""The kinds of relations (pg_class.relkind) that a snapshot holds; nothing else can be selected from or written to."""


class CatalogUnavailable(Exception):  # noqa: N818  a state of the database, not a fault of ours
    """The catalog of a database cannot be read, so nothing can be ruled there; the text says why, for operators."""


@dataclass(slots=True, eq=False)
class Awaited:
    """What a table inherits that a statement makes. `before`: the OIDs of those of its name; `met`: it has been seen."""

    inheritance: Inheritance
    before: frozenset[int]
    met: bool = False


@dataclass(slots=True, eq=False)
class Known:
    """What is known of one database. `generation` grows whenever a caller's world may have changed.

    `stale`: DDL has run since `catalog` was read. `bindings` hold every label ever seen, by table OID and column
    number: a column keeps its label under a new name. `inherited` are those that a relation has had as a partition or
    child of a labelled one, by OID and column number: it keeps them when it is detached. `awaited`: by name, what tables that
    were not there yet inherit from the query that makes them. `readings` counts those begun, the last of them at `begun` on
    the clock of its Catalogs; `catalog` is as found by reading number `held`. `fingerprint` is that of the
    definitions when they were last looked at.
    """

    database: str
    catalog: Catalog
    labels: Mapping[ColumnName, Label] = field(default_factory=dict)
    generation: int = 0
    stale: bool = True
    bindings: dict[tuple[int, int], Label] = field(default_factory=dict)
    inherited: dict[tuple[int, int], Label] = field(default_factory=dict)
    awaited: dict[str, list[Awaited]] = field(default_factory=dict)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    readings: int = 0
    begun: float = -math.inf
    held: int = 0
    fingerprint: str = ""

    def lacks(self, relation: Relation) -> bool:
        """Whether the snapshot should hold `relation`, found just now, and does not, or under another name."""
        held = self.catalog.relations.get(relation.oid)
        if held is None:
            return relation.kind in _LISTED
        return (held.schema, held.name) != (relation.schema, relation.name)


class Catalogs:
    """The databases of one upstream. `read` fetches a snapshot of a database and gives it the revision it is told.

    `clock` gives seconds that only grow, `sleep` waits for some of them.
    """

    def __init__(
        self,
        policies: PolicySet,
        read: Callable[[str, int], Awaitable[Catalog]],
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._policies = policies
        self._read = read
        self._clock = clock
        self._sleep = sleep
        self._known: dict[str, Known] = {}
        self._revision = 0

    def known(self, database: str) -> Known:
        """What is known of `database`; `stale` until `refresh` has run."""
        known = self._known.get(database)
        if known is None:
            known = self._known[database] = Known(database, Catalog(database, 0, {}, {}))
            known.stale = self._policies.has_labels  # without a dictionary nothing has to be looked up
        return known

    def policies_changed(self, policies: PolicySet) -> None:
        """Label everything anew under new policies; every caller's world is decided again."""
        self._policies = policies
        for known in self._known.values():
            known.stale = known.stale or policies.has_labels
            self._label(known)  # now: the reading may find the same catalog, which labels nothing
            known.generation += 1

    def time_passed(self) -> None:
        """Let every caller's decision be made again at its next statement: conditions may name the time."""
        for known in self._known.values():
            known.generation += 1

    def makes(self, known: Known, inheritance: Inheritance) -> None:
        """A statement goes off that makes a table: what is new under its name inherits this, and nothing that is settled."""
        there = frozenset(r.oid for r in known.catalog.relations.values() if r.name == inheritance.name)
        earlier = [each for each in known.awaited.pop(inheritance.name, ()) if not each.met]
        if (inheritance.columns or inheritance.rest) and all(each.inheritance != inheritance for each in earlier):
            earlier.append(Awaited(inheritance, there))
        if earlier:
            known.awaited[inheritance.name] = earlier

    def changed(self, database: str) -> None:
        """DDL has run in `database`: the snapshot is read again before the next ruling that needs it."""
        if self._policies.has_labels:
            self.known(database).stale = True

    def in_use(self) -> list[str]:
        """The databases whose snapshot rulings rest on."""
        return [known.database for known in self._known.values() if known.held] if self._policies.has_labels else []

    def seen(self, database: str, fingerprint: str) -> None:
        """Definitions were looked at; unless they are those of last time, and all were read, the snapshot is read again."""
        known = self.known(database)
        if known.fingerprint != fingerprint or not known.catalog.whole:
            known.fingerprint = fingerprint
            known.stale = True

    async def refresh(self, known: Known, *, force: bool = False) -> None:
        """Read the snapshot again if it is stale. Raises CatalogUnavailable; then it stays stale."""
        async with known.lock:
            if known.stale or force:
                await self._renew(known)

    async def catch_up(self, known: Known) -> None:
        """Have a snapshot whose reading began after this call did. Raises CatalogUnavailable.

        Such readings begin at least a second apart, so this may wait; one reading serves all who wait. Whoever found a
        relation that the snapshot lacks before the call, and finds it lacking after, has found one that nobody else sees.
        """
        called = known.readings
        while known.held <= called:
            wait = known.begun + _CATCH_UP_SECONDS - self._clock()
            if wait > 0:
                await self._sleep(wait)
            async with known.lock:
                if known.held <= called and known.begun + _CATCH_UP_SECONDS <= self._clock():
                    await self._renew(known)

    async def _renew(self, known: Known) -> None:
        """Read the snapshot; the lock is held."""
        known.stale = False  # DDL that ends while we read makes it stale again
        known.begun = self._clock()
        known.readings += 1
        try:
            catalog = await self._read(known.database, self._revision + 1)
        except Exception as error:
            known.stale = True
            log.error("the catalog of database %r cannot be read: %s", known.database, error)  # noqa: TRY400
            raise CatalogUnavailable(str(error)) from error
        except BaseException:
            known.stale = True
            raise
        known.held = known.readings
        if dataclasses.replace(catalog, revision=known.catalog.revision) != known.catalog:
            self._revision += 1
            known.catalog = catalog
            self._label(known)
            known.generation += 1

    def labels_of(self, known: Known, relation: Relation) -> dict[ColumnName, Label]:
        """The labels of one relation's columns: by the dictionary, or bound to the column under an earlier name."""
        labels: dict[ColumnName, Label] = {}
        for column in relation.columns:
            label = self._policies.label(known.database, relation.schema, relation.name, column.name)
            label = label or known.bindings.get((relation.oid, column.number))
            label = label or _awaited(known, relation, column.name)
            if label is not None:
                known.bindings[relation.oid, column.number] = label
                labels[ColumnName(relation.schema, relation.name, column.name)] = label
        return labels

    def _label(self, known: Known) -> None:
        labels: dict[ColumnName, Label] = {}
        for relation in known.catalog.relations.values():
            labels |= self.labels_of(known, relation)
        known.labels = labels | _inherited(known, labels)


def _awaited(known: Known, relation: Relation, column: str) -> Label | None:
    """The label that a column inherits from the statement that has made its table."""
    for each in known.awaited.get(relation.name, ()):
        label = each.inheritance.columns.get(column, each.inheritance.rest)
        if relation.oid not in each.before and label is not None:
            each.met = each.met or relation.oid in known.catalog.relations
            return label
    return None


def _inherited(known: Known, labels: Mapping[ColumnName, Label]) -> dict[ColumnName, Label]:
    """Labels of columns that were a labelled relation's own partitions' or children's, and are so no longer.

    A member of a labelled family needs none, for `rewriter.world` treats families as one; what it shares is remembered.
    """
    catalog = known.catalog
    family = families(catalog)
    shared: dict[tuple[int, str], Label] = {}
    for column, label in labels.items():
        oid = catalog.names.get((column.schema, column.relation))
        if oid in family:
            shared[family[oid], column.column] = label
    left: dict[ColumnName, Label] = {}
    for oid in {*family, *(oid for oid, _ in known.inherited)} & catalog.relations.keys():
        relation = catalog.relations[oid]
        for each in relation.columns:
            place = oid, each.number
            found = shared.get((family.get(oid, oid), each.name))
            name = ColumnName(relation.schema, relation.name, each.name)
            if found is not None:
                known.inherited[place] = found
            elif place in known.inherited and name not in labels:
                left[name] = known.inherited[place]
    return left
