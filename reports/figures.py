"""The figures of a report: every question answered for one period, and what follows from the answers.

Owns the tables of a report and their columns. Numbers are those of the trail: nothing is estimated but where a table says so. May
not do: look (page), judge what needs an eye (signals), look at a clock.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Protocol

import duckdb

from audit import tables
from reports import questions, unusual

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from reports.questions import Question

BEFORE: Final = timedelta(days=28)
"""What is looked at before the period, to know what is usual."""

_BATCH: Final = 5000
_LISTED: Final = (
    questions.DAYS, questions.BY_PERSON, questions.BY_UNIT, questions.BY_TABLE, questions.BY_CATEGORY, questions.BY_COLUMN,
    questions.UNIT_DAYS, questions.CATEGORY_DAYS, questions.TABLE_DAYS, questions.PERSON_DAYS, questions.TIMES, questions.DENIALS,
    questions.BURSTS, questions.LOGINS, questions.POLICY_EVENTS, questions.POLICY_EFFECT, questions.LABELLED, questions.ALERTS,
    questions.PLAIN_TABLES,
)  # fmt: skip
"""Questions whose answers are tables of the report as they are."""


@dataclass(frozen=True, slots=True)
class Period:
    """From when, inclusive, until when, exclusive; both UTC without a zone, as DuckDB's timestamps are."""

    since: datetime
    until: datetime

    def values(self) -> dict[str, datetime]:
        """Return the parameters of the questions."""
        return {"before": self.since - BEFORE, "since": self.since, "until": self.until}

    @property
    def days(self) -> tuple[date, ...]:
        """Every day that the period touches."""
        last = (self.until - timedelta(microseconds=1)).date()
        first = self.since.date()
        return tuple(first + timedelta(days=count) for count in range(max(0, (last - first).days) + 1))


@dataclass(frozen=True, slots=True)
class Table:
    """One answer: its name (of the CSV file, too), in words what it says, its columns and rows."""

    name: str
    title: str
    heading: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    def column(self, name: str) -> tuple[Any, ...]:
        """Return one column."""
        at = self.heading.index(name)
        return tuple(row[at] for row in self.rows)

    def without(self, names: Collection[str]) -> Table:
        """Return the table without some columns."""
        kept = [at for at, name in enumerate(self.heading) if name not in names]
        rows = tuple(tuple(row[at] for at in kept) for row in self.rows)
        return Table(self.name, self.title, tuple(self.heading[at] for at in kept), rows)

    def dicts(self) -> Iterator[dict[str, Any]]:
        """Give the rows by the names of their columns."""
        return (dict(zip(self.heading, row, strict=True)) for row in self.rows)


@dataclass(frozen=True, slots=True)
class Coverage:
    """How far the dictionary reaches: entries, by category; and columns of databases that were looked at."""

    policies: str
    entries: Table
    databases: Table


@dataclass(frozen=True, slots=True)
class Figures:
    """All of a report. `tables` by name; `unknown` people have too few days to say what is usual for them."""

    period: Period
    trail: tuple[int, int]
    """The numbers of the first and last record of the period."""
    tables: Mapping[str, Table]
    totals: Mapping[str, int]
    protection: Mapping[str, int]
    unknown: int
    seen_before: bool
    """Whether the trail holds anything of the weeks before, so that what is new can be told."""
    coverage: Coverage | None = None
    authorities: Mapping[str, str] = field(default_factory=dict)
    """By whose leave a grant is, by the name of its rule."""


class Asked(Protocol):
    """What a report asks: one trail, wherever it is kept."""

    period: Period

    def table(self, question: Question) -> Table:
        """Answer a question. Raises QueryError."""

    def streamed(self, question: Question) -> AbstractContextManager[tuple[tuple[str, ...], Iterator[tuple[Any, ...]]]]:
        """Answer a question whose answer may be long: its heading, and its rows as they come. Raises QueryError."""


class Trail:
    """The sources of a report over one trail, each made once, when the first question needs it."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, period: Period, units: Sequence[str]) -> None:
        """Raises UnitError."""
        self._connection = connection
        self._values = period.values()
        self._waiting = questions.sources(units)
        self.period = period

    def table(self, question: Question) -> Table:
        """Answer a question."""
        found = self._execute(question.sql)
        heading = tuple(name for name, *_ in found.description or ())
        return Table(question.name, question.title, heading, tuple(found.fetchall()))

    @contextmanager
    def streamed(self, question: Question) -> Iterator[tuple[tuple[str, ...], Iterator[tuple[Any, ...]]]]:
        """Answer a question whose answer may be longer than memory: its heading, and its rows as they come."""
        self._prepare(question.sql)
        with self._connection.cursor() as cursor:
            found = cursor.execute(question.sql, self._of(question.sql))
            yield tuple(name for name, *_ in found.description or ()), _fetched(found)

    def _execute(self, sql: str) -> duckdb.DuckDBPyConnection:
        """Answer a query, once its sources are made. Raises QueryError."""
        self._prepare(sql)
        try:
            return self._connection.execute(sql, self._of(sql))
        except duckdb.Error as error:
            raise tables.QueryError(f"the trail cannot be read, run `louver audit verify`: {error}") from None

    def _prepare(self, sql: str) -> None:
        for name in [name for name in self._waiting if re.search(rf"\b{name}\b", sql)]:
            if name in self._waiting:  # not yet made for another one
                self._execute(f"CREATE TABLE {name} AS {self._waiting.pop(name)}")

    def _of(self, sql: str) -> dict[str, datetime]:
        return {name: value for name, value in self._values.items() if f"${name}" in sql}


def _fetched(found: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    while batch := found.fetchmany(_BATCH):
        yield from batch


@contextmanager
def opened(paths: Sequence[Path], period: Period, units: Sequence[str] = questions.UNITS) -> Iterator[Trail]:
    """Open the segments of a trail for a report of a period. Raises UnitError, QueryError."""
    with tables.opened(paths) as connection:
        yield Trail(connection, period, units)


def steps() -> int:
    """Return how often `gather` says that it has come further."""
    return len(NAMES)


def gather(
    trail: Asked, coverage: Coverage | None = None, progress: Callable[[int], object] = lambda _: None
) -> Figures:
    """Answer all questions; `progress` is called with the count of tables that are made. Raises QueryError."""
    found: dict[str, Table] = {}
    for done, name in enumerate(NAMES, 1):
        found[name] = table(trail, name)
        progress(done)
    first, last, earlier = _span(trail)
    people = set(found["person-days"].column("person"))
    return Figures(
        period=trail.period,
        trail=(first, last),
        tables=found,
        totals=next(trail.table(questions.TOTALS).dicts()),
        protection=next(trail.table(questions.PROTECTION).dicts()),
        unknown=len(people) - _judged(trail).known,
        seen_before=bool(earlier),
        coverage=coverage,
        authorities=_leaves(found["grants"]),
    )


def table(trail: Asked, name: str) -> Table:
    """Answer one of NAMES. Raises QueryError."""
    made = _DERIVED.get(name)
    return trail.table(_PLAIN[name]) if made is None else made(trail)


def clear_views(trail: Asked, leaves: Mapping[str, str]) -> Iterator[tuple[Any, ...]]:
    """Give every clear view, its heading first, with by whose leave it was when a grant has shown it."""
    with trail.streamed(questions.CLEAR_VIEWS) as (heading, rows):
        at = heading.index("authority")
        yield (*heading[: at + 1], "approved_by", *heading[at + 1 :])
        for row in rows:
            yield (*row[: at + 1], leaves.get(row[at], ""), *row[at + 1 :])


def _judged(trail: Asked) -> unusual.Judged:
    within, before = (trail.table(question) for question in (questions.PERSON_DAYS, questions.PERSON_DAYS_BEFORE))
    return unusual.judge(_rows_by_day(within), _rows_by_day(before))


def _rows_by_day(found: Table) -> dict[str, dict[date, int]]:
    rows: dict[str, dict[date, int]] = {}
    for person, day, answered, _ in found.rows:
        rows.setdefault(person, {})[day] = int(answered)
    return rows


def _unusual_days(trail: Asked) -> Table:
    heading = ("person", "day", "answered", "usual", "score")
    rows = tuple((each.person, each.day, each.rows, each.usual, each.score) for each in _judged(trail).days)
    return Table("unusual-days", "Days on which somebody read far more than they do", heading, rows)


def _clear_summary(trail: Asked) -> Table:
    found = trail.table(questions.CLEAR_SUMMARY)
    leaves = _leaves(_grants(trail))
    at = found.heading.index("authority")
    heading = (*found.heading[: at + 1], "approved_by", *found.heading[at + 1 :])
    rows = tuple((*row[: at + 1], leaves.get(row[at], ""), *row[at + 1 :]) for row in found.rows)
    return Table(found.name, found.title, heading, rows)


def _new_clear_views(trail: Asked) -> Table:
    """Those of the summary whose person and column did not occur before; none when nothing is known of that time."""
    found = _clear_summary(trail)
    title = "Clear views of columns that the person had not seen in the four weeks before"
    if not _span(trail)[2]:
        return Table("new-clear-views", f"{title}: nothing is known of that time", found.heading, ())
    before = set(trail.table(questions.CLEAR_BEFORE).rows)
    person, column = found.heading.index("person"), found.heading.index("column")
    rows = tuple(row for row in found.rows if (row[person], row[column]) not in before)
    return Table("new-clear-views", title, found.heading, rows)


def _span(trail: Asked) -> tuple[int, int, int]:
    """Return the first and last record of the period, and how many statements are known of the weeks before."""
    ((first, last, earlier),) = trail.table(_SPAN).rows
    return first or 0, last or 0, int(earlier)


_SPAN: Final = questions.Question(
    "span",
    "What of the trail the report rests on",
    """
SELECT min(CASE WHEN time >= CAST($since AS TIMESTAMP) THEN seq END), max(CASE WHEN time >= CAST($since AS TIMESTAMP) THEN seq END),
       coalesce(sum(CASE WHEN time < CAST($since AS TIMESTAMP) AND time >= CAST($before AS TIMESTAMP) AND event = 'statement' THEN 1 ELSE 0 END), 0)
FROM records WHERE time >= CAST($before AS TIMESTAMP) AND time < CAST($until AS TIMESTAMP)""",
)


_GRANT: Final = (
    "grant", "person", "meant", "reason", "asked_at", "approved_by", "begun_at", "ended", "ended_at", "reviewed_by", "statements",
    "answered", "first_time", "last_time",
)  # fmt: skip
_ENDS: Final = frozenset({"denied", "revoked", "expired", "used up"})


def _grants(trail: Asked) -> Table:
    """One row for each grant that the period knows: what became of it, and what was shown by it."""
    used = {row[0]: row[1:] for row in trail.table(questions.GRANT_USES).rows}
    told: dict[int, dict[str, Any]] = {}
    for (line,) in trail.table(questions.GRANT_EVENTS).rows:
        event = json.loads(line)
        row = told.setdefault(event["grant"], dict.fromkeys(_GRANT, "") | {"grant": event["grant"]})
        row |= {"person": event["principal"], "meant": _meant(event), "reason": event["reason"]}
        _follow(row, event)
    for number in used:
        told.setdefault(number, dict.fromkeys(_GRANT, "") | {"grant": number})
    for number, row in told.items():
        names = ("statements", "answered", "first_time", "last_time")
        row |= dict(zip(names, used.get(number, (0, 0, None, None)), strict=True))
    rows = tuple(tuple(told[number][name] for name in _GRANT) for number in sorted(told, reverse=True))
    return Table("grants", "Grants, and what was shown by them", _GRANT, rows)


def _leaves(grants: Table) -> dict[str, str]:
    """Return by whose leave each grant is, by the name of its rule."""
    return {f"grant {row['grant']}": str(row["approved_by"]) for row in grants.dicts()}


def _follow(row: dict[str, Any], event: Mapping[str, Any]) -> None:
    """Add to a grant what an event says."""
    what, person, at = event["what"], event["person"] or "", _moment(event["at"])
    if what == "requested":
        row["asked_at"] = at
    elif what in {"approved", "broken glass"}:
        leave = person if what == "approved" else f"{person} (broke the glass)"
        row["approved_by"] = f"{row['approved_by']}, {leave}" if row["approved_by"] else leave
        if what == "broken glass":
            row["asked_at"] = row["begun_at"] = at
    elif what == "begun":
        row["begun_at"] = at
    elif what == "reviewed":
        row["reviewed_by"] = person
    elif what in _ENDS:
        row["ended"] = f"{what} by {person}" if person else what
        row["ended_at"] = at


def _moment(at: str) -> datetime | str:
    """Return a time as the trail's others are; what is no time stays as it is."""
    try:
        return datetime.fromisoformat(at).astimezone(UTC).replace(tzinfo=None)
    except ValueError:
        return at


def _meant(event: Mapping[str, Any]) -> str:
    """Say in words which columns a grant means."""
    parts = [f"{key} {' or '.join(values)}" for key, values in event["columns"].items()]
    if event["rows"]:
        parts.append(f"rows {event['rows']}")
    if event["purpose"]:
        parts.append(f"for {event['purpose']}")
    return ", ".join(parts)


_PLAIN: Final = {question.name: question for question in _LISTED}
_DERIVED: Final[dict[str, Callable[[Asked], Table]]] = {
    "unusual-days": _unusual_days,
    "grants": _grants,
    "clear-views-by-authority": _clear_summary,
    "new-clear-views": _new_clear_views,
}
NAMES: Final = (*_PLAIN, *_DERIVED)
"""The tables of a report, by their names."""


def coverage_of(
    policies: str, entries: Iterable[tuple[str, int, str]], databases: Iterable[tuple[str, int, int, int]]
) -> Coverage:
    """Count the entries of a dictionary (category, level, state), and columns of databases (name, all, classified, unreviewed)."""
    counted: dict[tuple[str, int], dict[str, int]] = {}
    for category, level, state in entries:
        counts = counted.setdefault((category, level), dict.fromkeys(("accepted", "proposed", "rejected"), 0))
        counts[state] += 1
    heading = ("category", "level", "accepted", "proposed", "rejected")
    rows = tuple((*label, *counts.values()) for label, counts in sorted(counted.items()))
    looked = ("database", "columns", "classified", "unreviewed")
    return Coverage(
        policies,
        Table("dictionary", "Entries of the dictionary", heading, rows),
        Table("coverage", "Columns of databases, and how many the dictionary classifies", looked, tuple(databases)),
    )
