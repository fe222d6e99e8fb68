"""The sessions that are open, and those whose connections are still on their way out.

Owns who has how many, and ending them: when somebody may not go on, by a measure, for being idle, when the process ends. May not do:
open one, know a protocol.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from proxy.context import Context
from proxy.front import LoggedIn
from proxy.peer import TLS_SHUTDOWN_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from proxy.measures.records import Measure
    from proxy.people import People
    from proxy.relay import Relay

log = logging.getLogger(__name__)

_PARTING_SECONDS: Final = TLS_SHUTDOWN_SECONDS + 0.5
"""How long connections that are closed may take to say goodbye before the process ends."""

_BY_MEASURE: Final = {
    "end_session": "louver: this session was ended by an alert (measure {})",
    "tighten": "louver: what you may see has been narrowed (measure {})",
}
_BY_MEASURE_HINT: Final = {"end_session": "Ask an administrator.", "tighten": "Connect again."}


@dataclass(frozen=True, slots=True)
class Open:
    """An open session: how it logged in, who it is now, and its name in the trail."""

    established: LoggedIn
    context: Context
    name: str


class Sessions:
    """All sessions of one server, by the relay that serves them."""

    def __init__(self, people: People) -> None:
        self._people = people
        self._open: dict[Relay, Open] = {}
        self._parting: set[Relay] = set()  # ended, with a connection that is still open
        self._per_user: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[Relay]:
        """Those that are open at this moment: ending one changes nothing for who walks over them."""
        return iter(list(self._open))

    def of(self, user: str) -> int:
        """How many a user has."""
        return self._per_user[user]

    def add(self, serving: Relay, session: Open) -> None:
        """Take in a session that begins."""
        self._open[serving] = session
        self._per_user[session.established.principal] += 1

    def remove(self, serving: Relay) -> Open:
        """Let go of one that has ended; its connections are waited for by `part`."""
        session = self._open.pop(serving)
        self._parting = {each for each in self._parting if not each.gone} | {serving}
        user = session.established.principal
        self._per_user[user] -= 1
        if not self._per_user[user]:
            del self._per_user[user]
        return session

    async def part(self) -> None:
        """Let connections come to their ends; the event loop would wait for the rest of them, without an end."""
        end = asyncio.get_running_loop().time() + _PARTING_SECONDS
        while not all(serving.gone for serving in self._parting):
            if asyncio.get_running_loop().time() > end:
                for serving in self._parting:
                    serving.abort()
                break
            await asyncio.sleep(0.01)
        await asyncio.sleep(0)  # lets the transports send what was written last

    def end_idle(self, seconds: float, now: float) -> None:
        """End those that have done nothing for so long."""
        for serving in self:
            if serving.idle_since() < now - seconds:
                serving.end("57P05", f"terminating connection: idle for more than {seconds:g} s")

    def end_those_that_were_left(self) -> None:
        """End those whose client has gone without a word."""
        for serving in self:
            serving.look()

    def end_those_who_may_not_go_on(self) -> None:
        """End the sessions whose proof has expired, and those of people who are suspended or not known any more."""
        for serving in self:
            self.end_if_it_may_not_go_on(serving)

    def end_if_it_may_not_go_on(self, serving: Relay) -> None:
        """The same for one of them."""
        established = self._open[serving].established
        ending = self._people.ending(established.principal, established.proof)
        if ending is not None:
            log.info("session of %r ended: %s", established.principal, ending.message)
            serving.end(ending.sqlstate, ending.message, ending.hint)

    def end_by(self, begun: Iterable[Measure]) -> None:
        """End what is to end by measures that have begun: it may hold values that must not be seen any more."""
        for measure in begun:
            for serving in self:
                if self._is_concerned(serving, measure):
                    log.warning("session of %r ended by measure %d, %s", measure.principal, measure.id, measure.kind)
                    serving.end("57P01", _BY_MEASURE[measure.kind].format(measure.id), _BY_MEASURE_HINT[measure.kind])

    def _is_concerned(self, serving: Relay, measure: Measure) -> bool:
        session = self._open[serving]
        if measure.kind == "end_session":
            return session.name == measure.session
        return measure.kind == "tighten" and session.established.principal == measure.principal
