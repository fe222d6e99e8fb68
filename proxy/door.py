"""The door: connections that come in, and what comes of their logins.

Owns logins that are on their way, connections over the limit, which are told so, and the records of those that do not become a
session. May not do: open a session, know a protocol.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any, Final

from audit import record
from proxy.front import Abandoned, Cancelled, LoginRefused
from proxy.meter import cause
from proxy.peer import Peer, PeerClosed
from proxy.recording import note

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from audit.writer import Trail
    from proxy.front import Front, LoggedIn
    from proxy.meter import Meter

log = logging.getLogger(__name__)

_TURNED_AWAY: Final = 100
_TURN_AWAY_SECONDS: Final = 2.0
"""How many connections over the limit are told so at the same time, and how long each may take to ask for it; more
are closed without a word."""


class _Accepted(Peer):
    """A connection that has come in."""

    def __init__(self, accept: Callable[[Peer], None]) -> None:
        super().__init__()
        self._accept = accept

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to serve it."""
        super().connection_made(transport)
        self._accept(self)


class Door:
    """Lets in as many as there are `places`, of which `taken` tells how many have a session already.

    `enter` is given whoever has logged in; `ended` is called when a login has come to its end, whichever.
    """

    def __init__(  # noqa: PLR0913  who is asked, and who is told
        self,
        front: Front[Any],
        trail: Trail,
        meter: Meter,
        *,
        places: int,
        taken: Callable[[], int],
        enter: Callable[[LoggedIn], None],
        ended: Callable[[], None],
    ) -> None:
        self._front = front
        self._trail = trail
        self._meter = meter
        self._places = places
        self._taken = taken
        self._enter = enter
        self._ended = ended
        self._logins: set[asyncio.Task[None]] = set()
        self._turned_away: set[asyncio.Task[None]] = set()

    @property
    def busy(self) -> bool:
        """Whether logins are on their way."""
        return bool(self._logins)

    def connection(self) -> asyncio.Protocol:
        """What the listener gives each connection."""
        return _Accepted(self._accept)

    def let_in(self, login: Coroutine[Any, Any, LoggedIn | Cancelled | None]) -> None:
        """Wait for a login, of a new connection or of one whose session has ended with a change of its user."""
        task = asyncio.get_running_loop().create_task(self._login(login))
        self._logins.add(task)
        task.add_done_callback(self._logged_in)

    def close(self) -> None:
        """Give up all that is on its way."""
        for task in (*self._logins, *self._turned_away):
            task.cancel()

    def _accept(self, peer: Peer) -> None:
        if len(self._logins) + self._taken() < self._places:
            self.let_in(self._front.login(peer))
            return
        self._meter.refused["limit"].number += 1
        if len(self._turned_away) >= _TURNED_AWAY:
            peer.abort()
            return
        turning = asyncio.get_running_loop().create_task(self._turn_away(peer))
        self._turned_away.add(turning)
        turning.add_done_callback(self._turned_away.discard)

    async def _turn_away(self, peer: Peer) -> None:
        """Tell a connection over the limit why."""
        with contextlib.suppress(TimeoutError, PeerClosed):
            async with asyncio.timeout(_TURN_AWAY_SECONDS):
                done = await self._front.turn_away(peer, f"the limit is {self._places} in all")
                if done is not None:
                    self._note_cancel(done)
        peer.close()

    def _logged_in(self, task: asyncio.Task[None]) -> None:
        self._logins.discard(task)
        self._ended()
        if not task.cancelled() and task.exception() is not None:
            log.error("a connection ended by a fault", exc_info=task.exception())

    async def _login(self, login: Coroutine[Any, Any, LoggedIn | Cancelled | None]) -> None:
        try:
            result = await login
        except LoginRefused as refused:
            caller = record.Caller("", refused.principal, refused.address, "", refused.database, "")
            self._meter.refused[cause(refused.sqlstate)].number += 1
            said = record.login_refused(caller, reason=refused.reason, sqlstate=refused.sqlstate)
            note(self._trail, self._meter, said)
            return
        except Abandoned:
            return
        if isinstance(result, Cancelled):
            self._note_cancel(result)
        elif result is not None:
            self._enter(result)

    def _note_cancel(self, done: Cancelled) -> None:
        note(self._trail, self._meter, record.cancel(done.whose, address=done.address, known=done.known))
