"""What the items of a FROM clause are called and which columns they have.

Owns items, scopes and the visibility of one item to the next (LATERAL, joins). Source: PostgreSQL, parse_clause.c,
transformFromClauseItem. May not do: bind anything; expressions inside are handed back to the binder.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

Node = dict[str, Any]
Names = tuple[str, ...] | None
"""Columns of an item in their order; None when they cannot be known."""


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """A FROM item. `name` is what qualifies its columns, None for nothing does.

    `plain`: its columns are found without a qualifier. `relation`: (schema, name) when schema.name qualifies, too.
    `merged`: an unqualified star gives fewer columns, for a join merges some. `target`: the relation that is written.
    """

    name: str | None
    columns: Names
    plain: bool = True
    target: bool = False
    relation: tuple[str, str] | None = None
    merged: bool = False


@dataclass(frozen=True, slots=True)
class Scope:
    """Levels of FROM items, the innermost first, and the columns of the WITH items."""

    levels: tuple[list[Item], ...] = ()
    ctes: tuple[tuple[str, Names], ...] = ()

    def inside(self, items: list[Item]) -> Scope:
        """The scope of a query with these items."""
        return replace(self, levels=(items, *self.levels))

    def naming(self, ctes: Mapping[str, Names]) -> Scope:
        """The scope with WITH items added; later ones hide earlier ones."""
        return replace(self, ctes=(*ctes.items(), *self.ctes))

    def cte(self, name: str) -> tuple[bool, Names]:
        """Whether a WITH item of this name is in scope, and its columns."""
        for known, columns in self.ctes:
            if known == name:
                return True, columns
        return False, None


class Walker(Protocol):
    """What binds the expressions within FROM items."""

    @property
    def columns_of(self) -> Any:  # noqa: ANN401  a callable that a dataclass holds
        """Gives (columns, (schema, name) or None) of a RangeVar."""

    def expression(self, root: Any, scope: Scope) -> None:  # noqa: ANN401  any part of a tree
        """Bind an expression."""

    def select(self, query: Node, scope: Scope) -> Names:
        """Bind a query."""


_SCALAR = frozenset({"generate_series", "generate_subscripts", "string_to_table", "regexp_split_to_table"})
"""Built-in functions whose only column is named after the item."""


def from_clause(nodes: list[Node], scope: Scope, walker: Walker) -> list[Item]:
    """The items of a FROM clause; what stands within them is bound on the way."""
    items: list[Item] = []
    for node in nodes:
        items += _item(node, scope, items, walker)
    return items


def of_alias(columns: Names, alias: Node) -> Names:
    """Columns under an alias that may rename the first of them."""
    renamed = [part["String"]["sval"] for part in alias.get("colnames", [])]
    if not renamed or columns is None:
        return columns
    return (*renamed, *columns[len(renamed) :])


def _item(node: Node, scope: Scope, before: list[Item], walker: Walker) -> list[Item]:
    kind, fields = next(iter(node.items()))
    alias = fields.get("alias") or {}
    name = alias.get("aliasname")
    beside = scope.inside(before)  # what LATERAL sees
    if kind == "RangeVar":
        return [_relation(fields, alias, scope, walker)]
    if kind == "RangeSubselect":
        columns = walker.select(fields["subquery"]["SelectStmt"], beside if fields.get("lateral") else scope)
        return [Item(name, of_alias(columns, alias))]
    if kind == "RangeTableSample":
        rest = {key: value for key, value in fields.items() if key != "relation"}
        walker.expression(rest, beside)
        return _item(fields["relation"], scope, before, walker)
    if kind == "JoinExpr":
        return _join(fields, scope, before, walker)
    walker.expression({key: value for key, value in fields.items() if key != "alias"}, beside)
    if kind == "RangeFunction":
        return [_function(fields, alias)]
    return [Item(name, None)]


def _relation(fields: Node, alias: Node, scope: Scope, walker: Walker) -> Item:
    relname = fields["relname"]
    is_cte, columns = scope.cte(relname) if "schemaname" not in fields else (False, None)
    relation = None
    if not is_cte:
        columns, relation = walker.columns_of(fields)
    return Item(alias.get("aliasname", relname), of_alias(columns, alias), relation=None if alias else relation)


def _join(fields: Node, scope: Scope, before: list[Item], walker: Walker) -> list[Item]:
    left = _item(fields["larg"], scope, before, walker)
    right = _item(fields["rarg"], scope, [*before, *left], walker)
    both = [*left, *right]
    if "quals" in fields:
        walker.expression(fields["quals"], scope.inside(both))
    merges = "usingClause" in fields or bool(fields.get("isNatural"))
    if "alias" in fields:
        columns: Names = ()
        for item in both:
            if item.plain:
                columns = None if columns is None or item.columns is None else (*columns, *item.columns)
        renamed = fields["alias"].get("colnames")
        known = (
            None if (merges or any(item.merged for item in both)) and renamed else of_alias(columns, fields["alias"])
        )
        return [Item(fields["alias"]["aliasname"], known, merged=merges)]
    if merges:
        both = [replace(item, merged=True) for item in both]
    if "join_using_alias" in fields:
        using = tuple(part["String"]["sval"] for part in fields["usingClause"])
        both.append(Item(fields["join_using_alias"]["aliasname"], using, plain=False))
    return both


def _function(fields: Node, alias: Node) -> Item:
    """A function's columns are known when they are listed, or when it is built in and gives one value a row."""
    calls = [entry["List"]["items"][0] for entry in fields["functions"]]
    functions = [call["FuncCall"]["funcname"] for call in calls if "FuncCall" in call]
    names = [function[-1]["String"]["sval"] for function in functions]
    name = alias.get("aliasname") or (names[0] if names else None)
    listed: Names = None
    if "coldeflist" in fields:
        listed = tuple(column["ColumnDef"]["colname"] for column in fields["coldeflist"])
    elif len(calls) == 1 and len(names) == 1 and names[0] in _SCALAR and len(functions[0]) == 1 and name is not None:
        listed = of_alias((name,), alias)
    if listed is not None and fields.get("ordinality"):
        listed = of_alias((*listed[:1], "ordinality"), alias) if "coldeflist" not in fields else None
    return Item(name, listed)
