"""The part of MySQL and MariaDB in the composition: their front, and Louver's own look at the server.

Owns putting them together from the configuration. May not do: any work of the parts.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import pymysql
import pymysql.cursors

from louver import connecting
from louver.labelled import teller
from louver.readiness import NoAnswer
from proxy.mysql.catalogs import MySQLCatalogs
from proxy.mysql.front import MySQLFront
from proxy.mysql.gate import MySQLGate
from proxy.mysql.introspection import read_catalog
from proxy.mysql.login import MySQLLoginSettings
from proxy.mysql.watch import MySQLWatch
from rewriter.mysql.masks import key_statement

if TYPE_CHECKING:
    from audit.writer import Trail
    from louver.configuration import Parts
    from proxy.book import Told
    from proxy.grants.granted import Granted
    from proxy.ledger import Ledger
    from proxy.measures.inforce import InForce
    from rewriter.mysql.catalog import Catalog

_QUESTION_SECONDS = 4.0
_CATALOG_SECONDS = 60.0  # a catalog of 100,000 columns takes a few seconds; a database that hangs takes forever


def connection_settings(parts: Parts) -> dict[str, Any]:
    """Return the arguments of pymysql.connect for Louver's own look at the server, as the service account."""
    return connecting.to_mysql(parts.settings.upstream, parts.login.upstream)


def catalogs(parts: Parts, ledger: Ledger, told: Told = lambda _database, _kept, _sources: None) -> MySQLCatalogs:
    """Build the knowledge of what the server holds, read as the service account."""

    async def read(_database: str, revision: int) -> Catalog:
        async with asyncio.timeout(_CATALOG_SECONDS):
            return await read_catalog(connection_settings(parts), revision)

    return MySQLCatalogs(parts.policies, read, ledger=ledger, told=told)


class Question:
    """Asks the server whether it is there, by a connection that is kept."""

    def __init__(self, parts: Parts) -> None:
        self._settings = {**connection_settings(parts), "read_timeout": _QUESTION_SECONDS}
        self._connection: pymysql.Connection[Any] | None = None

    async def ask(self) -> None:
        """Ask. Raises louver.readiness.NoAnswer."""
        try:
            await asyncio.to_thread(self._ping)
        except BaseException as error:
            self.close()
            if not isinstance(error, OSError | pymysql.MySQLError):
                raise
            raise NoAnswer(str(error.args[-1]) if error.args else type(error).__name__) from None

    def _ping(self) -> None:
        if self._connection is None:
            self._connection = pymysql.connect(**self._settings)
        self._connection.ping(reconnect=False)

    def close(self) -> None:
        """Let go of the connection; a thread that still asks by it gets an error."""
        if self._connection is not None:
            with contextlib.suppress(OSError, pymysql.MySQLError):
                self._connection.close()
            self._connection = None


def front(parts: Parts, trail: Trail, ledger: Ledger, grants: Granted, measures: InForce) -> MySQLFront:
    """Build the front of a MySQL or MariaDB."""
    settings = parts.settings
    assert isinstance(parts.login, MySQLLoginSettings)

    known = catalogs(parts, ledger, teller(trail))
    return MySQLFront(
        parts.login,
        people=parts.people,
        gate=MySQLGate(
            parts.policies,
            parts.key,
            analysed_bytes=settings.limits.analysed_bytes,
            whole_text=settings.audit.statement_text == "whole",
            notices=settings.notices,
            grants=grants,
            measures=measures,
        ),
        catalogs=known,
        watch=MySQLWatch(known, connection_settings(parts)),
        account=connection_settings(parts),
        statement_bytes=settings.limits.statement_bytes,
    )


async def modes(parts: Parts) -> frozenset[str]:
    """Ask for the sql_mode of a new session. Raises OSError and pymysql.MySQLError."""

    def ask() -> str:
        with pymysql.connect(**connection_settings(parts)) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT @@SESSION.sql_mode")
            return str((cursor.fetchone() or ("",))[0])

    return frozenset(filter(None, (await asyncio.to_thread(ask)).upper().split(",")))


async def read(
    parts: Parts, schema: str, sql: str, rows: int
) -> tuple[tuple[str, ...], tuple[tuple[str | None, ...], ...]]:
    """Run a statement as the service account, and give its columns and first rows as text. Whatever it does is rolled back.

    Raises OSError and pymysql.MySQLError.
    """

    def ask() -> tuple[tuple[str, ...], tuple[tuple[str | None, ...], ...]]:
        settings = {**connection_settings(parts), "database": schema or None, "cursorclass": pymysql.cursors.SSCursor}
        with pymysql.connect(**settings) as connection, connection.cursor() as cursor:
            if parts.key is not None:
                cursor.execute(key_statement(parts.key))
            cursor.execute("START TRANSACTION READ ONLY")
            cursor.execute(sql)
            columns = tuple(str(each[0]) for each in cursor.description or ())
            found = cursor.fetchmany(rows) if columns else ()
            cursor.close()
            connection.rollback()
            return columns, tuple(tuple(None if value is None else str(value) for value in row) for row in found)

    return await asyncio.to_thread(ask)
