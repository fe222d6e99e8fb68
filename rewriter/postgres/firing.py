"""Which triggers a write fires, by the events that it can come to.

Owns that table. When there is a doubt (rules, rows that move between partitions, MERGE) a write comes to all events. Source:
PostgreSQL manual, CREATE TRIGGER; the events of a CreateTrigStmt are the bits of pg_trigger.h. May not do: judge what a trigger does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rewriter.postgres.catalog import Relation

INSERT: Final = 1 << 2
DELETE: Final = 1 << 3
UPDATE: Final = 1 << 4
TRUNCATE: Final = 1 << 5
ALL: Final = INSERT | DELETE | UPDATE | TRUNCATE


def events_of(kind: str, fields: dict[str, Any], changed: Iterable[Relation]) -> int:
    """The events that a statement can come to on `changed`, which are all relations that it changes, by foreign keys, too."""
    relations = list(changed)
    ruled = any(constraint.kind == "rule" for relation in relations for constraint in relation.constraints)
    if ruled or "onConflictClause" in fields:
        return ALL
    if kind in {"InsertStmt", "CopyStmt"}:
        return INSERT
    if any(relation.kind == "p" for relation in relations):  # an UPDATE, which a foreign key may bring, moves rows
        return ALL
    return {"UpdateStmt": UPDATE, "DeleteStmt": DELETE | UPDATE}.get(kind, ALL)


def fires(trigger: dict[str, Any], events: int) -> bool:
    """Whether a CreateTrigStmt is for any of the events."""
    return bool(trigger["events"] & events)
