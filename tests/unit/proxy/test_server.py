"""The server's own part: what stops it, what a second word does, reloading, the connections' sockets."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import socket
import threading
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import uvloop
from fixtures.waiting import until

from audit.writer import Trail
from policies.loader import parse_policies
from proxy.identity import Users
from proxy.meter import Meter
from proxy.peer import KEEPALIVE, Peer
from proxy.people import People
from proxy.postgres.cancel import CancelRegistry
from proxy.postgres.catalogs import PostgresCatalogs
from proxy.postgres.connection import connect
from proxy.postgres.front import PostgresFront
from proxy.postgres.gate import PostgresGate
from proxy.postgres.login import PostgresLoginSettings
from proxy.postgres.watch import Watch
from proxy.reloading import Reloading
from proxy.server import Server, ServerSettings, _plain_address, run
from proxy.upstream import Upstream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from policies.decide import PolicySet
    from rewriter.postgres.catalog import Catalog

POLICIES = 'version: 1\ndictionary:\n  - {column: "*.*.*.phone", category: phone, level: 3}\n'


@pytest.fixture
def trail(tmp_path: Path) -> Iterator[Trail]:
    """A trail of its own."""
    opened = Trail.open(tmp_path / "audit")
    yield opened
    opened.close()


def server_of(
    trail: Trail, load: Callable[[], PolicySet], *, changed: bool = False, **limits: Any
) -> tuple[Server, PostgresGate, PostgresCatalogs]:
    """A server that nothing stands behind, with its gate and its catalogs."""

    async def read(database: str, revision: int) -> Catalog:
        raise OSError(f"no {database} in revision {revision}")

    policies = parse_policies(POLICIES, file="p")
    gate, catalogs = PostgresGate(policies, None), PostgresCatalogs(policies, read)
    front = PostgresFront(
        PostgresLoginSettings(Upstream("127.0.0.1", 1), "relay"),
        people=People(Users.none()),
        cancels=CancelRegistry(),
        gate=gate,
        catalogs=catalogs,
        watch=Watch(catalogs, lambda database: {"database": database}),
    )
    made = Server(
        ServerSettings("127.0.0.1", 0, **limits),
        front=front,
        trail=trail,
        reloading=Reloading(
            front,
            trail,
            Meter(),
            vocabulary=policies.vocabulary,
            load_policies=load,
            policies_changed=lambda: changed,
            certificates=None,
        ),
        people=People(Users.none()),
    )
    return made, gate, catalogs


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_stops_an_idle_server(trail: Trail, number: signal.Signals) -> None:
    """With nobody connected the first SIGTERM or Ctrl-C is the end, and nobody can connect any more."""
    server, _, _ = server_of(trail, lambda: parse_policies(POLICIES, file="p"))
    await asyncio.wait_for(run(server, lambda _port: os.kill(os.getpid(), number)), 30)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", server.port)


@pytest.mark.parametrize("times", [1, 2])
def test_a_second_signal_ends_sessions_at_once(
    times: int, louver_factory: Callable[..., Any], wire: Any, raw_session: Callable[[str], Any]
) -> None:
    """The first SIGTERM lets a transaction go on; the second ends it with 57P01, long before drain_seconds are over."""
    with louver_factory(users={"ann": {}}, drain_seconds=60) as louver:
        session = raw_session(louver.dsn("ann"))
        session.send(wire.client("Q(begin)"))
        session.read_until(b"Z\0\0\0\5T")
        os.kill(louver.pid, signal.SIGTERM)
        until(lambda: not listens(louver), "the first has come through: nobody gets in any more")
        session.send(wire.client("Q(select 1)"))
        assert session.read_until(b"Z\0\0\0\5T").endswith(b"Z\0\0\0\5T")
        if times == 1:
            session.send(wire.client("Q(commit)"))
        else:
            os.kill(louver.pid, signal.SIGINT)
        assert b"57P01" in session.read_until(b"\0\0\0\0\0never")
        louver.process.wait(30)
        assert louver.process.returncode == 0


def listens(louver: Any) -> bool:
    """Whether connections are taken."""
    try:
        socket.create_connection((louver.host, louver.port)).close()
    except ConnectionError:  # refused, or reset when it came in between
        return False
    return True


async def test_a_reload_puts_new_policies_in_force(trail: Trail) -> None:
    """The gate decides by the new ones, and every caller's world is made anew."""
    new = parse_policies(POLICIES.replace("level: 3", "level: 4"), file="p")
    server, gate, catalogs = server_of(trail, lambda: new)
    generation = catalogs.known("bank").generation
    server.reload()
    assert gate.policies is new
    assert catalogs.known("bank").generation > generation


async def test_what_the_time_decides_is_decided_with_the_minute_of_the_clock(trail: Trail) -> None:
    """A rule until 18:00 ends there, and not some seconds later: minutes begin where the clock's do, also when that is set back."""
    server, _, catalogs = server_of(trail, lambda: parse_policies(POLICIES, file="p"))
    generation = catalogs.known("bank").generation
    began = 1_795_456_800.0  # 2026-11-23T18:00Z
    passed = []
    for seconds in (-0.9, 0.1, 1.1, 59.9, 60.0, 0.0):
        server._look_at_clock(began + seconds)
        passed.append(catalogs.known("bank").generation - generation)
    assert passed == [1, 2, 2, 2, 3, 4]


async def test_a_disk_that_hangs_holds_up_no_change_of_policies(trail: Trail, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has to happen each second happens while the trail is being made durable: the clock of conditions goes on, too."""
    hangs, loaded, stop = threading.Event(), asyncio.Event(), asyncio.Event()
    monkeypatch.setattr(Trail, "sync", lambda _trail: hangs.wait(30))

    def load() -> PolicySet:
        loaded.set()
        return parse_policies(POLICIES, file="p")

    server, _, _ = server_of(trail, load, changed=True)
    serving = asyncio.get_running_loop().create_task(server.serve(stop))
    try:
        await asyncio.wait_for(loaded.wait(), 15)
    finally:
        hangs.set()
        stop.set()
        await serving


async def test_a_reload_that_fails_changes_nothing(trail: Trail, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever goes wrong with the file, the old policies stay in force and the log says why."""

    def broken() -> PolicySet:
        raise ValueError("line 3 is odd")

    server, gate, catalogs = server_of(trail, broken)
    before, generation = gate.policies, catalogs.known("bank").generation
    server.reload()
    assert gate.policies is before
    assert catalogs.known("bank").generation == generation
    assert "line 3 is odd" in caplog.text


@pytest.mark.parametrize(
    ("address", "plain"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("", ""),
    ],
)
def test_addresses_look_the_same_however_they_came_in(address: str, plain: str) -> None:
    """A condition on an IPv4 address holds for clients of a listener that takes both; a Unix socket has none."""
    assert _plain_address(address) == plain


@pytest.mark.parametrize("loop", [asyncio.run, uvloop.run])
def test_the_kernel_looks_after_both_legs(loop: Callable[[Any], None]) -> None:
    """A connection that came in and one that was opened have TCP keepalive, so that a dead peer is noticed."""

    async def look() -> None:
        accepted = Peer()
        listener = await asyncio.get_running_loop().create_server(lambda: accepted, "127.0.0.1", 0)
        opened = await connect(Upstream("127.0.0.1", listener.sockets[0].getsockname()[1]))
        while accepted._transport is None:  # noqa: ASYNC110  a peer tells nobody that it is connected
            await asyncio.sleep(0.01)
        for peer in (accepted, opened):
            kernel = peer.transport.get_extra_info("socket")
            assert kernel.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            for name, value in KEEPALIVE.items():
                assert kernel.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) == value
            peer.close()
        listener.close()
        await asyncio.sleep(0.05)

    loop(look())


def test_a_proxy_takes_as_many_descriptors_as_it_may(louver_factory: Callable[..., Any]) -> None:
    """Started under a small soft limit it raises that to the hard one, and warns when the connections need more."""
    shell = ("/bin/sh", "-c", 'ulimit -Sn 100; ulimit -Hn 400; exec "$@"', "sh")
    with louver_factory(users={"ann": {}}, command=shell, limits={"connections": 300}) as louver:
        louver.wait_for_said("limits.connections is 300, which takes 664 open files, and this process may have 400")
        louver.wait_for_said("lower limits.connections to 168")
        with psycopg.connect(louver.dsn("ann")) as client:
            assert client.execute("select 1").fetchone() == (1,)
        assert resource.prlimit(louver.pid, resource.RLIMIT_NOFILE) == (400, 400)
