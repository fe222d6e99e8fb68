"""`join: exact`: the equality of two masked columns of one category is answered on their real values.

Owns which conditions these are and what is compared: each of the two subqueries gets one more column, a keyed hash of the
real value under a name that does not occur in the statement, and the equality compares these. It is a hash, for the order in
which a join gives its rows can be that of what it compares. A subquery whose columns the statement may show without
naming them gets none, and the condition keeps its masked meaning. May not do: decide who may join, count, prove.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rewriter.model import Probe
from rewriter.postgres import proof
from rewriter.postgres.catalog import Column, column_name
from rewriter.postgres.conditions import quote_identifier
from rewriter.postgres.masks import join_hash
from rewriter.postgres.sites import Exact, conjuncts, sites
from rewriter.postgres.substitution import Splice, shows_all

if TYPE_CHECKING:
    from rewriter.postgres.masks import KeyMaterial
    from rewriter.postgres.reading import Tokens
    from rewriter.postgres.scopes import Findings
    from rewriter.postgres.substitution import Substitute
    from rewriter.postgres.world import World

Node = dict[str, Any]

_NAME = "louver_join"


@dataclass(frozen=True, slots=True)
class _Side:
    """One side of a condition: the place of its substitute, the name that qualifies it, its column and what is compared."""

    place: int
    alias: str
    column: Column
    hashed: str


def join(  # noqa: PLR0913, PLR0917  a statement, and all that its joins depend on
    statement: Node,
    found: Findings,
    substitutes: list[Substitute],
    world: World,
    key: KeyMaterial,
    lexed: Tokens,
) -> list[Exact]:
    """Let every condition that may be answered exactly compare real values; changes `substitutes`, and `statement`.

    To be called before any other change of the tree.
    """
    places = {
        id(substitute.reference.node): index
        for index, substitute in enumerate(substitutes)
        if substitute.relation.oid in world.joinable and not shows_all(found, substitute.reference, substitute.relation)
    }
    if len(places) < 2:
        return []
    joins: list[Exact] = []
    made: dict[tuple[int, str], str] = {}
    stem = _stem(found, lexed)
    for site in sites(statement):
        owners = site.owners(places)
        for holder in conjuncts(site.condition) if len(owners) > 1 else ():
            span = _span(holder, lexed)
            if span is None:
                continue
            columns = (holder["A_Expr"]["lexpr"]["ColumnRef"], holder["A_Expr"]["rexpr"]["ColumnRef"])
            left, right = (_side(column["fields"], owners, substitutes, world, key) for column in columns)
            if left is None or right is None or not _alike(left, right, substitutes, world):
                continue
            text = " OPERATOR(pg_catalog.=) ".join(
                f"{quote_identifier(side.alias)}.{quote_identifier(_compared(side, substitutes, made, stem))}"
                for side in (left, right)
            )
            probes = (_probe(left, substitutes, world), _probe(right, substitutes, world))
            joins.append(Exact(columns, Splice(lexed.starts[span[0]], lexed.ends[span[1]], f"({text})"), probes))
            proof.expect_expression(holder, text)
    return joins


def _span(holder: Node, lexed: Tokens) -> tuple[int, int] | None:
    """The first and last token of a condition a.b = c.d, None when it is another."""
    expression = holder.get("A_Expr", {})
    name = expression.get("name", [])
    if expression.get("kind") != "AEXPR_OP" or len(name) != 1 or name[0]["String"]["sval"] != "=":
        return None
    columns = [expression.get(part, {}).get("ColumnRef") for part in ("lexpr", "rexpr")]
    for column in columns:
        if column is None or len(column["fields"]) != 2 or not all("String" in field for field in column["fields"]):
            return None
    first, second = (lexed.at(column.get("location", 0)) for column in columns)
    words = [lexed.word(index) for index in (first + 1, first + 3, second + 1)]
    return (first, second + 2) if second == first + 4 and words == [".", "=", "."] else None


def _side(
    fields: list[Node], owners: dict[str, int], substitutes: list[Substitute], world: World, key: KeyMaterial
) -> _Side | None:
    alias, name = (field["String"]["sval"] for field in fields)
    place = owners.get(alias)
    if place is None:
        return None
    substitute = substitutes[place]
    relation = substitute.relation
    column = next((c for c in relation.columns if c.name == name), None)
    if column is None or name not in world.joinable[relation.oid]:
        return None
    hashed = join_hash(column, f"{quote_identifier(substitute.inside)}.{quote_identifier(name)}", key)
    return None if hashed is None else _Side(place, alias, column, hashed)


_KINDS = {"text": "text", "varchar": "text", "bpchar": "text", "int2": "int", "int4": "int", "int8": "int"}


def _alike(left: _Side, right: _Side, substitutes: list[Substitute], world: World) -> bool:
    """Whether two columns are of one category, and equal values of theirs have one hash and no others."""
    categories = {world.joinable[substitutes[side.place].relation.oid][side.column.name] for side in (left, right)}
    kinds = {_KINDS.get(side.column.base_type, side.column.base_type) for side in (left, right)}
    plain = left.column.collation is None and right.column.collation is None
    return len(categories) == len(kinds) == 1 and plain and left.place != right.place


def _compared(side: _Side, substitutes: list[Substitute], made: dict[tuple[int, str], str], stem: str) -> str:
    """The name of the hash in a subquery, which gets it when it has not got it yet."""
    known = made.get((side.place, side.column.name))
    if known is not None:
        return known
    name = made[side.place, side.column.name] = f"{stem}{len(made) + 1}"
    substitute = substitutes[side.place]
    column = column_name(substitute.relation, side.column.name)
    rest = substitute.query.removeprefix("SELECT ")
    item = f"{side.hashed} AS {quote_identifier(name)}"
    query = f"SELECT {item} {rest}" if rest.startswith("FROM ") else f"SELECT {item}, {rest}"
    uses = tuple(replace(use, join="exact") if use.column == column else use for use in substitute.uses)
    substitutes[side.place] = replace(substitute, query=query, uses=uses)
    return name


def _probe(side: _Side, substitutes: list[Substitute], world: World) -> Probe:
    relation = substitutes[side.place].relation
    limit = world.treatments[relation.oid][side.column.name].join
    assert limit is not None
    return Probe(column_name(relation, side.column.name), limit.per_hour, 1, kind="join", per_day=limit.per_day)


def _stem(found: Findings, lexed: Tokens) -> str:
    """What the names of hashes begin with: nothing that the statement has in it, however it is written."""
    stem = _NAME
    while stem.encode() in lexed.data.lower() or any(stem in name for name in (*found.names, *found.attributes)):
        stem += "_"
    return stem
