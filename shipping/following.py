"""One destination's loop: read a batch, send it, remember it; when that fails, wait and try again from what has arrived.

Owns the order of these, and the waiting. May not do: know where anything is sent.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from shipping.place import PlaceError, Places
from shipping.trail import Place, Sizes, TrailError, batches

if TYPE_CHECKING:
    from shipping.trail import Batch

_log = logging.getLogger("louver.shipping")

_FIRST_WAIT: Final = 1.0  # seconds; doubled with each failure
_LONGEST_WAIT: Final = 60.0
_TELL_SECONDS: Final = 60.0  # how often a place is told of while it moves


class DestinationError(Exception):
    """What was sent has not arrived, or may not have; the message says why, without credentials. It is sent again."""


class Destination(Protocol):
    """Where batches go. Used by one thread."""

    sizes: Sizes
    pause: float
    """Seconds to wait for more when all is sent."""
    exact: bool
    """Whether a batch that was begun has to be sent again as it was."""

    def start(self, noted: Place) -> Place:
        """Connect, and return from where to go on: what is noted here, or what the destination itself knows. Raises DestinationError."""

    def send(self, batch: Batch) -> None:
        """Send a batch and return when it has arrived. Raises DestinationError."""

    def close(self) -> None:
        """Leave. Raises nothing."""


@dataclass(slots=True)
class Follower:
    """What ships one trail to one destination until it is stopped; `sent` counts records of this run."""

    name: str
    directory: Path
    destination: Destination
    places: Places
    stop: threading.Event
    once: bool = False
    sent: int = 0
    gone: int = 0
    failure: str | None = None
    _told: float = field(default=0.0)

    def run(self) -> None:
        """Ship until `stop`, with `once` until all is sent or something fails; `failure` says what has ended it."""
        wait, read_anew = _FIRST_WAIT, False
        while not self.stop.is_set():
            before = self.sent
            try:
                self._ship()
            except DestinationError as error:
                self.failure = str(error)
                read_anew = False
                wait = _FIRST_WAIT if self.sent > before else min(2 * wait, _LONGEST_WAIT)
                if not self.once:
                    _log.warning("%s: %s; trying again in %.0f s", self.name, error, wait)
            except TrailError as error:
                self.failure = str(error)
                if read_anew and self.sent == before:
                    _log.error("%s: nothing more is shipped: %s", self.name, error)
                    break
                read_anew, wait = (
                    True,
                    _FIRST_WAIT,
                )  # a proxy that went on after a crash cuts off what it had half written
                if not self.stop.wait(wait):
                    continue
            except PlaceError as error:
                self.failure = str(error)
                _log.error("%s: nothing more is shipped: %s", self.name, error)
                break
            finally:
                self.destination.close()
            if self.once:
                break
            self.stop.wait(wait)

    def _ship(self) -> None:
        noted = self.destination.start(self.places.place)
        until = self.places.sending
        for batch in batches(self.directory, noted, self.destination.sizes, until=until):
            self.failure = None
            if batch is None:
                if self.once or self.stop.wait(self.destination.pause):
                    return
                continue
            if batch.gone:
                self.gone += batch.gone
                _log.error(
                    "%s: %d records before record %d are gone from the trail and were never shipped",
                    self.name,
                    batch.gone,
                    batch.first,
                )
            if self.destination.exact:
                self.places.begin(batch.last)
            self.destination.send(batch)
            self.places.moved(batch.after)
            self.sent += len(batch.records)
            self._tell(batch)
            if self.stop.is_set():
                return

    def _tell(self, batch: Batch) -> None:
        now = time.monotonic()
        if now - self._told >= _TELL_SECONDS:
            self._told = now
            _log.info("%s: shipped up to record %d of %s", self.name, batch.last, batch.records[-1].fields.get("time"))
