"""The endpoint for those who watch, beside a running proxy.

Owns putting it together from the settings, and its beginning and end. May not do: any work of the parts.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from importlib.metadata import version
from typing import TYPE_CHECKING

from louver.configuration import ConfigurationError, Parts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from audit.writer import Trail
    from proxy.meter import Meter
    from proxy.server import Server

log = logging.getLogger(__name__)


@contextlib.asynccontextmanager
async def watched(parts: Parts, server: Server, meter: Meter, trail: Trail) -> AsyncIterator[None]:
    """Answer those who watch for as long as the context lasts, if the settings say so. Raises ConfigurationError."""
    settings = parts.settings
    if settings.metrics is None:
        yield
        return
    from louver import mysql, postgres  # noqa: PLC0415  who is not watched loads the protocol that is served alone
    from louver.endpoint import Endpoint  # noqa: PLC0415  prometheus-client is there only for those who use it
    from louver.metrics import Sources, registry  # noqa: PLC0415
    from louver.readiness import Readiness, Upstream  # noqa: PLC0415

    upstream = Upstream((mysql if settings.protocol == "mysql" else postgres).Question(parts))
    readiness = Readiness(server, meter, trail, upstream)
    sources = Sources(server, meter, trail, readiness, version("louver"), settings.protocol)
    host = settings.metrics.host
    try:
        endpoint = Endpoint(host, settings.metrics.port, registry(sources), readiness)
    except OSError as error:
        where = f"{host}:{settings.metrics.port}"
        raise ConfigurationError([f"cannot listen on {where} for metrics: {error.strerror or error}"]) from None
    asking = asyncio.get_running_loop().create_task(upstream.run())
    log.info("metrics at http://%s:%d/metrics", f"[{host}]" if ":" in host else host, endpoint.port)
    try:
        yield
    finally:
        asking.cancel()
        await asyncio.wait([asking])
        await asyncio.to_thread(endpoint.close)
