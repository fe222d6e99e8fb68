"""The first part of a login: the database's greeting, what of it the client is offered, what the client answers.

Owns the order of greeting, TLS and response, and whose name a client may give. Pure dialogues; nonces are given. May not
do: I/O, check passwords.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from proxy.mysql.wire import capabilities as agreed
from proxy.mysql.wire.capabilities import Capability
from proxy.mysql.wire.dialogue import Dialogue, DialogueError, Legs, Side, violated
from proxy.mysql.wire.messages import (
    ANY,
    CACHING_SHA2,
    Greeting,
    Response,
    SSLRequest,
    auth_switch,
    greeting,
    parse_change_user,
    parse_error,
    parse_greeting,
    parse_response,
)
from proxy.mysql.wire.packets import ERR, ProtocolViolation

NAME_LIMIT: Final = {False: 32, True: 80}
"""Characters of a user name on MySQL and on MariaDB, whose servers cut longer ones: who comes in would be another."""

_UTF8: Final = frozenset((33, 45, 46, 76, 83, *range(192, 216), 223, *range(224, 248), 254, 255))
"""Collations of utf8mb3 and utf8mb4 that fit the one byte of a handshake."""
_APPLICATION: Final = ("program_name", "_program_name", "_client_name")


@dataclass(frozen=True, slots=True)
class Offer:
    """How clients are greeted.

    `nonce`: our own for login `own`, None to relay the database's. `tls`: there is a certificate to show; `tls_required`: a
    client must use it, unless it is on the same machine. `local_files`: the database may ask clients for files.
    """

    nonce: bytes | None = field(default=None, repr=False)
    tls: bool = False
    tls_required: bool = False
    local_files: bool = True


@dataclass(frozen=True, slots=True)
class Opening:
    """What both sides have said before anything is proved.

    `server` is the database's greeting, `nonce` the one that the client was given; `response` has the capabilities that hold.
    """

    server: Greeting
    nonce: bytes = field(repr=False)
    response: Response
    user: str
    database: str | None
    attributes: Mapping[str, str]
    tls: bool

    @property
    def application(self) -> str:
        """How the client's program calls itself, "" when it does not."""
        return next((self.attributes[name] for name in _APPLICATION if self.attributes.get(name)), "")


def read_greeting(legs: Legs) -> Dialogue[Greeting]:
    """The database's greeting. Raises DialogueError, with the database's own error for a client it does not want."""
    payload = yield from legs.upstream.read()
    try:
        if payload[:1] == bytes((ERR,)):
            report = parse_error(payload)
            message = report.message.decode("utf-8", "replace")
            raise DialogueError(report.errno, report.sqlstate, message, log=f"the database refused us: {message}")
        return parse_greeting(payload)
    except ProtocolViolation as violation:
        raise violated(Side.UPSTREAM, violation) from None


def greet(legs: Legs, offer: Offer, server: Greeting) -> Dialogue[Opening]:
    """Greet the client as the database would, and take its answer, inside TLS if it asks for that. Raises DialogueError."""
    capabilities = agreed.offered(server.capabilities, tls=offer.tls, local_files=offer.local_files)
    shown = replace(server, capabilities=capabilities)
    if offer.nonce is not None:
        shown = replace(shown, nonce=offer.nonce, plugin=CACHING_SHA2)
    yield from legs.client.send(greeting(shown))
    legs.greeted = True
    try:
        found = parse_response((yield from legs.client.read()))
        tls = isinstance(found, SSLRequest)
        if isinstance(found, SSLRequest):
            if not offer.tls:
                raise DialogueError(
                    1043, "08S01", "Bad handshake", log="the client asks for TLS, which was not offered"
                )
            yield from legs.client.start_tls()
            found = parse_response((yield from legs.client.read()))
    except ProtocolViolation as violation:
        raise violated(Side.CLIENT, violation) from None
    if isinstance(found, SSLRequest) or not found.capabilities & Capability.SECURE_CONNECTION:
        raise DialogueError(1043, "08S01", "Bad handshake", log="the client asks for a protocol that is not offered")
    if offer.tls_required and not legs.client.safe:
        raise DialogueError(
            3159,
            "HY000",
            "Connections using insecure transport are prohibited while louver requires TLS of its clients",
        )
    held = replace(found, capabilities=agreed.chosen(found.capabilities, capabilities))
    user = _user_name(held, server)
    return Opening(server, shown.nonce, held, user, _database_name(held), _attributes(held), tls)


def change_user(legs: Legs, offer: Offer, server: Greeting, before: Opening, command: bytes) -> Dialogue[Opening]:
    """Take the COM_CHANGE_USER of a client that has logged in `before`. Raises DialogueError.

    Whoever it is now is proved by a nonce that is fresh: the one that the client has scrambled for is from its first login.
    """
    legs.greeted = True
    legs.client.safe = before.tls
    legs.client.sequence = 1
    try:
        found = parse_change_user(command, before.response)
    except ProtocolViolation as violation:
        raise violated(Side.CLIENT, violation) from None
    if not found.capabilities & Capability.PLUGIN_AUTH:
        raise DialogueError(1251, "08004", "louver: this client is too old to change its user; open a new connection")
    user, nonce = _user_name(found, server), server.nonce
    held = replace(found, plugin=ANY, auth=b"")  # so that the database asks
    if offer.nonce is not None:
        nonce = offer.nonce
        yield from legs.client.send(auth_switch(CACHING_SHA2, nonce + b"\0"))
        held = replace(found, plugin=CACHING_SHA2, auth=(yield from legs.client.read()))
    return Opening(server, nonce, held, user, _database_name(held), _attributes(held), before.tls)


def _attributes(response: Response) -> Mapping[str, str]:
    return {key.decode("utf-8", "replace"): value.decode("utf-8", "replace") for key, value in response.attributes}


def _user_name(response: Response, server: Greeting) -> str:
    """The name as the server reads it. Raises DialogueError where that is not what we read."""
    name = response.user
    if not name.isascii() and response.charset not in _UTF8:
        raise _unusable_name("is not ASCII and not sent in UTF-8", "Set the connection's character set to utf8mb4.")
    try:
        user = name.decode()
    except UnicodeDecodeError:
        raise _unusable_name("is not UTF-8", "Send it in the character set that the connection names.") from None
    if len(user) > NAME_LIMIT[server.mariadb]:
        raise _unusable_name(f"has more than {NAME_LIMIT[server.mariadb]} characters", "The database would cut it.")
    if any(letter > "\uffff" for letter in user):
        raise _unusable_name("has letters outside the Basic Multilingual Plane", "The database would replace them.")
    if len(user) > 1 and user[0] == user[-1] == "'":
        raise _unusable_name("stands in quotes", "The database would take them off: leave them out.")
    return user


def _unusable_name(fault: str, hint: str) -> DialogueError:
    return DialogueError(1045, "28000", f"louver: Access denied: the user name {fault}. {hint}")


def _database_name(response: Response) -> str | None:
    return None if response.database is None else response.database.decode("utf-8", "surrogateescape")
