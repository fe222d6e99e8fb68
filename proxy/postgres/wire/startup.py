"""The client's first words: encryption requests, cancel requests and the startup message, and what Louver asks of them.

Owns the order of the startup phase (PostgreSQL manual, "Start-up", "SSL Session Encryption", "Canceling Requests in
Progress") and the conditions that every session must meet because the reading of SQL relies on them. Pure: dialogues
and functions. May not do: authenticate, touch a socket.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from proxy.postgres.wire import messages
from proxy.postgres.wire.dialogue import (
    Dialogue,
    DialogueError,
    ReadAnswer,
    ReadFirstByte,
    ReadStartupPacket,
    Send,
    Side,
    StartTLS,
)
from proxy.postgres.wire.options import parse_options

TLS_HANDSHAKE = 0x16  # the record type a TLS client begins with; no startup packet can begin with it (length <= 10,000)
ALPN = "postgresql"
NAME_LIMIT = 63  # bytes: longer names the server would cut, and they would then be another's

_PINNED = {"client_encoding": "UTF8", "standard_conforming_strings": "on"}
_REFUSED = (
    *("session_replication_role", "session_authorization"),
    *("debug_print_parse", "debug_print_rewritten", "debug_print_plan", "trace_sort"),  # they show hidden values' marks
)


@dataclass(frozen=True, slots=True)
class Startup:
    """A startup message that passed the checks.

    `version` is the protocol version spoken with the client from here on. `parameters` are what goes to the database
    besides user and database: `options` taken apart, client_encoding and standard_conforming_strings pinned.
    """

    version: int
    user: str
    database: str
    parameters: Mapping[str, str]
    tls: bool

    @property
    def application(self) -> str:
        """The application_name given, or the empty string."""
        return next((v for n, v in self.parameters.items() if n.lower() == "application_name"), "")


def greet(*, tls_offered: bool, tls_required: bool) -> Dialogue[Startup | messages.CancelRequest]:
    """Follow the client up to its StartupMessage or CancelRequest. Raises DialogueError, MalformedMessage."""
    tls = tls_asked = gss_asked = False
    if (yield ReadFirstByte()) == TLS_HANDSHAKE:
        yield from _direct_tls(tls_offered)
        tls = tls_asked = True
    while True:
        packet = messages.parse_startup_packet((yield ReadStartupPacket()))
        if isinstance(packet, messages.SSLRequest):
            if tls_asked:
                raise DialogueError("08P01", "louver: TLS was asked for twice")
            tls_asked = True
            if tls_offered:
                yield Send(Side.CLIENT, b"S")
                yield StartTLS(Side.CLIENT)
                tls = True
            else:
                yield Send(Side.CLIENT, b"N")
        elif isinstance(packet, messages.GSSENCRequest):
            if tls or gss_asked:
                raise DialogueError("08P01", "louver: GSSAPI encryption was asked for out of turn")
            gss_asked = True
            yield Send(Side.CLIENT, b"N")
        elif isinstance(packet, messages.CancelRequest):
            return packet
        else:
            return (yield from _accept(packet, tls=tls, tls_required=tls_required))


def _direct_tls(tls_offered: bool) -> Dialogue[None]:
    """TLS from the first byte (sslnegotiation=direct), which must name its protocol so that no other can be meant."""
    if not tls_offered:
        raise DialogueError("08P01", "louver: TLS is not set up here, and the client began with it", told=True)
    if (yield StartTLS(Side.CLIENT, direct=True)) != ALPN:
        raise DialogueError("08P01", "louver: direct TLS without the ALPN protocol `postgresql`")


def _accept(packet: messages.StartupMessage, *, tls: bool, tls_required: bool) -> Dialogue[Startup]:
    major, minor = packet.version >> 16, packet.version & 0xFFFF
    if major != 3:
        raise DialogueError(
            "0A000",
            f"unsupported frontend protocol {major}.{minor}: louver speaks 3.0 to 3.2",
            hint="Use a client that speaks protocol 3, as all have since PostgreSQL 7.4.",
        )
    unknown = tuple(name for name in packet.parameters if name.startswith("_pq_."))
    version = min(packet.version, messages.VERSION_3_2)
    if unknown or version < packet.version:
        yield Send(Side.CLIENT, messages.negotiate_protocol_version(version, unknown))
    if tls_required and not tls:
        raise DialogueError(
            "28000", "louver: only connections with TLS are accepted here", hint="Connect with sslmode=require."
        )
    asked = {name: value for name, value in packet.parameters.items() if name not in unknown}
    user = asked.pop("user", "")
    database = asked.pop("database", "") or user
    _check_names(user, database)
    if asked.pop("replication", "false").lower() not in ("false", "off", "no", "0", "f", "n", "of"):
        raise DialogueError(
            "0A000",
            "louver: replication connections are not let through, for what they carry cannot be masked",
            hint="Connect replicas and backup tools to the database itself.",
        )
    return Startup(version, user, database, session_parameters(asked), tls)


def _check_names(user: str, database: str) -> None:
    if not user:
        raise DialogueError("28000", "no PostgreSQL user name specified in startup packet")
    for what, name in (("user", user), ("database", database)):
        if len(name.encode()) > NAME_LIMIT:
            raise DialogueError("42622", f"louver: the {what} name is longer than {NAME_LIMIT} bytes")


def session_parameters(asked: Mapping[str, str]) -> dict[str, str]:
    """The run-time parameters to give the database for those the client asked for. Raises DialogueError.

    `options` is taken apart and never passed on, so that the server cannot read it otherwise than we did. A parameter
    of its own wins over the same one in `options`, as on the server.
    """
    found = dict(parse_options(asked.get("options", "")))
    given = {name.lower() for name in asked}
    found = {name: value for name, value in found.items() if name.lower() not in given}
    found |= {name: value for name, value in asked.items() if name != "options"}
    for name, value in found.items():
        _check_parameter(name.lower(), value)
    return {name: value for name, value in found.items() if name.lower() not in _PINNED} | _PINNED


def _check_parameter(name: str, value: str) -> None:
    if name == "client_encoding" and _encoding_name(value) not in ("utf8", "unicode"):
        raise DialogueError(
            "0A000",
            f"louver: client_encoding must be UTF8, not {value!r}",
            hint="Set PGCLIENTENCODING=UTF8 or client_encoding=UTF8 in the connection settings.",
        )
    if name == "standard_conforming_strings" and value.lower() not in ("on", "true", "yes", "1", "t", "tr", "y"):
        raise DialogueError(
            "0A000",
            "louver: standard_conforming_strings must stay on",
            hint="Write backslash escapes as E'...' strings instead.",
        )
    if name.startswith("louver."):
        raise DialogueError("42501", f"louver: the parameter {name} belongs to the proxy and cannot be set")
    if name in _REFUSED:
        raise DialogueError("42501", f"louver: {name} cannot be set through the proxy", hint="Leave it out.")


def _encoding_name(value: str) -> str:
    """As the server compares encoding names: letters and digits only, in lower case."""
    return "".join(c for c in value.lower() if c.isascii() and c.isalnum())


def ask_upstream_tls(*, required: bool) -> Dialogue[bool]:
    """Ask the database for TLS. True when the connection has it; raises DialogueError when it must and cannot."""
    yield Send(Side.UPSTREAM, messages.ssl_request())
    answer = yield ReadAnswer()
    if answer == b"S":
        yield StartTLS(Side.UPSTREAM)
        return True
    if answer == b"N" and not required:
        return False
    what = "has TLS switched off" if answer == b"N" else "does not know TLS requests"
    raise DialogueError(
        "08001",
        "louver: the connection to the database cannot be encrypted as its settings demand",
        log=f"the database {what}",
    )
