"""What a definition does with the relations that it names outside of queries: structure changed, code run, or refused.

Owns finding every relation that such a name could mean and has to be guarded. May not do: decide what may be changed of it
(`rewriter.postgres.administration`), or judge code (`rewriter.postgres.attachments`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rewriter.model import Refusal
from rewriter.postgres import administration
from rewriter.postgres.attachments import check_read, check_write
from rewriter.postgres.catalog import Relation
from rewriter.postgres.kinds import KINDS
from rewriter.postgres.names import meaning_of, written_name
from rewriter.postgres.reading import position

if TYPE_CHECKING:
    from rewriter.model import WrittenName
    from rewriter.postgres.ruling import Circumstances, Ruling
    from rewriter.postgres.scopes import Reference

Node = dict[str, Any]

_RUNNING = frozenset(
    {"CreateStmt", "AlterTableStmt", "IndexStmt", "ReindexStmt", "ClusterStmt", "VacuumStmt", "TruncateStmt"}
    | {"RefreshMatViewStmt", "CreateStatsStmt"}
)
"""Definitions that run the code of the relations they name, or copy it to others."""

_INHERITED = frozenset({"AlterTableStmt", "IndexStmt", "RenameStmt"})
"""Definitions that change the children and partitions of a table with it."""


def check_mentions(ruling: Ruling, where: Circumstances) -> None:
    """Refuse a definition that would do more with a protected relation it names than change its structure."""
    kind, fields = next(iter(ruling.node.items()))
    for reference in ruling.found.references:
        if reference.role != "mention":
            continue
        for relation in _guarded(kind, reference.written, where):
            found = administration.reason_against(kind, fields, reference.node, relation, where.world, where.catalog)
            if found is not None:
                refuse_definition(ruling, written_name(reference), position(where.data, reference.node), found)
        schema, name = reference.written
        ruling.relations.append((schema or "", name))
        if kind in _RUNNING and not administration.idle(kind, fields, reference.node):
            _runs(ruling, reference, fields, where)


def _guarded(kind: str, written: WrittenName, where: Circumstances) -> list[Relation]:
    """Every relation to guard that a name in a definition could mean, in whatever schema."""
    schema, name = written
    world, catalog = where.world, where.catalog
    inherited = kind in _INHERITED
    oid = catalog.names.get((schema, name)) if schema is not None else None
    if not inherited and name not in world.guarded and oid not in world.barred:
        return []
    return [
        relation
        for relation in catalog.relations.values()
        if relation.name == name
        and schema in {None, relation.schema}
        and (
            world.stores_hidden(relation.oid)
            or relation.oid in world.barred
            or (inherited and administration.guarded(relation, world, catalog) is not None)
        )
    ]


def _runs(ruling: Ruling, reference: Reference, fields: Node, where: Circumstances) -> None:
    """Judge the code of a relation that a definition runs."""
    meaning = meaning_of(reference.node, where.names, where.catalog)
    if not isinstance(meaning, Relation):
        return
    emptied = ruling.kind == "TruncateStmt" and fields.get("behavior") == "DROP_CASCADE"
    for relation in administration.truncated_with(meaning, where.catalog) if emptied else [meaning]:
        check_write(where.judge, relation, ruling.unknown, ruling.unknown_functions)
        check_read(where.judge, relation, ruling.unknown, ruling.unknown_functions)


def refuse_definition(
    ruling: Ruling, name: str, where: int | None = None, reason: str = "columns of it are masked for you"
) -> None:
    """Raise the refusal of a definition because of a relation that it names."""
    message = f"{KINDS[ruling.kind].label} on {name} is not available to you, because {reason}"
    raise Refusal("42501", message, hint="Ask an administrator to do this.", position=where)
