"""From user code to the statements in it: bodies of SQL and PL/pgSQL, default arguments, expressions of definitions.

Owns how each language is read. May not do: judge what the statements do, or run anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rewriter.model import Refusal
from rewriter.postgres.catalog import LOCKED
from rewriter.postgres.functions import SETTING_FUNCTIONS, refused_builtin
from rewriter.postgres.plpgsql import pieces
from rewriter.postgres.plpgsql_words import Form, Unreadable
from rewriter.postgres.reading import encode, parse

if TYPE_CHECKING:
    from rewriter.postgres.catalog import Attached, Function
    from rewriter.postgres.plpgsql_words import Piece

Node = dict[str, Any]

READ = frozenset({"sql", "plpgsql"})
"""The languages whose bodies are read."""

MAX_BODY_BYTES = 200_000
"""A longer body is not read: it holds up other sessions, and its function can be listed in the policies."""


@dataclass(frozen=True, slots=True)
class Part:
    """One statement of a body; `form` says what the expression in it is for. `data` is the text it was read from."""

    node: Node
    data: bytes
    form: Form = "query"


def parts_of(function: Function) -> list[Part]:
    """The statements that calling a function runs; raises Unreadable with the reason as its text."""
    parts = [_expression(function.defaults)] if function.defaults else []
    if function.kind in {"a", "w"}:
        return parts
    if function.same_as:
        _check_code(function.same_as)
        return parts
    if function.body is None:
        if function.language in READ:
            raise Unreadable(f"its body cannot be read now: {LOCKED}")
        raise Unreadable(f"its body is in the language {function.language}")
    if function.parsed:
        text = f"CREATE FUNCTION f() RETURNS void LANGUAGE sql {function.body}"
        return parts + body_of(_parse(text)[0], text.encode())
    return parts + written_body(function.language, function.body)


def _check_code(names: tuple[str, ...]) -> None:
    """Whether the code of built-in functions may run under another name; raises Unreadable."""
    for name in names:
        reason = refused_builtin(name)
        if reason is None and name in SETTING_FUNCTIONS:
            reason = "settings are read by a call with that name"
        if reason is not None:
            raise Unreadable(f"it is {name}() under another name, and {reason}")


def written_body(language: str, body: str) -> list[Part]:
    """The statements of a body that is given as a string; raises Unreadable."""
    if language == "sql":
        return [Part(node, body.encode()) for node in _parse(body)]
    if language != "plpgsql":
        raise Unreadable(f"its body is in the language {language}")
    if len(body) > MAX_BODY_BYTES:
        raise Unreadable("its body is too long")
    try:
        found = pieces(body)
    except Unreadable:
        raise Unreadable("its body cannot be read") from None
    # a type taken from a column or a table (%TYPE, %ROWTYPE) names no type
    return [_piece(piece) for piece in found if piece.form != "type" or "%" not in piece.text]


def body_of(statement: Node, data: bytes) -> list[Part]:
    """The statements of CREATE FUNCTION ... BEGIN ATOMIC ... END, or ... RETURN expression."""
    body = statement["CreateFunctionStmt"]["sql_body"]
    if "ReturnStmt" in body:
        return [selected(body["ReturnStmt"]["returnval"], data)]
    return [
        selected(node["ReturnStmt"]["returnval"], data) if "ReturnStmt" in node else Part(node, data)
        for node in _statements(body)
        if node
    ]


def definition(attached: Attached) -> Part:
    """What the server prints of an expression of a relation; raises Unreadable."""
    if attached.what != "trigger":
        return _expression(attached.text)
    node = _parse(attached.text)[0]
    return Part(node, attached.text.encode())


def condition_of(trigger: Node) -> Part | None:
    """The WHEN of a CreateTrigStmt."""
    when = trigger["CreateTrigStmt"].get("whenClause")
    return None if when is None else selected(when, b"")


def _piece(piece: Piece) -> Part:
    if piece.form == "query":
        nodes = _parse(piece.text)
        if len(nodes) != 1:
            raise Unreadable("its body cannot be read")
        return Part(nodes[0], piece.text.encode())
    if piece.form == "type":
        return _expression(f"NULL::{piece.text}")
    part = _expression(piece.text, piece.form)
    if piece.form == "dynamic":
        return _constant(part)
    return part


def _constant(part: Part) -> Part:
    """The statement in EXECUTE 'text'; any other SQL text is only known when it runs."""
    targets = part.node["SelectStmt"].get("targetList", [])
    constant = targets[0]["ResTarget"]["val"].get("A_Const", {}) if len(targets) == 1 else {}
    if "sval" not in constant:
        raise Unreadable("it runs SQL text that is only known when it runs")
    nodes = _parse(constant["sval"].get("sval", ""))
    if len(nodes) != 1:
        raise Unreadable("it runs SQL text that cannot be read")
    return Part(nodes[0], constant["sval"]["sval"].encode())


def _expression(text: str, form: Form = "expression") -> Part:
    text = f"SELECT {text}"
    nodes = _parse(text)
    if len(nodes) != 1 or "SelectStmt" not in nodes[0]:
        raise Unreadable("its body cannot be read")
    return Part(nodes[0], text.encode(), form)


def selected(expression: Node, data: bytes) -> Part:
    """An expression of a tree as a statement of its own."""
    return Part({"SelectStmt": {"targetList": [{"ResTarget": {"val": expression}}]}}, data, "expression")


def _statements(body: Node) -> list[Node]:
    """The statements of BEGIN ATOMIC: lists of lists."""
    if "List" not in body:
        return [body]
    return [node for item in body["List"].get("items", []) for node in _statements(item)]


def _parse(text: str) -> list[Node]:
    try:
        return [statement["stmt"] for statement in parse(encode(text, MAX_BODY_BYTES))]
    except Refusal:
        raise Unreadable("its body cannot be read") from None
