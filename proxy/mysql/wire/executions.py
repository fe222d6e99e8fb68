"""Prepared statements: what the client's commands about them mean, by the client's numbers and the server's.

Owns executing one under the decision that holds now, preparing it anew behind the client's back, its cursor and its end. Source: MySQL's
developer documentation, "Prepared Statements"; MariaDB's, "COM_STMT_BULK_EXECUTE". May not do: I/O, parsing of SQL, deciding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from proxy.mysql.wire import parameters, provocations
from proxy.mysql.wire.commands import COM_STMT_CLOSE, COM_STMT_PREPARE
from proxy.mysql.wire.handling import AGAIN, DROP, WAIT, Handling, Step
from proxy.mysql.wire.packets import LARGEST, ProtocolViolation, packet
from proxy.mysql.wire.replies import Action, Execution, Pending, Reply
from proxy.mysql.wire.spelling import tell
from proxy.mysql.wire.statements import Prepared, Statement, still_prepared
from proxy.values import LONGEST, executed

if TYPE_CHECKING:
    from proxy.mysql.wire.conversation import Conversation
    from proxy.plans import Ruling
    from proxy.values import Bound

_RESULTS: Final = Reply.RESULTS
_TYPES_LIMIT: Final = 1 << 20
"""Bytes of an execution looked at for its types: 65,535 parameters, the most there are, take 128 KiB, and named ones some more."""
_CURSOR: Final = 0x07  # the flags of COM_STMT_EXECUTE that ask for a cursor


class Executions(Handling):
    """Handles the commands about prepared statements."""

    def __init__(self, conversation: Conversation) -> None:
        super().__init__(conversation)
        self._prepared: Prepared | None = None  # of the waiting execution or fetch
        self._ruled: Prepared | None = None  # by the ruling at hand: its command goes on, whatever the epoch

    def _execute(self, data: bytes, start: int, size: int, *, bulk: bool) -> Step:  # noqa: C901, PLR0911  each a case
        conversation = self._conversation
        if size < (7 if bulk else 10):
            raise ProtocolViolation("an execution is too short")
        payload = data[start : start + min(size, _TYPES_LIMIT)]
        if len(payload) < 10 and len(payload) < size:
            return self._gather(min(size, 10))
        number = int.from_bytes(payload[1:5], "little")
        prepared = conversation.find(number)
        if prepared is None:
            return self._unknown(payload, _RESULTS)
        if prepared.broken:
            error, prepared.broken = prepared.broken, b""
            self._ruled = None
            return self._refuse(error, Execution(_RESULTS, prepared.plan, prepared.text, refused=error))
        outdated = prepared.plan.epoch != conversation.epoch or prepared.identity is not conversation.identity
        outdated = outdated or not prepared.server_id or self._reads_otherwise(prepared)
        if prepared is not self._ruled and (outdated or conversation.unpaid(prepared.plan)):
            self._prepared = prepared
            self.waiting = Statement(prepared.text, "execute", prepared.tracked)
            return WAIT
        types = (
            parameters.bulk_types(payload, prepared.parameters)
            if bulk
            else parameters.execution_types(payload, prepared.parameters, attributes=self._attributes)
        )
        if not types.whole:
            if len(payload) < min(size, _TYPES_LIMIT):
                return self._gather(min(size, _TYPES_LIMIT))
            raise ProtocolViolation("an execution is too short for its parameters")
        hashed = (
            conversation.hashes_values and not bulk and bool(prepared.parameters and prepared.plan.judgement.columns)
        )
        if hashed and len(payload) < size <= LONGEST:
            return self._gather(size)
        self._ruled = None
        if bulk and prepared.plan.probes:  # as many searches as there are rows
            error = provocations.NO_REWRITTEN_COMMAND
        else:
            error = conversation.overdrawn(prepared.plan.probes) or conversation.spent(prepared.plan)
        if error:
            return self._refuse(error, Execution(_RESULTS, prepared.plan, prepared.text, refused=error))
        values = None
        if hashed and len(payload) == size <= LONGEST and not prepared.long_data:
            values = self._values(prepared, payload, types)
        return self._run(prepared, payload, size, types, values, bulk=bulk)

    def _reads_otherwise(self, prepared: Prepared) -> bool:
        """Whether the server may read a text otherwise now: MySQL prepares it anew by itself when a table of it has changed."""
        before, now = prepared.tracked, self._conversation.tracked
        return self._conversation.guarded and (before is None or now is None or before.reading != now.reading)

    def _values(self, prepared: Prepared, payload: bytes, types: parameters.Types) -> Bound:
        """What the parameters of an execution are, that is at hand as a whole."""
        known = payload[types.start : types.stop] or prepared.types
        read = parameters.typed(known, prepared.parameters, attributes=self._attributes)
        return executed(
            payload[types.flag - (len(read) + 7) // 8 : types.flag], read, payload[types.stop :], prepared.parameters
        )

    def _run(  # noqa: PLR0913  an execution, as it lies
        self,
        prepared: Prepared,
        payload: bytes,
        size: int,
        types: parameters.Types,
        values: Bound | None,
        *,
        bulk: bool,
    ) -> Step:
        """Let an execution go, under the server's number and with types that the server knows."""
        head = payload[:1] + prepared.server_id.to_bytes(4, "little") + payload[5 : types.start or 5]
        if types.stop > types.start:
            prepared.types = payload[types.start : types.stop]
            prepared.sent_types = True
        elif prepared.types and not prepared.sent_types and types.start:
            head = parameters.with_types(head, types, prepared.types, bulk=bulk)
            prepared.sent_types = True
        taken = types.start or 5
        if size - taken + len(head) >= LARGEST and (size < LARGEST or len(head) != taken):
            error = provocations.PREPARE_AGAIN
            return self._refuse(error, Execution(_RESULTS, prepared.plan, prepared.text, refused=error))
        prepared.long_data = False
        execution = Execution(_RESULTS, prepared.plan, prepared.text)
        execution.cursor = not bulk and bool(payload[5] & _CURSOR)
        execution.values = values
        execution.sent_text = prepared.sent
        execution.fetched = prepared
        prepared.cursor = prepared.plan if execution.cursor else None
        self._conversation.start(execution)
        return self._instead(payload, head, taken)

    def _answer_execute(self, statement: Statement, ruling: Ruling) -> Step:
        """Prepare a statement anew whose decision has changed, behind the client's back, before its execution goes on."""
        conversation = self._conversation
        prepared, self._prepared = self._prepared, None
        assert prepared is not None
        if ruling.plan.error:
            return self._denied(statement, ruling)
        if prepared.tracked is None and conversation.tracked is not None:  # what it was read in then is not known
            return self._denied(statement, ruling, provocations.PREPARE_AGAIN)
        if self._reads_otherwise(prepared):
            return self._denied(statement, ruling, provocations.READ_OTHERWISE)
        prepared.identity = conversation.identity
        if still_prepared(prepared, ruling):
            prepared.plan = ruling.plan
            self._ruled = prepared
            self.written = b""
            return AGAIN
        text = statement.text if ruling.text is None else ruling.text
        if prepared.long_data or prepared.tracked != conversation.tracked:
            return self._denied(statement, ruling, provocations.PREPARE_AGAIN)
        self.written = packet(0, bytes((COM_STMT_PREPARE,)) + text)
        if prepared.server_id:
            self.written = _close_packet(prepared.server_id) + self.written
        prepared.server_id, prepared.sent_types, prepared.cursor = 0, False, None
        prepared.plan, prepared.sent = ruling.plan, ruling.text
        conversation.owed = Pending(Reply.PREPARE, Action.DROP)
        conversation.owed.prepared = self._ruled = prepared
        return AGAIN

    def _fetch(self, data: bytes, start: int, size: int) -> Step:
        conversation = self._conversation
        payload = data[start : start + size]
        if size != 9:
            raise ProtocolViolation("a COM_STMT_FETCH must hold a statement and a number of rows")
        if len(payload) < size:
            return self._gather(size)
        prepared = conversation.find(int.from_bytes(payload[1:5], "little"))
        if prepared is None:
            return self._unknown(payload, Reply.ROWS)
        plan = prepared.cursor
        outdated = plan is not None and (
            plan.decision is not conversation.decision or prepared.identity is not conversation.identity
        )
        if outdated and prepared is not self._ruled:
            self._prepared = prepared
            self.waiting = Statement(prepared.text, "fetch", prepared.tracked)
            return WAIT
        self._ruled = None
        execution = Execution(Reply.ROWS, prepared.plan if plan is None else plan, prepared.text)
        execution.fetched = prepared
        conversation.start(execution)
        if execution.shown is not None and prepared.columns is not None:
            tell(execution.shown, prepared.columns, binary=True)
        return self._instead(payload, payload[:1] + prepared.server_id.to_bytes(4, "little"), 5)

    def _answer_fetch(self, statement: Statement, ruling: Ruling) -> Step:
        """Go on with a cursor when the decision it was opened under is the caller's still."""
        prepared, self._prepared = self._prepared, None
        assert prepared is not None
        plan, now = prepared.cursor, self._conversation
        if plan is not None and plan.decision is now.decision and prepared.identity is now.identity:
            self._ruled = prepared
            self.written = b""
            return AGAIN
        return self._denied(statement, ruling, ruling.plan.error or provocations.CHANGED)

    def _long_data(self, data: bytes, start: int, size: int) -> Step:
        payload = data[start : start + 5]
        if size < 7:
            raise ProtocolViolation("a COM_STMT_SEND_LONG_DATA is too short")
        if len(payload) < 5:
            return self._gather(5)
        prepared = self._conversation.find(int.from_bytes(payload[1:5], "little"))
        if prepared is None or not prepared.server_id:
            return DROP  # nothing is answered, ever
        prepared.long_data = True
        return self._instead(payload, payload[:1] + prepared.server_id.to_bytes(4, "little"), 5)

    def _close(self, data: bytes, start: int, size: int) -> Step:
        payload = data[start : start + size]
        if size != 5:
            raise ProtocolViolation("a COM_STMT_CLOSE must hold a statement")
        if len(payload) < size:
            return self._gather(size)
        prepared = self._conversation.find(int.from_bytes(payload[1:5], "little"))
        if prepared is None:
            return DROP  # nothing is answered
        self._conversation.forget(prepared)
        if not prepared.server_id:
            return DROP
        return self._instead(payload, payload[:1] + prepared.server_id.to_bytes(4, "little"), 5)

    def _reset(self, data: bytes, start: int, size: int) -> Step:
        payload = data[start : start + size]
        if size != 5:
            raise ProtocolViolation("a COM_STMT_RESET must hold a statement")
        if len(payload) < size:
            return self._gather(size)
        prepared = self._conversation.find(int.from_bytes(payload[1:5], "little"))
        if prepared is None:
            return self._unknown(payload, Reply.SINGLE)
        prepared.long_data, prepared.cursor = False, None
        self._conversation.owed = Pending(Reply.SINGLE)
        return self._instead(payload, payload[:1] + prepared.server_id.to_bytes(4, "little"), 5)

    def _unknown(self, payload: bytes, reply: Reply) -> Step:
        """A statement that the client does not have: number 0 is nobody's, so the server says what it has to say."""
        self._ruled = None
        self._conversation.owed = Pending(reply)
        return self._instead(payload, payload[:1] + bytes(4), 5)


def _close_packet(server_id: int) -> bytes:
    return packet(0, bytes((COM_STMT_CLOSE,)) + server_id.to_bytes(4, "little"))
