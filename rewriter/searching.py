"""`search: exact`: a masked column's equality with constants is answered on the real value.

Owns which conditions these are and how they move: a top-level conjunct of WHERE, in the query that reads the relation, goes
into the subquery that takes the relation's place, and TRUE stays behind. The real value is compared inside and shown
nowhere. Whatever is written otherwise keeps its masked meaning. May not do: decide who may search, count, prove.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from rewriter import proof
from rewriter.conditions import quote_identifier
from rewriter.model import Probe, column_name
from rewriter.reading import encode, parse
from rewriter.substitution import Splice

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from policies.model import Treatment
    from rewriter.model import Column
    from rewriter.reading import Tokens
    from rewriter.substitution import Substitute

Node = dict[str, Any]

STATEMENTS: Final = frozenset({"SelectStmt", "DeclareCursorStmt", "CopyStmt"})
"""The statements in which a search is answered: those that run when they are counted. PREPARE runs later, and unseen."""

_TYPES: Final = frozenset(
    {
        *("text", "varchar", "bpchar", "name", "int2", "int4", "int8", "numeric", "float4", "float8"),
        *("date", "time", "timestamp", "timestamptz", "uuid", "inet", "cidr"),
    }
)
"""The column types (of pg_catalog) whose = is the server's own, and means the same wherever it is written."""
_CASTS: Final = _TYPES | {"integer", "bigint", "smallint", "decimal", "real"}
_CONSTANT: Final = re.compile(r"'.*'|[0-9]+(\.[0-9]+)?|\$[0-9]+|true|false", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Search:
    """One condition that moved: the edit of the client's text, what it asks, and whether a literal moved with it."""

    splice: Splice
    probe: Probe
    literal: bool


def search(
    statement: Node,
    substitutes: list[Substitute],
    treatments: Mapping[int, Mapping[str, Treatment]],
    views: frozenset[int],
    lexed: Tokens,
) -> list[Search]:
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
    for query in _queries(statement):
        tables = _tables(query, places)
        for holder in _conjuncts(query) if tables else ():
            found = _equality(holder, lexed)
            if found is None:
                continue
            column, constants, first, last = found
            index = _owner(
                column, tables, single=len(query["fromClause"]) == 1 and "RangeVar" in query["fromClause"][0]
            )
            if index is None:
                continue
            substitute = substitutes[index]
            name = column["fields"][-1]["String"]["sval"]
            meant = next((c for c in substitute.relation.columns if c.name == name), None)
            treatment = treatments[substitute.relation.oid].get(name)
            if meant is None or not _compares_safely(meant) or treatment is None or treatment.search is None:
                continue
            substitutes[index] = _narrowed(substitute, meant, constants)
            probe = Probe(column_name(substitute.relation, name), treatment.search, len(constants))
            literal = any(not constant.startswith("$") for constant in constants)
            searches.append(Search(Splice(lexed.starts[first], lexed.ends[last], "TRUE"), probe, literal))
            holder.clear()
            holder.update(_true())
    return searches


def _compares_safely(column: Column) -> bool:
    """Whether no comparison of a real value can fail: numeric without limits does as float8, and the error would quote it."""
    return column.base_type in _TYPES and (column.base_type != "numeric" or "(" in column.type_name)


def _narrowed(substitute: Substitute, column: Column, constants: list[str]) -> Substitute:
    """The subquery with a condition on the real column: each equality is the server's own, whoever made another."""
    real = f"{quote_identifier(substitute.relation.name)}.{quote_identifier(column.name)}"
    condition = " OR ".join(f"{real} OPERATOR(pg_catalog.=) {constant}" for constant in constants)
    word = "AND" if substitute.searched else "WHERE"
    uses = tuple(
        replace(use, search="exact") if use.column == column_name(substitute.relation, column.name) else use
        for use in substitute.uses
    )
    return replace(substitute, query=f"{substitute.query} {word} ({condition})", uses=uses, searched=True)


def _queries(root: Node) -> Iterator[Node]:
    """Every SELECT of a statement that reads and restricts something, in order of depth."""
    stack: list[Any] = [root]
    while stack:
        node = stack.pop()
        if type(node) is list:
            stack.extend(item for item in node if type(item) is dict)
            continue
        # an UPDATE has a relation besides, whose columns a bare name may mean
        if "fromClause" in node and "whereClause" in node and "targetList" in node and "relation" not in node:
            yield node
        stack.extend(value for value in node.values() if type(value) in {dict, list})


def _tables(query: Node, places: Mapping[int, int]) -> dict[str, int]:
    """By alias, the substitutes whose rows a condition in WHERE may narrow: not those that an outer join fills with NULL.

    A condition on such a one would have to act after the join. No alias stands twice, and none hides in an aliased join.
    """
    found: dict[str, list[int | None]] = {}

    def collect(node: Node, *, nullable: bool) -> None:
        if "JoinExpr" in node:
            join = node["JoinExpr"]
            kind = join.get("jointype", "JOIN_INNER")
            hidden = nullable or "alias" in join or kind not in {"JOIN_INNER", "JOIN_LEFT", "JOIN_RIGHT"}
            collect(join["larg"], nullable=hidden or kind == "JOIN_RIGHT")
            collect(join["rarg"], nullable=hidden or kind == "JOIN_LEFT")
            if "alias" in join:
                found.setdefault(join["alias"]["aliasname"], []).append(None)
            return
        item = next(iter(node.values()))
        alias = item.get("alias", {})
        name = alias.get("aliasname", item.get("relname", ""))
        place = places.get(id(item)) if "RangeVar" in node and not nullable and "colnames" not in alias else None
        found.setdefault(name, []).append(place)

    for item in query["fromClause"]:
        collect(item, nullable=False)
    return {name: owners[0] for name, owners in found.items() if len(owners) == 1 and owners[0] is not None}


def _owner(column: Node, tables: Mapping[str, int], *, single: bool) -> int | None:
    """Whose column it is: by its qualifier, or of the only table that is read."""
    fields = column["fields"]
    if len(fields) == 2:
        return tables.get(fields[0]["String"]["sval"])
    return next(iter(tables.values())) if single else None


def _conjuncts(query: Node) -> Iterator[Node]:
    """The conditions of WHERE that must all hold; each is the dict that holds its node."""
    stack = [query["whereClause"]]
    while stack:
        holder = stack.pop()
        if holder.get("BoolExpr", {}).get("boolop") == "AND_EXPR":
            stack.extend(holder["BoolExpr"]["args"])
        else:
            yield holder


_Found = tuple[list[str], int, int]  # the constants as written, the first and the last token of the condition


def _equality(holder: Node, lexed: Tokens) -> tuple[Node, list[str], int, int] | None:
    """A conjunct `column = constant`, `constant = column` or `column IN (constants)`: with its first and last token."""
    expression = holder.get("A_Expr", {})
    kind, left, right = expression.get("kind"), expression.get("lexpr", {}), expression.get("rexpr", {})
    if kind not in {"AEXPR_OP", "AEXPR_IN"} or _name(expression) != "=":
        return None
    reverse = kind == "AEXPR_OP" and "ColumnRef" in right
    column = (right if reverse else left).get("ColumnRef", {})
    fields = column.get("fields", [])
    if len(fields) not in {1, 2} or not all("String" in field for field in fields):
        return None
    first = lexed.at(column.get("location", 0))
    last = first + 2 * (len(fields) - 1)
    if last > first and lexed.word(first + 1) != ".":
        return None
    if kind == "AEXPR_IN":
        found, nodes = _in_list(first, last, lexed), right.get("List", {}).get("items", [])
    elif reverse:
        found, nodes = _before(left, first, last, lexed), [left]
    else:
        found, nodes = _behind(first, last, lexed), [right]
    return (column, *found) if found is not None and _are(found[0], nodes) else None


def _behind(first: int, last: int, lexed: Tokens) -> _Found | None:
    end = _behind_constant(last + 2, lexed)
    if lexed.word(last + 1) != "=" or end < 0:
        return None
    return [_text(last + 2, end, lexed)], first, end - 1


def _before(constant: Node, first: int, last: int, lexed: Tokens) -> _Found | None:
    start = _constant_start(constant, lexed)
    if start is None or lexed.word(first - 1) != "=" or _behind_constant(start, lexed) != first - 1:
        return None
    return [_text(start, first - 1, lexed)], start, last


def _in_list(first: int, last: int, lexed: Tokens) -> _Found | None:
    end = last + 2
    if lexed.word(last + 1) != "in" or lexed.word(end) != "(":
        return None
    constants: list[str] = []
    while not constants or lexed.word(end) == ",":
        start, end = end + 1, _behind_constant(end + 1, lexed)
        if end < 0:
            return None
        constants.append(_text(start, end, lexed))
    return (constants, first, end) if lexed.word(end) == ")" else None


def _name(expression: Node) -> str | None:
    parts = expression.get("name", [])
    return parts[0]["String"]["sval"] if len(parts) == 1 else None


def _behind_constant(index: int, lexed: Tokens) -> int:
    """The token behind a literal or parameter at `index`, a cast of it included; -1 when there is none."""
    if not _CONSTANT.fullmatch(lexed.word(index)):
        return -1
    if lexed.word(index + 1) != "::":
        return index + 1
    return index + 3 if lexed.word(index + 2) in _CASTS else -1


def _constant_start(node: Node, lexed: Tokens) -> int | None:
    inner = node.get("TypeCast", {}).get("arg", node)
    for kind in ("A_Const", "ParamRef"):
        if kind in inner:
            return lexed.at(inner[kind].get("location", 0))
    return None


def _text(start: int, end: int, lexed: Tokens) -> str:
    """Tokens [start, end) without what stood between them."""
    return "".join(lexed.data[lexed.starts[i] : lexed.ends[i]].decode() for i in range(start, end))


def _are(constants: list[str], nodes: list[Node]) -> bool:
    """Whether the constants, read on their own, are the nodes that the parser has found in the statement."""
    if len(constants) != len(nodes):
        return False
    targets = parse(encode("SELECT " + ", ".join(constants)))[0]["stmt"]["SelectStmt"]["targetList"]
    return len(targets) == len(nodes) and proof.same([target["ResTarget"]["val"] for target in targets], nodes)


@cache
def _true() -> Node:
    target: Node = parse(encode("SELECT TRUE"))[0]["stmt"]["SelectStmt"]["targetList"][0]["ResTarget"]["val"]
    return target
