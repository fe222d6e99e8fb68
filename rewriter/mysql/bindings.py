"""Which columns of a statement are those of a table that it writes, and so cannot be substituted.

Owns the resolution of names through nested query blocks. Where a name could mean the table or something within, that is
refused. May not do: say what takes a column's place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from rewriter.model import Refusal
from rewriter.mysql.names import fold

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rewriter.mysql.catalog import Catalog, Table
    from rewriter.mysql.scopes import Reference


def bound(column: exp.Column, target: Reference, table: Table, tables: Mapping[int, Table], catalog: Catalog) -> bool:
    """Whether a column is one of `target`'s, which is `table`; the column's name is one of its columns.

    `tables` are the known tables of references, by the id of their node. Raises Refusal 42000 where that cannot be told.
    """
    qualifier = column.table
    if qualifier and fold(qualifier, catalog) != fold(target.called, catalog):
        return False
    if column.db and fold(column.db, catalog) != fold(table.schema, catalog):
        return False
    child: exp.Expr = column
    above = column.parent
    while above is not None and above is not target.level:
        searched = isinstance(above, exp.Select) and child.arg_key not in {"limit", "offset", "with_"}
        if searched and _found_within(column, qualifier, above, child, tables, catalog):
            return False
        child, above = above, above.parent
    return above is target.level


def _found_within(  # noqa: PLR0913, PLR0917  a name, and where it is looked up
    column: exp.Column,
    qualifier: str,
    block: exp.Expr,
    clause: exp.Expr,
    tables: Mapping[int, Table],
    catalog: Catalog,
) -> bool:
    """Whether a query block within the statement has what the column names."""
    inside = clause.arg_key in {"from_", "joins"}
    for source in sources(block):
        called = source.alias_or_name
        if qualifier:
            if fold(called, catalog) == fold(qualifier, catalog):
                return True
            continue
        known = _columns(source, tables)
        if known is None:
            message = f"it is not clear whose column {column.name} is"
            hint = "Write the table's name or alias before the column."
            raise Refusal("42000", message, hint=hint, position=int(column.this.meta.get("start", 0)) + 1)
        if column.name.lower() in known:
            return True
    if not qualifier and not inside and clause.arg_key in {"order", "group", "having"}:
        return any(
            item.alias.lower() == column.name.lower() for item in block.expressions if isinstance(item, exp.Alias)
        )
    return False


def sources(block: exp.Expr) -> Iterator[exp.Expr]:
    """The tables, derived tables and the like among which a block finds columns."""
    waiting: list[exp.Expr] = [join.this for join in block.args.get("joins") or ()]
    origin = block.args.get("from_")
    if origin is not None:
        waiting.append(origin.this)
    while waiting:
        source = waiting.pop()
        waiting += [join.this for join in source.args.get("joins") or ()]
        if isinstance(source, exp.Subquery) and not source.alias and isinstance(source.this, exp.Table | exp.Subquery):
            waiting.append(source.this)
            continue
        yield source


def _columns(source: exp.Expr, tables: Mapping[int, Table]) -> frozenset[str] | None:
    """The names of a source's columns in lower case; None when they are not known here."""
    known = tables.get(id(source))
    if known is not None:
        return frozenset(column.name.lower() for column in known.columns)
    if isinstance(source, exp.Subquery) and isinstance(source.this, exp.Query):
        alias = source.args.get("alias")
        if alias is not None and alias.columns:
            return frozenset(column.name.lower() for column in alias.columns)
        names = source.this.named_selects
        return None if "*" in names or source.this.is_star else frozenset(name.lower() for name in names)
    return None
