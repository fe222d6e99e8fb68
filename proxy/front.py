"""What a protocol is to the server: a front that logs connections in and turns them into sessions.

Owns the words between the server, which knows sessions and limits, and the fronts, each of which knows one protocol.
May not do: anything.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Literal, Protocol, TypeVar

from audit.record import Caller

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping

    from policies.decide import PolicySet
    from policies.model import AttributeValue
    from proxy.peer import Peer
    from proxy.plans import Tally
    from proxy.proof import Proof
    from proxy.relay import Opening, Relay


class LoginRefused(Exception):  # noqa: N818  an outcome, not a fault
    """The client was turned away and told so. `reason` is the operator's, which may say more than the client's.

    `principal` is the name it gave, empty when it did not come to that.
    """

    def __init__(self, principal: str, database: str, address: str, reason: str, sqlstate: str) -> None:
        super().__init__(f"{sqlstate}: {reason}")
        self.principal = principal
        self.database = database
        self.address = address
        self.reason = reason
        self.sqlstate = sqlstate


class Abandoned(Exception):  # noqa: N818  an outcome, not a fault
    """The client went away before its login was decided, as psql does to ask for a password."""


class LoggedIn(Protocol):
    """A connection whose both sides are logged in: what the server, conditions and the audit ask of it."""

    @property
    def principal(self) -> str: ...  # noqa: D102  the names say what they are, here and below
    @property
    def attributes(self) -> Mapping[str, AttributeValue]: ...  # noqa: D102
    @property
    def origins(self) -> Mapping[str, str]: ...  # noqa: D102
    @property
    def proof(self) -> Proof: ...  # noqa: D102
    @property
    def database(self) -> str: ...  # noqa: D102
    @property
    def database_user(self) -> str: ...  # noqa: D102
    @property
    def application(self) -> str: ...  # noqa: D102
    @property
    def address(self) -> str: ...  # noqa: D102
    @property
    def tls(self) -> bool: ...  # noqa: D102
    @property
    def client(self) -> Peer: ...  # noqa: D102
    @property
    def upstream(self) -> Peer: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The connection carried a request to stop what a session runs, which is dealt with.

    `known`: its key stood for a session of ours; `whose` is that of one that has begun.
    """

    address: str
    known: bool
    whose: Caller | None


L = TypeVar("L", bound=LoggedIn)


class Front(ABC, Generic[L]):
    """One protocol before one upstream."""

    login_mode: Literal["relay", "own"]
    tally: Tally

    @abstractmethod
    async def login(self, peer: Peer) -> L | Cancelled | None:
        """Log a connection in; None when it wanted something else, which is done. Raises LoginRefused and Abandoned."""

    @abstractmethod
    async def turn_away(self, peer: Peer, limit: str) -> Cancelled | None:
        """Tell a connection that there are too many, over which limit; what needs no place is done. May raise PeerClosed."""

    @abstractmethod
    def refuse(self, established: L, sqlstate: str, message: str) -> None:
        """Tell a client that has logged in that there is no session for it."""

    @abstractmethod
    def too_many(self, established: L, limit: str) -> None:
        """Tell a client that has logged in that its user has too many sessions."""

    @abstractmethod
    def open(self, established: L, opening: Opening) -> Relay:
        """The session of a login. Raises PeerClosed when one side has gone."""

    @abstractmethod
    def ended(self, established: L, *, cancel: bool) -> asyncio.Task[None] | None:
        """A session has ended, or never begun; `cancel`: what it left running is to be stopped. Gives what takes time."""

    @abstractmethod
    def policies_changed(self, policies: PolicySet) -> None:
        """Decide by these from now on."""

    @abstractmethod
    def time_passed(self) -> None:
        """Let time-bound decisions be made again."""

    @abstractmethod
    async def watch(self) -> None:
        """Look for definitions that are changed elsewhere, until cancelled."""
