"""A database that is not there, goes away or comes back."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from fixtures.waiting import until

from louver.demo.postgres import LocalPostgres

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture(scope="module")
def server() -> Any:
    """A server of this file's own, for it dies."""
    with LocalPostgres.start() as started:
        yield started


@pytest.fixture(scope="module")
def louver(louver_factory: Callable[..., Any], server: LocalPostgres) -> Any:
    """A proxy in front of it."""
    return louver_factory(users={"ann": {}}, server=server, limits={"login_seconds": 5.0})


def postmaster(server: LocalPostgres) -> int:
    """The process id of the server."""
    return int((Path(server.directory) / "data" / "postmaster.pid").read_text().split()[0])


def test_a_server_that_does_not_answer_is_a_clear_error_and_the_next_login_works(
    louver: Any, server: LocalPostgres
) -> None:
    """A stopped server: a login ends within its time with a reason; when it runs on, the next login works."""
    os.kill(postmaster(server), signal.SIGSTOP)
    try:
        with pytest.raises(psycopg.OperationalError) as told:
            psycopg.connect(louver.dsn("ann"), connect_timeout=60)
        assert "louver" in str(told.value)
    finally:
        os.kill(postmaster(server), signal.SIGCONT)
    with psycopg.connect(louver.dsn("ann")) as client:
        assert client.execute("select 1").fetchall() == [(1,)]


def test_a_server_that_crashes_ends_its_sessions_and_the_next_login_works(louver: Any, server: LocalPostgres) -> None:
    """A backend killed by -9 takes all sessions down; each client is told; when recovery is over one logs in again."""
    with psycopg.connect(louver.dsn("ann"), autocommit=True) as one, psycopg.connect(louver.dsn("ann")) as two:
        two.execute("select 1")
        pid = one.execute("select pg_backend_pid()").fetchone()[0]
        os.kill(pid, signal.SIGKILL)
        for client in (one, two):
            with pytest.raises(psycopg.OperationalError) as told:
                client.execute("select pg_sleep(20)")
            assert told.value.sqlstate in ("57P02", "08006", None)

    def answered() -> bool:
        with contextlib.suppress(psycopg.OperationalError), psycopg.connect(louver.dsn("ann")) as client:
            return client.execute("select 1").fetchall() == [(1,)]
        return False

    until(answered, "one logs in after the crash")


def test_a_server_that_is_gone_is_a_clear_error(louver: Any, server: LocalPostgres) -> None:
    """Nobody listens: the client is told where the database should be, at once."""
    server.stop()
    with pytest.raises(psycopg.OperationalError, match=rf"cannot reach the database at 127.0.0.1:{server.port}"):
        psycopg.connect(louver.dsn("ann"))
    assert louver.process.poll() is None
