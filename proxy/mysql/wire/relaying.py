"""Login `relay`: the database's own users log in through the proxy, and nothing of theirs is kept.

Owns carrying the authentication packets between two legs of which one may have TLS and the other not: a password in clear
never goes over a leg without. Pure dialogues. May not do: I/O.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from proxy.mysql.wire.authentication import (
    ASK_KEY,
    FAST_OK,
    FULL,
    TLS,
    Login,
    enter_upstream,
    entered,
    send_password,
)
from proxy.mysql.wire.capabilities import Capability
from proxy.mysql.wire.dialogue import Dialogue, DialogueError, Legs, Side, violated
from proxy.mysql.wire.messages import (
    ANY,
    CACHING_SHA2,
    CLEAR,
    DIALOG,
    ED25519,
    NATIVE,
    NONCE_SIZE,
    PARSEC,
    SHA256,
    parse_auth_switch,
    parse_error,
    response,
)
from proxy.mysql.wire.packets import EOF, ERR, MORE_DATA, OK, ProtocolViolation

if TYPE_CHECKING:
    from proxy.mysql.wire.greeting import Opening
    from proxy.mysql.wire.scrambles import LoginKey

_ROUNDS: Final = 32
"""Packets that a method may want of the client; the longest conversation there is, PAM's, asks some three questions."""
_NEVER_IN_CLEAR: Final = frozenset((NATIVE, CACHING_SHA2, ED25519, PARSEC, ANY))
"""Methods by which a client proves that it knows the password, and sends it in no form that a listener could use."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How the database is reached, and whom it may let in.

    `local`: by a Unix socket, where it may take the proxy's own user of the operating system for the client. `unproven`: let
    in whom the database asks for no proof.
    """

    tls: TLS = "prefer"
    local: bool = False
    unproven: bool = False


def relay_login(legs: Legs, opening: Opening, terms: Terms, key: LoginKey) -> Dialogue[Login]:
    """Carry the authentication packets both ways until the database lets the client in. Raises DialogueError."""
    passage = _Passage(legs, opening, key)
    upstream = yield from enter_upstream(legs, opening, terms.tls)
    passage.check()
    yield from legs.upstream.send(response(replace(opening.response, capabilities=upstream)))
    for _ in range(_ROUNDS):
        payload = yield from legs.upstream.read()
        kind = payload[0] if payload else -1
        try:
            if kind == ERR:
                report = parse_error(payload)
                yield from legs.client.send(payload)
                raise DialogueError(report.errno, report.sqlstate, report.message.decode("utf-8", "replace"), told=True)
            if kind == OK:
                if not (passage.proven(local=terms.local) or terms.unproven):
                    raise _unproven(opening.user)
                return entered(legs, opening, upstream, payload)
            if kind == EOF:
                passage.switch(payload)
        except ProtocolViolation as violation:
            raise violated(Side.UPSTREAM, violation) from None
        yield from passage.carry(payload)
    raise DialogueError(1043, "08S01", "Bad handshake", log="the authentication does not come to an end")


class _Passage:
    """The authentication under way: by which method, with which nonce, and whether anything has been proved by it."""

    def __init__(self, legs: Legs, opening: Opening, key: LoginKey) -> None:
        said = opening.response
        self._legs = legs
        self._key = key
        self._can_switch = bool(said.capabilities & Capability.PLUGIN_AUTH)
        self._plugin = said.plugin if self._can_switch else NATIVE
        self._nonce = opening.nonce
        self._proof = bool(said.auth.strip(b"\0"))
        self._alternatives = opening.server.mariadb  # an account can have several methods there
        self._method_known = False  # the database has said which method it checks by

    def proven(self, *, local: bool) -> bool:
        """Whether the client has proved who it is, and not the proxy by being on the database's machine."""
        return self._proof and (not local or (self._method_known and not self._alternatives))

    def switch(self, payload: bytes) -> None:
        """The database wants another method: what was proved by the last one counts no more."""
        self._plugin, data = parse_auth_switch(payload)
        self._nonce = data[:NONCE_SIZE]
        self._proof = False
        if not self._can_switch:
            raise _no_plugin(self._plugin)
        self.check()

    def carry(self, payload: bytes) -> Dialogue[None]:
        """Hand on what the database wants of the client, and the answer."""
        self._method_known = True
        yield from self._legs.client.send(payload)
        if self._plugin == CACHING_SHA2 and payload[0] == MORE_DATA:
            if payload[1:] == FULL:
                yield from _carry_password(self._legs, self._nonce, self._key)
                self._proof = True
            if payload[1:] in {FULL, FAST_OK}:
                return
        answer = yield from self._legs.client.read()
        self._proof = self._proof or bool(answer.strip(b"\0"))
        yield from self._legs.upstream.send(answer)

    def check(self) -> None:
        """Whether the method can pass between these two legs. Raises DialogueError."""
        plugin = self._plugin
        client, upstream = self._legs.client.safe, self._legs.upstream.safe
        if plugin in {CLEAR, DIALOG}:
            if not (client and upstream):
                raise _impassable(plugin, "without TLS on both sides, for it sends the password in clear")
        elif plugin == SHA256 and client != upstream:
            raise _impassable(plugin, "unless both legs have TLS, or none; caching_sha2_password can")
        elif plugin not in _NEVER_IN_CLEAR and client and not upstream:
            raise _impassable(
                plugin, "from a client with TLS to a database without, for it might send the password in clear"
            )


def _carry_password(legs: Legs, nonce: bytes, key: LoginKey) -> Dialogue[None]:
    """Take the password from the client in the form of its leg, and give it to the database in that of the other."""
    client, upstream = legs.client, legs.upstream
    said = yield from client.read()
    if said != ASK_KEY and client.safe:
        yield from send_password(legs, said.removesuffix(b"\0"), nonce)
    elif not upstream.safe:  # the database's own key passes, and what is encrypted for it
        if said == ASK_KEY:
            yield from upstream.send(said)
            found = yield from upstream.read()
            yield from client.send(found)
            said = yield from client.read()
        yield from upstream.send(said)
    else:
        if said == ASK_KEY:
            yield from client.send(b"\x01" + key.public)
            said = yield from client.read()
        password = key.decrypt_password(said, nonce)
        if password is None:
            raise DialogueError(
                1045,
                "28000",
                "louver: Access denied: the password is not encrypted with the proxy's public key. Connect by TLS, or let "
                "the client ask for the key (get_server_public_key, allowPublicKeyRetrieval).",
            )
        yield from send_password(legs, password, nonce)


def _impassable(plugin: str, when: str) -> DialogueError:
    return DialogueError(2061, "HY000", f"louver: the authentication method {plugin} cannot pass the proxy {when}")


def _no_plugin(plugin: str) -> DialogueError:
    return DialogueError(
        1251,
        "08004",
        "Client does not support authentication protocol requested by server; consider upgrading MySQL client",
        log=f"the database asks for {plugin}, the client cannot change the method",
    )


def _unproven(user: str) -> DialogueError:
    return DialogueError(
        1045,
        "28000",
        f"louver: Access denied: the database let user '{user}' in without a proof that passed the proxy. Give the account a "
        "password; a database that asks the operating system who is there (auth_socket, unix_socket) must be reached by TCP.",
    )
