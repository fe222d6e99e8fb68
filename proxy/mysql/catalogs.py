"""What a MySQL or MariaDB server holds: one snapshot for all its schemas, and labels that follow what becomes of their columns.

Owns the way from a snapshot to `labelling`. May not do: decide, know sessions.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from proxy.catalogs import Catalogs, Known
from proxy.mysql.labelling import Labelling
from rewriter.mysql.catalog import Catalog

if TYPE_CHECKING:
    from collections.abc import Iterable

    from proxy.book import Asker
    from proxy.mysql.labelling import Outcome
    from rewriter.mysql.lineage import Inheritance

SERVER = ""
"""What the one snapshot is known as: a statement can name every schema of the server, whichever it came to."""


@dataclass(slots=True, eq=False)
class MySQLKnown(Known[Catalog]):
    """What is known of the server; its labels are found by `labelling`."""

    labelling: Labelling = field(kw_only=True)


class MySQLCatalogs(Catalogs[Catalog, MySQLKnown]):
    """The one server of an upstream."""

    def _new(self, database: str) -> MySQLKnown:
        # stands for a server that holds nothing until it is read, which happens before anybody is guarded
        nothing = Catalog(database, 0, "mysql", (0, 0, 0), folds_names=True, tables={})
        return MySQLKnown(database, nothing, labelling=Labelling(self._ledger, self._told))

    def _label(self, known: MySQLKnown, earlier: Catalog) -> None:  # noqa: ARG002  names need no history
        known.labels = known.labelling.label(known.catalog, self._policies, held=known.held)

    def _owes(self, known: MySQLKnown) -> bool:
        return known.labelling.waits

    def makes(self, known: MySQLKnown, made: Iterable[Inheritance], by: str, asker: Asker) -> None:
        """A statement of `by` goes off that makes or alters tables, once `remember` has returned.

        What it may make of columns that are known already is in force at once, for the statement may have run before we hear of it.
        """
        if known.labelling.expect(made, known.catalog, by, asker):
            self._relabel(known)

    def withdraw(self, known: MySQLKnown, asker: Asker) -> None:
        """Nothing is expected of a statement any more, for it is looked at again, or has done nothing."""
        if known.labelling.withdraw(asker):
            self._relabel(known)

    def ended(self, known: MySQLKnown, asker: Asker, outcome: Outcome) -> None:
        """A statement has ended that `makes` was told of; the next reading of the snapshot takes over what it has made."""
        known.labelling.ended(asker, outcome, known.readings)
        self.changed(known.database)

    def _relabel(self, known: MySQLKnown) -> None:
        before = known.labels
        self._label(known, known.catalog)
        if known.labels == before:
            known.labels = before
        else:
            known.generation += 1
