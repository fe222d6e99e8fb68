"""The way out: statements of one turn of the event loop leave together, after one write to the audit.

Owns the order "record, then send" for all sessions of the process. The trail is written once for everything that came
in during the turn, which costs a busy proxy a fraction of a write per statement, and an idle one nothing it would notice.
May not do: know what it sends.
"""

from __future__ import annotations

from time import perf_counter_ns
from typing import TYPE_CHECKING

from audit.writer import AuditUnavailable
from proxy.meter import Meter

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from audit.writer import Trail


class Outbox:
    """Holds what leaves until its records are written, and measures how long that took. One for the whole process."""

    def __init__(self, trail: Trail, loop: asyncio.AbstractEventLoop, meter: Meter | None = None) -> None:
        self._trail = trail
        self._loop = loop
        self._meter = Meter() if meter is None else meter
        self._mail: list[tuple[Callable[[bytes], None], bytes, Callable[[AuditUnavailable], None], int]] = []

    def post(
        self, write: Callable[[bytes], None], data: bytes, unrecorded: Callable[[AuditUnavailable], None], since: int
    ) -> None:
        """Give `data` to `write` once all records appended so far are written, or call `unrecorded` instead.

        `since`: when what it stands for was read of the client, in nanoseconds of perf_counter_ns.
        """
        if not self._mail:
            self._loop.call_soon(self._deliver)
        self._mail.append((write, data, unrecorded, since))

    def _deliver(self) -> None:
        mail, self._mail = self._mail, []
        try:
            self._trail.flush()
        except AuditUnavailable as unavailable:
            self._meter.unrecorded += 1
            self._meter.recording = False
            for _, _, unrecorded, _ in mail:
                unrecorded(unavailable)
            return
        self._meter.recording = self._trail.trouble is None
        now = perf_counter_ns()
        for write, data, _, since in mail:
            write(data)
            self._meter.added.observe(now - since)
