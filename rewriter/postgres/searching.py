"""`search: exact`: a masked column's equality with constants is answered on the real value.

Owns which conditions these are and how they move: a conjunct of WHERE or of JOIN ... ON, in the query that reads the
relation, goes into the subquery that takes the relation's place, and TRUE stays behind. The real value is compared inside
and shown nowhere. Whatever is written otherwise keeps its masked meaning. The relation that a statement writes is
searched in place: `rewriter.postgres.writes`. May not do: decide who may search, count, prove.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from rewriter.model import Probe
from rewriter.postgres import proof
from rewriter.postgres.catalog import column_name
from rewriter.postgres.conditions import quote_identifier
from rewriter.postgres.constants import TYPES, equality
from rewriter.postgres.sites import Exact, conjuncts, sites
from rewriter.postgres.substitution import Splice

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policies.model import Treatment
    from rewriter.postgres.catalog import Column, Relation
    from rewriter.postgres.constants import Equality
    from rewriter.postgres.reading import Tokens
    from rewriter.postgres.substitution import Substitute

Node = dict[str, Any]

STATEMENTS: Final = frozenset(
    {"SelectStmt", "DeclareCursorStmt", "CopyStmt", "CreateTableAsStmt", "ExplainStmt"}
    | {"InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"}
)
"""The statements in which a search is answered: those that run when they are counted. PREPARE runs later, and unseen."""


def search(
    statement: Node,
    substitutes: list[Substitute],
    treatments: Mapping[int, Mapping[str, Treatment]],
    views: frozenset[int],
    lexed: Tokens,
) -> list[Exact]:
    """Move every condition that may be answered exactly; changes `substitutes`, and `statement` into what is expected.

    `treatments` and `views` are the world's. To be called before any other change of the tree.
    """
    places = {
        id(substitute.reference.node): index
        for index, substitute in enumerate(substitutes)
        if substitute.relation.oid not in views
        and any(t.search is not None for t in treatments.get(substitute.relation.oid, {}).values())
    }
    if not places:
        return []
    searches = []
    for site in sites(statement):
        tables = site.narrowed(places)
        for holder in conjuncts(site.condition) if tables else ():
            found = equality(holder, lexed)
            if found is None:
                continue
            index = _owner(found.column, tables, single=site.single)
            if index is None:
                continue
            substitute = substitutes[index]
            name = found.column["fields"][-1]["String"]["sval"]
            meant = searchable(substitute.relation, name, treatments)
            if meant is None:
                continue
            substitutes[index] = _narrowed(substitute, meant, found)
            splice = Splice(lexed.starts[found.first], lexed.ends[found.last], "TRUE")
            treatment = treatments[substitute.relation.oid][name]
            probe = probe_of(substitute.relation, name, treatment, found)
            searches.append(Exact((found.column,), splice, (probe,), found.literal))
            holder.clear()
            holder.update(_true())
    return searches


def searchable(relation: Relation, name: str, treatments: Mapping[int, Mapping[str, Treatment]]) -> Column | None:
    """The column of a relation that may be searched by its real values, None when it may not."""
    treatment = treatments.get(relation.oid, {}).get(name)
    column = next((c for c in relation.columns if c.name == name), None)
    if column is None or treatment is None or treatment.search is None or not compares_safely(column):
        return None
    return column


def in_place(fields: Node, lexed: Tokens) -> dict[int, tuple[Node, Equality]]:
    """The conditions that choose rows of a relation that is written and may be searches, by the id of their ColumnRef."""
    conditions = [fields[key] for key in ("whereClause", "joinCondition") if key in fields]
    actions = (clause["MergeWhenClause"] for clause in fields.get("mergeWhenClauses", []))
    conditions += [action["condition"] for action in actions if "condition" in action]
    found = {}
    for holder in (holder for condition in conditions for holder in conjuncts(condition)):
        equal = equality(holder, lexed)
        if equal is not None:
            found[id(equal.column)] = holder, equal
    return found


def probe_of(relation: Relation, name: str, treatment: Treatment, found: Equality) -> Probe:
    """What an equality on the real column asks for."""
    assert treatment.search is not None
    allowed = treatment.search
    return Probe(column_name(relation, name), allowed.per_hour, found.values, found.parameter, per_day=allowed.per_day)


def compares_safely(column: Column) -> bool:
    """Whether no comparison of a real value can fail: numeric without limits does as float8, and the error would quote it."""
    return column.base_type in TYPES and (column.base_type != "numeric" or "(" in column.type_name)


def _narrowed(substitute: Substitute, column: Column, found: Equality) -> Substitute:
    """The subquery with a condition on the real column."""
    real = f"{quote_identifier(substitute.inside)}.{quote_identifier(column.name)}"
    word = "AND" if substitute.searched else "WHERE"
    uses = tuple(
        replace(use, search="exact") if use.column == column_name(substitute.relation, column.name) else use
        for use in substitute.uses
    )
    return replace(substitute, query=f"{substitute.query} {word} {found.on(real)}", uses=uses, searched=True)


def _owner(column: Node, tables: Mapping[str, int], *, single: bool) -> int | None:
    """Whose column it is: by its qualifier, or of the only table that is read."""
    fields = column["fields"]
    if len(fields) == 2:
        return tables.get(fields[0]["String"]["sval"])
    return next(iter(tables.values())) if single else None


@cache
def _true() -> Node:
    return proof.expression("TRUE")
