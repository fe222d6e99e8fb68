"""The trail as tables: its open and closed segments and its compacted ones under one name, to be asked in SQL.

Owns the columns of a record, and the views; DuckDB reads the files, in parallel and the columns that are asked for alone. May not
do: choose records (query), write compacted segments (compaction), judge them (verify).

    records      every record of the trail, in typed columns; a statement that refers to an earlier one is whole; `line` is
                 the record as it was written
    statements   the records of statements with how each ended: `outcome` (its record), status, rows, bytes, duration_us
    uses         one row for each sensitive column that a statement names: what its caller got of it, by which rule
"""

from __future__ import annotations

import json
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import duckdb

from audit import segments

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_USE: Final = {
    "column": "VARCHAR", "category": "VARCHAR", "level": "INTEGER", "treatment": "VARCHAR", "mask": "VARCHAR",
    "rule": "VARCHAR", "rows": "VARCHAR", "search": "VARCHAR", "join": "VARCHAR",
}  # fmt: skip

COLUMNS: Final[dict[str, Any]] = {
    "seq": "BIGINT", "time": "TIMESTAMP", "event": "VARCHAR", "session": "VARCHAR", "statement": "BIGINT", "like": "BIGINT",
    "principal": "VARCHAR", "on_behalf_of": "VARCHAR", "attributes": "JSON", "declared": "JSON", "address": "VARCHAR",
    "application": "VARCHAR", "database": "VARCHAR", "database_user": "VARCHAR", "kinds": ["VARCHAR"], "text": "VARCHAR",
    "fingerprint": "VARCHAR", "rewritten": "VARCHAR", "relations": ["VARCHAR"], "columns": [_USE], "grants": ["BIGINT"],
    "ruling": "VARCHAR", "policy": "VARCHAR", "catalog": "BIGINT", "reason": "VARCHAR", "sqlstate": "VARCHAR", "status": "VARCHAR",
    "rows": "BIGINT", "bytes": "BIGINT", "duration_us": "BIGINT", "ok": "BOOLEAN", "what": "VARCHAR", "grant": "BIGINT",
    "hashes": ["VARCHAR"], "person": "VARCHAR", "column": "VARCHAR", "category": "VARCHAR", "level": "INTEGER",
    "proxy": "VARCHAR", "sealed": "VARCHAR", "parameters": ["VARCHAR"], "shown": ["VARCHAR"], "shown_of": ["VARCHAR"],
    "listed": "BOOLEAN",
}  # fmt: skip
"""Columns of `records` by their DuckDB types; those of one event alone are told by audit.record."""

LATER: Final = {
    "fingerprint": "VARCHAR", "proxy": "VARCHAR", "sealed": "VARCHAR", "hashes": "VARCHAR[]",
    "parameters": "VARCHAR[]", "shown": "VARCHAR[]", "shown_of": "VARCHAR[]", "listed": "BOOLEAN",
}  # fmt: skip
"""Columns that compacted segments may lack, for they were made before there were these, by their types."""

_LONGEST: Final = 2**29
"""Bytes of a line: a statement of 64 MiB that is kept whole, all of it escaped."""

ENDING: Final = ("status", "rows", "bytes", "duration_us", "shown", "shown_of", "listed", "sqlstate")
"""What an outcome says of its statement."""

_OF_USE: Final = (
    "seq", "time", "session", "statement", "principal", "on_behalf_of", "attributes", "declared", "address", "application",
    "database", "grants", "ruling",
)  # fmt: skip

_READING: Final = frozenset({duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN})
_BATCH: Final = 1000


class QueryError(ValueError):
    """A query cannot be answered; the message says why."""


_OWN: Final = frozenset({"seq", "time", "event", "session", "statement", "like", "hashes", "sealed", "parameters"})
"""What a statement that refers to an earlier one says itself; all else it may have from there."""


def quoted(text: str) -> str:
    """Return text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"


def _name(name: str) -> str:
    return f'"{name}"'


def _list(paths: Sequence[Path]) -> str:
    return "[" + ", ".join(quoted(str(path)) for path in paths) + "]"


_SHAPE: Final = quoted(json.dumps(COLUMNS))

_STATEMENTS: Final = f"""
CREATE VIEW statements AS
SELECT {", ".join(f"s.{_name(name)}" for name in COLUMNS if name not in ENDING)}, s.line, o.seq AS outcome,
       {", ".join(f"o.{_name(name)}" for name in ENDING if name != "sqlstate")}, coalesce(o.sqlstate, s.sqlstate) AS sqlstate
FROM records s LEFT JOIN records o ON o.event = 'outcome' AND o.session = s.session AND o.statement = s.statement
WHERE s.event = 'statement'
"""

_USES: Final = f"""
CREATE VIEW uses AS
SELECT {", ".join(map(_name, _OF_USE))}, use.*
FROM (SELECT *, unnest("columns") AS use FROM records WHERE event = 'statement')
"""


@contextmanager
def opened(
    paths: Sequence[Path] = (), *, threads: int | None = None, memory: str | None = None, output: Path | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open tables over segments of one trail; without any, a connection to make compacted ones.

    What is not compacted is read at once, into memory and what spills from there: some seconds for each million records. What
    is asked of the tables can read nothing outside the trail's directory. `threads`: how many processors may be used; None
    takes all. `memory`: how much of it, with its unit; None takes most of what there is. `output`: the one other file that may be written. Raises QueryError when a segment cannot be read.
    """
    with tempfile.TemporaryDirectory(prefix="louver-audit-") as aside, duckdb.connect() as connection:
        connection.execute(
            f"SET TimeZone = 'UTC'; SET enable_progress_bar = false; SET temp_directory = {quoted(aside)}"
        )
        if threads:
            connection.execute(f"SET threads = {threads}")
        if memory:
            connection.execute(f"SET memory_limit = {quoted(memory)}")
        if paths:
            try:
                for statement in views(paths):
                    connection.execute(statement)
            except duckdb.Error as error:
                raise QueryError(f"the trail cannot be read, run `louver audit verify`: {error}") from None
            allowed = ", ".join(quoted(str(path)) for path in (paths[0].parent.resolve(), aside))
            connection.execute(f"SET allowed_directories = [{allowed}]")
            if output is not None:
                connection.execute(f"SET allowed_paths = [{quoted(str(output.resolve()))}]")
            connection.execute("SET enable_external_access = false; SET lock_configuration = true")
        yield connection


def ask(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[list[str], Iterator[tuple[Any, ...]]]:
    """Answer one query that only reads: the names of its columns, and its rows. Raises QueryError."""
    try:
        statements = duckdb.extract_statements(query)
        if len(statements) != 1 or statements[0].type not in _READING:
            raise QueryError("give one SELECT, DESCRIBE, SUMMARIZE or EXPLAIN")
        found = connection.execute(statements[0])
        return [name for name, *_ in found.description or ()], _fetched(found)
    except duckdb.Error as error:
        raise QueryError(str(error)) from None


def save(connection: duckdb.DuckDBPyConnection, query: str, output: Path) -> None:
    """Write the answer of a query that only reads as a Parquet file, which `opened` was told of. Raises QueryError."""
    try:
        statements = duckdb.extract_statements(query)
        if len(statements) != 1 or statements[0].type is not duckdb.StatementType.SELECT:
            raise QueryError("give one SELECT; only its answer can be a Parquet file")
        asked = query.rstrip("; \t\r\n")
        # the end of the line ends a comment, too; no file beside it may be written
        where = quoted(str(output.resolve()))
        connection.execute(f"COPY ({asked}\n) TO {where} (FORMAT parquet, COMPRESSION zstd, USE_TMP_FILE false)")
    except duckdb.Error as error:
        raise QueryError(str(error)) from None


def _fetched(found: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    try:
        while batch := found.fetchmany(_BATCH):
            yield from batch
    except duckdb.Error as error:
        raise QueryError(str(error)) from None


def views(paths: Sequence[Path]) -> list[str]:
    """Return the statements that make the tables over these segments."""
    compacted = [path.resolve() for path in paths if path.suffix == segments.COMPACTED]
    written = [path.resolve() for path in paths if path.suffix != segments.COMPACTED]
    names = ", ".join(map(_name, COLUMNS))
    made, parts = [], []
    if compacted:
        parts.append(f"SELECT {names}, line FROM ({columns_of(compacted)})")
    if written:
        made.append(f"CREATE TABLE fresh AS SELECT {names}, line FROM ({typed(written)})")
        parts.append(f"SELECT {names}, line FROM fresh")
    return [*made, f"CREATE VIEW records AS {' UNION ALL '.join(parts)}", _STATEMENTS, _USES]


def columns_of(paths: Sequence[Path]) -> str:
    """Return the query that reads compacted segments, all of whose columns are there: NULL in one that was made before."""
    lacking = ", ".join(f"NULL::{kind} AS {_name(name)}" for name, kind in LATER.items())
    return f"SELECT * FROM read_parquet({_list(paths)}, union_by_name = true) UNION ALL BY NAME SELECT {lacking} WHERE false"


def typed(paths: Sequence[Path]) -> str:
    """Return the query that reads segments as they were written: typed columns, `line`, and `number`, which orders lines.

    A line that is no JSON has no columns but `line`; one that is no UTF-8 is left out.
    """
    return typed_lines(
        f"read_csv({_list(paths)}, columns = {{'line': 'VARCHAR'}}, delim = '\\x01', quote = '', escape = '', header = false, "
        f"auto_detect = false, strict_mode = false, ignore_errors = true, filename = true, max_line_size = {_LONGEST})",
        "filename",
    )


def typed_lines(source: str, segment: str = "0") -> str:
    """Return the query that reads typed columns out of the `line`s of a relation; `segment` tells one's lines from another's."""
    said = ", ".join(f"r.{_name(name)}" for name in COLUMNS)
    whole = ", ".join(
        f"r.{_name(name)}" if name in _OWN else f"coalesce(r.{_name(name)}, first.{_name(name)}) AS {_name(name)}"
        for name in COLUMNS
    )
    return (
        f"WITH lines AS (SELECT line, {segment} AS segment, row_number() OVER () AS number FROM {source}), "
        f"read AS (SELECT line, segment, number, json_transform(CASE WHEN json_valid(line) THEN line END, {_SHAPE}) AS r "
        "FROM lines), "
        f"said AS (SELECT {said}, line, segment, number FROM read) "
        f"SELECT {whole}, r.line, r.number FROM said r "
        "LEFT JOIN (SELECT * FROM said WHERE event = 'statement' AND \"like\" IS NULL) first "
        'ON first.seq = r."like" AND first.session = r.session AND first.segment = r.segment'
    )
