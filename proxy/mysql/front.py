"""MySQL and MariaDB as the server sees them: logins and sessions.

Owns putting a session together from its parts, and which sessions there are. May not do: read SQL.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from proxy.front import Front
from proxy.mysql.caller import MySQLCaller
from proxy.mysql.login import Doorkeeper, MySQLEstablished, MySQLLoginSettings
from proxy.mysql.relay import MySQLRelay
from proxy.mysql.stopping import stop
from proxy.mysql.threads import Threads
from proxy.mysql.wire.messages import error
from proxy.mysql.wire.packets import packet
from proxy.mysql.wire.session import MySQLSession
from proxy.wording import unknown_plan
from rewriter.mysql.catalog import Facts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policies.decide import PolicySet
    from proxy.mysql.catalogs import MySQLCatalogs
    from proxy.mysql.gate import MySQLGate
    from proxy.mysql.watch import MySQLWatch
    from proxy.peer import Peer
    from proxy.people import People
    from proxy.relay import Opening, Relay


class MySQLFront(Front[MySQLEstablished]):
    """One MySQL or MariaDB.

    `account` are the arguments of pymysql.connect for Louver's own. `statement_bytes`: a longer text is refused.
    """

    def __init__(  # noqa: PLR0913  the composition of the whole
        self,
        settings: MySQLLoginSettings,
        *,
        people: People,
        gate: MySQLGate,
        catalogs: MySQLCatalogs,
        watch: MySQLWatch,
        account: Mapping[str, Any],
        statement_bytes: int,
    ) -> None:
        self.login_mode = settings.login
        self.tally = gate.tally
        self._doorkeeper = Doorkeeper(settings, people)
        self._gate = gate
        self._catalogs = catalogs
        self._watch = watch
        self._account = account
        self._statement_bytes = statement_bytes
        self._threads = Threads()

    async def login(self, peer: Peer) -> MySQLEstablished | None:
        """Log a connection in. Raises LoginRefused and Abandoned."""
        return await self._doorkeeper.login(peer)

    async def turn_away(self, peer: Peer, limit: str) -> None:
        """Tell a connection that there are too many, in place of a greeting, where an error has no SQLSTATE."""
        message = f"louver: Too many connections, {limit}"
        peer.write(packet(0, b"\xff" + (1040).to_bytes(2, "little") + message.encode()))

    def refuse(self, established: MySQLEstablished, sqlstate: str, message: str) -> None:
        """Tell a client that has logged in that there is no session for it."""
        self._tell(established, 1105, "HY000", f"{message} ({sqlstate})")

    def too_many(self, established: MySQLEstablished, limit: str) -> None:
        """Tell a client that has logged in that its user has too many sessions."""
        self._tell(established, 1203, "42000", f"louver: too many connections, {limit}")

    def _tell(self, established: MySQLEstablished, number: int, sqlstate: str, message: str) -> None:
        sequence = established.login.greeting[3]  # in place of the packet that would have let it in
        established.client.write(packet(sequence, error(number, sqlstate, message)))

    def open(self, established: MySQLEstablished, opening: Opening) -> Relay:
        """The session of a login. Raises PeerClosed when one side has gone."""
        self._threads.add(established, established.thread)
        login = established.login
        session = MySQLSession(unknown_plan(), login.capabilities, self._statement_bytes, files=True)
        session.conversation.status = login.last.status
        client, client_rest = established.client.detach()
        server, server_rest = established.upstream.detach()
        facts = Facts(established.database or None)
        return MySQLRelay(
            client,
            server,
            opening,
            (login.greeting, client_rest, server_rest),
            session=session,
            caller=MySQLCaller(opening.context, self._gate, self._catalogs, facts),
            gate=self._gate,
            catalogs=self._catalogs,
            threads=self._threads,
            shared_account=self.login_mode == "own",
            change_user=lambda peer, command: opening.again(self._doorkeeper.change_user(peer, established, command)),
        )

    def ended(self, established: MySQLEstablished, *, cancel: bool) -> asyncio.Task[None] | None:
        """A session has ended; what it left running is stopped."""
        self._threads.forget(established)
        if not cancel:
            return None
        return asyncio.get_running_loop().create_task(stop(self._account, established.thread.upstream))

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
