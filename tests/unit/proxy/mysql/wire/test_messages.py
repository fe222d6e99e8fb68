"""The packets of the login, as servers and clients write them."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.mysql.wire import messages
from proxy.mysql.wire.capabilities import Capability
from proxy.mysql.wire.messages import Greeting, Report, Response, SSLRequest
from proxy.mysql.wire.packets import ProtocolViolation

C = Capability
MARIADB = bytes.fromhex(
    "0a352e352e352d31302e31312e31392d4d61726961444200180000006e2d3a5b4b503f4500fef72d0200ff81150000000000001d0000"
    "002f7c57305c5b2a3d2b7a3c3c006d7973716c5f6e61746976655f70617373776f726400"
)
"""A greeting of MariaDB 10.11."""
FULL = (
    C.LONG_PASSWORD
    | C.PROTOCOL_41
    | C.SECURE_CONNECTION
    | C.PLUGIN_AUTH
    | C.PLUGIN_AUTH_LENENC_CLIENT_DATA
    | C.CONNECT_WITH_DB
    | C.CONNECT_ATTRS
)
SAID = Response(
    FULL, 1 << 24, 45, b"me", b"x" * 20, b"bank", "mysql_native_password", ((b"program_name", b"mysql"), (b"", b""))
)


def test_a_mariadb_greeting_is_read() -> None:
    """Version, thread, nonce of two parts, and the upper capabilities from the reserved bytes."""
    greeting = messages.parse_greeting(MARIADB)
    assert (greeting.version, greeting.thread_id, greeting.mariadb) == ("5.5.5-10.11.19-MariaDB", 24, True)
    assert greeting.nonce == b"n-:[KP?E/|W0\\[*=+z<<"
    assert greeting.plugin == "mysql_native_password"
    assert greeting.capabilities == Capability(0x1D81FFF7FE)
    assert messages.greeting(greeting) == MARIADB


@given(st.binary(min_size=20, max_size=20), st.integers(0, 2**32 - 1), st.booleans())
def test_greetings_come_back(nonce: bytes, thread: int, mariadb: bool) -> None:
    """What is written is read again, with the upper capabilities only where the first bit is not set."""
    bits = C.SECURE_CONNECTION | C.PLUGIN_AUTH | C.PROTOCOL_41
    bits |= C.MARIADB_STMT_BULK_OPERATIONS if mariadb else C.LONG_PASSWORD
    greeting = Greeting("8.4.0", thread, nonce, bits, 255, 2, "caching_sha2_password")
    assert messages.parse_greeting(messages.greeting(greeting)) == greeting


@pytest.mark.parametrize("bits", [FULL, FULL & ~C.PLUGIN_AUTH_LENENC_CLIENT_DATA, FULL & ~C.LONG_PASSWORD])
def test_responses_come_back(bits: Capability) -> None:
    """In each of their forms."""
    said = replace(SAID, capabilities=bits)
    assert messages.parse_response(messages.response(said)) == said


def test_a_response_without_extras() -> None:
    """Without their capabilities there is no database, no method and no attribute."""
    bits = C.LONG_PASSWORD | C.PROTOCOL_41 | C.SECURE_CONNECTION
    found = messages.parse_response(messages.response(replace(SAID, capabilities=bits)))
    assert found == Response(bits, 1 << 24, 45, b"me", b"x" * 20, None, "mysql_native_password")


def test_an_empty_database_is_none() -> None:
    """Some clients set the capability and name none."""
    found = messages.parse_response(messages.response(replace(SAID, database=b"")))
    assert isinstance(found, Response)
    assert found.database is None


def test_a_request_for_tls_is_the_head_alone() -> None:
    """32 bytes with the flag; with more it is a response."""
    bits = FULL | C.SSL
    assert messages.parse_response(messages.ssl_request(bits, 1, 45)) == SSLRequest(bits)
    assert isinstance(messages.parse_response(messages.response(replace(SAID, capabilities=bits))), Response)


def test_a_client_from_before_41_is_refused() -> None:
    """Its packet has another layout."""
    with pytest.raises(ProtocolViolation) as raised:
        messages.parse_response(b"\x85\xa4\x03\x00\x00\x01me\0")
    assert raised.value.errno == 1043


CHANGE = b"\x11you\0\x02xx" + b"shop\0\x2d\0mysql_native_password\0\x08\x01k\x05value"


def test_a_change_of_the_user() -> None:
    """Name, proof, database, character set, method and attributes; what it leaves out is as it was."""
    bits = C.LONG_PASSWORD | C.PROTOCOL_41 | C.SECURE_CONNECTION | C.PLUGIN_AUTH | C.CONNECT_ATTRS
    before = replace(SAID, capabilities=bits, database=None, charset=8)
    found = messages.parse_change_user(CHANGE, before)
    assert found == Response(
        bits | C.CONNECT_WITH_DB,
        before.max_packet,
        45,
        b"you",
        b"xx",
        b"shop",
        "mysql_native_password",
        ((b"k", b"value"),),
    )
    short = messages.parse_change_user(b"\x11you\0\0\0", replace(before, database=b"bank"))
    assert (short.database, short.charset, short.attributes) == (None, 8, before.attributes)
    wide = messages.parse_change_user(CHANGE.replace(b"\x2d\0", b"\x00\x09"), before)
    assert wide.charset == 8


def test_every_cut_of_a_packet_is_a_violation_or_a_packet() -> None:
    """Nothing else is raised, wherever a packet ends."""
    for parse, whole in ((messages.parse_response, messages.response(SAID)), (messages.parse_greeting, MARIADB)):
        for end in range(len(whole)):
            with contextlib.suppress(ProtocolViolation):
                parse(whole[:end])
    for end in range(len(CHANGE)):
        with contextlib.suppress(ProtocolViolation):
            messages.parse_change_user(CHANGE[:end], SAID)


def test_changes_of_the_method() -> None:
    """An AuthSwitchRequest names the method and brings its data; the one of before 4.1 is refused."""
    assert messages.parse_auth_switch(messages.auth_switch("client_ed25519", b"n" * 32)) == (
        "client_ed25519",
        b"n" * 32,
    )
    with pytest.raises(ProtocolViolation):
        messages.parse_auth_switch(b"\xfe")


def test_errors() -> None:
    """With a SQLSTATE, and without one in place of a greeting."""
    assert messages.parse_error(messages.error(1045, "28000", "no")) == Report(1045, "28000", b"no")
    assert messages.parse_error(b"\xff\x10\x04Too many connections") == Report(1040, "HY000", b"Too many connections")
