"""What stands behind a view: the tables that its definition reads, and the stored functions that it calls.

Owns reading the definitions of a catalog, once for each. May not do: know a caller or a treatment, or edit a definition.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from rewriter.kept import Kept
from rewriter.model import Name, Refusal
from rewriter.mysql.calls import Call, calls_in
from rewriter.mysql.catalog import Catalog, Facts, Table
from rewriter.mysql.names import SYSTEM_SCHEMAS, Elsewhere, meaning_of
from rewriter.mysql.reading import parse, read
from rewriter.mysql.scopes import walk
from rewriter.mysql.system import refusal_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rewriter.mysql.scopes import Findings

_OWN = frozenset[str]()
"""The server prints definitions for the default way of reading, whatever the sql_mode of those who made them."""


@dataclass(frozen=True, slots=True)
class Definition:
    """What one view reads: tables by name, calls of functions, and why it may not be read, whatever it reads."""

    sources: frozenset[Name]
    calls: tuple[Call, ...] = ()
    fault: str | None = None


def definitions_of(catalog: Catalog) -> Mapping[Name, Definition]:
    """What every view of a catalog reads, but for the server's own; kept by identity."""
    return _definitions(catalog)


def findings_of(table: Table, catalog: Catalog) -> Findings | None:
    """What the definition of a view names, None when it cannot be read; shared, so nobody may change its tree."""
    found = _findings(table.definition, folds=catalog.folds_names) if table.definition is not None else None
    return None if found is None else found[0]


def definition_of(table: Table, catalog: Catalog) -> Definition:
    """What one view reads."""
    if table.definition is None:
        return Definition(frozenset(), fault="its definition cannot be read now")
    found = _findings(table.definition, folds=catalog.folds_names)
    if found is None:
        return Definition(frozenset(), fault="its definition cannot be analysed")
    findings, calls = found
    sources: set[Name] = set()
    fault = None
    for reference in findings.references:
        meaning = meaning_of(reference.schema, reference.name, catalog, Facts(table.schema))
        if isinstance(meaning, Table):
            sources.add((meaning.schema, meaning.name))
        elif meaning is Elsewhere.SYSTEM:
            reason = refusal_of(reference.schema or table.schema, reference.name)
            fault = fault or (f"it reads {reference.schema}.{reference.name}: {reason}" if reason else None)
        else:
            fault = fault or f"it reads {reference.name}, which the catalog does not hold"
    return Definition(frozenset(sources), calls, fault)


@lru_cache(maxsize=4096)
def _findings(definition: str, *, folds: bool) -> tuple[Findings, tuple[Call, ...]] | None:
    """What a definition names, None when it cannot be read; kept, for every catalog has most of them from the one before."""
    try:
        reading = read(definition, _OWN)
        if len(reading.statements) != 1:
            return None
        statement = reading.statements[0]
        found = walk(parse(reading, statement), definition, statement, folds=folds)
    except (Refusal, RecursionError):
        return None
    return found, tuple(calls_in(statement, definition, found))


def _make(catalog: Catalog) -> dict[Name, Definition]:
    return {
        (table.schema, table.name): definition_of(table, catalog)
        for table in catalog.tables.values()
        if table.kind == "view" and table.schema.lower() not in SYSTEM_SCHEMAS
    }


_definitions: Kept[dict[Name, Definition]] = Kept(_make, 16)
