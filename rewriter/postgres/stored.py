"""Materialized views over protected relations: which of their columns hold hidden values, and what the caller sees of them.

Owns reading a stored query for what each of its columns carries. A plain copy of a hidden column is shown as that column is; what
is computed from one is masked in full. Where hidden values decide which rows there are, or it cannot be told, there is no
answer, and the view may not be read. May not do: resolve a client's names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from policies.masks import DEFAULT_MASK
from policies.model import Treatment
from rewriter.model import Refusal
from rewriter.postgres.labels import label_of
from rewriter.postgres.reading import encode, parse
from rewriter.postgres.scopes import Findings, walk

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rewriter.postgres.catalog import Catalog, Relation
    from rewriter.postgres.scopes import Reference

Node = dict[str, Any]
Hidden = dict[str, Treatment]

_ONE_ROW_FOR_ONE = frozenset(
    {
        "count",
        "sum",
        "avg",
        "min",
        "max",
        "string_agg",
        "array_agg",
        "bool_and",
        "bool_or",
        "every",
        "stddev",
        "variance",
    }
    | {"row_number", "rank", "dense_rank", "lag", "lead", "first_value", "last_value"}
    | {
        "lower",
        "upper",
        "left",
        "right",
        "substr",
        "substring",
        "length",
        "concat",
        "concat_ws",
        "replace",
        "trim",
        "btrim",
    }
    | {
        "round",
        "trunc",
        "floor",
        "ceil",
        "ceiling",
        "abs",
        "date_trunc",
        "date_part",
        "extract",
        "age",
        "to_char",
        "md5",
    }
    | {"to_jsonb", "jsonb_build_object", "json_build_object", "to_tsvector", "setweight"}
)
"""Functions that give one value, so that a hidden argument does not decide how many rows there are."""
_NOT_PLAIN = frozenset({"larg", "withClause", "valuesLists", "distinctClause", "lockingClause", "intoClause"})
_CANNOT_TELL = "what it holds of hidden columns cannot be told"
_ROWS = "hidden values decide which rows it has"


@dataclass(frozen=True, slots=True)
class Carried:
    """What one column of a stored query carries of hidden ones: None, nothing. `copied`: it is one of them as it is."""

    treatment: Treatment | None = None
    copied: bool = False


def treatments_of(
    view: Relation, treatments: Mapping[int, Mapping[str, Treatment]], catalog: Catalog
) -> dict[str, Treatment] | str:
    """What a caller sees of the columns of a materialized view that carry hidden values; why it may not be read instead.

    `treatments` are those of the relations that it reads, which must not be replaced by views themselves.
    """
    try:
        statements = parse(encode(view.definition or ""))
    except Refusal:
        return _CANNOT_TELL
    if len(statements) != 1 or "SelectStmt" not in statements[0]["stmt"]:
        return _CANNOT_TELL
    meant: dict[int, Relation] = {}
    found = walk(statements[0]["stmt"])
    for reference in found.references:
        schema, name = reference.written
        oid = catalog.names.get((schema or "pg_catalog", name))
        if oid is None:
            return _CANNOT_TELL
        meant[id(reference)] = catalog.relations[oid]
    unnamed = {oid for oid in view.sources if oid in treatments} - {relation.oid for relation in meant.values()}
    carried = carried_by(statements[0]["stmt"]["SelectStmt"], found, meant, treatments)
    if isinstance(carried, str):
        return carried
    if unnamed or len(carried) != len(view.columns):
        return _CANNOT_TELL
    return {
        column.name: each.treatment
        for column, each in zip(view.columns, carried, strict=True)
        if each.treatment is not None
    }


def carried_by(  # noqa: PLR0911  each doubt ends it
    select: Node,
    found: Findings,
    meant: Mapping[int, Relation],
    treatments: Mapping[int, Mapping[str, Treatment]],
) -> list[Carried] | str:
    """What each result column of a SELECT carries, or why it cannot be told. `found` is what it names, by walk().

    `meant`: what its references mean, by id().
    """
    hidden = {id(reference): _hidden(meant.get(id(reference)), treatments) for reference in found.references}
    names = {name for columns in hidden.values() for name in columns}
    if not names:
        return [Carried() for _ in select.get("targetList", [])]
    plain = "targetList" in select and not select.keys() & _NOT_PLAIN and len(found.kinds) == 1
    if not plain or not all(_plain_source(item) for item in select.get("fromClause", [])):
        return _CANNOT_TELL
    aliases = {reference.alias for reference in found.references}
    if found.starred or found.alone & (aliases - _columns(meant)) or any(_is_star(c) for c in found.columns):
        return _CANNOT_TELL
    outside = walk({"SelectStmt": {key: value for key, value in select.items() if key != "targetList"}})
    if outside.names & names or _by_position(select):
        return _ROWS
    carried: list[Carried] = []
    for target in select["targetList"]:
        each = _carried(target["ResTarget"], found, hidden, names)
        if isinstance(each, str):
            return each
        if each.treatment is not None and label_of(target["ResTarget"]) in outside.names:
            return _ROWS
        carried.append(each)
    return carried


def _carried(target: Node, found: Findings, hidden: Mapping[int, Hidden], names: set[str]) -> Carried | str:
    inner = walk({"expression": target["val"]})
    read = inner.names & names
    if not read:
        return Carried()
    column = target["val"].get("ColumnRef")
    if column is not None:
        return Carried(_copied(column, found.references, hidden), copied=True)
    if inner.attributes:
        return _CANNOT_TELL
    called = [call["funcname"] for call in inner.functions]
    if any(name[-1]["String"]["sval"] not in _ONE_ROW_FOR_ONE for name in called):
        return _CANNOT_TELL
    if any(not _servers_own(name) for name in (*called, *(parts for _, parts in inner.operators))):
        return _CANNOT_TELL
    behind = [columns[name] for columns in hidden.values() for name in sorted(read) if name in columns]
    denied = next((treatment for treatment in behind if treatment.kind == "deny"), None)
    explain = all(treatment.explain for treatment in behind)
    return Carried(denied or Treatment("mask", behind[0].rule, mask=DEFAULT_MASK, explain=explain))


def _copied(column: Node, references: list[Reference], hidden: Mapping[int, Hidden]) -> Treatment | None:
    """The treatment of a plain copy: that of the column, whatever the row; the strictest of all that could be meant."""
    parts = [part["String"]["sval"] for part in column["fields"]]
    behind = [
        hidden[id(reference)][parts[-1]]
        for reference in references
        if parts[-1] in hidden[id(reference)] and (len(parts) == 1 or parts[-2] == reference.alias)
    ]
    if not behind:  # another relation's column of this name, or a schema-qualified one
        behind = [columns[parts[-1]] for columns in hidden.values() if parts[-1] in columns] if len(parts) > 2 else []
    if not behind:
        return None
    first = behind[0]
    denied = next((treatment for treatment in behind if treatment.kind == "deny"), None)
    if denied is not None:
        return denied
    explain = all(treatment.explain for treatment in behind)
    if first.rows is not None:  # the columns that its condition looks at may not be there
        return Treatment("mask", first.rule, mask=first.fallback or DEFAULT_MASK, explain=explain)
    if any(other != first for other in behind):
        return Treatment("mask", first.rule, mask=DEFAULT_MASK, explain=explain)
    return Treatment(first.kind, first.rule, mask=first.mask, explain=explain)


def _hidden(relation: Relation | None, treatments: Mapping[int, Mapping[str, Treatment]]) -> Hidden:
    if relation is None:
        return {}
    return {name: each for name, each in treatments.get(relation.oid, {}).items() if each.hides}


def _servers_own(name: list[Node]) -> bool:
    """Whether a name in a stored definition is the server's own: all others have their schema written."""
    return len(name) == 1 or name[0]["String"]["sval"] == "pg_catalog"


def _columns(meant: Mapping[int, Relation]) -> set[str]:
    return {column.name for relation in meant.values() for column in relation.columns}


def _is_star(column: Node) -> bool:
    return "A_Star" in column["fields"][-1]


def _plain_source(item: Node) -> bool:
    """Whether a FROM item is a relation, or a join of such, under their own names for columns."""
    if "RangeVar" in item:
        return "colnames" not in item["RangeVar"].get("alias", {})
    join = item.get("JoinExpr")
    if join is None or "alias" in join or "join_using_alias" in join or join.get("isNatural"):
        return False
    return _plain_source(join["larg"]) and _plain_source(join["rarg"])


def _by_position(select: Node) -> bool:
    """Whether GROUP BY or ORDER BY names result columns by their numbers, or grouping sets hold them."""
    for item in (*select.get("groupClause", []), *select.get("sortClause", [])):
        node = item.get("SortBy", {}).get("node", item)
        if "A_Const" in node or "GroupingSet" in node:
            return True
    return False
