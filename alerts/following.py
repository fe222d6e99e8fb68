"""Following: the trail is read as it grows, and what rules make of it is saved.

Owns when records are read and the state is saved, and reading the rules again. May not do: send.
"""

from __future__ import annotations

import fcntl
import logging
import os
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from alerts.loader import RulesError, load_rules
from alerts.store import State, StateUnavailable
from audit import heads, reader
from audit.search import written

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from alerts.rules import Channel
    from alerts.watching import Told, Watching

log = logging.getLogger(__name__)

_LOOK_SECONDS: Final = 0.2
_LEARN: Final = timedelta(days=90)
"""Of how much of a trail that is there already it is learned what is usual."""
_BATCH: Final = 500
"""Records between two savings, when there are many."""

STATE: Final = "state.db"
_LOCK: Final = "lock"


class AlertsUnavailable(Exception):  # noqa: N818  told to the operator as it is
    """The alerts cannot run; the message says why."""


class Following:
    """One run over a trail."""

    def __init__(self, rules: Path, trail: Path, directory: Path) -> None:
        self._rules = rules
        self._trail = trail
        self._stamp = _stamp(rules)
        self._book = load_rules(rules)
        self._state = State.open(directory / STATE)
        self._begin()
        self._state.drop_others(channel.name for channel in self._book.channels)

    @property
    def channels(self) -> tuple[Channel, ...]:
        """Where the rules send messages."""
        return self._book.channels

    @property
    def name(self) -> str:
        """What tells the state from others."""
        return self._state.name

    def run(
        self, stop: threading.Event, told: Callable[[], None], ready: Callable[[int], object] = lambda _seq: None
    ) -> None:
        """Follow until told to stop; `told` is called when something new waits to be sent. Raises StateUnavailable."""
        try:
            watching, learned = self._state.load(self._book)
            ready(watching.place)
            self._follow(watching, learned, stop, told)
        finally:
            self._state.close()

    def _begin(self) -> None:
        """The first time, everything that is there already teaches what is usual, and is not told."""
        try:
            last = reader.last_records(self._trail, 1)
        except reader.NoTrail:
            last = []
        seq = last[-1]["seq"] if last else 0
        if not self._state.begun:
            self._state.begin(seq, _lately(self._trail))
            if seq:
                log.info("alerts: learning what is usual from %d records; they are not told", seq)
        elif seq < self._state.place:
            raise AlertsUnavailable(
                f"the trail in {self._trail} ends with record {seq}, and {self._state.place} were read of it: it was cut or "
                "replaced. Run `louver audit verify`; to begin anew with another trail, name another alerts.directory"
            )

    def _follow(self, watching: Watching, learned: int, stop: threading.Event, told: Callable[[], None]) -> None:
        news: list[Told] = []
        count = 0
        for record in reader.follow(self._trail, watching.place):
            if record is not None:
                news += watching.feed(record, silent=record["seq"] <= learned)
                count += 1
                if count < _BATCH and not stop.is_set():
                    continue
            if count or watching.touched:
                self._save(watching, news)
                if news:
                    told()
                news, count = [], 0
            if stop.is_set():
                return
            if record is None:
                watching.idle(time.time_ns() // 1000)
                stop.wait(_LOOK_SECONDS)
                self._read_rules_again(watching)

    def _save(self, watching: Watching, news: list[Told]) -> None:
        while True:
            try:
                self._state.save(watching, news)
            except StateUnavailable as error:  # the trail waits; nothing is lost
                log.error("alerts: %s", error)  # noqa: TRY400  it has no trace worth reading
                time.sleep(_LOOK_SECONDS)
            else:
                break
        for each in news:
            log.warning("alerts: incident %d, %s: %s", each.incident, each.rule, each.headline)

    def _read_rules_again(self, watching: Watching) -> None:
        """Go by the file as it is now; with a mistake in it the old rules stay in force."""
        stamp = _stamp(self._rules)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            book = load_rules(self._rules)
        except RulesError as error:
            log.error("alerts: the rules are not read again: %s", error)  # noqa: TRY400  the message says where
            return
        if book.channels != self._book.channels:
            log.warning("alerts: channels have changed; that takes a restart")
        self._book = book
        watching.use(book)
        log.info("alerts: the rules were read again: %d", len(book.rules))


@contextmanager
def alone(directory: Path) -> Iterator[None]:
    """Be the only one who works in a directory, which is made for its owner alone. Raises AlertsUnavailable."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(directory / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise AlertsUnavailable(f"{directory} cannot be used: {error.strerror}") from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise AlertsUnavailable(f"another `louver alerts run` works in {directory}") from None
    finally:
        os.close(handle)


def _lately(trail: Path) -> int:
    """The last record of the segments that were closed so long ago that they say nothing of what is usual."""
    since = written(datetime.now(UTC) - _LEARN)
    return max((head.last for head in heads.read(trail / heads.HEADS).found if head.time < since), default=0)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
