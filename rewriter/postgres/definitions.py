"""What stands behind a view: the relations its definition reads and the user functions that reading it runs.

Owns reading the definitions of a catalog, once for each. May not do: know a caller or a treatment, or edit a definition.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from rewriter.kept import Kept
from rewriter.model import Name, Refusal
from rewriter.postgres.catalog import LOCKED, Catalog
from rewriter.postgres.counting import counts
from rewriter.postgres.functions import index_of, refused_function
from rewriter.postgres.reading import encode, parse
from rewriter.postgres.scopes import walk

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rewriter.postgres.catalog import Relation
    from rewriter.postgres.scopes import Findings

DEFINED = frozenset({"v", "m"})
"""The kinds of relations (pg_class.relkind) that have a definition."""

FIRST_MADE = 16384
"""The lowest OID of what is made after a cluster was set up; source: PostgreSQL, transam.h, FirstNormalObjectId."""

_WRITTEN = frozenset({"AEXPR_OP", "AEXPR_OP_ANY", "AEXPR_OP_ALL"})
_MAX_CATALOGS = 16  # one for each database and its predecessor


@dataclass(frozen=True, slots=True)
class Definition:
    """What one view reads.

    `sources`: OIDs of relations, by its text and by the server's records. `runs`: the user functions that reading the view
    runs itself. `fault`: why it may not be read, whatever it reads.
    """

    sources: frozenset[int]
    runs: frozenset[Name] = frozenset()
    fault: str | None = None


def definitions_of(catalog: Catalog) -> Mapping[int, Definition]:
    """By OID, what every view and materialized view of a catalog reads; kept by identity, so pass the same object."""
    return _definitions(catalog)


def definition_of(relation: Relation, catalog: Catalog) -> Definition:
    """What one view reads; its names are resolved in `catalog`, unqualified ones as the server's own."""
    sources = set(relation.sources)
    own = frozenset(relation.functions)
    if relation.definition is None:
        made = relation.kind in DEFINED and relation.oid >= FIRST_MADE  # the server's own are judged by name
        return Definition(frozenset(sources), own, f"its definition cannot be read now: {LOCKED}" if made else None)
    found = _findings(relation.definition)
    if found is None:
        return Definition(frozenset(sources), own, "its definition cannot be analysed")
    for reference in found.references:
        schema, name = reference.written
        oid = catalog.names.get((schema or "pg_catalog", name))
        if oid is None:
            return Definition(frozenset(sources), own, f"it reads {name}, which the catalog snapshot does not hold")
        sources.add(oid)
    for call in found.functions:
        function = call["funcname"][-1]["String"]["sval"]
        if refused_function(function, catalog) is not None:
            return Definition(frozenset(sources), own, f"it calls {function}()")
    sources.discard(relation.oid)
    return Definition(frozenset(sources), own | _conversions(found, catalog))


def counted_by(relation: Relation) -> str | None:
    """Why a view of users counts rows that may be hidden from its reader; None when it does not."""
    own = relation.definition is not None and relation.oid >= FIRST_MADE  # the server's own are judged by name
    found = _findings(relation.definition or "") if own else None
    told = None if found is None else counts(found)
    return told and f"it uses {told}, and rows are hidden from you that it would count"


@lru_cache(maxsize=4096)
def _findings(definition: str) -> Findings | None:
    """What a definition names, None when it cannot be read; kept, for every catalog has most of them from the one before."""
    try:
        statements = parse(encode(definition))
    except Refusal:
        return None
    return walk(statements[0]["stmt"]) if len(statements) == 1 else None


def behind(relation: Relation, catalog: Catalog) -> list[Relation]:
    """A relation and all that reading it reads, to any depth."""
    found, seen = [relation], {relation.oid}
    for each in found:
        if each.kind not in DEFINED:
            continue
        definition = definitions_of(catalog).get(each.oid) or definition_of(each, catalog)
        new = definition.sources - seen
        seen |= new
        found.extend(catalog.relations[oid] for oid in sorted(new) if oid in catalog.relations)
    return found


def run_by(relation: Relation, catalog: Catalog) -> frozenset[Name]:
    """The user functions that reading a relation runs itself, or putting it in order, without those of what it reads."""
    own = index_of(catalog).orders.get(relation.oid, frozenset()).union(relation.functions)
    if relation.kind not in DEFINED:
        return own
    return own | (definitions_of(catalog).get(relation.oid) or definition_of(relation, catalog)).runs


def is_written(holder: dict[str, Any]) -> bool:
    """Whether a node that uses an operator spells it, so that a schema could stand with it; CASE x WHEN y does not."""
    return holder.get("kind") in _WRITTEN or "subLinkType" in holder


def _conversions(found: Findings, catalog: Catalog) -> frozenset[Name]:
    """Functions of user operators and of the types of users, which the server does not record with the view.

    A definition names every operator and type outside pg_catalog with its schema, where it names them at all.
    """
    runs: set[Name] = set()
    for holder, parts in found.operators:
        qualified = len(parts) > 1 and parts[0]["String"]["sval"] != "pg_catalog"
        if qualified or (len(parts) == 1 and not is_written(holder)):
            runs |= catalog.operators.get(parts[-1]["String"]["sval"], frozenset())
    for type_name in found.types:
        names: list[dict[str, Any]] = type_name.get("names", [])
        if len(names) > 1 and names[0]["String"]["sval"] != "pg_catalog":
            runs.update(index_of(catalog).types.get(names[-1]["String"]["sval"], ()))
    return frozenset(runs)


def _make(catalog: Catalog) -> dict[int, Definition]:
    return {
        oid: definition_of(relation, catalog)
        for oid, relation in catalog.relations.items()
        if relation.definition is not None or (relation.sources and relation.kind in DEFINED)
    }


_definitions: Kept[dict[int, Definition]] = Kept(_make, _MAX_CATALOGS)
