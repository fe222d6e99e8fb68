"""One connection to a directory: TLS, bind, search.

Owns asking one thing at a time and how much an answer may have. May not do: know what is asked for.
"""

from __future__ import annotations

import ssl
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from proxy.ldap import ber, messages
from proxy.ldap.ber import BadEncoding
from proxy.ldap.messages import Answer, Entry, Result
from proxy.peer import Peer, PeerClosed
from proxy.upstream import Upstream, connect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

MESSAGE_BYTES: Final = 4 << 20
"""An entry with some thousand groups has a megabyte; photographs are not asked for."""

Encryption = Literal["ldaps", "starttls", "none"]


class Refused(Exception):  # noqa: N818  an outcome, not a fault
    """The directory has refused what was asked: `code` is LDAP's. Its own words are not kept, for they may name people."""

    def __init__(self, what: str, code: int) -> None:
        super().__init__(f"{what} was refused with result code {code}")
        self.code = code


@dataclass(frozen=True, slots=True)
class Place:
    """Where the directory is. `context` verifies its certificate; None with the encryption `none` alone."""

    host: str
    port: int
    encryption: Encryption
    context: ssl.SSLContext | None = field(repr=False)
    seconds: float = 5.0  # for the connection, and for each answer


class Connection:
    """A connection that is open. Each call raises BadEncoding and PeerClosed."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._number = 0

    async def bind(self, name: str, password: bytes) -> None:
        """Become somebody. Raises Refused, and ValueError for a name without a password."""
        self._peer.write(messages.bind(self._next(), name, password))
        self._check(await self._result(), "the bind")

    async def search(
        self, base: str, filter_: bytes, attributes: Sequence[str], *, size: int, seconds: float
    ) -> list[Entry]:
        """Search below `base`; `size` entries and no more. Raises Refused, also when there are more."""
        request = messages.search(self._next(), base, filter_, attributes, size=size, seconds=max(1, int(seconds)))
        self._peer.write(request)
        found: list[Entry] = []
        while not isinstance(answer := await self._answer(), Result):
            if isinstance(answer, Entry):
                found.append(answer)
            if len(found) > size:
                raise BadEncoding("more entries than were asked for")
        self._check(answer, "the search")
        return found

    async def start_tls(self, context: ssl.SSLContext, host: str) -> None:
        """Encrypt what follows. Raises Refused and what `Peer.start_tls` raises."""
        self._peer.write(messages.start_tls(self._next()))
        self._check(await self._result(), "StartTLS")
        await self._peer.start_tls(context, server_side=False, host=host)

    def close(self) -> None:
        """Say goodbye."""
        self._peer.write(messages.unbind(self._next()))
        self._peer.close()

    def _next(self) -> int:
        self._number += 1
        return self._number

    @staticmethod
    def _check(result: Result, what: str) -> None:
        if result.code != messages.SUCCESS:
            raise Refused(what, result.code)

    async def _result(self) -> Result:
        answer = await self._answer()
        if not isinstance(answer, Result):
            raise BadEncoding("an entry in answer to no search")
        return answer

    async def _answer(self) -> Answer:
        """The next answer to what was asked last."""
        size = ber.header_size((await self._peer.peek(2))[1])
        _, length, begin = ber.header(await self._peer.peek(size))
        if length > MESSAGE_BYTES:
            raise BadEncoding(f"a message of {length} bytes")
        number, answer = messages.parse(await self._peer.read_exactly(begin + length))
        if number != self._number:  # 0 is its notice that it is about to go (RFC 4511, section 4.4.1)
            raise PeerClosed if number == 0 else BadEncoding("an answer to something else")
        return answer


@asynccontextmanager
async def connected(place: Place) -> AsyncIterator[Connection]:
    """Open a connection, encrypted as the place says. Raises Unreachable, Refused, BadEncoding and PeerClosed."""

    async def encrypt(peer: Peer) -> None:
        if place.context is None:
            return
        if place.encryption == "starttls":
            await Connection(peer).start_tls(place.context, place.host)
        else:
            await peer.start_tls(place.context, server_side=False, host=place.host)

    upstream = Upstream(place.host, place.port, connect_seconds=place.seconds)
    connection = Connection(await connect(upstream, encrypt))
    try:
        yield connection
    finally:
        connection.close()
