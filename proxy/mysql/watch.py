"""Watching definitions that are changed straight on a MySQL or MariaDB server, not through Louver.

Owns one connection, and asks by it, every few seconds, for a fingerprint of everything that a snapshot of the catalog holds.
May not do: read the catalog, decide.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any, Final

import pymysql

from proxy.mysql.catalogs import SERVER
from proxy.mysql.introspection import open_connection, read_fingerprint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxy.mysql.catalogs import MySQLCatalogs

log = logging.getLogger(__name__)

WATCH_SECONDS: Final = 2.0
"""How long a definition changed elsewhere may go unnoticed."""

_ANSWER_SECONDS: Final = 30.0


class MySQLWatch:
    """Marks the snapshot stale when it no longer holds. `settings` are the arguments of `open_connection`."""

    def __init__(self, catalogs: MySQLCatalogs, settings: Mapping[str, Any]) -> None:
        self._catalogs = catalogs
        self._settings = settings
        self._connection: pymysql.Connection[Any] | None = None
        self._silent = False  # it did not answer last time, so that the log says it once

    async def run(self) -> None:
        """Look every WATCH_SECONDS, until cancelled."""
        try:
            while True:
                await asyncio.sleep(WATCH_SECONDS)
                if self._catalogs.in_use():
                    await self._look()
        finally:
            self._hang_up()

    async def _look(self) -> None:
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                found = await asyncio.to_thread(self._fingerprint)
        except (OSError, TimeoutError, pymysql.MySQLError) as error:
            self._hang_up()
            if not self._silent:
                self._silent = True
                log.warning("the definitions of the database cannot be watched: %s", error)
            return
        self._silent = False
        self._catalogs.seen(SERVER, found)

    def _fingerprint(self) -> str:
        if self._connection is None:
            self._connection = open_connection(self._settings)
        return read_fingerprint(self._connection, self._catalogs.known(SERVER).catalog.flavour)

    def _hang_up(self) -> None:
        """Let go of the connection; a thread that still asks by it gets an error."""
        if self._connection is not None:
            with contextlib.suppress(OSError, pymysql.MySQLError):
                self._connection.close()
            self._connection = None
