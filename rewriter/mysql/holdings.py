"""What the result columns of a query hold of labelled columns, for the table that is made of it.

Owns reading a query for this. A plain copy of a column has its label; whatever is computed from one, or cannot be told, is
`derived`; labelled columns that decide which rows there are make every column so. May not do: know a caller, or a statement
around the query.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from sqlglot import exp

from policies.masks import DERIVED
from policies.model import ColumnName, Label
from rewriter.mysql.alterations import names_in
from rewriter.mysql.catalog import Table
from rewriter.mysql.reading import parse
from rewriter.mysql.scopes import walk

if TYPE_CHECKING:
    from rewriter.model import Name
    from rewriter.mysql.reading import Reading, Statement
    from rewriter.mysql.scopes import Findings

Reads = Callable[[str | None, str], tuple[Table | None, Mapping[str, Label], Label | None]]
"""What a table of this written name holds: the catalog's table, its labels by column in lower case, or one label of all in it."""


@dataclass(frozen=True, slots=True)
class Held:
    """The labels of a query's columns, by name in lower case, None of one that has none; `rest` is that of all others."""

    columns: Mapping[str, Label | None]
    rest: Label | None = None

    @property
    def labels(self) -> list[Label]:
        """All that there are."""
        return [label for label in (*self.columns.values(), self.rest) if label is not None]


def holdings(query: Statement, reading: Reading, reads: Reads, *, folds: bool) -> Held:
    """What a query's columns hold. Raises Refusal and RecursionError when it cannot be read; then `crude` says what they may."""
    tree = parse(reading, query)
    found = walk(tree, reading.text, query, folds=folds)
    while isinstance(tree, exp.Subquery) and not {key for key, value in tree.args.items() if value} - {"this"}:
        tree = tree.this
    tables: list[Table] = []
    sensitive: dict[str, Label] = {}
    through: list[Label] = []
    everything = bool(found.stars or found.starred or found.natural)
    for reference in found.references:
        table, labels, whole = reads(reference.schema, reference.name)
        if whole is not None:
            through.append(whole)
        if table is not None:
            tables.append(table)
        for column, label in labels.items():
            if everything or column in found.names:
                sensitive[column] = joined([label, sensitive.get(column)])
    if through:
        return Held({}, derived([*through, *sensitive.values()]))
    if not sensitive:
        return Held({})
    return _copies(tree, found, tables, sensitive, query) or Held({}, derived(sensitive.values()))


def crude(query: Statement, everything: Iterable[tuple[str, list[Label]]]) -> Held:
    """What a query's columns may hold, by the names of tables that occur in it; `everything` are all tables with their labels."""
    names = names_in(query.tokens)
    behind = [label for name, labels in everything if name.lower() in names for label in labels]
    return Held({}, derived(behind)) if behind else Held({})


def _copies(
    tree: exp.Expr, found: Findings, tables: list[Table], sensitive: Mapping[str, Label], query: Statement
) -> Held | None:
    """The labels of a plain SELECT, the rows of which no labelled column decides; None when it is anything else."""
    if not isinstance(tree, exp.Select) or not _is_plain(tree, found, sensitive):
        return None
    columns: dict[str, Label | None] = {}
    rest: list[Label] = []
    starred = [column.name.lower() for table in tables for column in table.columns]
    for target in tree.expressions:
        if isinstance(target, exp.Star) or (isinstance(target, exp.Column) and isinstance(target.this, exp.Star)):
            columns |= {**dict.fromkeys(starred), **columns, **sensitive}
            continue
        name, label = _named(target, query), _label(target, sensitive)
        if name is not None:
            columns[name] = joined([label, columns.get(name)]) if label or columns.get(name) else None
        elif label is not None:
            rest.append(label)
    outside = _identifiers(each for key, value in tree.args.items() if key != "expressions" for each in _nodes(value))
    if outside & (sensitive.keys() | {name for name, label in columns.items() if label}) or _by_place(tree, sensitive):
        return None
    if rest:
        return Held(columns, derived(rest))
    return Held({name: label for name, label in columns.items() if label is not None})


def _is_plain(tree: exp.Select, found: Findings, sensitive: Mapping[str, Label]) -> bool:
    """Whether it is a SELECT from tables and joins of such, and every word that may be a labelled column is in the tree."""
    if tree.args.get("with_") or tree.args.get("distinct") or found.natural or found.laterals:
        return False
    inner = tree.find(exp.Subquery, exp.SetOperation, exp.Values)
    if inner is not None or any(each is not tree for each in tree.find_all(exp.Select)):
        return False
    written = sensitive.keys() & found.names.keys()
    return written <= _identifiers([tree])


def _named(target: exp.Expr, query: Statement) -> str | None:
    """The name of a result column; None when it is the text of an expression, or written in a way that the server may change.

    The parser leaves out some words that count for that text (+, BINARY), so the words beside a plain column are looked at.
    """
    if isinstance(target, exp.Alias):
        name = target.alias
    elif isinstance(target, exp.Column):
        parts = [
            target.args[key].meta.get("start") for key in ("catalog", "db", "table", "this") if target.args.get(key)
        ]
        at = {token.start: index for index, token in enumerate(query.tokens)}
        first, last = at.get(parts[0], -1), at.get(parts[-1], -1)
        if first < 0 or last < 0:
            return None
        before, after = query.word(first - 1), query.word(last + 1)
        if before not in _BEFORE or (after not in _BEHIND and last + 1 < len(query.tokens)):
            return None
        name = target.name
    else:
        return None
    return name.lower() if _SIMPLE.fullmatch(name) else None


def _label(target: exp.Expr, sensitive: Mapping[str, Label]) -> Label | None:
    """The label of an expression: that of a plain column, `derived` of what is computed from labelled ones."""
    value = target.this if isinstance(target, exp.Alias) else target
    if isinstance(value, exp.Column):
        return sensitive.get(value.name.lower())
    behind = [sensitive[name] for name in sorted(_identifiers([value]) & sensitive.keys())]
    return derived(behind) if behind else None


def _by_place(tree: exp.Select, sensitive: Mapping[str, Label]) -> bool:
    """Whether GROUP BY 2 or ORDER BY 2 may mean a column that holds something labelled."""
    clauses = [tree.args.get(key) for key in ("group", "order")]
    placed = any(each.find(exp.Literal) is not None for each in clauses if isinstance(each, exp.Expr))
    return placed and any(_label(target, sensitive) is not None for target in tree.expressions)


def _nodes(value: object) -> list[exp.Expr]:
    if isinstance(value, list):
        return [each for each in value if isinstance(each, exp.Expr)]
    return [value] if isinstance(value, exp.Expr) else []


def _identifiers(nodes: Iterable[exp.Expr]) -> set[str]:
    """Every name in some trees, in lower case."""
    return {
        str(node.this).lower()
        for each in nodes
        for node in each.walk()
        if isinstance(node, exp.Identifier | exp.Var | exp.Anonymous)
    }


_BEFORE: Final = frozenset({",", "SELECT", "ALL"})
_BEHIND: Final = frozenset({",", "FROM", "INTO", ")"})
_SIMPLE: Final = re.compile(r"[\w$]+")


# -- labels ------------------------------------------------------------------------------------------------------


def derived(labels: Iterable[Label]) -> Label:
    """The label of what is computed from values with these; it has no sources when it is not known where one of them is from."""
    found = list(labels)
    return Label(DERIVED, max((label.level for label in found), default=0), _sources(found))


def joined(labels: Iterable[Label | None]) -> Label:
    """The label of a column that holds values of all these: whoever sees it is to see each of them."""
    found = [label for label in labels if label is not None]
    if len({label.category for label in found}) > 1:
        return derived(found)
    return replace(max(found, key=lambda label: label.level), sources=_sources(found))


def traced(labels: Mapping[str, Label], table: Name) -> dict[str, Label]:
    """Labels of a table's columns that say from which column they are."""
    return {
        column: label if label.sources else replace(label, sources=(ColumnName(*table, column),))
        for column, label in labels.items()
    }


def _sources(labels: list[Label]) -> tuple[ColumnName, ...]:
    if not all(label.sources for label in labels):
        return ()
    return tuple(sorted({source for label in labels for source in label.sources}, key=str))
