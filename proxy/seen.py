"""What a statement shows as it is: the labelled columns that it reads and that its caller sees clear, for the audit.

The rewriter names the columns of what it puts in a relation's place, and puts nothing in place of one of which nothing is hidden. So a
statement is read once more here, as if every labelled column were hidden from its caller; nothing of that reading leaves. Where
it cannot be read so (the server will say why, or it is of a kind that masked callers may not send), all labelled columns of the relations that
it names count: the trail may say too much then, and not too little. Once for each plan.
May not do: rule. Whatever goes wrong here changes nothing of what leaves.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from policies.masks import make_mask
from policies.model import Decision, Treatment
from rewriter.kept import Kept
from rewriter.model import Refusal, UnknownNames, Use

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from policies.model import ColumnName

log = logging.getLogger(__name__)

_HIDDEN: Final = Treatment("mask", "audit", mask=make_mask("null"), explain=True)
_DEPTH: Final = 8
"""How far views over views are followed."""


def _observing(decision: Decision) -> Decision:
    return replace(decision, treatments=dict.fromkeys(decision.treatments, _HIDDEN), filters=(), limit=None, kinds=())


_observed: Kept[Decision] = Kept(_observing, 256)


def seen(
    decision: Decision,
    told: Sequence[Use],
    read: Callable[[Decision], Sequence[Use]],
    mentioned: Callable[[], Iterable[ColumnName]],
) -> tuple[Use, ...]:
    """The uses of a statement: those that its ruling has `told`, and one of each column that it shows clear.

    `read` gives its uses under another decision, `mentioned` the labelled columns of all that it names, where it cannot be read.
    """
    clear = {column for column, treatment in decision.treatments.items() if not treatment.treated}
    if not clear:
        return tuple(told)
    try:
        found = [use.column for use in read(_observed(decision))]
    except (Refusal, UnknownNames, UnicodeDecodeError):
        found = sorted(mentioned(), key=str)
    except Exception:  # the statement leaves all the same, and the text may hold values
        log.exception("fault while it was looked what a statement shows")
        found = sorted(mentioned(), key=str)
    known = {use.column for use in told}
    new = [column for column in dict.fromkeys(found) if column in clear and column not in known]
    return (*told, *(Use(column, decision.treatments[column]) for column in new))


def labelled(
    decision: Decision,
    relations: Iterable[tuple[str | None, str]],
    behind: Callable[[str | None, str], Iterable[tuple[str | None, str]]],
) -> list[ColumnName]:
    """The labelled columns of relations as written (schema or None, name), in any case, and of what is `behind` those that are views."""
    found: set[tuple[str | None, str]] = set()
    level = {(schema and schema.lower(), name.lower()) for schema, name in relations}
    for _ in range(_DEPTH):
        level -= found
        found |= level
        level = {(schema and schema.lower(), name.lower()) for each in level for schema, name in behind(*each)}
    return [
        column
        for column in decision.treatments
        if {(column.schema.lower(), column.relation.lower()), (None, column.relation.lower())} & found
    ]
