"""Masks in place: a plain SELECT from one table has them in its list of columns, and needs no subquery.

Owns which statements are as plain as that, and their edits. A subquery around the table costs the server half as much again as a point select
itself. Where a hidden column is shown, and nothing else of the statement so much as names it, the mask can stand where its name stood:
conditions, orders and limits are on what is not hidden, and read the table as they would without Louver. May not do: decide what is
hidden. All that is not plain is `rewriter.mysql.substitution`'s.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlglot import exp

from rewriter.model import Masked
from rewriter.mysql import proof
from rewriter.mysql.labels import written
from rewriter.mysql.masks.target import target_of
from rewriter.mysql.names import fold
from rewriter.mysql.substitution import Replacement, end_of, needed
from rewriter.mysql.views import quote

if TYPE_CHECKING:
    from rewriter.model import Use
    from rewriter.mysql.catalog import Catalog, Table
    from rewriter.mysql.expansion import Reader
    from rewriter.mysql.reading import Statement
    from rewriter.mysql.scopes import Findings, Reference
    from rewriter.mysql.substitution import TextEdit

_CLAUSES: Final = frozenset({"expressions", "from_", "where", "order", "limit", "offset", "locks"})
_TABLE: Final = frozenset({"this", "db", "alias"})
_ROW: Final = "_rowid"
"""Another name of a key, which may be hidden under its own. Source: the servers' manuals, CREATE INDEX, "Unique Indexes"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InPlace(Replacement):
    """A table that is read itself, with masks in the list of columns.

    `masked`: by result column, the table and the column that the server would have told it to be of, None where it does.
    """

    masked: tuple[Masked | None, ...]


@dataclass(frozen=True, slots=True)
class _Item:
    """A hidden column in the list: its node, its tokens from `first` to `last`, and the one that is its alias."""

    column: exp.Column
    first: int
    last: int
    alias: int | None


def in_place(
    found: Findings, reads: list[tuple[Reference, Table]], reader: Reader, statement: Statement, text: str
) -> InPlace | None:
    """The one table of a plain SELECT, with masks in place; None where the statement is not that plain. Changes the tree.

    Raises Refusal for a denied column and for a rule that cannot be applied.
    """
    if len(reads) != 1 or not _is_plain(found, reads[0][0]):
        return None
    reference, table = reads[0]
    name = (table.schema, table.name)
    if not reader.world.protects(name) or name in reader.world.views or name in reader.world.filters:
        return None
    columns = {column.name.lower(): column.name for column in table.columns}
    if _ROW in found.names or not all(column.name.lower() in columns for column in found.columns):
        return None
    at = {token.start: place for place, token in enumerate(statement.tokens) if token.named}
    end = end_of(reference, statement, text)
    items = _items(found.tree, statement, at, reader.world.hidden(name))
    if end is None or items is None or not all(_is_of(reference, table, item, reader.catalog) for item in items):
        return None
    view, _ = reader.view_of(table)
    shown: dict[str, str] = {}
    sizes: dict[str, tuple[int, int]] = {}
    uses: list[Use] = []
    for column, _ in needed(reference, table, found):
        plain = column.name.lower()
        shown[plain], used, characters = view.listed_as(column, reference.called)
        sizes[plain] = (characters, (characters and target_of(column).length) or 0)
        uses += used
    hidden = {
        id(item.column): Masked(reference.called, table.name, columns[plain], *sizes[plain])
        for item, plain in ((item, item.column.name.lower()) for item in items)
    }
    masked = tuple(hidden.get(id(_column(item))) for item in found.tree.expressions)
    edits = [_edit(item, shown[item.column.name.lower()], statement, text) for item in items]
    hint = view.unread()
    if hint:
        edits.append((end, end, f" {hint}"))
        proof.expect_hint(reference.node, hint)
    return InPlace(reference, table, tuple(edits), tuple(uses), masked=masked)


def _is_of(reference: Reference, table: Table, item: _Item, catalog: Catalog) -> bool:
    """Whether a column is of this table as it is written, and can be told as such: names in descriptions may be in any character set."""
    schema, name = item.column.db or table.schema, item.column.table or reference.called
    same = (fold(schema, catalog), fold(name, catalog)) == (
        fold(table.schema, catalog),
        fold(reference.called, catalog),
    )
    return same and (reference.called + table.name + item.column.name).isascii()


def _is_plain(found: Findings, reference: Reference) -> bool:
    """Whether a statement is one SELECT of columns from one table, with nothing between or around."""
    tree, node = found.tree, reference.node
    if not isinstance(tree, exp.Select) or _given(tree) - _CLAUSES or "into" in found.names:
        return False
    if len(list(tree.find_all(exp.Query, exp.Table))) != 2 or not isinstance(node.parent, exp.From):
        return False
    order = tree.args.get("order")
    by = [each.this for each in order.expressions] if order is not None else []
    return (
        not _given(node) - _TABLE
        and all(_is_column(_column(item)) for item in tree.expressions)
        and all(_is_column(each) or isinstance(each, exp.Literal) for each in by)
    )


def _given(node: exp.Expr) -> set[str]:
    return {key for key, value in node.args.items() if value}


def _column(item: exp.Expr) -> exp.Expr:
    """An item of the list without its alias."""
    return item.this if isinstance(item, exp.Alias) else item


def _is_column(node: exp.Expr) -> bool:
    return isinstance(node, exp.Column) and isinstance(node.this, exp.Identifier)


def _items(tree: exp.Expr, statement: Statement, at: dict[int, int], hidden: frozenset[str]) -> list[_Item] | None:
    """The hidden columns of the list; None when their names, or those that they are given, stand anywhere else."""
    items: list[_Item] = []
    for expression in tree.expressions:
        column = _column(expression)
        if not isinstance(column, exp.Column) or column.name.lower() not in hidden:
            continue
        item = _item(column, expression.args.get("alias"), statement, at)
        if item is None:
            return None
        items.append(item)
    places = {place for item in items for place in (item.last, item.alias) if place is not None}
    words = {statement.tokens[place].text.lower() for place in places} | hidden
    if any(t.named and t.text.lower() in words and place not in places for place, t in enumerate(statement.tokens)):
        return None
    return items


def _item(column: exp.Column, alias: exp.Expr | None, statement: Statement, at: dict[int, int]) -> _Item | None:
    """Where a column of the list stands; None where that is not certain."""
    parts = [column.args[part] for part in ("db", "table", "this") if column.args.get(part)]
    first, last = (at.get(part.meta.get("start", -1)) for part in (parts[0], parts[-1]))
    if first is None or last is None or last - first != 2 * (len(parts) - 1) or statement.word(first - 1) == ".":
        return None
    given = None if alias is None else at.get(alias.meta.get("start", -1))
    if alias is not None and (given is None or given <= last):
        return None
    return _Item(column, first, last, given)


def _edit(item: _Item, sql: str, statement: Statement, text: str) -> TextEdit:
    """What stands for a column, called as it was. Changes the tree."""
    first, last = statement.tokens[item.first], statement.tokens[item.last]
    if item.alias is None:  # a result is called as its column is written
        sql = f"{sql} AS {quote(written(last, text))}"
    proof.expect_expression(item.column, sql)
    return first.start, last.end, sql
