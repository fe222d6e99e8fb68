"""Build and parse the messages of PostgreSQL's startup, authentication and errors.

Owns their byte layouts (PostgreSQL manual, "Message Formats"). Pure functions; a malformed payload raises
`MalformedMessage`. May not do: keep state, decide, read or write a socket.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

VERSION_3_0 = 0x00030000
VERSION_3_2 = 0x00030002
CANCEL_REQUEST_CODE = 80877102  # 1234 << 16 | 5678
SSL_REQUEST_CODE = 80877103
GSSENC_REQUEST_CODE = 80877104
STARTUP_LIMIT = 10_000  # bytes of a startup packet without its length: PostgreSQL's MAX_STARTUP_PACKET_LENGTH
CANCEL_KEY_LIMIT = 256  # bytes: the most a 3.2 cancel key may have

AUTHENTICATION_OK = 0
AUTHENTICATION_CLEARTEXT = 3
AUTHENTICATION_MD5 = 5
AUTHENTICATION_SASL = 10
AUTHENTICATION_SASL_CONTINUE = 11
AUTHENTICATION_SASL_FINAL = 12


class MalformedMessage(Exception):  # noqa: N818  a peer's fault, told to the peer, not ours
    """A payload that does not have the layout of its message; the text says in what."""


@dataclass(frozen=True, slots=True)
class Message:
    """One typed message: the type byte and the payload that follows the length."""

    type: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class BackendKey:
    """What a cancel request names a session by: a process id and 4 to 256 secret bytes."""

    pid: int
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SSLRequest:
    """The client asks for TLS."""


@dataclass(frozen=True, slots=True)
class GSSENCRequest:
    """The client asks for GSSAPI encryption."""


@dataclass(frozen=True, slots=True)
class CancelRequest:
    """The client of another connection asks to cancel what that one runs."""

    key: BackendKey


@dataclass(frozen=True, slots=True)
class StartupMessage:
    """A session's first message: the protocol version asked for (major << 16 | minor) and the parameters as sent."""

    version: int
    parameters: Mapping[str, str]


StartupPacket = SSLRequest | GSSENCRequest | CancelRequest | StartupMessage


def message(kind: bytes, payload: bytes = b"") -> bytes:
    """A typed message: one byte, the length of itself and the payload, the payload."""
    return kind + struct.pack("!I", len(payload) + 4) + payload


def startup_packet(code: int, payload: bytes = b"") -> bytes:
    """An untyped packet of the startup phase: length, code, payload."""
    return struct.pack("!II", len(payload) + 8, code) + payload


def startup_message(version: int, parameters: Mapping[str, str]) -> bytes:
    """StartupMessage with the parameters in their order, each a zero-terminated name and value."""
    pairs = b"".join(name.encode() + b"\0" + value.encode() + b"\0" for name, value in parameters.items())
    return startup_packet(version, pairs + b"\0")


def ssl_request() -> bytes:
    """SSLRequest, 8 bytes."""
    return startup_packet(SSL_REQUEST_CODE)


def cancel_request(key: BackendKey) -> bytes:
    """CancelRequest for the session that `key` names."""
    return startup_packet(CANCEL_REQUEST_CODE, struct.pack("!I", key.pid) + key.secret)


def parse_startup_packet(packet: bytes) -> StartupPacket:
    """Read a startup packet (without its length). Versions are not judged here.

    Raises MalformedMessage when the layout is wrong, also when a name or value is not UTF-8.
    """
    if len(packet) < 4:
        raise MalformedMessage("invalid length of startup packet")
    (code,) = struct.unpack_from("!I", packet)
    if code in (SSL_REQUEST_CODE, GSSENC_REQUEST_CODE):
        if len(packet) != 4:
            raise MalformedMessage("invalid length of an encryption request")
        return SSLRequest() if code == SSL_REQUEST_CODE else GSSENCRequest()
    if code == CANCEL_REQUEST_CODE:
        secret = packet[8:]
        if not 4 <= len(secret) <= CANCEL_KEY_LIMIT:
            raise MalformedMessage("invalid length of cancel request")
        return CancelRequest(BackendKey(struct.unpack_from("!I", packet, 4)[0], secret))
    if code >> 16 != 3:
        return StartupMessage(code, {})  # other majors lay out their parameters differently; the caller refuses them
    return StartupMessage(code, _parse_parameters(packet[4:]))


def _parse_parameters(body: bytes) -> dict[str, str]:
    parts = body.split(b"\0")
    # name, value, ..., and the empty name that ends the list, itself zero-terminated
    if len(parts) < 2 or parts[-1] or parts[-2] or len(parts) % 2:
        raise MalformedMessage("invalid startup packet layout: expected terminator as last byte")
    names, values = parts[:-2:2], parts[1:-2:2]
    if not all(names):
        raise MalformedMessage("invalid startup packet layout: a parameter without a name")
    try:
        return {name.decode(): value.decode() for name, value in zip(names, values, strict=True)}
    except UnicodeDecodeError:
        raise MalformedMessage("startup parameters must be valid UTF-8") from None


def string_at(payload: bytes, start: int = 0) -> tuple[str, int]:
    """The zero-terminated string at `start` and the offset after it; raises MalformedMessage.

    Bytes that are not UTF-8 become replacement characters: a server's messages before the login may be in any encoding.
    """
    end = payload.find(b"\0", start)
    if end < 0:
        raise MalformedMessage("a string without its terminator")
    return payload[start:end].decode(errors="replace"), end + 1


# ---- authentication -------------------------------------------------------------------------------------------------


def authentication(code: int, data: bytes = b"") -> bytes:
    """Any Authentication message: its code and what belongs to it."""
    return message(b"R", struct.pack("!I", code) + data)


def authentication_sasl(mechanisms: tuple[str, ...]) -> bytes:
    """AuthenticationSASL: the mechanisms offered, the preferred one first."""
    return authentication(AUTHENTICATION_SASL, b"".join(m.encode() + b"\0" for m in mechanisms) + b"\0")


def parse_authentication(payload: bytes) -> tuple[int, bytes]:
    """The code of an Authentication message and the rest of it."""
    if len(payload) < 4:
        raise MalformedMessage("an authentication message without its code")
    return struct.unpack_from("!I", payload)[0], payload[4:]


def parse_mechanisms(data: bytes) -> tuple[str, ...]:
    """The mechanism names of an AuthenticationSASL."""
    if not data.endswith(b"\0"):
        raise MalformedMessage("a mechanism list without its terminator")
    return tuple(name.decode(errors="replace") for name in data.split(b"\0") if name)


def password_message(data: bytes) -> bytes:
    """PasswordMessage, SASLInitialResponse and SASLResponse share this type."""
    return message(b"p", data)


def sasl_initial_response(mechanism: str, data: bytes) -> bytes:
    """SASLInitialResponse: the mechanism chosen and the client-first-message."""
    return password_message(mechanism.encode() + b"\0" + struct.pack("!i", len(data)) + data)


def parse_sasl_initial_response(payload: bytes) -> tuple[str, bytes]:
    """The mechanism chosen and the client-first-message (empty when there is none)."""
    mechanism, offset = string_at(payload)
    if len(payload) < offset + 4:
        raise MalformedMessage("a SASL response without its length")
    (length,) = struct.unpack_from("!i", payload, offset)
    data = payload[offset + 4 :]
    if length == -1 and not data:
        return mechanism, b""
    if length != len(data):
        raise MalformedMessage("a SASL response of another length than it says")
    return mechanism, data


# ---- the greeting ---------------------------------------------------------------------------------------------------


def parameter_status(name: str, value: str) -> bytes:
    """ParameterStatus."""
    return message(b"S", name.encode() + b"\0" + value.encode() + b"\0")


def parse_parameter_status(payload: bytes) -> tuple[str, str]:
    """The name and the value of a ParameterStatus."""
    name, offset = string_at(payload)
    value, _ = string_at(payload, offset)
    return name, value


def backend_key_data(key: BackendKey) -> bytes:
    """BackendKeyData."""
    return message(b"K", struct.pack("!I", key.pid) + key.secret)


def parse_backend_key_data(payload: bytes) -> BackendKey:
    """The key of a BackendKeyData."""
    if not 8 <= len(payload) <= 4 + CANCEL_KEY_LIMIT:
        raise MalformedMessage("a backend key of impossible length")
    return BackendKey(struct.unpack_from("!I", payload)[0], payload[4:])


def negotiate_protocol_version(version: int, unknown_options: tuple[str, ...]) -> bytes:
    """NegotiateProtocolVersion: the newest version spoken (in full, as PostgreSQL sends it) and what is not known."""
    names = b"".join(name.encode() + b"\0" for name in unknown_options)
    return message(b"v", struct.pack("!II", version, len(unknown_options)) + names)


def ready_for_query(status: bytes = b"I") -> bytes:
    """ReadyForQuery with the transaction status I, T or E."""
    return message(b"Z", status)


# ---- errors and notices ---------------------------------------------------------------------------------------------


def error_response(  # noqa: PLR0913  the fields of an error report
    severity: str,
    sqlstate: str,
    text: str,
    *,
    detail: str | None = None,
    hint: str | None = None,
    position: int | None = None,
) -> bytes:
    """ErrorResponse; `severity` is ERROR, FATAL or PANIC, `position` the 1-based character in the statement."""
    return message(b"E", report_fields(severity, sqlstate, text, detail=detail, hint=hint, position=position))


def notice_response(
    severity: str, sqlstate: str, text: str, *, detail: str | None = None, hint: str | None = None
) -> bytes:
    """NoticeResponse; `severity` is WARNING, NOTICE, INFO, LOG or DEBUG."""
    return message(b"N", report_fields(severity, sqlstate, text, detail=detail, hint=hint))


def report_fields(  # noqa: PLR0913  the fields of an error report
    severity: str,
    sqlstate: str,
    text: str,
    *,
    detail: str | None = None,
    hint: str | None = None,
    position: int | None = None,
    routine: str | None = None,
) -> bytes:
    """The payload of an ErrorResponse or NoticeResponse ("Error and Notice Message Fields")."""
    fields = [("S", severity), ("V", severity), ("C", sqlstate), ("M", text), ("D", detail), ("H", hint)]
    fields.append(("R", routine))
    if position is not None:
        fields.append(("P", str(position)))
    # a zero byte would end the field early and let its tail be read as fields
    parts = (code + value.replace("\0", "\N{REPLACEMENT CHARACTER}") for code, value in fields if value is not None)
    return "".join(part + "\0" for part in parts).encode(errors="replace") + b"\0"


def parse_report(payload: bytes) -> dict[str, str]:
    """The fields of an ErrorResponse or NoticeResponse by their one-letter codes."""
    fields: dict[str, str] = {}
    offset = 0
    while offset < len(payload) and payload[offset]:
        value, after = string_at(payload, offset + 1)
        fields[chr(payload[offset])] = value
        offset = after
    return fields
