"""Following the store of grants: what is decided elsewhere is in force here within a second, and ends on time.

Owns when the store is read and written by the proxy, and telling the audit trail of every event in it. What cannot be read
gives nobody anything. May not do: decide.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import logging
import math
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from audit import record
from audit.writer import AuditUnavailable
from proxy.grants.records import GrantsUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping
    from typing import Any

    from audit.writer import Trail
    from proxy.grants.granted import Granted
    from proxy.grants.records import Event, Kept
    from proxy.grants.store import Claim, GrantStore

log = logging.getLogger(__name__)

_SECONDS: Final = 0.5
"""Between two looks: each costs some microseconds in a file, and one round trip to a database."""

_LONGEST_PAUSE: Final = 5.0
"""Between two looks at a store that could not be read the last times."""

_LONGEST: Final = 60.0
"""Seconds that an alarm waits: clocks are set, and a loop's own does not follow."""

FRESH_SECONDS: Final = 5.0
"""How long a grant holds after it was read last: as long as a database takes to fail over, or a network to find another way."""

_CLAIM_SECONDS: Final = 2.0
"""How long a statement waits for another proxy that is answering one under the same grant of rows."""

_CLAIM_PAUSE: Final = 0.1


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class GrantWatch:
    """Keeps `granted` as the store has it.

    `name` tells this proxy and its trail from others that share the store. `tolerant`: grants hold for FRESH_SECONDS when the store
    cannot be read, else not for a moment. `hear` calls what it is given whenever somebody may have changed something.
    """

    def __init__(  # noqa: PLR0913  its parts, and one setting each
        self,
        open_store: Callable[[], GrantStore],
        granted: Granted,
        trail: Trail,
        name: str,
        *,
        tolerant: bool = False,
        hear: Callable[[Callable[[], None]], Coroutine[Any, Any, None]] | None = None,
        clock: Callable[[], dt.datetime] = _now,
    ) -> None:
        self._open_store = open_store
        self._granted = granted
        self._trail = trail
        self._name = name
        self._fresh = FRESH_SECONDS if tolerant else 0.0
        self._hear = hear
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, "grants")  # one, for the store is used by one at a time
        self._store: GrantStore | None = None
        self._version = -1  # of what was read last; -1: read it whatever it is
        self._failed = False  # no grant holds
        self._doubts = 0  # looks that have failed since the last good one
        self._looking = asyncio.Lock()
        self._heard = asyncio.Event()
        self._read = -math.inf  # monotonic time at which what holds was read
        self._alarm: asyncio.TimerHandle | None = None  # rings when the next grant begins or ends
        self._lapse: asyncio.TimerHandle | None = None  # rings when what was read is too old to hold
        granted.claiming = self.claim

    async def run(self) -> None:
        """Follow the store until cancelled."""
        hearing = None if self._hear is None else asyncio.get_running_loop().create_task(self._hear(self._heard.set))
        try:
            while True:
                await self.look()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(min(_SECONDS * 2**self._doubts, _LONGEST_PAUSE)):
                        await self._heard.wait()
                self._heard.clear()
        finally:
            for each in (self._alarm, self._lapse, hearing):
                if each is not None:
                    each.cancel()
            self._thread.submit(self._end, self._granted.take_used())
            self._thread.shutdown()

    async def look(self) -> None:
        """Bring the store and what is in force together, once."""
        async with self._looking:
            begun = time.monotonic()
            used, claimed = self._granted.take_used(), self._granted.take_claimed()
            try:
                news = await self._in_thread(self._exchange, used, claimed, self._clock())
            except GrantsUnavailable as error:
                self._granted.claimed(claimed)
                self._fail(error)
                return
            if self._doubts:
                log.info("grants are read again")
            self._failed, self._doubts = False, 0
            self._read = begun
            self._granted.saved(used)
            if news is not None:
                self._granted.replace((kept.grant, kept.statements_used, kept.rows_used) for kept in news[0])
            self._set_alarms()
            if news is not None and news[1]:
                await self._tell(news[1])

    async def claim(self, numbers: tuple[int, ...]) -> Claim:
        """Have a statement counted under grants with a limit; what is over is not in force any more when this returns."""
        end = time.monotonic() + _CLAIM_SECONDS
        while not self._doubts:
            try:
                outcome: Claim = await self._in_thread(self._claim, numbers, self._clock())
            except GrantsUnavailable:  # the next look finds out, too, and says so
                return "unreachable"
            if outcome == "over":
                await self.look()
            if outcome != "busy" or time.monotonic() > end:
                return outcome
            await asyncio.sleep(_CLAIM_PAUSE)
        return "unreachable"  # nor is it tried: the next look tells when it can be reached again

    async def _in_thread(self, what: Callable[..., Any], *values: object) -> Any:  # noqa: ANN401  what the function gives
        return await asyncio.get_running_loop().run_in_executor(self._thread, what, *values)

    def _set_alarms(self) -> None:
        """Be woken when the next grant begins or ends, however busy the store is, and when what was read is too old."""
        loop = asyncio.get_running_loop()
        for each in (self._alarm, self._lapse):
            if each is not None:
                each.cancel()
        now = self._clock()
        turn = self._granted.next_turn(now)
        wait = None if turn is None else min((turn - now).total_seconds(), _LONGEST)
        self._alarm = None if wait is None else loop.call_later(wait, self._ring)
        left = self._read + FRESH_SECONDS - time.monotonic()
        self._lapse = loop.call_later(left, self._lapsed)
        self._granted.hold_until(time.monotonic() + (left if wait is None else min(left, wait)))

    def _ring(self) -> None:
        """The time of a grant has come or is over."""
        self._granted.changed()
        self._set_alarms()

    def _lapsed(self) -> None:
        """What was read is too old: somebody may have revoked it."""
        if not self._failed:
            log.error("no grant holds: the grants could not be read for %g s", FRESH_SECONDS)
        self._failed = True
        self._drop()

    def _drop(self) -> None:
        self._version = -1
        self._granted.replace(())

    # -- in the thread ---------------------------------------------------------------------------------------------

    def _opened(self) -> GrantStore:
        if self._store is None:
            self._store, self._version = self._open_store(), -1
        return self._store

    def _exchange(
        self, used: Mapping[int, tuple[int, int]], claimed: tuple[tuple[int, ...], tuple[int, ...]], now: dt.datetime
    ) -> tuple[list[Kept], list[tuple[Event, Kept]]] | None:
        """Write what was used and what is over; the active grants and what the trail has to be told, None: as before."""
        store = self._opened()
        version = store.version
        due = self._granted.any_due(now)
        if used:
            store.spend(used, now)
        for numbers, until in zip(claimed, (store.hold, store.release), strict=True):
            if numbers:
                until(numbers, self._name, now)
        if due or self._version < 0:
            store.end_due(now)
        if version == self._version and not used and not due:
            return None
        self._version = version
        return store.all(active=True), [(event, store.find(event.grant)) for event in store.unaudited(self._name)]

    def _claim(self, numbers: tuple[int, ...], now: dt.datetime) -> Claim:
        outcome = self._opened().claim(numbers, self._name, now)
        if outcome != "busy":  # a file does not tell its version by what was written through the same connection
            self._version = -1
        return outcome

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
        """Without the store nobody knows what was revoked: no grant holds, at once or before long."""
        left = self._read + self._fresh - time.monotonic()
        self._doubts += 1
        if left > 0 and self._doubts == 1:
            log.warning("grants hold for %.1f s more: %s", left, error)
        elif left <= 0 and not self._failed:
            log.error("no grant holds: %s", error)  # the next look says so again only after a better one
            self._failed = True
        if self._store is not None:
            self._thread.submit(self._store.close)
            self._store = None
        if left <= 0:
            self._drop()


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
