"""The catalog of a MySQL or MariaDB and samples of its rows, for discovery.

Owns the SQL, and that nothing is run there but reading. An error of the server may quote a value, so only its number is told.
"""

from __future__ import annotations

import asyncio
import re
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, Self

import pymysql

from louver.discovery.bounds import CHARACTERS, SMALL, WHOLE_BYTES
from policies.discovery.contents import Sample
from policies.discovery.model import Kind, ScannedColumn, ScannedTable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from louver.discovery.bounds import Bounds
    from louver.discovery.target import Target

_KINDS: Final[dict[str, Kind]] = {
    **dict.fromkeys(("char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set", "uuid"), "text"),
    **dict.fromkeys(("tinyint", "smallint", "mediumint", "int", "bigint", "year"), "integer"),
    **dict.fromkeys(("decimal", "float", "double"), "number"),
    **dict.fromkeys(("datetime", "timestamp", "time"), "timestamp"),
    **dict.fromkeys(("tinyblob", "blob", "mediumblob", "longblob", "binary", "varbinary", "vector"), "binary"),
    **dict.fromkeys(("inet4", "inet6"), "address"),
    **dict.fromkeys(("point", "geometry", "polygon", "multipoint"), "point"),
    "date": "date",
    "bit": "boolean",
    "json": "json",
}
_SAMPLED: Final = frozenset({"text", "integer", "number", "date", "timestamp", "address", "json"})
_SYSTEM: Final = ("information_schema", "mysql", "performance_schema", "sys")
_LOST: Final = frozenset({0, 2006, 2013, 2055})
"""Errors after which there is no connection any more."""
_REMOTE: Final = frozenset({"FEDERATED", "CONNECT", "SPIDER", "MRG_MYISAM"})
_CATALOG_SECONDS: Final = 60.0
"""For reading the catalog, which on a server with ten thousand tables takes a while."""
_PROBES: Final = 5
"""Places of a large table at which rows are read."""

_COLUMNS: Final = """
SELECT c.TABLE_SCHEMA, c.TABLE_NAME, c.COLUMN_NAME, c.DATA_TYPE, c.COLUMN_TYPE, c.COLUMN_COMMENT, c.COLUMN_KEY, t.TABLE_TYPE, t.ENGINE,
       t.TABLE_ROWS, t.TABLE_COMMENT
FROM information_schema.COLUMNS c JOIN information_schema.TABLES t ON t.TABLE_SCHEMA = c.TABLE_SCHEMA AND t.TABLE_NAME = c.TABLE_NAME
WHERE LOWER(c.TABLE_SCHEMA) NOT IN %s AND t.TABLE_TYPE IN %s {schemas}
ORDER BY c.TABLE_SCHEMA, c.TABLE_NAME, c.ORDINAL_POSITION"""

# Asked for apart: within the query above MariaDB reads every table's definition again for each column.
_FOREIGN: Final = """
SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME FROM information_schema.KEY_COLUMN_USAGE
WHERE REFERENCED_TABLE_NAME IS NOT NULL AND LOWER(TABLE_SCHEMA) NOT IN %s {schemas}"""


class MySQLLook:
    """One connection to a MySQL or MariaDB, and what it is asked. Raises OSError and pymysql.MySQLError on entering."""

    def __init__(self, target: Target, bounds: Bounds) -> None:
        self._target = target
        self._bounds = bounds
        self._facts: dict[tuple[str, str], Mapping[str, Any]] = {}
        self._sampled: dict[
            tuple[str, str], dict[str, str]
        ] = {}  # of each table: the expression for each sampled column
        self._keys: dict[tuple[str, str], str] = {}  # the column of whole numbers that is a table's primary key
        self._foreign: set[tuple[str, str, str]] = set()
        self._mariadb = False
        self._connection: pymysql.Connection[Any] | None = None

    async def __aenter__(self) -> Self:
        self._connection = await asyncio.to_thread(self._connect)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._connection is not None
        await asyncio.to_thread(self._connection.close)

    def _connect(self) -> pymysql.Connection[Any]:
        place = self._target.upstream
        options: dict[str, Any] = {
            "user": self._target.user or None,
            "password": self._target.password.encode(),
            "charset": "utf8mb4",
            "connect_timeout": place.connect_seconds,
            "read_timeout": max(_CATALOG_SECONDS, self._bounds.seconds) + 5,
            "program_name": "louver discover",
            "autocommit": True,
        }
        if place.is_socket:
            options |= {"unix_socket": place.host}
        else:
            options |= {"host": place.host, "port": place.port}
            options |= {"ssl": place.tls.context} if place.wants_tls else {"ssl_disabled": True}
        connection = pymysql.connect(**options)
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT VERSION()")
                self._mariadb = "mariadb" in str((cursor.fetchone() or ("",))[0]).lower()
                cursor.execute(f"SET SESSION {self._limit(_CATALOG_SECONDS)}, lock_wait_timeout = 1, sql_mode = ''")
                cursor.execute("SET SESSION TRANSACTION READ ONLY")
        except BaseException:
            connection.close()
            raise
        return connection

    def _limit(self, seconds: float) -> str:
        """The setting by which the server ends what takes longer."""
        return (
            f"max_statement_time = {seconds:.3f}" if self._mariadb else f"max_execution_time = {round(seconds * 1000)}"
        )

    async def tables(self, schemas: tuple[str, ...], *, views: bool) -> tuple[ScannedTable, ...]:
        """Read the catalog: every table of the schemas (none named: of all but the server's own), sorted by name."""
        if self._target.database and not schemas:
            schemas = (self._target.database,)
        kinds = ("BASE TABLE", "SYSTEM VERSIONED", *(("VIEW",) if views else ()))
        only = "AND {}TABLE_SCHEMA IN %s" if schemas else ""
        values = (schemas,) if schemas else ()
        rows = await asyncio.to_thread(self._ask, _COLUMNS.format(schemas=only.format("c.")), (_SYSTEM, kinds, *values))
        foreign = await asyncio.to_thread(self._ask, _FOREIGN.format(schemas=only.format("")), (_SYSTEM, *values))
        self._foreign = {(row["TABLE_SCHEMA"], row["TABLE_NAME"], row["COLUMN_NAME"]) for row in foreign}
        await asyncio.to_thread(self._all, f"SET SESSION {self._limit(self._bounds.seconds)}")
        grouped = groupby(rows, key=lambda row: (row["TABLE_SCHEMA"], row["TABLE_NAME"]))
        return tuple(self._table(place, list(each)) for place, each in grouped)

    def _table(self, place: tuple[str, str], rows: list[dict[str, Any]]) -> ScannedTable:
        self._facts[place] = rows[0]
        self._sampled[place] = {
            row["COLUMN_NAME"].lower(): expression for row in rows if (expression := _expression(row))
        }
        primary = [row for row in rows if row["COLUMN_KEY"] == "PRI"]
        if len(primary) == 1 and _kind(primary[0]) == "integer":
            self._keys[place] = primary[0]["COLUMN_NAME"]
        schema, table = place
        columns = tuple(
            # labels go by the lower case of a column's name
            ScannedColumn(
                (schema, schema, table, row["COLUMN_NAME"].lower()),
                _type(row["COLUMN_TYPE"]),
                _kind(row),
                row["COLUMN_COMMENT"] or "",
                row["COLUMN_KEY"] == "PRI" or (*place, row["COLUMN_NAME"]) in self._foreign,
            )
            for row in rows
        )
        return ScannedTable(schema, schema, table, rows[0]["TABLE_COMMENT"] or "", columns)

    async def sample(self, table: ScannedTable) -> tuple[dict[str, Sample], int, str]:
        """Read some rows: the samples by column, how many rows, and why there are none."""
        place = (table.schema, table.name)
        expressions, facts = self._sampled[place], self._facts[place]
        if facts["TABLE_TYPE"] == "VIEW":
            return {}, 0, "a view: its tables are read"
        if (facts["ENGINE"] or "").upper() in _REMOTE:
            return {}, 0, f"its engine {facts['ENGINE']} reads elsewhere"
        if not expressions:
            return {}, 0, ""
        wanted = self._bounds.rows_of(len(expressions))
        try:
            rows = await asyncio.to_thread(self._rows, place, tuple(expressions.values()), wanted)
        except pymysql.MySQLError as error:
            if not error.args or error.args[0] in _LOST:
                raise
            return {}, 0, _why(error, self._bounds.seconds)
        columns = zip(expressions, zip(*rows, strict=True), strict=False)
        return {name: Sample(tuple(str(value) for value in values if value)) for name, values in columns}, len(rows), ""

    def _rows(self, place: tuple[str, str], expressions: tuple[str, ...], wanted: int) -> list[tuple[Any, ...]]:
        source = ".".join(map(_quoted, place))
        select = f"SELECT {', '.join(expressions)} FROM {source}"  # noqa: S608  names are quoted
        key = self._keys.get(place)
        if key is None or (self._facts[place]["TABLE_ROWS"] or 0) <= wanted * SMALL:
            return self._all(f"{select} LIMIT {wanted}")
        ends = self._all(f"SELECT MIN({_quoted(key)}), MAX({_quoted(key)}) FROM {source}")  # noqa: S608
        low, high = ends[0]
        if low is None:
            return []
        column = _quoted(key)
        found: dict[tuple[Any, ...], None] = {}
        for probe in range(_PROBES):
            start = low + (high - low) * probe // _PROBES
            some = f"{select} WHERE {column} >= {start} ORDER BY {column} LIMIT {max(1, wanted // _PROBES)}"
            found.update(dict.fromkeys(self._all(some)))
        return list(found)

    def _all(self, text: str) -> list[tuple[Any, ...]]:
        assert self._connection is not None
        with self._connection.cursor() as cursor:
            cursor.execute(text)
            return list(cursor.fetchall())

    def _ask(self, text: str, values: tuple[Any, ...]) -> list[dict[str, Any]]:
        assert self._connection is not None
        with self._connection.cursor(pymysql.cursors.DictCursor) as cursor:
            cursor.execute("SET SESSION TRANSACTION READ ONLY")
            cursor.execute(text, values)
            return [{name.upper(): value for name, value in row.items()} for row in cursor.fetchall()]


def _kind(row: Mapping[str, Any]) -> Kind:
    if str(row["COLUMN_TYPE"]).lower() == "tinyint(1)":
        return "boolean"
    return _KINDS.get(str(row["DATA_TYPE"]).lower(), "other")


def _type(written: str) -> str:
    """A type without the words of an enumeration, which may be values."""
    match = re.match(r"(enum|set)\((.*)\)", written, re.IGNORECASE | re.DOTALL)
    if match is None:
        return written
    words = re.findall(r"'(?:[^']|'')*'", match[2])
    return f"{match[1]}({len(words)} values)"


def _expression(row: Mapping[str, Any]) -> str:
    """The text of a column in a sample."""
    if _kind(row) not in _SAMPLED:
        return ""
    column = _quoted(row["COLUMN_NAME"])
    return f"IF(LENGTH({column}) <= {WHOLE_BYTES}, LEFT(CAST({column} AS CHAR), {CHARACTERS}), NULL)"


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _why(error: pymysql.MySQLError, seconds: float) -> str:
    """Say why a table was not read, without the words of the server."""
    number = error.args[0] if error.args else 0
    if number in {1969, 3024, 1317}:
        return f"it took longer than {seconds:g} s"
    if number in {1205, 3572}:
        return "it is locked"
    if number in {1142, 1143, 1044}:
        return "the account may not read it"
    return f"the server answered with error {number}"
