"""From an accepted connection to a session with both sides logged in, or an end that the audit can record.

Owns the shell that drives the startup and authentication dialogues: TLS, messages, the connection to the database. May not do:
read SQL, decide what a principal sees, relay.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from policies.model import AttributeValue
from proxy import tls
from proxy.context import NotKnown
from proxy.front import Cancelled
from proxy.login import Attempt, LoginSettings
from proxy.peer import Peer, PeerClosed, UnencryptedBytes
from proxy.postgres.connection import connect, read_message, read_startup_packet
from proxy.postgres.wire import authentication, messages
from proxy.postgres.wire.authentication import ServiceAccount
from proxy.postgres.wire.dialogue import (
    DialogueError,
    ReadFirstByte,
    ReadMessage,
    ReadStartupPacket,
    Request,
    Send,
    Side,
    StartTLS,
)
from proxy.postgres.wire.messages import BackendKey, CancelRequest, MalformedMessage
from proxy.postgres.wire.startup import Startup, greet
from proxy.proof import DATABASE, PASSWORD, Proof
from proxy.upstream import Unreachable
from proxy.ways import GIVEN, NotProved

if TYPE_CHECKING:
    from proxy.failure import LoginFailure
    from proxy.people import People, Portrait
    from proxy.postgres.cancel import CancelRegistry

NONCE_BYTES = 18  # random bytes of a SCRAM nonce, as PostgreSQL


@dataclass(frozen=True, slots=True)
class PostgresLoginSettings(LoginSettings[ServiceAccount]):
    """How clients of PostgreSQL log in."""


@dataclass(frozen=True, slots=True)
class Established:
    """A session whose both sides are logged in.

    `greeting` is for the client: AuthenticationOk up to and with the first ReadyForQuery, not yet sent. `key` is the
    one the client gets in it, to be given to `CancelRegistry.forget` at the session's end; None when the database
    gave none. `version` is the protocol version spoken with the client; with the database it is always 3.0.
    `parameters` are the run-time parameters sent to the database, `parameter_status` those it reported.
    """

    principal: str
    attributes: Mapping[str, AttributeValue]
    origins: Mapping[str, str]
    proof: Proof
    database: str
    database_user: str
    application: str
    parameters: Mapping[str, str]
    client: Peer
    upstream: Peer
    key: BackendKey | None
    version: int
    parameter_status: Mapping[str, str]
    greeting: bytes = field(repr=False)
    tls: bool
    address: str


async def login(
    client: Peer, settings: PostgresLoginSettings, people: People, cancels: CancelRegistry
) -> Established | Cancelled:
    """Log one connection in. Raises LoginRefused and Abandoned; both peers are closed then, and when cancelled."""
    attempt = _Attempt(client, settings, people, cancels)
    async with attempt.within(settings.seconds):
        try:
            result = await attempt.run()
        except MalformedMessage as error:
            raise DialogueError("08P01", f"louver: {error}") from None
    return result


class _Attempt(Attempt):
    """The state of one login while it is driven."""

    def __init__(self, client: Peer, settings: PostgresLoginSettings, people: People, cancels: CancelRegistry) -> None:
        super().__init__(client, settings.upstream)
        self._settings = settings
        self._people = people
        self._cancels = cancels
        self._startup: Startup | None = None
        self._own_certificate: bytes | None = None  # that this client was shown, should there be a newer one meanwhile

    async def run(self) -> Established | Cancelled:
        offered = self._settings.tls is not None
        first = await self.drive(greet(tls_offered=offered, tls_required=self._settings.tls_required))
        if isinstance(first, CancelRequest):
            whose = self._cancels.whose(first.key)
            known = await self._cancels.cancel(first.key)
            self.client.close()
            return Cancelled(self.address, known, whose)
        self._startup = first
        own = self._settings.login == "own"
        proof = await (self._own(first) if own else self._relay(first))
        person = await self._arrived(first.user, proof)
        service = self._settings.service if own else None
        if service is not None:
            await self._enter(first, service)
        greeting = await self.drive(authentication.read_greeting(service))
        upstream = self._peer(Side.UPSTREAM)
        key, after = None, b""
        if greeting.key is not None:
            key = self._cancels.issue(greeting.key, self._settings.upstream, first.version)
            after = messages.backend_key_data(key)
        return Established(
            principal=first.user,
            attributes=person.attributes,
            origins=person.origins,
            proof=proof,
            database=first.database,
            database_user=service.user if service else first.user,
            application=first.application,
            parameters=first.parameters,
            client=self.client,
            upstream=upstream,
            key=key,
            version=first.version,
            parameter_status=greeting.parameter_status,
            greeting=greeting.before_key + after + greeting.after_key,
            tls=first.tls,
            address=self.address,
        )

    async def _relay(self, startup: Startup) -> Proof:
        """Let the database check who it is."""
        upstream = await self._connect()
        shown = _certificate(upstream)
        same = startup.tls and self._own_certificate is not None and shown == self._own_certificate
        await self.drive(
            authentication.relay_login(
                startup,
                same_certificate=same,
                unproven=self._settings.unproven,
            )
        )
        return DATABASE

    async def _own(self, startup: Startup) -> Proof:
        """Check ourselves who it is."""
        ways = self._settings.ways
        way = ways.of(startup.user)
        try:
            certificate = ways.check_certificate(startup.user, self._shown()) if way.shows_certificate else None
            if certificate is not None and way.by == "certificate":
                return certificate
            if way.by == "password":
                await self._scram(startup)
                proof = PASSWORD
            else:
                given = await self.drive(authentication.clear_password(startup, GIVEN[way.by]))
                proof = await ways.check(way.by, startup.user, given)
        except NotProved as reason:
            raise DialogueError(reason.sqlstate, reason.message, log=reason.log) from None
        return proof if certificate is None else proof.besides(certificate)

    def _shown(self) -> bytes | None:
        """The certificate (DER) that the client has shown and TLS has verified."""
        found = self.client.ssl_object
        return found.getpeercert(binary_form=True) if found else None

    async def _scram(self, startup: Startup) -> None:
        """Check a password of the users file."""
        users = self._people.users
        user = users.find(startup.user)
        decoy = users.decoy(startup.user)  # made for known users, too, so that they take no less time
        verifier = user.verifier if user else None
        binding = tls.end_point(self._own_certificate) if startup.tls else None
        await self.drive(
            authentication.own_login(
                startup.user, verifier or decoy, known=verifier is not None, binding=binding, nonce=_nonce()
            )
        )

    async def _arrived(self, user: str, proof: Proof) -> Portrait:
        """What is known of whom it is proved to be."""
        try:
            return await self._people.arrived(user, proof)
        except NotKnown as reason:
            raise DialogueError(reason.sqlstate, reason.message, hint=reason.hint) from None

    async def _enter(self, startup: Startup, service: ServiceAccount) -> None:
        """Come into the database as the service account."""
        upstream = await self._connect()
        shown = _certificate(upstream)
        await self.drive(
            authentication.service_login(
                startup,
                service,
                encrypted=shown is not None or self._settings.upstream.is_socket,
                binding=tls.end_point(shown),
                nonce=_nonce(),
            )
        )

    async def _connect(self) -> Peer:
        self._upstream = await connect(self._place)
        return self._upstream

    async def _do(self, request: Request) -> Any:  # noqa: ANN401  each request has its own kind of answer
        if isinstance(request, Send):
            self._peer(request.side).write(request.data)
            return None
        if isinstance(request, ReadMessage):
            return await self._read(request.side)
        if isinstance(request, ReadStartupPacket):
            return await read_startup_packet(self.client)
        if isinstance(request, ReadFirstByte):
            return (await self.client.peek(1))[0]
        if isinstance(request, StartTLS) and self._settings.tls is not None:
            context, self._own_certificate = self._settings.tls.context, self._settings.tls.certificate
            seconds = self._settings.seconds
            await self.client.start_tls(context, server_side=True, direct=request.direct, seconds=seconds)
            chosen = self.client.ssl_object
            return chosen.selected_alpn_protocol() if chosen else None
        raise AssertionError(request)

    def _peer(self, side: Side) -> Peer:
        peer = self.client if side is Side.CLIENT else self._upstream
        assert peer is not None
        return peer

    async def _read(self, side: Side) -> messages.Message:
        if side is Side.CLIENT:
            return await read_message(self.client)
        try:
            return await read_message(self._peer(side))
        except MalformedMessage as error:
            raise DialogueError("08P01", f"louver: the database broke the protocol: {error}") from None
        except PeerClosed:
            raise DialogueError(
                "08006",
                f"louver: the database at {self._place} closed the connection during the login",
                hint="Try again; the next connection asks the database anew.",
            ) from None

    def _failure(self, error: Unreachable | UnencryptedBytes | TimeoutError, seconds: float) -> LoginFailure:
        if isinstance(error, Unreachable):
            return DialogueError(error.sqlstate, error.message, hint=error.hint, log=error.log)
        if isinstance(error, TimeoutError):
            return DialogueError("57014", f"louver: the login was not over within {seconds:g} s")
        return DialogueError("08P01", "louver: received unencrypted data after the request for TLS")

    def _farewell(self, failure: LoginFailure) -> bytes:
        assert isinstance(failure, DialogueError)
        if failure.told:
            return b""
        return messages.error_response(
            "FATAL", failure.sqlstate, failure.message, detail=failure.detail, hint=failure.hint
        )

    def _claimed(self) -> tuple[str, str]:
        return (self._startup.user, self._startup.database) if self._startup else ("", "")


def _certificate(peer: Peer) -> bytes | None:
    """The certificate (DER) that the database showed, None without TLS."""
    found = peer.ssl_object
    return found.getpeercert(binary_form=True) if found else None


def _nonce() -> bytes:
    return secrets.token_urlsafe(NONCE_BYTES).encode()
