"""Where the trail is shipped: the section `ship` of the settings file.

Owns its keys with defaults and units, and the mistakes that span several of them. May not do: read a file, open a socket. Secrets are
read when something is shipped, so that the proxy needs none of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urlsplit

from louver import keys
from proxy.upstream import is_loopback

if TYPE_CHECKING:
    from collections.abc import Iterator

Format = Literal["json", "ocsf", "cef"]
Facility = Literal[
    "audit", "auth", "authpriv", "user", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"
]

Mistake = tuple[str, str, str | None]
"""Key, message and hint."""

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")  # it becomes the name of a file


@dataclass(frozen=True, slots=True)
class SyslogShip:
    """A receiver of syslog over TLS."""

    host: str = field(metadata=keys.text("host name"))
    port: int = field(default=6514, metadata=keys.integer("TCP port", 1, 65535))
    format: Format = field(default="json", metadata=keys.choice("json", "ocsf", "cef"))
    encryption: Literal["tls", "none"] = field(default="tls", metadata=keys.choice("tls", "none"))
    ca: Path | None = field(default=None, metadata=keys.path("PEM file of trusted authorities; none: the system's"))
    certificate: Path | None = field(default=None, metadata=keys.path("PEM file, chain included"))
    key: Path | None = field(default=None, metadata=keys.path("PEM file"))
    facility: Facility = field(
        default="audit",
        metadata=keys.choice(
            "audit", "auth", "authpriv", "user",
            "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
        ),
    )  # fmt: skip
    hostname: str | None = field(default=None, metadata=keys.text("name"))
    message_bytes: int = field(default=8192, metadata=keys.integer("bytes", 2048, 2**24))
    answer_seconds: float = field(default=15.0, metadata=keys.number("seconds", 0.1, 600))


@dataclass(frozen=True, slots=True)
class ClickHouseShip:
    """A database in ClickHouse, reached by HTTP."""

    url: str = field(metadata=keys.text("https://host:8443/database"))
    user: str = field(metadata=keys.text("name"))
    password_file: Path | None = field(default=None, metadata=keys.path("file of one line"))
    password_env: str | None = field(default=None, metadata=keys.text("name of an environment variable"))
    ca: Path | None = field(default=None, metadata=keys.path("PEM file of trusted authorities; none: the system's"))
    certificate: Path | None = field(default=None, metadata=keys.path("PEM file, chain included"))
    key: Path | None = field(default=None, metadata=keys.path("PEM file"))
    answer_seconds: float = field(default=60.0, metadata=keys.number("seconds", 1, 600))


@dataclass(frozen=True, slots=True)
class KafkaShip:
    """A topic of Kafka."""

    servers: tuple[str, ...] = field(metadata=keys.texts("host:port, or a list"))
    topic: str = field(metadata=keys.text("name"))
    format: Format = field(default="json", metadata=keys.choice("json", "ocsf", "cef"))
    encryption: Literal["tls", "none"] = field(default="tls", metadata=keys.choice("tls", "none"))
    ca: Path | None = field(default=None, metadata=keys.path("PEM file of trusted authorities; none: the system's"))
    certificate: Path | None = field(default=None, metadata=keys.path("PEM file, chain included"))
    key: Path | None = field(default=None, metadata=keys.path("PEM file"))
    user: str | None = field(default=None, metadata=keys.text("name"))
    mechanism: Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"] = field(
        default="SCRAM-SHA-512", metadata=keys.choice("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN")
    )
    password_file: Path | None = field(default=None, metadata=keys.path("file of one line"))
    password_env: str | None = field(default=None, metadata=keys.text("name of an environment variable"))
    message_bytes: int = field(default=1_000_000, metadata=keys.integer("bytes", 2048, 2**24))
    answer_seconds: float = field(default=30.0, metadata=keys.number("seconds", 1, 600))


@dataclass(frozen=True, slots=True)
class ShipDestination:
    """One place where records go."""

    name: str = field(metadata=keys.text("name"))
    syslog: SyslogShip | None = field(default=None, metadata=keys.section(SyslogShip))
    clickhouse: ClickHouseShip | None = field(default=None, metadata=keys.section(ClickHouseShip))
    kafka: KafkaShip | None = field(default=None, metadata=keys.section(KafkaShip))


@dataclass(frozen=True, slots=True)
class Ship:
    """Where the trail goes, and where it is remembered how far it has got."""

    destinations: tuple[ShipDestination, ...] = field(metadata=keys.sections(ShipDestination))
    directory: Path | None = field(default=None, metadata=keys.path("directory"))
    trail: str | None = field(default=None, metadata=keys.text("name"))


def mistakes(ship: Ship) -> Iterator[Mistake]:
    """Find what is wrong: key, message and hint of each mistake."""
    if ship.trail is not None and not _NAME.fullmatch(ship.trail):
        yield "trail", f"`{ship.trail}` cannot be the name of a trail", "write lower-case letters, digits, `-` and `_`"
    names = [each.name for each in ship.destinations]
    for index, each in enumerate(ship.destinations):
        place = f"destinations[{index}]."
        if not _NAME.fullmatch(each.name):
            message = f"`{each.name}` cannot be the name of a destination"
            yield f"{place}name", message, "write lower-case letters, digits, `-` and `_`"
        if each.name in names[:index]:
            yield f"{place}name", f"two destinations have the name `{each.name}`", None
        if sum(kind is not None for kind in (each.syslog, each.clickhouse, each.kafka)) != 1:
            yield place, f"the destination `{each.name}` is one of `syslog`, `clickhouse` and `kafka`", None
        if each.syslog is not None:
            yield from _within(f"{place}syslog.", _of_syslog(each.syslog))
        if each.clickhouse is not None:
            yield from _within(f"{place}clickhouse.", _of_clickhouse(each.clickhouse))
        if each.kafka is not None:
            yield from _within(f"{place}kafka.", _of_kafka(each.kafka))


def _within(place: str, found: Iterator[Mistake]) -> Iterator[Mistake]:
    yield from ((f"{place}{key}", message, hint) for key, message, hint in found)


def _of_syslog(syslog: SyslogShip) -> Iterator[Mistake]:
    if syslog.encryption == "none" and not is_loopback(syslog.host):
        message = "`encryption: none` is for a receiver on this machine: records say who read what"
        yield "encryption", message, "leave it out; to relay within a host, name `127.0.0.1`"
    yield from _together(syslog.certificate, syslog.key)


def _of_clickhouse(clickhouse: ClickHouseShip) -> Iterator[Mistake]:
    for message, hint in mistakes_of_url(clickhouse.url):
        yield "url", message, hint
    if clickhouse.password_file is not None and clickhouse.password_env is not None:
        yield "password_env", "`password_file` and `password_env` are both given", "keep one of them"
    yield from _together(clickhouse.certificate, clickhouse.key)


def _of_kafka(kafka: KafkaShip) -> Iterator[Mistake]:
    for server in kafka.servers:
        host, _, port = server.rpartition(":")
        if not host or not port.isdigit() or "," in server:
            yield "servers", f"`{server}` is no server", "write host:port"
        elif kafka.encryption == "none" and not is_loopback(host.strip("[]")):
            message = "`encryption: none` is for brokers on this machine: records say who read what"
            yield "encryption", message, "leave it out"
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,249}", kafka.topic):
        yield "topic", f"`{kafka.topic}` cannot be a topic", None
    if kafka.password_file is not None and kafka.password_env is not None:
        yield "password_env", "`password_file` and `password_env` are both given", "keep one of them"
    if (kafka.user is None) != (kafka.password_file is None and kafka.password_env is None):
        yield "user", "`user` and its password go together", None
    yield from _together(kafka.certificate, kafka.key)


def mistakes_of_url(address: str) -> Iterator[tuple[str, str | None]]:
    """Find what is wrong with the address of a ClickHouse: message and hint."""
    try:
        url = urlsplit(address)
        port = url.port
    except ValueError:
        yield "the address of ClickHouse is none", "write https://host:8443/database"
        return
    if url.username is not None or url.password is not None:
        yield "the address of ClickHouse holds a name or a password", "others can see it there: give them apart"
    elif url.scheme not in {"http", "https"} or not url.hostname or port == 0 or url.query or url.fragment:
        yield f"`{address}` is no address of a ClickHouse", "write https://host:8443/database"
    elif url.scheme == "http" and not is_loopback(url.hostname):
        yield (
            "`http` is for a ClickHouse on this machine: records say who read what",
            "write https://host:8443/database",
        )


def _together(certificate: Path | None, key: Path | None) -> Iterator[Mistake]:
    if (certificate is None) != (key is None):
        yield "certificate", "`certificate` and `key` go together", None
