"""Watching definitions that are changed straight on a database, not through Louver.

Owns one connection for each database that is in use, and asks by it, every few seconds, for a fingerprint of everything
that a snapshot of the catalog holds. May not do: read the catalog, decide.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any

import asyncpg

from proxy.postgres.introspection import FINGERPRINT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from proxy.postgres.catalogs import PostgresCatalogs

log = logging.getLogger(__name__)

WATCH_SECONDS = 2.0
"""How long a definition changed elsewhere may go unnoticed. A fingerprint costs the database a few milliseconds."""

_ANSWER_SECONDS = 30.0


class Watch:
    """Marks snapshots stale that no longer hold. `settings` gives the arguments of asyncpg.connect for a database."""

    def __init__(self, catalogs: PostgresCatalogs, settings: Callable[[str], Mapping[str, Any]]) -> None:
        self._catalogs = catalogs
        self._settings = settings
        self._connections: dict[str, asyncpg.Connection] = {}
        self._silent: set[str] = set()  # databases that did not answer last time, so that the log says it once

    async def run(self) -> None:
        """Look every WATCH_SECONDS, until cancelled."""
        try:
            while True:
                await asyncio.sleep(WATCH_SECONDS)
                for database in self._catalogs.in_use():
                    await self._look(database)
        finally:
            for connection in self._connections.values():
                connection.terminate()

    async def _look(self, database: str) -> None:
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                found = await self._fingerprint(database)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            with contextlib.suppress(KeyError):
                self._connections.pop(database).terminate()
            if database not in self._silent:
                self._silent.add(database)
                log.warning("the definitions of database %r cannot be watched: %s", database, error)
            return
        self._silent.discard(database)
        self._catalogs.seen(database, found)

    async def _fingerprint(self, database: str) -> str:
        connection = self._connections.get(database)
        if connection is None or connection.is_closed():
            connection = await asyncpg.connect(**self._settings(database))
            self._connections[database] = connection
        return str(await connection.fetchval(FINGERPRINT))
