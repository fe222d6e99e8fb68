"""The rule by which the proxy removes old segments of its own trail: `audit.retention_days`.

Owns when it looks, and the order: first the record, durable, then the removal. May not do: decide what may go (audit.retention).
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from audit import compaction, record, retention
from audit.blocks import runs
from audit.search import written
from audit.writer import AuditUnavailable

if TYPE_CHECKING:
    from pathlib import Path

    from audit.signing import Signer
    from audit.writer import Trail

log = logging.getLogger(__name__)

_EVERY: Final = 3600.0
"""Seconds between two looks: a segment goes within an hour of its time."""
_SOON: Final = 60.0


async def retire_for_ever(trail: Trail, directory: Path, days: float, signer: Signer | None) -> None:
    """Look each hour, beginning now, for segments that were closed more than so many days ago. Ends by being cancelled."""
    while True:
        try:
            await _retire(trail, directory, days, signer)
        except compaction.CompactionError:  # somebody compacts: it does not take long
            await asyncio.sleep(_SOON)
            continue
        except (OSError, ValueError, AuditUnavailable) as error:
            log.error("audit: old segments are not removed: %s", error)  # noqa: TRY400  it has no trace worth reading
        await asyncio.sleep(_EVERY)


async def _retire(trail: Trail, directory: Path, days: float, signer: Signer | None) -> None:
    """Remove what may go. Raises CompactionError when somebody else takes segments away at this moment."""
    with compaction.alone(directory):
        await _retire_alone(trail, directory, days, signer)


async def _retire_alone(trail: Trail, directory: Path, days: float, signer: Signer | None) -> None:
    now = datetime.now(UTC)
    before = written(now - timedelta(days=days))
    free, held = await asyncio.to_thread(retention.due, directory, before)
    if not free:
        return
    going = list(runs(free))
    trail.append(record.retired(segments=going, before=before, held=held))
    trail.flush()
    await asyncio.to_thread(trail.sync)
    await asyncio.to_thread(retention.retire, directory, free, before, written(now), signer)
    gone = ", ".join(f"{first} to {last}" if first != last else str(first) for first, last in going)
    log.info("audit: segments %s removed, closed before %s; %d as old are held", gone, before, len(held))
