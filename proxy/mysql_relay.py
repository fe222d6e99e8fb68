"""The shell around one MySQL session: two transports, the session machine between them, the gate and the audit beside it.

Owns moving bytes, backpressure both ways, and the end of a session whatever ends it. May not do: know a packet, decide.
"""

from __future__ import annotations

import asyncio
import logging
from time import perf_counter_ns
from typing import TYPE_CHECKING, Final

from audit.writer import AuditUnavailable
from proxy.mysql.packets import ProtocolViolation
from proxy.mysql.session import MySQLSession
from proxy.mysql_caller import Outgrown
from proxy.mysql_deliberation import MySQLDeliberation
from proxy.mysql_gate import error_payload
from proxy.side import Side
from proxy.wording import OUTGROWN, unknown_plan
from rewriter.model import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.front import Opening, Serving
    from proxy.mysql.statements import Statement
    from proxy.mysql_caller import MySQLCaller
    from proxy.mysql_gate import MySQLGate, MySQLWorld
    from proxy.mysql_login import MySQLEstablished
    from proxy.mysql_threads import Threads
    from proxy.plans import Ruling

log = logging.getLogger(__name__)

_HELD_BYTES: Final = 256 * 1024
"""What a client may send behind a statement that waits for its ruling before it is read no more."""

_LINGER_SECONDS: Final = 5.0
"""How long a peer may take to read what was sent to it last; a session that has ended holds no socket longer."""


class MySQLRelay:
    """One session from the end of its login to its own end.

    `first`: what the client is to be sent first, then what was read from client and server and not used by the login.
    `threads` and `shared_account` are those of `MySQLDeliberation`.
    """

    @classmethod
    def of(  # noqa: PLR0913  what a login and the server bring together
        cls,
        established: MySQLEstablished,
        opening: Opening,
        *,
        gate: MySQLGate,
        caller: MySQLCaller,
        catalog_changed: Callable[[], None],
        statement_bytes: int,
        threads: Threads,
        shared_account: bool,
    ) -> MySQLRelay:
        """The relay of a login. Raises PeerClosed when one side has gone."""
        login = established.login
        session = MySQLSession(unknown_plan(), login.capabilities, statement_bytes, files=True)
        session.conversation.status = login.last.status
        client, client_rest = established.client.detach()
        server, server_rest = established.upstream.detach()
        return cls(
            client=client,
            server=server,
            session=session,
            caller=caller,
            gate=gate,
            opening=opening,
            catalog_changed=catalog_changed,
            threads=threads,
            shared_account=shared_account,
            first=(login.greeting, client_rest, server_rest),
        )

    def __init__(  # noqa: PLR0913  the composition of one session
        self,
        *,
        client: asyncio.Transport,
        server: asyncio.Transport,
        session: MySQLSession,
        caller: MySQLCaller,
        gate: MySQLGate,
        opening: Opening,
        catalog_changed: Callable[[], None],
        threads: Threads,
        shared_account: bool,
        first: tuple[bytes, bytes, bytes],
    ) -> None:
        self._client = client
        self._server = server
        self._session = session
        self._caller = caller
        self._gate = gate
        self._recorder = opening.recorder
        self._outbox = opening.outbox
        self._ended: Callable[[Serving, bool], None] = opening.ended
        self._catalog_changed = catalog_changed
        self._first = first
        self._deliberation = MySQLDeliberation(
            session, caller, gate, self._send, threads=threads, shared_account=shared_account
        )
        self._posted = False  # something waits in the outbox for its record
        self._open = 2  # connections
        self._task: asyncio.Task[None] | None = None
        self._server_congested = False
        self._draining = False
        self._reason = ""
        self._loop = asyncio.get_running_loop()
        self._conversation = session.conversation
        self._conversation.charge = lambda probes: gate.charge(caller.name, probes, self._loop.time())
        self._was_guarded = False
        self._world: MySQLWorld | None = None  # that the conversation goes by
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
        self._doubt()
        try:
            self._session.receive_client(data)
            if self._task is not None:  # we go on reading, to see the client go
                if self._session.frontend.buffered > _HELD_BYTES:
                    self._client.pause_reading()
                return
            self._advance()
        except ProtocolViolation as violation:
            self._violated(violation)
        except AuditUnavailable as unavailable:
            self._unrecorded(unavailable)

    def _doubt(self) -> None:
        """Have everything ruled again, prepared or not, when what the caller's world rests on has changed."""
        if not self._caller.current:
            self._conversation.epoch, self._conversation.decision = 0, None

    def server_received(self, data: bytes) -> None:
        """Bytes of the server."""
        session = self._session
        self._doubt()  # its answer may set free what the client has sent ahead
        try:
            session.receive_server(data)
            self._finish_outcomes()
        except ProtocolViolation as violation:
            self._violated(violation)
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
        elif self._task is None and not self._reason:
            self._go_on()

    def _go_on(self) -> None:
        try:
            self._advance()
        except ProtocolViolation as violation:
            self._violated(violation)
        except AuditUnavailable as unavailable:
            self._unrecorded(unavailable)

    def _advance(self) -> None:
        """Rule what waits as long as the rulings are at hand, record what starts, then send."""
        session = self._session
        statement = session.next_statement()
        while statement is not None and self._task is None:
            ruling = self._deliberation.at_hand(statement)
            if ruling is None:
                self._task = self._loop.create_task(self._consider(statement))
                self._task.add_done_callback(self._considered)
                break
            self._answer(ruling)
            statement = session.next_statement()
        self._send()

    def _answer(self, ruling: Ruling) -> None:
        conversation, world = self._conversation, self._caller.world
        self._was_guarded = self._was_guarded or world.guarded  # what an earlier decision hid may still speak
        conversation.guarded = self._was_guarded
        conversation.epoch, conversation.decision = world.epoch, world.decision
        if world is not self._world:
            self._world = world
            conversation.witness = self._gate.origins(world)
        self._session.answer(ruling)

    def _send(self) -> None:
        session = self._session
        for execution in session.started():
            assert execution.plan is not None
            self._recorder.start(execution.plan, execution.number, execution.text)
            execution.started = perf_counter_ns()
            self._posted = True
        back = session.data_for_client()  # what is answered without the server
        if back:
            self._client.write(back)
        out = session.data_for_server()
        if out:
            if self._posted:  # behind the records; what follows in the same turn keeps its place
                self._outbox.post(self._deliver, out, self._unrecorded)
            else:
                self._server.write(out)

    def _deliver(self, out: bytes) -> None:
        self._posted = False
        if not self._server.is_closing():
            self._server.write(out)

    def _finish_outcomes(self) -> None:
        now = perf_counter_ns()
        for execution in self._session.outcomes():
            self._recorder.finish(
                execution.number,
                execution.status,
                execution.rows,
                execution.sent,
                now - execution.started,
                execution.sqlstate,
            )
            if execution.plan is not None and execution.plan.changes_catalog:
                self._catalog_changed()

    # -- statements whose ruling takes a look-up -----------------------------------------------------------------

    async def _consider(self, statement: Statement) -> None:
        self._answer(await self._deliberation.rule(statement))

    def _considered(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if task.cancelled() or self._reason:
            return
        error = task.exception()
        if error is None:
            self._resume_client()
            self._go_on()
        elif isinstance(error, Outgrown):
            self.end("57P01", OUTGROWN)
        elif isinstance(error, ProtocolViolation):
            self._violated(error)
        else:
            log.error("session ended by a fault while a statement was ruled", exc_info=error)
            self.end("XX000", "louver: a fault ended this session; it is reported in Louver's log")

    # -- backpressure --------------------------------------------------------------------------------------------

    def _client_is_congested(self, congested: bool) -> None:
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
        """The client has gone, in order or not."""
        self._open -= 1
        self._finish("the client closed the connection", cancel=not self._session.quiet)

    def server_lost(self) -> None:
        """The server has gone; the client is told by its connection, as the server itself tells it."""
        self._open -= 1
        self._finish("the database closed the connection", cancel=False)

    def end(self, sqlstate: str, message: str, hint: str | None = None) -> None:
        """End the session from our side, with an error for the client."""
        if not self._reason:
            self._client.write(self._session.farewell(error_payload(Refusal(sqlstate, message, hint=hint))))
            self._finish(message, cancel=not self._session.quiet)

    def _violated(self, violation: ProtocolViolation) -> None:
        self.end(violation.sqlstate, f"louver: {violation}")

    def _cut_off(self, column: str) -> None:
        """End the session: a hidden column is about to be shown, by a fault or by a change made at this moment."""
        log.error("an answer that shows hidden %s was cut off before its first row, and its session ended", column)
        try:
            self._recorder.exposed(column)
        except AuditUnavailable as unavailable:
            log.error("that is not recorded: %s", unavailable)  # noqa: TRY400  it has no trace worth reading
        self.end("42501", f"louver: the answer would show {column}, which is hidden from you")

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
        self.end("57P01", "louver: Server shutdown in progress", hint="Connect again.")

    def _unrecorded(self, unavailable: AuditUnavailable) -> None:
        log.error("statement refused, session ended: %s", unavailable)
        self.end("58030", "louver: the audit trail cannot be written, so no statement may run")

    def _finish(self, reason: str, *, cancel: bool) -> None:
        if self._reason:
            return
        self._reason = reason
        if self._task is not None:
            self._task.cancel()
        for transport in (self._client, self._server):
            transport.close()
            if transport.get_write_buffer_size():
                self._loop.call_later(_LINGER_SECONDS, transport.abort)
        try:
            for execution in self._conversation.running():
                self._recorder.finish(execution.number, "lost", b"", execution.sent, 0, "")
            self._recorder.closed(reason)
        except AuditUnavailable as unavailable:
            log.error("the end of a session is not recorded: %s", unavailable)  # noqa: TRY400  it has no trace worth reading
        self._ended(self, cancel)
