"""The sources of attributes, from the settings.

Owns their building. May not do: ask them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from louver import connecting, directory
from proxy.ldap.people import LdapSource
from proxy.sources.source import Keeping

if TYPE_CHECKING:
    from louver.knowing import AttributeSource, SqlSource
    from louver.settings import Settings
    from proxy.sources.source import Source


def sources(settings: Settings) -> list[Keeping]:
    """Build the sources, in their order; nothing is connected to yet. Raises proxy.tls.TLSError."""
    return [_keeping(each, settings) for each in settings.attributes]


def _keeping(source: AttributeSource, settings: Settings) -> Keeping:
    if source.sql is not None:
        asked = _sql(source.sql, settings, source.answer_seconds)
    else:
        assert source.ldap is not None
        assert settings.ldap is not None
        asked = LdapSource(directory.search(settings.ldap), directory.taken(source.ldap), source.answer_seconds)
    return Keeping(source.name, asked, source.lifetime_seconds, source.grace_seconds, source.required)


def _sql(sql: SqlSource, settings: Settings, seconds: float) -> Source:
    server, protocol = sql.server or settings.upstream, sql.protocol or settings.protocol
    way = connecting.place(server, protocol)
    if protocol == "postgresql":
        from proxy.sources.postgres import PostgresSource

        account = connecting.to_postgres(server, way, sql.database or "")
        return PostgresSource(account, sql.query, sql.lists, seconds)
    from proxy.sources.mysql import MySQLSource

    account = connecting.to_mysql(server, way)
    return MySQLSource(account | ({"database": sql.database} if sql.database else {}), sql.query, sql.lists, seconds)
