"""`join: exact`: the equality of two masked columns of one category is answered on their real values.

Owns which conditions these are and what is compared: each of the two subqueries gets one more column, a keyed hash of the
real value under a name that does not occur in the statement, and the equality compares these. It is a hash, for the order in
which a join gives its rows can be that of what it compares. A subquery whose columns the statement may show without
naming them gets none, and the condition keeps its masked meaning. May not do: decide who may join, count, prove.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sqlglot import exp

from rewriter.model import Probe, Refusal
from rewriter.mysql import proof
from rewriter.mysql.catalog import Column, Table, column_name
from rewriter.mysql.masks import join_hash
from rewriter.mysql.masks.target import INTEGERS, TEXTS
from rewriter.mysql.names import fold
from rewriter.mysql.scopes import Reference
from rewriter.mysql.searching import ALONE_BEFORE, ALONE_BEHIND, conjuncts
from rewriter.mysql.substitution import TextEdit
from rewriter.mysql.views import Hashed, quote

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rewriter.mysql.catalog import Catalog
    from rewriter.mysql.masks import KeyMaterial
    from rewriter.mysql.reading import Statement
    from rewriter.mysql.scopes import Findings
    from rewriter.mysql.world import World

_NAME: Final = "louver_join"
_BEFORE: Final = ALONE_BEFORE | {"ON"}
_BEHIND: Final = ALONE_BEHIND | {"WHERE", "JOIN", "INNER", "LEFT", "RIGHT", "CROSS", "NATURAL", "STRAIGHT_JOIN", ","}
_LONG: Final = frozenset({"mediumtext", "longtext"})  # their weights may not fit into a packet
_ODD: Final = "gb18030"  # its weights tell letters apart that its comparisons do not


@dataclass(frozen=True, slots=True)
class Joins:
    """The conditions of a statement that compare real values.

    `edits` are those of the client's text. `hashes` has what is compared, and `probes` what is counted, by the id of the
    reference that each stands in.
    """

    edits: list[TextEdit] = field(default_factory=list)
    hashes: dict[int, list[Hashed]] = field(default_factory=dict)
    probes: dict[int, list[Probe]] = field(default_factory=dict)
    conditions: list[tuple[exp.Expr, str]] = field(default_factory=list)

    def expect(self) -> None:
        """Change the tree into what the edited text must read as."""
        for node, sql in self.conditions:
            proof.expect_expression(node, sql)


@dataclass(frozen=True, slots=True)
class _Side:
    """One side of a condition: whose column it is, and its category."""

    reference: Reference
    table: Table
    column: Column
    category: str


def join(  # noqa: PLR0913, PLR0917  a statement, and all that its joins depend on
    found: Findings,
    reads: list[tuple[Reference, Table]],
    world: World,
    key: KeyMaterial | None,
    statement: Statement,
    text: str,
    catalog: Catalog,
) -> Joins:
    """Every condition of a query that may be answered exactly.

    Raises Refusal 42000 for one whose columns are of a kind that cannot be joined, though a rule lets the caller join them.
    """
    joins = Joins()
    joinable = {
        id(reference.node): (reference, table)
        for reference, table in reads
        if (table.schema, table.name) in world.joinable and not reference.shows_all(found)
    }
    if key is None or len(joinable) < 2:
        return joins
    stem = _stem(text, found)
    for block in found.tree.find_all(exp.Select):
        owners = _owners(block, joinable, catalog)
        for condition in _conditions(block) if len(owners) > 1 else ():
            written = _written(condition, statement)
            if written is None:
                continue
            left, right = (_side(column, owners, world, catalog) for column in (condition.this, condition.expression))
            if left is None or right is None or left.reference is right.reference or left.category != right.category:
                continue
            _check(left, right, world)
            sql = " = ".join(_compared(side, joins, world, key, stem) for side in (left, right))
            joins.edits.append((*written, f"({sql})"))
            joins.conditions.append((condition, f"({sql})"))
    return joins


def _owners(
    block: exp.Select, joinable: Mapping[int, tuple[Reference, Table]], catalog: Catalog
) -> dict[str, tuple[Reference, Table]]:
    """By name, the tables that a block's conditions may name; none whose name stands twice."""
    found: dict[str, list[tuple[Reference, Table] | None]] = {}
    for item in _items(block):
        found.setdefault(fold(item.alias_or_name, catalog), []).append(joinable.get(id(item)))
    return {name: owners[0] for name, owners in found.items() if len(owners) == 1 and owners[0] is not None}


def _items(block: exp.Select) -> Iterator[exp.Expr]:
    """What stands in a block's FROM, within the parentheses of joins, too."""
    source = block.args.get("from_")
    waiting = [] if source is None else [source.this, *(join.this for join in _joins(block))]
    waiting += block.args.get("laterals") or []
    while waiting:
        item = waiting.pop()
        within = isinstance(item, exp.Subquery | exp.Paren) and isinstance(item.this, exp.Table | exp.Subquery)
        waiting += [join.this for join in _joins(item)]
        if within and not item.alias:
            waiting.append(item.this)
        else:
            yield item


def _conditions(block: exp.Select) -> Iterator[exp.Expr]:
    """The conditions all of which must hold: of WHERE, and of each join's ON."""
    where = block.args.get("where")
    if where is not None:
        yield from conjuncts(where.this)
    source = block.args.get("from_")
    waiting: list[exp.Expr] = [block] if source is None else [block, source.this]
    while waiting:
        holder = waiting.pop()
        if isinstance(holder, exp.Subquery | exp.Paren) and isinstance(holder.this, exp.Table | exp.Subquery):
            waiting.append(holder.this)
        for each in _joins(holder):
            waiting.append(each.this)
            if each.args.get("on") is not None:
                yield from conjuncts(each.args["on"])


def _joins(holder: exp.Expr) -> list[exp.Join]:
    return holder.args.get("joins") or []


def _written(condition: exp.Expr, statement: Statement) -> tuple[int, int] | None:
    """The characters of a condition that is written word by word as a.b = c.d, and stands alone; None for any other."""
    if not isinstance(condition, exp.EQ):
        return None
    sides = (condition.this, condition.expression)
    if not all(isinstance(side, exp.Column) and side.table and not side.args.get("db") for side in sides):
        return None
    at = {token.start: index for index, token in enumerate(statement.tokens)}
    places = [at.get(part.meta.get("start", -1), -9) for side in sides for part in (side.args["table"], side.this)]
    first = places[0]
    if first < 1 or places != [first, first + 2, first + 4, first + 6]:
        return None
    last = first + 6
    signs = [statement.word(index) for index in (first + 1, first + 3, first + 5)]
    alone = last + 1 == len(statement.tokens) or statement.word(last + 1) in _BEHIND
    if signs != [".", "=", "."] or not alone or statement.word(first - 1) not in _BEFORE:
        return None
    return statement.tokens[first].start, statement.tokens[last].end


def _side(
    column: exp.Column, owners: Mapping[str, tuple[Reference, Table]], world: World, catalog: Catalog
) -> _Side | None:
    owner = owners.get(fold(column.table, catalog))
    if owner is None:
        return None
    reference, table = owner
    category = world.joinable[table.schema, table.name].get(column.name.lower())
    meant = next((each for each in table.columns if each.name.lower() == column.name.lower()), None)
    return None if category is None or meant is None else _Side(reference, table, meant, category)


def _check(left: _Side, right: _Side, world: World) -> None:
    """Refuse what a rule lets the caller join, and what cannot be: a masked join would look like an answer."""
    reason = _unfit(left, world) or _unfit(right, world)
    if reason is None and _kind(left.column) != _kind(right.column):
        reason = "they are of different types or collations"
    if reason is not None:
        names = " and ".join(str(column_name(side.table, side.column.name)) for side in (left, right))
        hint = "Join by other columns; who wrote the policy may leave `join` out of the rule."
        raise Refusal("42000", f"{names} cannot be joined by their real values: {reason}", hint=hint)


def _unfit(side: _Side, world: World) -> str | None:
    """Why a column cannot be joined by its real values: none may have got one from what the caller writes elsewhere."""
    name = side.column.name
    if _kind(side.column) is None:
        return f"{name} is of the type {side.column.type_name}"
    if side.column.generated:
        return f"{name} is computed from other columns"
    for link in side.table.links:
        if not link.refers:
            continue
        for own, there in zip(link.columns, link.there, strict=True):
            treatment = world.treatments.get(link.other, {}).get(there.lower())
            if own.lower() == name.lower() and (treatment is None or treatment.on_write != "deny"):
                return f"{name} follows {'.'.join(link.other)}.{there}, which may be written"
    return None


def _kind(column: Column) -> tuple[str, str | None] | None:
    """What equal values of a column have one hash with; None for those that have none."""
    if column.base_type in TEXTS:
        return None if column.base_type in _LONG or column.character_set == _ODD else ("text", column.collation)
    if column.base_type in INTEGERS:
        return "integer", None
    return (column.base_type, None) if column.base_type in {"decimal", "uuid"} else None


def _compared(side: _Side, joins: Joins, world: World, key: KeyMaterial, stem: str) -> str:
    """The hash of one side as the condition names it; its subquery gets it when it has not got it yet."""
    column = column_name(side.table, side.column.name)
    limit = world.treatments[side.table.schema, side.table.name][side.column.name.lower()].join
    assert limit is not None
    joins.probes.setdefault(id(side.reference), []).append(
        Probe(column, limit.per_hour, 1, kind="join", per_day=limit.per_day)
    )
    known = joins.hashes.setdefault(id(side.reference), [])
    made = next((each for each in known if each.column == column), None)
    if made is None:
        sql = join_hash(side.column, f"{quote(side.table.name)}.{quote(side.column.name)}", key)
        made = Hashed(column, sql, f"{stem}{sum(map(len, joins.hashes.values())) + 1}")
        known.append(made)
    return f"{quote(side.reference.called)}.{quote(made.name)}"


def _stem(text: str, found: Findings) -> str:
    """What the names of hashes begin with: nothing that the statement has in it, however it is written."""
    stem = _NAME
    while stem in text.lower() or any(stem in name for name in found.names):
        stem += "_"
    return stem
