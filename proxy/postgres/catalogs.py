"""What each PostgreSQL database holds: its snapshot, and labels that stay with columns whatever becomes of them.

Owns the way from a snapshot to `labelling`. May not do: decide, know sessions.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from proxy.book import rows_of
from proxy.catalogs import Catalogs, Known
from proxy.postgres.labelling import Labelling
from proxy.postgres.own import laid_over
from rewriter.origins import origins
from rewriter.postgres.catalog import Catalog, Relation

if TYPE_CHECKING:
    from policies.model import ColumnName, Label
    from proxy.book import Asker
    from rewriter.postgres.lineage import Inheritance

_LISTED = frozenset("rpvmfS")
"""The kinds of relations (pg_class.relkind) that a snapshot holds; nothing else can be selected from or written to."""


@dataclass(slots=True, eq=False)
class PostgresKnown(Known[Catalog]):
    """What is known of one database; its labels are found by `labelling`, and by `following` what filters of rows follow."""

    labelling: Labelling = field(kw_only=True)
    following: Labelling = field(kw_only=True)

    def lacks(self, relation: Relation) -> bool:
        """Whether the snapshot should hold `relation`, found just now, and does not, or under another name."""
        held = self.catalog.relations.get(relation.oid)
        if held is None:
            return relation.kind in _LISTED
        return (held.schema, held.name) != (relation.schema, relation.name)


class PostgresCatalogs(Catalogs[Catalog, PostgresKnown]):
    """The databases of one PostgreSQL server."""

    def _new(self, database: str) -> PostgresKnown:
        labelling = Labelling(database, self._ledger, told=self._told)
        following = Labelling(rows_of(database), self._ledger, lasting=True, told=self._told)
        return PostgresKnown(database, Catalog(database, 0, {}, {}), labelling=labelling, following=following)

    def _label(self, known: PostgresKnown, earlier: Catalog) -> None:
        known.labels = known.labelling.label(known.catalog, earlier.relations, self._policies)
        found = origins(known.following.label(known.catalog, earlier.relations, self._policies.filtered))
        names = known.catalog.names
        by_oid = {names[name]: each for name, each in found.items() if name in names}
        if by_oid != known.catalog.origins:
            known.catalog = replace(known.catalog, origins=by_oid)

    def makes(self, known: PostgresKnown, inheritance: Inheritance, by: str, asker: Asker) -> None:
        """A statement of `by` goes off that makes a table, once `remember` has returned."""
        known.labelling.expect(inheritance, known.catalog, by, asker)

    def labels_of(self, known: PostgresKnown, relation: Relation) -> dict[ColumnName, Label]:
        """The labels of one relation's columns: by the dictionary, or bound to the column under an earlier name."""
        return known.labelling.labels_of(relation, known.catalog, self._policies)

    def laid_over(self, known: PostgresKnown, own: list[Relation]) -> Catalog:
        """The snapshot in which relations that one session alone sees are as that has them, filters and all."""
        catalog = laid_over(known.catalog, own)
        followed = dict(catalog.origins)
        for relation in own:
            labels = known.following.labels_of(relation, known.catalog, self._policies.filtered)
            followed[relation.oid] = origins(labels).get((relation.schema, relation.name), ())
        return replace(catalog, origins=followed)
