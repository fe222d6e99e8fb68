"""GROUP BY of a primary key, by which the other columns of its table are settled: a subquery in its place has no primary key.

So the columns of the table that the query shows besides are added to the GROUP BY. Rows that agree in the key are one row of the
table, so that the groups stay the same; where the key itself is masked they are not one, and nothing is added: the server then
says that the column must be grouped (42803). Source: PostgreSQL, parse_agg.c, check_ungrouped_columns; manual, 7.2.3.
Owns these edits. May not do: look at anything but one query's GROUP BY and what is computed after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rewriter.kept import Kept
from rewriter.postgres import proof
from rewriter.postgres.catalog import Relation
from rewriter.postgres.conditions import quote_identifier
from rewriter.postgres.reading import tokens
from rewriter.postgres.scopes import Reference
from rewriter.postgres.substitution import Patch, Splice

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rewriter.postgres.catalog import Catalog
    from rewriter.postgres.substitution import Substitute
    from rewriter.postgres.world import World

Node = dict[str, Any]

_NONE: Node = {"fields": []}
_AFTERWARDS = ("targetList", "havingClause", "sortClause", "windowClause", "distinctClause")
"""The parts of a query that are computed of its groups."""
_BEFORE = frozenset({"by", ",", "all", "distinct"})
"""What stands before an expression of GROUP BY and its parentheses."""
_AGGREGATES = frozenset(
    {"count", "sum", "avg", "min", "max", "array_agg", "string_agg", "json_agg", "jsonb_agg", "json_object_agg"}
    | {"jsonb_object_agg", "bool_and", "bool_or", "every", "bit_and", "bit_or", "any_value", "stddev", "variance"}
)
"""Functions that see the rows of a group, so that what stands in them needs not be grouped: the best known ones, for it may be."""
_OF_AGGREGATES = frozenset({"agg_distinct", "agg_order", "agg_filter", "agg_within_group"})
_UNEQUAL = frozenset({"json", "xml", "point", "lseg", "line", "box", "path", "polygon", "circle"})
"""Types of which values cannot be grouped."""


def keyed_by_place(substitutes: Iterable[Substitute]) -> bool:
    """Whether a GROUP BY 1 could mean a column of the key of what is substituted, so that its ruling rests on that number."""
    for one in substitutes:
        key = frozenset(one.relation.primary_key)
        if key and any("A_Const" in item for item in _items(one.reference)):
            here = _Here(one.reference, one.relation)
            if key & {here.of(target.get("ColumnRef", _NONE)) for target in here.targets}:
                return True
    return False


def patches(substitutes: Iterable[Substitute], world: World, catalog: Catalog, data: bytes) -> list[Patch]:
    """The edits that add to each GROUP BY of a primary key the columns that it settles."""
    made = []
    for one in substitutes:
        patch = _patch(one.reference, one.relation, world, catalog, data) if _items(one.reference) else None
        if patch is not None:
            made.append(patch)
    return made


def _items(reference: Reference) -> list[Node]:
    """The expressions of the GROUP BY of a reference's query; none when there are grouping sets."""
    level = reference.level
    items: list[Node] = level.query.get("groupClause", []) if level is not None and level.selects else []
    return [] if any("GroupingSet" in item for item in items) else items


def _patch(reference: Reference, relation: Relation, world: World, catalog: Catalog, data: bytes) -> Patch | None:
    key = frozenset(relation.primary_key)
    inherited = relation.kind != "p" and relation.oid in _parents(catalog)  # children have keys of their own
    if not key or inherited or key & world.hidden(relation.oid) or "colnames" in reference.node.get("alias", {}):
        return None
    here = _Here(reference, relation)
    grouped = {here.column(item): item for item in _items(reference)}
    if not key <= grouped.keys():
        return None
    needed = here.needed() - grouped.keys()
    groupable = [column for column in relation.columns if column.base_type.strip("_[]") not in _UNEQUAL]
    wanted = [column.name for column in groupable if column.name in needed]
    item = grouped[relation.primary_key[0]]
    lexed = tokens(data)
    at = lexed.at(next(iter(item.values())).get("location", 0))
    while lexed.word(at - 1) == "(":
        at -= 1
    if not wanted or lexed.word(at - 1) not in _BEFORE:
        return None
    names = [f"{quote_identifier(reference.alias)}.{quote_identifier(name)}" for name in wanted]
    splice = Splice(lexed.starts[at], lexed.starts[at], "".join(f"{name}, " for name in names))
    return Patch((splice,), _Added(here.query["groupClause"], item, tuple(names)))


@dataclass(frozen=True, slots=True)
class _Added:
    """What the edit makes of the tree."""

    items: list[Node]
    item: Node
    names: tuple[str, ...]

    def __call__(self) -> None:
        expected = [*map(proof.expression, self.names), self.item]
        proof.expect_list(self.items, self.item, expected)


@dataclass(frozen=True, slots=True)
class _Here:
    """A reference within its query."""

    reference: Reference
    relation: Relation

    @property
    def query(self) -> Node:
        """The fields of the query."""
        return self.reference.level.query if self.reference.level is not None else {}

    @property
    def targets(self) -> list[Node]:
        """What it selects."""
        return [target["ResTarget"]["val"] for target in self.query.get("targetList", [])]

    def column(self, item: Node) -> str | None:
        """The column of the relation that an expression of GROUP BY is; None for everything else."""
        if "ColumnRef" in item:
            return self.of(item["ColumnRef"])
        place = item.get("A_Const", {}).get("ival", {}).get("ival", 0)
        targets = self.targets
        if not 0 < place <= len(targets) or any(_is_star(target) for target in targets[:place]):
            return None
        return self.of(targets[place - 1].get("ColumnRef", _NONE))

    def needed(self) -> set[str]:
        """Names that may be columns of the relation, outside of aggregates; all of its columns under a star."""
        names: set[str] = set()
        for column in _after(self.query):
            fields = [part.get("String", {}).get("sval") for part in column["fields"]]
            if len(fields) > 1 and fields[-2] != self.reference.alias:
                continue
            if fields[-1] is None:
                return {each.name for each in self.relation.columns}
            names.add(fields[-1])
        return names

    def of(self, column: Node) -> str | None:
        """The column of the relation that a ColumnRef is; None when it is none, or none for sure."""
        fields = [part.get("String", {}).get("sval") for part in column["fields"]]
        source: list[Node] = self.query.get("fromClause", [])
        alone = len(source) == 1 and source[0].get("RangeVar") is self.reference.node
        mine = fields[:-1] == [self.reference.alias] or (len(fields) == 1 and alone)
        return (
            fields[-1] if fields and mine and any(each.name == fields[-1] for each in self.relation.columns) else None
        )


def _is_star(value: Node) -> bool:
    return "ColumnRef" in value and "A_Star" in value["ColumnRef"]["fields"][-1]


def _after(query: Node) -> Iterator[Node]:
    """The ColumnRefs of a query that are computed of its groups: those of subqueries, too, but not of its aggregates."""
    stack: list[tuple[Any, bool]] = [(query[part], False) for part in _AFTERWARDS if part in query]
    while stack:
        node, nested = stack.pop()
        if isinstance(node, list):
            stack.extend((each, nested) for each in node)
        elif isinstance(node, dict):
            if "ColumnRef" in node and not (nested and _is_star(node)):
                yield node["ColumnRef"]
            nested = nested or "SelectStmt" in node
            if not nested and _is_aggregate(node):
                continue
            stack.extend((each, nested) for each in node.values())


def _is_aggregate(node: Node) -> bool:
    """Whether an expression is a call of an aggregate that is known as one."""
    call: Node = node.get("FuncCall", {})
    if not call or "over" in call:
        return False
    return call["funcname"][-1]["String"]["sval"] in _AGGREGATES or not _OF_AGGREGATES.isdisjoint(call)


def _make(catalog: Catalog) -> frozenset[int]:
    return frozenset(parent for relation in catalog.relations.values() for parent in relation.parents)


_parents: Kept[frozenset[int]] = Kept(_make, 16)
"""The relations that have children or partitions; kept by identity of the catalog."""
