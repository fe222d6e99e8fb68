"""The shell around one session: two transports, the session machine between them, the gate and the audit beside it.

Owns moving bytes, backpressure both ways, and the end of a session whatever ends it.
`data_received` runs the machine and writes in the same call when the plan is known; only what is not known yet
becomes a task. May not do: know a message, decide.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from audit.writer import AuditUnavailable
from proxy.deliberation import Deliberation
from proxy.postgres import frames
from proxy.postgres.backend import EXPOSED
from proxy.postgres.conversation import IDLE, ProtocolViolation
from proxy.postgres.frames import frame
from proxy.postgres.messages import error_response
from proxy.postgres_gate import only_kind
from proxy.side import Side
from proxy.undoing import Undoing
from proxy.wording import CUT_OFF_HINT

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.caller import Caller
    from proxy.outbox import Outbox
    from proxy.plans import Ruling
    from proxy.postgres.replies import Execution
    from proxy.postgres.session import PostgresSession
    from proxy.postgres.statements import Statement
    from proxy.postgres_gate import PostgresGate
    from proxy.recording import Recorder

log = logging.getLogger(__name__)

_TERMINATE = frame(frames.TERMINATE, b"")
_TRANSACTION = "TransactionStmt"
_HELD_BYTES = 256 * 1024
"""What a client may send behind a statement that waits for its ruling before it is read no more: a pipeline of some
thousand statements."""

_LINGER_SECONDS = 5.0
"""How long a peer may take to read what was sent to it last; a session that has ended holds no socket longer."""


class Relay:
    """One session from the end of its login to its own end; `ended` is called once, last.

    `first`: what the client is to be sent first, then what was read from client and server and not used by the login.
    """

    def __init__(  # noqa: PLR0913  the composition of one session
        self,
        *,
        client: asyncio.Transport,
        server: asyncio.Transport,
        session: PostgresSession,
        caller: Caller,
        gate: PostgresGate,
        recorder: Recorder,
        outbox: Outbox,
        ended: Callable[[Relay, bool], None],
        catalog_changed: Callable[[], None],
        first: tuple[bytes, bytes, bytes] = (b"", b"", b""),
    ) -> None:
        self._client = client
        self._server = server
        self._session = session
        self._conversation = session.conversation
        self._caller = caller
        self._recorder = recorder
        self._outbox = outbox
        self._posted = False  # something waits in the outbox for its record
        self._open = 2  # connections
        self._ended = ended
        self._catalog_changed = catalog_changed
        self._first = first
        self._task: asyncio.Task[None] | None = None
        self._deliberation = Deliberation(session, caller, gate, self._send)
        self._client_congested = self._server_congested = False
        self._catalog_touched = False
        self._undoing = Undoing(only_kind)
        self._was_guarded = False  # an earlier decision hid something, and what it has left may still speak
        self._draining = False
        self._reason = ""
        self._loop = asyncio.get_running_loop()
        self._conversation.charge = lambda probes: gate.charge(caller.name, probes, self._loop.time())
        self._stirred = False  # something was sent or answered since the idle time was last asked for
        self._idle = self._loop.time()

    def begin(self) -> None:
        """Take over both transports after the login."""
        greeting, client_rest, server_rest = self._first
        self._first = (b"", b"", b"")
        self._client.set_protocol(Side(self.client_received, self.client_lost, self._client_is_congested))
        self._server.set_protocol(Side(self.server_received, self.server_lost, self._server_is_congested))
        self._client.write(greeting)
        self._client.resume_reading()
        self._server.resume_reading()
        if server_rest:
            self.server_received(server_rest)
        if client_rest:
            self.client_received(client_rest)

    # -- the walk ------------------------------------------------------------------------------------------------

    def client_received(self, data: bytes) -> None:
        """Bytes of the client."""
        self._stirred = True
        if not self._caller.current:
            self._renew()
        try:
            self._session.receive_client(data)
            if self._task is not None:  # we go on reading, to see the client go
                if self._session.frontend.buffered > _HELD_BYTES:
                    self._client.pause_reading()
                return
            self._advance()
        except ProtocolViolation as violation:
            self.end(violation.sqlstate, str(violation))
        except AuditUnavailable as unavailable:
            self._unrecorded(unavailable)

    def server_received(self, data: bytes) -> None:
        """Bytes of the server."""
        session = self._session
        try:
            session.receive_server(data)
            finished = session.outcomes()
            if finished:
                self._recorder.ended(finished)
                self._after(finished)
        except ProtocolViolation as violation:
            self.end(violation.sqlstate, f"louver: {violation}")
            return
        except AuditUnavailable as unavailable:
            self._unrecorded(unavailable)
            return
        out = session.data_for_client()
        if out:
            self._stirred = True
            self._client.write(out)
        if self._conversation.exposed:
            self._cut_off(self._conversation.exposed)
            return
        self._deliberation.answered()
        if self._draining and session.idle:
            self._drained()

    def _advance(self) -> None:
        """Rule what waits as long as the rulings are at hand, record what starts, then send."""
        session = self._session
        statement = session.next_statement()
        while statement is not None and self._task is None:
            ruling = self._caller.find(statement.text) if self._at_hand() else None
            if ruling is None or (ruling.plan.copies and self._caller.makes(statement.text, self._conversation.number)):
                self._task = self._loop.create_task(self._consider(statement))
                self._task.add_done_callback(self._considered)
                break
            if self._conversation.decision is None:
                self._enter()
            session.answer(ruling)
            self._answered(ruling)
            statement = session.next_statement()
        self._send()

    def _send(self) -> None:
        started = self._session.started()
        if started:
            self._recorder.started(started)
            self._posted = True
        out = self._session.data_for_server()
        if out:
            if self._posted:  # behind the records; what follows in the same turn keeps its place
                self._outbox.post(self._deliver, out, self._unrecorded)
            else:
                self._server.write(out)

    def _deliver(self, out: bytes) -> None:
        self._posted = False
        if not self._server.is_closing():
            self._server.write(out)

    def _at_hand(self) -> bool:
        """True when the caller's world is known, so that a ruling needs nothing of the outside."""
        caller = self._caller
        conversation = self._conversation
        return caller.current and not (caller.guarded and (conversation.names_stale or not conversation.readable))

    def _renew(self) -> None:
        """Policies, time or catalog have moved on: decide again, or let the next statement wait until that is done."""
        if self._task is not None:  # it decides again when it is done
            return
        if self._caller.renew():
            self._enter()
        else:
            self._conversation.epoch = 0
            self._conversation.decision = None

    def _enter(self) -> None:
        """Let the session go by the world the caller is in."""
        conversation = self._conversation
        if not self._caller.current:  # it could not be settled, or has moved on meanwhile
            conversation.epoch, conversation.decision = 0, None
            conversation.guarded = True
            return
        world = self._caller.world
        conversation.decision = world.decision
        self._was_guarded = self._was_guarded or world.guarded
        conversation.guarded = self._was_guarded
        conversation.witness = world.witness
        conversation.epoch = 0 if conversation.names_stale and world.guarded else world.epoch

    # -- statements whose ruling takes a look-up -----------------------------------------------------------------

    async def _consider(self, statement: Statement) -> None:
        ruling = await self._deliberation.rule(statement.text, portal=statement.source == "portal")
        self._enter()
        self._session.answer(ruling)
        self._answered(ruling)

    def _considered(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if task.cancelled() or self._reason:
            return
        error = task.exception()
        if error is None:
            self._resume_client()
            try:
                self._advance()
            except ProtocolViolation as violation:
                self.end(violation.sqlstate, str(violation))
            except AuditUnavailable as unavailable:
                self._unrecorded(unavailable)
        elif isinstance(error, ProtocolViolation):
            self.end(error.sqlstate, str(error))
        else:
            log.error("session ended by a fault while a statement was ruled", exc_info=error)
            self.end("XX000", "louver: a fault ended this session; it is reported in Louver's log")

    def _answered(self, ruling: Ruling) -> None:
        """A statement that defines something leaves: what follows it is ruled by what it has defined."""
        plan = ruling.plan
        if plan.verdict != "deny" and (
            plan.changes_catalog or (self._caller.has_own and _TRANSACTION in plan.judgement.kinds)
        ):
            self._caller.defines()

    # -- after a statement ---------------------------------------------------------------------------------------

    def _after(self, finished: list[Execution]) -> None:
        for execution in finished:
            plan = execution.plan
            if plan is not None and (plan.copies or _TRANSACTION in plan.judgement.kinds):
                undone = self._undoing.undone(execution)
                if undone:
                    self._caller.undone(undone)
            if plan is not None and plan.changes_catalog:
                self._catalog_touched = True
                self._caller.defines()
        if self._catalog_touched and self._conversation.status == IDLE:
            self._catalog_touched = False
            self._catalog_changed()

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
        """The client has gone, in order or not; what it left running is cancelled."""
        self._open -= 1
        self._finish("the client closed the connection", cancel=not self._session.quiet)

    def server_lost(self) -> None:
        """The server has gone; the client is told unless the server has told it already."""
        self._open -= 1
        if not self._reason and not self._conversation.closing and not self._conversation.farewell:
            message = "louver: the database closed the connection"
            self._client.write(error_response("FATAL", "08006", message, hint="Connect again."))
        self._finish("the database closed the connection", cancel=False)

    def end(self, sqlstate: str, message: str, hint: str | None = None) -> None:
        """End the session from our side, with an error for the client."""
        if not self._reason:
            self._client.write(error_response("FATAL", sqlstate, message, hint=hint))
            self._finish(message, cancel=not self._session.quiet)

    def _cut_off(self, column: str) -> None:
        """End the session: a hidden column is about to be shown, by a fault or by a change made at this moment."""
        log.error("an answer that shows hidden %s was cut off before its first row, and its session ended", column)
        try:
            self._recorder.exposed(column)
        except AuditUnavailable as unavailable:
            log.error("that is not recorded: %s", unavailable)  # noqa: TRY400  it has no trace worth reading
        self.end(EXPOSED, f"louver: the answer would show {column}, which is hidden from you", CUT_OFF_HINT)

    def idle_since(self) -> float:
        """Loop time at which the session was first seen idle; now when it has been in use since this was last asked."""
        if self._stirred or not self._session.quiet:
            self._stirred = False
            self._idle = self._loop.time()
        return self._idle

    def drain(self) -> None:
        """End the session as soon as it is between transactions."""
        self._draining = True
        if self._session.idle:
            self._drained()

    def _drained(self) -> None:
        self.end("57P01", "terminating connection: louver is shutting down", hint="Connect again.")

    def _unrecorded(self, unavailable: AuditUnavailable) -> None:
        log.error("statement refused, session ended: %s", unavailable)
        self.end(
            "58030",
            "louver: the audit trail cannot be written, so no statement may run",
            hint="The operator of Louver finds the reason in its log.",
        )

    def _finish(self, reason: str, *, cancel: bool) -> None:
        if self._reason:
            return
        self._reason = reason
        if self._task is not None:
            self._task.cancel()
        if not self._server.is_closing():
            self._server.write(_TERMINATE)
        for transport in (self._client, self._server):
            transport.close()
            if transport.get_write_buffer_size():
                self._loop.call_later(_LINGER_SECONDS, transport.abort)
        try:
            self._recorder.ended(self._conversation.running())
            self._recorder.closed(reason)
        except AuditUnavailable as unavailable:
            log.error("the end of a session is not recorded: %s", unavailable)  # noqa: TRY400  it has no trace worth reading
        self._ended(self, cancel)
