"""Asking the trail: criteria as conditions of SQL, the entries that meet them, and how many of what kind.

Owns what a criterion means. Each name is compared without regard to case, each value goes as a parameter. May not do: read files
itself (tables), show anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import duckdb

from audit import tables
from audit.reader import decode, joined
from audit.search import CriterionError, Entry

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from audit.search import Criteria, Fields

_BATCH: Final = 1000
_BOOKKEEPING: Final = "('outcome', 'segment', 'closed', 'text_key')"
"""Events that are shown when they are asked for: the trail's own, and outcomes, never by themselves."""
_FAILED: Final = "('error', 'denied', 'cancelled', 'skipped', 'lost')"
_REFUSED: Final = "('login_refused', 'denial', 'recovered')"

_STATUS: Final = "CASE WHEN m.event = 'statement' THEN coalesce(o.status, CASE WHEN m.ruling = 'deny' THEN 'denied' ELSE 'open' END) END"

FACETS: Final = {
    "user": "m.principal",
    "person": "coalesce(m.on_behalf_of, m.principal)",
    "application": "m.application",
    "address": "regexp_replace(m.address, ':[0-9]+$', '')",
    "database": "m.database",
    "event": "m.event",
    "ruling": "m.ruling",
    "status": _STATUS,
    "sqlstate": "coalesce(o.sqlstate, m.sqlstate)",
    "text": "m.text",
    "fingerprint": "m.fingerprint",
    "day": "strftime(m.time, '%Y-%m-%d')",
    "hour": "strftime(m.time, '%Y-%m-%d %H:00')",
    "table": "unnest(m.relations)",
    "column": "m.u.column",
    "category": "m.u.category",
    "treatment": "m.u.treatment",
    "rule": "m.u.rule",
}
"""What entries can be counted by, and the expression for it."""

_OF_USES: Final = frozenset({"column", "category", "treatment", "rule"})


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on `m`, a record, and `o`, its outcome, with the values of its parameters; `ends`: it looks at the outcome."""

    sql: str
    values: dict[str, object]
    ends: bool


@dataclass(frozen=True, slots=True)
class Question:
    """A query, with the values of its parameters."""

    sql: str
    values: dict[str, object]


@dataclass(frozen=True, slots=True)
class Count:
    """How much there is of one kind: entries, people, rows that were answered, first and last moment."""

    value: str | None
    entries: int
    people: int
    rows: int
    first: str
    last: str


def choosing(criteria: Criteria, columns: str) -> Question:
    """Return the query that chooses the records that meet the criteria; `columns` of `m` are what it answers."""
    asked = condition(criteria)
    return Question(f"SELECT {columns} FROM records m {_JOIN if asked.ends else ''} WHERE {asked.sql}", asked.values)


def condition(criteria: Criteria) -> Condition:
    """Return what criteria ask of a record. Outcomes are no entries, for they belong to their statements."""
    values = dict[str, object]()
    parts = ["m.event <> 'outcome'" if criteria.events else f"m.event NOT IN {_BOOKKEEPING}"]
    for name, sql in _ASKED.items():
        wanted = getattr(criteria, name)
        if wanted:
            parts.append(sql)
            values[name] = wanted.lower() if name in _FOLDED else wanted
    if criteria.events:
        parts.append("list_contains($events, m.event)")
        values["events"] = list(criteria.events)
    if criteria.pattern is not None:
        parts.append(f"regexp_matches({_SAID}, $pattern, 'is')")
        values["pattern"] = criteria.pattern.pattern
    use = _of_use(criteria, values)
    if use:
        parts.append(f"list_bool_or(list_transform(m.columns, lambda u: {use}))")
    if criteria.errors:
        parts.append(f"({_STATUS} IN {_FAILED} OR m.event IN {_REFUSED} OR m.ok = false)")
    if criteria.shown:
        parts.append("list_contains(o.shown, $shown)")
        values["shown"] = criteria.shown
    if criteria.unlisted:
        parts.append(_UNLISTED)
    return Condition(" AND ".join(parts), values, criteria.errors or bool(criteria.shown) or criteria.unlisted)


def _of_use(criteria: Criteria, values: dict[str, object]) -> str:
    """Return what criteria ask of one column use `u`; empty when nothing."""
    parts = []
    for name, sql in _ASKED_OF_USE.items():
        wanted = getattr(criteria, name)
        if wanted:
            parts.append(sql)
            values[name] = wanted.lower()
    return " AND ".join(parts)


def _ends(name: str, wanted: str) -> str:
    """Compare a qualified name from the right: `customers` is public.customers, too."""
    return f"(lower({name}) = ${wanted} OR ends_with(lower({name}), '.' || ${wanted}))"


_UNLISTED: Final = (
    "m.event = 'statement' AND m.ruling <> 'deny' AND coalesce(o.rows, 1) > 0 AND NOT coalesce(o.listed, false) AND "
    "list_bool_or(list_transform(m.columns, lambda u: u.treatment = 'clear' OR u.rows IS NOT NULL))"
)
"""Statements that have shown a labelled column as it is, in rows that are not all listed: there were too many, or nobody listed them."""
_SAID: Final = "concat(m.text, chr(10), m.rewritten)"
_TABLE: Final = "regexp_replace(u.\"column\", '[.][^.]*$', '')"
_FOLDED: Final = frozenset({"user", "database", "table", "fingerprint"})
_ASKED: Final = {
    "since": "m.time >= $since::TIMESTAMP",
    "until": "m.time < $until::TIMESTAMP",
    "user": "(lower(m.principal) = $user OR lower(m.on_behalf_of) = $user)",
    "database": "lower(m.database) = $database",
    "session": "m.session = $session",
    "address": "starts_with(m.address, $address)",
    "ruling": "m.ruling = $ruling",
    "fingerprint": "m.fingerprint = $fingerprint",
    "table": f"(list_bool_or(list_transform(m.relations, lambda r: {_ends('r', 'table')})) OR "
    f"list_bool_or(list_transform(m.columns, lambda u: {_ends(_TABLE, 'table')})))",
    "hash": "list_contains(m.hashes, $hash)",
    "text": f"contains(lower({_SAID}), lower($text))",
}
"""Criteria of a record, and what each asks."""
_ASKED_OF_USE: Final = {
    "column": _ends('u."column"', "column"),
    "category": "coalesce(lower(u.category) = $category, false)",
    "treatment": "lower(u.treatment) = $treatment",
    "mask": "coalesce(lower(u.mask) = $mask, false)",
    "rule": "contains(lower(u.rule), $rule)",
}
"""Criteria that must meet in one column use."""

_JOIN: Final = "LEFT JOIN records o ON m.event = 'statement' AND o.event = 'outcome' AND o.session = m.session AND o.statement = m.statement"


@dataclass(frozen=True, slots=True)
class Found:
    """How many entries meet criteria, and those that are wanted, in the order of the trail, read as they are taken."""

    count: int
    entries: Iterator[Entry]


def find(connection: duckdb.DuckDBPyConnection, criteria: Criteria, last: int = 0) -> Found:
    """Find the entries that meet the criteria; only the `last` ones are wanted, if that is not 0. Raises CriterionError."""
    asked = choosing(criteria, 'm.seq, m.event, m.session, m.statement, m."like"')
    _execute(connection, f"CREATE OR REPLACE TEMP TABLE met AS {asked.sql}", asked.values)
    (count,) = connection.execute("SELECT count(*) FROM met").fetchone() or (0,)
    if last:
        connection.execute(
            f"DELETE FROM met WHERE seq < (SELECT min(seq) FROM (FROM met ORDER BY seq DESC LIMIT {last}))"
        )
    return Found(count, _entries(connection))


def save(connection: duckdb.DuckDBPyConnection, output: Path) -> None:
    """Write what `find` has found last as a Parquet file, one row for each entry, with how a statement ended. Raises QueryError."""
    own = ", ".join(f'r."{name}"' for name in tables.COLUMNS if name not in {"like", *tables.ENDING})
    ending = ", ".join(f'o."{name}"' for name in tables.ENDING if name != "sqlstate")
    tables.save(
        connection,
        f"SELECT {own}, {ending}, coalesce(o.sqlstate, r.sqlstate) AS sqlstate FROM met m JOIN records r ON r.seq = m.seq "
        "LEFT JOIN records o ON m.event = 'statement' AND o.event = 'outcome' AND o.session = m.session "
        "AND o.statement = m.statement ORDER BY r.seq",
        output,
    )


def _entries(connection: duckdb.DuckDBPyConnection) -> Iterator[Entry]:
    found = connection.execute(
        f'SELECT m.seq, m."like", min(o.seq) FROM met m {_JOIN} AND o.seq > (SELECT min(seq) FROM met) '
        'GROUP BY m.seq, m."like" ORDER BY m.seq'
    )
    reading = connection.cursor()
    while batch := found.fetchmany(_BATCH):
        records = _lines(reading, {seq for each in batch for seq in each if seq is not None})
        for seq, like, ending in batch:
            if seq in records:
                yield Entry(joined(records[seq], records.get(like)), records.get(ending))


def _lines(connection: duckdb.DuckDBPyConnection, wanted: set[int]) -> dict[int, Fields]:
    """Return records by their numbers."""
    numbers = ", ".join(map(str, sorted(wanted)))
    found = connection.execute(
        f"SELECT seq, line FROM records WHERE seq IN ({numbers}) AND seq BETWEEN {min(wanted)} AND {max(wanted)}"
    ).fetchall()
    return {seq: record for seq, line in found if (record := decode(line.encode())) is not None}


def text_keys(connection: duckdb.DuckDBPyConnection) -> dict[str, Fields]:
    """Return the records of the keys of sealed texts, by the names of the keys."""
    found = connection.execute("SELECT line FROM records WHERE event = 'text_key'").fetchall()
    records = (decode(line.encode()) for (line,) in found)
    return {str(record.get("key")): record for record in records if record is not None}


def counts(connection: duckdb.DuckDBPyConnection, criteria: Criteria, by: str) -> list[Count]:
    """Count the entries that meet the criteria by one of FACETS, the most frequent first. Raises CriterionError."""
    asked = counting(criteria, by)
    return counted(_execute(connection, asked.sql, asked.values).fetchall())


def counting(criteria: Criteria, by: str) -> Question:
    """Return the query that counts, with its rows in the order of Count."""
    asked = condition(criteria)
    use = ""
    if by in _OF_USES:
        asked = condition(replace(criteria, column=None, category=None, treatment=None, mask=None, rule=None))
        use = _of_use(criteria, asked.values) or "true"
    source = f'(SELECT * FROM (SELECT *, unnest("columns") AS u FROM records) WHERE {use})' if use else "records"
    return Question(
        "SELECT value, count(*), count(DISTINCT person), coalesce(sum(rows), 0)::BIGINT, min(time), max(time) FROM ("
        f"SELECT {FACETS[by]} AS value, coalesce(m.on_behalf_of, m.principal) AS person, m.time, o.rows "
        f"FROM {source} m {_JOIN} WHERE {asked.sql}) GROUP BY value ORDER BY 2 DESC, 1",
        asked.values,
    )


def counted(rows: Iterable[Sequence[Any]]) -> list[Count]:
    """Return what the query that counts has answered."""
    return [
        Count(value, entries, people, rows, first.isoformat(sep=" "), last.isoformat(sep=" "))
        for value, entries, people, rows, first, last in rows
    ]


def _execute(connection: duckdb.DuckDBPyConnection, sql: str, values: dict[str, Any]) -> duckdb.DuckDBPyConnection:
    try:
        return connection.execute(sql, values)
    except duckdb.InvalidInputException as error:
        raise CriterionError(f"--regex is not understood: {error}") from None
