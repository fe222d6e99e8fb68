"""MySQL and MariaDB as the server sees them: logins and sessions.

Owns putting a session together from its parts, and which sessions there are. May not do: read SQL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policies.model import Principal
from proxy.front import Front, Opening, Serving
from proxy.mysql.messages import error
from proxy.mysql.packets import LARGEST, packet
from proxy.mysql_caller import MySQLCaller
from proxy.mysql_catalogs import SERVER
from proxy.mysql_login import Doorkeeper, MySQLEstablished, MySQLLoginSettings
from proxy.mysql_relay import MySQLRelay
from proxy.mysql_threads import Threads
from rewriter.mysql.catalog import Facts

if TYPE_CHECKING:
    import asyncio

    from policies.decide import PolicySet
    from proxy.identity import Users
    from proxy.mysql_catalogs import MySQLCatalogs
    from proxy.mysql_gate import MySQLGate
    from proxy.mysql_watch import MySQLWatch
    from proxy.peer import Peer


class MySQLFront(Front[MySQLEstablished]):
    """One MySQL or MariaDB. `statement_bytes`: a longer text is refused."""

    def __init__(  # noqa: PLR0913  the composition of the whole
        self,
        settings: MySQLLoginSettings,
        *,
        users: Users,
        gate: MySQLGate,
        catalogs: MySQLCatalogs,
        watch: MySQLWatch,
        statement_bytes: int = LARGEST - 1,
    ) -> None:
        self.login_mode = settings.login
        self.tally = gate.tally
        self._doorkeeper = Doorkeeper(settings, users)
        self._gate = gate
        self._catalogs = catalogs
        self._watch = watch
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

    def open(self, established: MySQLEstablished, opening: Opening) -> Serving:
        """The session of a login. Raises PeerClosed when one side has gone."""
        self._threads.add(established, established.thread)
        return MySQLRelay.of(
            established,
            opening,
            gate=self._gate,
            caller=MySQLCaller(
                Principal(established.principal, established.attributes),
                opening.moment,
                self._gate,
                self._catalogs,
                Facts(established.database or None),
            ),
            catalog_changed=lambda: self._catalogs.changed(SERVER),
            statement_bytes=self._statement_bytes,
            threads=self._threads,
            shared_account=self.login_mode == "own",
        )

    def ended(self, established: MySQLEstablished, *, cancel: bool) -> asyncio.Task[None] | None:  # noqa: ARG002
        """A session has ended. What it left running comes to its own end, as when a client leaves the database itself."""
        self._threads.forget(established)
        return None

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
