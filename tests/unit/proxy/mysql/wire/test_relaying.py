"""Login `relay`, played without sockets: who proves what, and where a password may go."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from proxy.mysql.wire import messages, scrambles
from proxy.mysql.wire.capabilities import Capability
from proxy.mysql.wire.dialogue import Legs
from proxy.mysql.wire.greeting import Opening
from proxy.mysql.wire.messages import CACHING_SHA2, NATIVE, Greeting, Response
from proxy.mysql.wire.relaying import Terms, relay_login
from proxy.mysql.wire.scrambles import LoginKey

C = Capability
NONCE = b"s" * 20
MYSQL = Greeting("9.7.4", 7, NONCE, C(0xDFFFFFFF), 255, 2, CACHING_SHA2)
MARIADB = replace(MYSQL, version="5.5.5-10.11.19-MariaDB", plugin=NATIVE)
BITS = C.LONG_PASSWORD | C.PROTOCOL_41 | C.SECURE_CONNECTION | C.PLUGIN_AUTH
PROOF = b"p" * 32
SAID = Response(BITS, 1 << 24, 45, b"ann", PROOF, None, CACHING_SHA2)
OK = b"\x00\x00\x00\x02\x00\x00\x00"
OURS, THEIRS = LoginKey.generate(), LoginKey.generate()
PLAIN = Terms("disable")


def legs(client: bool, upstream: bool) -> Legs:
    """Two legs, safe or not."""
    made = Legs()
    made.client.safe, made.upstream.safe = client, upstream
    return made


def relay(made: Legs, terms: Terms = PLAIN, server: Greeting = MYSQL, **said: Any) -> Any:
    """The dialogue."""
    response = replace(SAID, **said)
    return relay_login(made, Opening(server, NONCE, response, "ann", None, {}, tls=False), terms, OURS)


def test_a_proof_passes_as_it_came(play_login) -> None:
    """The response leaves with the client's proof, the fast answer comes back, the last word is kept."""
    made = legs(False, False)
    played = play_login(made, relay(made), upstream=[b"\x01\x03", OK])
    assert played.error is None
    sent = messages.parse_response(played.to_upstream[0])
    assert isinstance(sent, Response)
    assert (sent.user, sent.auth, sent.plugin) == (b"ann", PROOF, CACHING_SHA2)
    assert sent.capabilities & C.SESSION_TRACK
    assert played.to_client == [b"\x01\x03"]
    assert played.result.greeting[4:] == OK


def test_a_change_of_the_method_passes(play_login) -> None:
    """Request and answer, of methods that are known here and of those that are not."""
    for plugin in (NATIVE, "client_ed25519", "parsec"):
        made = legs(False, False)
        switch = messages.auth_switch(plugin, b"n" * 32)
        played = play_login(made, relay(made), [b"answer"], [switch, OK])
        assert (played.error, played.to_client, played.to_upstream[-1]) == (None, [switch], b"answer")


def test_an_error_passes_and_ends_it(play_login) -> None:
    """In the database's own words, once."""
    made = legs(False, False)
    refused = messages.error(1045, "28000", "Access denied for user 'ann'@'h' (using password: YES)")
    played = play_login(made, relay(made), upstream=[refused])
    assert (played.to_client, played.error.told, made.farewell(played.error)) == ([refused], True, b"")


# ---- the password itself, between legs that differ --------------------------------------------------------------------


def test_both_safe(play_login) -> None:
    """In clear on both."""
    made = legs(True, True)
    played = play_login(made, relay(made), [b"pw\0"], [b"\x01\x04", OK])
    assert (played.error, played.to_upstream[-1]) == (None, b"pw\0")


def test_neither_safe(play_login) -> None:
    """The database's own key passes, and what is encrypted for it; nothing is read here."""
    made = legs(False, False)
    data = scrambles.encrypt_password(b"pw", NONCE, THEIRS.public)
    played = play_login(made, relay(made), [b"\x02", data], [b"\x01\x04", b"\x01" + THEIRS.public, OK])
    assert (played.error, played.to_client[-1]) == (None, b"\x01" + THEIRS.public)
    assert played.to_upstream[1:] == [b"\x02", data]


def test_neither_safe_and_the_key_known(play_login) -> None:
    """A client that has the database's key does not ask."""
    made = legs(False, False)
    played = play_login(made, relay(made), [b"e" * 256], [b"\x01\x04", OK])
    assert (played.error, played.to_upstream[-1]) == (None, b"e" * 256)


def test_a_safe_client_and_an_open_database(play_login) -> None:
    """What came in clear leaves encrypted with the database's key."""
    made = legs(True, False)
    played = play_login(made, relay(made), [b"pw\0"], [b"\x01\x04", b"\x01" + THEIRS.public, OK])
    assert (played.error, played.to_upstream[1]) == (None, b"\x02")
    assert THEIRS.decrypt_password(played.to_upstream[2], NONCE) == b"pw"
    assert not any(b"pw" in sent for sent in played.to_upstream)


def test_an_open_client_and_a_safe_database(play_login) -> None:
    """The client encrypts for our key; inside TLS the password leaves as it is."""
    made = legs(False, True)
    data = scrambles.encrypt_password(b"pw", NONCE, OURS.public)
    played = play_login(made, relay(made), [b"\x02", data], [b"\x01\x04", OK])
    assert (played.error, played.to_client[-1]) == (None, b"\x01" + OURS.public)
    assert played.to_upstream[-1] == b"pw\0"


def test_an_open_client_that_trusts_the_databases_key(play_login) -> None:
    """What is not for our key is not understood, and says what to do."""
    made = legs(False, True)
    data = scrambles.encrypt_password(b"pw", NONCE, THEIRS.public)
    played = play_login(made, relay(made), [data], [b"\x01\x04", OK])
    assert "public key" in played.error.message


def test_the_nonce_of_a_change_counts(play_login) -> None:
    """What is encrypted after it is bound to the new one."""
    made = legs(True, False)
    found = [messages.auth_switch(CACHING_SHA2, b"t" * 20 + b"\0"), b"\x01\x04", b"\x01" + THEIRS.public, OK]
    played = play_login(made, relay(made, plugin=NATIVE), [PROOF, b"pw\0"], found)
    assert played.error is None
    assert THEIRS.decrypt_password(played.to_upstream[-1], b"t" * 20) == b"pw"


@pytest.mark.parametrize(
    ("plugin", "client", "upstream"),
    [
        ("mysql_clear_password", True, False),
        ("mysql_clear_password", False, True),
        ("dialog", True, False),
        ("sha256_password", True, False),
        ("sha256_password", False, True),
        ("authentication_unheard_of", True, False),
    ],
)
def test_what_could_show_a_password_does_not_pass(play_login, plugin: str, client: bool, upstream: bool) -> None:
    """Neither as the client's first choice, when nothing has been sent yet, nor by a change."""
    made = legs(client, upstream)
    first = play_login(made, relay(made, plugin=plugin, auth=b"pw\0"))
    assert (first.error.errno, first.to_upstream) == (2061, [])
    made = legs(client, upstream)
    changed = play_login(made, relay(made), [b"pw\0"], [messages.auth_switch(plugin, b"")])
    assert (changed.error.errno, changed.to_client) == (2061, [])


def test_a_password_in_clear_passes_between_safe_legs(play_login) -> None:
    """LDAP and PAM need that."""
    made = legs(True, True)
    played = play_login(made, relay(made), [b"pw\0"], [messages.auth_switch("mysql_clear_password", b""), OK])
    assert (played.error, played.to_upstream[-1]) == (None, b"pw\0")


# ---- what proves nothing ----------------------------------------------------------------------------------------------


def test_no_password_proves_nothing(play_login) -> None:
    """An account without one lets anybody in; only where that is wanted."""
    made = legs(False, False)
    assert "without a proof" in play_login(made, relay(made, auth=b""), upstream=[OK]).error.message
    made = legs(False, False)
    assert play_login(made, relay(made, Terms("disable", unproven=True), auth=b""), upstream=[OK]).error is None


def test_a_proof_for_another_method_proves_nothing(play_login) -> None:
    """Bytes for the first method and none for the one that the account has."""
    made = legs(False, False)
    played = play_login(made, relay(made), [b""], [messages.auth_switch(NATIVE, NONCE + b"\0"), OK])
    assert "without a proof" in played.error.message


@pytest.mark.parametrize(
    ("server", "client", "upstream", "enters"),
    [
        (MYSQL, [], [OK], False),  # auth_socket: any answer does
        (MARIADB, [], [OK], False),
        (MYSQL, [], [b"\x01\x03", OK], True),  # caching_sha2_password has checked it
        (MYSQL, [b"a" * 20], [messages.auth_switch(NATIVE, NONCE + b"\0"), OK], True),
        (MARIADB, [b"a" * 20], [messages.auth_switch(NATIVE, NONCE + b"\0"), OK], False),  # ... OR unix_socket
    ],
)
def test_on_a_unix_socket_the_database_may_mean_us(play_login, server, client, upstream, enters: bool) -> None:
    """Who runs the proxy is not who speaks: only a method that the database has named proves anything there."""
    made = legs(False, True)
    played = play_login(made, relay(made, Terms("disable", local=True), server), client, upstream)
    assert (played.error is None) is enters


def test_a_client_that_cannot_change(play_login) -> None:
    """Without PLUGIN_AUTH it does not know the packet."""
    made = legs(False, False)
    said = {"capabilities": BITS & ~C.PLUGIN_AUTH}
    played = play_login(made, relay(made, **said), [], [messages.auth_switch(CACHING_SHA2, b"n")])
    assert played.error.errno == 1251


def test_an_authentication_without_end(play_login) -> None:
    """It is given up."""
    made = legs(False, False)
    played = play_login(made, relay(made, plugin="parsec"), [b"x"] * 99, [b"\x01more"] * 99)
    assert played.error.errno == 1043
