"""The shell around one session, whatever its protocol: two transports, and what happens when either one moves or goes.

Owns moving bytes, backpressure both ways, the task of a ruling that takes a look-up, and the end of a session whatever ends it.
`data_received` runs the machine of the protocol and writes in the same call when the plan is known; only what is not known yet
becomes a task. May not do: know a message, decide.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final

from audit.writer import AuditUnavailable
from proxy import wording
from proxy.context import Context
from proxy.outbox import Outbox
from proxy.overtaken import OVERTAKEN, Overtaken
from proxy.peer import Peer
from proxy.recording import Recorder
from proxy.side import Side
from proxy.violation import Violation

log = logging.getLogger(__name__)

HELD_BYTES: Final = 256 * 1024
"""What a client may send behind a statement that waits for its ruling before it is read no more: a pipeline of some
thousand statements."""

_CHANGING_SECONDS: Final = 600.0
"""How long a server may go on with what a session that is gone has sent it to change: it is told to stop at once."""

_CLOSE_WAIT: Final = b"\x08"  # as Linux counts the states of TCP, in the first byte of tcp_info

_LINGER_SECONDS: Final = 5.0
"""How long a peer may take to read what was sent to it last; a session that has ended holds no socket longer."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What a session gets from the server: `context` is what conditions may look at, `ended` is called once, last.

    `ended` is told whether what the session has left running is to be cancelled. `again` is given a login of the same client
    that is to follow a session that has ended.
    """

    recorder: Recorder
    outbox: Outbox
    context: Context
    ended: Callable[[Relay, bool], None]
    again: Callable[[Coroutine[Any, Any, Any]], None]


def _is_closed_beneath(transport: asyncio.Transport) -> bool:
    """Whether the other end of a TLS connection has closed its TCP connection (RFC 9293 section 3.3.2: CLOSE-WAIT)."""
    if sys.platform != "linux" or transport.get_extra_info("ssl_object") is None:
        return False
    try:
        state = transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)
    except OSError:  # it is closed
        return False
    return bool(state == _CLOSE_WAIT)


class Relay(ABC):
    """One session from the end of its login to its own end.

    `first`: what the client is to be sent first, then what was read from client and server and not used by the login.
    """

    def __init__(
        self, client: asyncio.Transport, server: asyncio.Transport, opening: Opening, first: tuple[bytes, bytes, bytes]
    ) -> None:
        self._client = client
        self._seen_closed = False
        self._server = server
        self._recorder = opening.recorder
        self._outbox = opening.outbox
        self._ended: Callable[[Relay, bool], None] = opening.ended
        self._first = first
        self._posted = False  # something waits in the outbox for its record
        self._read_at: int = 0  # when the client was read last, in nanoseconds of perf_counter_ns
        self._open = 2  # connections
        self._task: asyncio.Task[None] | None = None
        self._held = Overtaken(self._read_again, self._met, self._alike, self._take_held, self._cut_overtaken)
        self._client_congested = self._server_congested = False
        self._draining = False
        self._reason = ""
        self._loop = asyncio.get_running_loop()
        self._stirred = False  # something was sent or answered since the idle time was last asked for
        self._idle_since = self._loop.time()

    # -- what the protocol brings --------------------------------------------------------------------------------

    @abstractmethod
    def client_received(self, data: bytes) -> None:
        """Bytes of the client."""

    @abstractmethod
    def _take(self, data: bytes) -> None:
        """Take bytes of the server, and send on what is for the client."""

    @abstractmethod
    def _overtaken(self) -> bool:
        """Whether others may have changed what the statements under way read; asked before each word of the server's."""

    @abstractmethod
    def _met(self) -> int:
        """How many changes of others the statements under way may have met before the server read them: one, or any number."""

    @abstractmethod
    def _alike(self) -> bool:
        """Whether the statements under way would leave now as they have left."""

    @abstractmethod
    async def _read_again(self) -> None:
        """Have the catalog read by what is there from now on. Raises CatalogUnavailable and LedgerUnavailable."""

    @abstractmethod
    def _advance(self) -> None:
        """Rule what waits as long as the rulings are at hand, record what starts, then send. Raises what `_try` knows."""

    @abstractmethod
    def _farewell(self, sqlstate: str, message: str, hint: str | None) -> bytes:
        """Give the error that tells the client why its session ends."""

    @abstractmethod
    def _goodbye(self) -> bytes:
        """Give what the server is told when its client has gone."""

    @abstractmethod
    def _told_by_server(self) -> bool:
        """Whether a server that is gone has told the client of it, so that it needs no word of ours."""

    @abstractmethod
    def _lose(self) -> None:
        """Record the statements that have no end yet. Raises AuditUnavailable."""

    @abstractmethod
    def _changing(self) -> bool:
        """Whether the server is about to change what others may read, whoever is there to be told."""

    @abstractmethod
    def _changed(self) -> None:
        """What the session was about to change has been changed, or never will be."""

    @abstractmethod
    def _quiet(self) -> bool:
        """Whether no statement waits or runs."""

    @abstractmethod
    def _idle(self) -> bool:
        """Whether the session is quiet and between transactions."""

    # -- the walk ------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Take over both transports after the login."""
        greeting, client_rest, server_rest = self._first
        self._first = (b"", b"", b"")
        self._client.set_protocol(
            Side(self.client_received, self._client_left, self.client_lost, self._client_is_congested)
        )
        self._server.set_protocol(
            Side(self.server_received, self._server_left, self.server_lost, self._server_is_congested)
        )
        self._client.write(greeting)
        self._client.resume_reading()
        self._server.resume_reading()
        if server_rest:
            self.server_received(server_rest)
        if client_rest:
            self.client_received(client_rest)

    def server_received(self, data: bytes) -> None:
        """Bytes of the server: held back, when others may have changed what they answer."""
        if self._reason:
            return
        if self._held.holding or self._overtaken():
            self._server.pause_reading()
            self._held.hold(data)
        else:
            self._take(data)

    def _take_held(self, data: bytes) -> None:
        """What was held back may pass."""
        self._take(data)
        self._resume_server()

    def _go_on(self) -> None:
        """Advance, outside of a call that sees to the faults itself."""
        try:
            self._advance()
        except Violation as violation:
            self._violated(violation)
        except AuditUnavailable as unavailable:
            self._unrecorded(unavailable)

    def _write(self, out: bytes) -> None:
        """Send to the server: behind the records that wait to be written, and what follows in the same turn keeps its place."""
        if self._posted:
            self._outbox.post(self._deliver, out, self._unrecorded, self._read_at)
        else:
            self._server.write(out)

    def _deliver(self, out: bytes) -> None:
        self._posted = False
        if not self._server.is_closing():
            self._server.write(out)

    def _considered(self, task: asyncio.Task[None]) -> None:
        """A ruling that took a look-up is there."""
        self._task = None
        if task.cancelled() or self._reason:
            return
        error = task.exception()
        if error is None:
            self._resume_client()
            self._go_on()
        elif isinstance(error, Violation):
            self._violated(error)
        else:
            log.error("session ended by a fault while a statement was ruled", exc_info=error)
            self.end("XX000", "louver: a fault ended this session; it is reported in Louver's log")

    # -- backpressure --------------------------------------------------------------------------------------------

    def _client_is_congested(self, congested: bool) -> None:
        self._client_congested = congested
        if congested:
            self._server.pause_reading()
        elif not self._server.is_closing():
            self._server.resume_reading()

    def _server_is_congested(self, congested: bool) -> None:
        self._server_congested = congested
        if congested:
            self._client.pause_reading()
        else:
            self._resume_client()

    def _resume_server(self) -> None:
        if not self._client_congested and not self._server.is_closing():
            self._server.resume_reading()

    def _resume_client(self) -> None:
        if self._task is None and not self._server_congested and not self._client.is_closing():
            self._client.resume_reading()

    # -- the end -------------------------------------------------------------------------------------------------

    def abort(self) -> None:
        """Let go of both connections at once."""
        self._client.abort()
        self._server.abort()

    @property
    def gone(self) -> bool:
        """Whether both connections are closed."""
        return self._open == 0

    def client_lost(self) -> None:
        """The client's connection is closed."""
        self._open -= 1
        self._client_left()

    def _client_left(self) -> None:
        """The client has gone, in order or not; what it left running is cancelled."""
        self._finish("the client closed the connection", cancel=not self._quiet())

    def server_lost(self) -> None:
        """The server's connection is closed."""
        self._open -= 1
        self._server_left()
        self._changed()

    def _server_left(self) -> None:
        """The server has gone; the client is told unless the server has told it already."""
        if not self._reason and not self._told_by_server():
            self._client.write(self._farewell("08006", "louver: the database closed the connection", "Connect again."))
        self._finish("the database closed the connection", cancel=False)

    def look(self) -> None:
        """End the session of a client that was found to have closed its connection beneath TLS, twice: what it sent before is read by then.

        The event loop keeps that to itself until all is sent, which a peer that does not read puts off for ever.
        """
        left = _is_closed_beneath(self._client)
        if left and self._seen_closed:
            self._client_left()
        self._seen_closed = left

    def end(self, sqlstate: str, message: str, hint: str | None = None) -> None:
        """End the session from our side, with an error for the client."""
        if not self._reason:
            self._client.write(self._farewell(sqlstate, message, hint))
            self._finish(message, cancel=not self._quiet())

    def idle_since(self) -> float:
        """Loop time at which the session was first seen idle; now when it has been in use since this was last asked."""
        if self._stirred or not self._quiet():
            self._stirred = False
            self._idle_since = self._loop.time()
        return self._idle_since

    def drain(self) -> None:
        """End the session as soon as it is between transactions."""
        self._draining = True
        if self._idle():
            self._drained()

    def _drained(self) -> None:
        self.end("57P01", "terminating connection: louver is shutting down", "Connect again.")

    def _violated(self, violation: Violation) -> None:
        message = str(violation)
        self.end(violation.sqlstate, message if message.startswith("louver") else f"louver: {message}")

    def _cut_off(self, column: str, sqlstate: str) -> None:
        """End the session: a hidden column is about to be shown, by a fault or by a change made at this moment."""
        log.error("an answer that shows hidden %s was cut off before its first row, and its session ended", column)
        try:
            self._recorder.exposed(column, sqlstate)
        except AuditUnavailable as unavailable:
            log.error("that is not recorded: %s", unavailable)  # noqa: TRY400  it has no trace worth reading
        self.end(sqlstate, f"louver: the answer would show {column}, which is hidden from you", wording.CUT_OFF_HINT)

    def _cut_short(self, most: int, sqlstate: str) -> None:
        """End the session: an answer has more rows than a limit allows. Only so is it certain what becomes of its transaction."""
        reason = f"the answer has more than {most} rows"
        try:
            self._recorder.exceeded(reason, sqlstate)
        except AuditUnavailable as unavailable:
            log.error("that is not recorded: %s", unavailable)  # noqa: TRY400  it has no trace worth reading
        hint = "Ask for fewer rows; the session ends, and what its transaction has changed is undone."
        self.end(sqlstate, f"louver: {reason}, which is the most that you may have at once", hint)

    def _cut_overtaken(self) -> None:
        """End the session: what its statement reads may have become something else between its ruling and its reading."""
        log.warning("an answer was cut off before its first row: others have changed what it reads")
        try:
            self._recorder.overtaken(wording.OVERTAKEN, OVERTAKEN)
        except AuditUnavailable as unavailable:
            log.error("that is not recorded: %s", unavailable)  # noqa: TRY400  it has no trace worth reading
        self.end(OVERTAKEN, wording.OVERTAKEN, wording.OVERTAKEN_HINT)

    def _unrecorded(self, unavailable: AuditUnavailable) -> None:
        log.error("statement refused, session ended: %s", unavailable)
        self.end(
            "58030",
            "louver: the audit trail cannot be written, so no statement may run",
            "The operator of Louver finds the reason in its log.",
        )

    def _give_up_client(self, received: bytes, reason: str) -> Peer | None:
        """End the session without its client, whose connection goes on; `received` was read of it and not used.

        None when the client has gone, or the session has ended already.
        """
        if self._reason or self._client.is_closing():
            return None
        self._open -= 1
        peer = Peer.again(self._client, received)
        self._finish(reason, cancel=False, keeps_client=True)
        return peer

    def _finish(self, reason: str, *, cancel: bool, keeps_client: bool = False) -> None:
        if self._reason:
            return
        self._reason = reason
        if self._task is not None:
            self._task.cancel()
        goodbye = self._goodbye()
        if goodbye and not self._server.is_closing():
            self._server.write(goodbye)
        changing = self._changing() and not self._server.is_closing()
        if changing:  # the end of its connection tells when it has come to its own
            self._server.resume_reading()
            self._loop.call_later(_CHANGING_SECONDS, self._server.abort)
        for transport in (self._client, self._server):
            if (transport is self._server and changing) or (transport is self._client and keeps_client):
                continue
            transport.close()
            # TLS does not count what waits beneath it
            if transport.get_write_buffer_size() or transport.get_extra_info("ssl_object"):
                self._loop.call_later(_LINGER_SECONDS, transport.abort)
        self._held.forget()
        try:
            self._lose()
            self._recorder.closed(reason)
        except AuditUnavailable as unavailable:
            log.error("the end of a session is not recorded: %s", unavailable)  # noqa: TRY400  it has no trace worth reading
        self._ended(self, cancel)
