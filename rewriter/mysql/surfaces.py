"""What stands under a view that is written: the table in the end, and which of its columns each of the view's is.

A view that the servers update by themselves is one SELECT of one table, and a column of it that is a plain copy is that of the
table. What the view itself computes, by WHERE or in a column, is computed of the stored rows: there hidden columns may not stand.
Source: MySQL manual 27.6.3, Updatable and Insertable Views. Owns reading such definitions. May not do: know a statement.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlglot import exp

from rewriter.mysql.catalog import Facts, Table
from rewriter.mysql.definitions import definitions_of, findings_of
from rewriter.mysql.names import meaning_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policies.model import Treatment
    from rewriter.mysql.catalog import Catalog
    from rewriter.mysql.world import World

_PLAIN: Final = frozenset({"expressions", "from_", "where"})
_NAMED: Final = frozenset({"this", "db", "alias"})


@dataclass(frozen=True, slots=True)
class Surface:
    """A table that is written, under the names of the relation that is named. `copies`: the table's column that each of these is."""

    table: Table
    copies: Mapping[str, str]

    def treatments(self, world: World) -> dict[str, Treatment]:
        """The treatments of the relation's columns."""
        treated = world.treatments.get((self.table.schema, self.table.name), {})
        return {name: treated[copied] for name, copied in self.copies.items() if copied in treated}

    def beneath(self, columns: frozenset[str]) -> frozenset[str]:
        """The table's columns that some of the relation's are."""
        return frozenset(self.copies[name] for name in columns if name in self.copies)


def surface_of(relation: Table, world: World, catalog: Catalog) -> Surface | str:
    """What a statement writes that names `relation`; of a view that is no plain one, or computes from what is hidden, why."""
    if relation.kind != "view":
        return Surface(relation, {column.name.lower(): column.name.lower() for column in relation.columns})
    tree = _selection(relation, catalog)
    table = None if tree is None else _beneath(tree, relation, catalog)
    if tree is None or table is None:
        return "it is not a plain selection from one table"
    copies: dict[str, str] = {}
    computed = [tree.args["where"]] if tree.args.get("where") else []
    for column, item in zip(relation.columns, tree.expressions, strict=True):
        value = item.unalias()
        if isinstance(value, exp.Column):
            copies[column.name.lower()] = value.name.lower()
        else:
            computed.append(value)
    made = Surface(table, copies)
    return _fault(made, computed, relation, world) or made


def _selection(view: Table, catalog: Catalog) -> exp.Select | None:
    """The query of a view when it is SELECT of columns FROM one table, perhaps with WHERE."""
    found = findings_of(view, catalog)
    tree = found.tree if found is not None else None
    if found is None or not isinstance(tree, exp.Select) or {k for k, v in tree.args.items() if v} - _PLAIN:
        return None
    source = tree.args["from_"].this if tree.args.get("from_") else None
    alone = isinstance(source, exp.Table) and not {k for k, v in source.args.items() if v} - _NAMED
    whole = len(found.references) == 1 and not found.starred and not found.stars
    return tree if alone and whole and len(tree.expressions) == len(view.columns) else None


def _beneath(tree: exp.Select, view: Table, catalog: Catalog) -> Table | None:
    source = tree.args["from_"].this
    table = meaning_of(source.db or None, source.name, catalog, Facts(view.schema))
    return table if isinstance(table, Table) and table.kind == "table" else None


def _fault(made: Surface, computed: list[exp.Expr], view: Table, world: World) -> str | None:
    """Why a caller cannot write a view: what the server computes for it would be of stored values, or is shown otherwise."""
    hidden = world.hidden((made.table.schema, made.table.name))
    if any(name.name.lower() in hidden for each in computed for name in each.find_all(exp.Identifier)):
        return "its rows or columns are computed from columns that are masked for you"
    if any(treatment.hides and treatment.rows is not None for treatment in made.treatments(world).values()):
        return "a rule shows columns of it on some rows only"
    return "it has labels of its own" if world.hidden((view.schema, view.name)) else None


def behind(view: Table, catalog: Catalog) -> Iterator[Table]:
    """The tables behind a view of any form."""
    definitions = definitions_of(catalog)
    waiting = [(view.schema, view.name)]
    seen = set(waiting)
    for name in waiting:
        definition = definitions.get(name)
        new = sorted(definition.sources - seen) if definition is not None else []
        seen.update(new)
        waiting += new
        if name in catalog.tables and catalog.tables[name].kind == "table":
            yield catalog.tables[name]
