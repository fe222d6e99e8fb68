"""The composition root: builds the running proxy from its configuration. The one place that knows all parts.

Owns the order of building and of ending. May not do: any work of the parts.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import socket
from functools import partial
from importlib.metadata import version
from time import monotonic
from typing import Any

import uvloop

from audit import record
from audit.sealing import Sealer
from audit.signing import KeyFileError, Signer
from audit.writer import AuditUnavailable, Trail
from louver import descriptors, granted
from louver.configuration import ConfigurationError, Parts, PolicyFiles, TLSFiles, memory, text_readers
from louver.watched import watched
from proxy.front import Front
from proxy.grants.granted import Granted
from proxy.ledger import Ledger, LedgerUnavailable
from proxy.measures.records import MeasuresUnavailable
from proxy.measures.store import MeasureStore
from proxy.measures.watch import MeasureWatch
from proxy.meter import Meter
from proxy.reloading import Reloading
from proxy.server import Server, ServerSettings, run

log = logging.getLogger(__name__)


def serve(parts: Parts) -> None:
    """Run the proxy until it is told to stop. Raises ConfigurationError when it cannot begin."""
    settings = parts.settings
    descriptors.raise_limit()
    short = descriptors.shortage(settings.limits.connections)
    if short is not None:
        log.warning("%s", short)
    audit = settings.audit
    try:
        signer = Signer.read(audit.signing_key) if audit.signing_key else None
        readers = text_readers(settings)
        trail = Trail.open(
            audit.directory,
            segment_bytes=audit.segment_bytes,
            segment_seconds=round(audit.segment_hours * 3600),
            fsync=audit.sync,
            signer=signer,
            lenient=audit.unavailable == "pass",
        )
    except (AuditUnavailable, KeyFileError) as error:
        raise ConfigurationError([str(error)]) from None
    reason = "fault"
    ledger = None
    try:
        ledger = Ledger.open(settings.labels_file)  # the lock of the trail makes us the only one who has it open
        sealer = Sealer(readers, trail) if readers else None
        uvloop.run(_run(parts, trail, ledger, signer, sealer))
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


async def _run(parts: Parts, trail: Trail, ledger: Ledger, signer: Signer | None, sealer: Sealer | None) -> None:
    """Build the server and serve."""
    settings = parts.settings
    name = settings.name or socket.gethostname()
    files = PolicyFiles(settings, parts.policies)
    grants = Granted(monotonic)
    meter = Meter()
    front = _front(parts, trail, ledger, grants)
    server = Server(
        ServerSettings(
            host=settings.listen.host,
            port=settings.listen.port,
            connections=settings.limits.connections,
            connections_per_user=settings.limits.connections_per_user,
            idle_seconds=settings.limits.idle_seconds,
            drain_seconds=settings.drain_seconds,
            timezone=settings.timezone,
            name=name,
        ),
        front=front,
        trail=trail,
        reloading=Reloading(
            front,
            trail,
            meter,
            vocabulary=parts.policies.vocabulary,
            load_policies=files.load,
            policies_changed=files.changed,
            certificates=None if parts.login.tls is None else TLSFiles(settings, parts.login.tls),
        ),
        people=parts.people,
        granted=grants,
        grant_watch=granted.watch(settings, grants, trail),
        memory=memory(settings, sealer),
        measures=parts.measures,
        measure_watch=_watch_measures(parts, trail),
        meter=meter,
    )

    def ready(port: int) -> None:
        address = f"{settings.listen.host}:{port}"
        trail.append(
            record.started(
                version=version("louver"),
                address=address,
                policy=parts.policies.revision,
                config=str(settings.policies),
                proxy=name,
            )
        )
        trail.flush()
        upstream = parts.login.upstream
        log.info("listening on %s for %s, policies %s", address, upstream, parts.policies.revision)

    # What is loaded by now lives as long as the process; the collector need not walk over it again and again.
    gc.collect()
    gc.freeze()
    async with contextlib.AsyncExitStack() as beside:
        await beside.enter_async_context(watched(parts, server, meter, trail))
        if settings.audit.retention_days:
            from louver.retiring import retire_for_ever

            days = settings.audit.retention_days
            retiring = asyncio.create_task(retire_for_ever(trail, settings.audit.directory, days, signer))
            beside.callback(retiring.cancel)
        if settings.audit.compact_days:
            from louver.compacting import compact_for_ever

            audit = settings.audit
            compacting = asyncio.create_task(compact_for_ever(audit.directory, audit.compact_days, audit.signing_key))
            beside.push_async_callback(_ended, compacting)
        await run(server, ready)


async def _ended(task: asyncio.Task[None]) -> None:
    """End a task that goes on for ever, and what it has begun."""
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def _front(parts: Parts, trail: Trail, ledger: Ledger, grants: Granted) -> Front[Any]:
    """What speaks the protocol; of the two only the one that is served is loaded, for the other would take a third of the start."""
    if parts.settings.protocol == "mysql":
        from louver import mysql

        return mysql.front(parts, trail, ledger, grants, parts.measures)
    from louver import postgres

    return postgres.front(parts, trail, ledger, grants, parts.measures)


def _watch_measures(parts: Parts, trail: Trail) -> MeasureWatch | None:
    """What follows the measures of the alerts; None where there are none. Raises ConfigurationError."""
    settings = parts.settings
    if settings.alerts is None:
        return None
    opened = partial(MeasureStore.open, settings.alerts.directory)
    watch = MeasureWatch(opened, parts.measures, trail, str(settings.audit.directory))
    try:
        watch.begin()  # before anybody is let in: who is suspended stays so
    except MeasuresUnavailable as error:
        raise ConfigurationError([str(error)]) from None
    return watch
