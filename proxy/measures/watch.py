"""Following the file of measures: what is ordered elsewhere is done here within a second, and told to the audit trail.

Owns when the file is read by the proxy. While it cannot be read, what was in force stays so: nobody comes back by breaking a disk.
May not do: decide.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from audit import record
from audit.writer import AuditUnavailable
from proxy.measures.records import MeasuresUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from audit.writer import Trail
    from proxy.measures.inforce import InForce
    from proxy.measures.records import Measure, Told
    from proxy.measures.store import MeasureStore

log = logging.getLogger(__name__)

_SECONDS: Final = 0.5
"""Between two looks: each costs some microseconds."""


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class MeasureWatch:
    """Keeps `in_force` as the file has it. `name` tells this proxy's trail from others that share the file."""

    def __init__(
        self,
        open_store: Callable[[], MeasureStore],
        in_force: InForce,
        trail: Trail,
        name: str,
        clock: Callable[[], dt.datetime] = _now,
    ) -> None:
        self._open_store = open_store
        self._in_force = in_force
        self._trail = trail
        self._name = name
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, "measures")  # one, for the store is used by one at a time
        self._store: MeasureStore | None = None
        self._version = -1  # of what was read last; -1: read it whatever it is
        self._failed = False

    def begin(self) -> None:
        """Read what is in force before anybody is let in. Raises MeasuresUnavailable."""
        found = self._exchange(self._clock())
        if found is not None:
            self._in_force.replace(each for each in found[0] if each.kind != "end_session")
        self._version = -1

    async def run(self) -> None:
        """Follow the file until cancelled."""
        try:
            while True:
                await self.look()
                await asyncio.sleep(_SECONDS)
        finally:
            if self._store is not None:
                self._thread.submit(self._store.close)
            self._thread.shutdown()

    async def look(self) -> None:
        """Bring the file and what is in force together, once."""
        try:
            found = await self._in_thread(self._exchange, self._clock())
            if self._failed:
                log.info("the file of measures is read again")
                self._failed = False
            if found is None:
                return
            measures, told = found
            self._in_force.replace(measures)
            await self._finish([each for each in measures if each.kind == "end_session"])
            if told:
                await self._tell(told)
        except MeasuresUnavailable as error:
            if not self._failed:
                log.error("measures stay as they are: %s", error)  # noqa: TRY400  it has no trace worth reading
            self._failed = True
            self._version = -1
            if self._store is not None:
                self._thread.submit(self._store.close)
                self._store = None

    async def _in_thread(self, what: Callable[..., Any], *values: object) -> Any:  # noqa: ANN401  what the function gives
        return await asyncio.get_running_loop().run_in_executor(self._thread, what, *values)

    def _exchange(self, now: dt.datetime) -> tuple[list[Measure], list[Told]] | None:
        """What is in force, and what the trail has to be told; None: as before. In the thread."""
        if self._store is None:
            self._store, self._version = self._open_store(), -1
        store = self._store
        version = store.version
        if version == self._version and not self._in_force.any_due(now):
            return None
        store.end_due(now)
        found = store.all(active=True), store.unaudited(self._name)
        self._version = -1 if found[1] else version  # what was told is looked at once more, for there may be more
        return found

    async def _finish(self, ended: list[Measure]) -> None:
        """Take down that what is done once is done."""
        for measure in ended:
            assert self._store is not None
            await self._in_thread(self._store.done, measure.id)
            self._version = -1

    async def _tell(self, told: list[Told]) -> None:
        """Tell the trail, and take down that it has been told: after a fault in between it is told again."""
        try:
            for each in told:
                self._trail.append(
                    record.response(**each.fields) if each.event == "response" else record.alert(**each.fields)
                )
            self._trail.flush()
        except AuditUnavailable as unavailable:
            log.error("audit: %s", unavailable)  # noqa: TRY400  it has no trace worth reading
            self._version = -1
            return
        assert self._store is not None
        await self._in_thread(self._store.audited, self._name, told[-1].id)
