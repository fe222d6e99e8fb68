"""The caller's world: which tables of a catalog are protected for a decision, and which cannot be read at all.

Owns which views have to be expanded and which are barred by what they read. May not do: look at a statement. Made once
per catalog and decision and kept, for every statement asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from policies.masks import SCHEMAS
from policies.model import RowFilter, Treatment
from rewriter.kept import Kept
from rewriter.model import Name, Use
from rewriter.mysql.catalog import column_name
from rewriter.mysql.definitions import definitions_of
from rewriter.mysql.names import fold, index_of
from rewriter.origins import all_of, filters_of

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from policies.model import Decision
    from rewriter.mysql.catalog import Catalog


@dataclass(frozen=True, slots=True)
class Expansion:
    """A view's definition as the caller may read it. `reads` are the tables behind it, views included.

    `named`: its columns are called as the view's.
    """

    text: str
    uses: tuple[Use, ...]
    reads: tuple[Name, ...]
    named: bool = True


@dataclass(frozen=True, slots=True)
class World:
    """`treatments`: by table, the treatment of every labelled column by its name in lower case, where any is treated.

    `views` read protected tables and are replaced by their definitions. `hiding`: of all these, those that hide any value.
    `barred`: why a table may not be read. `names`: of all these, without schema, in lower case. `open`: nothing is hidden.
    `joinable`: by table, the columns that may be joined by their real values, in lower case, with the category of each.
    `filters`: by table, what leaves out rows of it. `tied`: the names of tables that a foreign key compares with such rows, in lower case.
    `stamp` is another one in a world in which a statement may be ruled otherwise.
    """

    treatments: Mapping[Name, Mapping[str, Treatment]]
    views: frozenset[Name]
    hiding: frozenset[Name]
    barred: Mapping[Name, str]
    names: frozenset[str]
    open: bool
    joinable: Mapping[Name, Mapping[str, str]] = field(default_factory=dict)
    stamp: str = ""
    filters: Mapping[Name, RowFilter] = field(default_factory=dict)
    tied: frozenset[str] = frozenset()
    expansions: dict[tuple[Name, str, frozenset[str]], Expansion] = field(default_factory=dict)

    def protects(self, name: Name) -> bool:
        """Whether something takes the place of a table where it is read."""
        return name in self.treatments or name in self.views or name in self.filters

    def hidden(self, name: Name) -> frozenset[str]:
        """The columns of a table of which the caller does not see every value, in lower case."""
        return frozenset(column for column, treatment in self.treatments.get(name, {}).items() if treatment.hides)


_MAX_CATALOGS = 16
_MAX_WORLDS = 256


def world_of(catalog: Catalog, decision: Decision) -> World:
    """The world of a decision in a catalog; kept by identity of both, so pass the same objects again."""
    return _by_catalog(catalog)(decision)


def _make(catalog: Catalog, decision: Decision) -> World:
    treatments = _treatments(catalog, decision)
    filters = _filters(catalog, decision)
    hiding = {name for name, columns in treatments.items() if any(t.hides for t in columns.values())} | filters.keys()
    views, barred = _views(catalog, treatments.keys() | filters.keys(), hiding)
    is_open = not (hiding or decision.hides or decision.grants or _keyed(decision))
    if is_open:
        barred = {}
    names = frozenset(name.lower() for _, name in (*treatments, *filters, *views, *barred))
    joinable = _joinable(catalog, decision, treatments)
    guarded = frozenset(catalog.tables[name] for name in (*treatments, *filters))
    ruled = hash(
        (decision.policy, frozenset(decision.treatments.items()), frozenset(filters.items()), guarded, _code(catalog))
    )
    stamp = f"{ruled & 0xFFFFFFFFFFFF:012x}"
    tied = frozenset(link.other[1].lower() for name in filters for link in catalog.tables[name].links)
    return World(
        treatments, frozenset(views), frozenset(hiding), barred, names, is_open, joinable, stamp, filters, tied
    )


def _joinable(
    catalog: Catalog, decision: Decision, treatments: Mapping[Name, Mapping[str, Treatment]]
) -> dict[Name, dict[str, str]]:
    """The columns of tables that a rule lets the caller join by their real values, and put no guesses into."""
    found: dict[Name, dict[str, str]] = {}
    for name, columns in treatments.items():
        table = catalog.tables[name]
        for column, treatment in columns.items() if table.kind == "table" else ():
            label = decision.labels.get(column_name(table, column))
            if treatment.join is not None and treatment.on_write == "deny" and label is not None:
                found.setdefault(name, {})[column] = label.category
    return found


def _treatments(catalog: Catalog, decision: Decision) -> dict[Name, dict[str, Treatment]]:
    """Treatments by table, as the catalog spells its name; columns that the catalog does not hold are left out."""
    tables = index_of(catalog).tables
    found: dict[Name, dict[str, Treatment]] = {}
    for column, treatment in decision.treatments.items():
        table = tables.get((fold(column.schema, catalog), fold(column.relation, catalog)))
        if table is not None:
            found.setdefault((table.schema, table.name), {})[column.column.lower()] = treatment
    return {name: columns for name, columns in found.items() if any(t.treated for t in columns.values())}


def _filters(catalog: Catalog, decision: Decision) -> dict[Name, RowFilter]:
    """The filter of each table and view; the servers' names may be written in either case."""
    found: dict[Name, RowFilter] = {}
    for name, table in catalog.tables.items() if decision.filters_rows else ():
        if table.kind in {"table", "view"}:
            filters = filters_of(decision, name, catalog.origins.get(name, ()), folds=True)
            if filters:
                found[name] = all_of(filters)
    return found


def _views(catalog: Catalog, treatments: AbstractSet[Name], hiding: set[Name]) -> tuple[set[Name], dict[Name, str]]:
    """The views that are expanded, and all that may not be read with the reason; adds to `hiding`."""
    definitions = definitions_of(catalog)
    barred = {name: definition.fault for name, definition in definitions.items() if definition.fault is not None}
    views: set[Name] = set()
    changed = True
    while changed:  # views over views, until nothing new is found
        changed = False
        for name, definition in definitions.items():
            if name in barred:
                continue
            closed = next((source for source in sorted(definition.sources) if source in barred), None)
            if closed is not None:
                barred[name] = f"it reads {'.'.join(closed)}, which is not readable: {barred[closed]}"
                views.discard(name)
                changed = True
                continue
            protected = any(source in treatments or source in views for source in definition.sources)
            hides = not hiding.isdisjoint(definition.sources)
            if protected and (name not in views or (hides and name not in hiding)):
                views.add(name)
                hiding |= {name} if hides else set()
                changed = True
    return views, barred


def _digest(catalog: Catalog) -> int:
    """A number that is another one when a view, a routine or a trigger is: what makes more of a name than its columns."""
    views = frozenset(table for table in catalog.tables.values() if table.kind == "view")
    triggers = frozenset((name, table.triggers) for name, table in catalog.tables.items() if table.triggers)
    return hash((views, triggers, frozenset(catalog.routines.values()), catalog.loadable))


_code: Kept[int] = Kept(_digest, _MAX_CATALOGS)


def _keyed(decision: Decision) -> bool:
    """Whether a session under this decision holds the key of keyed masks, which is to be kept from it."""
    masks = (mask for treatment in decision.treatments.values() for mask in (treatment.mask, treatment.fallback))
    return any(mask is not None and SCHEMAS[mask.name].keyed for mask in masks)


def _of(catalog: Catalog) -> Kept[World]:
    return Kept(lambda decision: _make(catalog, decision), _MAX_WORLDS)


_by_catalog: Kept[Kept[World]] = Kept(_of, _MAX_CATALOGS)
