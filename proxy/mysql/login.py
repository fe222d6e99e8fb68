"""From an accepted connection to a MySQL session with both sides logged in, or an end that the audit can record.

Owns the shell that drives the login dialogues: TLS, packets, the connection to the database. May not do: read SQL, decide what
a principal sees, relay.
"""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from policies.model import AttributeValue
from proxy.context import NotKnown
from proxy.login import Attempt, LoginSettings
from proxy.mysql.threads import Thread
from proxy.mysql.wire.authentication import (
    TLS,
    Login,
    Remembered,
    ServiceAccount,
    access_denied,
    clear_password,
    no_password,
    own_login,
    service_login,
)
from proxy.mysql.wire.dialogue import (
    DialogueError,
    Legs,
    Packet,
    ReadPacket,
    Request,
    Send,
    Side,
    StartTLS,
)
from proxy.mysql.wire.greeting import Offer, Opening, change_user, greet, read_greeting
from proxy.mysql.wire.messages import NONCE_SIZE, Greeting
from proxy.mysql.wire.packets import LOGIN_PACKET_LIMIT
from proxy.mysql.wire.relaying import Terms, relay_login
from proxy.mysql.wire.scrambles import LoginKey
from proxy.peer import Peer, PeerClosed, UnencryptedBytes
from proxy.proof import DATABASE, PASSWORD, Proof
from proxy.upstream import Unreachable, Upstream, connect, unreachable
from proxy.ways import GIVEN, NotProved

if TYPE_CHECKING:
    from proxy.failure import LoginFailure
    from proxy.people import People, Portrait


@dataclass(frozen=True, slots=True)
class MySQLLoginSettings(LoginSettings[ServiceAccount]):
    """How clients of MySQL log in. `local_files`: the database may ask clients for files (LOAD DATA LOCAL)."""

    seconds: float = 10.0  # MySQL's connect_timeout
    local_files: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class MySQLEstablished:
    """A session whose both sides are logged in. `login` is what was agreed on, and the packet that tells the client."""

    principal: str
    attributes: Mapping[str, AttributeValue]
    origins: Mapping[str, str]
    proof: Proof
    database: str
    database_user: str
    application: str
    client: Peer
    upstream: Peer
    tls: bool
    address: str
    thread: Thread
    login: Login = field(repr=False)


class Doorkeeper:
    """Logs connections in, one at a time or many; knows what they have in common.

    That is the greeting of the database, as it was last seen, the key pair for passwords on legs without TLS, and the
    passwords that have proved right.
    """

    def __init__(self, settings: MySQLLoginSettings, people: People) -> None:
        self.settings = settings
        self._people = people
        self._key = LoginKey.generate()
        self._remembered = Remembered()
        self._greeting: Greeting | None = None
        self._ids = itertools.count(1)

    async def login(self, client: Peer) -> MySQLEstablished:
        """Log one connection in. Raises LoginRefused and Abandoned; both peers are closed then, and when cancelled."""
        return await self._let_in(_Attempt(client, self.settings))

    async def change_user(self, client: Peer, before: MySQLEstablished, command: bytes) -> MySQLEstablished:
        """Log a client in again that has sent the COM_CHANGE_USER `command`: to a new session of the database's.

        Raises LoginRefused and Abandoned; both peers are closed then, as MySQL does, and when cancelled.
        """
        return await self._let_in(_Attempt(client, self.settings, before, command))

    async def _let_in(self, attempt: _Attempt) -> MySQLEstablished:
        async with attempt.within(self.settings.seconds):
            return await (self._own(attempt) if self.settings.login == "own" else self._relay(attempt))

    async def _relay(self, attempt: _Attempt) -> MySQLEstablished:
        upstream = await attempt.connect()
        server = await attempt.drive(read_greeting(attempt.legs))
        opening = await attempt.open(self._offer(None), server)
        place = self.settings.upstream
        terms = Terms(_tls(place), place.is_socket, self.settings.unproven)
        login = await attempt.drive(relay_login(attempt.legs, opening, terms, self._key))
        person = await self._arrived(opening.user, DATABASE)
        return _established(attempt, upstream, login, (person, DATABASE), opening.user, server.thread_id)

    async def _own(self, attempt: _Attempt) -> MySQLEstablished:
        service = self.settings.service
        assert service is not None
        shown = replace(await self._seen(), thread_id=next(self._ids) & 0xFFFFFFFF)
        opening = await attempt.open(self._offer(secrets.token_bytes(NONCE_SIZE).replace(b"\0", b"\1")), shown)
        proof = await self._prove(attempt, opening)
        person = await self._arrived(opening.user, proof)
        upstream = await attempt.connect()
        self._greeting = await attempt.drive(read_greeting(attempt.legs))
        opening = replace(opening, server=self._greeting)
        login = await attempt.drive(service_login(attempt.legs, opening, service, _tls(self.settings.upstream)))
        return _established(attempt, upstream, login, (person, proof), service.user, shown.thread_id)

    async def _prove(self, attempt: _Attempt, opening: Opening) -> Proof:
        """Check ourselves who it is."""
        ways, user, legs = self.settings.ways, opening.user, attempt.legs
        way = ways.of(user)
        try:
            certificate = ways.check_certificate(user, _shown(attempt.client)) if way.shows_certificate else None
            if certificate is not None and way.by == "certificate":
                await attempt.drive(no_password(legs, opening))
                return certificate
            if way.by == "password":
                await self._check_password(attempt, opening)
                proof = PASSWORD
            else:
                given = await attempt.drive(clear_password(legs, opening, GIVEN[way.by], self._key))
                proof = await ways.check(way.by, user, given)
        except NotProved as reason:
            if reason.sqlstate == "28P01":
                raise access_denied(user, attempt.address, password=True, log=reason.log) from None
            errno = 3168 if reason.sqlstate == "57P03" else 1045  # ER_SERVER_ISNT_AVAILABLE, ER_ACCESS_DENIED_ERROR
            sqlstate = "HY000" if errno == 3168 else "28000"
            raise DialogueError(errno, sqlstate, reason.message, log=reason.log) from None
        return proof if certificate is None else proof.besides(certificate)

    async def _check_password(self, attempt: _Attempt, opening: Opening) -> None:
        """Check a password of the users file."""
        users = self._people.users
        user = users.find(opening.user)
        decoy = users.decoy(opening.user)  # made for known users, too, so that they take no less time
        verifier = user.verifier if user else None
        await attempt.drive(
            own_login(
                attempt.legs,
                opening,
                verifier or decoy,
                known=verifier is not None,
                address=attempt.address,
                remembered=self._remembered,
                key=self._key,
            )
        )

    async def _arrived(self, user: str, proof: Proof) -> Portrait:
        """What is known of whom it is proved to be."""
        try:
            return await self._people.arrived(user, proof)
        except NotKnown as reason:
            errno = 1045 if reason.sqlstate == "28000" else 3168  # ER_ACCESS_DENIED_ERROR, ER_SERVER_ISNT_AVAILABLE
            message = f"{reason.message}. {reason.hint}"
            raise DialogueError(errno, "28000" if errno == 1045 else "HY000", message) from None

    def _offer(self, nonce: bytes | None) -> Offer:
        settings = self.settings
        return Offer(nonce, settings.tls is not None, settings.tls_required, settings.local_files)

    async def _seen(self) -> Greeting:
        """How the database greets: asked for once, then as it was with the last login. Raises what a login raises."""
        if self._greeting is None:
            asking = _Attempt(None, self.settings)
            try:
                await asking.connect()
                self._greeting = await asking.drive(read_greeting(asking.legs))
            finally:
                asking.abort()
        return self._greeting


class _Attempt(Attempt):
    """The state of one login while it is driven; without a client, a look at the database."""

    def __init__(
        self,
        client: Peer | None,
        settings: MySQLLoginSettings,
        before: MySQLEstablished | None = None,
        command: bytes = b"",
    ) -> None:
        super().__init__(client, settings.upstream)
        self._settings = settings
        self._opening: Opening | None = None
        self._before = before
        self._command = command
        self.legs = Legs()

    async def connect(self) -> Peer:
        """Open the connection to the database. Raises Unreachable."""
        self._upstream = await connect(self._settings.upstream)
        self.legs.upstream.safe = self._settings.upstream.is_socket
        return self._upstream

    async def open(self, offer: Offer, server: Greeting) -> Opening:
        """Take what the client wants to be: in answer to a greeting, or by the command it has sent. Raises DialogueError."""
        before = self._before
        if before is None:
            self._opening = await self.drive(greet(self.legs, offer, server))
        else:
            self._opening = await self.drive(change_user(self.legs, offer, server, before.login.opening, self._command))
        return self._opening

    def shown(self, number: int) -> int:
        """The number that the client knows its session by: what it was told first, or now `number`."""
        return number if self._before is None else self._before.thread.shown

    async def _do(self, request: Request) -> Any:  # noqa: ANN401  each request has its own kind of answer
        peer = self._client if request.side is Side.CLIENT else self._upstream
        assert peer is not None
        if isinstance(request, Send):
            peer.write(request.data)
            return None
        if isinstance(request, ReadPacket):
            return await self._read(request.side, peer)
        assert isinstance(request, StartTLS)
        await self._start_tls(request.side, peer)
        return None

    async def _read(self, side: Side, peer: Peer) -> Packet:
        try:
            header = await peer.read_exactly(4)
            size = int.from_bytes(header[:3], "little")
            if size > LOGIN_PACKET_LIMIT:
                raise DialogueError(1153, "08S01", f"louver: a packet of {size} bytes during the login")
            return Packet(header[3], await peer.read_exactly(size))
        except PeerClosed:
            if side is Side.CLIENT:
                raise
            message = f"louver: the database at {self._place} closed the connection during the login"
            raise DialogueError(2013, "HY000", message) from None

    async def _start_tls(self, side: Side, peer: Peer) -> None:
        settings = self._settings
        if side is Side.CLIENT:
            assert settings.tls is not None
            # the client waits for no answer to its request, so what has come behind it is the beginning of its TLS
            await peer.start_tls(settings.tls.context, server_side=True, direct=True, seconds=settings.seconds)
            return
        upstream = settings.upstream
        assert upstream.tls.context is not None
        try:
            await peer.start_tls(
                upstream.tls.context, server_side=False, host=upstream.host, seconds=upstream.connect_seconds
            )
        except (TimeoutError, OSError, PeerClosed, UnencryptedBytes) as error:
            raise unreachable(upstream, error) from None

    def _failure(self, error: Unreachable | UnencryptedBytes | TimeoutError, seconds: float) -> LoginFailure:
        if isinstance(error, Unreachable):
            return DialogueError(2003, "HY000", error.message, log=error.log)
        if isinstance(error, TimeoutError):
            return DialogueError(1159, "08S01", f"louver: the login was not over within {seconds:g} s")
        return DialogueError(1043, "08S01", "louver: received unencrypted data after the request for TLS")

    def _farewell(self, failure: LoginFailure) -> bytes:
        assert isinstance(failure, DialogueError)
        return self.legs.farewell(failure)

    def _claimed(self) -> tuple[str, str]:
        return (self._opening.user, self._opening.database or "") if self._opening else ("", "")


def _established(  # noqa: PLR0913, PLR0917  what a login has found out
    attempt: _Attempt,
    upstream: Peer,
    login: Login,
    who: tuple[Portrait, Proof],
    database_user: str,
    shown: int,
) -> MySQLEstablished:
    opening = login.opening
    return MySQLEstablished(
        principal=opening.user,
        attributes=who[0].attributes,
        origins=who[0].origins,
        proof=who[1],
        database=opening.database or "",
        database_user=database_user,
        application=opening.application,
        client=attempt.client,
        upstream=upstream,
        tls=opening.tls,
        address=attempt.address,
        thread=Thread(attempt.shown(shown), opening.server.thread_id, opening.user),
        login=login,
    )


def _shown(client: Peer) -> bytes | None:
    """The certificate (DER) that a client has shown and TLS has verified."""
    found = client.ssl_object
    return found.getpeercert(binary_form=True) if found else None


def _tls(upstream: Upstream) -> TLS:
    """What the login asks of the database's TLS."""
    if not upstream.wants_tls:
        return "disable"
    return "require" if upstream.tls.required else "prefer"
