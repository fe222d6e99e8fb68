"""What a client that has gone left running, stopped: a MySQL server looks at a connection only when it writes to it.

Owns the KILL, by a connection of Louver's own account. May not do: decide when.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any, Final

import pymysql

if TYPE_CHECKING:
    from collections.abc import Mapping

log = logging.getLogger(__name__)

_SECONDS: Final = 10.0
_NO_SUCH_THREAD: Final = 1094


async def stop(connection: Mapping[str, Any], thread: int) -> None:
    """End the session of this number, if it is still there. `connection` are arguments of pymysql.connect."""
    try:
        await asyncio.to_thread(_kill, connection, thread)
    except (OSError, pymysql.MySQLError) as error:
        if not (isinstance(error, pymysql.MySQLError) and error.args[:1] == (_NO_SUCH_THREAD,)):
            log.warning("what a client that has gone left running (thread %d) runs on: %s", thread, error)


def _kill(settings: Mapping[str, Any], thread: int) -> None:
    given = {"connect_timeout": _SECONDS, "read_timeout": _SECONDS, "write_timeout": _SECONDS}
    with contextlib.closing(pymysql.connect(**{**given, **settings})) as connection, connection.cursor() as cursor:
        cursor.execute("KILL CONNECTION %s", (thread,))
