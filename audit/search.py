"""Which records: statements joined with their outcomes, chosen by who, what, when and how.

Owns the criteria and the joining. Pure: records in, entries out; the moment "now" is given. May not do: read files.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field
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
    the same column use. `text` occurs in the text or the rewritten text, `pattern` is searched in them.
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
    text: str | None = None
    pattern: re.Pattern[str] | None = None
    errors: bool = False
    _of_columns: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        asked = (self.column, self.category, self.treatment, self.mask, self.rule)
        object.__setattr__(self, "_of_columns", any(value is not None for value in asked))

    def wants(self, record: Fields) -> bool:
        """Tell whether a record other than an outcome meets all but `errors`, which the outcome decides."""
        when = record.get("time", "")
        return (
            (self.since is None or when >= self.since)
            and (self.until is None or when < self.until)
            and (not self.events or record.get("event") in self.events)
            and _same(self.user, record.get("principal"))
            and _same(self.database, record.get("database"))
            and (self.session is None or self.session == record.get("session"))
            and (self.address is None or str(record.get("address", "")).startswith(self.address))
            and (self.ruling is None or self.ruling == record.get("ruling"))
            and (self.table is None or any(_ends(name, self.table) for name in _tables(record)))
            and (not self._of_columns or any(self._wants_use(use) for use in record.get("columns") or ()))
            and self._wants_text(record)
        )

    def wants_entry(self, entry: Entry) -> bool:
        """Tell whether an entry whose record is wanted meets `errors`: ended otherwise than ok, or refused."""
        return not self.errors or (
            entry.status in {"error", "denied", "cancelled", "skipped", "lost"}
            or entry.record.get("event") in {"login_refused", "denial", "recovered"}
            or entry.record.get("ok") is False
        )

    def _wants_use(self, use: Fields) -> bool:
        return (
            (self.column is None or _ends(str(use.get("column", "")), self.column))
            and _same(self.category, use.get("category"))
            and _same(self.treatment, use.get("treatment"))
            and _same(self.mask, use.get("mask"))
            and (self.rule is None or self.rule.casefold() in str(use.get("rule", "")).casefold())
        )

    def _wants_text(self, record: Fields) -> bool:
        if self.text is None and self.pattern is None:
            return True
        said = f"{record.get('text') or ''}\n{record.get('rewritten') or ''}"
        return (self.text is None or self.text.casefold() in said.casefold()) and (
            self.pattern is None or self.pattern.search(said) is not None
        )


def _same(wanted: str | None, value: object) -> bool:
    return wanted is None or (value is not None and wanted.casefold() == str(value).casefold())


def _ends(name: str, wanted: str) -> bool:
    name, wanted = name.casefold(), wanted.casefold()
    return name == wanted or name.endswith("." + wanted)


def _tables(record: Fields) -> list[str]:
    of_columns = [str(use.get("column", "")).rpartition(".")[0] for use in record.get("columns") or ()]
    return [*map(str, record.get("relations") or ()), *of_columns]


def search(records: Iterable[Fields], criteria: Criteria) -> Iterator[Entry]:
    """Give the entries that meet the criteria, in the order of their records, each statement with its outcome."""
    return (entry for entry in join(records, criteria) if criteria.wants_entry(entry))


def join(records: Iterable[Fields], criteria: Criteria | None = None) -> Iterator[Entry]:
    """Give records as entries, in their order; the records must be in the order of the trail.

    A statement is held back until its outcome is met, the proxy starts anew, or WAITING others wait behind it.
    """
    wanted = criteria or Criteria()
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
        if event != "outcome" and wanted.wants(record):
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
