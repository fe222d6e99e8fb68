"""Writing through views: what a statement that writes a view sees of it, and which table's columns it writes.

A statement that writes a view leaves as it is but for the columns that are hidden: each is replaced in place by what the
caller sees of the table's column that it is a copy of. What the view itself computes is computed of the stored rows: there
hidden columns may not stand, or the statement is refused.
Owns what stands for a column of such a view. May not do: read definitions (`rewriter.postgres.simple_views`) or the client's text, or
judge what a write tells (`rewriter.postgres.telling`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rewriter.model import Refusal, Use
from rewriter.postgres.catalog import Relation
from rewriter.postgres.conditions import quote_identifier
from rewriter.postgres.masks import KeyMaterial
from rewriter.postgres.simple_views import Level, under
from rewriter.postgres.telling import Effect
from rewriter.postgres.views import CallerView
from rewriter.postgres.world import World

if TYPE_CHECKING:
    from policies.model import RowCondition, Treatment
    from rewriter.postgres.catalog import Catalog, Column

Node = dict[str, Any]

_NONE: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Surface:
    """A relation that is written, as the caller sees it. `table` is what is written in the end, `levels` the views above it.

    `levels` are from the table upwards, none where the relation is the table itself. `hidden`: the columns of the relation of
    which the caller does not see every value; `computed` are those of them that a view computes from hidden ones.
    """

    relation: Relation
    table: Relation
    levels: tuple[Level, ...]
    world: World
    key: KeyMaterial | None
    where: int | None
    hidden: frozenset[str]
    computed: frozenset[str] = _NONE
    _shown: dict[str, tuple[CallerView, ...]] = field(default_factory=dict)

    def beneath(self, column: str) -> str | None:
        """The table's column that a column of the relation is; None when it is computed."""
        return next(iter(_beneath(frozenset({column}), self.levels)), None)

    def above(self, columns: frozenset[str]) -> frozenset[str]:
        """The columns of the relation that are some of the table's."""
        if not self.levels:
            return columns
        return frozenset(column.name for column in self.relation.columns if self.beneath(column.name) in columns)

    def effect(self, effect: Effect) -> Effect:
        """What a statement does to the table: a view has names of its own for columns, and defaults."""
        if not self.levels:
            return effect
        inserted = effect.inserted
        if inserted is not None:
            inserted = self._beneath(inserted)
            for number, level in enumerate(self.levels, 1):
                inserted |= _beneath(level.view.filled, self.levels[:number])
        return Effect(inserted, self._beneath(effect.nulls), self._beneath(effect.updated), effect.deletes)

    def _beneath(self, columns: frozenset[str]) -> frozenset[str]:
        return _beneath(columns, self.levels)

    def treatments(self, column: str) -> tuple[Treatment, ...]:
        """The treatments of a column that hide something, from the table upwards."""
        found: list[Treatment] = []
        name: str | None = column
        for level in reversed(self.levels):
            found += self._hiding(level.view, name)
            name = level.copies.get(name) if name is not None else None
        return (*self._hiding(self.table, name), *reversed(found))

    def _hiding(self, relation: Relation, name: str | None) -> list[Treatment]:
        treatment = self.world.treatments.get(relation.oid, {}).get(name or "")
        return [treatment] if treatment is not None and treatment.hides else []

    def shown_as(self, column: Column, qualifier: str) -> tuple[str, tuple[Use, ...]]:
        """SQL that shows a column of the relation known as `qualifier`, and its uses; raises what CallerView raises."""
        if column.name in self.computed:
            full = f"{self.relation.schema}.{self.relation.name}.{column.name}"
            message = (
                f"{full} is computed from columns that are masked for you, and cannot be read where the view is written"
            )
            raise Refusal("0A000", message, hint="Leave it out, or read it in a query of its own.", position=self.where)
        views = self._views(qualifier)
        seen = [(views[-1], column)]
        for level, view in zip(reversed(self.levels), reversed(views[:-1]), strict=True):
            name = level.copies.get(seen[-1][1].name)
            below = next((c for c in view.relation.columns if c.name == name), None)
            if below is None:
                break
            seen.append((view, below))
        made = [view.shown_as(each, qualifier) for view, each in reversed(seen)]  # the lowest refusal is told
        return made[-1][0], tuple(use for _, uses in made for use in uses)

    def condition(self, rows: RowCondition, qualifier: str) -> str:
        """SQL of a condition on rows of the table; raises ConditionError where the relation lacks a column of it."""
        return self._views(qualifier)[0].condition(rows, qualifier)

    def _views(self, qualifier: str) -> tuple[CallerView, ...]:
        """What the caller sees of the table and of each view above it, in terms of the columns of the relation."""
        known = self._shown.get(qualifier)
        if known is not None:
            return known
        relations = [self.table, *(level.view for level in self.levels)]
        made: list[CallerView] = []
        for number, names in enumerate(self._tops()):
            raw: dict[str, str] | None = None
            if self.levels:
                raw = {own: f"{quote_identifier(qualifier)}.{quote_identifier(top)}" for own, top in names.items()}
            if number and raw is not None:
                raw = _raised(raw, self.levels[number - 1], made[-1], qualifier)
            treatments = self.world.treatments.get(relations[number].oid, {})
            made.append(CallerView(relations[number], treatments, self.key, self.where, self.world.shown, raw=raw))
        self._shown[qualifier] = tuple(made)
        return self._shown[qualifier]

    def _tops(self) -> list[dict[str, str]]:
        """For the table and each view above it, the columns that the relation has, under their names there and here."""
        names = {column.name: column.name for column in self.relation.columns}
        found = [names]
        for level in reversed(self.levels):
            below: dict[str, str] = {}
            for own, top in names.items():
                if own in level.copies:
                    below.setdefault(level.copies[own], top)
            names = below
            found.insert(0, names)
        return found


def _beneath(columns: frozenset[str], levels: tuple[Level, ...]) -> frozenset[str]:
    """The table's columns that columns of the highest of some levels are."""
    for level in reversed(levels):
        columns = frozenset(level.copies[name] for name in columns if name in level.copies)
    return columns


def _raised(raw: dict[str, str], level: Level, below: CallerView, qualifier: str) -> dict[str, str]:
    """The columns of a view as its query gives them: copies as they are shown below, where they can be."""
    columns = {column.name: column for column in below.relation.columns}
    given: dict[str, str] = {}
    for name, written in raw.items():
        copied = level.copies.get(name)
        try:
            given[name] = written if copied is None else below.shown_as(columns[copied], qualifier)[0]
        except Refusal:
            continue  # told when it is asked for
    return given


def surface_of(
    relation: Relation, world: World, catalog: Catalog, key: KeyMaterial | None = None, where: int | None = None
) -> Surface | str:
    """What a statement sees that writes `relation`; for a view that cannot be written so, why.

    `where` is the 1-based character of the reference in the client's text, for refusals.
    """
    found = under(relation, world, catalog)
    if isinstance(found, str):
        return found
    return Surface(relation, found.table, found.levels, world, key, where, found.hidden, found.computed)
