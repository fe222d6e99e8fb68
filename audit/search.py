"""Entries: records, statements joined with their outcomes; and the criteria by which they are chosen.

Owns the joining of records as they come, and how moments are written. Pure: records in, entries out; the moment "now" is given.
May not do: read files, choose (query).
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Fields = dict[str, Any]

WAITING = 10_000
"""How many entries may wait for an outcome before the oldest is given without one; bounds memory and delay."""

_AGO = re.compile(r"(\d{1,6})\s*(s|m|h|d|w)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class CriterionError(ValueError):
    """A criterion that cannot be understood; the message says what is possible."""


@dataclass(slots=True)
class Entry:
    """One thing that happened: a record, and for a statement its outcome (None: running, or lost)."""

    record: Fields
    outcome: Fields | None = None

    @property
    def status(self) -> str:
        """How it ended: ok, error, denied, cancelled, skipped, lost; open while no outcome is known; empty for other events."""
        if self.outcome is not None:
            return str(self.outcome.get("status", ""))
        if self.record.get("event") != "statement":
            return ""
        return "denied" if self.record.get("ruling") == "deny" else "open"


@dataclass(frozen=True, slots=True)
class Criteria:
    """What an entry must meet, all of it; None asks nothing. Within a tuple, one must fit.

    Names compare without regard to case. `table` and `column` fit from the right: `customers` fits `public.customers`,
    `customers.phone` fits `public.customers.phone`. column, category, treatment, mask and rule must be met by one and
    the same column use. `hash` is that of a value that the statement names (audit.values). `shown` is that of one that its
    answer held; `unlisted` are statements of whose answers not every row is known, though they show a labelled column as it is. `text` occurs in the text or the rewritten text, `pattern` is searched in them.
    `since` is inclusive, `until` exclusive, both as in the records.
    """

    user: str | None = None
    session: str | None = None
    address: str | None = None
    database: str | None = None
    table: str | None = None
    column: str | None = None
    category: str | None = None
    treatment: str | None = None
    mask: str | None = None
    rule: str | None = None
    events: tuple[str, ...] = ()
    ruling: str | None = None
    since: str | None = None
    until: str | None = None
    hash: str | None = None
    text: str | None = None
    pattern: re.Pattern[str] | None = None
    errors: bool = False
    fingerprint: str | None = None
    shown: str | None = None
    unlisted: bool = False


def join(records: Iterable[Fields]) -> Iterator[Entry]:
    """Give records as entries, in their order; the records must be in the order of the trail.

    A statement is held back until its outcome is met, the proxy starts anew, or WAITING others wait behind it.
    """
    queue: deque[Entry] = deque()
    waiting: dict[tuple[object, object], Entry] = {}
    for record in records:
        event = record.get("event")
        if event == "outcome":
            entry = waiting.pop((record.get("session"), record.get("statement")), None)
            if entry is not None:
                entry.outcome = record
        elif event in {"started", "recovered"}:
            waiting.clear()  # whoever wrote before is gone: no outcome will come any more
        if event != "outcome":
            entry = Entry(record)
            queue.append(entry)
            if event == "statement":
                waiting[(record.get("session"), record.get("statement"))] = entry
        while queue and (len(queue) > WAITING or _key(queue[0]) not in waiting):
            waiting.pop(_key(queue[0]), None)
            yield queue.popleft()
    yield from queue


def live(records: Iterable[Fields | None]) -> Iterator[Entry]:
    """Give records as entries as they come, None being a tick of the reader.

    A statement waits two ticks for its outcome and is then given without; an outcome that comes later is given as an
    entry of its own.
    """
    waiting: dict[tuple[object, object], tuple[Entry, int]] = {}
    tick = 0
    for record in records:
        if record is None:
            tick += 1
            for key in [key for key, (_, since) in waiting.items() if tick - since > 1]:
                yield waiting.pop(key)[0]
            continue
        entry = Entry(record)
        if record.get("event") == "statement":
            waiting[_key(entry)] = (entry, tick)
            continue
        if record.get("event") == "outcome" and _key(entry) in waiting:
            entry = Entry(waiting.pop(_key(entry))[0].record, record)
        yield entry


def _key(entry: Entry) -> tuple[object, object]:
    return entry.record.get("session"), entry.record.get("statement")


def moment(text: str, now: datetime) -> str:
    """Return a point in time as records write it, from ISO 8601, `today`, `yesterday`, `now`, or an age like `2h`.

    Without an offset a time is UTC, as in the records. `now` must know its zone. Raises CriterionError.
    """
    said = text.strip().lower()
    here = now.astimezone(UTC)
    midnight = here.replace(hour=0, minute=0, second=0, microsecond=0)
    named = {"now": here, "today": midnight, "yesterday": midnight - timedelta(days=1)}
    if said in named:
        return written(named[said])
    ago = _AGO.fullmatch(said)
    try:
        if ago:
            return written(here - timedelta(**{_UNITS[ago[2]]: int(ago[1])}))
        if len(said) == len("2026-01-31"):
            day = date.fromisoformat(said)
            return written(datetime(day.year, day.month, day.day, tzinfo=UTC))
        when = datetime.fromisoformat(text.strip())
        return written(when if when.tzinfo else when.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        raise CriterionError(
            f"{text!r} is no time: give 2026-01-31, 2026-01-31T09:15 (UTC, or with an offset like +08:00), "
            "today, yesterday, now, or an age such as 90s, 30m, 2h, 7d, 4w"
        ) from None


def written(when: datetime) -> str:
    """Return a time as records write it."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
