"""What tells of rows that are hidden from a caller, besides reading them: counters and sizes, places of rows, locks, ends of tables.

Owns what is refused for that, besides what is refused to every masked caller. May not do: know which rows are hidden.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rewriter.model import Refusal
from rewriter.postgres import uncounted
from rewriter.postgres.administration import ROWS_HIDDEN, strings_of, truncated_with
from rewriter.postgres.catalog import Relation
from rewriter.postgres.counting import counts
from rewriter.postgres.kinds import KINDS
from rewriter.postgres.names import meaning_of, written_name
from rewriter.postgres.reading import position
from rewriter.postgres.system import SYSTEM_COLUMNS
from rewriter.postgres.tableoid import TABLEOID

if TYPE_CHECKING:
    from rewriter.postgres.ruling import Circumstances, Ruling

Node = dict[str, Any]

_HINT: Final = "Leave it out, or count the rows that you see."


def check(ruling: Ruling, where: Circumstances) -> None:
    """Refuse what would count rows that the caller does not have, or touch them. Raises Refusal 42501 and 0A000.

    Calls that measure relations give NULL where they can, for tools ask for sizes unasked.
    """
    check_counts(ruling, frozenset(id(call) for call in ruling.found.functions if uncounted.measures(call)))
    ruling.patches += uncounted.patches(ruling.found, where.data)
    _check_places(ruling, where)
    _check_locks(ruling, where)


def check_counts(ruling: Ruling, unmeasured: frozenset[int] = frozenset()) -> None:
    """Refuse what would count rows that the caller does not have. Raises Refusal 42501."""
    told = counts(ruling.found, unmeasured)
    if told is not None:
        message = f"{told} is not available to you, because rows are hidden from you that it would count"
        raise Refusal("42501", message, hint=_HINT)


def check_definition(ruling: Ruling, fields: Node, where: Circumstances) -> None:
    """Refuse what would end rows that are hidden from the caller, or number new ones as hidden ones are. Raises Refusal 42501."""
    reason = _against_definition(ruling, fields, where) if where.world.filters else None
    if reason is not None:
        message = f"{KINDS[ruling.kind].label} is not available to you: {reason}"
        raise Refusal("42501", message, hint="Ask an administrator to do this.")


def _against_definition(ruling: Ruling, fields: Node, where: Circumstances) -> str | None:
    world, catalog = where.world, where.catalog
    if ruling.kind == "TruncateStmt":
        meanings = [meaning_of(reference.node, where.names, catalog) for reference in ruling.found.references]
        emptied = [each for found in meanings if isinstance(found, Relation) for each in truncated_with(found, catalog)]
        return ROWS_HIDDEN if any(each.oid in world.filters for each in emptied) else None
    if ruling.kind in {"AlterSeqStmt", "DropOwnedStmt", "ReassignOwnedStmt"}:
        return "rows are hidden from you"
    if ruling.kind == "DropStmt":
        names = set(strings_of(fields))
        for relation in map(catalog.relations.__getitem__, world.filters):
            dropped = relation.schema if fields.get("removeType") == "OBJECT_SCHEMA" else relation.name
            if dropped in names:
                return f"{relation.schema}.{relation.name} has rows that are hidden from you"
    return None


def _check_places(ruling: Ruling, where: Circumstances) -> None:
    """Where a row lies, and which transaction has made it, tells of those between."""
    places = ruling.found.names & (SYSTEM_COLUMNS - {TABLEOID})
    written = [r for r in ruling.found.references if r.role == "target" and r.node["relname"] in where.world.names]
    if places and written:
        message = f"system column {min(places)} is not available, because rows of {written_name(written[0])} are hidden from you"
        raise Refusal("0A000", message, hint="Use the primary key.", position=position(where.data, written[0].node))


def _check_locks(ruling: Ruling, where: Circumstances) -> None:
    """Refuse to lock rows behind a fence: the server would lock all that the filter leaves, before the conditions choose."""
    fenced = next((each for each in ruling.substitutes if each.fenced), None)
    if fenced is not None and _holds(ruling.node, "lockingClause"):
        full = f"{fenced.relation.schema}.{fenced.relation.name}"
        message = (
            f"locking rows of {full} is available with plain comparisons only, because rows of it are hidden from you"
        )
        hint = "Compare columns with constants and each other, without functions and subqueries."
        raise Refusal("0A000", message, hint=hint, position=position(where.data, fenced.reference.node))


def _holds(root: Node, key: str) -> bool:
    stack: list[Any] = [root]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            if key in node:
                return True
            stack.extend(node.values())
        elif isinstance(node, list):
            stack.extend(node)
    return False
