"""Examining the statements of user code: what they touch themselves, and which functions they may call.

Owns what a body may do. May not do: follow calls (`rewriter.postgres.code`), or look at the client's statement.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rewriter.kept import Kept
from rewriter.model import Refusal, WrittenName
from rewriter.postgres import settings
from rewriter.postgres.bodies import condition_of, definition, written_body
from rewriter.postgres.catalog import Catalog, Names, Relation
from rewriter.postgres.counting import counts
from rewriter.postgres.definitions import behind, definition_of, definitions_of, run_by
from rewriter.postgres.functions import ANY_TYPES, index_of, refused_function, uses_of
from rewriter.postgres.kinds import IN_BODIES, KINDS, NAME_SETTINGS
from rewriter.postgres.plpgsql_words import Unreadable
from rewriter.postgres.scopes import walk
from rewriter.postgres.system import SYSTEM_SCHEMAS
from rewriter.postgres.world import World, reason_against

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rewriter.model import Name
    from rewriter.postgres.bodies import Node, Part
    from rewriter.postgres.scopes import Reference

Call = tuple["Name", "int | None"]
"""User functions of one name, with so many arguments (None: any)."""


@dataclass(frozen=True, slots=True)
class Examined:
    """What a piece of user code does itself. `reason` says why it is not harmless; None: it is, if what it `calls` is."""

    reason: str | None = None
    calls: frozenset[Call] = frozenset()
    changes_names: bool = False
    unknown: frozenset[WrittenName] = frozenset()
    unknown_functions: frozenset[WrittenName] = frozenset()


class _Harmful(Exception):  # noqa: N818  an answer, not a fault
    """Why the code may not run."""


@dataclass(slots=True)
class _Taken:
    """What is taken down while a body is examined. `path` is the search path that it sets for itself."""

    transitions: frozenset[str] = frozenset()
    path: tuple[str, ...] | None = None
    calls: set[Call] = field(default_factory=set)
    attached: set[tuple[int, bool]] = field(default_factory=set)  # (OID, whether it is written) of relations
    changes_names: bool = False
    made: set[str] = field(default_factory=set)  # temporary tables that the body creates
    unknown: set[WrittenName] = field(default_factory=set)
    unknown_functions: set[WrittenName] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Examiner:
    """Examines code for one caller. `keyed`: the session holds the key of keyed masks."""

    catalog: Catalog
    names: Names
    world: World
    keyed: bool

    def examine(
        self,
        parts: Iterable[Part],
        options: tuple[tuple[str, str], ...] = (),
        support: tuple[Name, ...] = (),
        types: tuple[str, ...] = (),
        transitions: frozenset[str] = frozenset(),
    ) -> Examined:
        """Examine the statements of a function with its SET clauses, support functions and types.

        `transitions` are names of transition tables, which a trigger gives to its function: they go before all relations
        (parse_clause.c, getNSItemForSpecialRelationTypes), and hold no hidden values.
        """
        taken = _Taken(transitions=transitions)
        try:
            self._options(options, taken)
            for schema, name in support:
                reason = refused_function(name, self.catalog)
                if reason is not None:
                    raise _Harmful(f"it calls {name}(), and {reason}")  # noqa: TRY301
                if (schema, name) in self.catalog.functions:
                    taken.calls.add(((schema, name), None))
            conversions = index_of(self.catalog).types
            taken.calls.update((function, None) for name in types for function in conversions.get(name, ()))
            for part in parts:
                self._statement(part, taken)
        except (_Harmful, Unreadable) as harmful:
            return Examined(str(harmful))
        except Refusal as refusal:
            return Examined(f"it is refused there ({refusal.message})")
        return Examined(
            None,
            frozenset(taken.calls),
            taken.changes_names,
            frozenset(taken.unknown),
            frozenset(taken.unknown_functions),
        )

    def _options(self, options: tuple[tuple[str, str], ...], taken: _Taken) -> None:
        """The SET clauses of a function."""
        for name, value in options:
            if name.lower() == "search_path":
                taken.path = _path(value)
            else:
                settings.check_option(name, value)

    def _statement(self, part: Part, taken: _Taken) -> None:
        kind, fields = next(iter(part.node.items()))
        changes = IN_BODIES.get(kind)
        if changes is None:
            label = KINDS[kind].label if kind in KINDS else kind
            raise _Harmful(f"it runs {label}")
        found = walk(part.node)
        if found.stores:
            raise _Harmful("it runs SELECT INTO")
        self._kind(kind, fields, taken)
        counted = counts(found) if self.world.filters else None
        if counted is not None:
            raise _Harmful(f"it uses {counted}, and rows are hidden from you that it would count")
        taken.changes_names |= changes
        calls, renames = settings.check_calls(part.data, found, keyed=self.keyed)
        if calls and renames:
            raise _Harmful("it changes the search path or the role")
        columns: set[str] = set()
        relations = {ANY_TYPES} if found.references else set()  # some may be temporary
        for reference in found.references:
            for relation in self._meant(reference, taken):
                columns |= self._relation(kind, reference, relation, taken)
                relations.add(relation.oid)
            if reference.role == "target":
                self._through(reference, taken)
        uses = uses_of(part.data, found, self.catalog, self.names, columns, relations)
        taken.calls.update((use.function, use.arguments) for use in uses.found)
        taken.unknown_functions |= uses.unknown

    def _kind(self, kind: str, fields: Node, taken: _Taken) -> None:
        """What is said of some kinds of statements beyond the names in them."""
        if kind == "VariableSetStmt":
            settings.check_set(fields)
            if fields.get("kind") == "VAR_RESET_ALL" or str(fields.get("name", "")).lower() in NAME_SETTINGS:
                raise _Harmful("it changes the search path or the role")
        elif kind == "DoStmt":
            for part in written_body(*block_of(fields)):
                self._statement(part, taken)
        elif kind in {"CreateStmt", "CreateTableAsStmt"}:
            made = fields["relation"] if kind == "CreateStmt" else fields["into"]["rel"]
            if made.get("relpersistence") != "t" or "inhRelations" in fields or "partbound" in fields:
                raise _Harmful(f"it runs {KINDS[kind].label}")
            if kind == "CreateTableAsStmt" and "ExecuteStmt" in fields["query"]:
                raise _Harmful("it runs a prepared statement")
            taken.made.add(made["relname"])
        elif kind == "DropStmt" and fields.get("removeType") != "OBJECT_TABLE":
            raise _Harmful("it runs DROP")

    # -- relations -------------------------------------------------------------------------------------------------

    def _meant(self, reference: Reference, taken: _Taken) -> list[Relation]:
        """All relations that a name may mean when the code runs, but for temporary tables: they hold masked values."""
        schema, name = reference.written
        if reference.node.get("catalogname") not in {None, self.catalog.database}:
            raise _Harmful("it names another database")
        if schema is None and name in taken.transitions:
            return []
        if schema is None or schema.startswith("pg_temp"):
            if schema not in {None, "pg_temp"}:
                raise _Harmful("it uses temporary relations of other sessions")
            for oid in self.names.temporary_views.get(name, ()):
                if self.world.hides(oid) or oid in self.world.barred or oid not in self.catalog.relations:
                    raise _Harmful(f"it uses temporary view {name}, which reads what is protected")
        if schema == "pg_temp":
            return []
        places = (schema,) if schema is not None else taken.path
        found = self._anywhere(name) if places is None else self._first(places, name)
        if not found and not (schema is None and name in self.names.temporary):
            self._absent((None,) if places is None else places, name, taken)
        return found

    def _anywhere(self, name: str) -> list[Relation]:
        """The relations of a name in all schemas."""
        found = [self.catalog.relations[oid] for oid in _by_name(self.catalog).get(name, ())]
        looked_up = self.names.looked_up.get((None, name))
        if looked_up is not None:
            found.append(self.catalog.relations.get(looked_up.oid, looked_up))
        return found

    def _first(self, places: tuple[str, ...], name: str) -> list[Relation]:
        """The first relation of a name along a path."""
        for place in places:
            oid = self.catalog.names.get((place, name))
            if oid is not None:
                return [self.catalog.relations[oid]]
            looked_up = self.names.looked_up.get((place, name))
            if looked_up is not None:
                return [self.catalog.relations.get(looked_up.oid, looked_up)]
        return []

    def _absent(self, places: tuple[str | None, ...], name: str, taken: _Taken) -> None:
        """Have a name looked up; what the server does not know either is only harmless when the body makes it."""
        unknown = {(place, name) for place in places if (place, name) not in self.names.looked_up}
        taken.unknown |= unknown
        if not unknown and name not in taken.made:
            raise _Harmful(f"it uses {name}, which does not exist")

    def _relation(self, kind: str, reference: Reference, relation: Relation, taken: _Taken) -> set[str]:
        """Refuse protected relations; returns the names of the columns."""
        written = f"{relation.schema}.{relation.name}"
        if self.protected(relation):
            raise _Harmful(f"it uses {written}, columns of which are masked for you")
        reason = reason_against(relation, self.world, self.catalog)
        if reason is not None:
            raise _Harmful(f"it uses {written}, and {reason}")
        for each in behind(relation, self.catalog):
            self._run(run_by(each, self.catalog), taken)
            self._attached(each, taken, writes=False)
        if reference.role == "target" or kind == "TruncateStmt":
            if relation.schema in SYSTEM_SCHEMAS:
                raise _Harmful(f"it writes to {written}")
            self._write(relation, taken)
        return {column.name for column in relation.columns}

    def protected(self, relation: Relation) -> bool:
        """Whether any column of a relation, or of what it reads, is hidden from the caller."""
        waiting, seen = [relation.oid], {relation.oid}
        while waiting:
            oid = waiting.pop()
            if self.world.hides(oid):
                return True
            known = self.catalog.relations.get(oid)
            for source in known.sources if known is not None else relation.sources:
                if source not in seen:
                    seen.add(source)
                    waiting.append(source)
        return False

    def _write(self, relation: Relation, taken: _Taken) -> None:
        """Everything that writing to a relation runs: its triggers, defaults, checks, and those of what changes with it."""
        for changed in changed_with(relation, self.catalog):
            if self.protected(changed):
                raise _Harmful(f"it writes to {changed.schema}.{changed.name}, columns of which are masked for you")
            if any(self.world.hides(oid) or oid in self.world.barred for oid in changed.write_sources):
                raise _Harmful(
                    f"it writes to {changed.schema}.{changed.name}, and a rule there uses a protected relation"
                )
            if any(link.other in self.world.filters for link in changed.links):
                raise _Harmful(
                    f"it writes to {changed.schema}.{changed.name}, and a foreign key compares that with rows hidden from you"
                )
            self._run(changed.write_functions, taken)
            self._attached(changed, taken, writes=True)
            self._run(index_of(self.catalog).relations.get(changed.oid, ()), taken)

    def _through(self, reference: Reference, taken: _Taken) -> None:
        """Writing to a name that may be a temporary view's writes to what that is over."""
        schema, name = reference.written
        if schema in {None, "pg_temp"}:
            for oid in sorted(self.names.temporary_views.get(name, ())):  # all of them known: see _meant
                self._write(self.catalog.relations[oid], taken)

    def _attached(self, relation: Relation, taken: _Taken, *, writes: bool) -> None:
        """The expressions that come with a relation."""
        if (relation.oid, writes) in taken.attached:
            return
        taken.attached.add((relation.oid, writes))
        for attached in self.catalog.attached.get(relation.oid, ()):
            if not (attached.writes if writes else attached.reads):
                continue
            part: Part | None = definition(attached)
            if attached.what == "trigger" and part is not None:
                part = condition_of(part.node)
            if part is not None:
                self._statement(part, taken)

    @staticmethod
    def _run(functions: Iterable[Name], taken: _Taken) -> None:
        taken.calls.update((function, None) for function in functions)


def changed_with(relation: Relation, catalog: Catalog) -> list[Relation]:
    """A relation and all that a write to it may change: what a view is over, children, partitions, what foreign keys cascade to."""
    children = _children(catalog)
    found, seen = [relation], {relation.oid}
    for one in found:
        under: Iterable[int] = ()
        if one.kind == "v":
            under = sorted((definitions_of(catalog).get(one.oid) or definition_of(one, catalog)).sources)
        for oid in (*under, *children.get(one.oid, ()), *catalog.cascades.get(one.oid, ())):
            if oid not in seen and oid in catalog.relations:
                seen.add(oid)
                found.append(catalog.relations[oid])
    return found


def block_of(fields: Node) -> tuple[str, str]:
    """(language, body) of a DoStmt; raises Unreadable."""
    options = {item["DefElem"]["defname"]: item["DefElem"]["arg"]["String"].get("sval", "") for item in fields["args"]}
    if "as" not in options:
        raise Unreadable("its body cannot be read")
    return options.get("language", "plpgsql"), options["as"]


def quoted_path(names: list[str]) -> str:
    """A search_path setting of these schemas."""
    return ", ".join('"' + name.replace('"', '""') + '"' for name in names)


def _path(value: str) -> tuple[str, ...] | None:
    """The schemas of a search_path setting, the server's own first; None when they depend on the role."""
    entries = [entry.strip() for entry in value.split(",")]
    names = [entry[1:-1].replace('""', '"') if entry.startswith('"') else entry.lower() for entry in entries]
    if "$user" in names or any(entry.count('"') not in {0, 2} for entry in entries):
        return None
    places = [name for name in names if name and name != "pg_temp"]
    return tuple(places) if "pg_catalog" in places else ("pg_catalog", *places)


def _make_by_name(catalog: Catalog) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for oid, relation in catalog.relations.items():
        found.setdefault(relation.name, []).append(oid)
    return found


def _make_children(catalog: Catalog) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for oid, relation in catalog.relations.items():
        for parent in relation.parents:
            found.setdefault(parent, []).append(oid)
    return found


_by_name: Kept[dict[str, list[int]]] = Kept(_make_by_name, 16)
_children: Kept[dict[int, list[int]]] = Kept(_make_children, 16)
