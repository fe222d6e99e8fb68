"""Views that PostgreSQL updates by itself: which column of which table each of their columns is.

A view of that kind is one SELECT of one relation, and a column of it that is a plain copy is that of the relation. What the view
itself computes, by WHERE or in a column, is computed of the stored rows. Source: PostgreSQL manual, CREATE VIEW, updatable views.
Owns reading such definitions. May not do: know a statement.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from rewriter.model import Refusal
from rewriter.postgres.catalog import Relation
from rewriter.postgres.reading import encode, parse
from rewriter.postgres.scopes import Findings, walk
from rewriter.postgres.system import SYSTEM_COLUMNS

if TYPE_CHECKING:
    from rewriter.postgres.catalog import Catalog
    from rewriter.postgres.world import World

Node = dict[str, Any]

_ALLOWED = frozenset({"targetList", "fromClause", "whereClause", "sortClause", "limitOption", "op"})
_NONE: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Level:
    """A view over the next relation below: which of its columns are plain copies of which there, by name."""

    view: Relation
    copies: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands under a relation that is written: the table in the end, and the views above it, from the table upwards.

    `hidden`: the columns of the relation of which the caller does not see every value; `computed` are those of them that a view
    computes from hidden ones.
    """

    table: Relation
    levels: tuple[Level, ...]
    hidden: frozenset[str]
    computed: frozenset[str]


def under(relation: Relation, world: World, catalog: Catalog) -> Standing | str:
    """What stands under a relation, itself when it is a table; of a view that cannot be written by a caller, why."""
    levels: list[Level] = []
    computing: list[dict[str, frozenset[str] | None]] = []
    filters: list[Findings] = []
    table = relation
    while table.kind == "v" and (world.hides(table.oid) or levels):
        read = _read(table.definition or "")
        if isinstance(read, str):
            return read
        if any(c.kind == "rule" for c in table.constraints) or any(
            a.what == "trigger" for a in catalog.attached.get(table.oid, ())
        ):
            return "it has rules or triggers of its own, which are handed the stored rows"
        found = _level(table, read, world, catalog)
        if isinstance(found, str):
            return found
        level, computed, below = found
        levels.insert(0, level)
        computing.insert(0, computed)
        filters.insert(0, read.where)
        table = below
    if levels and table.kind not in {"r", "p"}:
        return "what is behind it is not a table"
    hidden, closed = world.hidden(table.oid), _NONE
    for level, computed, names in zip(levels, computing, filters, strict=True):
        if names.names & (hidden | SYSTEM_COLUMNS):
            return "which rows it has depends on hidden values"
        closed = frozenset(
            name for name, used in computed.items() if used is None or used & (hidden | SYSTEM_COLUMNS)
        ) | {name for name, copied in level.copies.items() if copied in closed}
        copied_hidden = {name for name, copied in level.copies.items() if copied in hidden}
        hidden = closed | copied_hidden | world.hidden(level.view.oid)
    return Standing(table, tuple(levels), hidden, closed)


@dataclass(frozen=True, slots=True)
class _Definition:
    """A view's query: what it reads, what its columns are, and what the rest of it names.

    `columns`: of each the name of a plain copy, or the names that its expression uses (None: perhaps all).
    """

    source: tuple[str | None, str]
    alias: str
    columns: tuple[str | frozenset[str] | None, ...]
    where: Findings
    others: tuple[tuple[str | None, str], ...]  # relations in subqueries


@lru_cache(maxsize=1024)
def _read(definition: str) -> _Definition | str:
    """Read the query of a view; why it is not a simple one."""
    not_simple = "it is not a plain selection from one relation"
    try:
        statements = parse(encode(definition))
    except Refusal:
        return "its definition cannot be read"
    select = statements[0]["stmt"].get("SelectStmt", {}) if len(statements) == 1 else {}
    sources = select.get("fromClause", [])
    if set(select) - _ALLOWED or select.get("op") != "SETOP_NONE" or len(sources) != 1 or "RangeVar" not in sources[0]:
        return not_simple
    source = sources[0]["RangeVar"]
    if select.get("limitOption", "LIMIT_OPTION_DEFAULT") != "LIMIT_OPTION_DEFAULT" or "colnames" in source.get(
        "alias", {}
    ):
        return not_simple
    found = walk(statements[0]["stmt"])
    own = [reference for reference in found.references if reference.node is source]
    if len(own) != 1:
        return not_simple
    others = tuple(reference.written for reference in found.references if reference is not own[0])
    return _Definition(
        own[0].written,
        own[0].alias,
        tuple(_column(target["ResTarget"]["val"], own[0].alias) for target in select["targetList"]),
        walk({"condition": select.get("whereClause", {})}),
        others,
    )


def _column(value: Node, alias: str) -> str | frozenset[str] | None:
    """What a result column is: see `_Definition`."""
    fields = value["ColumnRef"]["fields"] if "ColumnRef" in value else []
    names = [part["String"]["sval"] for part in fields if "String" in part]
    if fields and len(names) == len(fields) and names[:-1] in ([], [alias]) and names != [alias]:
        return str(names[-1])
    found = walk({"value": value})
    if (
        found.starred
        or found.alone & {alias}
        or found.references
        or any("A_Star" in c["fields"][-1] for c in found.columns)
    ):
        return None
    return frozenset(found.names)


def _level(
    view: Relation, read: _Definition, world: World, catalog: Catalog
) -> tuple[Level, dict[str, frozenset[str] | None], Relation] | str:
    """A view's place above the relation it reads, and of its computed columns the names that they use."""
    schema, name = read.source
    oid = catalog.names.get((schema or "pg_catalog", name))
    if oid is None or len(read.columns) != len(view.columns):
        return "its definition cannot be read"
    below = catalog.relations[oid]
    known = {column.name for column in below.columns}
    if read.alias in known or read.where.starred or read.where.alone & {read.alias}:
        return "it uses whole rows"
    for other in read.others:
        read_too = catalog.names.get((other[0] or "pg_catalog", other[1]))
        if read_too is None or world.hides(read_too) or read_too in world.barred:
            return "a subquery in it reads columns that are masked for you"
    copies: dict[str, str] = {}
    computed: dict[str, frozenset[str] | None] = {}
    for column, each in zip(view.columns, read.columns, strict=True):
        if isinstance(each, str) and each in known:
            copies[column.name] = each
        else:
            computed[column.name] = None if isinstance(each, str) else each
    return Level(view, copies), computed, below
