"""The login dialogues, played without sockets: greeting, own users, the service account."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from proxy.mysql.wire import messages, scrambles
from proxy.mysql.wire.authentication import Remembered, ServiceAccount, own_login, service_login
from proxy.mysql.wire.capabilities import Capability
from proxy.mysql.wire.dialogue import DialogueError, Legs, Packet, Side
from proxy.mysql.wire.greeting import Offer, Opening, change_user, greet, read_greeting
from proxy.mysql.wire.messages import CACHING_SHA2, NATIVE, Greeting, Response
from proxy.mysql.wire.scrambles import LoginKey
from proxy.scram import make_verifier

C = Capability
NONCE, OURS = b"s" * 20, b"o" * 20
SERVER = Greeting("9.7.4", 7, NONCE, C(0xDFFFFFFF), 255, 2, CACHING_SHA2)
BITS = C.LONG_PASSWORD | C.PROTOCOL_41 | C.SECURE_CONNECTION | C.PLUGIN_AUTH | C.CONNECT_ATTRS
SAID = Response(BITS, 1 << 24, 45, b"ann", b"", None, CACHING_SHA2, ((b"program_name", b"till"),))
VERIFIER = make_verifier("pa55", b"salt" * 4, 16)
OK = b"\x00\x00\x00\x02\x00\x00\x00"
KEY = LoginKey.generate()


def opening(**said: Any) -> Opening:
    """What comes of a greeting."""
    response = replace(SAID, **said)
    return Opening(SERVER, OURS, response, response.user.decode(), None, {}, tls=False)


# ---- the greeting ---------------------------------------------------------------------------------------------------


def test_the_clients_greeting_is_the_servers(play_login) -> None:
    """Version, thread and nonce pass; what is not passed on is taken out."""
    legs = Legs()
    played = play_login(legs, greet(legs, Offer(), SERVER), [messages.response(SAID)])
    shown = messages.parse_greeting(played.to_client[0])
    assert (shown.version, shown.thread_id, shown.nonce, shown.plugin) == ("9.7.4", 7, NONCE, CACHING_SHA2)
    assert not shown.capabilities & (C.COMPRESS | C.SSL)
    found = played.result
    assert (found.user, found.application, found.nonce, found.tls) == ("ann", "till", NONCE, False)


def test_own_users_get_our_nonce(play_login) -> None:
    """And the method that we can check."""
    legs = Legs()
    native = replace(SERVER, plugin=NATIVE)
    played = play_login(legs, greet(legs, Offer(nonce=OURS), native), [messages.response(SAID)])
    shown = messages.parse_greeting(played.to_client[0])
    assert (shown.nonce, shown.plugin, played.result.nonce) == (OURS, CACHING_SHA2, OURS)


def test_who_changes_the_user_proves_it_anew(play_login) -> None:
    """Louver's users by a nonce of its own that is fresh; the database's by what it asks for, whatever the account's method."""
    command = b"\x11you\0\x01xshop\0\x2d\0mysql_native_password\0"
    legs = Legs()
    played = play_login(legs, change_user(legs, Offer(nonce=OURS), SERVER, opening(), command), [b"proof"])
    assert played.to_client == [messages.auth_switch(CACHING_SHA2, OURS + b"\0")]
    found = played.result
    assert (found.user, found.database, found.application) == ("you", "shop", "till")
    assert (found.nonce, found.response.auth, found.response.plugin) == (OURS, b"proof", CACHING_SHA2)
    legs = Legs()
    relayed = play_login(legs, change_user(legs, Offer(), SERVER, opening(), command)).result
    assert (relayed.nonce, relayed.response.auth, relayed.response.plugin) == (NONCE, b"", messages.ANY)


def test_a_client_that_knows_one_method_cannot_change_its_user(play_login) -> None:
    """It would prove who it is by a nonce of long ago."""
    legs = Legs()
    old = opening(capabilities=BITS & ~C.PLUGIN_AUTH)
    assert play_login(legs, change_user(legs, Offer(), SERVER, old, b"\x11you\0\0\0")).error.errno == 1251


def test_tls_comes_before_the_name(play_login) -> None:
    """A request for TLS, then the whole response inside; the numbers go on."""
    legs = Legs()
    request = messages.ssl_request(BITS | C.SSL, 1, 45)
    said = messages.response(replace(SAID, capabilities=BITS | C.SSL))
    played = play_login(legs, greet(legs, Offer(tls=True, tls_required=True), SERVER), [request, said])
    assert (played.error, played.tls, played.result.tls) == (None, [Side.CLIENT], True)
    assert (legs.client.safe, legs.client.sequence) == (True, 3)


@pytest.mark.parametrize(
    ("offer", "said", "errno"),
    [
        (Offer(), messages.ssl_request(BITS | C.SSL, 1, 45), 1043),  # TLS that was not offered
        (Offer(tls=True, tls_required=True), messages.response(SAID), 3159),
        (Offer(), messages.response(replace(SAID, capabilities=C.LONG_PASSWORD | C.PROTOCOL_41)), 1043),
        (Offer(), b"GET / HTTP/1.1", 1043),
        (Offer(), b"", 1043),
        (Offer(), messages.response(replace(SAID, user=b"'ann'")), 1045),  # the server would take the quotes off
        (Offer(), messages.response(replace(SAID, user=b"x" * 33)), 1045),  # the server would cut it
        (Offer(), messages.response(replace(SAID, user="é".encode(), charset=8)), 1045),  # two letters in latin1
        (Offer(), messages.response(replace(SAID, user=b"\xe9")), 1045),
        (Offer(), messages.response(replace(SAID, user="ann\U0001f600".encode())), 1045),  # the server would read ann?
        (Offer(), Packet(9, messages.response(SAID)), 1156),
    ],
)
def test_what_is_no_login(play_login, offer: Offer, said: Any, errno: int) -> None:
    """A response that cannot be, or a name that the database would read as another."""
    legs = Legs()
    played = play_login(legs, greet(legs, offer, SERVER), [said])
    assert played.error is not None
    assert played.error.errno == errno
    assert legs.farewell(played.error)[4] == 0xFF


def test_names_in_utf8_pass(play_login) -> None:
    """When the connection says that it is UTF-8."""
    legs = Legs()
    played = play_login(
        legs, greet(legs, Offer(), SERVER), [messages.response(replace(SAID, user="é".encode(), charset=255))]
    )
    assert played.result.user == "é"


def test_a_server_that_wants_nobody(play_login) -> None:
    """Its error in place of a greeting reaches the client in the same form."""
    legs = Legs()
    played = play_login(legs, read_greeting(legs), upstream=[b"\xff\x10\x04Too many connections"])
    assert legs.farewell(played.error) == b"\x17\0\0\0\xff\x10\x04Too many connections"


# ---- own users ------------------------------------------------------------------------------------------------------


def own(legs: Legs, found: Opening, remembered: Remembered | None = None, *, known: bool = True) -> Any:
    """The dialogue with a user whose password is pa55."""
    memory = Remembered() if remembered is None else remembered
    return own_login(legs, found, VERIFIER, known=known, address="10.0.0.9", remembered=memory, key=KEY)


def encrypted(password: bytes) -> bytes:
    """A password for our key."""
    return scrambles.encrypt_password(password, OURS, KEY.public)


def test_a_password_over_tls(play_login) -> None:
    """In full, the first time; then it is known by its digest and the fast way is open, as on a server."""
    remembered = Remembered()
    legs = Legs()
    legs.client.safe = True
    answer = scrambles.sha2_scramble(b"pa55", OURS)
    first = play_login(legs, own(legs, opening(auth=answer), remembered), [b"pa55\0"])
    assert (first.error, first.to_client) == (None, [b"\x01\x04"])
    second = play_login(Legs(), own(Legs(), opening(auth=answer), remembered))
    assert (second.error, second.to_client) == (None, [b"\x01\x03"])


def test_a_password_without_tls(play_login) -> None:
    """The client asks for our key and encrypts; a client that has the key already does not ask."""
    legs = Legs()
    asking = play_login(legs, own(legs, opening(auth=b"x" * 32)), [b"\x02", encrypted(b"pa55")])
    assert (asking.error, asking.to_client) == (None, [b"\x01\x04", b"\x01" + KEY.public])
    assert play_login(legs, own(legs, opening(auth=b"x" * 32)), [encrypted(b"pa55")]).error is None


def test_a_password_in_clear_is_not_taken_without_tls(play_login) -> None:
    """It has been read by others already."""
    legs = Legs()
    assert play_login(legs, own(legs, opening(auth=b"x" * 32)), [b"pa55\0"]).error.errno == 1045


def test_another_method_is_changed(play_login) -> None:
    """A client that begins with mysql_native_password is asked for ours."""
    legs = Legs()
    legs.client.safe = True
    played = play_login(legs, own(legs, opening(plugin=NATIVE, auth=b"n" * 20)), [b"x" * 32, b"pa55\0"])
    assert (played.error, played.to_client[0]) == (None, messages.auth_switch(CACHING_SHA2, OURS + b"\0"))


@pytest.mark.parametrize(("known", "password"), [(True, b"wrong"), (True, b""), (False, b"pa55"), (False, b"wrong")])
def test_wrong_passwords_and_unknown_users_look_alike(play_login, known: bool, password: bytes) -> None:
    """The same packets, the same words, and nothing is remembered."""
    legs = Legs()
    legs.client.safe = True
    remembered = Remembered()
    played = play_login(legs, own(legs, opening(auth=b"x" * 32), remembered, known=known), [password + b"\0"])
    assert played.to_client == [b"\x01\x04"]
    assert (played.error.errno, played.error.sqlstate) == (1045, "28000")
    assert played.error.message == "Access denied for user 'ann'@'10.0.0.9' (using password: YES)"
    assert remembered.find("ann", VERIFIER) is None


def test_no_password(play_login) -> None:
    """Nobody comes in without one."""
    assert play_login(Legs(), own(Legs(), opening(auth=b""))).error.message.endswith("(using password: NO)")


def test_a_changed_password_is_no_longer_known() -> None:
    """The digest is of the old one."""
    remembered = Remembered()
    remembered.keep("ann", VERIFIER, b"d")
    assert remembered.find("ann", make_verifier("new", b"salt" * 4, 16)) is None


# ---- the service account --------------------------------------------------------------------------------------------

ACCOUNT = ServiceAccount("svc", "s3cret")


def test_the_fast_way(play_login) -> None:
    """Our name and proof, the client's choices, always with session tracking; the client hears of it in its own form."""
    legs = Legs()
    said = b"\x00\x00\x00\x02@\x00\x00\x00\x06\x01\x04\x03app"
    played = play_login(legs, service_login(legs, opening(), ACCOUNT, "disable"), upstream=[b"\x01\x03", said])
    assert played.error is None
    sent = messages.parse_response(played.to_upstream[0])
    assert isinstance(sent, Response)
    assert (sent.user, sent.auth) == (b"svc", scrambles.sha2_scramble(b"s3cret", NONCE))
    assert sent.capabilities & C.SESSION_TRACK
    assert played.result.greeting[4:] == OK
    assert played.result.last.changes == (("", b"app"),)


def test_the_full_way_by_tls_and_by_key(play_login) -> None:
    """In clear inside TLS only."""
    legs = Legs()
    played = play_login(legs, service_login(legs, opening(), ACCOUNT, "require"), upstream=[b"\x01\x04", OK])
    assert (played.error, played.tls, played.to_upstream[-1]) == (None, [Side.UPSTREAM], b"s3cret\0")
    legs = Legs()
    found = [b"\x01\x04", b"\x01" + KEY.public, OK]
    played = play_login(legs, service_login(legs, opening(), ACCOUNT, "disable"), upstream=found)
    assert (played.error, played.to_upstream[1]) == (None, b"\x02")
    assert KEY.decrypt_password(played.to_upstream[2], NONCE) == b"s3cret"


def test_another_method_of_the_servers(play_login) -> None:
    """The proof is made anew, with the new nonce."""
    legs = Legs()
    switch = messages.auth_switch(NATIVE, b"t" * 20 + b"\0")
    played = play_login(legs, service_login(legs, opening(), ACCOUNT, "disable"), upstream=[switch, OK])
    assert (played.error, played.to_upstream[-1]) == (None, scrambles.native_scramble(b"s3cret", b"t" * 20))


@pytest.mark.parametrize("plugin", ["parsec", "mysql_clear_password", "dialog"])
def test_methods_that_are_not_ours(play_login, plugin: str) -> None:
    """The client is told nothing of them, the log is; the password never goes in clear without TLS."""
    legs = Legs()
    switch = messages.auth_switch(plugin, b"t" * 32)
    played = play_login(legs, service_login(legs, opening(), ACCOUNT, "disable"), upstream=[switch])
    assert plugin in played.error.log
    assert plugin not in played.error.message
    assert not any(b"s3cret" in sent for sent in played.to_upstream)


def test_what_the_client_hears_of_a_refusal(play_login) -> None:
    """What is about its own wishes, and nothing that names the account."""
    for errno, text, shown in (
        (1045, "Access denied for user 'svc'@'h'", False),
        (1049, "Unknown database 'bank'", True),
        (1049, "Unknown database 'svc'", False),
    ):
        legs = Legs()
        refused = messages.error(errno, "42000", text)
        error = play_login(legs, service_login(legs, opening(), ACCOUNT, "disable"), upstream=[refused]).error
        assert (error.message == text) == shown
        assert ("svc" in error.message) is False


def test_a_server_without_tls_or_tracking(play_login) -> None:
    """Neither is done without."""
    for missing, tls in ((C.SSL, "require"), (C.SESSION_TRACK, "prefer")):
        found = replace(opening(), server=replace(SERVER, capabilities=SERVER.capabilities & ~missing))
        legs = Legs()
        played = play_login(legs, service_login(legs, found, ACCOUNT, tls))
        assert isinstance(played.error, DialogueError)
        assert played.to_upstream == []


@pytest.mark.parametrize("payload", [b"", b"\x01\x09", b"\x02", b"\xfe", b"\x00"])
def test_a_server_that_speaks_nonsense(play_login, payload: bytes) -> None:
    """The login ends cleanly."""
    legs = Legs()
    played = play_login(legs, service_login(legs, opening(), ACCOUNT, "disable"), upstream=[payload])
    assert "broke the protocol" in played.error.message
