"""Which database discovery looks at, and by which account: from a URL, or from the configuration.

Owns the reading of URLs. A password is never shown.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import parse_qs, unquote, urlsplit

from louver.settings import PORTS
from proxy import tls
from proxy.upstream import Upstream

if TYPE_CHECKING:
    from louver.configuration import Parts

_SCHEMES: Final[dict[str, Literal["postgresql", "mysql"]]] = {
    "postgresql": "postgresql",
    "postgres": "postgresql",
    "mysql": "mysql",
    "mariadb": "mysql",
}
_MODES: Final = ("disable", "prefer", "require", "verify-ca", "verify-full")
_OPTIONS: Final = ("sslmode", "sslrootcert", "sslcert", "sslkey")
_LOCAL: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_CONNECT_SECONDS: Final = 10.0


class TargetError(Exception):
    """The URL cannot be used; the message says why, without a password."""


@dataclass(frozen=True, slots=True)
class Target:
    """A database: the server, the account, and the database; on MySQL and MariaDB an empty one is every schema."""

    protocol: Literal["postgresql", "mysql"]
    upstream: Upstream
    user: str
    database: str
    password: str = field(repr=False)

    def __str__(self) -> str:
        return f"{self.database or 'every schema'} at {self.upstream}"


def from_url(url: str) -> Target:
    """Read `postgresql://user:password@host:port/database?sslmode=...`, or the same with mysql or mariadb. Raises TargetError.

    TLS as libpq has it; without `sslmode` it is `verify-full`, to this machine itself `prefer`.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise TargetError("the URL cannot be read: write postgresql://user@host:port/database") from None
    protocol = _SCHEMES.get(parts.scheme)
    if protocol is None:
        raise TargetError(f"a URL begins with {', '.join(f'{scheme}://' for scheme in _SCHEMES)}")
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    unknown = sorted(set(options) - set(_OPTIONS))
    if unknown:
        raise TargetError(f"the URL has an option that is not known: {unknown[0]}; known are {', '.join(_OPTIONS)}")
    host = unquote(parts.hostname or "localhost")
    mode = options.get("sslmode", "prefer" if host in _LOCAL or host.startswith("/") else "verify-full")
    if mode not in _MODES:
        raise TargetError(f"`sslmode` is one of {', '.join(_MODES)}")
    database = unquote(parts.path.lstrip("/"))
    if protocol == "postgresql" and not database:
        raise TargetError("the URL names no database: write postgresql://user@host/database")
    ca, certificate, key = (Path(options[name]) if name in options else None for name in _OPTIONS[1:])
    alpn = tls.POSTGRESQL if protocol == "postgresql" else None
    try:
        context = tls.upstream_tls(mode, ca, certificate, key, alpn)  # type: ignore[arg-type]  # checked above
    except tls.TLSError as error:
        raise TargetError(str(error)) from None
    upstream = Upstream(host, port or PORTS[protocol], context, _CONNECT_SECONDS, protocol)
    return Target(protocol, upstream, unquote(parts.username or ""), database, unquote(parts.password or ""))


def from_parts(parts: Parts, database: str) -> Target:
    """Take the database that a configuration stands in front of, with its service account."""
    upstream = parts.settings.upstream
    return Target(parts.settings.protocol, parts.login.upstream, upstream.user, database, upstream.password or "")
