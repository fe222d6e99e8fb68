"""Sending: what waits in the state is brought to its channels, each by a thread of its own.

Owns trying again, and giving up. A channel that hangs holds up neither another one nor the reading of the trail. May not do: judge.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Final

from alerts.actions.delivery import DeliveryFailed, Message
from alerts.store import State, StateUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from alerts.actions.delivery import Send
    from alerts.store import Waiting

log = logging.getLogger(__name__)

_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 300.0
_GIVE_UP_SECONDS: Final = 24 * 3600
"""For how long a message is tried: what has not arrived in a day is looked up, not sent."""

_LOOK_SECONDS: Final = 0.2


def pause(tries: int) -> float:
    """How long to wait after so many tries, in seconds."""
    return float(min(_FIRST_PAUSE * 2 ** min(tries, 20), _LONGEST_PAUSE))


class Sending:
    """The channels at work. `act` brings to the proxy what is to be done; `undelivered` is told of what was given up."""

    def __init__(
        self,
        state: Path,
        channels: Mapping[str, Send],
        act: Callable[[Waiting], None],
        undelivered: Callable[[Waiting, str], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._state = state
        self._undelivered = undelivered
        self._clock = clock
        self._stop = threading.Event()
        self._news = {name: threading.Event() for name in ("", *channels)}
        deliver: dict[str, Callable[[Waiting], None]] = {name: _by(send) for name, send in channels.items()}
        deliver[""] = act
        self._threads = [
            threading.Thread(target=self._run, args=(name, each), name=f"channel {name}", daemon=True)
            for name, each in deliver.items()
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """Something new is waiting."""
        for event in self._news.values():
            event.set()

    def stop(self, seconds: float = 5.0) -> None:
        """End, once what is being sent has arrived or so much time has gone; what has not waits for the next start."""
        self._stop.set()
        self.wake()
        end = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))

    def _run(self, name: str, deliver: Callable[[Waiting], None]) -> None:
        news = self._news[name]
        state: State | None = None
        while not self._stop.is_set():
            news.clear()
            try:
                state = state or State.open(self._state)
                while self._one_round(state, name, deliver):
                    pass
            except StateUnavailable as error:
                log.error("alerts: %s", error)  # noqa: TRY400  it has no trace worth reading
                state = None
                self._stop.wait(_FIRST_PAUSE)
            news.wait(_LOOK_SECONDS if state is None else _FIRST_PAUSE)
        if state is not None:
            state.close()

    def _one_round(self, state: State, name: str, deliver: Callable[[Waiting], None]) -> bool:
        """Send what is due; whether there may be more at once."""
        waiting = state.waiting(self._clock(), name)
        for each in waiting:
            if self._stop.is_set():
                return False
            try:
                deliver(each)
            except DeliveryFailed as error:
                self._failed(state, each, str(error))
                return False  # the others of this channel would fail, too, one after another
            except Exception as error:  # a fault in one channel ends no other
                log.exception("alerts: a fault while message %d was sent", each.id)
                self._failed(state, each, type(error).__name__)
                return False
            state.arrived(each.id)
        return bool(waiting)

    def _failed(self, state: State, waiting: Waiting, error: str) -> None:
        now = self._clock()
        over = now - waiting.at / 1_000_000 > _GIVE_UP_SECONDS and waiting.tries > 0
        state.failed(waiting.id, error, None if over else now + pause(waiting.tries))
        if over:
            log.error("alerts: message %d of incident %d is given up: %s", waiting.id, waiting.incident, error)
            self._undelivered(waiting, error)
        else:
            log.warning("alerts: message %d to %r has not arrived: %s", waiting.id, waiting.channel or "proxy", error)


def _by(send: Send) -> Callable[[Waiting], None]:
    def deliver(waiting: Waiting) -> None:
        data = waiting.data
        send(Message(waiting.id, data["severity"], data["headline"], data["text"], data["fields"]))

    return deliver
