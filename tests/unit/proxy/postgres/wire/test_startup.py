"""The startup phase: encryption requests, versions, parameters, cancel requests."""

from __future__ import annotations

import struct

import pytest

from proxy.postgres.wire import messages
from proxy.postgres.wire.dialogue import Side, StartTLS
from proxy.postgres.wire.messages import BackendKey, CancelRequest, MalformedMessage
from proxy.postgres.wire.startup import Startup, ask_upstream_tls, greet, session_parameters

SSL = struct.pack("!I", messages.SSL_REQUEST_CODE)
GSS = struct.pack("!I", messages.GSSENC_REQUEST_CODE)
PINNED = {"client_encoding": "UTF8", "standard_conforming_strings": "on"}


def start(version: int = messages.VERSION_3_0, **parameters: str) -> bytes:
    """A startup packet without its length, user `me` unless told otherwise."""
    return messages.startup_message(version, {"user": "me"} | parameters)[4:]


def test_a_plain_start(play) -> None:
    """Without encryption requests the first packet is the startup message; the database defaults to the user."""
    played = play(greet(tls_offered=True, tls_required=False), [start()])
    assert played.result == Startup(messages.VERSION_3_0, "me", "me", PINNED, tls=False)
    assert played.to_client == []


@pytest.mark.parametrize(
    ("offered", "asks", "answers", "tls"),
    [
        (True, [SSL], [b"S"], True),
        (False, [SSL], [b"N"], False),
        (True, [GSS], [b"N"], False),
        (True, [GSS, SSL], [b"N", b"S"], True),
        (False, [SSL, GSS], [b"N", b"N"], False),
    ],
)
def test_encryption_requests(play, offered: bool, asks: list[bytes], answers: list[bytes], tls: bool) -> None:
    """TLS is begun when there is a certificate, GSSAPI always declined, in either order."""
    played = play(greet(tls_offered=offered, tls_required=False), [*asks, start()])
    assert (played.to_client, played.result.tls) == (answers, tls)
    assert played.tls == ([StartTLS(Side.CLIENT)] if tls else [])


@pytest.mark.parametrize("asks", [[SSL, SSL], [GSS, GSS], [SSL, GSS]])
def test_encryption_is_asked_for_once(play, asks: list[bytes]) -> None:
    """A second request of a kind, or GSSAPI within TLS, is refused."""
    played = play(greet(tls_offered=True, tls_required=False), asks)
    assert played.error.sqlstate == "08P01"


def test_tls_from_the_first_byte(play) -> None:
    """A TLS client hello begins TLS at once when it names the protocol, and is refused otherwise."""
    played = play(greet(tls_offered=True, tls_required=True), [start()], first_byte=0x16, alpn="postgresql")
    assert played.tls == [StartTLS(Side.CLIENT, direct=True)]
    assert played.result.tls
    for alpn in (None, "http/1.1"):
        played = play(greet(tls_offered=True, tls_required=True), [start()], first_byte=0x16, alpn=alpn)
        assert played.error.sqlstate == "08P01"
    played = play(greet(tls_offered=True, tls_required=True), [SSL], first_byte=0x16, alpn="postgresql")
    assert played.error.sqlstate == "08P01"  # TLS within TLS
    played = play(greet(tls_offered=False, tls_required=False), [start()], first_byte=0x16)
    assert played.error.told  # no answer in clear would be understood


def test_tls_required(play) -> None:
    """Who comes without TLS where it is required is turned away with the way out."""
    played = play(greet(tls_offered=True, tls_required=True), [start()])
    assert played.error.sqlstate == "28000"
    assert "sslmode=require" in played.error.hint


def test_cancel_request_within_tls(play) -> None:
    """A cancel request ends the startup phase with its key, also after TLS has begun."""
    packet = messages.cancel_request(BackendKey(7, b"k" * 32))[4:]
    played = play(greet(tls_offered=True, tls_required=False), [SSL, packet])
    assert played.result == CancelRequest(BackendKey(7, b"k" * 32))


@pytest.mark.parametrize(
    ("asked", "spoken", "answer"),
    [
        (0x30000, 0x30000, []),
        (0x30001, 0x30001, []),
        (0x30002, 0x30002, []),
        (0x30003, 0x30002, [messages.negotiate_protocol_version(0x30002, ())]),
        (0x3270F, 0x30002, [messages.negotiate_protocol_version(0x30002, ())]),
    ],
)
def test_minor_versions_are_negotiated(play, asked: int, spoken: int, answer: list[bytes]) -> None:
    """3.0 to 3.2 are spoken as asked; newer ones are answered by the newest we know."""
    played = play(greet(tls_offered=False, tls_required=False), [start(asked)])
    assert (played.result.version, played.to_client) == (spoken, answer)


def test_unknown_protocol_options_are_named_and_dropped(play) -> None:
    """`_pq_.` options are told to be unknown and do not reach the database."""
    played = play(greet(tls_offered=False, tls_required=False), [start(**{"_pq_.compression": "1"})])
    assert played.to_client == [messages.negotiate_protocol_version(0x30000, ("_pq_.compression",))]
    assert dict(played.result.parameters) == PINNED


@pytest.mark.parametrize("version", [0x20000, 0x10000, 0x40000, 0x04D21635, 0x20202020])
def test_other_major_versions_are_refused(play, version: int) -> None:
    """Protocol 2, the future and garbage get a clear error."""
    played = play(greet(tls_offered=False, tls_required=False), [struct.pack("!I", version) + b"user\0me\0\0"])
    assert played.error.sqlstate == "0A000"
    assert "3.0 to 3.2" in played.error.message


@pytest.mark.parametrize("value", ["true", "on", "1", "yes", "database", "DATABASE", "x", ""])
def test_replication_is_refused(play, value: str) -> None:
    """A replication connection is refused with a hint, whatever it says but false."""
    played = play(greet(tls_offered=False, tls_required=False), [start(replication=value)])
    assert played.error.sqlstate == "0A000"
    assert "database itself" in played.error.hint


@pytest.mark.parametrize("value", ["false", "off", "no", "0", "F"])
def test_no_replication_is_no_replication(play, value: str) -> None:
    """`replication=false` is an ordinary connection and the parameter is not passed on."""
    played = play(greet(tls_offered=False, tls_required=False), [start(replication=value)])
    assert dict(played.result.parameters) == PINNED


@pytest.mark.parametrize(
    ("parameters", "sqlstate"),
    [({"user": ""}, "28000"), ({"user": "u" * 64}, "42622"), ({"database": "é" * 32}, "42622")],
)
def test_names(play, parameters: dict[str, str], sqlstate: str) -> None:
    """A missing user, and names that the server would cut to another's, are refused."""
    played = play(greet(tls_offered=False, tls_required=False), [start(**parameters)])
    assert played.error.sqlstate == sqlstate


def test_garbage_is_malformed(play) -> None:
    """A packet without a layout ends the dialogue as malformed."""
    with pytest.raises(MalformedMessage):
        play(greet(tls_offered=False, tls_required=False), [b"\0\x03\0\0user"])


@pytest.mark.parametrize("spelling", ["UTF8", "utf-8", "'utf8'", "Unicode", "UTF_8"])
@pytest.mark.parametrize("name", ["client_encoding", "CLIENT_ENCODING"])
def test_utf8_in_any_spelling(spelling: str, name: str) -> None:
    """Every way the server spells UTF-8 is taken, and one way is passed on."""
    assert session_parameters({name: spelling}) == PINNED


@pytest.mark.parametrize(
    "asked",
    [
        {"client_encoding": "LATIN1"},
        {"Client_Encoding": "SQL_ASCII"},
        {"options": "-c client_encoding=GBK"},
        {"options": "--client-encoding=sjis"},
        {"standard_conforming_strings": "off"},
        {"Standard_Conforming_Strings": "0"},
        {"options": "-c standard-conforming-strings=off"},
        {"louver.key": "00"},
        {"options": "-c LOUVER.key=00"},
        {"session_replication_role": "replica"},
        {"options": "-csession_authorization=root"},
        {"options": "-E"},
    ],
)
def test_parameters_that_are_refused(play, asked: dict[str, str]) -> None:
    """What would change the reading of SQL, or belongs to the proxy, is refused in every spelling."""
    played = play(greet(tls_offered=False, tls_required=False), [start(**asked)])
    assert played.error.sqlstate in ("0A000", "42501")


def test_other_parameters_pass_in_their_order() -> None:
    """Run-time parameters reach the database; one of its own wins over the same in `options`."""
    asked = {"DateStyle": "ISO", "options": "-c geqo=off -c datestyle=German -c a.b=1", "application_name": "psql"}
    found = session_parameters(asked)
    assert found == {"geqo": "off", "a.b": "1", "DateStyle": "ISO", "application_name": "psql"} | PINNED


def test_application_name_in_any_case() -> None:
    """The application is found however its parameter is spelled; empty when it is not given."""
    assert Startup(0x30000, "me", "me", {"Application_Name": "x"}, tls=False).application == "x"
    assert Startup(0x30000, "me", "me", {}, tls=False).application == ""


@pytest.mark.parametrize(
    ("answer", "required", "result"), [(b"S", True, True), (b"S", False, True), (b"N", False, False)]
)
def test_tls_of_the_database(play, answer: bytes, required: bool, result: bool) -> None:
    """The database is asked for TLS; a no is taken only where TLS is not required."""
    played = play(ask_upstream_tls(required=required), upstream=[answer])
    assert played.to_upstream == [messages.ssl_request()]
    assert played.result is result
    assert played.tls == ([StartTLS(Side.UPSTREAM)] if result else [])


@pytest.mark.parametrize(("answer", "required"), [(b"N", True), (b"E", True), (b"E", False), (b"x", False)])
def test_a_database_that_will_not_encrypt(play, answer: bytes, required: bool) -> None:
    """No TLS where it is required, or an answer that is none, gives up the connection."""
    played = play(ask_upstream_tls(required=required), upstream=[answer])
    assert played.error.sqlstate == "08001"
    assert played.tls == []
