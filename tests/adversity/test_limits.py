"""The limits on connections, time and size: who is over one is told which, and nobody else notices."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import time
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from fixtures.waiting import WAIT_SECONDS, afterwards, recorded, until, until_runs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PEOPLE = {"ann": {}, "bob": {}}
LIMITS = {
    "connections": 5,
    "connections_per_user": 3,
    "statement_bytes": 2000,
    "analysed_bytes": 1500,
}


@pytest.fixture(scope="module")
def louver(louver_factory: Callable[..., Any]) -> Any:
    """A proxy with small limits."""
    return louver_factory(users=PEOPLE, limits=LIMITS)


@contextlib.contextmanager
def opened(louver: Any, *users: str) -> Iterator[list[psycopg.Connection[Any]]]:
    """Some sessions at the same time; those of before give their places back when the proxy has heard that they ended."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(until(lambda user=user: let_in(louver, user), "there is a place")) for user in users]


def let_in(louver: Any, user: str) -> psycopg.Connection[Any] | None:
    """A session, unless the proxy has no place for it."""
    with contextlib.suppress(psycopg.OperationalError):
        return psycopg.connect(louver.dsn(user), autocommit=True)
    return None


def test_connections_of_one_user_are_limited(louver: Any) -> None:
    """One too many of a user is refused with 53300 and the limit; another user gets in; a free place is given again."""
    with opened(louver, "ann", "ann", "ann"):
        with pytest.raises(psycopg.OperationalError, match=r"the limit is 3 for user 'ann'"):
            psycopg.connect(louver.dsn("ann"))
        with opened(louver, "bob"):
            pass
    with opened(louver, "ann", "ann", "ann"):
        pass


def test_connections_in_all_are_limited(louver: Any) -> None:
    """One too many in all is refused with the limit."""
    with (
        opened(louver, "ann", "ann", "ann", "bob", "bob"),
        pytest.raises(psycopg.OperationalError, match="the limit is 5 in all"),
    ):
        psycopg.connect(louver.dsn("bob"))


def test_a_login_has_its_time(louver_factory: Callable[..., Any]) -> None:
    """Who connects and says nothing is cut off, and holds no place."""
    with louver_factory(
        users=PEOPLE, limits={"connections": 3, "connections_per_user": 3, "login_seconds": 1.0}
    ) as louver:
        started = time.monotonic()
        with contextlib.ExitStack() as stack:
            silent = [stack.enter_context(socket.create_connection((louver.host, louver.port))) for _ in range(3)]
            for connection in silent:
                connection.settimeout(WAIT_SECONDS)
                while connection.recv(1000):
                    pass
        assert 0.5 < time.monotonic() - started < WAIT_SECONDS
        with opened(louver, "ann"):
            pass


def test_an_idle_session_ends_and_a_working_one_does_not(louver_factory: Callable[..., Any]) -> None:
    """After idle_seconds without a word a session ends with 57P05; a statement that runs longer is left alone."""
    with (
        louver_factory(users=PEOPLE, limits={"idle_seconds": 2.0}) as louver,
        opened(louver, "ann", "bob") as (idle, working),
    ):
        assert working.execute("select pg_sleep(3.5), 1").fetchone()[1] == 1
        assert select.select([idle], [], [], WAIT_SECONDS)[0]
        with pytest.raises(psycopg.OperationalError) as told:
            idle.execute("select 1")
        assert told.value.sqlstate in ("57P05", None)
        assert "idle for more than 2 s" in str(told.value)


def test_a_statement_over_the_limit_is_refused_and_the_session_goes_on(louver: Any) -> None:
    """54000 with the limit, in the simple and the extended protocol; what follows works."""
    with opened(louver, "ann") as (client,):
        for parameters in (None, [1]):
            with pytest.raises(psycopg.errors.ProgramLimitExceeded, match="longer than 2000 bytes"):
                client.execute("select %s" % ("1" if parameters is None else "%s::int") + " " * 3000, parameters)
            assert client.execute("select 1").fetchall() == [(1,)]


def test_a_full_proxy_still_cancels(louver: Any, postgres: Any) -> None:
    """A cancel request needs no place: it gets through when all are taken."""
    with opened(louver, "ann", "ann", "ann", "bob", "bob") as (busy, *_):
        runs = lambda: until_runs(postgres.dsn("postgres"), "pg_sleep(61)")  # noqa: E731
        cancelling = afterwards(runs, lambda: busy.pgconn.get_cancel().cancel())
        with pytest.raises(psycopg.errors.QueryCanceled):
            busy.execute("select pg_sleep(61)")
        cancelling.join()
        said = recorded(louver, "cancel", lambda each: each["principal"] == "ann")[-1]
        assert (said["address"], said["ok"]) == ("127.0.0.1", True)


def test_who_asks_to_stop_a_statement_is_in_the_trail(louver: Any, postgres: Any) -> None:
    """With the session that it is of; and who has tried a key that is nobody's, with nothing else."""
    known = len(recorded(louver, "cancel", count=0))
    with opened(louver, "bob") as (busy,):
        runs = lambda: until_runs(postgres.dsn("postgres"), "pg_sleep(62)")  # noqa: E731
        cancelling = afterwards(runs, lambda: busy.pgconn.get_cancel().cancel())
        with pytest.raises(psycopg.errors.QueryCanceled):
            busy.execute("select pg_sleep(62)")
        cancelling.join()
        with socket.create_connection((louver.host, louver.port)) as stranger:
            stranger.sendall(struct.pack("!IIII", 16, 80877102, busy.pgconn.backend_pid, 1))
            assert stranger.recv(1) == b""
    asked, tried = recorded(louver, "cancel", count=known + 2)[known:]
    (stopped,) = recorded(louver, "outcome", lambda each: each["session"] == asked["session"])
    assert (asked["principal"], asked["ok"], stopped["status"]) == ("bob", True, "cancelled")
    assert (tried["session"], tried["principal"], tried["address"], tried["ok"]) == (None, None, "127.0.0.1", False)
