"""The proxy compacts old segments of its own trail: `audit.compact_days`, in a process of its own that stands back for everything else.

Owns when it is done, the process, and its end with the proxy's: it lives as long as the pipe that the proxy holds. It may be killed at any
moment (audit.compaction). Its memory is bounded, and it takes one processor, and that when nobody else wants it.
May not do: the work itself.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from audit import compaction
from audit.search import written
from audit.signing import KeyFileError, Signer

if TYPE_CHECKING:
    from collections.abc import Sequence

log = logging.getLogger(__name__)

_EVERY: Final = 3600.0
"""Seconds between two looks: a segment is compacted within an hour of its time."""
_LEAST: Final = 19
"""How far the process stands back, as nice(1) has it: it gets what nobody else wants."""
_MEMORY: Final = "256MB"
"""Of DuckDB; what a large segment needs more goes to the disk."""
_FAILED: Final = 1


async def compact_for_ever(directory: Path, days: float, signing_key: Path | None) -> None:
    """Have segments compacted each hour, beginning now, that were closed so many days ago. Ends by being cancelled; the process with it."""
    while True:
        try:
            await _compact(directory, days, signing_key)
        except OSError as error:
            log.error("audit: old segments are not compacted: %s", error)  # noqa: TRY400  it has no trace worth reading
        await asyncio.sleep(_EVERY)


async def _compact(directory: Path, days: float, signing_key: Path | None) -> None:
    before = written(datetime.now(UTC) - timedelta(days=days))
    if not await asyncio.to_thread(compaction.candidates, directory, before):
        return
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",  # nothing is imported from where the proxy happens to stand
        "-m",
        __name__,
        str(directory),
        before,
        str(signing_key or ""),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        said = (await process.stdout.read()).decode(errors="replace").strip()  # its pipe stays open meanwhile
        ended = await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        process.stdin.close()
    level = logging.ERROR if ended else logging.INFO
    for line in said.splitlines() or ([f"the process ended with {ended}"] if ended else []):
        log.log(level, "audit: %s", line)


def main(arguments: Sequence[str]) -> int:
    """Compact what was closed before a moment: the directory, the moment, the key. Says on standard output what was done."""
    where, before, key = arguments
    threading.Thread(target=_end_with_the_proxy, daemon=True).start()
    os.nice(_LEAST)
    try:
        signer = Signer.read(Path(key)) if key else None
        with compaction.alone(Path(where), patient=True):
            done, failed = compaction.compact_all(Path(where), before, signer, threads=1, memory=_MEMORY)
    except (OSError, KeyFileError, compaction.CompactionError) as error:
        done, failed = [], [str(error)]
    said = [f"{len(done)} segments compacted: {sum(b for b, _ in done)} bytes are {sum(a for _, a in done)} now"]
    sys.stdout.write("\n".join([*(said if done else []), *failed]) + "\n")
    sys.stdout.flush()
    return _FAILED if failed else 0


def _end_with_the_proxy() -> None:
    """End this process when nobody holds the other end of the pipe any more, however the proxy has ended."""
    while os.read(0, 1):
        pass
    os._exit(_FAILED)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
