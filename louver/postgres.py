"""PostgreSQL's part of the composition: its front, and Louver's own look at its databases.

Owns putting them together from the configuration. May not do: any work of the parts.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from audit import record
from audit.writer import AuditUnavailable
from proxy.postgres import introspection
from proxy.postgres.cancel import CancelRegistry
from proxy.postgres.catalogs import PostgresCatalogs
from proxy.postgres.front import PostgresFront
from proxy.postgres.gate import PostgresGate
from proxy.postgres.login import PostgresLoginSettings
from proxy.postgres.watch import Watch

if TYPE_CHECKING:
    from audit.writer import Trail
    from louver.configuration import Parts
    from policies.model import ColumnName
    from proxy.postgres.book import Kept
    from proxy.postgres.labelling import Told
    from proxy.postgres.ledger import Ledger
    from rewriter.postgres.catalog import Catalog

log = logging.getLogger(__name__)

_CATALOG_SECONDS = 60.0  # a catalog of 100,000 columns takes a few seconds; a database that hangs takes forever


def connection_settings(parts: Parts, database: str) -> dict[str, Any]:
    """Return the arguments of asyncpg.connect for Louver's own look at `database`, as the service account."""
    upstream = parts.settings.upstream
    tls = parts.login.upstream.tls
    return {
        "host": upstream.host,
        "port": upstream.port,
        "user": upstream.user,
        "password": upstream.password or "",  # None would make asyncpg look into the environment
        "database": database,
        "ssl": {"disable": False, "prefer": "prefer"}.get(tls.mode, tls.context),
        "timeout": upstream.connect_seconds,
        "server_settings": {"application_name": "louver"},
    }


def catalogs(parts: Parts, ledger: Ledger, told: Told = lambda _database, _kept, _sources: None) -> PostgresCatalogs:
    """Build the knowledge of what the upstream's databases hold, read as the service account."""

    async def read(database: str, revision: int) -> Catalog:
        async with asyncio.timeout(_CATALOG_SECONDS):
            return await introspection.read_catalog(connection_settings(parts, database), revision)

    return PostgresCatalogs(parts.policies, read, ledger=ledger, told=told)


def front(parts: Parts, trail: Trail, ledger: Ledger) -> PostgresFront:
    """Build the front of a PostgreSQL."""
    settings = parts.settings
    known = catalogs(parts, ledger, _teller(trail))
    assert isinstance(parts.login, PostgresLoginSettings)
    return PostgresFront(
        parts.login,
        users=parts.users,
        cancels=CancelRegistry(),
        gate=PostgresGate(
            parts.policies,
            parts.key,
            analysed_bytes=settings.limits.analysed_bytes,
            whole_text=settings.audit.statement_text == "whole",
            notices=settings.notices,
        ),
        catalogs=known,
        watch=Watch(known, lambda database: connection_settings(parts, database)),
        statement_bytes=settings.limits.statement_bytes,
    )


def _teller(trail: Trail) -> Told:
    """What writes into the trail that a column has got a label."""

    def tell(database: str, kept: Kept, sources: tuple[ColumnName, ...]) -> None:
        try:
            trail.append(
                record.labelled(
                    database=database,
                    column=str(kept.column),
                    category=kept.label.category,
                    level=kept.label.level,
                    why=kept.why,
                    sources=[str(source) for source in sources],
                    principal=kept.by or None,
                )
            )
        except AuditUnavailable as error:  # the ledger has it; statements are refused anyhow
            log.error("that %s is labelled is not recorded: %s", kept.column, error)  # noqa: TRY400  no trace worth reading

    return tell
