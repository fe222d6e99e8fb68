"""What the success or failure of a write would tell of hidden values.

Owns the judgement of constraints: which writes are refused for what the server checks on the way, and which columns may
only keep their value. Constraints between visible values, and checks of a new row alone, tell nothing.
May not do: look at a statement; it is told what is inserted, updated and deleted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from policies.model import RowCondition
from rewriter.conditions import ConditionError, condition_columns
from rewriter.kept import Kept
from rewriter.postgres.catalog import Catalog
from rewriter.postgres.filtering import deciding
from rewriter.postgres.world import World

if TYPE_CHECKING:
    from rewriter.postgres.catalog import Constraint, Link, Relation

_NONE: frozenset[str] = frozenset()
_SAFE_FUNCTIONS = frozenset(
    {
        *("textcat", "lower", "upper", "btrim", "ltrim", "rtrim", "concat", "concat_ws", "left", "right", "length"),
        *("md5", "to_tsvector", "setweight", "tsvector_concat", "text", "replace", "textlen", "texteq", "textne"),
        *("int4eq", "int4ne", "int8eq", "int8ne", "booleq", "boolne", "int4lt", "int4gt", "int4le", "int4ge"),
    }
)
"""Built-in functions that give a result for whatever value, so that computing them tells nothing."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What a statement does to one relation.

    `inserted`: the columns to which it gives a value in new rows, None when it inserts none. `nulls`: those of them that
    are surely NULL. `updated`: the columns that it assigns in rows that exist. `checked`: those in new rows that refer to
    nothing but rows which the caller sees.
    """

    inserted: frozenset[str] | None = None
    nulls: frozenset[str] = _NONE
    updated: frozenset[str] = _NONE
    deletes: bool = False
    checked: frozenset[str] = _NONE


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that would tell. `columns`: it does not as long as these keep their value; empty: it does anyhow.

    `unless`: nor on rows that meet this condition.
    """

    reason: str
    columns: frozenset[str] = _NONE
    unless: RowCondition | None = None


def faults(relation: Relation, effect: Effect, world: World, catalog: Catalog) -> list[Fault]:
    """What a write would tell the caller, apart from what it returns."""
    return _Judge(world, catalog).judge(relation, effect)


def hidden_columns(oid: int, world: World) -> frozenset[str]:
    """The columns of a relation of which the caller does not see every value."""
    return world.hidden(oid)


def family_of(relation: Relation, catalog: Catalog) -> list[Relation]:
    """A relation with its partitions and children of any depth: writing it writes them."""
    children = _children(catalog)
    family, found = [relation], {relation.oid}
    for member in family:
        for oid in children.get(member.oid, ()):
            if oid not in found:
                found.add(oid)
                family.append(catalog.relations[oid])
    return family


@dataclass(frozen=True, slots=True)
class _Judge:
    world: World
    catalog: Catalog

    def judge(self, relation: Relation, effect: Effect, above: frozenset[int] = frozenset()) -> list[Fault]:
        found: list[Fault] = []
        if relation.kind == "f" and hidden_columns(relation.oid, self.world):
            found.append(Fault("what its server checks is not known here"))
        for oid in relation.sources:  # what a view is over is what is written
            whole = frozenset(column.name for column in self.catalog.relations[oid].columns)
            full = Effect(whole, updated=whole, deletes=True)
            if oid not in above and self.judge(self.catalog.relations[oid], full, above | {relation.oid}):
                found.append(Fault(f"it is a view, and what {self.catalog.relations[oid].name} checks looks at more"))
        for member in family_of(relation, self.catalog):
            for constraint in member.constraints:
                found += self.constraint(member, constraint, effect)
            for link in member.links:
                found += self.link(member, link, effect, above | {relation.oid})
            if effect.updated:
                found += self.deciding(member, effect)
        if effect.updated:
            for parent in self.ancestors(relation):
                keys = [c for c in parent.constraints if c.kind == "partition"]
                found += [fault for c in keys for fault in self.constraint(relation, c, effect)]
        return found

    def constraint(self, relation: Relation, constraint: Constraint, effect: Effect) -> list[Fault]:  # noqa: C901, PLR0911
        """What a constraint tells, each kind in its way."""
        columns = _with_bases(relation, constraint.columns)
        hidden = columns & hidden_columns(relation.oid, self.world)
        if constraint.kind in {"unique", "exclusion"} and self.meets_hidden(relation, constraint):
            hidden = columns
        if constraint.kind == "rule" and relation.oid in self.world.filters:
            return [Fault(f"the rule {constraint.name} runs with rows that are hidden from you")]
        if not hidden:
            return []
        named = ", ".join(sorted(hidden))
        if constraint.kind == "rule":
            return [Fault(f"the rule {constraint.name} runs with the stored rows")]
        if constraint.kind == "policy":
            if effect.updated or effect.deletes:
                return [Fault(f"the row security policy {constraint.name} depends on {named}")]
            return []
        touched = columns & effect.updated
        if constraint.kind == "unchanged":
            told = touched & hidden
            return [Fault(f"the trigger {constraint.name} compares {named} with what was stored", told)] if told else []
        if constraint.kind in {"unique", "exclusion"}:
            reason = f"the {constraint.kind} constraint or index {constraint.name} compares {named} with other rows"
            if effect.inserted is not None and not constraint.keys & _left_apart(relation, effect):
                return [Fault(reason)]
            return [Fault(reason, touched)] if touched else []
        if constraint.kind == "expression" and constraint.functions <= _SAFE_FUNCTIONS:
            return []
        what = {"check": "the check constraint", "partition": "the"}.get(
            constraint.kind, "the computed column or index"
        )
        reason = f"{what} {constraint.name} depends on {named}"
        if effect.updated and constraint.kind == "check" and not constraint.settled:
            return [Fault(reason)]
        combined = frozenset(column for column in touched if hidden - {column})
        return [Fault(reason, combined)] if combined else []

    def link(self, relation: Relation, link: Link, effect: Effect, above: frozenset[int]) -> list[Fault]:
        """What a foreign key tells: whether a row with these values is on the other side."""
        other = self.catalog.relations.get(link.other)
        if other is None:
            return [Fault(f"the foreign key {link.name} is of a relation that is not known yet")]
        mine = frozenset(link.columns) & hidden_columns(relation.oid, self.world)
        theirs = frozenset(link.there) & hidden_columns(link.other, self.world)
        if link.other in self.world.filters:
            theirs = frozenset(link.there)
        touched = frozenset(link.columns) & effect.updated
        there = f"{other.schema}.{other.name}.{min(theirs or frozenset(link.there))}"
        names = ", ".join(sorted(mine or frozenset(link.columns)))
        reason = f"the foreign key {link.name} compares {names} with {there}"
        if link.refers:
            surely = _left_null(relation, effect) | effect.checked
            if theirs and effect.inserted is not None and not frozenset(link.columns) & surely:
                return [Fault(reason)]
            told = touched if theirs else frozenset(column for column in touched if mine - {column})
            return [Fault(reason, told)] if told else []
        found: list[Fault] = []
        if effect.deletes and (mine or theirs or self.spreads(other, link, link.on_delete, above, deletes=True)):
            found.append(Fault(reason))
        if touched and (mine or theirs or self.spreads(other, link, link.on_update, above, deletes=False)):
            found.append(Fault(reason, touched))
        return found

    def meets_hidden(self, relation: Relation, constraint: Constraint) -> bool:
        """Whether a row may be compared with rows that are filtered away: not where equal keys are shown or hidden together."""
        filters = self.world.filters.get(relation.oid)
        if filters is None:
            return False
        decides = deciding(filters)
        plain = {column.name for column in relation.columns if column.collation is None}
        return constraint.kind != "unique" or not decides or not decides <= constraint.keys & plain

    def spreads(self, other: Relation, link: Link, action: str, above: frozenset[int], *, deletes: bool) -> bool:
        """Whether what the foreign key does on its other side would tell."""
        if action not in "cnd" or other.oid in above:
            return False
        effect = Effect(deletes=True) if deletes and action == "c" else Effect(updated=frozenset(link.there))
        return bool(self.judge(other, effect, above))

    def deciding(self, relation: Relation, effect: Effect) -> list[Fault]:
        """Columns by which rows are shown or hidden: changing one would show what is hidden now."""
        found: dict[Fault, None] = {}
        for each in self.world.filters.get(relation.oid, ()):
            columns = deciding((each,))
            if columns is None:
                return [Fault(f'filter "{each.rule}" cannot be applied')]
            touched = _with_bases(relation, columns) & effect.updated
            if touched:
                found[Fault(f'filter "{each.rule}" shows rows by it', touched)] = None
        for column, treatment in self.world.treatments.get(relation.oid, {}).items():
            if treatment.rows is None:
                continue
            try:
                columns = _with_bases(relation, condition_columns(treatment.rows))
            except ConditionError:
                return [Fault(f'rule "{treatment.rule}" cannot be applied')]
            touched = columns & effect.updated
            if touched:
                reason = f'rule "{treatment.rule}" shows {column} by it'
                # who sees the value as it is loses it at most
                found[Fault(reason, touched, treatment.rows if treatment.kind == "clear" else None)] = None
        return list(found)

    def ancestors(self, relation: Relation) -> list[Relation]:
        found: list[Relation] = []
        stack = list(relation.parents)
        while stack:
            parent = self.catalog.relations.get(stack.pop())
            if parent is not None and parent not in found:
                found.append(parent)
                stack += parent.parents
        return found


def _left_null(relation: Relation, effect: Effect) -> frozenset[str]:
    """Columns that are NULL in every new row, or a random UUID."""
    inserted = effect.inserted or _NONE
    left = {column.name for column in relation.columns if not column.generated} - inserted - relation.filled
    return effect.nulls.union(left)


def _left_apart(relation: Relation, effect: Effect) -> frozenset[str]:
    """The same, or a number that a sequence gives to no other row."""
    return _left_null(relation, effect) | (relation.numbered - (effect.inserted or _NONE))


def _with_bases(relation: Relation, columns: frozenset[str]) -> frozenset[str]:
    """Columns with those that the generated ones of them are computed from."""
    generated = {column.name for column in relation.columns if column.generated} & columns
    if not generated:
        return columns
    made = [c.columns for c in relation.constraints if c.kind == "expression" and c.name in generated]
    return columns.union(*made)


def _make_children(catalog: Catalog) -> dict[int, tuple[int, ...]]:
    children: dict[int, list[int]] = {}
    for oid, relation in catalog.relations.items():
        for parent in relation.parents:
            children.setdefault(parent, []).append(oid)
    return {parent: tuple(found) for parent, found in children.items()}


_children: Kept[dict[int, tuple[int, ...]]] = Kept(_make_children, 16)
