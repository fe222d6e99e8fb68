"""PostgreSQL's catalog and samples of its rows, for discovery.

Owns the SQL, and that nothing is run there but reading: read-only transactions, no row-level policies, no types but the server's own,
no views. An error of the server may quote a value, so only its code is told.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, Self

import asyncpg

from louver.discovery.bounds import CHARACTERS, SMALL, WHOLE_BYTES
from policies.discovery.contents import Sample
from policies.discovery.model import Kind, ScannedColumn, ScannedTable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from louver.discovery.bounds import Bounds
    from louver.discovery.target import Target

_KINDS: Final[dict[str, Kind]] = {
    **dict.fromkeys(("text", "varchar", "bpchar", "name", "char", "citext", "xml", "uuid"), "text"),
    **dict.fromkeys(("int2", "int4", "int8", "oid"), "integer"),
    **dict.fromkeys(("numeric", "float4", "float8", "money"), "number"),
    **dict.fromkeys(("timestamp", "timestamptz", "time", "timetz", "interval"), "timestamp"),
    **dict.fromkeys(("inet", "cidr", "macaddr", "macaddr8"), "address"),
    **dict.fromkeys(("json", "jsonb", "hstore"), "json"),
    **dict.fromkeys(("point", "geometry", "geography"), "point"),
    "date": "date",
    "bool": "boolean",
    "bytea": "binary",
}
_SAMPLED: Final = frozenset({"text", "integer", "number", "date", "timestamp", "address", "json"})

_SETTINGS: Final = {
    "application_name": "louver discover",
    "default_transaction_read_only": "on",
    "row_security": "off",  # an error, where a policy's functions would run
    "search_path": "",
    "lock_timeout": "1000",
    "idle_in_transaction_session_timeout": "60000",
    "datestyle": "ISO",
    "max_parallel_workers_per_gather": "0",
}

# Partitions are left out: their tables speak for them.
_COLUMNS: Final = """
SELECT c.oid::int8 AS oid, n.nspname::text AS schema, c.relname::text AS relation, c.relkind::text AS relkind, c.reltuples::float8 AS estimate,
       coalesce(obj_description(c.oid, 'pg_class'), '') AS about, a.attname::text AS name, a.attnum AS number,
       format_type(a.atttypid, a.atttypmod) AS type, coalesce(base.typname, own.typname)::text AS base,
       coalesce(base.typtype, own.typtype)::text AS typtype, coalesce(base.typcategory, own.typcategory)::text AS typcategory,
       coalesce(element.typname, '')::text AS element, coalesce(col_description(c.oid, a.attnum), '') AS comment,
       EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype IN ('p', 'f') AND a.attnum = ANY (k.conkey)) AS key,
       has_column_privilege(c.oid, a.attnum, 'SELECT') AND has_schema_privilege(n.oid, 'USAGE') AS readable
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type own ON own.oid = a.atttypid
LEFT JOIN pg_type base ON base.oid = own.typbasetype AND own.typtype = 'd'
LEFT JOIN pg_type element ON element.oid = coalesce(base.typelem, own.typelem) AND coalesce(base.typcategory, own.typcategory) = 'A'
WHERE c.relkind = ANY ($1::text[]) AND NOT c.relispartition
  AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
  AND (cardinality($2::text[]) = 0 OR n.nspname = ANY ($2::text[]))
ORDER BY n.nspname, c.relname, c.oid, a.attnum"""

_UNSAMPLED: Final = {"f": "a foreign table: its rows are another server's", "v": "a view: its tables are read"}


class PostgresLook:
    """One connection to a PostgreSQL, and what it is asked. Raises OSError, asyncpg.PostgresError and asyncpg.InterfaceError on entering."""

    def __init__(self, target: Target, bounds: Bounds) -> None:
        self._target = target
        self._bounds = bounds
        self._estimates: dict[tuple[str, str], float] = {}
        self._unread: dict[tuple[str, str], str] = {}
        self._sampled: dict[
            tuple[str, str], dict[str, str]
        ] = {}  # of each table: the expression for each sampled column
        self._connection: asyncpg.Connection | None = None

    async def __aenter__(self) -> Self:
        target = self._target
        tls = target.upstream.tls
        self._connection = await asyncpg.connect(
            host=target.upstream.host,
            port=target.upstream.port,
            user=target.user or None,
            password=target.password,
            database=target.database,
            ssl={"disable": False, "prefer": "prefer"}.get(tls.mode, tls.context),
            timeout=target.upstream.connect_seconds,
            server_settings={**_SETTINGS, "statement_timeout": str(round(self._bounds.seconds * 1000))},
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._connection is not None
        self._connection.terminate() if error is not None else await self._connection.close()

    async def tables(self, schemas: tuple[str, ...], *, views: bool) -> tuple[ScannedTable, ...]:
        """Read the catalog: every table of the schemas (none named: of all but the server's own), sorted by name."""
        assert self._connection is not None
        kinds = ["r", "p", "m", "f", *(["v"] if views else [])]
        async with self._connection.transaction(readonly=True):
            await self._connection.execute("SET LOCAL statement_timeout = '60s'; SET LOCAL search_path = pg_catalog")
            rows = await self._connection.fetch(_COLUMNS, kinds, list(schemas))
        return tuple(self._table(list(each)) for _, each in groupby(rows, key=lambda row: row["oid"]))

    def _table(self, rows: list[Any]) -> ScannedTable:
        first = rows[0]
        place = (first["schema"], first["relation"])
        self._estimates[place] = first["estimate"]
        self._unread[place] = _UNSAMPLED.get(first["relkind"], "")
        self._sampled[place] = {
            row["name"]: expression for row in rows if row["readable"] and (expression := _expression(row))
        }
        if not self._unread[place] and not any(row["readable"] for row in rows):
            self._unread[place] = "the account may not read it"
        columns = tuple(
            ScannedColumn(
                (self._target.database, *place, row["name"]), row["type"], _kind(row), row["comment"], row["key"]
            )
            for row in rows
        )
        return ScannedTable(self._target.database, *place, first["about"], columns)

    async def sample(self, table: ScannedTable) -> tuple[dict[str, Sample], int, str]:
        """Read some rows: the samples by column, how many rows, and why there are none."""
        assert self._connection is not None
        place = (table.schema, table.name)
        expressions = self._sampled[place]
        if self._unread[place] or not expressions:
            return {}, 0, self._unread[place]
        wanted = self._bounds.rows_of(len(expressions))
        source = f"{_quoted(table.schema)}.{_quoted(table.name)}"
        select = f"SELECT {', '.join(expressions.values())} FROM "  # noqa: S608  names are quoted
        try:
            rows = []
            if self._estimates[place] > wanted * SMALL:
                share = max(0.0001, min(100.0, 300 * wanted / self._estimates[place]))
                # the same blocks each time, so that a later look finds the same
                rows = await self._fetch(
                    f"{select}{source} TABLESAMPLE SYSTEM ({share:.6f}) REPEATABLE (1) LIMIT {wanted}"
                )
            if len(rows) < wanted // 2:
                rows = await self._fetch(f"{select}{source} LIMIT {wanted}") or rows
        except asyncpg.PostgresConnectionError:
            raise
        except asyncpg.PostgresError as error:
            return {}, 0, _why(error, self._bounds.seconds)
        except TimeoutError:
            return {}, 0, f"it took longer than {self._bounds.seconds:g} s"
        columns = zip(expressions, zip(*rows, strict=True), strict=False)
        return {name: Sample(tuple(value for value in values if value)) for name, values in columns}, len(rows), ""

    async def _fetch(self, text: str) -> list[Any]:
        assert self._connection is not None
        return list(await self._connection.fetch(text, timeout=self._bounds.seconds + 5))


def _kind(row: Mapping[str, Any]) -> Kind:
    """What a column is for recognition; an array is what its elements are."""
    return _KINDS.get(row["element"] or row["base"], "text" if row["typtype"] == "e" else "other")


def _expression(row: Mapping[str, Any]) -> str:
    """The text of a column in a sample; none of types that others have made, whose casts may be code."""
    if row["typtype"] != "b" or _kind(row) not in _SAMPLED:
        return ""
    column = _quoted(row["name"])
    value = f"pg_catalog.array_to_string({column}, ' ')" if row["typcategory"] == "A" else f"{column}::pg_catalog.text"
    return f'CASE WHEN pg_catalog.pg_column_size({column}) <= {WHOLE_BYTES} THEN pg_catalog."left"({value}, {CHARACTERS}) END'


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _why(error: asyncpg.PostgresError, seconds: float) -> str:
    """Say why a table was not read, without the words of the server."""
    if isinstance(error, asyncpg.QueryCanceledError):
        return f"it took longer than {seconds:g} s"
    if isinstance(error, asyncpg.LockNotAvailableError):
        return "it is locked"
    if isinstance(error, asyncpg.InsufficientPrivilegeError):
        return "the account may not read it, or not all of its rows"
    if isinstance(error, asyncpg.CharacterNotInRepertoireError):
        return "its text is in another encoding than the database says"
    return f"the server answered with error {error.sqlstate}"
