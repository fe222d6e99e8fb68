"""Following the file of grants: what is decided elsewhere is in force here within a second, and ends on time.

Owns when the file is read and written by the proxy, and telling the audit trail of every event in it. What cannot be read
gives nobody anything. May not do: decide.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from audit import record
from audit.writer import AuditUnavailable
from proxy.grant_store import GrantStore, GrantsUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from audit.writer import Trail
    from proxy.grant_store import Event, Kept
    from proxy.granted import Granted

log = logging.getLogger(__name__)

_SECONDS: Final = 0.5
"""Between two looks at the file: each costs some microseconds."""

_LONGEST: Final = 60.0
"""Seconds that an alarm waits: clocks are set, and a loop's own does not follow."""


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class GrantWatch:
    """Keeps `granted` as the file has it. `name` tells this trail from those of other proxies that share the file."""

    def __init__(
        self, path: Path, granted: Granted, trail: Trail, name: str, clock: Callable[[], dt.datetime] = _now
    ) -> None:
        self._path = path
        self._granted = granted
        self._trail = trail
        self._name = name
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, "grants")  # one, for the file is used by one at a time
        self._store: GrantStore | None = None
        self._version = -1
        self._failed = False
        self._alarm: asyncio.TimerHandle | None = None  # rings when the next grant begins or ends

    async def run(self) -> None:
        """Follow the file until cancelled."""
        try:
            while True:
                await self.look()
                await asyncio.sleep(_SECONDS)
        finally:
            if self._alarm is not None:
                self._alarm.cancel()
            self._thread.submit(self._end, self._granted.take_used())
            self._thread.shutdown()

    async def look(self) -> None:
        """Bring the file and what is in force together, once."""
        used = self._granted.take_used()
        try:
            news = await asyncio.get_running_loop().run_in_executor(self._thread, self._exchange, used, self._clock())
        except GrantsUnavailable as error:
            self._fail(error)
            return
        self._failed = False
        self._granted.saved(used)
        if news is None:
            return
        active, events = news
        self._granted.replace((kept.grant, kept.statements_used, kept.rows_used) for kept in active)
        self._set_alarm()
        if events:
            await self._tell(events)

    def _set_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        now = self._clock()
        turn = self._granted.next_turn(now)
        wait = None if turn is None else min((turn - now).total_seconds(), _LONGEST)
        self._alarm = None if wait is None else asyncio.get_running_loop().call_later(wait, self._ring)

    def _ring(self) -> None:
        """The time of a grant has come or is over, however busy the file is."""
        self._granted.changed()
        self._set_alarm()

    # -- in the thread ---------------------------------------------------------------------------------------------

    def _exchange(
        self, used: Mapping[int, tuple[int, int]], now: dt.datetime
    ) -> tuple[list[Kept], list[tuple[Event, Kept]]] | None:
        """Write what was used and what is over; the active grants and what the trail has to be told, None: as before."""
        if self._store is None:
            self._store, self._version = GrantStore.open(self._path), -1
        store = self._store
        version = store.version
        due = self._granted.any_due(now)
        if used:
            store.spend(used, now)
        if due or self._version < 0:
            store.end_due(now)
        if version == self._version and not used and not due:
            return None
        self._version = version
        return store.all(active=True), [(event, store.find(event.grant)) for event in store.unaudited(self._name)]

    def _end(self, used: Mapping[int, tuple[int, int]]) -> None:
        """Write down what was used, for the last time."""
        if self._store is not None:
            try:
                if used:
                    self._store.spend(used, self._clock())
            except GrantsUnavailable as error:
                log.error("%s", error)  # noqa: TRY400  it has no trace worth reading
            self._store.close()

    async def _tell(self, events: list[tuple[Event, Kept]]) -> None:
        """Tell the trail, and take down that it has been told: after a fault in between it is told again."""
        assert self._store is not None
        try:
            for event, kept in events:
                self._trail.append(_body(event, kept))
                if event.what == "broken glass":
                    said = f"{event.person} has broken the glass: grant {event.grant}, {event.note}"
                    self._trail.append(record.alert(what="broken glass", grant=event.grant, reason=said))
                    log.warning("%s", said)
            self._trail.flush()
        except AuditUnavailable as unavailable:
            log.error("audit: %s", unavailable)  # noqa: TRY400  it has no trace worth reading
            self._version = -1  # the next look begins anew
            return
        try:
            await asyncio.get_running_loop().run_in_executor(
                self._thread, self._store.audited, self._name, events[-1][0].id
            )
        except GrantsUnavailable as error:
            self._fail(error)

    def _fail(self, error: GrantsUnavailable) -> None:
        """Without the file nobody knows what was revoked: no grant holds."""
        if not self._failed:
            log.error("no grant holds: %s", error)  # the next look says so again only after a better one
        self._failed = True
        if self._store is not None:
            self._store.close()
            self._store = None
        self._granted.replace(())


def _body(event: Event, kept: Kept) -> bytes:
    grant = kept.grant
    return record.grant(
        grant=event.grant,
        what=event.what,
        person=event.person,
        at=event.at.isoformat(),
        note=event.note,
        principal=grant.principal,
        columns={key: list(values) for key, values in kept.columns.items()},
        labels=[f"{category} {level}" for category, level in sorted(grant.labels)],
        rows=None if grant.rows is None else grant.rows.source,
        database=grant.database,
        purpose=grant.purpose,
        reason=grant.reason,
        ends=None if grant.ends is None else grant.ends.isoformat(),
    )
