"""However a session ends, both sides are freed, and the end is that session's alone."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from fixtures.waiting import afterwards, until

from louver.demo.certificate import make_certificate

if TYPE_CHECKING:
    from collections.abc import Callable

PEOPLE = {"ann": {"role": "clerk"}, "bob": {"role": "boss"}}


@pytest.fixture(scope="module")
def louver(louver_factory: Callable[..., Any], stage: Any) -> Any:
    """A proxy for all tests of this file that leave it running, which already has its own connection to the database."""
    before = watches(stage)
    running = louver_factory(policies=stage.policies, users=PEOPLE)
    with psycopg.connect(running.dsn("ann", database=stage.database)) as client:
        client.execute("select phone from people limit 1")
    until(lambda: watches(stage) > before, "definitions are watched")
    return running


def watches(stage: Any) -> int:
    """How many connections watch the definitions of the database."""
    query = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%hashtextextended%'"
    )
    with psycopg.connect(stage.dsn, autocommit=True) as connection:
        row = connection.execute(f"{query} AND pid <> pg_backend_pid()").fetchone()
    assert row is not None
    return int(row[0])


def descriptors(louver: Any) -> int:
    """How many descriptors the proxy holds."""
    return len(list(Path(f"/proc/{louver.pid}/fd").iterdir()))


DIALOGUES = {
    "simple": ("Q(select phone from people)", "Q(begin)", "Q(select pg_sleep(30))"),
    "extended": ("P(a,select phone from people)", "D(Sa)", "B(,a)", "E(,1)", "H", "S"),
    "copy in": ("Q(copy big from stdin)", "d(1\tx\n)", "d(2\ty\n)"),
    "pipeline": ("P(,select pg_sleep(30)) B(,) E(,) P(,select phone from people) B(,) E(,) S",),
    "garbage": ("raw(ff00000004)",),
}


@pytest.mark.parametrize("user", PEOPLE)
@pytest.mark.parametrize("dialogue", DIALOGUES)
def test_a_client_cut_off_at_any_message_frees_both_sides(  # noqa: PLR0917  fixtures, all by name
    dialogue: str, user: str, louver: Any, stage: Any, raw_session: Callable[[str], Any], wire: Any
) -> None:
    """After a RST behind each message of a dialogue the server has no session left, nor Louver a descriptor."""
    application = f"cut-{dialogue.replace(' ', '-')}-{user}"
    before = descriptors(louver)
    steps = DIALOGUES[dialogue]
    for cut in range(len(steps) + 1):
        session = raw_session(louver.dsn(user, database=stage.database) + f"?application_name={application}")
        for step in steps[:cut]:
            session.send(wire.client(step))
            time.sleep(0.02)
        session.reset()
    stage.wait_free(application)
    until(lambda: descriptors(louver) <= before, "descriptors are given back")


def test_a_message_cut_in_the_middle_frees_both_sides(
    louver: Any, stage: Any, raw_session: Callable[[str], Any], wire: Any
) -> None:
    """A RST within a message, at any of some places, leaves no session behind."""
    message = wire.client("P(,select phone from people) B(,) E(,) S")
    for cut in range(1, len(message), 9):
        session = raw_session(louver.dsn("ann", database=stage.database) + "?application_name=half")
        session.send(message[:cut])
        session.reset()
    stage.wait_free("half")


def test_an_upstream_cut_off_ends_the_client_with_a_reason(louver: Any, stage: Any) -> None:
    """A backend that is killed in mid-query gives the client the server's own error or ours, and frees the client."""
    with psycopg.connect(
        louver.dsn("ann", database=stage.database), autocommit=True, application_name="killed"
    ) as client:
        pid = client.execute("select pg_backend_pid()").fetchone()[0]
        killing = afterwards(
            lambda: until(lambda: stage.running("killed") == 1, "it runs"),
            lambda: stage.postgres.run_sql(f"select pg_terminate_backend({pid})"),
        )
        with pytest.raises(psycopg.OperationalError) as told:
            client.execute("select pg_sleep(60)")
        killing.join()
        assert told.value.sqlstate == "57P01"
    stage.wait_free("killed")


def test_the_running_query_of_a_vanished_client_is_cancelled(
    louver: Any, stage: Any, raw_session: Callable[[str], Any], wire: Any
) -> None:
    """The server stops working for a client that has gone, at once."""
    session = raw_session(louver.dsn("bob", database=stage.database) + "?application_name=vanished")
    session.send(wire.client("Q(select pg_sleep(60))"))
    until(lambda: stage.running("vanished") == 1, "it runs")
    session.reset()
    stage.wait_free("vanished")


def test_a_client_that_vanishes_while_a_ruling_waits_for_its_pipeline_is_noticed(
    louver: Any, stage: Any, raw_session: Callable[[str], Any], wire: Any
) -> None:
    """Behind a running statement a second one waits to be ruled; the client's end is seen all the same."""
    session = raw_session(louver.dsn("ann", database=stage.database) + "?application_name=waiting")
    session.send(wire.client("Q(select 1)"))
    session.read_until(b"Z\0\0\0\5I")
    session.send(wire.client("P(,select pg_sleep(60)) B(,) E(,) P(,select phone from unheard_of) B(,) E(,) S"))
    until(lambda: stage.running("waiting") == 1, "the first runs")
    session.reset()
    stage.wait_free("waiting")


def test_cancel_reaches_the_callers_own_session_only(louver: Any, stage: Any) -> None:
    """PQcancel ends the query of its session; another session's query goes on."""
    with (
        psycopg.connect(louver.dsn("ann", database=stage.database), autocommit=True, application_name="mine") as mine,
        psycopg.connect(louver.dsn("ann", database=stage.database), autocommit=True, application_name="other") as other,
    ):
        results: list[Any] = []
        running = threading.Thread(target=lambda: results.append(other.execute("select pg_sleep(1.5)").fetchall()))
        running.start()
        cancelling = afterwards(lambda: until(lambda: stage.running("mine") == 1, "it runs"), mine.cancel_safe)
        with pytest.raises(psycopg.errors.QueryCanceled):
            mine.execute("select pg_sleep(60)")
        cancelling.join()
        assert mine.execute("select 1").fetchall() == [(1,)]
        running.join()
        assert len(results) == 1


def test_sigterm_lets_transactions_finish_and_ends_the_idle(louver_factory: Callable[..., Any], stage: Any) -> None:
    """A running transaction commits, an idle session ends with 57P01, no new one is taken, the exit code is 0."""
    with louver_factory(policies=stage.policies, users=PEOPLE, drain_seconds=60) as louver:
        dsn = louver.dsn("bob", database=stage.database)
        idle, busy, copying = (psycopg.connect(dsn, autocommit=auto) for auto in (True, False, True))
        with idle, busy, copying:
            idle.execute("select 1")
            busy.execute("insert into big values (77, 'drained')")
            with copying.cursor().copy("copy big from stdin") as copy:  # leaves nothing owed behind it
                copy.write("78\tdrained\n")
            os.kill(louver.pid, signal.SIGTERM)
            for connection in (idle, copying):
                until(lambda c=connection: ended_with(c, "57P01"), "idle sessions end")
            with pytest.raises(psycopg.OperationalError):
                psycopg.connect(dsn, connect_timeout=30)
            busy.execute("insert into big values (79, 'drained')")
            busy.commit()
        louver.process.wait(30)
        assert louver.stop() == 0
        assert "Traceback" not in louver.log
    assert stage.postgres.run_sql("select count(*) from big where filler = 'drained'", stage.database) == "3\n"


def ended_with(connection: psycopg.Connection[Any], sqlstate: str) -> bool:
    """Whether a connection has been ended by the other end, with this error."""
    try:
        connection.execute("select 1")
    except psycopg.OperationalError as error:
        return error.sqlstate in (sqlstate, None)
    return False


def test_drain_does_not_wait_longer_than_it_may(louver_factory: Callable[..., Any], stage: Any) -> None:
    """A transaction that does not end within drain_seconds is ended."""
    with louver_factory(policies=stage.policies, users=PEOPLE, drain_seconds=1) as louver:
        with psycopg.connect(louver.dsn("bob", database=stage.database), application_name="endless") as client:
            client.execute("select 1")
            started = time.monotonic()
            assert louver.stop() == 0
            assert time.monotonic() - started < 20
            with pytest.raises(psycopg.errors.AdminShutdown):
                client.execute("select 1")
        stage.wait_free("endless")


def test_a_client_that_does_not_read_its_last_words_holds_no_socket(
    louver: Any, stage: Any, raw_session: Callable[[str], Any], wire: Any
) -> None:
    """A session that Louver ends is gone in seconds even when its client reads nothing."""
    before = descriptors(louver)
    session = raw_session(louver.dsn("bob", database=stage.database) + "?application_name=deaf")
    session.send(wire.client("Q(select repeat('x', 1000) from generate_series(1, 200000))"))
    until(lambda: stage.sessions("deaf", "AND wait_event = 'ClientWrite'"), "nobody takes any more")
    session.send(wire.client("raw(ff00000004)"))
    stage.wait_free("deaf")
    until(lambda: descriptors(louver) <= before, "the socket is closed")


@pytest.mark.parametrize("user", PEOPLE)
def test_a_client_that_leaves_without_reading_is_gone(
    user: str, louver: Any, stage: Any, raw_session: Callable[[str], Any], wire: Any
) -> None:
    """One that says it will send no more, and reads nothing, has its session ended and its statement cancelled at once."""
    before = descriptors(louver)
    session = raw_session(louver.dsn(user, database=stage.database) + f"?application_name=half-closed-{user}")
    session.send(wire.client("Q(select repeat('x', 1000) from generate_series(1, 2000000))"))
    until(lambda: stage.sessions(f"half-closed-{user}", "AND wait_event = 'ClientWrite'"), "nobody takes any more")
    session.socket.shutdown(socket.SHUT_WR)
    stage.wait_free(f"half-closed-{user}")
    until(lambda: descriptors(louver) <= before, "the socket is closed")


def test_a_client_with_tls_that_leaves_without_reading_is_gone(
    louver_factory: Callable[..., Any], stage: Any, tmp_path: Path
) -> None:
    """The same where it says so to TCP alone, without a goodbye of TLS, and its window is full."""
    files = make_certificate(tmp_path)
    tls = {"certificate": str(files.certificate), "key": str(files.key)}
    watching = watches(stage)
    with louver_factory(policies=stage.policies, users=PEOPLE, tls=tls) as louver:
        with psycopg.connect(louver.dsn("bob", database=stage.database)) as client:
            client.execute("select phone from people limit 1")
        until(lambda: watches(stage) > watching, "definitions are watched")
        before = descriptors(louver)
        dsn = f"{louver.dsn('bob', database=stage.database)}?sslmode=require&application_name=half-closed-tls"
        connection = psycopg.pq.PGconn.connect(dsn.encode())
        assert connection.ssl_in_use
        connection.send_query(b"select repeat('x', 1000) from generate_series(1, 2000000)")
        until(lambda: stage.sessions("half-closed-tls", "AND wait_event = 'ClientWrite'"), "nobody takes any more")
        with socket.fromfd(connection.socket, socket.AF_INET, socket.SOCK_STREAM) as raw:
            raw.shutdown(socket.SHUT_WR)
            stage.wait_free("half-closed-tls")
            until(lambda: descriptors(louver) <= before, "the socket is closed")
        connection.finish()


def test_a_client_with_tls_that_does_not_read_holds_up_no_end(
    louver_factory: Callable[..., Any], tmp_path: Path
) -> None:
    """Told to stop, the proxy ends although a client never answers the goodbye of its TLS."""
    files = make_certificate(tmp_path)
    tls = {"certificate": str(files.certificate), "key": str(files.key)}
    with louver_factory(users=PEOPLE, tls=tls) as louver, psycopg.connect(f"{louver.dsn('ann')}?sslmode=require"):
        os.kill(louver.pid, signal.SIGTERM)
        until(lambda: louver.process.poll() is not None, "it ends")
        assert "Warning" not in louver.log
