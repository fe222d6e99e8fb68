"""How Louver itself connects to a database: the arguments of the drivers, from the settings of a server.

Owns what the settings mean to asyncpg and PyMySQL, for the service account and for sources of attributes alike. May not do: connect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from proxy import tls
from proxy.upstream import Upstream as Place

if TYPE_CHECKING:
    from louver.places import Upstream

_ALPN = {"postgresql": tls.POSTGRESQL, "mysql": None}


def place(server: Upstream, protocol: str) -> Place:
    """Give the way to a server. Raises proxy.tls.TLSError for certificates that cannot be used."""
    legs = server.tls
    context = tls.upstream_tls(legs.mode, legs.ca, legs.certificate, legs.key, _ALPN[protocol])
    return Place(
        server.host, server.port, context, server.connect_seconds, "mysql" if protocol == "mysql" else "postgresql"
    )


def to_postgres(server: Upstream, way: Place, database: str) -> dict[str, Any]:
    """Return the arguments of asyncpg.connect."""
    return {
        "host": server.host,
        "port": server.port,
        "user": server.user,
        "password": server.password or "",  # None would make asyncpg look into the environment
        "database": database,
        "ssl": {"disable": False, "prefer": "prefer"}.get(way.tls.mode, way.tls.context),
        "timeout": server.connect_seconds,
        "server_settings": {"application_name": "louver"},
    }


def to_mysql(server: Upstream, way: Place) -> dict[str, Any]:
    """Return the arguments of pymysql.connect."""
    options: dict[str, Any] = {
        "user": server.user,
        "password": (server.password or "").encode(),
        "charset": "utf8mb4",
        "connect_timeout": server.connect_seconds,
        "program_name": "louver",
    }
    if way.is_socket:
        return {**options, "unix_socket": server.host}
    options |= {"host": server.host, "port": server.port}
    if way.wants_tls:
        return {**options, "ssl": way.tls.context}
    return {**options, "ssl_disabled": True}
