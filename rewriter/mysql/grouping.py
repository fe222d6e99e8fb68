"""Names in GROUP BY that MySQL reads otherwise over a subquery than over a table.

Owns the check for a name that is both an item of the result and a column of FROM: which of the two MySQL groups by depends on whether the
item is a column of a table, of a subquery's table or of a subquery's expression. May not do: read anything but trees.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from rewriter.model import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rewriter.mysql.catalog import Table
    from rewriter.mysql.scopes import Findings, Reference


def check_grouping(found: Findings, tables: list[tuple[Reference, Table]], substituted: Iterable[Reference]) -> None:
    """Refuse a GROUP BY of such a name, where the item may be a column of one of the `substituted`. Raises Refusal 42000.

    `tables` are all that the statement reads.
    """
    replaced = {id(reference) for reference in substituted}
    if not replaced:
        return
    for block in found.tree.find_all(exp.Select):
        group = block.args.get("group")
        if group is None:
            continue
        plain = {r.called.lower() for r, _ in tables if r.level is block and id(r) not in replaced}
        grouped = {column.name.lower(): column for column in _names(group)}
        for item in block.expressions:
            column = item.this if isinstance(item, exp.Alias) else None
            name = item.alias.lower() if column is not None else ""
            if name not in grouped or not isinstance(column, exp.Column) or column.name.lower() == name:
                continue
            if column.table.lower() not in plain and name in _columns(block, found, tables):
                message = f"{name} in GROUP BY is an item of the result and a column of FROM"
                hint = "Name the column with its table, or the item by its number."
                raise Refusal("42000", message, hint=hint, position=_position(grouped[name]))


def _names(group: exp.Group) -> Iterator[exp.Column]:
    """The columns that are grouped by under their bare names."""
    for column in group.find_all(exp.Column):
        if not column.table and isinstance(column.parent, exp.Group | exp.Rollup | exp.Paren | exp.Tuple):
            yield column


def _columns(block: exp.Select, found: Findings, tables: list[tuple[Reference, Table]]) -> set[str]:
    """Names of columns that FROM of a block may have, in lower case: those of its tables, and of all subqueries of the statement."""
    names = {column.name.lower() for reference, table in tables if reference.level is block for column in table.columns}
    for query in found.tree.find_all(exp.Select):
        if query is block:
            continue
        if query.is_star:
            names |= {column.name.lower() for _, table in tables for column in table.columns}
        names |= {name.lower() for name in query.named_selects}
    for alias in found.tree.find_all(exp.TableAlias):
        names |= {column.name.lower() for column in alias.columns}
    return names


def _position(column: exp.Column) -> int:
    return int(column.this.meta.get("start", -1)) + 1
