"""The server: listens, opens sessions, ticks, drains.

Owns the listener, and what happens by itself; logins stand in proxy.door, sessions in proxy.sessions. A fault of one session never reaches another.
May not do: read SQL, know a protocol: that is its front's.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import ipaddress
import logging
import secrets
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from audit import record
from audit.writer import AuditUnavailable
from policies.model import Principal, Session
from proxy.context import Context
from proxy.door import Door
from proxy.meter import Meter
from proxy.outbox import Outbox
from proxy.peer import PeerClosed
from proxy.people import Portrait
from proxy.recording import Recorder
from proxy.relay import Opening
from proxy.sessions import Open, Sessions

if TYPE_CHECKING:
    from collections.abc import Callable

    from audit.writer import Trail
    from proxy.front import Front, LoggedIn
    from proxy.grants.granted import Granted
    from proxy.grants.watch import GrantWatch
    from proxy.measures.inforce import InForce
    from proxy.measures.records import Measure
    from proxy.measures.watch import MeasureWatch
    from proxy.people import People
    from proxy.plans import Tally
    from proxy.recording import Memory
    from proxy.relay import Relay
    from proxy.reloading import Reloading

log = logging.getLogger(__name__)

_BACKLOG = 1024
"""Connections the kernel holds while we are busy; pools of some hundred clients connect at once after a restart."""


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Where to listen, under which name in the audit, and the limits. Seconds are seconds; an idle limit of 0 means none."""

    host: str
    port: int
    connections: int = 1000
    connections_per_user: int = 200
    idle_seconds: float = 0.0
    drain_seconds: float = 30.0
    timezone: str = "UTC"
    name: str | None = None


class Server:
    """One listener in front of one upstream; once a second it looks whether `reloading` has anything to read again."""

    def __init__(  # noqa: PLR0913  what a server is made of
        self,
        settings: ServerSettings,
        *,
        front: Front[Any],
        trail: Trail,
        reloading: Reloading,
        people: People,
        granted: Granted | None = None,
        grant_watch: GrantWatch | None = None,
        memory: Memory | None = None,
        measures: InForce | None = None,
        measure_watch: MeasureWatch | None = None,
        meter: Meter | None = None,
    ) -> None:
        self._settings = settings
        self._front = front
        self._trail = trail
        self._reloading = reloading
        self._people = people
        self._known = people.revision
        self._grant_watch = grant_watch
        self._memory = memory
        self._measure_watch = measure_watch
        if measures is not None:
            measures.changed = self._measures_changed
        if granted is not None:
            granted.changed = front.time_passed
        self._zone = ZoneInfo(settings.timezone)
        self._sessions = Sessions(people)
        self._afterwards: set[asyncio.Task[None]] = set()
        self._minute = -1
        self._meter = Meter() if meter is None else meter
        self._door = Door(
            front,
            trail,
            self._meter,
            places=settings.connections,
            taken=self._sessions.__len__,
            enter=self._enter,
            ended=self._stir,
        )
        self._outbox = Outbox(trail, asyncio.get_running_loop(), self._meter)
        self._draining: asyncio.Event | None = None  # set while draining, when a session or a login ends, or all must
        self._hurried = False
        self._run = secrets.token_hex(4)
        self._opened = 0  # sessions
        self._listening = False
        self.port = settings.port

    @property
    def sessions(self) -> int:
        """How many are open."""
        return len(self._sessions)

    @property
    def most_sessions(self) -> int:
        """How many may be open."""
        return self._settings.connections

    @property
    def listening(self) -> bool:
        """Whether connections are taken."""
        return self._listening

    @property
    def tally(self) -> Tally:
        """How often plans were found."""
        return self._front.tally

    # -- the life of the server ----------------------------------------------------------------------------------

    async def serve(self, stop: asyncio.Event, ready: Callable[[int], None] = lambda _port: None) -> None:
        """Serve until `stop` is set, then drain. `ready` is told the port once connections are taken."""
        loop = asyncio.get_running_loop()
        settings = self._settings
        listener = await loop.create_server(self._door.connection, settings.host, settings.port, backlog=_BACKLOG)
        self.port = listener.sockets[0].getsockname()[1]
        ticking = loop.create_task(self._tick())
        watching = [loop.create_task(self._front.watch())]
        if self._grant_watch is not None:
            watching.append(loop.create_task(self._grant_watch.run()))
        if self._measure_watch is not None:
            watching.append(loop.create_task(self._measure_watch.run()))
        try:
            ready(self.port)
            self._listening = True
            await stop.wait()
        finally:
            self._listening = False
            listener.close()
            await self._drain()
            ticking.cancel()
            await self._people.close()
            for task in watching:
                task.cancel()
            await asyncio.wait(watching)

    async def _drain(self) -> None:
        """Let sessions come to the end of their transactions, for as long as the settings allow."""
        self._door.close()
        for serving in self._sessions:
            serving.drain()
        self._draining = asyncio.Event()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settings.drain_seconds):
                # a login that is still there is that of a client whose session has ended with a change of its user
                while (self._sessions or self._door.busy) and not self._hurried:
                    self._draining.clear()
                    await self._draining.wait()
        self._door.close()
        for serving in self._sessions:
            serving.end("57P01", "terminating connection: louver is shutting down")
        if self._afterwards:
            await asyncio.wait(self._afterwards, timeout=1.0)
        await self._sessions.part()

    def hurry(self) -> None:
        """Let no session finish what it is doing: draining, now or later, ends all of them at once."""
        self._hurried = True
        self._stir()

    def _stir(self) -> None:
        """Let draining look whether there is anything left to wait for."""
        if self._draining is not None:
            self._draining.set()

    async def _tick(self) -> None:
        """Once a second: make the audit durable, end idle sessions, and let time-bound decisions be made again."""
        loop = asyncio.get_running_loop()
        syncing: asyncio.Task[None] | None = None
        while True:
            due = loop.time() + 1.0
            await asyncio.sleep(1.0)
            self._meter.delay = max(0.0, loop.time() - due)
            if syncing is None or syncing.done():  # a disk that hangs holds up nothing of what follows
                syncing = loop.create_task(self._sync())
            try:
                self._people.refresh()
                self._sessions.end_those_who_may_not_go_on()
                self._sessions.end_those_that_were_left()
            except Exception:  # the sessions that are to end must not go on because of a fault in one of them
                log.exception("a fault while it was looked who may go on")
            self._reloading.look()
            self._look_at_clock(time.time())
            idle = self._settings.idle_seconds
            if idle:
                self._sessions.end_idle(idle, loop.time())

    def _look_at_clock(self, now: float) -> None:
        """Let decisions be made again when people are known otherwise, or a minute of the clock is over: conditions tell no less of the time."""
        minute = int(now // 60)  # zones are whole minutes apart
        if minute != self._minute or self._known != self._people.revision:
            self._minute, self._known = minute, self._people.revision
            self._front.time_passed()

    async def _sync(self) -> None:
        """Make the audit durable."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            self._trail.flush()
            await loop.run_in_executor(None, self._trail.sync)
            self._meter.recording, self._meter.synced_at = self._trail.trouble is None, began
            if self._trail.trouble is not None:
                log.error("audit: %s", self._trail.trouble)
        except AuditUnavailable as unavailable:
            self._meter.recording = False
            self._meter.unrecorded += 1
            log.error("audit: %s", unavailable)  # noqa: TRY400  it has no trace worth reading

    def _measures_changed(self, begun: list[Measure]) -> None:
        """Measures have begun or ended: sessions end at once, and what everybody may see is decided again."""
        self._front.time_passed()
        self._sessions.end_by(begun)
        self._sessions.end_those_who_may_not_go_on()

    def reload(self) -> None:
        """Read everything again that can be."""
        self._reloading.everything()

    def tell(self) -> None:
        """Say how things stand: how many sessions there are, how often a plan was found again."""
        log.info("%d sessions; plans: %s", len(self._sessions), self._front.tally)

    # -- one session ---------------------------------------------------------------------------------------------

    def _enter(self, established: LoggedIn) -> None:
        """Somebody has logged in."""
        try:
            self._open(established)
        except PeerClosed:
            self._close_both(established)
        except AuditUnavailable as unavailable:
            log.error("login refused: %s", unavailable)  # noqa: TRY400  it has no trace worth reading
            self._front.refuse(established, "58030", "louver: the audit trail cannot be written")
            self._close_both(established)

    def _open(self, established: LoggedIn) -> None:
        """Turn an established login into a session. Raises PeerClosed and AuditUnavailable."""
        user = established.principal
        if self._sessions.of(user) >= self._settings.connections_per_user:
            limit = f"the limit is {self._settings.connections_per_user} for user {user!r}"
            self._meter.refused["limit"].number += 1
            self._front.too_many(established, limit)
            self._close_both(established)
            return
        self._opened += 1
        proof = established.proof
        person = self._people.opening(user, proof, Portrait(established.attributes, established.origins))
        name = f"{self._run}-{self._opened}"
        recorder = Recorder(
            self._trail,
            record.Caller(
                name,
                user,
                established.address,
                established.application,
                established.database,
                established.database_user,
                person.attributes,
            ),
            self._memory,
            self._meter,
        )
        recorder.opened(
            tls=established.tls,
            login=self._front.login_mode,
            proof=proof.by,
            origins=person.origins,
            proxy=self._settings.name,
        )
        context = Context(
            Principal(user, person.attributes),
            lambda: self._moment(established),
            self._people,
            lambda: self._reloading.vocabulary,
            proof.attributes,
        )
        opening = Opening(recorder, self._outbox, context, self._ended, self._door.let_in)
        try:
            serving = self._front.open(established, opening)
        except PeerClosed:
            context.close()
            raise
        self._sessions.add(serving, Open(established, context, name))
        serving.begin()
        if self._draining is not None:
            serving.drain()
        elif self._people.suspended(user) is not None:  # since he arrived
            self._sessions.end_if_it_may_not_go_on(serving)

    def _ended(self, serving: Relay, cancel: bool) -> None:
        session = self._sessions.remove(serving)
        session.context.close()
        self._stir()
        task = self._front.ended(session.established, cancel=cancel)
        if task is not None:
            self._afterwards.add(task)
            task.add_done_callback(self._afterwards.discard)

    def _close_both(self, established: LoggedIn) -> None:
        established.client.close()
        established.upstream.abort()
        self._front.ended(established, cancel=False)

    def _moment(self, established: LoggedIn) -> Session:
        """What conditions may look at, now."""
        return Session(
            database=established.database,
            address=_plain_address(established.address),
            application=established.application,
            database_user=established.database_user,
            tls=established.tls,
            at=dt.datetime.now(self._zone),
        )


async def run(server: Server, ready: Callable[[int], None] = lambda _port: None) -> None:
    """Serve until SIGTERM or SIGINT, a second of which ends all sessions at once.

    SIGHUP reads the policies and certificates again, SIGUSR1 logs how things stand.
    """
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def told_to_stop() -> None:
        if stop.is_set():
            server.hurry()
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told_to_stop)
    loop.add_signal_handler(signal.SIGHUP, server.reload)
    loop.add_signal_handler(signal.SIGUSR1, server.tell)
    await server.serve(stop, ready)


def _plain_address(address: str) -> str:
    """An IPv4 address that came in through an IPv6 socket, as IPv4."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return str(mapped or parsed)
