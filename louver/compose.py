"""The composition root: builds the running proxy from its configuration. The one place that knows all parts.

Owns the order of building and of ending. May not do: any work of the parts.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import uvloop

from audit import record
from audit.writer import AuditUnavailable, Trail
from louver import descriptors
from louver.configuration import ConfigurationError, Parts, reload_policies
from proxy import introspection
from proxy.cancel import CancelRegistry
from proxy.ledger import Ledger, LedgerUnavailable
from proxy.postgres_catalogs import PostgresCatalogs
from proxy.postgres_front import PostgresFront
from proxy.postgres_gate import PostgresGate
from proxy.server import Server, ServerSettings, run
from proxy.watch import Watch

if TYPE_CHECKING:
    from policies.model import ColumnName
    from proxy.book import Kept
    from proxy.labelling import Told
    from rewriter.postgres.catalog import Catalog

log = logging.getLogger(__name__)

_CATALOG_SECONDS = 60.0  # a catalog of 100,000 columns takes a few seconds; a database that hangs takes forever


def connection_settings(parts: Parts, database: str) -> dict[str, Any]:
    """Return the arguments of asyncpg.connect for Louver's own look at `database`, as the service account."""
    upstream = parts.settings.upstream
    tls = parts.handshake.upstream.tls
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


def serve(parts: Parts) -> None:
    """Run the proxy until it is told to stop. Raises ConfigurationError when it cannot begin."""
    settings = parts.settings
    descriptors.raise_limit()
    short = descriptors.shortage(settings.limits.connections)
    if short is not None:
        log.warning("%s", short)
    try:
        trail = Trail.open(
            settings.audit.directory, segment_bytes=settings.audit.segment_bytes, fsync=settings.audit.sync
        )
    except AuditUnavailable as error:
        raise ConfigurationError([str(error)]) from None
    reason = "fault"
    ledger = None
    try:
        ledger = Ledger.open(settings.labels_file)  # the lock of the trail makes us the only one who has it open
        uvloop.run(_run(parts, trail, ledger))
        ledger.flush()
        reason = "told to stop"
    except LedgerUnavailable as error:
        raise ConfigurationError([str(error)]) from None
    except OSError as error:
        where = f"{settings.listen.host}:{settings.listen.port}"
        raise ConfigurationError([f"cannot listen on {where}: {error.strerror or error}"]) from None
    finally:
        with contextlib.suppress(AuditUnavailable):
            trail.append(record.stopped(reason=reason))
            trail.flush()
        trail.close()
        if ledger is not None:
            ledger.close()


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


async def _run(parts: Parts, trail: Trail, ledger: Ledger) -> None:
    """Build the server and serve."""
    settings = parts.settings
    whole_text = settings.audit.statement_text == "whole"
    known = catalogs(parts, ledger, _teller(trail))
    server = Server(
        ServerSettings(
            host=settings.listen.host,
            port=settings.listen.port,
            connections=settings.limits.connections,
            connections_per_user=settings.limits.connections_per_user,
            idle_seconds=settings.limits.idle_seconds,
            drain_seconds=settings.drain_seconds,
            timezone=settings.timezone,
        ),
        front=PostgresFront(
            parts.handshake,
            users=parts.users,
            cancels=CancelRegistry(),
            gate=PostgresGate(
                parts.policies,
                parts.key,
                analysed_bytes=settings.limits.analysed_bytes,
                whole_text=whole_text,
                notices=settings.notices,
            ),
            catalogs=known,
            watch=Watch(known, lambda database: connection_settings(parts, database)),
            statement_bytes=settings.limits.statement_bytes,
        ),
        trail=trail,
        load_policies=lambda: reload_policies(settings),
    )

    def ready(port: int) -> None:
        address = f"{settings.listen.host}:{port}"
        trail.append(
            record.started(
                version=version("louver"),
                address=address,
                policy=parts.policies.revision,
                config=str(settings.policies),
            )
        )
        trail.flush()
        upstream = parts.handshake.upstream
        log.info("listening on %s for %s, policies %s", address, upstream, parts.policies.revision)

    # What is loaded by now lives as long as the process; the collector need not walk over it again and again.
    gc.collect()
    gc.freeze()
    await run(server, ready)
