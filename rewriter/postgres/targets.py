"""What a statement writes: whether it may be written at all, before anything is known of what is assigned.

Owns the checks of the relation itself and of all that changes with it: system catalogs, views, rules, and the code that runs.
May not do: edit (`rewriter.postgres.writes`), weigh what the success of the write would tell (`rewriter.postgres.telling`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rewriter.model import Refusal
from rewriter.postgres import searching, system
from rewriter.postgres.attachments import check_write
from rewriter.postgres.catalog import Relation
from rewriter.postgres.examination import changed_with
from rewriter.postgres.firing import ALL, events_of
from rewriter.postgres.kinds import KINDS
from rewriter.postgres.names import meaning_of
from rewriter.postgres.reading import position
from rewriter.postgres.updatable import surface_of
from rewriter.postgres.writes import Target

if TYPE_CHECKING:
    from rewriter.postgres.ruling import Circumstances, Ruling
    from rewriter.postgres.scopes import Reference
    from rewriter.postgres.updatable import Surface

Node = dict[str, Any]

_HINT = "Writing to it needs an account from which nothing is hidden."


def target_of(
    ruling: Ruling, reference: Reference, relation: Relation, statement: tuple[str, Node], where: Circumstances
) -> Target:
    """The target of a statement (its kind and its fields); raises Refusal when it may not be written at all."""
    full = f"{relation.schema}.{relation.name}"
    at = position(where.data, reference.node)
    if relation.schema in system.SYSTEM_SCHEMAS and not where.judge.is_open:
        message = f"writing to {full} is not allowed, because it is the server's own"
        raise Refusal("42501", message, hint=_HINT, position=at)
    if relation.kind == "m" and where.world.hides(relation.oid):
        raise Refusal("42809", f'cannot change materialized view "{relation.name}"', position=at)
    surface = surface_of(relation, where.world, where.catalog, where.key, at)
    if isinstance(surface, str):
        message = f"writing to {full} is not allowed: columns of it are masked for you, and {surface}"
        raise Refusal("42501", message, hint="Write to the table.", position=at)
    if where.world.filters:
        _check_filtered(surface, statement, at)
    events = events_of(*statement, changed_with(relation, where.catalog))
    check_changes(ruling, reference, relation, where, events=events)

    def columns_of(node: Node) -> tuple[tuple[str, ...] | None, tuple[str, str] | None]:
        meant = meaning_of(node, where.names, where.catalog)
        if not isinstance(meant, Relation):
            return None, ("pg_temp", node["relname"])
        names = tuple(column.name for column in meant.columns)
        return names or None, (meant.schema, meant.name)

    world, key = where.world, where.key
    target = Target(
        where.data, where.catalog, world, key, ruling.found, *statement, reference, relation, surface, columns_of
    )
    target.searches = world.searchable and ruling.kind in searching.STATEMENTS and not surface.levels
    return target


def _check_filtered(surface: Surface, statement: tuple[str, Node], at: int | None) -> None:
    """Refuse the writes that cannot be kept to the rows that the caller has."""
    world = surface.world
    if not any(world.filters_behind(each) for each in (surface.relation, surface.table)):
        return
    kind, fields = statement
    full = f"{surface.relation.schema}.{surface.relation.name}"
    reason = None
    if surface.levels or surface.relation.kind not in {"r", "p"}:
        reason, hint = "writing through this view", "Write to the table."
    elif kind not in {"InsertStmt", "UpdateStmt", "DeleteStmt"}:
        reason, hint = f"{KINDS[kind].label} into it", "Use INSERT, UPDATE and DELETE."
    elif "onConflictClause" in fields:
        reason, hint = "ON CONFLICT", "Use INSERT and UPDATE: what is there already may be hidden from you."
    elif "CurrentOfExpr" in fields.get("whereClause", {}):
        reason, hint = "WHERE CURRENT OF", "Choose the rows by their key."
    if reason is not None:
        message = f"{reason} is not available on {full}, because rows of it are hidden from you"
        raise Refusal("0A000", message, hint=hint, position=at)


def check_changes(
    ruling: Ruling, reference: Reference, relation: Relation, where: Circumstances, *, events: int = ALL
) -> None:
    """Refuse a write that would run rules or code which may not run, of the relation or of what changes with it."""
    for changed in changed_with(relation, where.catalog):
        if any(where.world.hides(oid) or oid in where.world.barred for oid in changed.write_sources):
            full = f"{changed.schema}.{changed.name}"
            message = f"writing to {full} is not allowed: a rule of it reads or writes a protected relation"
            raise Refusal("42501", message, hint=_HINT, position=position(where.data, reference.node))
    ruling.changes_names |= check_write(where.judge, relation, ruling.unknown, ruling.unknown_functions, events=events)


def check_temporary(ruling: Ruling, reference: Reference, where: Circumstances) -> None:
    """The same for a temporary relation: writing to a view writes to what it is over."""
    for oid in sorted(where.names.temporary_views.get(reference.node["relname"], ())):
        if oid in where.catalog.relations:
            check_changes(ruling, reference, where.catalog.relations[oid], where)
