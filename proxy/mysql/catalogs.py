"""What a MySQL or MariaDB server holds: one snapshot for all its schemas, and labels that follow what becomes of their columns.

Owns the way from a snapshot to `labelling`. May not do: decide, know sessions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from policies.model import ColumnName, Label
from proxy.book import rows_of
from proxy.catalogs import Catalogs, Known
from proxy.mysql.labelling import Labelling
from rewriter.mysql.catalog import Catalog
from rewriter.origins import origins

if TYPE_CHECKING:
    from collections.abc import Iterable

    from proxy.book import Asker
    from proxy.mysql.labelling import Outcome
    from rewriter.mysql.lineage import Inheritance

SERVER = ""
"""What the one snapshot is known as: a statement can name every schema of the server, whichever it came to."""


@dataclass(slots=True, eq=False)
class MySQLKnown(Known[Catalog]):
    """What is known of the server; its labels are found by `labelling`, and by `following` what filters of rows follow.

    `followed` are the columns of filtered tables, by what has become of them.
    """

    labelling: Labelling = field(kw_only=True)
    following: Labelling = field(kw_only=True)
    followed: Mapping[ColumnName, Label] = field(default_factory=dict)


class MySQLCatalogs(Catalogs[Catalog, MySQLKnown]):
    """The one server of an upstream."""

    def _new(self, database: str) -> MySQLKnown:
        # stands for a server that holds nothing until it is read, which happens before anybody is guarded
        nothing = Catalog(database, 0, "mysql", (0, 0, 0), folds_names=True, tables={})
        following = Labelling(self._ledger, self._told, book=rows_of(""), lasting=True)
        return MySQLKnown(database, nothing, labelling=Labelling(self._ledger, self._told), following=following)

    def _label(self, known: MySQLKnown, earlier: Catalog) -> None:  # noqa: ARG002  names need no history
        known.labels = known.labelling.label(known.catalog, self._policies, held=known.held)
        known.followed = known.following.label(known.catalog, self._policies.filtered, held=known.held)
        followed = origins(known.followed)
        if followed != known.catalog.origins:
            known.catalog = replace(known.catalog, origins=followed)

    def _owes(self, known: MySQLKnown) -> bool:
        return known.labelling.waits or known.following.waits

    def makes(
        self, known: MySQLKnown, made: Iterable[Inheritance], moved: Iterable[Inheritance], by: str, asker: Asker
    ) -> None:
        """A statement of `by` goes off that makes or alters tables, once `remember` has returned; `moved` is what filters follow.

        What it may make of columns that are known already is in force at once, for the statement may have run before we hear of it.
        """
        labelled = known.labelling.expect(made, known.catalog, by, asker)
        if known.following.expect(moved, known.catalog, by, asker) or labelled:
            self._relabel(known)

    def withdraw(self, known: MySQLKnown, asker: Asker) -> None:
        """Nothing is expected of a statement any more, for it is looked at again, or has done nothing."""
        labelled = known.labelling.withdraw(asker)
        if known.following.withdraw(asker) or labelled:
            self._relabel(known)

    def ended(self, known: MySQLKnown, asker: Asker, outcome: Outcome) -> None:
        """A statement has ended that `makes` was told of; the next reading of the snapshot takes over what it has made."""
        known.labelling.ended(asker, outcome, known.readings)
        known.following.ended(asker, outcome, known.readings)
        self.changed(known.database)

    def _relabel(self, known: MySQLKnown) -> None:
        labels, catalog = known.labels, known.catalog
        self._label(known, catalog)
        if known.labels == labels and known.catalog is catalog:
            known.labels = labels
        else:
            known.generation += 1
