"""What logins of every protocol have in common: the settings, one attempt with its two peers, and how it may fail.

Owns the time limit, the driving of dialogues, and what is told when a client is turned away. May not do: know a message,
decide who may come in.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from abc import ABC, abstractmethod
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from proxy.failure import LoginFailure
from proxy.front import Abandoned, LoginRefused
from proxy.peer import Peer, PeerClosed, UnencryptedBytes
from proxy.tls import ServerTLS
from proxy.upstream import Unreachable, Upstream
from proxy.ways import Ways

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator

log = logging.getLogger(__name__)

S = TypeVar("S")
Result = TypeVar("Result")

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


@dataclass(frozen=True, slots=True)
class LoginSettings(Generic[S]):
    """How clients log in.

    `login` `relay`: the database's own users, whose names are the principals'. `own`: Louver's users; the database is
    entered by `service`, which must be given then. `tls`: the client leg's certificate, None for no TLS. `seconds`:
    for the whole login. `unproven`: in `relay`, let in whom the database asks for no proof.
    `ways`: by what Louver's users prove who they are.
    """

    upstream: Upstream
    login: Literal["relay", "own"] = "relay"
    service: S | None = None
    tls: ServerTLS | None = None
    tls_required: bool = False
    seconds: float = 60.0  # PostgreSQL's authentication_timeout
    unproven: bool = False
    ways: Ways = field(default_factory=Ways)

    def __post_init__(self) -> None:
        """Raise ValueError for settings that contradict each other."""
        if self.login == "own" and self.service is None:
            raise ValueError("the login mode `own` needs a service account")
        if self.tls_required and self.tls is None:
            raise ValueError("TLS cannot be required of clients without a certificate to offer")


class Attempt(ABC):
    """One login while it is driven. Without a client it is a look at the database."""

    def __init__(self, client: Peer | None, upstream: Upstream) -> None:
        self._client = client
        self._place = upstream
        self._upstream: Peer | None = None
        self.address = client.address if client else ""

    # -- what the protocol brings --------------------------------------------------------------------------------

    @abstractmethod
    async def _do(self, request: Any) -> Any:  # noqa: ANN401  each request has its own kind of answer
        """Do what a dialogue asks for."""

    @abstractmethod
    def _failure(self, error: Unreachable | UnencryptedBytes | TimeoutError, seconds: float) -> LoginFailure:
        """Put a fault into the protocol's numbers; `seconds` is the time that a login has."""

    @abstractmethod
    def _farewell(self, failure: LoginFailure) -> bytes:
        """Give the error that tells the client; b"" when it has been told."""

    @abstractmethod
    def _claimed(self) -> tuple[str, str]:
        """Give the name and the database that the client has asked for so far."""

    # -- the walk ------------------------------------------------------------------------------------------------

    @property
    def client(self) -> Peer:
        """The client."""
        assert self._client is not None
        return self._client

    async def drive(self, dialogue: Generator[Any, Any, Result]) -> Result:
        """Run a dialogue to its end; raises what it raises, and what the peers do."""
        answer: object = None
        while True:
            try:
                request = dialogue.send(answer)
            except StopIteration as end:
                result: Result = end.value
                return result
            answer = await self._do(request)

    @asynccontextmanager
    async def within(self, seconds: float) -> AsyncIterator[None]:
        """Hold a login to its time, and end it whatever goes wrong.

        Raises LoginRefused and Abandoned; both peers are closed then, and when cancelled.
        """
        try:
            async with asyncio.timeout(seconds):
                yield
        except LoginFailure as failure:
            raise self._refuse(failure) from None
        except (Unreachable, UnencryptedBytes, TimeoutError) as error:
            raise self._refuse(self._failure(error, seconds)) from None
        except (
            ssl.SSLCertVerificationError
        ) as error:  # of the client, who has heard of it by TLS; the database's is Unreachable
            self.abort()
            reason = f"the certificate of the client is not accepted: {error.verify_message}"
            log.info("login refused: %s (from %s)", reason, self.address)
            raise LoginRefused("", "", self.address, reason, "28000") from None
        except (PeerClosed, ssl.SSLError, OSError) as error:
            self.abort()
            raise Abandoned(str(error) or "closed") from None
        except BaseException:
            self.abort()
            raise

    # -- the end -------------------------------------------------------------------------------------------------

    def _refuse(self, failure: LoginFailure) -> LoginRefused:
        """Tell the client, unless it has been told, close both sides, and give what the caller raises."""
        self.client.write(self._farewell(failure))
        if self._upstream is not None:
            self._upstream.abort()
        self.client.close()
        principal, database = self._claimed()
        level = (
            logging.WARNING if failure.sqlstate.startswith(("08", "HY")) else logging.INFO
        )  # the way to the database
        reason = "".join(c if c.isprintable() else _REPLACEMENT for c in failure.log)  # names are the client's
        log.log(level, "login refused: %s: %s (user %r, from %s)", failure.sqlstate, reason, principal, self.address)
        return LoginRefused(principal, database, self.address, failure.log, failure.sqlstate)

    def abort(self) -> None:
        """Close both sides at once."""
        for peer in (self._client, self._upstream):
            if peer is not None:
                peer.abort()
