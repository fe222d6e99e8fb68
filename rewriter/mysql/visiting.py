"""In what order an UPDATE or DELETE visits the rows of a table that it writes: not in that of hidden values.

An index over visible and hidden columns gives the rows that a condition on the visible ones finds in the order of the hidden ones. LIMIT
takes the first of them, RETURNING tells all, and so does what a condition leaves behind at each row: variables, locks, numbers. Owns what
keeps the server from that where it could show: an order by a key, or an index hint, which DELETE of one table does not take. May not do:
know queries; they read subqueries with the same hint.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlglot import exp

from rewriter.model import Refusal
from rewriter.mysql import proof
from rewriter.mysql.substitution import hints_behind
from rewriter.mysql.views import quote

if TYPE_CHECKING:
    from collections.abc import Callable

    from rewriter.mysql.catalog import Catalog, Table
    from rewriter.mysql.reading import Statement
    from rewriter.mysql.scopes import Reference
    from rewriter.mysql.substitution import TextEdit

_ENDS: Final = frozenset({"LIMIT", "RETURNING", ";"})
_TELLING: Final = frozenset(
    {"BENCHMARK", "GET_LOCK", "LAST_INSERT_ID", "NEXTVAL", "RAND", "RELEASE_LOCK", "ROWNUM", "SETVAL", "SLEEP"}
)
"""Functions that tell one row from the next by when it is looked at."""


def visiting(  # noqa: PLR0913  a reference that is written, and where it stands
    tree: exp.Expr,
    reference: Reference,
    base: Table,
    hidden: frozenset[str],
    *,
    direct: bool,
    statement: Statement,
    text: str,
    catalog: Catalog,
) -> tuple[list[TextEdit], Callable[[], None] | None]:
    """The edits that keep rows from being visited in the order of `hidden` columns, and what changes the tree accordingly.

    `base` is the table that is written, `direct`ly or by a view over it. Raises Refusal where the order could show and nothing can keep it.
    """
    exposed = [
        quote(index.name)
        for index in base.indexes
        if index.name.upper() != "PRIMARY" and _mixes({column.lower() for column in index.columns}, hidden)
    ]
    if not exposed or not isinstance(tree, exp.Update | exp.Delete):
        return [], None
    told = _tells(tree, statement, catalog)
    if not told and not _matters(tree, base):
        return [], None
    single = tree if direct and reference.role == "target" else None
    key = None if told or single is None else _key(base, hidden)
    if single is not None and key is not None:
        order = ", ".join(quote(column) for column in key)
        # in small letters, for a condition that is added at the same place stands before it: edits are sorted
        added = f", {order}" if single.args.get("order") else f" order by {order}"
        end = _end(statement)
        return [(end, end, added)], lambda: proof.expect_order(single, order)
    if direct and (isinstance(tree, exp.Update) or single is None):
        hint = f"IGNORE INDEX ({', '.join(exposed)})"
        end = _behind(reference, statement, text)
        return [(end, end, f" {hint}")], lambda: proof.expect_hint(reference.node, hint)
    message = f"rows of {base.schema}.{base.name} could be written in the order of hidden values"
    hint = "Leave out LIMIT, RETURNING, variables and functions, or read the keys first and name them."
    raise Refusal("42000", message, hint=hint)


def _mixes(columns: set[str], hidden: frozenset[str]) -> bool:
    return bool(columns & hidden) and not columns <= hidden


def _key(table: Table, hidden: frozenset[str]) -> tuple[str, ...] | None:
    """A unique key of visible columns none of which is ever NULL."""
    whole = {column.name for column in table.columns if column.not_null and column.name.lower() not in hidden}
    return next((columns for columns in table.unique if whole.issuperset(columns)), None)


def _matters(tree: exp.Expr, base: Table) -> bool:
    """Whether the order decides which rows are written, what triggers do, or whether a key or another row is in the way."""
    own = any(link.other == (base.schema, base.name) for link in base.links)
    if tree.args.get("limit") or tree.args.get("order") or base.triggers or own:
        return True
    keys = {column.lower() for columns in base.unique for column in columns}
    names = {each.this.name.lower() for each in tree.expressions if isinstance(each, exp.EQ)}
    return isinstance(tree, exp.Update) and not keys.isdisjoint(names)


def _tells(tree: exp.Expr, statement: Statement, catalog: Catalog) -> bool:
    """Whether a statement tells in what order it looks at rows, apart from those that it takes."""
    routines = {name for _, name in catalog.routines} | catalog.loadable
    called = {token.text for place, token in enumerate(statement.tokens) if statement.word(place + 1) == "("}
    stored = any(name.lower() in routines for name in called)
    variables = any(token.kind == "variable" for token in statement.tokens)
    return bool(tree.args.get("returning")) or variables or stored or not _TELLING.isdisjoint(map(str.upper, called))


def _behind(reference: Reference, statement: Statement, text: str) -> int:
    """The character behind a table's name, its alias and its index hints."""
    alias = reference.node.args.get("alias")
    named = (reference.node if alias is None else alias).this.meta.get("start")
    place = next((place for place, token in enumerate(statement.tokens) if token.start == named), None)
    if place is None:
        raise proof.unproved()
    if alias is None and statement.word(place + 1) == "PARTITION":
        place = statement.closing(place + 2)
    return statement.tokens[hints_behind(statement, place + 1, text)[0] - 1].end


def _end(statement: Statement) -> int:
    """The character behind which ORDER BY of a DELETE stands, or what is added to it."""
    depth = 0
    for place in range(len(statement.tokens)):
        word = statement.word(place)
        depth += (word == "(") - (word == ")")
        if place and not depth and word in _ENDS and statement.word(place - 1) != ".":
            return statement.tokens[place - 1].end
    return statement.tokens[-1].end
