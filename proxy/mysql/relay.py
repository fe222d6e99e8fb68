"""The shell around one MySQL session: the session machine, the gate and the audit beside it.

Owns the walk of bytes through them. May not do: know a packet, decide.
"""

from __future__ import annotations

from time import perf_counter_ns
from typing import TYPE_CHECKING, Final

from audit.writer import AuditUnavailable
from proxy.mysql.deliberation import MySQLDeliberation
from proxy.mysql.gate import error_payload
from proxy.mysql.wire.commands import COM_QUIT
from proxy.mysql.wire.errors import EXCEEDED, EXPOSED
from proxy.mysql.wire.packets import ProtocolViolation, packet
from proxy.mysql.wire.replies import Execution
from proxy.overtaken import MANY, OVERTAKEN
from proxy.relay import HELD_BYTES, Opening, Relay
from rewriter.model import Refusal
from rewriter.mysql.catalog import Catalog

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from proxy.changes import Change
    from proxy.context import Identity
    from proxy.mysql.caller import MySQLCaller
    from proxy.mysql.catalogs import MySQLCatalogs
    from proxy.mysql.gate import MySQLGate, MySQLWorld
    from proxy.mysql.threads import Threads
    from proxy.mysql.wire.session import MySQLSession
    from proxy.mysql.wire.statements import Statement
    from proxy.peer import Peer
    from proxy.plans import Plan, Ruling

_QUIT: Final = packet(0, bytes((COM_QUIT,)))


class MySQLRelay(Relay):
    """One MySQL session from the end of its login to its own end.

    `threads` and `shared_account` are those of `MySQLDeliberation`. `change_user` is given the client of a session that has ended
    with a COM_CHANGE_USER, and that command.
    """

    def __init__(  # noqa: PLR0913  the composition of one session
        self,
        client: asyncio.Transport,
        server: asyncio.Transport,
        opening: Opening,
        first: tuple[bytes, bytes, bytes],
        *,
        session: MySQLSession,
        caller: MySQLCaller,
        gate: MySQLGate,
        catalogs: MySQLCatalogs,
        threads: Threads,
        shared_account: bool,
        change_user: Callable[[Peer, bytes], None],
    ) -> None:
        super().__init__(client, server, opening, first)
        self._session = session
        self._conversation = session.conversation
        self._caller = caller
        self._gate = gate
        self._catalogs = catalogs
        self._changes: list[Change] = []  # of the text under way, that others may see at any moment
        self._made: frozenset[str] | None = frozenset()  # the names in what PREPARE has left
        self._deliberation = MySQLDeliberation(
            session,
            caller,
            gate,
            self._send,
            context=opening.context,
            threads=threads,
            shared_account=shared_account,
        )
        self._context = opening.context
        self._login = opening.context.identity
        self._conversation.forgotten = self._context.forget
        self._change_user = change_user
        self._was_guarded = False
        self._world: MySQLWorld | None = None  # that the conversation goes by
        self._ruled: tuple[int, Catalog] | None = (
            None  # as of when, and by what, an execution was ruled that has not started yet
        )
        self._conversation.charge = lambda probes: gate.charge(
            self._context.identity.principal.name, probes, self._loop.time()
        )
        self._conversation.spend = gate.spend
        self._conversation.unclaimed = gate.grants.unpaid
        self._conversation.origins_of = gate.origins_of
        self._conversation.hashes_values = self._recorder.hashes is not None
        self._conversation.snapshots = self._recorder.snapshots

    # -- the walk ------------------------------------------------------------------------------------------------

    def client_received(self, data: bytes) -> None:
        """Bytes of the client."""
        self._stirred = True
        if self._task is None:
            self._read_at = perf_counter_ns()
        self._doubt()
        try:
            self._session.receive_client(data)
            if self._task is not None:  # we go on reading, to see the client go
                if self._session.frontend.buffered > HELD_BYTES:
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

    def _overtaken(self) -> bool:
        owed = self._conversation.owed
        return isinstance(owed, Execution) and not self._caller.known.changes.still(owed.asof) and self._met() > 0

    def _take(self, data: bytes) -> None:
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
        if self._conversation.exceeded >= 0:
            self._cut_short(self._conversation.exceeded, EXCEEDED)
            return
        if self._conversation.exposed:
            self._cut_off(self._conversation.exposed, EXPOSED)
            return
        if self._conversation.leaving:
            self._leave()
            return
        self._deliberation.answered()
        if self._draining and session.idle:
            self._drained()
        elif self._task is None and not self._reason:
            self._go_on()

    def _advance(self) -> None:
        """Rule what waits as long as the rulings are at hand, record what starts, then send."""
        session = self._session
        statement = session.next_statement()
        while statement is not None and self._task is None:
            ruling = self._deliberation.at_hand(statement)
            if ruling is None or self._unpaid(statement, ruling):
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
        identity = self._context.identity
        conversation.identity = None if identity is self._login else identity
        if world is not self._world:
            self._world = world
            conversation.witness = self._gate.origins(world)
        waiting = self._session.next_statement()
        if waiting is not None and waiting.source == "execute":  # it may have to be prepared anew first
            self._ruled = self._caller.known.asof, world.catalog
        self._session.answer(ruling)

    def _send(self) -> None:
        session = self._session
        for execution in session.started():
            assert execution.plan is not None
            self._recorder.start(execution.plan, execution.number, execution.text, execution.identity, execution.values)
            execution.started = perf_counter_ns()
            execution.asof, execution.catalog = self._ruled or (self._caller.known.asof, self._caller.world.catalog)
            self._ruled = None
            if execution.plan.changes_catalog or "PREPARE" in execution.plan.judgement.kinds:
                self._defines(execution)
            self._posted = True
        back = session.data_for_client()  # what is answered without the server
        if back:
            self._client.write(back)
        out = session.data_for_server()
        if out:
            self._write(out)

    def _finish_outcomes(self) -> None:
        now = perf_counter_ns()
        for execution in self._session.outcomes():
            self._read_at = now  # what was sent ahead has waited for the server until now
            self._recorder.finish(
                execution.number,
                execution.status,
                execution.rows,
                execution.sent,
                now - execution.started,
                execution.sqlstate,
                execution.shown,
            )
            self._caller.ended(execution.number - 1, execution.status)
            if execution.plan is not None and execution.plan.decision.limit is not None:
                self._count_rows(execution.plan, execution.identity, execution.status, execution.rows, execution.sent)
            self._count(execution)
            if execution.plan is not None and execution.plan.changes_catalog:
                self._publish()

    def _publish(self) -> None:
        """A definition has ended: what others were ruled by may be so no more."""
        ended, self._changes = self._changes, []
        self._catalogs.published(self._caller.known, ended)

    # -- what others change while a statement is under way -------------------------------------------------------

    async def _read_again(self) -> None:
        await self._catalogs.read_again(self._caller.known)

    def _defines(self, execution: Execution) -> None:
        """A statement leaves that changes definitions, or that leaves something behind which runs later."""
        if execution.error:
            return
        kinds = execution.plan.judgement.kinds
        if "PREPARE" in kinds and self._made is not None:
            names = self._gate.reached(self._caller.known.catalog, execution.text)
            self._made = None if names is None else self._made | names
        if execution.plan.changes_catalog:
            names = self._gate.changes(self._caller.known.catalog, kinds, execution.text)
            if names is None or names:
                # each statement commits: several may show something and take it back
                for _ in range(1 if len(kinds) == 1 else MANY):
                    self._changes.append(self._caller.known.changes.begin(self, names))

    def _met(self) -> int:
        """How many changes of others the statement under way may have met before the server read it: one, or any number."""
        owed = self._conversation.owed
        if not isinstance(owed, Execution) or owed.error or not self._conversation.guarded:
            return 0
        known = self._caller.known
        runs = "EXECUTE" in owed.plan.judgement.kinds
        assert isinstance(owed.catalog, Catalog)  # not that of now, in which a name may be gone again
        names = self._made if runs else self._gate.reached(owed.catalog, owed.text)
        if self._session.backend.begun and names is not None and b";" not in owed.text.rstrip(b"; \t\r\n"):
            return 0  # it holds all that it names
        return known.changes.met(owed.asof, names, self)

    def _alike(self) -> bool:
        """Whether the statement under way would leave now as it has left."""
        owed = self._conversation.owed
        if isinstance(owed, Execution):
            known, person = self._caller.known, owed.identity or self._login
            runs = "EXECUTE" in owed.plan.judgement.kinds
            if runs or not self._caller.stands(owed.text, owed.sent_text, person):
                owed.status, owed.errno, owed.sqlstate = "denied", 1213, OVERTAKEN
                return False
            owed.asof = known.asof
        return True

    def _count(self, execution: Execution) -> None:
        """Tell the grants of an execution under them that it has ended."""
        if execution.plan is not None and execution.plan.judgement.grants and not execution.error:
            grants = execution.plan.judgement.grants
            self._gate.grants.finished(grants, execution.status, execution.rows, execution.sent)

    # -- statements whose ruling takes a look-up -----------------------------------------------------------------

    async def _consider(self, statement: Statement) -> None:
        ruling = await self._deliberation.rule(statement)
        if self._unpaid(statement, ruling):
            await self._gate.claim(ruling.plan.judgement.grants)
            ruling = await self._deliberation.rule(statement)  # whatever has changed meanwhile
        self._answer(ruling)

    def _unpaid(self, statement: Statement, ruling: Ruling) -> bool:
        """Whether a statement that runs once it is ruled has to be counted under grants first."""
        return statement.source in {"query", "execute"} and self._conversation.unpaid(ruling.plan)

    def _leave(self) -> None:
        """The client wants to be another: its session ends, and who it is now is found out as for a new connection."""
        left = self._session.leaving()
        if left is not None:
            peer = self._give_up_client(left[1], "the client changed its user")
            if peer is not None:
                self._change_user(peer, left[0])

    def _count_rows(self, plan: Plan, identity: Identity | None, status: str, rows: bytes, sent: int) -> None:
        """Count the rows of a statement that has ended, of the person for whom it was."""
        person = (identity or self._login).principal.name
        self._gate.had(person, plan.decision, status, int(rows or b"0"), sent, self._loop.time())

    # -- the end -------------------------------------------------------------------------------------------------

    def _farewell(self, sqlstate: str, message: str, hint: str | None) -> bytes:
        return self._session.farewell(error_payload(Refusal(sqlstate, message, hint=hint)))

    def _goodbye(self) -> bytes:
        leaves = (self._session.quiet or bool(self._changes)) and not self._conversation.closing
        return _QUIT if leaves else b""

    def _told_by_server(self) -> bool:
        return True  # by the end of its connection, as the server itself tells it

    def _lose(self) -> None:
        for execution in self._conversation.running():
            self._recorder.finish(execution.number, "lost", b"", execution.sent, 0, "")
            self._count(execution)
            self._caller.ended(execution.number - 1, "lost")
        self._caller.left()

    def _changing(self) -> bool:
        return bool(self._changes)

    def _changed(self) -> None:
        if self._changes:
            self._publish()

    def _quiet(self) -> bool:
        return self._session.quiet

    def _idle(self) -> bool:
        return self._session.idle
