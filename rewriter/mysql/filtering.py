"""Writes of filtered tables: which of them can be kept to the rows that the caller has, and the edits of their conditions.

Owns that. A new row's values are compared with the filter here, before anything is sent, so only constants will do. May not do:
print a filter's condition, or judge keys (`rewriter.mysql.telling`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from sqlglot import exp

from rewriter.mysql import proof
from rewriter.mysql.searching import compares_plainly

if TYPE_CHECKING:
    from policies.model import RowFilter
    from rewriter.mysql.catalog import Table
    from rewriter.mysql.reading import Statement
    from rewriter.mysql.substitution import TextEdit
    from rewriter.mysql.telling import Effect

_EQUAL: Final = re.compile(
    r'\s*(?:"(?P<quoted>[^"]+)"|(?P<plain>[A-Za-z_]\w*))\s*=\s*(?:\{0\}|(?P<constant>\d+|\'[^\'\\\\]*\'))\s*'
)
_ENDS: Final = frozenset({"ORDER", "LIMIT", "RETURNING", ";"})


def narrowed(
    tree: exp.Expr, table: Table, statement: Statement, text: str, condition: str
) -> tuple[list[TextEdit], str]:
    """The edits by which an UPDATE or DELETE touches only rows that meet `condition`, and what its condition becomes of `?`.

    Its own condition is computed on no other row, unless it can neither fail nor warn. CASE keeps that order.
    """
    first, last = _where(statement)
    where = tree.args.get("where")
    if (where is None) != (first is None):
        raise proof.unproved()
    tokens = statement.tokens
    if first is None or where is None:
        end = tokens[last].end
        return [(end, end, f" WHERE {condition}")], condition
    plain = compares_plainly(where.this, table, statement, text)
    before, after = (f"{condition} AND (", ")") if plain else (f"CASE WHEN {condition} THEN (", ") ELSE FALSE END")
    start, end = tokens[first].start, tokens[last].end
    return [(start, start, before), (end, end, after)], f"{before}?{after}"


def _where(statement: Statement) -> tuple[int | None, int]:
    """First and last token of the condition; without one, None and the token behind which it would begin."""
    depth, first, end = 0, None, len(statement.tokens)
    for index in range(len(statement.tokens)):
        word = statement.word(index)
        depth += (word == "(") - (word == ")")
        if depth or statement.tokens[index].kind == "quoted" or statement.word(index - 1) == ".":
            continue
        if word == "WHERE" and first is None:
            first = index + 1
        elif word in _ENDS and index > 1:
            end = index
            break
    if end - 1 < (first or 1):
        raise proof.unproved()
    return first, end - 1


def against_insert(
    tree: exp.Insert, table: Table, filtered: RowFilter, effect: Effect, *, replaces: bool
) -> str | None:
    """Why an INSERT may not add its rows, the noun of a message; None when all of them meet the filter, as their constants say."""
    if replaces:
        return "REPLACE"
    if tree.args.get("conflict") is not None or tree.args.get("ignore"):
        return "INSERT with IGNORE or ON DUPLICATE KEY UPDATE"
    wanted = _wanted(filtered)
    if wanted is None:
        return "INSERT"
    column, value = wanted
    names = [each.name.lower() for each in table.columns if not each.generated and not each.invisible]
    if isinstance(tree.this, exp.Schema) and tree.this.expressions:
        names = [each.name.lower() for each in tree.this.expressions]
    values = tree.expression
    if not isinstance(values, exp.Values) or column not in names or column not in (effect.inserted or frozenset()):
        return f"INSERT without a constant for {column}"
    place = names.index(column)
    for row in values.expressions:
        given = row.expressions if isinstance(row, exp.Tuple) else []
        if place >= len(given) or not isinstance(given[place], exp.Literal) or _constant(given[place]) != value:
            return f"INSERT of a row with another {column} than {value}"
    return None


def _wanted(filtered: RowFilter) -> tuple[str, str | int] | None:
    """The column and the one value of it that a filter takes, when it is written so."""
    rows = filtered.rows
    found = None if rows is None else _EQUAL.fullmatch(rows.text)
    if found is None or rows is None:
        return None
    column = (found["quoted"] or found["plain"]).lower()
    constant: object = rows.values[0] if found["constant"] is None else found["constant"]
    if isinstance(constant, str) and found["constant"] is not None:
        constant = constant[1:-1] if constant.startswith("'") else int(constant)
    return (column, constant) if isinstance(constant, str | int) and not isinstance(constant, bool) else None


def _constant(literal: exp.Literal) -> str | int | None:
    if literal.is_string:
        return str(literal.this)
    return int(literal.this) if str(literal.this).isdigit() else None
