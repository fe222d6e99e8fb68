"""Build and parse the packets of MySQL's login: greeting, request for TLS, response, change of the authentication method.

Owns their byte layouts (MySQL's developer documentation, "Connection Phase Packets"; MariaDB's, "Connecting"). Pure
functions on payloads; a malformed one raises ProtocolViolation. May not do: keep state, decide, encrypt.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from proxy.mysql.wire.capabilities import MYSQL_BITS, Capability
from proxy.mysql.wire.packets import (
    EOF,
    ERR,
    MORE_DATA,
    ProtocolViolation,
    lenenc_string,
    read_fixed,
    read_int,
    read_lenenc_int,
    read_lenenc_string,
    read_zero_string,
)

PROTOCOL_VERSION: Final = 10
NONCE_SIZE: Final = 20
NATIVE: Final = "mysql_native_password"
CACHING_SHA2: Final = "caching_sha2_password"
SHA256: Final = "sha256_password"
ED25519: Final = "client_ed25519"
PARSEC: Final = "parsec"
CLEAR: Final = "mysql_clear_password"
DIALOG: Final = "dialog"
ANY: Final = "louver_any"
"""No method has this name: a server that is told it answers with the one that it wants, and with a nonce for it."""

_RESPONSE_SIZE: Final = 32  # bytes of a response up to the user name, and all of a request for TLS


@dataclass(frozen=True, slots=True)
class Greeting:
    """HandshakeV10, what the server says first. `nonce` has 20 bytes; `plugin` is its default authentication method."""

    version: str
    thread_id: int
    nonce: bytes = field(repr=False)
    capabilities: Capability
    charset: int
    status: int
    plugin: str

    @property
    def mariadb(self) -> bool:
        """Whether the server is a MariaDB."""
        return "mariadb" in self.version.lower()


@dataclass(frozen=True, slots=True)
class Response:
    """HandshakeResponse41, what the client answers. `charset` is the number of a collation, `database` None without one.

    `capabilities` are as the client sent them. `attributes` are in its order, in its character set.
    """

    capabilities: Capability
    max_packet: int
    charset: int
    user: bytes
    auth: bytes = field(repr=False)
    database: bytes | None
    plugin: str
    attributes: tuple[tuple[bytes, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class SSLRequest:
    """The head of a response, alone: the client asks for TLS and sends the whole of it again inside."""

    capabilities: Capability


def parse_greeting(payload: bytes) -> Greeting:
    """Read a HandshakeV10. Raises ProtocolViolation, also for a server from before 4.1."""
    version, position = read_int(payload, 0, 1)
    if version != PROTOCOL_VERSION:
        raise ProtocolViolation(f"the server speaks protocol version {version}, not {PROTOCOL_VERSION}")
    server, position = read_zero_string(payload, position)
    thread_id, position = read_int(payload, position, 4)
    nonce, position = read_fixed(payload, position, 8)
    low, position = read_int(payload, position + 1, 2)
    charset, position = read_int(payload, position, 1)
    status, position = read_int(payload, position, 2)
    high, position = read_int(payload, position, 2)
    size, position = read_int(payload, position, 1)
    reserved, position = read_fixed(payload, position, 10)
    capabilities = low | high << 16
    if not capabilities & Capability.LONG_PASSWORD:
        capabilities |= int.from_bytes(reserved[6:], "little") << 32
    if not capabilities & Capability.SECURE_CONNECTION:
        raise ProtocolViolation("the server is older than MySQL 4.1")
    rest, position = read_fixed(payload, position, max(13, size - 8))
    plugin = NATIVE.encode()
    if capabilities & Capability.PLUGIN_AUTH:
        end = payload.find(0, position)  # some servers leave out the zero byte
        plugin = payload[position : end if end >= 0 else len(payload)]
    return Greeting(
        server.decode("utf-8", "replace"),
        thread_id,
        (nonce + rest)[:NONCE_SIZE],
        Capability(capabilities),
        charset,
        status,
        _plugin_name(plugin),
    )


def greeting(said: Greeting) -> bytes:
    """Write a HandshakeV10."""
    bits = int(said.capabilities)
    reserved = bytes(6) + (bits >> 32).to_bytes(4, "little")
    if said.capabilities & Capability.LONG_PASSWORD:
        reserved = bytes(10)
    return b"".join(
        (
            bytes((PROTOCOL_VERSION,)),
            said.version.encode() + b"\0",
            said.thread_id.to_bytes(4, "little"),
            said.nonce[:8] + b"\0",
            (bits & 0xFFFF).to_bytes(2, "little"),
            bytes((said.charset,)),
            said.status.to_bytes(2, "little"),
            (bits >> 16 & 0xFFFF).to_bytes(2, "little"),
            bytes((len(said.nonce) + 1,)),
            reserved,
            said.nonce[8:] + b"\0",
            said.plugin.encode() + b"\0",
        )
    )


def _head(capabilities: Capability, max_packet: int, charset: int) -> bytes:
    bits = int(capabilities)
    extended = b"" if capabilities & Capability.LONG_PASSWORD else (bits >> 32).to_bytes(4, "little")
    return b"".join(
        (
            (bits & MYSQL_BITS).to_bytes(4, "little"),
            max_packet.to_bytes(4, "little"),
            bytes((charset,)),
            bytes(19) + (extended or bytes(4)),
        )
    )


def ssl_request(capabilities: Capability, max_packet: int, charset: int) -> bytes:
    """Write an SSLRequest."""
    return _head(capabilities, max_packet, charset)


def response(said: Response) -> bytes:
    """Write a HandshakeResponse41, in the form that its capabilities say."""
    bits = said.capabilities
    parts = [_head(bits, said.max_packet, said.charset), said.user + b"\0"]
    if bits & Capability.PLUGIN_AUTH_LENENC_CLIENT_DATA:
        parts.append(lenenc_string(said.auth))
    elif len(said.auth) < 1 << 8:
        parts.append(bytes((len(said.auth),)) + said.auth)
    else:
        raise ProtocolViolation("an authentication response of more than 255 bytes does not fit this handshake")
    if bits & Capability.CONNECT_WITH_DB:
        parts.append((said.database or b"") + b"\0")
    if bits & Capability.PLUGIN_AUTH:
        parts.append(said.plugin.encode() + b"\0")
    if bits & Capability.CONNECT_ATTRS:
        parts.append(lenenc_string(b"".join(lenenc_string(k) + lenenc_string(v) for k, v in said.attributes)))
    return b"".join(parts)


def parse_response(payload: bytes) -> SSLRequest | Response:
    """Read what a client answers to a greeting. Raises ProtocolViolation."""
    low, position = read_int(payload, 0, 4)
    capabilities = Capability(low)
    if not capabilities & Capability.PROTOCOL_41:
        raise ProtocolViolation("the client speaks the protocol of before MySQL 4.1", errno=1043)
    max_packet, position = read_int(payload, position, 4)
    charset, position = read_int(payload, position, 1)
    filler, position = read_fixed(payload, position, 23)
    if not capabilities & Capability.LONG_PASSWORD:
        capabilities |= Capability(int.from_bytes(filler[19:], "little") << 32)
    if capabilities & Capability.SSL and len(payload) == _RESPONSE_SIZE:
        return SSLRequest(capabilities)
    user, position = read_zero_string(payload, position)
    auth, position = _read_auth(capabilities, payload, position)
    database: bytes | None = None
    if capabilities & Capability.CONNECT_WITH_DB:
        found, position = read_zero_string(payload, position)
        database = found or None
    plugin = NATIVE
    if capabilities & Capability.PLUGIN_AUTH and position < len(payload):
        end = payload.find(0, position)
        end = len(payload) if end < 0 else end
        plugin = _plugin_name(payload[position:end])
        position = end + 1
    attributes: tuple[tuple[bytes, bytes], ...] = ()
    if capabilities & Capability.CONNECT_ATTRS and position < len(payload):
        attributes = _read_attributes(payload, position)
    return Response(capabilities, max_packet, charset, user, auth, database, plugin, attributes)


def parse_change_user(payload: bytes, before: Response) -> Response:
    """Read a COM_CHANGE_USER; what it does not say is as it was `before`. Raises ProtocolViolation."""
    capabilities = before.capabilities & ~Capability.CONNECT_WITH_DB
    user, position = read_zero_string(payload, 1)
    size, position = read_int(payload, position, 1)
    auth, position = read_fixed(payload, position, size)
    database, position = read_zero_string(payload, position)
    charset, plugin = before.charset, NATIVE
    if position < len(payload):
        number, position = read_int(payload, position, 2)
        charset = number if number < 1 << 8 else charset  # the login's packet has one byte for it
    if capabilities & Capability.PLUGIN_AUTH and position < len(payload):
        name, position = read_zero_string(payload, position)
        plugin = _plugin_name(name)
    attributes = before.attributes
    if capabilities & Capability.CONNECT_ATTRS and position < len(payload):
        attributes = _read_attributes(payload, position)
    if database:
        capabilities |= Capability.CONNECT_WITH_DB
    return Response(capabilities, before.max_packet, charset, user, auth, database or None, plugin, attributes)


def _read_auth(capabilities: Capability, payload: bytes, position: int) -> tuple[bytes, int]:
    if capabilities & Capability.PLUGIN_AUTH_LENENC_CLIENT_DATA:
        return read_lenenc_string(payload, position)
    if capabilities & Capability.SECURE_CONNECTION:
        size, position = read_int(payload, position, 1)
        return read_fixed(payload, position, size)
    return read_zero_string(payload, position)


def _read_attributes(payload: bytes, position: int) -> tuple[tuple[bytes, bytes], ...]:
    size, position = read_lenenc_int(payload, position)
    end = position + size
    if end > len(payload):
        raise ProtocolViolation("a packet ends within the connection attributes")
    found: list[tuple[bytes, bytes]] = []
    while position < end:
        name, position = read_lenenc_string(payload, position)
        value, position = read_lenenc_string(payload, position)
        found.append((name, value))
    return tuple(found)


def auth_switch(plugin: str, data: bytes) -> bytes:
    """Write an AuthSwitchRequest: go on by this method. `data` is its nonce, as the server wrote it."""
    return bytes((EOF,)) + plugin.encode() + b"\0" + data


def parse_auth_switch(payload: bytes) -> tuple[str, bytes]:
    """Read an AuthSwitchRequest: the method and its data. Raises ProtocolViolation, also for that of before 4.1."""
    if len(payload) < 2:
        raise ProtocolViolation("the server asks for mysql_old_password, the method of before MySQL 4.1", errno=1251)
    plugin, position = read_zero_string(payload, 1)
    return _plugin_name(plugin), payload[position:]


def more_data(data: bytes) -> bytes:
    """Write an AuthMoreData packet."""
    return bytes((MORE_DATA,)) + data


def _plugin_name(name: bytes) -> str:
    try:
        return name.decode("ascii")
    except UnicodeDecodeError:
        raise ProtocolViolation("the name of an authentication method is not ASCII") from None


@dataclass(frozen=True, slots=True)
class Report:
    """An ERR packet: the error's number, its SQLSTATE (five characters) and its message."""

    errno: int
    sqlstate: str
    message: bytes


def error(errno: int, sqlstate: str, message: str | bytes) -> bytes:
    """Write an ERR packet."""
    text = message.encode() if isinstance(message, str) else message
    return bytes((ERR,)) + errno.to_bytes(2, "little") + b"#" + sqlstate.encode() + text


def parse_error(payload: bytes) -> Report:
    """Read an ERR packet; one sent in place of a greeting has no SQLSTATE, then it is HY000. Raises ProtocolViolation."""
    errno, position = read_int(payload, 1, 2)
    if payload[position : position + 1] != b"#":
        return Report(errno, "HY000", payload[position:])
    sqlstate, position = read_fixed(payload, position + 1, 5)
    return Report(errno, sqlstate.decode("ascii", "replace"), payload[position:])
