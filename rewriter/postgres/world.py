"""The caller's world: which relations of a catalog are protected for a decision, and which cannot be read at all.

Owns how treatments spread along inheritance, which views have to be expanded and which are barred by what they read.
May not do: look at a statement. Made once per catalog and decision and kept, for every statement asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import TYPE_CHECKING

from policies.masks import SCHEMAS
from policies.model import Allowance, Decision, RowFilter, Treatment
from rewriter.kept import Kept
from rewriter.model import Name, Use
from rewriter.origins import filters_of
from rewriter.postgres import system
from rewriter.postgres.catalog import column_name
from rewriter.postgres.definitions import counted_by, definition_of, definitions_of
from rewriter.postgres.expansion import Expansion
from rewriter.postgres.simple_views import under
from rewriter.postgres.stored import treatments_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from policies.model import OnWrite
    from rewriter.postgres.catalog import Catalog, Relation


@dataclass(frozen=True, slots=True)
class World:
    """`treatments`: by relation OID, the treatment of every labelled column of a protected relation.

    `filters`: by relation OID, those whose conditions a row has to meet, all of them, to be there.
    `open`: nothing of the database is hidden, so that nothing is barred. `views`: OIDs of the views that read protected relations and are replaced by their definitions. `hiding`: of all these,
    those that hide any value; a rule may replace columns by themselves, on the rows where TRUE holds. `barred`: by OID, why a
    relation may not be read. `names` are of all these, but for the server's own; `guarded` and `schemas` are of those that
    hold hidden values themselves or are barred. `searchable`: a hidden column may be searched by its real values. `joinable`: by OID, the
    columns that may be joined by their real values, with the category of each. `shown`
    keeps what `rewriter.postgres.views` made of a column: by (OID, column, fingerprint of the key); `expansions` what `rewriter.postgres.expansion`
    made of a view, by (OID, fingerprint), and `queries` what it puts in place of references.
    """

    treatments: Mapping[int, Mapping[str, Treatment]]
    views: frozenset[int]
    hiding: frozenset[int]
    barred: Mapping[int, str]
    names: frozenset[str]
    guarded: frozenset[str]
    schemas: frozenset[str]
    open: bool = False
    searchable: bool = False
    joinable: Mapping[int, Mapping[str, str]] = field(default_factory=dict)
    filters: Mapping[int, tuple[RowFilter, ...]] = field(default_factory=dict)
    shown: dict[tuple[int, str, str], str] = field(default_factory=dict)
    expansions: dict[tuple[int, str], Expansion] = field(default_factory=dict)
    queries: dict[tuple[object, ...], tuple[str, tuple[Use, ...], tuple[Name, ...]]] = field(default_factory=dict)

    def hidden(self, oid: int) -> frozenset[str]:
        """The columns of a relation of which the caller does not see every value."""
        return frozenset(name for name, treatment in self.treatments.get(oid, {}).items() if treatment.hides)

    def protects(self, oid: int) -> bool:
        """Whether something takes the place of a relation where it is read."""
        return oid in self.treatments or oid in self.views or oid in self.filters

    def hides(self, oid: int) -> bool:
        """Whether a relation holds values that the caller does not see, so that what is done with it could tell them."""
        return oid in self.hiding

    def filters_behind(self, relation: Relation) -> bool:
        """Whether rows of a relation are filtered away, or may be of what it reads."""
        return relation.oid in self.filters or (relation.oid in self.views and bool(self.filters))

    def stores_hidden(self, oid: int) -> bool:
        """Whether a relation holds such values itself: a table or materialized view."""
        return oid in self.hiding and (oid in self.treatments or oid in self.filters)


_MAX_CATALOGS = 16  # one for each database and its predecessor: DDL makes many, and each holds a whole database
_MAX_WORLDS = 256  # of one catalog; more callers than this with different decisions are rarely active at once


def world_of(catalog: Catalog, decision: Decision) -> World:
    """The world of a decision in a catalog; kept by identity of both, so pass the same objects again."""
    return _by_catalog(catalog)(decision)


def strictest(own: Treatment | None, others: list[Treatment]) -> Treatment:
    """The treatment of a column that is read together with columns of parents and children.

    The strictest wins, at equal strictness the relation's own. Two different row conditions cannot both be kept: then
    every row gets the fallback mask.
    """
    if len(others) == 1 and others[0].treated and (own is None or own is others[0]):
        return others[0]  # as of nearly every column
    candidates = [treatment for treatment in (own, *others) if treatment is not None]
    best = max(candidates, key=_strictness)
    if any(other.on_write != best.on_write for other in candidates):
        writes = {other.on_write for other in candidates if other.hides}
        on_write: OnWrite = next((choice for choice in _WRITES if choice in writes), "preserve")
        best = replace(best, on_write=on_write)
        candidates = [replace(other, on_write=on_write) for other in candidates]
    best = _permitted(best, candidates)
    if _strictness(best) == _BY_ROW:
        for other in candidates:
            if _strictness(other) == _BY_ROW and other != best:
                kept = best.fallback
                return Treatment("mask", best.rule, mask=kept, on_write=best.on_write, explain=best.explain)
    return best


_WRITES: tuple[OnWrite, ...] = ("deny", "preserve", "allow")
_BY_ROW = 2
"""How strict a treatment is that depends on the row; the same on all rows, where it hides nothing, is less."""


def _permitted(best: Treatment, candidates: list[Treatment]) -> Treatment:
    """The treatment with what all who hide the column allow: search and join as often as the least of them, plans."""
    if best.search is None and best.join is None and not best.explain:
        return best
    hiding = [treatment for treatment in candidates if treatment.treated]
    return replace(
        best,
        search=_least([treatment.search for treatment in hiding]),
        join=_least([treatment.join for treatment in hiding]),
        explain=all(treatment.explain for treatment in hiding),
    )


def _least(allowed: list[Allowance | None]) -> Allowance | None:
    known = [each for each in allowed if each is not None]
    return reduce(Allowance.within, known) if known and len(known) == len(allowed) else None


def _strictness(treatment: Treatment) -> int:
    if treatment.kind == "deny":
        return 4
    if treatment.rows is not None:
        return _BY_ROW if treatment.hides else 1
    return 3 if treatment.kind == "mask" else 0


def _make(catalog: Catalog, decision: Decision) -> World:
    treatments = _treatments(catalog, decision)
    filters = _filters(catalog, decision)
    views, hiding, barred = _views(catalog, treatments, filters)
    is_open = not (decision.hides or decision.grants or hiding or _keyed(decision))
    if is_open:
        barred = {}

    def names(*groups: Iterable[int]) -> list[Relation]:
        affected = {oid for group in groups for oid in group}
        return [r for r in map(catalog.relations.__getitem__, affected) if r.schema not in system.SYSTEM_SCHEMAS]

    guarded = names(hiding & (treatments.keys() | filters.keys()), barred)
    return World(
        treatments,
        views,
        hiding,
        barred,
        names=frozenset(relation.name for relation in names(treatments, filters, barred, views)),
        guarded=frozenset(relation.name for relation in guarded),
        schemas=frozenset(relation.schema for relation in guarded),
        open=is_open,
        searchable=any(t.search is not None for columns in treatments.values() for t in columns.values()),
        joinable=_joinable(catalog, decision, treatments),
        filters=filters,
    )


def _keyed(decision: Decision) -> bool:
    """Whether a session under this decision holds the key of keyed masks, which is to be kept from it."""
    masks = (mask for treatment in decision.treatments.values() for mask in (treatment.mask, treatment.fallback))
    return any(mask is not None and SCHEMAS[mask.name].keyed for mask in masks)


def _joinable(
    catalog: Catalog, decision: Decision, treatments: Mapping[int, Mapping[str, Treatment]]
) -> dict[int, dict[str, str]]:
    """The columns of tables that may be joined by their real values: none that a write elsewhere can give a value."""
    found: dict[int, dict[str, str]] = {}
    for oid, columns in treatments.items():
        relation = catalog.relations[oid]
        cascaded = {name for link in relation.links if link.refers and link.on_update == "c" for name in link.columns}
        for column in relation.columns:
            treatment = columns.get(column.name)
            if treatment is None or treatment.join is None or relation.kind not in {"r", "p"}:
                continue
            label = decision.labels.get(column_name(relation, column.name))
            if label is None:
                continue
            if not column.generated and column.name not in cascaded and treatment.on_write == "deny":
                found.setdefault(oid, {})[column.name] = label.category
    return found


def _treatments(catalog: Catalog, decision: Decision) -> dict[int, dict[str, Treatment]]:
    labelled: dict[int, dict[str, Treatment]] = {}
    for column, treatment in decision.treatments.items():
        oid = catalog.names.get((column.schema, column.relation))
        if oid is not None:
            labelled.setdefault(oid, {})[column.column] = treatment
    family = families(catalog)
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
        if any(treatment.treated for treatment in merged.values()):
            treatments[oid] = merged
    return treatments


def _filters(catalog: Catalog, decision: Decision) -> dict[int, tuple[RowFilter, ...]]:
    """The filters of each relation: its own, and those of parents, partitions and children, for each is read with the others."""
    own: dict[int, tuple[RowFilter, ...]] = {}
    for oid, relation in catalog.relations.items() if decision.filters_rows else ():
        if relation.kind in _FILTERED and relation.schema not in system.SYSTEM_SCHEMAS:
            found = filters_of(decision, (relation.schema, relation.name), catalog.origins.get(oid, ()))
            if found:
                own[oid] = found
    family = families(catalog) if own else {}
    shared: dict[int, dict[RowFilter, None]] = {}
    for oid, found in own.items():
        shared.setdefault(family.get(oid, oid), {}).update(dict.fromkeys(found))
    found_of = {oid: shared.get(family.get(oid, oid)) for oid in (*own, *family)}
    return {oid: tuple(filters) for oid, filters in found_of.items() if filters}


_FILTERED = frozenset("rpfvm")


def families(catalog: Catalog) -> dict[int, int]:
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


def _views(  # noqa: C901  one case for each way to read what is hidden
    catalog: Catalog, treatments: dict[int, dict[str, Treatment]], filters: Mapping[int, tuple[RowFilter, ...]]
) -> tuple[frozenset[int], frozenset[int], dict[int, str]]:
    """The views that are expanded, all relations that hide a value, and all that may not be read with the reason.

    Adds to `treatments` those of materialized views.
    """
    labelled = dict(treatments)
    hiding = {oid for oid, columns in treatments.items() if _any_hides(columns)} | filters.keys()
    views: set[int] = set()
    barred = _closed(catalog, filtered=bool(filters))
    changed = True
    while changed:  # views over views, until nothing new is found
        changed = False
        for oid, definition in definitions_of(catalog).items():
            if oid in barred:
                continue
            sources = sorted(definition.sources)
            closed = next((source for source in sources if source in barred), None)
            filtered = next((source for source in sources if source in filters), None)
            hidden = next((source for source in sources if source in treatments or source in views), filtered)
            reason = None
            if closed is not None:
                reason = f"it reads {_full(catalog, closed)}, which is not readable: {barred[closed]}"
            elif filtered is not None and catalog.relations[oid].kind == "m":
                reason = f"it holds rows of {_full(catalog, filtered)}, of which some are hidden from you"
            elif hidden is not None and (relation := catalog.relations[oid]).kind == "m":
                stored = _stored(relation, hidden, sources, treatments, views, catalog)
                if not isinstance(stored, str):
                    changed = _take(oid, stored, labelled.get(oid, {}), treatments) or changed
                    hiding |= {oid} if _any_hides(treatments.get(oid, {})) else set()
                    continue
                reason = stored
            elif hidden is not None:
                reason = _against_expansion(catalog.relations[oid], hidden, sources, catalog)
            hides = not hiding.isdisjoint(sources)
            if reason is not None and (hides or closed is not None):
                barred[oid] = reason
                views.discard(oid)
                changed = True
            elif reason is None and hidden is not None and (oid not in views or (hides and oid not in hiding)):
                views.add(oid)
                hiding |= {oid} if hides else set()
                changed = True
    return frozenset(views), frozenset(hiding - barred.keys()), barred


def _any_hides(columns: Mapping[str, Treatment]) -> bool:
    return any(treatment.hides for treatment in columns.values())


def _stored(  # noqa: PLR0913, PLR0917  a view and what it reads
    relation: Relation,
    hidden: int,
    sources: list[int],
    treatments: dict[int, dict[str, Treatment]],
    views: set[int],
    catalog: Catalog,
) -> dict[str, Treatment] | str:
    """What the caller sees of a materialized view over the protected relation `hidden`, or why it may not be read."""
    if any(source in views for source in sources):
        found: dict[str, Treatment] | str = "it reads a view over them"
    else:
        found = treatments_of(relation, treatments, catalog)
    return f"it holds data of protected {_full(catalog, hidden)}, and {found}" if isinstance(found, str) else found


def _take(
    oid: int, stored: dict[str, Treatment], own: dict[str, Treatment], treatments: dict[int, dict[str, Treatment]]
) -> bool:
    """Add what is stored hidden to what is labelled itself, the strictest of both; True when that is news."""
    merged = own | {name: strictest(each, [own[name]] if name in own else []) for name, each in stored.items()}
    before = treatments.get(oid, {})
    if merged:
        treatments[oid] = merged
    return merged != before


def _closed(catalog: Catalog, *, filtered: bool) -> dict[int, str]:
    """The relations that no caller with masked columns may read, whatever is masked."""
    definitions = definitions_of(catalog)
    barred: dict[int, str] = {}
    for oid, relation in catalog.relations.items():
        fault = definitions[oid].fault if oid in definitions else None
        reason = system.refusal_of(relation.schema, relation.name) or fault
        if filtered and reason is None:
            reason = counted_by(relation)
        if reason is not None:
            barred[oid] = reason
    return barred


def _against_expansion(relation: Relation, hidden: int, sources: list[int], catalog: Catalog) -> str | None:
    """Why a view over the protected relation `hidden` cannot be replaced by its definition; None when it can."""
    if relation.definition is None:
        return f"it holds data of protected {_full(catalog, hidden)}"
    if not relation.invoker:
        for source in sources:
            if catalog.relations[source].row_security:
                return f"row security of {_full(catalog, source)} applies to the owner of the view, not to you"
    return None


def _full(catalog: Catalog, oid: int) -> str:
    relation = catalog.relations[oid]
    return f"{relation.schema}.{relation.name}"


def reason_against(relation: Relation, world: World, catalog: Catalog) -> str | None:
    """Why a relation may not be read, None when it may; a relation the snapshot does not hold is examined here."""
    if relation.oid in catalog.relations or world.open:
        return world.barred.get(relation.oid)
    reason = system.refusal_of(relation.schema, relation.name)
    if reason is not None:
        return reason
    counted = counted_by(relation) if world.filters else None
    if counted is not None:
        return counted
    view = definition_of(relation, catalog)
    for oid in (*view.sources, *relation.parents):
        if world.hides(oid) or oid in world.barred or oid not in catalog.relations:
            return "it was made a moment ago and depends on a protected relation"
    if view.fault is not None or (relation.kind in {"v", "m"} and relation.definition is None):
        return view.fault or "it was made a moment ago and cannot be examined yet"
    return None


def hidden_columns(catalog: Catalog, decision: Decision) -> dict[tuple[int, int], str]:
    """The columns that are not shown as they are on every row: (relation OID, attribute number) -> name.

    No result column may come from one of these; parents, partitions and children are among them. The server names the
    relation that stands in the query, never one behind it: a view where it is written, and never where it is read.
    """
    hidden = {}
    world = world_of(catalog, decision)
    for oid in (*world.treatments, *world.views):
        relation = catalog.relations[oid]
        names = world.hidden(oid)
        if oid in world.views:
            found = under(relation, world, catalog)
            names = frozenset(c.name for c in relation.columns) if isinstance(found, str) else found.hidden
        hidden.update(
            {
                (oid, c.number): f"{relation.schema}.{relation.name}.{c.name}"
                for c in relation.columns
                if c.name in names
            }
        )
    return hidden


def _of(catalog: Catalog) -> Kept[World]:
    return Kept(lambda decision: _make(catalog, decision), _MAX_WORLDS)


_by_catalog: Kept[Kept[World]] = Kept(_of, _MAX_CATALOGS)
