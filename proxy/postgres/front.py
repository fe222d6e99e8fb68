"""PostgreSQL as the server sees it: logins, cancel requests, sessions.

Owns putting a session together from its parts. May not do: know other sessions, read SQL.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from proxy.front import Cancelled, Front
from proxy.postgres.caller import Caller
from proxy.postgres.connection import read_startup_packet
from proxy.postgres.login import Established, PostgresLoginSettings, login
from proxy.postgres.relay import PostgresRelay
from proxy.postgres.wire.messages import (
    CancelRequest,
    GSSENCRequest,
    MalformedMessage,
    SSLRequest,
    error_response,
    parse_startup_packet,
)
from proxy.postgres.wire.session import PostgresSession
from proxy.postgres.wording import refusals, too_many
from proxy.wording import unknown_plan

if TYPE_CHECKING:
    from policies.decide import PolicySet
    from proxy.peer import Peer
    from proxy.people import People
    from proxy.postgres.cancel import CancelRegistry
    from proxy.postgres.catalogs import PostgresCatalogs
    from proxy.postgres.gate import PostgresGate
    from proxy.postgres.watch import Watch
    from proxy.relay import Opening, Relay


class PostgresFront(Front[Established]):
    """One PostgreSQL. `statement_bytes`: a longer text of a statement is refused."""

    def __init__(  # noqa: PLR0913  the composition of the whole
        self,
        settings: PostgresLoginSettings,
        *,
        people: People,
        cancels: CancelRegistry,
        gate: PostgresGate,
        catalogs: PostgresCatalogs,
        watch: Watch,
        statement_bytes: int = 16 * 1024 * 1024,
    ) -> None:
        self.login_mode = settings.login
        self.tally = gate.tally
        self._settings = settings
        self._people = people
        self._cancels = cancels
        self._gate = gate
        self._catalogs = catalogs
        self._watch = watch
        self._statement_bytes = statement_bytes
        self._refusals = refusals(statement_bytes)

    async def login(self, peer: Peer) -> Established | Cancelled:
        """Log a connection in, or pass a cancel request on. Raises LoginRefused and Abandoned."""
        return await login(peer, self._settings, self._people, self._cancels)

    async def turn_away(self, peer: Peer, limit: str) -> Cancelled | None:
        """Tell a connection that there are too many. A cancel request is passed on: it is what gives places free."""
        try:
            packet = parse_startup_packet(await read_startup_packet(peer))
            while isinstance(packet, SSLRequest | GSSENCRequest):  # libpq shows no error in place of the answer
                peer.write(b"N")
                packet = parse_startup_packet(await read_startup_packet(peer))
        except MalformedMessage:
            return None
        if isinstance(packet, CancelRequest):
            whose = self._cancels.whose(packet.key)
            known = await self._cancels.cancel(packet.key)
            return Cancelled(peer.address, known, whose)
        peer.write(too_many(limit))
        return None

    def refuse(self, established: Established, sqlstate: str, message: str) -> None:
        """Tell a client that has logged in that there is no session for it."""
        established.client.write(error_response("FATAL", sqlstate, message))

    def too_many(self, established: Established, limit: str) -> None:
        """Tell a client that has logged in that its user has too many sessions."""
        established.client.write(too_many(limit))

    def open(self, established: Established, opening: Opening) -> Relay:
        """The session of a login. Raises PeerClosed when one side has gone."""
        caller = Caller(opening.context, self._gate, self._catalogs)
        session = PostgresSession(unknown_plan(), self._refusals, self._statement_bytes)
        if established.key is not None:
            self._cancels.opened(established.key, opening.recorder.caller)
        client, client_rest = established.client.detach()
        server, server_rest = established.upstream.detach()
        return PostgresRelay(
            client,
            server,
            opening,
            (established.greeting, client_rest, server_rest),
            session=session,
            caller=caller,
            gate=self._gate,
            catalogs=self._catalogs,
        )

    def ended(self, established: Established, *, cancel: bool) -> asyncio.Task[None] | None:
        """A session has ended: forget its key, after what it left running is cancelled by it."""
        key = established.key
        if key is None:
            return None
        if not cancel:
            self._cancels.forget(key)
            return None

        async def cancelling() -> None:
            try:
                await self._cancels.cancel(key)
            finally:
                self._cancels.forget(key)

        # what the session left running would run on: the server looks at its socket only when it writes
        return asyncio.get_running_loop().create_task(cancelling())

    def policies_changed(self, policies: PolicySet) -> None:
        """Decide by these from now on."""
        self._gate.policies = policies
        self._catalogs.policies_changed(policies)

    def time_passed(self) -> None:
        """Let time-bound decisions be made again."""
        self._catalogs.time_passed()

    async def watch(self) -> None:
        """Look for definitions that are changed elsewhere, until cancelled."""
        await self._watch.run()
