"""Definitions of views by a caller with masked columns, materialized ones too: what their queries may not do when read.

A view is code: it passes unchanged, and each reader's own world applies when it is read. So it must not act in a reader's
name on what that reader sees and its maker does not. What a materialized view stores is real, so that it
has to be masked again. Owns these checks. May not do: rule on the rest of the statement.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rewriter.model import Refusal
from rewriter.postgres.reading import position
from rewriter.postgres.stored import carried_by

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rewriter.postgres.catalog import Catalog, Relation
    from rewriter.postgres.functions import Uses
    from rewriter.postgres.scopes import Findings
    from rewriter.postgres.world import World

Node = dict[str, Any]

_IDLE = frozenset(["random", "random_normal", "clock_timestamp", "timeofday", "gen_random_uuid", "uuidv4", "uuidv7"])
"""Volatile functions of the server that change nothing that anybody else could see."""


def check_view(statement: Node, found: Findings, source: str, catalog: Catalog, data: bytes) -> None:
    """Check a CREATE VIEW (fields of ViewStmt) that reads protected `source`; raises Refusal 42501.

    Refused are volatile functions, which can notify, lock, count or wait by what a reader sees, and row locks.
    """
    for call in found.functions:
        name = call["funcname"][-1]["String"]["sval"]
        if name in catalog.volatile and name not in _IDLE:
            message = f"a view over protected {source} may not call {name}(), which would act for those who read it"
            raise Refusal("42501", message, hint="Call it in the query instead.", position=position(data, call))
    for attribute in found.attributes:
        if attribute in catalog.volatile:
            raise Refusal("42501", f"a view over protected {source} may not use {attribute} as an attribute")
    if _holds(statement, "lockingClause"):
        message = f"a view over protected {source} may not lock rows, for it would lock them by what its readers see"
        raise Refusal("42501", message, hint="Write FOR UPDATE in the query instead.")


def check_view_functions(uses: Uses, source: str, listed: frozenset[str]) -> None:
    """Refuse user functions in a view over protected `source`: they would be handed what its readers see.

    What is harmless for its maker could keep or tell those values. Raises Refusal 42501.
    """
    for use in uses.found:
        name = ".".join(use.function)
        if name not in listed:
            message = (
                f"a view over protected {source} may not call {name}(), which would be handed what its readers see"
            )
            hint = f"Call it in the query instead, or ask an administrator to list {name} in the policies."
            raise Refusal("42501", message, hint=hint, position=use.where)


def check_stored_view(select: Node, found: Findings, meant: Mapping[int, Relation], world: World) -> None:
    """Refuse a materialized view that could not be masked again when it is read. Raises Refusal 42501.

    `meant`: the protected relations that the query reads, by id() of its references.
    """
    carried = carried_by(select, found, meant, world.treatments)
    reason: str | None = None
    if any(relation.oid in world.views and world.hides(relation.oid) for relation in meant.values()):
        reason = "it reads a view over them"
    elif isinstance(carried, str):
        reason = carried
    elif any(each.treatment is not None and not each.copied for each in carried):
        reason = "whether hidden values can be computed with would tell them"
    if reason is not None:
        first = next(iter(meant.values()))
        message = (
            f"CREATE MATERIALIZED VIEW over protected {first.schema}.{first.name} is not available to you: {reason}"
        )
        hint = (
            "Name hidden columns as they are and nowhere else, or use CREATE TABLE AS, which stores what you see now."
        )
        raise Refusal("42501", message, hint=hint)


def is_temporary(relation: Node) -> bool:
    """Whether a RangeVar that is to be made is a temporary one, by its own words."""
    return relation.get("relpersistence") == "t" or str(relation.get("schemaname", "")).startswith("pg_temp")


def _holds(node: Node, wanted: str) -> bool:
    stack: list[Any] = [node]
    while stack:
        each = stack.pop()
        if isinstance(each, dict):
            if wanted in each:
                return True
            stack.extend(each.values())
        elif isinstance(each, list):
            stack.extend(each)
    return False
