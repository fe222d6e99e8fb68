"""What a statement assigns: its columns, and where in the text each assigned expression stands.

Owns the forms of INSERT lists, SET clauses and ON DUPLICATE KEY UPDATE. May not do: judge.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlglot import exp

from rewriter.model import Refusal
from rewriter.mysql import proof

if TYPE_CHECKING:
    from rewriter.mysql.catalog import Table
    from rewriter.mysql.reading import Statement

_ENDS = frozenset({"WHERE", "ORDER", "LIMIT", "RETURNING"})


@dataclass(frozen=True, slots=True)
class Assignment:
    """column = expression: `node` in the tree, of which the expression is characters [start, end) of the text."""

    node: exp.EQ
    start: int
    end: int

    @property
    def column(self) -> exp.Column:
        """The assigned column."""
        column = self.node.this
        assert isinstance(column, exp.Column)
        return column

    @property
    def value(self) -> exp.Expr:
        """The assigned expression."""
        value = self.node.expression
        assert isinstance(value, exp.Expr)
        return value

    @property
    def name(self) -> str:
        """The column's name in lower case."""
        return str(self.column.name).lower()


def assignments(tree: exp.Expr, statement: Statement) -> list[Assignment]:
    """The SET clause of an UPDATE, or what ON DUPLICATE KEY UPDATE assigns. Raises Refusal for forms that are not known."""
    if isinstance(tree, exp.Update):
        listed = tree.expressions
        begin = _after(statement, ("SET",))
    else:
        conflict = tree.args.get("conflict")
        if conflict is None:
            return []
        listed = conflict.expressions
        begin = _after(statement, ("ON", "DUPLICATE", "KEY", "UPDATE"))
    places = _places(statement, begin)
    if len(places) != len(listed):
        raise proof.unproved()
    found = []
    for node, (first, last) in zip(listed, places, strict=True):
        if not isinstance(node, exp.EQ) or not isinstance(node.this, exp.Column):
            raise Refusal("42000", "an assignment of this form is not available here", hint="Write column = value.")
        equals = next(index for index in range(first, last + 1) if statement.word(index) in {"=", ":="})
        tokens = statement.tokens
        if equals == last:
            raise proof.unproved()
        found.append(Assignment(node, tokens[equals + 1].start, tokens[last].end))
    return found


def inserted(tree: exp.Insert, table: Table) -> tuple[frozenset[str], frozenset[str]]:
    """The columns that get a value in new rows, in lower case, and those of them that are NULL in all of them."""
    names = [column.name.lower() for column in table.columns if not column.generated]
    if isinstance(tree.this, exp.Schema) and tree.this.expressions:
        names = [column.name.lower() for column in tree.this.expressions]
    nulls = set(names)
    values = tree.expression
    rows = values.expressions if isinstance(values, exp.Values) else []
    for row in rows:
        given = row.expressions if isinstance(row, exp.Tuple) else []
        if len(given) == 1 and isinstance(given[0], exp.Anonymous):  # ROW(1, 2)
            given = given[0].expressions
        nulls &= {name for name, value in zip(names, given, strict=False) if isinstance(value, exp.Null)}
    return frozenset(names), frozenset(nulls if rows else ())


def _after(statement: Statement, words: tuple[str, ...]) -> int:
    """The index behind the one place outside of parentheses where `words` stand."""
    depth, found = 0, []
    for index in range(len(statement.tokens)):
        word = statement.word(index)
        depth += (word == "(") - (word == ")")
        if not depth and all(statement.word(index + place) == each for place, each in enumerate(words)):
            found.append(index + len(words))
    if not found:
        raise proof.unproved()
    return found[0] if len(words) == 1 else found[-1]


def _places(statement: Statement, begin: int) -> list[tuple[int, int]]:
    """First and last token of each assignment from `begin` on."""
    places = []
    depth, first = 0, begin
    for index in range(begin, len(statement.tokens) + 1):
        word = statement.word(index)
        depth += (word == "(") - (word == ")")
        ended = index == len(statement.tokens) or (not depth and word in _ENDS)
        if ended or (not depth and word == ","):
            if index == first:
                raise proof.unproved()
            places.append((first, index - 1))
            first = index + 1
        if ended:
            break
    return places
