"""What the success or failure of a write would tell of hidden values.

Owns the judgement of unique keys, foreign keys, checks and row conditions. What is between visible values, and checks of a new
row alone, tell nothing. May not do: look at a statement; it is told what is inserted, updated and deleted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rewriter.conditions import ConditionError, condition_columns
from rewriter.mysql.masks.target import INTEGERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from policies.model import RowFilter
    from rewriter.mysql.catalog import Link, Table
    from rewriter.mysql.world import World

_NONE: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Effect:
    """What a statement does to one table; names of columns in lower case.

    `inserted`: those that get a value in new rows, None when it inserts none. `nulls`: those of them that are surely NULL.
    `updated`: those that it assigns in rows that exist.
    """

    inserted: frozenset[str] | None = None
    nulls: frozenset[str] = _NONE
    updated: frozenset[str] = _NONE
    deletes: bool = False

    def on(self, beneath: Callable[[frozenset[str]], frozenset[str]]) -> Effect:
        """The same under the names of a table: `beneath` gives those of some of a view's columns."""
        inserted = None if self.inserted is None else beneath(self.inserted)
        return Effect(inserted, beneath(self.nulls), beneath(self.updated), self.deletes)


def fault(table: Table, effect: Effect, world: World) -> str | None:
    """Why a write would tell the caller of hidden values, apart from what it returns; None when it would not."""
    return next(_faults(table, effect, world), None)


def _faults(table: Table, effect: Effect, world: World) -> Iterator[str]:
    name = (table.schema, table.name)
    hidden = world.hidden(name)
    surely = {column.name.lower() for column in table.columns if not column.not_null}
    left = frozenset(surely - (effect.inserted or _NONE)) | effect.nulls
    new = {column.name.lower() for column in table.columns if column.numbered} - (effect.inserted or _NONE)
    for unique in table.unique:
        key = frozenset(column.lower() for column in unique)
        told = key if name in world.filters and not _together(key, table, world.filters[name]) else key & hidden
        if not told:
            continue
        named = ", ".join(sorted(told))
        if effect.inserted is not None and not key & (left | new):
            yield f"a unique key compares {named} with other rows"
        if key & effect.updated:
            yield f"a unique key compares {named} with other rows"
    for link in table.links:
        yield from _of_link(link, effect, hidden, left, world)
    if name in world.filters and effect.updated:
        yield from _showing(world.filters[name], effect)
    if not hidden:
        return
    for check in table.checks:
        words = frozenset(re.findall(r"[^\W]+", check.lower()))
        read = {column.name.lower() for column in table.columns} & words
        if read & hidden and effect.updated & read and (read - effect.updated or len(read) > 1):
            yield f"a check or computed column depends on {', '.join(sorted(read & hidden))}"
    yield from _deciding(table, effect, world)


def _of_link(link: Link, effect: Effect, hidden: frozenset[str], left: frozenset[str], world: World) -> Iterator[str]:
    mine = frozenset(column.lower() for column in link.columns)
    there = frozenset(column.lower() for column in link.there)
    theirs = there if link.other in world.filters else there & world.hidden(link.other)
    if not (mine & hidden or theirs):
        return
    reason = (
        f"the foreign key {link.name} compares {', '.join(sorted(mine & hidden or mine))} with {'.'.join(link.other)}"
    )
    if link.refers:
        if (theirs and effect.inserted is not None and not mine & left) or mine & effect.updated:
            yield reason
    elif effect.deletes or mine & effect.updated:
        yield reason


def _together(key: frozenset[str], table: Table, filtered: RowFilter) -> bool:
    """Whether rows with equal keys are shown or hidden together: the filter looks at the key alone, and equal means the same."""
    try:
        decides = {name.lower() for name in condition_columns(filtered.rows)} if filtered.rows is not None else set()
    except ConditionError:
        return False
    numbers = {column.name.lower() for column in table.columns if column.base_type in INTEGERS}
    return bool(decides) and decides <= key & numbers


def _showing(filtered: RowFilter, effect: Effect) -> Iterator[str]:
    """Columns by which rows are there or not: changing one would move a row out of sight."""
    try:
        decides = {name.lower() for name in condition_columns(filtered.rows)} if filtered.rows is not None else set()
    except ConditionError:
        yield f'filter "{filtered.rule}" cannot be applied'
        return
    if decides & effect.updated:
        yield f'filter "{filtered.rule}" shows rows by {", ".join(sorted(decides & effect.updated))}'


def _deciding(table: Table, effect: Effect, world: World) -> Iterator[str]:
    """Columns by which rows are shown or hidden: changing one would show what is hidden now."""
    if not effect.updated:
        return
    for column, treatment in world.treatments.get((table.schema, table.name), {}).items():
        if treatment.rows is None:
            continue
        try:
            decides = {name.lower() for name in condition_columns(treatment.rows)}
        except ConditionError:
            yield f'rule "{treatment.rule}" cannot be applied'
            return
        if decides & effect.updated:
            yield f'rule "{treatment.rule}" shows {column} by {", ".join(sorted(decides & effect.updated))}'
