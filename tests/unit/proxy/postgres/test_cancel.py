"""Cancel keys: whom they reach, and whom not."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from louver.demo.host import free_port
from proxy.postgres.cancel import CancelRegistry
from proxy.postgres.wire.messages import VERSION_3_0, VERSION_3_2, BackendKey, cancel_request
from proxy.tls import upstream_tls
from proxy.upstream import Upstream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

THEIRS = BackendKey(4711, b"real")


class Databases:
    """Two databases that write down what they are sent and close."""

    def __init__(self) -> None:
        self.heard: list[tuple[int, bytes]] = []
        self.places: list[Upstream] = []

    async def start(self) -> list[asyncio.Server]:
        """Listen."""
        servers = []
        for number in range(2):
            server = await asyncio.start_server(self._behave(number), "127.0.0.1", 0)
            port = server.sockets[0].getsockname()[1]
            self.places.append(Upstream("127.0.0.1", port, upstream_tls("disable")))
            servers.append(server)
        return servers

    def _behave(self, number: int):
        async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.heard.append((number, await reader.read(1000)))
            writer.close()

        return behave


@pytest.fixture
async def databases() -> AsyncIterator[Databases]:
    """Two running databases."""
    made = Databases()
    servers = await made.start()
    yield made
    for server in servers:
        server.close()


@pytest.mark.parametrize(("version", "size"), [(VERSION_3_0, 4), (VERSION_3_0 + 1, 4), (VERSION_3_2, 32)])
def test_keys_are_ours_and_fit_the_version(version: int, size: int) -> None:
    """The client sees the database's pid, for clients compare it, with a secret of ours of its version's length."""
    ours = CancelRegistry().issue(THEIRS, Upstream("127.0.0.1"), version)
    assert (ours.pid, len(ours.secret)) == (4711, size)
    assert ours.secret != THEIRS.secret


async def test_a_key_reaches_its_own_session(databases: Databases) -> None:
    """Of two databases with the same pid, each session's key reaches the right one, with the real key."""
    cancels = CancelRegistry()
    keys = [cancels.issue(THEIRS, place, VERSION_3_0) for place in databases.places]
    for number in (1, 0):
        assert await cancels.cancel(keys[number])
    assert databases.heard == [(1, cancel_request(THEIRS)), (0, cancel_request(THEIRS))]


async def test_strange_and_ended_keys_reach_nobody(databases: Databases) -> None:
    """The database's own key, a guessed secret, and the key of a session that is over do nothing."""
    cancels = CancelRegistry()
    key = cancels.issue(THEIRS, databases.places[0], VERSION_3_2)
    other = cancels.issue(THEIRS, databases.places[1], VERSION_3_2)
    cancels.forget(key)
    cancels.forget(key)
    for strange in (THEIRS, BackendKey(4711, b"x" * 32), key, BackendKey(1, other.secret), BackendKey(4711, b"")):
        assert not await cancels.cancel(strange)
    assert databases.heard == []
    assert await cancels.cancel(other)


async def test_a_database_that_is_down_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """A cancel request that cannot be delivered raises nothing."""
    cancels = CancelRegistry()
    key = cancels.issue(THEIRS, Upstream("127.0.0.1", free_port(), upstream_tls("disable")), VERSION_3_0)
    assert await cancels.cancel(key)
    assert "did not reach" in caplog.text
