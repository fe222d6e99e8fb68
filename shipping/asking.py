"""Asking what was shipped to ClickHouse: the same criteria, counts and queries as of the trail itself.

Owns how entries are put together from there. What a criterion means is audit.query's, its words in that SQL are dialect's. All trails are
asked at once, for sessions differ between them; or one that is named. May not do: write.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from audit import query, reader, tables
from audit.search import CriterionError, Entry
from shipping.clickhouse import FAILURES, said
from shipping.dialect import TRAIL, translated, translated_query

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from clickhouse_connect.driver.client import Client

    from audit.search import Criteria, Fields

_SETTINGS: Final[Mapping[str, Any]] = {
    "join_use_nulls": 1,
    "prefer_column_name_to_alias": 1,
    "formatdatetime_parsedatetime_m_is_month_name": 0,  # %M are minutes
}
"""What makes ClickHouse answer as DuckDB does."""

_KINDS: Final = {"events": "Array(String)"}
_MOMENTS: Final = ("since", "until")
_BATCH: Final = 1000
_COLUMNS: Final = 'm.time, m.trail, m.seq, m."like", m.event, m.session, m.statement, m.line'
_TEXT_KEYS: Final = "SELECT line FROM records WHERE event = 'text_key'"
_NO_PATTERN: Final = "CANNOT_COMPILE_REGEXP"


class Warehouse:
    """The trails in one database of ClickHouse, or one of them, by its name."""

    def __init__(self, client: Client, trail: str | None = None) -> None:
        self._client = client
        self._of: dict[str, Any] = {} if trail is None else {TRAIL: trail}

    def trails(self) -> list[str]:
        """Return the names of all trails that are there. Raises QueryError."""
        return [name for (name,) in self._rows("SELECT DISTINCT trail FROM records ORDER BY trail", {})]

    def find(self, criteria: Criteria, last: int = 0) -> query.Found:
        """Find the entries that meet the criteria, in the order of time; only the `last` ones, if that is not 0.

        Raises CriterionError and QueryError.
        """
        chosen, values = self._question(query.choosing(criteria, _COLUMNS))
        ((count,),) = self._rows(f"SELECT count() FROM ({chosen})", values)
        order = "ORDER BY time {0}, trail {0}, seq {0}"
        kept = f"SELECT * FROM ({chosen}) {order.format('DESC')} LIMIT {last}" if last else chosen
        return query.Found(count, self._entries(f"SELECT * FROM ({kept}) {order.format('ASC')}", values))

    def text_keys(self) -> dict[str, Fields]:
        """Return the records of the keys of sealed texts, by the names of the keys. Raises QueryError."""
        found = (reader.decode(line.encode()) for (line,) in self._rows(_TEXT_KEYS, {}))
        return {str(record.get("key")): record for record in found if record is not None}

    def counts(self, criteria: Criteria, by: str) -> list[query.Count]:
        """Count the entries that meet the criteria by one of audit.query.FACETS. Raises CriterionError and QueryError."""
        return query.counted(self._rows(*self._question(query.counting(criteria, by))))

    def ask(self, text: str) -> tuple[list[str], Sequence[Sequence[Any]]]:
        """Answer one SELECT in the SQL of DuckDB: the names of its columns, and its rows. Raises QueryError."""
        return self._asked(translated_query(text, narrow=bool(self._of)), self._of)

    def answer(self, text: str, values: Mapping[str, str]) -> tuple[list[str], Sequence[Sequence[Any]]]:
        """Answer a query of ours, with the values of its parameters: the names of its columns, and its rows. Raises QueryError."""
        asked = translated(text, dict.fromkeys(values, "String"), narrow=bool(self._of))
        return self._asked(asked, {**values, **self._of})

    def _asked(self, text: str, values: dict[str, Any]) -> tuple[list[str], Sequence[Sequence[Any]]]:
        try:
            found = self._client.query(text, parameters=values, settings=dict(_SETTINGS))
        except FAILURES as error:
            raise tables.QueryError(f"ClickHouse: {said(error)}") from None
        # an answer without rows comes without the names of its columns, too
        heading = list(found.column_names) or [name for name, *_ in self._rows(f"DESCRIBE ({text})", values)]
        return heading, found.result_rows

    def _question(self, asked: query.Question) -> tuple[str, dict[str, Any]]:
        """Return a query of ours in ClickHouse's SQL, and its values as they are written there."""
        values: dict[str, Any] = dict(asked.values)
        for name in _MOMENTS:
            if name in values:
                values[name] = str(values[name]).replace("T", " ").removesuffix("Z")
        kinds = {name: _KINDS.get(name, "String") for name in values}
        return translated(asked.sql, kinds, narrow=bool(self._of)), {**values, **self._of}

    def _rows(self, text: str, values: dict[str, Any]) -> Sequence[Sequence[Any]]:
        try:
            return self._client.query(text, parameters=values, settings=dict(_SETTINGS)).result_rows
        except FAILURES as error:
            if _NO_PATTERN in str(error):
                raise CriterionError(f"--regex is not understood: {said(error)}") from None
            raise tables.QueryError(f"ClickHouse: {said(error)}") from None

    def _entries(self, text: str, values: dict[str, Any]) -> Iterator[Entry]:
        try:
            with self._client.query_rows_stream(text, parameters=values, settings=dict(_SETTINGS)) as found:
                batch: list[Sequence[Any]] = []
                for each in found:
                    batch.append(each)
                    if len(batch) == _BATCH:
                        yield from self._put_together(batch)
                        batch = []
                yield from self._put_together(batch)
        except FAILURES as error:
            raise tables.QueryError(f"ClickHouse: {said(error)}") from None

    def _put_together(self, batch: Sequence[Sequence[Any]]) -> Iterator[Entry]:
        """Give the entries of rows, whole and with their outcomes."""
        first = {(trail, like) for _, trail, _, like, *_ in batch if like is not None}
        stated = {(session, statement) for *_, event, session, statement, _ in batch if event == "statement"}
        referred = self._lines("trail, seq", "(trail, seq) IN {wanted:Array(Tuple(String, Int64))}", first)
        ended = "event = 'outcome' AND (session, statement) IN {wanted:Array(Tuple(String, Int64))}"
        outcomes = self._lines("session, statement", ended, stated)
        for _, trail, seq, like, _, session, statement, line in batch:
            record = reader.decode(line.encode())
            if record is not None:
                whole = reader.joined(record, referred.get((trail, like)))
                outcome = outcomes.get((session, statement))
                yield Entry({"trail": trail, **whole}, outcome if outcome and outcome["seq"] > seq else None)

    def _lines(self, key: str, condition: str, wanted: Iterable[tuple[Any, Any]]) -> dict[tuple[Any, Any], Fields]:
        """Return records by two of their columns; of several the first."""
        pairs = sorted(wanted)
        if not pairs:
            return {}
        rows = self._rows(f"SELECT {key}, line FROM records WHERE {condition} ORDER BY seq DESC", {"wanted": pairs})
        decoded = ((one, other, reader.decode(line.encode())) for one, other, line in rows)
        return {(one, other): record for one, other, record in decoded if record is not None}
