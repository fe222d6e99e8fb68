"""The proof: an edited statement must read as the old one with just the intended parts replaced.

Owns the comparison of trees. The expected tree is the old one, in which each replacement, parsed on its own, has taken its
place; the new text is lexed and parsed from scratch. Any difference, anywhere, is a refusal. May not do: repair anything.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from rewriter.model import Refusal
from rewriter.mysql.reading import parse, read

if TYPE_CHECKING:
    from rewriter.mysql.lexer import Token

_OURS = frozenset[str]()
"""What we write reads the same under every sql_mode, and so under none."""


def expect_subquery(node: exp.Table, query: str, called: str) -> None:
    """Replace a table in the old tree by the parsed subquery, under the name it has for the rest of the statement."""
    select = parsed(f"SELECT * FROM ({query}) AS {called}")  # noqa: S608  parsed, never sent
    made = select.args["from_"].this
    for kept in ("alias", "joins"):
        if node.args.get(kept):
            made.set(kept, node.args[kept])
    node.replace(made)


def expect_expression(node: exp.Expr, sql: str) -> None:
    """Replace an expression in the old tree by a parsed one."""
    node.replace(parsed(f"SELECT {sql}").expressions[0])


def expect_hint(node: exp.Table, hint: str) -> None:
    """Give a table in the old tree an index hint behind those that it has."""
    added = parsed(f"SELECT * FROM t {hint}").args["from_"].this.args["hints"]  # noqa: S608  parsed, never sent
    node.set("hints", [*(node.args.get("hints") or ()), *added])


def expect_target(tree: exp.Delete, target: str) -> None:
    """Have a DELETE name what it deletes from before FROM."""
    tree.set("tables", parsed(f"DELETE {target} FROM t").args["tables"])


def expect_template(node: exp.Expr, template: str) -> None:
    """Put an expression of the old tree into a parsed one, in place of each `?` of it."""
    made = parsed(f"SELECT {template}").expressions[0]
    node.replace(made)
    for hole in list(made.find_all(exp.Placeholder)):
        hole.replace(node.copy())


def expect_where(tree: exp.Expr, template: str) -> None:
    """Give an UPDATE or DELETE a condition, or put its own into the `?` of another one."""
    where = tree.args.get("where")
    if where is None:
        tree.set("where", exp.Where(this=parsed(f"SELECT {template}").expressions[0]))
    else:
        expect_template(where.this, template)


def parsed(sql: str) -> exp.Expr:
    """The tree of a text of our own, to be changed by the caller alone."""
    return _parsed(sql).copy()


@lru_cache(maxsize=1024)
def _parsed(sql: str) -> exp.Expr:
    reading = read(sql, _OURS)
    if len(reading.statements) != 1:
        raise unproved()
    return parse(reading, reading.statements[0])


def same(one: Any, other: Any) -> bool:  # noqa: ANN401  nodes, lists of nodes and plain values
    """Whether two trees are equal in every node and value; where they stand, and what is not there, does not count."""
    waiting = [(one, other)]
    while waiting:
        left, right = waiting.pop()
        if isinstance(left, exp.Expr):
            if type(left) is not type(right):
                return False
            keys = {key for key, value in left.args.items() if value not in (None, False, [])}
            if keys != {key for key, value in right.args.items() if value not in (None, False, [])}:
                return False
            waiting += [(left.args[key], right.args[key]) for key in keys]
        elif isinstance(left, list):
            if not isinstance(right, list) or len(left) != len(right):
                return False
            waiting += list(zip(left, right, strict=True))
        elif left != right or type(left) is not type(right):
            return False
    return True


def prove_tokens(old: list[Token], new: list[Token], edits: list[tuple[int, int, str]]) -> None:
    """Every token outside the edits is there as before, and nothing has grown together; raises Refusal."""
    shift = 0
    kept = []
    place = 0
    for start, end, replacement in edits:
        while place < len(old) and old[place].end <= start:
            kept.append((old[place], shift))
            place += 1
        while place < len(old) and old[place].start < end:
            if old[place].end > end or old[place].start < start:
                raise unproved()
            place += 1
        shift += len(replacement) - (end - start)
    kept += [(token, shift) for token in old[place:]]
    at = {token.start: token for token in new}
    for token, moved in kept:
        found = at.get(token.start + moved)
        if found is None or (found.kind, found.text, found.end) != (token.kind, token.text, token.end + moved):
            raise unproved()


def unproved() -> Refusal:
    """The refusal for an edit whose result is not what was meant."""
    return Refusal("XX000", "the statement could not be edited safely", hint="Write it in a simpler form.")
