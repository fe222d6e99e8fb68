"""The way to the database: its address, and opening a connection to it as far as TLS.

Owns the errors that a client gets when the database cannot be reached. May not do: log in.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from proxy.peer import Peer, PeerClosed, UnencryptedBytes
from proxy.tls import UpstreamTLS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

CONNECT_SECONDS = 10.0


class Unreachable(Exception):  # noqa: N818  a state of the database, not a fault of ours
    """The database cannot be reached: what the client is told by `sqlstate`, `message` and `hint`, and the log by `log`.

    `why` is the reason alone.
    """

    def __init__(self, sqlstate: str, message: str, hint: str, log: str, why: str) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate
        self.message = message
        self.hint = hint
        self.log = log
        self.why = why


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where the database is.

    A host that begins with `/` is its Unix socket, which has no TLS: of PostgreSQL the directory, of MySQL the file itself.
    """

    host: str
    port: int = 5432
    tls: UpstreamTLS = field(default_factory=UpstreamTLS)
    connect_seconds: float = CONNECT_SECONDS  # for the connection and its TLS
    protocol: Literal["postgresql", "mysql"] = "postgresql"

    @property
    def is_socket(self) -> bool:
        """Whether it is reached by a Unix socket."""
        return self.host.startswith("/")

    @property
    def wants_tls(self) -> bool:
        """Whether the database is asked for TLS.

        `prefer` does not ask on the same machine: nobody listens there, and without it the channel binding defaults
        of clients with TLS work in the login mode `relay` (see docs/login.md).
        """
        if self.is_socket or self.tls.context is None:
            return False
        return self.tls.required or not is_loopback(self.host)

    def __str__(self) -> str:
        if not self.is_socket:
            return f"{self.host}:{self.port}"
        return f"{self.host}/.s.PGSQL.{self.port}" if self.protocol == "postgresql" else self.host


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


async def connect(upstream: Upstream, then: Callable[[Peer], Awaitable[None]] | None = None) -> Peer:
    """Open a connection, and do `then` with it in the same time. Raises Unreachable."""
    peer = Peer()
    try:
        async with asyncio.timeout(upstream.connect_seconds):
            await _open(upstream, peer)
            if then is not None:
                await then(peer)
    except BaseException as error:
        peer.abort()
        if isinstance(error, (TimeoutError, OSError, PeerClosed, UnencryptedBytes)):
            raise unreachable(upstream, error) from None
        raise
    return peer


async def _open(upstream: Upstream, peer: Peer) -> None:
    loop = asyncio.get_running_loop()
    factory: Callable[[], Peer] = lambda: peer  # noqa: E731  a named function would say no more
    if upstream.is_socket:
        await loop.create_unix_connection(factory, str(upstream))
    else:
        await loop.create_connection(factory, upstream.host, upstream.port)


def unreachable(upstream: Upstream, error: BaseException) -> Unreachable:
    """What an error on the way to the database means."""
    if isinstance(error, ssl.SSLCertVerificationError):
        why, sqlstate = "its certificate is not trusted", "08001"
    elif isinstance(error, ssl.SSLError):
        why, sqlstate = "TLS failed", "08001"
    elif isinstance(error, UnencryptedBytes):
        why, sqlstate = "it sent bytes in clear after agreeing to TLS", "08P01"
    elif isinstance(error, TimeoutError):
        why, sqlstate = f"no answer in {upstream.connect_seconds:g} s", "08001"
    elif isinstance(error, PeerClosed):
        why, sqlstate = "it closed the connection", "08006"
    else:
        why, sqlstate = _reason(error), "08001"
    return Unreachable(
        sqlstate,
        f"louver: cannot reach the database at {upstream}: {why}",
        hint="Try again; the next connection asks the database anew.",
        log=f"cannot reach the database at {upstream}: {why} ({error})",
        why=why,
    )


def _reason(error: BaseException) -> str:
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.ECONNREFUSED or "refused" in str(error).lower():
        return "connection refused"
    return {
        errno.ENOENT: "there is no such socket",
        errno.EHOSTUNREACH: "no route to the host",
        errno.ENETUNREACH: "no route to the network",
        errno.ECONNRESET: "it reset the connection",
    }.get(number or 0, "the connection failed")
