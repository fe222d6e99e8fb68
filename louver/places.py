"""Where Louver is reached and what it reaches: the sections of the settings file about servers.

Owns their keys with defaults and units. May not do: read a file, open a socket.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from louver import keys


@dataclass(frozen=True, slots=True)
class Listen:
    """Where clients connect."""

    host: str = field(default="127.0.0.1", metadata=keys.text("address or host name"))
    port: int = field(default=6432, metadata=keys.integer("TCP port; 0 takes a free one", 0, 65535))


@dataclass(frozen=True, slots=True)
class Metrics:
    """Where those who watch ask."""

    host: str = field(default="127.0.0.1", metadata=keys.text("address or host name"))
    port: int = field(default=9432, metadata=keys.integer("TCP port; 0 takes a free one", 0, 65535))


@dataclass(frozen=True, slots=True)
class ServerTls:
    """The certificate shown to clients; with `required`, who comes without TLS is turned away."""

    certificate: Path = field(metadata=keys.file("PEM file, chain included"))
    key: Path = field(metadata=keys.file("PEM file"))
    required: bool = field(default=False, metadata=keys.boolean())


@dataclass(frozen=True, slots=True)
class UpstreamTls:
    """TLS towards the database; the modes mean what libpq's sslmode means."""

    mode: Literal["disable", "prefer", "require", "verify-ca", "verify-full"] = field(
        default="verify-full", metadata=keys.choice("disable", "prefer", "require", "verify-ca", "verify-full")
    )
    ca: Path | None = field(default=None, metadata=keys.file("PEM file of trusted authorities; none: the system's"))
    certificate: Path | None = field(default=None, metadata=keys.file("PEM file"))
    key: Path | None = field(default=None, metadata=keys.file("PEM file"))


@dataclass(frozen=True, slots=True)
class Upstream:
    """The database, and the service account that Louver uses there."""

    user: str = field(metadata=keys.text("database role"))
    host: str = field(default="127.0.0.1", metadata=keys.text("address or host name"))
    port: int = field(default=0, metadata=keys.integer("TCP port; 0 is the protocol's own", 0, 65535))
    tls: UpstreamTls = field(default_factory=UpstreamTls, metadata=keys.section(UpstreamTls))
    connect_seconds: float = field(default=5.0, metadata=keys.number("seconds", 0.1, 600))
    password: str | None = field(default=None, repr=False, metadata=keys.secret())
    password_file: Path | None = field(default=None, metadata=keys.file("file of one line"))
    password_env: str | None = field(default=None, metadata=keys.text("name of an environment variable"))
