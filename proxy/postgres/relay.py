"""The shell around one PostgreSQL session: the session machine, the gate and the audit beside it.

Owns the walk of bytes through them, and what a session's own definitions and ends of transactions mean for what follows.
May not do: know a message, decide.
"""

from __future__ import annotations

from time import perf_counter_ns
from typing import TYPE_CHECKING, Final

from audit.writer import AuditUnavailable
from proxy.overtaken import OVERTAKEN
from proxy.postgres.deliberation import Deliberation
from proxy.postgres.gate import only_kind
from proxy.postgres.undoing import Undoing
from proxy.postgres.wire import frames
from proxy.postgres.wire.answers import EXCEEDED, EXPOSED
from proxy.postgres.wire.conversation import FAILED, IDLE, IN_TRANSACTION, ProtocolViolation
from proxy.postgres.wire.frames import frame
from proxy.postgres.wire.messages import error_response
from proxy.relay import HELD_BYTES, Opening, Relay
from rewriter.postgres.catalog import Catalog

if TYPE_CHECKING:
    import asyncio

    from proxy.changes import Change
    from proxy.context import Identity
    from proxy.plans import Plan, Ruling
    from proxy.postgres.caller import Caller
    from proxy.postgres.catalogs import PostgresCatalogs
    from proxy.postgres.gate import PostgresGate
    from proxy.postgres.wire.replies import Execution
    from proxy.postgres.wire.session import PostgresSession
    from proxy.postgres.wire.statements import Statement

_TERMINATE: Final = frame(frames.TERMINATE, b"")
_RUN: Final = frozenset(("query", "portal"))
"""The statements that run once they are ruled."""
_TRANSACTION: Final = "TransactionStmt"
_SAVEPOINT: Final = b"savepoint"


class PostgresRelay(Relay):
    """One PostgreSQL session from the end of its login to its own end."""

    def __init__(  # noqa: PLR0913  the composition of one session
        self,
        client: asyncio.Transport,
        server: asyncio.Transport,
        opening: Opening,
        first: tuple[bytes, bytes, bytes],
        *,
        session: PostgresSession,
        caller: Caller,
        gate: PostgresGate,
        catalogs: PostgresCatalogs,
    ) -> None:
        super().__init__(client, server, opening, first)
        self._session = session
        self._conversation = session.conversation
        self._caller = caller
        self._context = opening.context
        self._login = opening.context.identity
        self._gate = gate
        self._catalogs = catalogs
        self._deliberation = Deliberation(session, caller, gate, self._send, context=opening.context, renew=self._renew)
        self._changes: list[Change] = []  # of this session, that others may see at any moment
        self._since = -1  # as of which moment the oldest statement under way was ruled; -1 when there is none
        self._made: frozenset[str] | None = frozenset()  # the names in what PREPARE and DECLARE have left
        self._last: Change | None = None  # the latest of the open transaction
        self._turning = False  # what begins or ends one has left, and the server has not said yet where that has led
        self._saved = False  # the open transaction may have a savepoint
        self._undoing = Undoing(only_kind)
        self._was_guarded = False  # an earlier decision hid something, and what it has left may still speak
        self._conversation.charge = lambda probes: gate.charge(
            self._context.identity.principal.name, probes, self._loop.time()
        )
        self._conversation.spend = gate.spend
        self._conversation.unclaimed = gate.grants.unpaid
        if self._recorder.hashes is not None or self._recorder.snapshots is not None:
            self._conversation.values = {}
        self._conversation.snapshots = self._recorder.snapshots
        self._conversation.fields = caller.fields

    # -- the walk ------------------------------------------------------------------------------------------------

    def client_received(self, data: bytes) -> None:
        """Bytes of the client."""
        self._stirred = True
        if self._task is None:
            self._read_at = perf_counter_ns()
        if not self._caller.current:
            self._renew()
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

    def _overtaken(self) -> bool:
        return self._since >= 0 and not self._caller.known.changes.still(self._since) and self._met() > 0

    def _take(self, data: bytes) -> None:
        session = self._session
        try:
            session.receive_server(data)
            finished = session.outcomes()
            if finished:
                self._record_ends(finished)
                self._after(finished)
            if self._conversation.published or (self._changes and self._has_failed()):
                self._publish()
            if session.quiet:
                self._since = -1
                self._turning = self._turning and self._conversation.pipelined
                session.backend.rest()
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
        self._deliberation.answered()
        if self._draining and session.idle:
            self._drained()

    def _advance(self) -> None:
        """Rule what waits as long as the rulings are at hand, record what starts, then send."""
        session = self._session
        statement = session.next_statement()
        while statement is not None and self._task is None:
            ruling = self._deliberation.at_hand(statement.text)
            if (
                ruling is None
                or (ruling.plan.copies and self._caller.makes(statement.text, self._conversation.number))
                or (statement.source in _RUN and self._conversation.unpaid(ruling.plan))
            ):
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
            now = perf_counter_ns()
            asof = self._caller.known.asof
            if self._since < 0:
                self._since = asof
            for execution in started:
                assert execution.plan is not None
                execution.asof, execution.catalog = asof, self._caller.world.catalog
                if _may_commit(execution):
                    self._last, self._turning = None, True
                if execution.plan.changes_catalog or execution.plan.makes != "none":
                    self._defines(execution)
                self._recorder.start(
                    execution.plan, execution.number, execution.text, execution.identity, execution.values
                )
                execution.started = now
            self._posted = True
        out = self._session.data_for_server()
        if out:
            self._write(out)

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
        identity = self._context.identity
        conversation.identity = None if identity is self._login else identity
        conversation.decision = world.decision
        self._was_guarded = self._was_guarded or world.guarded
        conversation.guarded = self._was_guarded
        conversation.witness = world.witness
        conversation.epoch = 0 if conversation.names_stale and world.guarded else world.epoch

    # -- statements whose ruling takes a look-up -----------------------------------------------------------------

    async def _consider(self, statement: Statement) -> None:
        portal = statement.source == "portal"
        ruling = await self._deliberation.rule(statement.text, portal=portal)
        if statement.source in _RUN and self._conversation.unpaid(ruling.plan):
            await self._gate.claim(ruling.plan.judgement.grants)
            ruling = await self._deliberation.rule(statement.text, portal=portal)  # whatever has changed meanwhile
        self._enter()
        self._session.answer(ruling)
        self._answered(ruling)

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
            if plan is not None and _may_commit(execution):
                saved = self._saved or _SAVEPOINT in execution.text.lower()
                self._saved = saved and self._conversation.status != IDLE
            if plan is not None and (plan.copies or _TRANSACTION in plan.judgement.kinds):
                undone = self._undoing.undone(execution)
                if undone:
                    self._caller.undone(undone)
            if plan is not None and plan.changes_catalog:
                self._caller.defines()

    def _has_failed(self) -> bool:
        """Whether the open transaction has failed as a whole: its locks are gone, and nobody will see anything of it."""
        return self._conversation.status == FAILED and self._session.quiet and not self._saved

    def _publish(self) -> None:
        """The transaction of a definition is over: what others were ruled by may be so no more."""
        self._conversation.published = False
        ended: list[Change] = []
        if self._session.quiet:
            ended, self._changes, self._last = self._changes, [], None
        self._catalogs.published(self._caller.known, ended)

    # -- what others change while a statement is under way -------------------------------------------------------

    async def _read_again(self) -> None:
        await self._catalogs.read_again(self._caller.known)

    def _defines(self, execution: Execution) -> None:
        """A statement leaves that changes definitions, or that leaves something behind which runs later."""
        if execution.error:
            return
        if execution.plan.makes != "none" and self._made is not None:
            names = self._reached(execution)
            self._made = None if names is None else self._made | names
        if execution.plan.changes_catalog:
            names = self._gate.changes(execution.text)
            if names is None or names:
                within = self._conversation.status == IN_TRANSACTION and not self._turning
                changes = self._caller.known.changes
                change = changes.begin(self, names, self._last if within else None)
                self._changes.append(change)
                if _may_commit(execution):  # and take back what it has shown
                    self._changes.append(changes.begin(self, names))
                self._last = change if within else None

    def _reached(self, execution: Execution) -> frozenset[str] | None:
        if execution.plan.uses_made:
            return self._made
        assert isinstance(execution.catalog, Catalog)  # not that of now, in which a name may be gone again
        return self._gate.reached(execution.catalog, execution.text)

    def _met(self) -> int:
        """How many changes of others the statements under way may have met before the server read them: one, or any number."""
        if not self._conversation.guarded:
            return 0
        changes = self._caller.known.changes
        most, begun = 0, self._session.backend.begun
        for execution in self._conversation.running():
            if execution.error or execution.unmet == changes.moment:
                continue
            names = self._reached(execution)
            # whose answer has begun holds all that it names; what its functions read is found as they run
            if begun and execution.whole and names is not None and execution is self._conversation.queue.head:
                met = 0
            else:
                met = changes.met(execution.asof, names, self)
            if not met:
                execution.unmet = changes.moment
            most = max(most, met)
        return most

    def _alike(self) -> bool:
        """Whether the statements under way would leave now as they have left; those that need not be asked next time are taken down."""
        known = self._caller.known
        for execution in self._conversation.running():
            if execution.error or execution.unmet == known.changes.moment:
                continue
            person = execution.identity or self._login
            if execution.plan.uses_made or not self._caller.stands(execution.text, execution.sent_text, person):
                execution.status, execution.sqlstate = "denied", OVERTAKEN
                return False
            execution.asof = known.asof
        return True

    def _record_ends(self, finished: list[Execution]) -> None:
        now = perf_counter_ns()
        for execution in finished:
            self._recorder.finish(
                execution.number,
                execution.status,
                execution.rows,
                execution.sent,
                now - execution.started,
                execution.sqlstate,
                execution.shown,
            )
            if execution.plan is not None and execution.plan.decision.limit is not None:
                self._count_rows(execution.plan, execution.identity, execution.status, execution.rows, execution.sent)
            if execution.plan is not None and execution.plan.judgement.grants and not execution.error:
                grants = execution.plan.judgement.grants
                self._gate.grants.finished(grants, execution.status, execution.rows, execution.sent)

    def _count_rows(self, plan: Plan, identity: Identity | None, status: str, rows: bytes, sent: int) -> None:
        """Count the rows of a statement that has ended, of the person for whom it was."""
        person = (identity or self._login).principal.name
        self._gate.had(person, plan.decision, status, int(rows or b"0"), sent, self._loop.time())

    # -- the end -------------------------------------------------------------------------------------------------

    def _farewell(self, sqlstate: str, message: str, hint: str | None) -> bytes:
        return error_response("FATAL", sqlstate, message, hint=hint)

    def _goodbye(self) -> bytes:
        return _TERMINATE

    def _told_by_server(self) -> bool:
        return self._conversation.closing or self._conversation.farewell

    def _lose(self) -> None:
        self._record_ends(self._conversation.running())

    def _changing(self) -> bool:
        return bool(self._changes or self._conversation.defined) and not self._session.quiet

    def _changed(self) -> None:
        if self._changes or self._conversation.defined:
            ended, self._changes = self._changes, []
            self._catalogs.published(self._caller.known, ended)

    def _quiet(self) -> bool:
        return self._session.quiet

    def _idle(self) -> bool:
        return self._session.idle


def _may_commit(execution: Execution) -> bool:
    """Whether a text may begin, end or save transactions: it does, or cannot be read."""
    kinds = execution.plan.judgement.kinds
    return not kinds or _TRANSACTION in kinds
