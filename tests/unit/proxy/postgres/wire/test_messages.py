"""The byte layouts of startup, authentication and error messages."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.postgres.wire import messages
from proxy.postgres.wire.messages import BackendKey, CancelRequest, GSSENCRequest, MalformedMessage, SSLRequest

WORDS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@settings(deadline=None)
@given(st.dictionaries(WORDS.filter(bool), WORDS))
def test_startup_message_reads_as_it_was_written(parameters: dict[str, str]) -> None:
    """Names and values of any text come back as they were, in their order."""
    packet = messages.startup_message(messages.VERSION_3_2, parameters)
    parsed = messages.parse_startup_packet(packet[4:])
    assert isinstance(parsed, messages.StartupMessage)
    assert (parsed.version, list(parsed.parameters.items())) == (messages.VERSION_3_2, list(parameters.items()))


@pytest.mark.parametrize(
    ("packet", "expected"),
    [
        (b"\x04\xd2\x16\x2f", SSLRequest()),
        (b"\x04\xd2\x16\x30", GSSENCRequest()),
        (b"\x04\xd2\x16\x2e\0\0\0\x07abcd", CancelRequest(BackendKey(7, b"abcd"))),
        (b"\x04\xd2\x16\x2e\0\0\0\x07" + b"k" * 256, CancelRequest(BackendKey(7, b"k" * 256))),
        (b"\0\x02\0\0user", messages.StartupMessage(0x20000, {})),
    ],
)
def test_startup_packets_are_told_apart(packet: bytes, expected: messages.StartupPacket) -> None:
    """Each request code gives its own kind; the parameters of other majors are not read."""
    assert messages.parse_startup_packet(packet) == expected


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"\0\x03\0",
        b"\0\x03\0\0",
        b"\0\x03\0\0user\0me",
        b"\0\x03\0\0user\0me\0",
        b"\0\x03\0\0user\0me\0\0\0",
        b"\0\x03\0\0user\0\0",
        b"\0\x03\0\0\0me\0\0",
        b"\0\x03\0\0user\0\xff\xfe\0\0",
        b"\x04\xd2\x16\x2f\0",
        b"\x04\xd2\x16\x2e\0\0\0\x07abc",
        b"\x04\xd2\x16\x2e\0\0\0\x07" + b"k" * 257,
    ],
)
def test_malformed_startup_packets_are_refused(packet: bytes) -> None:
    """A wrong length, a missing terminator, a nameless parameter or broken UTF-8 is a malformed message."""
    with pytest.raises(MalformedMessage):
        messages.parse_startup_packet(packet)


@settings(deadline=None)
@given(st.binary(max_size=300))
@pytest.mark.parametrize(
    "parse",
    [
        messages.parse_startup_packet,
        messages.parse_authentication,
        messages.parse_mechanisms,
        messages.parse_sasl_initial_response,
        messages.parse_parameter_status,
        messages.parse_backend_key_data,
        messages.parse_report,
    ],
)
def test_any_bytes_parse_or_are_malformed(parse, data: bytes) -> None:
    """No bytes make a parser fail in another way than by MalformedMessage."""
    with contextlib.suppress(MalformedMessage):
        parse(data)


def test_error_response_has_the_fields_in_order() -> None:
    """An error carries severity twice (localised and not), state, message, detail, hint and position."""
    data = messages.error_response("ERROR", "42501", "no", detail="d", hint="h", position=7)
    assert data == b"E\x00\x00\x00\x27SERROR\0VERROR\0C42501\0Mno\0Dd\0Hh\0P7\0\0"


def test_a_zero_byte_cannot_end_an_error_field() -> None:
    """A text with a zero byte and a forged field behind it stays one message field."""
    fields = messages.parse_report(messages.report_fields("FATAL", "08P01", "a\0C00000"))
    assert fields["C"] == "08P01"
    assert fields["M"] == "a\N{REPLACEMENT CHARACTER}C00000"


def test_notice_is_an_error_with_another_type() -> None:
    """Notices have the layout of errors."""
    assert messages.notice_response("NOTICE", "00000", "x")[5:] == messages.report_fields("NOTICE", "00000", "x")


@pytest.mark.parametrize(("mechanism", "data"), [("SCRAM-SHA-256", b"n,,n=,r=x"), ("X", b"")])
def test_sasl_initial_response_reads_as_it_was_written(mechanism: str, data: bytes) -> None:
    """The mechanism and the client-first-message come back."""
    packet = messages.sasl_initial_response(mechanism, data)
    assert messages.parse_sasl_initial_response(packet[5:]) == (mechanism, data)


def test_sasl_initial_response_without_data_or_with_a_wrong_length() -> None:
    """Length -1 stands for no data; any other difference from the true length is malformed."""
    assert messages.parse_sasl_initial_response(b"X\0\xff\xff\xff\xff") == ("X", b"")
    with pytest.raises(MalformedMessage):
        messages.parse_sasl_initial_response(b"X\0\0\0\0\x05abc")
