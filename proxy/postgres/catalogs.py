"""What each PostgreSQL database holds: its snapshot, and labels that stay with columns whatever becomes of them.

Owns the way from a snapshot to `labelling`, and the ledger's place in it. May not do: decide, know sessions.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from proxy.catalogs import Catalogs, Known
from proxy.postgres.labelling import Labelling, Told
from proxy.postgres.ledger import Ledger, LedgerUnavailable
from rewriter.postgres.catalog import Catalog, Relation

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from policies.decide import PolicySet
    from policies.model import ColumnName, Label
    from proxy.postgres.book import Asker
    from rewriter.postgres.lineage import Inheritance

log = logging.getLogger(__name__)

_LISTED = frozenset("rpvmfS")
"""The kinds of relations (pg_class.relkind) that a snapshot holds; nothing else can be selected from or written to."""


@dataclass(slots=True, eq=False)
class PostgresKnown(Known[Catalog]):
    """What is known of one database; its labels are found by `labelling`."""

    labelling: Labelling = field(kw_only=True)

    def lacks(self, relation: Relation) -> bool:
        """Whether the snapshot should hold `relation`, found just now, and does not, or under another name."""
        held = self.catalog.relations.get(relation.oid)
        if held is None:
            return relation.kind in _LISTED
        return (held.schema, held.name) != (relation.schema, relation.name)


class PostgresCatalogs(Catalogs[Catalog, PostgresKnown]):
    """The databases of one PostgreSQL server.

    `ledger` remembers labels, `told` is called for those that columns get by what happens to them.
    """

    def __init__(  # noqa: PLR0913  what it is told with, and the world around it
        self,
        policies: PolicySet,
        read: Callable[[str, int], Awaitable[Catalog]],
        *,
        ledger: Ledger | None = None,
        told: Told = lambda _database, _kept, _sources: None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        super().__init__(policies, read, clock=clock, sleep=sleep)
        self._ledger = Ledger() if ledger is None else ledger
        self._told = told

    def _new(self, database: str) -> PostgresKnown:
        labelling = Labelling(database, self._ledger, told=self._told)
        return PostgresKnown(database, Catalog(database, 0, {}, {}), labelling=labelling)

    def _label(self, known: PostgresKnown, earlier: Catalog) -> None:
        known.labels = known.labelling.label(known.catalog, earlier.relations, self._policies)

    def policies_changed(self, policies: PolicySet) -> None:
        """Label everything anew under new policies, by the ledger as it is now."""
        try:
            self._ledger.reread()
        except LedgerUnavailable as error:
            log.error("what was dropped from the ledger of labels is not dropped yet: %s", error)  # noqa: TRY400
        super().policies_changed(policies)

    def makes(self, known: PostgresKnown, inheritance: Inheritance, by: str, asker: Asker) -> None:
        """A statement of `by` goes off that makes a table, once `remember` has returned."""
        known.labelling.expect(inheritance, known.catalog, by, asker)

    @property
    def dirty(self) -> bool:
        """Whether there are labels that `remember` has to bring to the disk."""
        return self._ledger.dirty

    async def remember(self) -> None:
        """Bring to the disk what labels there are. Raises LedgerUnavailable."""
        if self._ledger.dirty:
            try:
                await asyncio.get_running_loop().run_in_executor(None, self._ledger.flush)
            except LedgerUnavailable as error:
                log.error("%s", error)  # noqa: TRY400  it has no trace worth reading
                raise

    def labels_of(self, known: PostgresKnown, relation: Relation) -> dict[ColumnName, Label]:
        """The labels of one relation's columns: by the dictionary, or bound to the column under an earlier name."""
        return known.labelling.labels_of(relation, known.catalog, self._policies)
