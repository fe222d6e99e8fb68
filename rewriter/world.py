"""The caller's world: which relations of a catalog are protected for a decision, and which cannot be read at all.

Owns how treatments spread along inheritance and how views are barred by what they read. May not do: look at a
statement. Made once per catalog and decision and kept, for every statement asks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from policies.model import ColumnName, Decision, Treatment
from rewriter import system
from rewriter.functions import refused_builtin
from rewriter.kept import Kept
from rewriter.model import Catalog, Refusal, Relation
from rewriter.reading import encode, parse
from rewriter.scopes import walk

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class World:
    """`treatments`: by relation OID, the treatment of every labelled column of a protected relation.

    `barred`: by OID, why a relation may not be read. `names` and `schemas` are of all these, but for the server's own.
    `shown` keeps what `rewriter.views` made of a column: by (OID, column, fingerprint of the key).
    """

    treatments: Mapping[int, Mapping[str, Treatment]]
    barred: Mapping[int, str]
    names: frozenset[str]
    schemas: frozenset[str]
    shown: dict[tuple[int, str, str], str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _View:
    sources: frozenset[int]
    fault: str | None  # why it is barred whatever it reads


_MAX_WORLDS = 256  # more callers than this with different decisions are rarely active at once
_MAX_CATALOGS = 16  # one for each database and its predecessor


def world_of(catalog: Catalog, decision: Decision) -> World:
    """The world of a decision in a catalog; kept by identity of both, so pass the same objects again."""
    return _worlds(catalog, decision)


def strictest(own: Treatment | None, others: list[Treatment]) -> Treatment:
    """The treatment of a column that is read together with columns of parents and children.

    The strictest wins, at equal strictness the relation's own. Two different row conditions cannot both be kept: then
    every row gets the fallback mask.
    """
    candidates = [treatment for treatment in (own, *others) if treatment is not None]
    best = max(candidates, key=_strictness)
    if _strictness(best) == 1:
        for other in candidates:
            if _strictness(other) == 1 and other != best:
                return Treatment("mask", best.rule, mask=best.fallback)
    return best


def _strictness(treatment: Treatment) -> int:
    if treatment.kind == "deny":
        return 3
    if treatment.rows is not None:
        return 1
    return 2 if treatment.kind == "mask" else 0


def _make(catalog: Catalog, decision: Decision) -> World:
    treatments = _treatments(catalog, decision)
    barred = _barred(catalog, treatments)
    affected = [catalog.relations[oid] for oid in (*treatments, *barred)]
    own = [relation for relation in affected if relation.schema not in system.SYSTEM_SCHEMAS]
    names, schemas = frozenset(r.name for r in own), frozenset(r.schema for r in own)
    return World(treatments, barred, names, schemas)


def _treatments(catalog: Catalog, decision: Decision) -> dict[int, dict[str, Treatment]]:
    labelled: dict[int, dict[str, Treatment]] = {}
    for column, treatment in decision.treatments.items():
        oid = catalog.names.get((column.schema, column.relation))
        if oid is not None:
            labelled.setdefault(oid, {})[column.column] = treatment
    family = _families(catalog)
    by_family: dict[int, dict[str, list[Treatment]]] = {}
    for oid, columns in labelled.items():
        for name, treatment in columns.items():
            by_family.setdefault(family.get(oid, oid), {}).setdefault(name, []).append(treatment)
    treatments = {}
    for oid, relation in catalog.relations.items():
        shared = by_family.get(family.get(oid, oid))
        if shared is None:
            continue
        own = labelled.get(oid, {})
        merged = {c.name: strictest(own.get(c.name), shared[c.name]) for c in relation.columns if c.name in shared}
        if any(treatment.kind != "clear" or treatment.rows is not None for treatment in merged.values()):
            treatments[oid] = merged
    return treatments


def _families(catalog: Catalog) -> dict[int, int]:
    """By OID, one member that stands for all relations connected by inheritance or partitioning."""
    root: dict[int, int] = {}

    def find(oid: int) -> int:
        while root.setdefault(oid, oid) != oid:
            oid = root[oid]
        return oid

    for oid, relation in catalog.relations.items():
        for parent in relation.parents:
            root[find(oid)] = find(parent)
    return {oid: find(oid) for oid in list(root)}


def _barred(catalog: Catalog, treatments: Mapping[int, object]) -> dict[int, str]:
    views = _views(catalog)
    barred: dict[int, str] = {}
    for oid, relation in catalog.relations.items():
        reason = system.refusal_of(relation.schema, relation.name)
        fault = views[oid].fault if oid in views else None
        if reason is not None:
            barred[oid] = reason
        elif fault is not None:
            barred[oid] = fault
    changed = True
    while changed:  # views over views, until nothing new is found
        changed = False
        for oid, view in views.items():
            if oid in barred:
                continue
            culprit = next(
                (source for source in sorted(view.sources) if source in treatments or source in barred), None
            )
            if culprit is not None:
                source = catalog.relations[culprit]
                barred[oid] = (
                    f"it reads protected {source.schema}.{source.name}, and views over protected relations are not yet supported"
                )
                changed = True
    return barred


def _make_views(catalog: Catalog) -> dict[int, _View]:
    return {
        oid: view_of(relation, catalog)
        for oid, relation in catalog.relations.items()
        if relation.definition is not None or relation.sources
    }


def view_of(relation: Relation, catalog: Catalog) -> _View:
    """What a view reads, by its recorded dependencies and by its text, and whether that can be known at all."""
    sources = set(relation.sources)
    if relation.definition is None:
        return _View(frozenset(sources), None)
    try:
        statements = parse(encode(relation.definition))
    except Refusal:
        return _View(frozenset(sources), "its definition cannot be analysed")
    for statement in statements:
        found = walk(statement["stmt"])
        for reference in found.references:
            schema, name = reference.written
            oid = catalog.names.get((schema or "pg_catalog", name))
            if oid is None:
                return _View(frozenset(sources), f"it reads {name}, which the catalog snapshot does not hold")
            sources.add(oid)
        for call in found.functions:
            function = call["funcname"][-1]["String"]["sval"]
            if refused_builtin(function) is not None:
                return _View(frozenset(sources), f"it calls {function}()")
    sources.discard(relation.oid)
    return _View(frozenset(sources), None)


def reason_against(relation: Relation, world: World, catalog: Catalog) -> str | None:
    """Why a relation may not be read, None when it may; a relation the snapshot does not hold is examined here."""
    if relation.oid in catalog.relations:
        return world.barred.get(relation.oid)
    reason = system.refusal_of(relation.schema, relation.name)
    if reason is not None:
        return reason
    view = view_of(relation, catalog)
    for oid in (*view.sources, *relation.parents):
        if oid in world.treatments or oid in world.barred or oid not in catalog.relations:
            return "it was made a moment ago and depends on a protected relation"
    if view.fault is not None or (relation.kind in {"v", "m"} and relation.definition is None):
        return view.fault or "it was made a moment ago and cannot be examined yet"
    return None


def column_name(relation: Relation, column: str) -> ColumnName:
    """The policy's name of a relation's column."""
    return ColumnName(relation.schema, relation.name, column)


_worlds: Kept[World] = Kept(_make, _MAX_WORLDS)
_views: Kept[dict[int, _View]] = Kept(_make_views, _MAX_CATALOGS)
