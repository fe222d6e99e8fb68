"""Attributes from a query to a PostgreSQL.

Owns a few connections that are opened when needed, and how long an answer may take. The name is a parameter, never text of the
query, and the session can only read. May not do: keep answers, know what they mean.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import asyncpg

from proxy.sources.rows import PERSON, ROWS, attributes
from proxy.sources.source import Attributes, SourceFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

CONNECTIONS: Final = 4
"""An answer is a look-up by key; four at a time are thousands a second."""

_IDLE_SECONDS: Final = 60.0  # firewalls forget a silent connection after some minutes at the soonest


class PostgresSource:
    """A query to one database. `account` are the arguments of asyncpg.connect, `seconds` the time for one answer."""

    def __init__(self, account: Mapping[str, Any], query: str, lists: tuple[str, ...], seconds: float) -> None:
        settings = {"application_name": "louver", "default_transaction_read_only": "on"}
        self._account = {
            **account,
            "server_settings": settings,
            "statement_cache_size": 0,
        }  # a pooler may stand between
        self._query = PERSON.sub("$1::text", query)
        self._lists = lists
        self._seconds = seconds
        self._opening: asyncio.Task[Any] | None = None

    async def find(self, person: str) -> Attributes | None:
        """Ask for somebody. Raises SourceFailed."""
        try:
            async with asyncio.timeout(self._seconds):
                columns, rows = await self._ask(person)
        except TimeoutError:
            raise SourceFailed(f"no answer within {self._seconds:g} s") from None
        except asyncpg.PostgresError as error:  # its words may quote values
            raise SourceFailed(f"the query failed with SQLSTATE {error.sqlstate} ({type(error).__name__})") from None
        except (OSError, asyncpg.InterfaceError) as error:
            raise SourceFailed(f"it cannot be reached ({type(error).__name__})") from None
        return attributes(person, columns, rows, self._lists)

    async def _ask(self, person: str) -> tuple[list[str], list[Any]]:
        pool = await self._pool()
        try:
            return await self._ask_once(pool, person)
        except (OSError, asyncpg.InterfaceError, asyncpg.PostgresConnectionError, asyncpg.AdminShutdownError):
            await pool.expire_connections()  # the database may have been restarted since they were opened
            return await self._ask_once(pool, person)

    async def _ask_once(self, pool: Any, person: str) -> tuple[list[str], list[Any]]:  # noqa: ANN401  asyncpg has no types
        async with pool.acquire() as connection, connection.transaction(readonly=True):
            statement = await connection.prepare(self._query)
            columns = [attribute.name for attribute in statement.get_attributes()]
            rows = await (await statement.cursor(person)).fetch(ROWS + 1)
            return columns, rows

    async def _pool(self) -> Any:  # noqa: ANN401
        if self._opening is None:
            made = asyncpg.create_pool(
                **self._account, min_size=0, max_size=CONNECTIONS, max_inactive_connection_lifetime=_IDLE_SECONDS
            )
            self._opening = asyncio.ensure_future(_opened(made))
        return await asyncio.shield(self._opening)

    async def close(self) -> None:
        """Let go of all connections."""
        if self._opening is not None:
            (await self._opening).terminate()
            self._opening = None


async def _opened(pool: Any) -> Any:  # noqa: ANN401
    return await pool
