"""The names of a query's output columns, as the server gives them.

Owns the rule by which an unnamed result column gets its name. Source: PostgreSQL, parse_target.c, FigureColnameInternal.
May not do: know scopes or a catalog.
"""

from __future__ import annotations

from typing import Any

Node = dict[str, Any]

UNNAMED = "?column?"

_FIXED = {
    "A_ArrayExpr": "array",
    "RowExpr": "row",
    "CoalesceExpr": "coalesce",
    "XmlSerialize": "xmlserialize",
    "GroupingFunc": "grouping",
    "MergeSupportFunc": "merge_action",
    "JsonParseExpr": "json",
    "JsonScalarExpr": "json_scalar",
    "JsonSerializeExpr": "json_serialize",
    "JsonObjectConstructor": "json_object",
    "JsonArrayConstructor": "json_array",
    "JsonArrayQueryConstructor": "json_array",
    "JsonObjectAgg": "json_objectagg",
    "JsonArrayAgg": "json_arrayagg",
}
_JSON = {"JSON_EXISTS_OP": "json_exists", "JSON_QUERY_OP": "json_query", "JSON_VALUE_OP": "json_value"}
_XML = {
    "IS_XMLCONCAT": "xmlconcat",
    "IS_XMLELEMENT": "xmlelement",
    "IS_XMLFOREST": "xmlforest",
    "IS_XMLPARSE": "xmlparse",
    "IS_XMLPI": "xmlpi",
    "IS_XMLROOT": "xmlroot",
}
LABELS = frozenset(
    {
        UNNAMED,
        "case",
        "nullif",
        "greatest",
        "least",
        "exists",
        "ordinality",
        "user",
        "session_user",
        "localtime",
        "localtimestamp",
    }
    | {f"current_{what}" for what in ("date", "time", "timestamp", "role", "user", "catalog", "schema")}
    | {*_FIXED.values(), *_JSON.values(), *_XML.values()}
    | {f"column{number}" for number in range(1, 1665)}  # of VALUES; no query has more columns (MaxTupleAttributeNumber)
)
"""Names that result columns get without any of these names being written."""


def label_of(target: Node) -> str:
    """The name of a result column, given its ResTarget fields, which is no star."""
    return str(target["name"]) if "name" in target else _figure(target["val"])[0]


def source_of(target: Node) -> Node | None:
    """The {"ColumnRef": ...} that an unnamed result column is named after, or None."""
    return None if "name" in target else _figure(target["val"])[2]


def _figure(node: Node) -> tuple[str, int, Node | None]:
    """(name, strength, the column it comes from): strength 2 is a good name, 1 a guess, 0 none."""
    kind, fields = next(iter(node.items()))
    if kind == "ColumnRef":
        names = [part["String"]["sval"] for part in fields["fields"] if "String" in part]
        return (names[-1], 2, node) if names else (UNNAMED, 0, None)
    if kind == "A_Indirection":
        names = [part["String"]["sval"] for part in fields["indirection"] if "String" in part]
        return (names[-1], 2, None) if names else _figure(fields["arg"])
    if kind == "TypeCast":
        name, strength, source = _figure(fields["arg"])
        types = fields["typeName"].get("names", [])
        return (name, strength, source) if strength > 1 or not types else (types[-1]["String"]["sval"], 1, None)
    if kind == "CaseExpr":
        name, strength, source = _figure(fields["defresult"]) if "defresult" in fields else (UNNAMED, 0, None)
        return (name, strength, source) if strength > 1 else ("case", 1, None)
    if kind == "CollateClause":
        return _figure(fields["arg"])
    return _of_call(kind, fields)


def _of_call(kind: str, fields: Node) -> tuple[str, int, Node | None]:
    name = _FIXED.get(kind)
    if kind == "FuncCall":
        name = fields["funcname"][-1]["String"]["sval"]
    elif kind == "A_Expr" and fields["kind"] == "AEXPR_NULLIF":
        name = "nullif"
    elif kind == "MinMaxExpr":
        name = "greatest" if fields.get("op") == "IS_GREATEST" else "least"
    elif kind == "XmlExpr":
        name = _XML.get(fields["op"])
    elif kind == "JsonFuncExpr":
        name = _JSON.get(fields["op"])
    elif kind == "SQLValueFunction":
        name = fields["op"].removeprefix("SVFOP_").removesuffix("_N").lower()
    elif kind == "SubLink":
        return _of_subquery(fields)
    return (name, 2, None) if name else (UNNAMED, 0, None)


def _of_subquery(fields: Node) -> tuple[str, int, Node | None]:
    """EXISTS and ARRAY have names of their own; a value is named after its only column."""
    if fields["subLinkType"] == "EXISTS_SUBLINK":
        return "exists", 2, None
    if fields["subLinkType"] == "ARRAY_SUBLINK":
        return "array", 2, None
    if fields["subLinkType"] != "EXPR_SUBLINK":
        return UNNAMED, 0, None
    query = fields["subselect"]["SelectStmt"]
    while query.get("op", "SETOP_NONE") != "SETOP_NONE":
        query = query["larg"]
    if "valuesLists" in query:
        return "column1", 2, None
    targets = query.get("targetList", [])
    # a column inside keeps its name by itself, so it is not the source here
    return (label_of(targets[0]["ResTarget"]), 2, None) if targets else (UNNAMED, 0, None)
