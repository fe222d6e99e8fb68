"""PostgreSQL's part of the composition: its front, and Louver's own look at its databases.

Owns putting them together from the configuration. May not do: any work of the parts.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import asyncpg

from louver import connecting
from louver.labelled import teller
from louver.readiness import NoAnswer
from proxy.postgres import introspection
from proxy.postgres.cancel import CancelRegistry
from proxy.postgres.catalogs import PostgresCatalogs
from proxy.postgres.front import PostgresFront
from proxy.postgres.gate import PostgresGate
from proxy.postgres.login import PostgresLoginSettings
from proxy.postgres.watch import Watch

if TYPE_CHECKING:
    from audit.writer import Trail
    from louver.configuration import Parts
    from proxy.book import Told
    from proxy.grants.granted import Granted
    from proxy.ledger import Ledger
    from proxy.measures.inforce import InForce
    from rewriter.postgres.catalog import Catalog

_ANY_DATABASE = "postgres"  # whether it is there and lets us in or not: its server answers
_AWAY = frozenset({"08", "53", "57"})  # classes of SQLSTATE: connection, resources, operator intervention
_CATALOG_SECONDS = 60.0  # a catalog of 100,000 columns takes a few seconds; a database that hangs takes forever


def connection_settings(parts: Parts, database: str) -> dict[str, Any]:
    """Return the arguments of asyncpg.connect for Louver's own look at `database`, as the service account."""
    return connecting.to_postgres(parts.settings.upstream, parts.login.upstream, database)


def catalogs(parts: Parts, ledger: Ledger, told: Told = lambda _database, _kept, _sources: None) -> PostgresCatalogs:
    """Build the knowledge of what the upstream's databases hold, read as the service account."""

    async def read(database: str, revision: int) -> Catalog:
        async with asyncio.timeout(_CATALOG_SECONDS):
            return await introspection.read_catalog(connection_settings(parts, database), revision)

    return PostgresCatalogs(parts.policies, read, ledger=ledger, told=told)


async def read(
    parts: Parts, database: str, sql: str, rows: int
) -> tuple[tuple[str, ...], tuple[tuple[str | None, ...], ...]]:
    """Run a statement as the service account, and give its columns and first rows as text. Whatever it does is rolled back.

    Raises OSError and asyncpg.PostgresError.
    """
    connection = await asyncpg.connect(**connection_settings(parts, database))
    try:
        transaction = connection.transaction(readonly=True)
        await transaction.start()
        if parts.key is not None:
            await connection.execute("SELECT pg_catalog.set_config($1, $2, true)", parts.key.name, parts.key.setting)
        statement = await connection.prepare(sql)
        columns = tuple(attribute.name for attribute in statement.get_attributes())
        found = await (await statement.cursor()).fetch(rows) if columns else []
        await transaction.rollback()
    finally:
        await connection.close()
    return columns, tuple(tuple(None if value is None else str(value) for value in row) for row in found)


class Question:
    """Asks the server whether it is there, by a connection that is kept."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._connection: asyncpg.Connection | None = None

    async def ask(self) -> None:
        """Ask. Raises louver.readiness.NoAnswer."""
        try:
            if self._connection is None:
                self._connection = await asyncpg.connect(**connection_settings(self._parts, _ANY_DATABASE))
            await self._connection.execute("SELECT 1")
        except BaseException as error:
            self.close()
            if isinstance(error, asyncpg.PostgresError):
                if error.sqlstate[:2] not in _AWAY and error.sqlstate != "28P01":
                    return  # it answers, though not for this database
            elif not isinstance(error, OSError | asyncpg.InterfaceError):
                raise
            raise NoAnswer(str(error) or type(error).__name__) from None

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None


def front(parts: Parts, trail: Trail, ledger: Ledger, grants: Granted, measures: InForce) -> PostgresFront:
    """Build the front of a PostgreSQL."""
    settings = parts.settings
    known = catalogs(parts, ledger, teller(trail))
    assert isinstance(parts.login, PostgresLoginSettings)
    return PostgresFront(
        parts.login,
        people=parts.people,
        cancels=CancelRegistry(),
        gate=PostgresGate(
            parts.policies,
            parts.key,
            analysed_bytes=settings.limits.analysed_bytes,
            whole_text=settings.audit.statement_text == "whole",
            notices=settings.notices,
            grants=grants,
            measures=measures,
        ),
        catalogs=known,
        watch=Watch(known, lambda database: connection_settings(parts, database)),
        statement_bytes=settings.limits.statement_bytes,
    )
