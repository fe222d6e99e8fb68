"""A peer that does not read holds up the other side, not the memory of the proxy; large values pass in constant memory."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from fixtures.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable

MEGABYTE = 1 << 20
GROWTH = 30 * MEGABYTE  # buffers of sockets and transports, and what the allocator keeps
VALUE = 200 * MEGABYTE


@pytest.fixture(scope="module")
def louver(louver_factory: Callable[..., Any], stage: Any) -> Any:
    """A proxy that has seen a session already, so that its memory is settled."""
    running = louver_factory(users={"bob": {"role": "boss"}, "ann": {"role": "clerk"}}, policies=stage.policies)
    for user in ("bob", "ann"):
        with psycopg.connect(running.dsn(user, database=stage.database)) as client:
            client.execute("select phone from people")
    return running


def test_a_client_that_does_not_read_is_waited_for(
    louver: Any, stage: Any, raw_session: Callable[[str], Any], wire: Any
) -> None:
    """A gigabyte of rows for a client that reads nothing stays in the server."""
    before = louver.resident_bytes
    session = raw_session(louver.dsn("bob", database=stage.database) + "?application_name=unread")
    session.send(wire.client("Q(select repeat('x', 1000) from generate_series(1, 1000000))"))
    highest = before
    until(lambda: stage.sessions("unread", "AND wait_event = 'ClientWrite'"), "nobody takes any more")
    for _ in range(10):
        time.sleep(0.1)
        highest = max(highest, louver.resident_bytes)
    assert highest - before < GROWTH
    received = 0
    while received < 20 * MEGABYTE:  # and it goes on when the client does
        received += len(session.socket.recv(MEGABYTE))
    session.reset()
    stage.wait_free("unread")


def test_a_server_that_does_not_read_is_waited_for(
    louver: Any, stage: Any, raw_session: Callable[[str], Any], wire: Any
) -> None:
    """COPY data for a server that waits for a lock stays with the client."""
    with psycopg.connect(stage.dsn) as holder:
        holder.execute("create table if not exists locked (t text)")
        holder.commit()
        before = louver.resident_bytes
        session = raw_session(louver.dsn("bob", database=stage.database) + "?application_name=blocked")
        session.send(wire.client("Q(copy locked from stdin)"))
        assert session.socket.recv(1000)[:1] == b"G"
        pid = holder.execute("select pid from pg_stat_activity where application_name = 'blocked'").fetchone()[0]
        stop(pid)
        try:
            session.socket.settimeout(0.5)
            sent, data = 0, wire.client("d(" + "x" * 8000 + "\n)") * 100
            with contextlib.suppress(TimeoutError):
                while sent < 200 * MEGABYTE:
                    sent += session.socket.send(data)
            assert sent < 100 * MEGABYTE
            assert louver.resident_bytes - before < GROWTH
        finally:
            go_on(pid)
        session.reset()
    stage.wait_free("blocked")


def stop(pid: int) -> None:
    """Let a backend stand still."""
    os.kill(pid, signal.SIGSTOP)


def go_on(pid: int) -> None:
    """Let it go on."""
    os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("user", ["bob", "ann"])
@pytest.mark.parametrize("way", ["select", "bind", "copy out", "copy in"])
def test_a_large_value_passes_in_constant_memory(louver: Any, stage: Any, way: str, user: str) -> None:
    """200 MB in one value, each way, right to the last byte; the proxy's memory does not follow."""
    with psycopg.connect(louver.dsn(user, database=stage.database), autocommit=True) as client:
        client.execute("create temp table large (t text)")
        client.execute("select t from large")
        before = louver.resident_bytes
        if way == "select":
            assert client.execute(f"select length(t), t from (select repeat('x', {VALUE}) t) q").fetchone()[0] == VALUE
        elif way == "bind":
            value = "x" * VALUE
            assert client.execute("select length(%s::text)", [value]).fetchone() == (VALUE,)
        elif way == "copy out":
            with client.cursor().copy(f"copy (select repeat('x', {VALUE})) to stdout") as copy:
                assert sum(len(piece) for piece in copy) == VALUE + 1
        else:
            with client.cursor().copy("copy large from stdin") as copy:
                for _ in range(VALUE // MEGABYTE):
                    copy.write(b"x" * MEGABYTE)
            assert client.execute("select length(t) from large").fetchone() == (VALUE,)
        assert louver.resident_bytes - before < GROWTH
