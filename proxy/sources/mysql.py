"""Attributes from a query to a MySQL or MariaDB.

Owns a few threads, each with its connection, for the driver waits for its answers. The name goes as hexadecimal digits, so that no
sql_mode can make anything else of it, and the session can only read. May not do: keep answers, know what they mean.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

import pymysql

from proxy.sources.rows import PERSON, ROWS, attributes
from proxy.sources.source import Attributes, SourceFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

CONNECTIONS: Final = 4
"""As for PostgreSQL. The threads are the source's own: one that hangs must not hold up the audit, which has the event loop's."""

_SESSION: Final = ("SET SESSION TRANSACTION READ ONLY", f"SET SESSION sql_select_limit = {ROWS + 1}")


class MySQLSource:
    """A query to one server. `account` are the arguments of pymysql.connect, `seconds` the time for one answer."""

    def __init__(self, account: Mapping[str, Any], query: str, lists: tuple[str, ...], seconds: float) -> None:
        self._account = {
            **account,
            "read_timeout": seconds,
            "write_timeout": seconds,
            "autocommit": True,
        }
        self._query = query
        self._lists = lists
        self._seconds = seconds
        self._threads = _threads()
        self._mine = threading.local()
        self._open: set[pymysql.Connection[Any]] = set()

    async def find(self, person: str) -> Attributes | None:
        """Ask for somebody. Raises SourceFailed."""
        try:
            async with asyncio.timeout(self._seconds):
                columns, rows = await asyncio.get_running_loop().run_in_executor(self._threads, self._ask, person)
        except TimeoutError:
            raise SourceFailed(f"no answer within {self._seconds:g} s") from None
        except pymysql.MySQLError as error:  # its words may quote values
            number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
            raise SourceFailed(f"it failed with error {number} ({type(error).__name__})") from None
        except (OSError, UnicodeError) as error:
            raise SourceFailed(f"it cannot be reached ({type(error).__name__})") from None
        return attributes(person, columns, rows, self._lists)

    def _ask(self, person: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        query = PERSON.sub(f"_utf8mb4 X'{person.encode().hex()}'", self._query)
        known = getattr(self._mine, "connection", None)
        if known is not None:
            try:
                return self._ask_once(known, query)
            except (pymysql.OperationalError, pymysql.InterfaceError, OSError):
                pass  # the server may have been restarted since it was opened
        connection = pymysql.connect(**self._account)
        self._open = {each for each in self._open if each.open} | {connection}
        for setting in _SESSION:
            self._ask_once(connection, setting)
        self._mine.connection = connection
        return self._ask_once(connection, query)

    def _ask_once(self, connection: pymysql.Connection[Any], query: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        try:
            with connection.cursor() as cursor:
                cursor.execute(query)
                return [str(each[0]) for each in cursor.description or ()], list(cursor.fetchall())
        except BaseException:
            self._mine.connection = None
            connection.close()
            raise

    async def close(self) -> None:
        """Let go of all connections."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._threads = _threads()
        for connection in self._open:
            waiting = getattr(
                connection, "_sock", None
            )  # of the thread that has it, which may be waiting for an answer
            if waiting is not None:
                with contextlib.suppress(OSError):
                    waiting.shutdown(socket.SHUT_RDWR)


def _threads() -> ThreadPoolExecutor:
    """Threads that begin when they are needed."""
    return ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="attributes")
