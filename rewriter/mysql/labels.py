"""The names of result columns: the servers call an expression by its text, so an edited one gets the text of before as a name.

Owns finding the items of SELECT lists in the tokens, and which columns are called otherwise over a subquery. May not do: touch an item that has a name of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlglot import exp

from rewriter.mysql.substitution import Substitute
from rewriter.mysql.views import quote

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rewriter.mysql.lexer import Token
    from rewriter.mysql.reading import Statement
    from rewriter.mysql.scopes import Findings
    from rewriter.mysql.substitution import Replacement, TextEdit

BEFORE: Final = " AS "
"""What stands before a name that is added."""
MAX_LABEL: Final = 255
"""Characters of such a name that both servers keep; source: MAX_ALIAS_NAME in the servers' sql_const.h."""
_ENDS: Final = frozenset(
    {
        *("FROM", "INTO", "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "UNION", "EXCEPT", "INTERSECT", "MINUS"),
        *("FOR", "LOCK", "WINDOW", "PROCEDURE", "OFFSET", "FETCH", "QUALIFY", ";"),
    }
)
_FIRST: Final = frozenset(
    {
        *("ALL", "DISTINCT", "DISTINCTROW", "HIGH_PRIORITY", "STRAIGHT_JOIN", "SQL_SMALL_RESULT", "SQL_BIG_RESULT"),
        *("SQL_BUFFER_RESULT", "SQL_NO_CACHE", "SQL_CACHE", "SQL_CALC_FOUND_ROWS"),
    }
)


def named(tree: exp.Expr) -> frozenset[int]:
    """The characters at which names of result columns begin that the client gives."""
    aliases = (node.args["alias"] for node in tree.find_all(exp.Alias) if _is_name(node))
    return frozenset(int(alias.meta.get("start", -1)) for alias in aliases)


def labels(
    called: frozenset[int],
    statement: Statement,
    text: str,
    edits: list[TextEdit],
    spelled: frozenset[str] = frozenset(),
) -> list[TextEdit]:
    """Edits that name the items of SELECT lists that other edits change. A name stands in backticks behind BEFORE.

    `called` are the characters at which items have names already; `spelled` the columns, in lower case, that the statement writes in
    several ways, of which a subquery gives but one.
    """
    if not edits:
        return []
    added: list[TextEdit] = []
    for first, last in _items(statement):
        tokens = statement.tokens
        start, end = tokens[first].start, tokens[last].end
        if tokens[last].start in called:
            continue
        if all((token.text == ".") == (place % 2 == 1) for place, token in enumerate(tokens[first : last + 1])):
            # a column, which is called as before
            if tokens[last].named and tokens[last].text.lower() in spelled:
                added.append((end, end, f"{BEFORE}{quote(written(tokens[last], text))}"))
            continue
        if not any(start <= a and b <= end for a, b, _ in edits):
            continue
        label = text[start:end][:MAX_LABEL].rstrip()
        if all(ord(character) <= 0xFFFF for character in label):
            added.append((end, end, f"{BEFORE}{quote(label)}"))
    return added


def spellings(found: Findings) -> frozenset[str]:
    """Names that are written in several ways, in lower case, where all columns are of tables; one of a client's subquery is called as there."""
    tree = found.tree
    derived = any(isinstance(each.parent, exp.From | exp.Join) for each in tree.find_all(exp.Subquery))
    if derived or found.laterals or tree.find(exp.With) is not None:
        return frozenset()
    return frozenset(name for name, ways in found.names.items() if len(ways) > 1)


def of_tables(spelled: frozenset[str], replaced: Sequence[Replacement]) -> frozenset[str]:
    """Those of tables, of which a subquery gives a column one spelling; a view's column is called as there."""
    if not all(isinstance(each, Substitute) for each in replaced):
        return frozenset()
    views = (each.table for each in replaced if each.table.kind == "view")
    return spelled - {column.name.lower() for view in views for column in view.columns}


def written(token: Token, text: str) -> str:
    """A name as it is written, without quotes."""
    return token.text if token.kind == "quoted" else text[token.start : token.end]


def without(tree: exp.Expr, places: set[int]) -> exp.Expr:
    """A tree without the names that begin at these characters."""
    for node in list(tree.find_all(exp.Alias)):
        if _is_name(node) and node.args["alias"].meta.get("start") in places:
            node.replace(node.this)
    return tree


def _is_name(node: exp.Alias) -> bool:
    return isinstance(node.args.get("alias"), exp.Identifier)


def _items(statement: Statement) -> Iterator[tuple[int, int]]:
    """The first and the last token of each item of each list behind SELECT and RETURNING."""
    for index in range(len(statement.tokens)):
        if statement.word(index) in {"SELECT", "RETURNING"}:
            first = index + 1
            while statement.word(first) in _FIRST:
                first += 1
            yield from _list(statement, first)


def _list(statement: Statement, first: int) -> Iterator[tuple[int, int]]:
    depth = 0
    for index in range(first, len(statement.tokens) + 1):
        word = statement.word(index)
        ended = index == len(statement.tokens) or (not depth and word in _ENDS) or (not depth and word == ")")
        if (ended or (not depth and word == ",")) and index > first:
            yield first, index - 1
            first = index + 1
        if ended:
            return
        depth += (word == "(") - (word == ")")
