"""Who logs in and how: login `own`, the service account's login, and what both and `relay` make of the database's last word.

Owns the order of the authentication packets of these two (MySQL's developer documentation, "Authentication Methods").
Pure dialogues: verifiers, nonces and key pairs are given. May not do: I/O, look up users.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final, Literal

from proxy import scram
from proxy.mysql.wire import capabilities as agreed
from proxy.mysql.wire.capabilities import Capability
from proxy.mysql.wire.dialogue import Dialogue, DialogueError, Legs, Side, violated
from proxy.mysql.wire.greeting import Opening
from proxy.mysql.wire.messages import (
    CACHING_SHA2,
    CLEAR,
    ED25519,
    NATIVE,
    NONCE_SIZE,
    auth_switch,
    more_data,
    parse_auth_switch,
    parse_error,
    response,
    ssl_request,
)
from proxy.mysql.wire.packets import EOF, ERR, MORE_DATA, OK, ProtocolViolation, packet
from proxy.mysql.wire.results import Ok, ok, parse_ok
from proxy.mysql.wire.scrambles import (
    LoginKey,
    UnusableKey,
    ed25519_signature,
    encrypt_password,
    native_scramble,
    sha2_digest,
    sha2_matches,
    sha2_scramble,
)

FAST_OK: Final = b"\x03"
FULL: Final = b"\x04"
ASK_KEY: Final = b"\x02"
TLS = Literal["disable", "prefer", "require"]

_REMEMBERED: Final = 10_000
"""Passwords known by their digest, 100 bytes each; the rest are checked in full once more."""

_SHOWN_TO_CLIENTS: Final = frozenset((1040, 1049, 1053, 1203, 1226, 3032, 3159))
"""What a database refuses for the client's own parameters or for its own state: no secret of the proxy's in it."""


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """The account that Louver itself logs in with."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Login:
    """A session whose both sides are logged in.

    `capabilities` are the client's, `upstream` what we have agreed on with the database. `last` is its last word; `greeting`
    the packet that tells the client, not sent yet.
    """

    opening: Opening
    capabilities: Capability
    upstream: Capability
    last: Ok
    greeting: bytes = field(repr=False)


class Remembered:
    """The digests of passwords that have proved right, for the fast way of caching_sha2_password; in memory only."""

    def __init__(self) -> None:
        self._digests: dict[str, tuple[scram.Verifier, bytes]] = {}

    def find(self, user: str, verifier: scram.Verifier) -> bytes | None:
        """The digest of the user's password, as long as it is the same password."""
        known = self._digests.get(user)
        return known[1] if known is not None and known[0] == verifier else None

    def keep(self, user: str, verifier: scram.Verifier, digest: bytes) -> None:
        """Remember a digest."""
        if len(self._digests) >= _REMEMBERED:
            self._digests.clear()
        self._digests[user] = (verifier, digest)


# ---- login `own`: Louver's users ------------------------------------------------------------------------------------


def own_login(  # noqa: PLR0913  what a server knows of one login
    legs: Legs,
    opening: Opening,
    verifier: scram.Verifier,
    *,
    known: bool,
    address: str,
    remembered: Remembered,
    key: LoginKey,
) -> Dialogue[None]:
    """Check the client's password by caching_sha2_password. Raises DialogueError.

    An unknown user (not `known`, `verifier` made up) fails at the same place as a wrong password, after the same work.
    """
    client = legs.client
    answer = yield from _sha2_answer(legs, opening)
    user = opening.user
    digest = remembered.find(user, verifier) if known else None
    if digest is not None and sha2_matches(answer, opening.nonce, digest):
        yield from client.send(more_data(FAST_OK))
        return
    if answer in {b"", b"\0"}:
        raise access_denied(user, address, password=False, log="no password was given")
    yield from client.send(more_data(FULL))
    password = yield from _full_password(legs, opening.nonce, key)
    right = scram.matches(password, verifier)
    if not (right and known):  # a made-up verifier has no password; never rely on it
        raise access_denied(user, address, password=True, log="wrong password" if known else "unknown user")
    remembered.keep(user, verifier, sha2_digest(password))


def _sha2_answer(legs: Legs, opening: Opening) -> Dialogue[bytes]:
    """What the client answers to caching_sha2_password, which it is asked for when it has begun by something else."""
    said = opening.response
    if said.plugin == CACHING_SHA2:
        return said.auth
    if not said.capabilities & Capability.PLUGIN_AUTH:
        raise DialogueError(
            1251, "08004", "Client does not support authentication protocol requested by server; use a newer client"
        )
    yield from legs.client.send(auth_switch(CACHING_SHA2, opening.nonce + b"\0"))
    return (yield from legs.client.read())


def clear_password(legs: Legs, opening: Opening, by: str, key: LoginKey) -> Dialogue[bytes]:
    """Ask for what is no password of ours to check, a token for instance: in clear, so over TLS only. Raises DialogueError.

    A client that begins by mysql_clear_password has sent it; all others are asked by the full way of caching_sha2_password, which
    over TLS is the same and which every client knows without being told to.
    """
    if not legs.client.safe:
        message = f"louver: user '{opening.user}' logs in by a {by}, which is sent over TLS only; connect with ssl-mode=VERIFY_IDENTITY"
        raise DialogueError(1045, "28000", message)
    if opening.response.plugin == CLEAR:
        return opening.response.auth.removesuffix(b"\0")
    answer = yield from _sha2_answer(legs, opening)
    if answer in {b"", b"\0"}:
        return b""
    yield from legs.client.send(more_data(FULL))
    return (yield from _full_password(legs, opening.nonce, key))


def no_password(legs: Legs, opening: Opening) -> Dialogue[None]:
    """Let in whoever has proved by other means who he is; what he may have sent for a password is not looked at."""
    answer = yield from _sha2_answer(legs, opening)
    if answer not in {b"", b"\0"}:  # who has sent something waits to hear what it was worth
        yield from legs.client.send(more_data(FAST_OK))


def _full_password(legs: Legs, nonce: bytes, key: LoginKey) -> Dialogue[bytes]:
    """The password itself: in clear where nobody can read it, else encrypted with our key, which the client asks for."""
    said = yield from legs.client.read()
    if said == ASK_KEY:
        yield from legs.client.send(more_data(key.public))
        said = yield from legs.client.read()
    elif legs.client.safe:
        return said.removesuffix(b"\0")
    return key.decrypt_password(said, nonce) or b""


def access_denied(user: str, address: str, *, password: bool, log: str) -> DialogueError:
    """What MySQL says, whatever the reason was."""
    given = "YES" if password else "NO"
    return DialogueError(
        1045, "28000", f"Access denied for user '{user}'@'{address}' (using password: {given})", log=log
    )


# ---- the service account --------------------------------------------------------------------------------------------


def service_login(legs: Legs, opening: Opening, account: ServiceAccount, tls: TLS) -> Dialogue[Login]:
    """Log in to the database as the service account, with what the client has chosen. Raises DialogueError."""
    password = account.password.encode()
    nonce = opening.server.nonce
    plugin = opening.server.plugin if opening.server.plugin in {NATIVE, CACHING_SHA2} else CACHING_SHA2
    said = replace(
        opening.response, user=account.user.encode(), plugin=plugin, auth=_proof(plugin, password, nonce, safe=False)
    )
    upstream = yield from enter_upstream(legs, opening, tls)
    yield from legs.upstream.send(response(replace(said, capabilities=upstream)))
    while True:
        payload = yield from legs.upstream.read()
        kind = payload[0] if payload else -1
        try:
            if kind == OK:
                return entered(legs, opening, upstream, payload)
            if kind == ERR:
                raise service_refused(payload, account)
            if kind == EOF:
                plugin, data = parse_auth_switch(payload)
                nonce = data if plugin == ED25519 else data[:NONCE_SIZE]
                yield from legs.upstream.send(_proof(plugin, password, nonce, safe=legs.upstream.safe))
            elif kind == MORE_DATA and plugin == CACHING_SHA2 and payload[1:] == FULL:
                yield from send_password(legs, password, nonce)
            elif not (kind == MORE_DATA and plugin == CACHING_SHA2 and payload[1:] == FAST_OK):
                raise violated(Side.UPSTREAM, ProtocolViolation(f"an unexpected packet ({kind}) during the login"))
        except ProtocolViolation as violation:
            raise violated(Side.UPSTREAM, violation) from None


def _proof(plugin: str, password: bytes, nonce: bytes, *, safe: bool) -> bytes:
    """What shows the database that we know the password."""
    if plugin == NATIVE:
        return native_scramble(password, nonce)
    if plugin == CACHING_SHA2:
        return sha2_scramble(password, nonce)
    if plugin == ED25519:
        return ed25519_signature(password, nonce)
    if plugin == CLEAR and safe:
        return password + b"\0"
    reason = "which needs TLS to the database" if plugin == CLEAR else "which louver does not know"
    raise _service_error(f"the database asks for the authentication method {plugin}, {reason}")


def service_refused(payload: bytes, account: ServiceAccount) -> DialogueError:
    """What a client is told when the database refuses the service account: nothing that names it."""
    report = parse_error(payload)
    message = report.message.decode("utf-8", "replace")
    log = f"the database refused the service account: {report.errno} ({report.sqlstate}) {message}"
    if report.errno in _SHOWN_TO_CLIENTS and account.user not in message:
        return DialogueError(report.errno, report.sqlstate, message, log=log)
    return _service_error(log)


def _service_error(log: str) -> DialogueError:
    message = "louver: the database refused the proxy's own login; the operator finds the reason in Louver's log"
    return DialogueError(1045, "28000", message, log=log)


# ---- both and `relay` -----------------------------------------------------------------------------------------------


def enter_upstream(legs: Legs, opening: Opening, tls: TLS) -> Dialogue[Capability]:
    """Begin to answer the database's greeting, with TLS where wanted and possible; what is agreed on. Raises DialogueError."""
    said, server = opening.response, opening.server.capabilities
    encrypted = tls != "disable" and bool(server & Capability.SSL)
    if tls == "require" and not encrypted:
        raise DialogueError(2026, "HY000", "louver: the database does not offer TLS, which louver requires of it")
    if not server & Capability.SESSION_TRACK:
        raise DialogueError(
            1043, "08S01", "louver: the database has no session tracking; MySQL 8.0 or MariaDB 10.6 has"
        )
    asked = agreed.upstream(said.capabilities, server, tls=encrypted, database=said.database is not None)
    if encrypted:
        yield from legs.upstream.send(ssl_request(asked, said.max_packet, said.charset))
        yield from legs.upstream.start_tls()
    return asked


def send_password(legs: Legs, password: bytes, nonce: bytes) -> Dialogue[None]:
    """Give the database a password itself: in clear where nobody can read it, else for its own key. Raises DialogueError."""
    upstream = legs.upstream
    if upstream.safe:
        yield from upstream.send(password + b"\0")
        return
    yield from upstream.send(ASK_KEY)
    payload = yield from upstream.read()
    if payload[:1] == bytes((ERR,)):
        report = parse_error(payload)
        raise DialogueError(report.errno, report.sqlstate, report.message.decode("utf-8", "replace"))
    try:
        yield from upstream.send(encrypt_password(password, nonce, payload[1:]))
    except UnusableKey as error:
        raise DialogueError(1045, "28000", f"louver: {error}") from None


def entered(legs: Legs, opening: Opening, upstream: Capability, payload: bytes) -> Login:
    """The login that the database's OK packet ends. Raises ProtocolViolation."""
    last = parse_ok(payload)
    capabilities = opening.response.capabilities
    said = payload if capabilities & Capability.SESSION_TRACK else ok(last)
    return Login(opening, capabilities, upstream, last, packet(legs.client.sequence, said))
