"""Who logs in and how: the authentication dialogues of both login modes, up to the first ReadyForQuery.

Owns the order of the authentication messages on both sides (PostgreSQL manual, "Start-up", "SASL Authentication").
Pure dialogues: nonces, channel bindings and verifiers are given. May not do: I/O, look up users.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from proxy import scram
from proxy.postgres.wire import messages
from proxy.postgres.wire.dialogue import Dialogue, DialogueError, ReadMessage, Send, Side

if TYPE_CHECKING:
    from proxy.postgres.wire.messages import Message
    from proxy.postgres.wire.startup import Startup

GREETING_LIMIT = 65_536  # bytes: PostgreSQL's own greeting has some 500; only a hostile or wrong server says more

_SHOWN_TO_CLIENTS = ("3D000", "22023", "42704", "42501", "53300", "57P01", "57P03", "55000")
"""What a database refuses for the client's own parameters or for its own state: no secret of the proxy's in it."""


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """The account that Louver itself logs in with. `cleartext`: the password may be sent unencrypted."""

    user: str
    password: str = field(repr=False)
    cleartext: bool = False


@dataclass(frozen=True, slots=True)
class Greeting:
    """What the database said from AuthenticationOk to ReadyForQuery.

    `before_key` and `after_key` are its bytes around the BackendKeyData, which the proxy replaces with a key of its
    own; `key` is None when the database gave none.
    """

    before_key: bytes
    after_key: bytes
    key: messages.BackendKey | None
    parameter_status: Mapping[str, str]


# ---- login `relay`: the database's own users ------------------------------------------------------------------------


def relay_login(startup: Startup, *, same_certificate: bool, unproven: bool) -> Dialogue[None]:
    """Carry the authentication messages both ways until AuthenticationOk, which is kept for the greeting.

    `same_certificate`: both legs have TLS and show one certificate, so channel binding holds from end to end.
    `unproven`: let users in whom the database asked for no proof. Raises DialogueError.
    """
    asked_plus = proven = False
    yield Send(Side.UPSTREAM, upstream_startup(startup, startup.user))
    while True:
        code, message = yield from _next_request()
        if code == messages.AUTHENTICATION_OK:
            if not (proven or unproven):
                raise DialogueError(
                    "28000",
                    f'louver: the database let user "{startup.user}" in without a proof, which through a proxy '
                    "proves nothing",
                    hint="Ask for scram-sha-256 in pg_hba.conf for the proxy's address, or use Louver's own users.",
                )
            return
        if code == messages.AUTHENTICATION_SASL:
            offered = messages.parse_mechanisms(message.payload[4:])
            asked_plus = scram.SCRAM_PLUS in offered
            kept = tuple(m for m in offered if m != scram.SCRAM_PLUS or same_certificate)
            if not kept:
                raise _binding_error()
            yield Send(Side.CLIENT, messages.authentication_sasl(kept))
            answer = yield from _password_message()
            mechanism, first = messages.parse_sasl_initial_response(answer.payload)
            if asked_plus and not same_certificate and mechanism == scram.SCRAM and first.startswith(b"y,"):
                raise _binding_error()
        elif code in (
            messages.AUTHENTICATION_CLEARTEXT,
            messages.AUTHENTICATION_MD5,
            messages.AUTHENTICATION_SASL_CONTINUE,
        ):
            yield Send(Side.CLIENT, messages.message(b"R", message.payload))
            answer = yield from _password_message()
        elif code == messages.AUTHENTICATION_SASL_FINAL:
            yield Send(Side.CLIENT, messages.message(b"R", message.payload))
            continue
        else:
            raise _unknown_method(code)
        proven = True
        yield Send(Side.UPSTREAM, messages.password_message(answer.payload))


def _next_request() -> Dialogue[tuple[int, Message]]:
    """The database's next Authentication message; notices pass, its error ends the login in its own words."""
    while True:
        message: Message = yield ReadMessage(Side.UPSTREAM)
        if message.type == ord("R"):
            return messages.parse_authentication(message.payload)[0], message
        if message.type == ord("E"):
            report = messages.parse_report(message.payload)
            yield Send(Side.CLIENT, messages.message(b"E", message.payload))
            raise DialogueError(report.get("C", "08004"), report.get("M", ""), told=True)
        if message.type != ord("N"):
            raise _unexpected(message)
        yield Send(Side.CLIENT, messages.message(b"N", message.payload))


def _password_message() -> Dialogue[Message]:
    message: Message = yield ReadMessage(Side.CLIENT)
    if message.type != ord("p"):
        raise DialogueError("08P01", f"expected password response, got message type {message.type}")
    return message


def _binding_error() -> DialogueError:
    return DialogueError(
        "28000",
        "louver: channel binding cannot pass through the proxy, whose certificate is not the database's",
        detail="The client and the database both want SCRAM-SHA-256-PLUS, which ties the login to one certificate.",
        hint="Connect with channel_binding=disable, or let the operator set the login mode `own`, give Louver the "
        "database's certificate, or leave out TLS between Louver and a database on the same machine.",
    )


# ---- login `own`: Louver's users ------------------------------------------------------------------------------------


def own_login(
    user: str, verifier: scram.Verifier, *, known: bool, binding: bytes | None, nonce: bytes
) -> Dialogue[None]:
    """Check the client's password by SCRAM. Raises DialogueError.

    An unknown user (not `known`, `verifier` made up) fails at the same place as a wrong password, after the same work.
    """
    offered = (scram.SCRAM_PLUS, scram.SCRAM) if binding is not None else (scram.SCRAM,)
    yield Send(Side.CLIENT, messages.authentication_sasl(offered))
    answer = yield from _password_message()
    try:
        mechanism, first = messages.parse_sasl_initial_response(answer.payload)
        if mechanism not in offered:
            raise DialogueError("08P01", "client selected an invalid SASL authentication mechanism")
        exchange = scram.server_first(first, mechanism, verifier, binding=binding, server_nonce=nonce)
        yield Send(Side.CLIENT, messages.authentication(messages.AUTHENTICATION_SASL_CONTINUE, exchange.server_first))
        answer = yield from _password_message()
        final = scram.server_final(exchange, answer.payload)
    except scram.ScramError as error:
        if error.reason == "password":
            raise wrong_password(user, log="wrong password" if known else "unknown user") from None
        sqlstate = "28000" if error.reason == "binding" else "08P01"
        raise DialogueError(sqlstate, f"louver: {error}") from None
    if not known:  # a made-up verifier has no password, so this is out of reach; never rely on it
        raise wrong_password(user, log="unknown user")
    yield Send(Side.CLIENT, messages.authentication(messages.AUTHENTICATION_SASL_FINAL, final))


def clear_password(startup: Startup, by: str) -> Dialogue[bytes]:
    """Ask for what is no password of ours to check by SCRAM, a token for instance: in clear, so over TLS only. Raises DialogueError."""
    if not startup.tls:
        raise DialogueError(
            "28000",
            f'louver: user "{startup.user}" logs in by a {by}, which is sent over TLS only',
            hint="Connect with sslmode=verify-full, or sslmode=require.",
        )
    yield Send(Side.CLIENT, messages.authentication(messages.AUTHENTICATION_CLEARTEXT))
    answer = yield from _password_message()
    given, end, rest = answer.payload.partition(b"\0")
    if not end or rest:
        raise DialogueError("08P01", "invalid password packet size")
    return given


def wrong_password(user: str, *, log: str) -> DialogueError:
    """What PostgreSQL says, whatever the reason was."""
    return DialogueError("28P01", f'password authentication failed for user "{user}"', log=log)


def service_login(
    startup: Startup, account: ServiceAccount, *, encrypted: bool, binding: bytes | None, nonce: bytes
) -> Dialogue[None]:
    """Log in to the database as the service account, up to AuthenticationOk. Raises DialogueError.

    `binding`: channel binding data of the database's certificate, None without TLS.
    """
    yield Send(Side.UPSTREAM, upstream_startup(startup, account.user))
    while True:
        message: Message = yield ReadMessage(Side.UPSTREAM)
        if message.type == ord("E"):
            raise service_refused(message, account)
        if message.type == ord("N"):
            continue
        if message.type != ord("R"):
            raise _unexpected(message)
        code, data = messages.parse_authentication(message.payload)
        if code == messages.AUTHENTICATION_OK:
            return
        if code == messages.AUTHENTICATION_CLEARTEXT:
            if not (encrypted or account.cleartext):
                raise _service_error("the database asks for a password in clear over a connection without TLS")
            yield Send(Side.UPSTREAM, messages.password_message(account.password.encode() + b"\0"))
        elif code == messages.AUTHENTICATION_MD5:
            answer = md5_response(account.user, account.password, data)
            yield Send(Side.UPSTREAM, messages.password_message(answer + b"\0"))
        elif code == messages.AUTHENTICATION_SASL:
            yield from _service_scram(messages.parse_mechanisms(data), account, binding=binding, nonce=nonce)
        else:
            raise _unknown_method(code)


def _service_scram(
    offered: tuple[str, ...], account: ServiceAccount, *, binding: bytes | None, nonce: bytes
) -> Dialogue[None]:
    try:
        exchange = scram.client_first(offered, binding=binding, nonce=nonce)
        yield Send(Side.UPSTREAM, messages.sasl_initial_response(exchange.mechanism, exchange.first))
        challenge = yield from _service_challenge(account, messages.AUTHENTICATION_SASL_CONTINUE)
        answer, expected = scram.client_final(exchange, challenge, account.password)
        yield Send(Side.UPSTREAM, messages.password_message(answer))
        final = yield from _service_challenge(account, messages.AUTHENTICATION_SASL_FINAL)
    except scram.ScramError as error:
        raise _service_error(f"SCRAM: {error}") from None
    if final != expected:
        raise _service_error("SCRAM: the database did not prove that it knows the password")


def _service_challenge(account: ServiceAccount, expected: int) -> Dialogue[bytes]:
    message: Message = yield ReadMessage(Side.UPSTREAM)
    if message.type == ord("E"):
        raise service_refused(message, account)
    code, data = messages.parse_authentication(message.payload) if message.type == ord("R") else (-1, b"")
    if code != expected:
        raise _unexpected(message)
    return data


def md5_response(user: str, password: str, salt: bytes) -> bytes:
    """The answer to AuthenticationMD5Password: `md5` and 32 hexadecimal digits."""
    inner = hashlib.md5((password + user).encode(), usedforsecurity=False).hexdigest()
    return b"md5" + hashlib.md5(inner.encode() + salt, usedforsecurity=False).hexdigest().encode()


def service_refused(message: Message, account: ServiceAccount) -> DialogueError:
    """What a client is told when the database refuses the service account: nothing that names it."""
    report = messages.parse_report(message.payload)
    sqlstate, text = report.get("C", ""), report.get("M", "")
    log = f"the database refused the service account: {sqlstate} {text}"
    if sqlstate in _SHOWN_TO_CLIENTS and not any(account.user in value for value in report.values()):
        return DialogueError(sqlstate, text, detail=report.get("D"), hint=report.get("H"), log=log)
    return _service_error(log)


def _service_error(log: str) -> DialogueError:
    return DialogueError(
        "08004",
        "louver: the database refused the proxy's own login",
        hint="The operator finds the reason in Louver's log.",
        log=log,
    )


# ---- both -----------------------------------------------------------------------------------------------------------


def upstream_startup(startup: Startup, user: str) -> bytes:
    """The StartupMessage for the database: protocol 3.0, for with the proxy's own cancel keys 3.2 has nothing to add."""
    named = {"user": user, "database": startup.database}
    return messages.startup_message(messages.VERSION_3_0, named | dict(startup.parameters))


def read_greeting(account: ServiceAccount | None) -> Dialogue[Greeting]:
    """Take what follows AuthenticationOk up to ReadyForQuery; raises DialogueError.

    `account` is the service account when Louver logged in by it: errors are then told without naming it.
    """
    before, after = bytearray(messages.authentication(messages.AUTHENTICATION_OK)), bytearray()
    key: messages.BackendKey | None = None
    statuses: dict[str, str] = {}
    while len(before) + len(after) < GREETING_LIMIT:
        message: Message = yield ReadMessage(Side.UPSTREAM)
        kind = bytes((message.type,))
        if kind == b"E":
            if account is not None:
                raise service_refused(message, account)
            report = messages.parse_report(message.payload)
            yield Send(Side.CLIENT, messages.message(b"E", message.payload))
            raise DialogueError(report.get("C", "08004"), report.get("M", ""), told=True)
        if kind == b"K" and key is None:
            key = messages.parse_backend_key_data(message.payload)
            continue
        if kind not in (b"S", b"N", b"Z"):
            raise _unexpected(message)
        if kind == b"S":
            name, value = messages.parse_parameter_status(message.payload)
            statuses[name] = value
        (before if key is None else after).extend(messages.message(kind, message.payload))
        if kind == b"Z":
            _check_statuses(statuses)
            return Greeting(bytes(before), bytes(after), key, statuses)
    raise DialogueError("08P01", f"louver: the database's greeting is longer than {GREETING_LIMIT} bytes")


def _check_statuses(statuses: Mapping[str, str]) -> None:
    """The reading of SQL relies on these two; a server that reports otherwise is not used."""
    for name, expected in (("client_encoding", "UTF8"), ("standard_conforming_strings", "on")):
        if statuses.get(name) != expected:
            raise DialogueError(
                "0A000",
                f"louver: the database did not accept {name} = {expected}",
                hint="The operator should look for a setting of it that overrides the client's.",
            )


def _unexpected(message: Message) -> DialogueError:
    return DialogueError("08P01", f"louver: unexpected message type {message.type} from the database during the login")


def _unknown_method(code: int) -> DialogueError:
    return DialogueError(
        "0A000",
        f"louver: the database asks for an authentication method (code {code}) that cannot pass through the proxy",
        hint="Use scram-sha-256 in pg_hba.conf for the proxy's address.",
    )
