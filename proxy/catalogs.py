"""What each database holds, as the gate needs it: the catalog snapshot and the labels of its columns.

Owns the snapshots and their renewal, and when the ledger of labels is read and written. Which label a column has stands in the
catalogs of each kind of database.
May not do: decide, know sessions.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Generic, Protocol, TypeVar

from policies.model import ColumnName, Label
from proxy.changes import Changes
from proxy.ledger import Ledger, LedgerUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from policies.decide import PolicySet
    from proxy.book import Kept, Told
    from proxy.changes import Change

log = logging.getLogger(__name__)

_CATCH_UP_SECONDS = 1.0
"""Between two readings that statements cause: each costs the database some milliseconds to seconds, and a caller can
name as many new tables as he likes."""


class CatalogUnavailable(Exception):  # noqa: N818  a state of the database, not a fault of ours
    """The catalog of a database cannot be read, so nothing can be ruled there; the text says why, for operators."""


class Snapshot(Protocol):
    """What every catalog snapshot has. It is a dataclass; two of the same definitions differ in `revision` alone."""

    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[object]]]

    @property
    def revision(self) -> int:
        """Grows with each snapshot that differs."""
        ...

    @property
    def whole(self) -> bool:
        """False when something could not be read."""
        ...


C = TypeVar("C", bound=Snapshot)


@dataclass(slots=True, eq=False)
class Known(Generic[C]):
    """What is known of one database. `generation` grows whenever a caller's world may have changed.

    `stale`: DDL has run since the reading of `catalog` began, or there was none yet; nothing may be ruled by it until another has ended.
    `doubts` counts how often that was found. `labels` are those of the snapshot's columns.
    `readings` counts those begun, the last of them at `begun` on the clock of its Catalogs; `catalog` is as found by reading
    number `held`, begun at the moment `asof` of `changes`, which are those that are made through Louver. `fingerprint` is that of the
    definitions when they were last looked at.
    """

    database: str
    catalog: C
    labels: Mapping[ColumnName, Label] = field(default_factory=dict)
    generation: int = 0
    stale: bool = True
    doubts: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    readings: int = 0
    begun: float = -math.inf
    held: int = 0
    fingerprint: str = ""
    changes: Changes = field(default_factory=Changes)
    asof: int = 0

    def doubt(self) -> None:
        """The snapshot may be of before something that has changed; so may one that is being read."""
        self.stale = True
        self.doubts += 1


K = TypeVar("K", bound=Known)  # type: ignore[type-arg]  # of whatever catalog


def _untold(_database: str, _kept: Kept, _sources: tuple[ColumnName, ...]) -> None:
    """Tell nobody that a column has got a label."""


class Catalogs(ABC, Generic[C, K]):
    """The databases of one upstream. `read` fetches a snapshot of a database and gives it the revision it is told.

    `ledger` remembers labels, `told` is called for those that columns get by what happens to them. `clock` gives seconds that only
    grow, `sleep` waits for some of them.
    """

    def __init__(  # noqa: PLR0913  what it is told with, and the world around it
        self,
        policies: PolicySet,
        read: Callable[[str, int], Awaitable[C]],
        *,
        ledger: Ledger | None = None,
        told: Told = _untold,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._policies = policies
        self._read = read
        self._ledger = Ledger() if ledger is None else ledger
        self._told = told
        self._clock = clock
        self._sleep = sleep
        self._known: dict[str, K] = {}
        self._revision = 0

    @abstractmethod
    def _new(self, database: str) -> K:
        """What is known of a database before anything is."""

    @abstractmethod
    def _label(self, known: K, earlier: C) -> None:
        """Label the columns of `known.catalog`, which has taken the place of `earlier`."""

    def _owes(self, known: K) -> bool:  # noqa: ARG002  where labels rest on the reading alone, nothing does
        """Whether labels wait for a reading of the snapshot, be it the same as the last."""
        return False

    @property
    def dirty(self) -> bool:
        """Whether there are labels that `remember` has to bring to the disk."""
        return self._ledger.dirty

    async def remember(self) -> None:
        """Bring to the disk what labels there are, before anybody rests on them. Raises LedgerUnavailable."""
        if self._ledger.dirty:
            try:
                await asyncio.get_running_loop().run_in_executor(None, self._ledger.flush)
            except LedgerUnavailable as error:
                log.error("%s", error)  # noqa: TRY400  it has no trace worth reading
                raise

    def known(self, database: str) -> K:
        """What is known of `database`; `stale` until `refresh` has run."""
        known = self._known.get(database)
        if known is None:
            known = self._known[database] = self._new(database)
            known.stale = self._policies.has_labels  # without a dictionary nothing has to be looked up
        return known

    def policies_changed(self, policies: PolicySet) -> None:
        """Label everything anew under new policies, by the ledger as it is now; every caller's world is decided again."""
        try:
            self._ledger.reread()
        except LedgerUnavailable as error:
            log.error("what was dropped from the ledger of labels is not dropped yet: %s", error)  # noqa: TRY400
        self._policies = policies
        for known in self._known.values():
            if policies.has_labels:
                known.doubt()
            if known.held:  # now: the reading may find the same catalog, which labels nothing
                self._label(known, known.catalog)
            known.generation += 1

    def time_passed(self) -> None:
        """Let every caller's decision be made again at its next statement: conditions may name the time."""
        for known in self._known.values():
            known.generation += 1

    def changed(self, database: str) -> None:
        """DDL has run in `database`: the snapshot is read again before the next ruling that needs it."""
        if self._policies.has_labels:
            self.known(database).doubt()

    def in_use(self) -> list[str]:
        """The databases whose snapshot rulings rest on."""
        return [known.database for known in self._known.values() if known.held] if self._policies.has_labels else []

    def seen(self, database: str, fingerprint: str) -> None:
        """Definitions were looked at; unless they are those of last time, and all were read, the snapshot is read again."""
        known = self.known(database)
        if known.fingerprint != fingerprint or not known.catalog.whole:
            known.fingerprint = fingerprint
            known.doubt()

    async def refresh(self, known: K, *, force: bool = False) -> None:
        """Read the snapshot again if it is stale. Raises CatalogUnavailable, then it stays stale, and LedgerUnavailable."""
        async with known.lock:
            if known.stale or force:
                await self._renew(known)

    async def catch_up(self, known: K) -> None:
        """Have a snapshot whose reading began after this call did. Raises CatalogUnavailable and LedgerUnavailable.

        Such readings begin at least a second apart, so this may wait; one reading serves all who wait. Whoever found a
        relation that the snapshot lacks before the call, and finds it lacking after, has found one that nobody else sees.
        """
        called = known.readings
        while known.held <= called:
            wait = known.begun + _CATCH_UP_SECONDS - self._clock()
            if wait > 0:
                await self._sleep(wait)
            async with known.lock:
                if known.held <= called and known.begun + _CATCH_UP_SECONDS <= self._clock():
                    await self._renew(known)

    async def read_again(self, known: K) -> None:
        """Have a snapshot whose reading began after this call did, at once. Raises CatalogUnavailable and LedgerUnavailable.

        One reading serves all who wait.
        """
        called = known.readings
        while known.held <= called:
            async with known.lock:
                if known.held <= called:
                    await self._renew(known)

    def published(self, known: K, changes: Iterable[Change]) -> None:
        """What a session has changed is there for all, or has come to nothing: the snapshot is read again."""
        self.changed(known.database)
        for change in changes:
            known.changes.end(change)

    async def _renew(self, known: K) -> None:
        """Read the snapshot; the lock is held."""
        doubts, asof = known.doubts, known.changes.moment
        known.begun = self._clock()
        known.readings += 1
        try:
            catalog = await self._read(known.database, self._revision + 1)
        except Exception as error:
            known.stale = True
            log.error("the catalog of database %r cannot be read: %s", known.database, error)  # noqa: TRY400
            raise CatalogUnavailable(str(error)) from error
        except BaseException:
            known.stale = True
            raise
        known.held, known.asof = known.readings, asof
        earlier = known.catalog
        if dataclasses.replace(catalog, revision=earlier.revision) != earlier:
            self._revision += 1
            known.catalog = catalog
        if known.catalog is not earlier or self._owes(known):
            self._label(known, earlier)
            known.generation += 1
        await self.remember()
        known.stale = known.doubts != doubts  # by DDL that has ended while we read
