"""The proof: an edited statement must read as the old one with just the intended parts replaced.

Owns the comparison of trees. The expected tree is built from the old tree and from each replacement parsed on its own;
the new text is parsed from scratch. Any difference, anywhere, is a refusal, and so is a protected name that is left
outside our own subqueries. May not do: repair anything.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from rewriter.model import Refusal
from rewriter.postgres.reading import encode, parse, read_tree

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rewriter.postgres.substitution import Substitute

Node = dict[str, Any]

# Where a node stands in its text; everything else about it must be the same. A quote inside a JSON string is escaped,
# so these find the ends of fields' names and nothing else: location, stmt_location, name_location, rexpr_list_start ...
_PLACES = (b'location":', b'stmt_len":', b'list_start":', b'list_end":')
_DIGITS = b"-0123456789"
_encode = msgspec.json.Encoder().encode


def expect_subquery(substitute: Substitute) -> None:
    """Replace a reference in the old tree by the parsed subquery, under the same alias."""
    reference = substitute.reference
    holder = reference.holder
    if holder is None or holder.get("RangeVar") is not reference.node:
        raise unproved()
    alias = reference.node.get("alias") or {"aliasname": reference.node["relname"]}
    holder.clear()
    holder["RangeSubselect"] = {"subquery": subquery(substitute.query), "alias": alias}


def expect_unqualified(column: Node) -> None:
    """Drop the schema of a ColumnRef in the old tree."""
    column["fields"] = column["fields"][-2:]


def expect_qualified(parts: list[Node]) -> None:
    """Name a function, operator or type of the old tree as the server's own."""
    parts.insert(0, {"String": {"sval": "pg_catalog"}})


def expect_schema(node: Node, schema: str) -> None:
    """Give a RangeVar of the old tree a schema, in the place where the parser writes it."""
    fields = {"schemaname": schema, **node}
    node.clear()
    node.update(fields)


def expect_copied_query(statement: Node, substitute: Substitute) -> None:
    """Replace the table of a COPY ... TO in the old tree by the parsed query."""
    if statement.get("relation") is not substitute.reference.node:
        raise unproved()
    rest = {key: value for key, value in statement.items() if key not in {"relation", "attlist"}}
    statement.clear()
    statement.update({"query": subquery(substitute.query), **rest})


def expect_expression(holder: Node, sql: str) -> None:
    """Replace an expression in the old tree, in the dict that holds it, by a parsed one."""
    made = expression(sql)
    holder.clear()
    holder.update(made)


def expect_label(target: Node, name: str) -> None:
    """Give a result column of the old tree a name, in the place where the parser writes it."""
    fields = {"name": name, **target}
    target.clear()
    target.update(fields)


def expect_list(nodes: list[Node], star: Node, listed: list[Node]) -> None:
    """Replace a star among expressions or result columns of the old tree by what it stands for."""
    place = next((index for index, node in enumerate(nodes) if node is star), None)
    if place is None:
        raise unproved()
    nodes[place : place + 1] = listed


def around(sql: str, inner: Node) -> Node:
    """Parse an expression that holds the placeholder $1 once, and put `inner` in its place."""
    made = _expressions(f"SELECT {sql}")[0]["ResTarget"]["val"]
    holders = list(_holders(made, "ParamRef"))
    if len(holders) != 1:
        raise unproved()
    holders[0].clear()
    holders[0].update(inner)
    return dict(made)


def around_all(sql: str, inners: list[Node]) -> Node:
    """Parse an expression that holds each of the placeholders $1, $2, ... once, and put `inners` in their places."""
    made = _expressions(f"SELECT {sql}")[0]["ResTarget"]["val"]
    holders = sorted(_holders(made, "ParamRef"), key=lambda holder: int(holder["ParamRef"]["number"]))
    if [holder["ParamRef"]["number"] for holder in holders] != list(range(1, len(inners) + 1)):
        raise unproved()
    for holder, inner in zip(holders, inners, strict=True):
        holder.clear()
        holder.update(inner)
    return dict(made)


def around_query(sql: str, inner: Node) -> Node:
    """Parse a subquery (SELECT ... FROM (SELECT $1) ...) and put `inner` in place of the inner one."""
    made = _expressions(f"SELECT {sql}")[0]["ResTarget"]["val"]
    selects = [node for node in _holders(made, "SelectStmt") if "ParamRef" in str(node["SelectStmt"].get("targetList"))]
    innermost = selects[-1]
    innermost.clear()
    innermost.update(inner)
    return dict(made)


def expression(sql: str) -> Node:
    """An expression parsed on its own."""
    return dict(_expressions(f"SELECT {sql}")[0]["ResTarget"]["val"])


def result_columns(sql: str) -> list[Node]:
    """A list of result columns parsed on its own."""
    return _expressions(f"SELECT {sql}")


def _expressions(query: str) -> list[Node]:
    statements = parse(encode(query))
    select = statements[0]["stmt"].get("SelectStmt", {}) if len(statements) == 1 else {}
    if set(select) - {"targetList", "limitOption", "op"}:
        raise unproved()
    return list(select["targetList"])


def _holders(root: Node, kind: str) -> Iterator[Node]:
    """Every dict of a tree that holds a node of a kind, outer ones first."""
    stack: list[Any] = [root]
    while stack:
        node = stack.pop()
        if type(node) is dict:
            if kind in node:
                yield node
            stack.extend(node.values())
        elif type(node) is list:
            stack.extend(node)


def prove(expected: list[Node], text: str, limit: int) -> None:
    """Parse the edited text and compare with the expected statements; raises Refusal XX000 at any difference."""
    try:
        actual = read_tree(encode(text, limit))
    except Refusal as refusal:
        if refusal.sqlstate.startswith("54"):
            raise Refusal(refusal.sqlstate, "the masked statement is too large", hint="Split the statement.") from None
        raise unproved() from None
    statements = actual.partition(b'"stmts":')[2].removesuffix(b"}")
    if _without_places(statements) != _without_places(_printed(expected)):
        raise unproved()


def same(one: list[Node], other: list[Node]) -> bool:
    """Whether two JSON trees are equal but for places in the text.

    They are compared as JSON, for that is done in C; fields stand in the order of the parser in both.
    """
    return _without_places(_encode(one)) == _without_places(_encode(other))


def _printed(tree: list[Node]) -> bytes:
    """A tree as the parser prints it: JSON without spaces in which < and > are escaped, which stand in strings only.

    So what the parser has printed need not be decoded to be compared. Another way of printing is none that could pass for
    an equal tree, for this is JSON of this very tree.
    """
    text = _encode(tree)
    if b"<" in text or b">" in text:
        text = text.replace(b"<", rb"\u003c").replace(b">", rb"\u003e")
    return text


def _without_places(text: bytes) -> bytes:
    for name in _PLACES:
        if name in text:
            first, *rest = text.split(name)
            text = name.join((first, *[piece.lstrip(_DIGITS) for piece in rest]))
    return text


def unproved() -> Refusal:
    """The refusal for a rewriting that could not be proved. It is a fault of ours, never of the caller."""
    message = "the masked form of the statement could not be proved equal to it"
    return Refusal("XX000", message, hint="Write the statement in a simpler form, and report this message.")


@lru_cache(maxsize=512)
def subquery(query: str) -> msgspec.Raw:
    """A replacement parsed on its own, one SELECT from one relation or view: as JSON without places in the text."""
    statements = parse(encode(query))
    if len(statements) != 1 or set(statements[0]["stmt"]) != {"SelectStmt"}:
        raise unproved()
    select: Node = statements[0]["stmt"]
    source = select["SelectStmt"].get("fromClause", [])
    if len(source) != 1 or not source[0].keys() & {"RangeVar", "RangeSubselect"}:
        raise unproved()
    return msgspec.Raw(_without_places(_encode(select)))
