"""What a statement reads, for the audit: the labelled columns that its caller sees clear, and of a refused one all that it would have read.

The rewriter names the columns of what it puts in a relation's place, and puts nothing in place of one of which nothing is hidden. So a
statement is read once more here, as if every labelled column were hidden from its caller; nothing of that reading leaves. Where
it cannot be read so (the server will say why, or it is of a kind that masked callers may not send), all labelled columns of the relations that
it names count: the trail may say too much then, and not too little. Once for each plan, and only where a relation that it names, or what is behind that, has a
column that its caller sees clear. What functions and procedures read counts by the names that stand in them. A refused statement is read in the same way: who tried to read what stands in the trail, too.
May not do: rule. Whatever goes wrong here changes nothing of what leaves.
"""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from audit.record import ColumnUse
from policies.masks import make_mask
from policies.model import Decision, Treatment
from rewriter.kept import Kept
from rewriter.model import Refusal, UnknownNames, Use

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from policies.model import ColumnName
    from rewriter.model import WrittenName

log = logging.getLogger(__name__)

_HIDDEN: Final = Treatment("mask", "audit", mask=make_mask("null"), explain=True)
READ_AGAIN: Final = 64 * 1024
"""Bytes of a text that is read once more for the audit; of a longer one all labelled columns of what it names count."""

ATTEMPTED: Final = 256 * 1024
"""Bytes of a refused text that are looked at: some 50 ms when each word is another one, and the refusal itself is cheap."""

_WORD: Final = re.compile(r"\w+")


def _observing(decision: Decision) -> Decision:
    return replace(decision, treatments=dict.fromkeys(decision.treatments, _HIDDEN), filters=(), limit=None, kinds=())


_observed: Kept[Decision] = Kept(_observing, 256)


EVERYTHING: Final = (None, "*")
"""Stands for all relations, where a text reads values of which it names nothing."""


class Reading(NamedTuple):
    """What a statement reads under a decision: labelled columns, and relations by (schema or None, name)."""

    uses: Sequence[Use]
    relations: Sequence[WrittenName]


def seen(
    decision: Decision,
    told: Sequence[Use],
    read: Callable[[Decision], Reading],
    mentioned: Callable[[], Collection[ColumnName]],
    run: Callable[[], Collection[ColumnName]],
) -> tuple[Use, ...]:
    """The uses of a statement: those that its ruling has `told`, and one of each column that it shows clear.

    `read` gives its reading under another decision, `mentioned` the labelled columns of all that it names, `run` those that code may
    read which it runs.
    """
    if not any(not treatment.treated for treatment in decision.treatments.values()):
        return tuple(told)
    found: list[ColumnName] = []
    named = mentioned()
    if not all(decision.treatments[column].treated for column in named):
        found = sorted(named, key=str)
        try:
            found = _columns(read(_observed(decision)), decision, lambda: named)
        except (Refusal, UnknownNames, UnicodeDecodeError):
            pass
        except Exception as error:  # noqa: BLE001  the statement leaves all the same; the message may hold its values
            log.error("fault while it was looked what a statement shows: %s", type(error).__name__)  # noqa: TRY400
    found += sorted(run(), key=str)
    known = {use.column for use in told}
    new = [c for c in dict.fromkeys(found) if c not in known and not decision.treatments[c].treated]
    return (*told, *(Use(column, decision.treatments[column]) for column in new))


class Attempt(NamedTuple):
    """What a refused statement would have read, as far as it could be read: labelled columns, and relations, as (schema or None, name)."""

    columns: tuple[ColumnName, ...]
    relations: tuple[WrittenName, ...]


def attempted(
    decision: Decision,
    read: Callable[[Decision], Reading],
    written: Collection[WrittenName],
    mentioned: Callable[[], Collection[ColumnName]],
) -> Attempt:
    """What a refused statement would have read.

    `read` gives its reading under another decision; where that is refused as well, `written` are the relations that stand in it,
    and `mentioned` the labelled columns of all that it names.
    """
    try:
        found = read(_observed(decision))
    except (Refusal, UnknownNames, UnicodeDecodeError):
        columns = tuple(sorted(mentioned(), key=str))
        return Attempt(columns, tuple(written) or tuple(dict.fromkeys((c.schema, c.relation) for c in columns)))
    return Attempt(tuple(_columns(found, decision, mentioned)), tuple(found.relations))


def _columns(reading: Reading, decision: Decision, mentioned: Callable[[], Collection[ColumnName]]) -> list[ColumnName]:
    """The labelled columns that a reading uses; for a column of a view, which has no label of its own, all that are `mentioned`."""
    found = list(dict.fromkeys(use.column for use in reading.uses))
    known = [column for column in found if column in decision.treatments]
    return known if len(known) == len(found) else list(dict.fromkeys((*known, *sorted(mentioned(), key=str))))


def words(text: str) -> set[tuple[None, str]]:
    """Every word of a text that cannot be read, as the name of a relation that it may be."""
    return {(None, word) for word in set(_WORD.findall(text))}


def labelled(
    decision: Decision,
    relations: Iterable[tuple[str | None, str]],
    behind: Callable[[str | None, str], Iterable[tuple[str | None, str]]],
) -> list[ColumnName]:
    """The labelled columns of relations as written (schema or None, name), in any case, and of what is `behind` them: what views and code read, and a table's kin."""
    found: set[tuple[str | None, str]] = set()
    level = {(schema.lower() if schema else None, name.lower()) for schema, name in relations}
    while level := level - found:
        found |= level
        if EVERYTHING in found:
            return list(decision.treatments)
        level = {(schema.lower() if schema else None, name.lower()) for each in level for schema, name in behind(*each)}
    return [
        column
        for column in decision.treatments
        if {(column.schema.lower(), column.relation.lower()), (None, column.relation.lower())} & found
    ]


def grants_of(uses: Sequence[Use], decision: Decision, *, made: bool) -> tuple[int, ...]:
    """The grants that a statement shows something by; `made`: by what an earlier one has left, it may be any of them."""
    return decision.grants if made else tuple(sorted({grant for use in uses for grant in use.treatment.grants}))


def refused_use(column: ColumnName, decision: Decision) -> ColumnUse:
    """A column that a refused statement would have read, as the audit has it: nothing of it was given, by whatever rule there is for it."""
    treatment = decision.treatments[column]
    return column_use(Use(column, Treatment("deny", treatment.rule)), decision)


def column_use(use: Use, decision: Decision) -> ColumnUse:
    """A use as the audit has it."""
    label = decision.labels.get(use.column)
    treatment = use.treatment
    return ColumnUse(
        column=str(use.column),
        category=label.category if label else None,
        level=label.level if label else None,
        treatment=treatment.kind,
        mask=treatment.mask.name if treatment.mask else None,
        rule=treatment.rule,
        rows=treatment.rows.text if treatment.rows else None,
        search=use.search,
        join=use.join,
    )
