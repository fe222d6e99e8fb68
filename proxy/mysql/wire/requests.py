"""What each command of the client means: one handler each.

Owns their effect on the conversation (the answer that is owed, prepared statements) and what leaves in place of what is
refused. Source: MySQL's developer documentation, "Command Phase". May not do: I/O, parsing of SQL, deciding.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Final

from proxy.mysql.wire import parameters, provocations
from proxy.mysql.wire.capabilities import Capability
from proxy.mysql.wire.commands import (
    COM_QUERY,
    COM_RESET_CONNECTION,
    COM_STMT_CLOSE,
    COM_STMT_PREPARE,
    COMMANDS,
    Treatment,
)
from proxy.mysql.wire.packets import LARGEST, LOGIN_PACKET_LIMIT, ProtocolViolation, packet
from proxy.mysql.wire.replies import Action, Execution, Pending, Reply
from proxy.mysql.wire.statements import Prepared, Source, Statement, still_prepared

if TYPE_CHECKING:
    from proxy.mysql.wire.conversation import Conversation
    from proxy.plans import Ruling


class Step(IntEnum):
    """What the reader does with the command it stands at."""

    FORWARD = 1
    DROP = 2
    GATHER = 3  # more of the packet is needed first
    WAIT = 4  # a statement waits for its ruling
    INSTEAD = 5  # `written` leaves in place of the first `taken` bytes of the payload
    REFUSE = 6  # a provocation leaves in place of the command
    AGAIN = 7  # `written` leaves first; the command is looked at again when it is answered


# Final, and one by one: the compiled reader takes them without a look-up.
FORWARD: Final = Step.FORWARD
DROP: Final = Step.DROP
GATHER: Final = Step.GATHER
WAIT: Final = Step.WAIT
INSTEAD: Final = Step.INSTEAD
REFUSE: Final = Step.REFUSE
AGAIN: Final = Step.AGAIN
_RESULTS: Final = Reply.RESULTS
_ATTRIBUTES_NONE: Final = b"\x00\x01"
_NAME_LIMIT: Final = 1 << 12
"""Bytes of a command that names a schema or a table: a name has 64 characters."""
_TYPES_LIMIT: Final = 1 << 20
"""Bytes of an execution looked at for its types: 65,535 parameters, the most there are, take 128 KiB, and named ones some more."""
_RESET: Final = packet(0, bytes((COM_RESET_CONNECTION,)))
_CURSOR: Final = 0x07  # the flags of COM_STMT_EXECUTE that ask for a cursor


class Requests:
    """Handles the commands of one client.

    A handler gets the data, where the packet's payload begins and how long it is (it may reach beyond the data). `waiting` is the
    statement of the command at hand after WAIT; `needed` are the bytes of the payload that must be there after GATHER.
    `statement_limit` is the largest text in bytes that is assembled, below 2^24 - 1.
    """

    def __init__(self, conversation: Conversation, statement_limit: int) -> None:
        if statement_limit >= LARGEST:
            raise ValueError("a statement must fit one packet")
        self.waiting: Statement | None = None
        self.written = b""
        self.taken = 0
        self.needed = 0
        self._conversation = conversation
        self._statement_limit = statement_limit
        self._attributes = bool(conversation.capabilities & Capability.QUERY_ATTRIBUTES)
        self._prefix = b""  # of the waiting query: its command and attributes
        self._prepared: Prepared | None = None  # of the waiting execution or fetch
        self._ruled: Prepared | None = None  # by the ruling at hand: its command goes on, whatever the epoch
        self._refusal: Execution | None = None

    def query_packet(self, text: bytes) -> bytes:
        """A COM_QUERY of ours."""
        return packet(0, bytes((COM_QUERY,)) + (_ATTRIBUTES_NONE if self._attributes else b"") + text)

    def provoke(self) -> bytes:
        """The packet that must fail in place of what was refused; it counts as started."""
        assert self._refusal is not None
        self._conversation.start(self._refusal)
        self._refusal = None
        return self.query_packet(provocations.SIGNAL)

    def handle(self, data: bytes, start: int, size: int) -> Step:  # noqa: C901, PLR0911, PLR0912  a table
        """Handle the command whose payload of `size` bytes begins at `start`; most frequent first.

        Raises ProtocolViolation.
        """
        treatment = COMMANDS.get(data[start], Treatment.REFUSE)
        if treatment is Treatment.QUERY:
            return self._query(data, start, size)
        if treatment in {Treatment.EXECUTE, Treatment.BULK_EXECUTE}:
            return self._execute(data, start, size, bulk=treatment is Treatment.BULK_EXECUTE)
        if treatment is Treatment.PREPARE:
            return self._prepare(data, start, size)
        if treatment is Treatment.PASS:
            self._conversation.owed = Pending(Reply.SINGLE)
            return FORWARD
        if treatment is Treatment.CLOSE:
            return self._close(data, start, size)
        if treatment is Treatment.FETCH:
            return self._fetch(data, start, size)
        if treatment is Treatment.LONG_DATA:
            return self._long_data(data, start, size)
        if treatment is Treatment.RESET:
            return self._reset(data, start, size)
        if treatment is Treatment.INIT_DB:
            return self._named(data, start, size, "init_db")
        if treatment is Treatment.FIELD_LIST:
            return self._named(data, start, size, "field_list")
        if treatment is Treatment.KILL:
            return self._kill(data, start, size)
        if treatment is Treatment.STATISTICS:
            self._conversation.owed = Pending(Reply.TEXT)
            return FORWARD
        if treatment is Treatment.RESET_CONNECTION:
            self._conversation.owed = Pending(Reply.SINGLE)
            self._conversation.owed.resets = True
            return FORWARD
        if treatment is Treatment.QUIT:
            self._conversation.closing = True
            return FORWARD
        if treatment is Treatment.CHANGE_USER:
            return self._change_user(data, start, size)
        return self._refuse(provocations.NO_COMMAND)

    def answer(self, ruling: Ruling) -> Step:
        """Rule the waiting statement: what becomes of its command, which is whole."""
        statement, self.waiting = self.waiting, None
        assert statement is not None
        if statement.source == "query":
            return self._answer_query(statement, ruling)
        if statement.source == "prepare":
            return self._answer_prepare(statement, ruling)
        if statement.source == "execute":
            return self._answer_execute(statement, ruling)
        if statement.source == "fetch":
            return self._answer_fetch(statement, ruling)
        return self._answer_named(statement, ruling)

    def _gather(self, size: int) -> Step:
        self.needed = size
        return GATHER

    def _change_user(self, data: bytes, start: int, size: int) -> Step:
        """The session ends, with all that the server keeps of it; the shell lets its client log in as another user."""
        if size > LOGIN_PACKET_LIMIT:
            return self._refuse(provocations.TOO_LONG)
        if start + size > len(data):
            return self._gather(size)
        self._conversation.leaving = data[start : start + size]
        self._conversation.owed = Pending(Reply.SINGLE, Action.DROP)
        self.written = _RESET
        return INSTEAD

    def _refuse(self, error: bytes, execution: Execution | None = None) -> Step:
        plan = self._conversation.unknown_plan
        self._refusal = Execution(_RESULTS, plan, b"", refused=error) if execution is None else execution
        return REFUSE

    def _denied(self, statement: Statement, ruling: Ruling, error: bytes = b"") -> Step:
        refused = error or ruling.plan.error
        return self._refuse(refused, Execution(_RESULTS, ruling.plan, statement.text, refused=refused))

    # -- commands that carry SQL ---------------------------------------------------------------------------------

    def _query(self, data: bytes, start: int, size: int) -> Step:
        if size > self._statement_limit:
            return self._refuse(provocations.TOO_LONG)
        stop = start + size
        if stop > len(data):
            return self._gather(size)
        text = start + 1
        if self._attributes:
            text = start + parameters.text_start(data[start:stop])
        self._prefix = data[start:text]
        self.waiting = Statement(data[text:stop], "query", self._conversation.tracked)
        return WAIT

    def _answer_query(self, statement: Statement, ruling: Ruling) -> Step:
        plan = ruling.plan
        error = plan.error or self._conversation.overdrawn(plan.probes)
        if error:
            return self._denied(statement, ruling, error)
        if ruling.text is not None:
            payload = self._prefix + ruling.text
            if len(payload) >= LARGEST:
                return self._denied(statement, ruling, provocations.TOO_LONG)
            self.written = packet(0, payload)
        execution = Execution(_RESULTS, plan, statement.text)
        execution.files = loads_a_file(statement.text)
        self._conversation.start(execution)
        return FORWARD if ruling.text is None else INSTEAD

    def _prepare(self, data: bytes, start: int, size: int) -> Step:
        if size > self._statement_limit:
            return self._refuse(provocations.TOO_LONG)
        if start + size > len(data):
            return self._gather(size)
        self.waiting = Statement(data[start + 1 : start + size], "prepare", self._conversation.tracked)
        return WAIT

    def _answer_prepare(self, statement: Statement, ruling: Ruling) -> Step:
        conversation = self._conversation
        conversation.last = None
        if ruling.plan.error:
            return self._denied(statement, ruling)
        if ruling.text is not None:
            if len(ruling.text) + 1 >= LARGEST:
                return self._denied(statement, ruling, provocations.TOO_LONG)
            self.written = packet(0, bytes((COM_STMT_PREPARE,)) + ruling.text)
        conversation.owed = Pending(Reply.PREPARE)
        conversation.owed.prepared = Prepared(statement.text, ruling.plan, ruling.text, conversation.tracked)
        return FORWARD if ruling.text is None else INSTEAD

    # -- prepared statements -------------------------------------------------------------------------------------

    def _execute(self, data: bytes, start: int, size: int, *, bulk: bool) -> Step:  # noqa: PLR0911  each a case
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
        if prepared is not self._ruled and (prepared.plan.epoch != conversation.epoch or not prepared.server_id):
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
        self._ruled = None
        if bulk and prepared.plan.probes:  # as many searches as there are rows
            error = provocations.NO_REWRITTEN_COMMAND
        else:
            error = conversation.overdrawn(prepared.plan.probes)
        if error:
            return self._refuse(error, Execution(_RESULTS, prepared.plan, prepared.text, refused=error))
        return self._run(prepared, payload, size, types, bulk=bulk)

    def _run(self, prepared: Prepared, payload: bytes, size: int, types: parameters.Types, *, bulk: bool) -> Step:
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
        if still_prepared(prepared, ruling):
            prepared.plan = ruling.plan
            self._ruled = prepared
            self.written = b""
            return AGAIN
        text = statement.text if ruling.text is None else ruling.text
        if prepared.long_data or prepared.tracked != conversation.tracked or len(text) + 1 >= LARGEST:
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
        if plan is not None and plan.decision is not conversation.decision and prepared is not self._ruled:
            self._prepared = prepared
            self.waiting = Statement(prepared.text, "fetch", prepared.tracked)
            return WAIT
        self._ruled = None
        conversation.start(Execution(Reply.ROWS, prepared.plan if plan is None else plan, prepared.text))
        return self._instead(payload, payload[:1] + prepared.server_id.to_bytes(4, "little"), 5)

    def _answer_fetch(self, statement: Statement, ruling: Ruling) -> Step:
        """Go on with a cursor when the decision it was opened under is the caller's still."""
        prepared, self._prepared = self._prepared, None
        assert prepared is not None
        plan = prepared.cursor
        if plan is not None and plan.decision is self._conversation.decision:
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

    def _instead(self, payload: bytes, head: bytes, taken: int) -> Step:
        """FORWARD when the head is the client's own."""
        if head == payload[:taken]:
            return FORWARD
        self.written, self.taken = head, taken
        return INSTEAD

    # -- commands that name something ----------------------------------------------------------------------------

    def _named(self, data: bytes, start: int, size: int, source: Source) -> Step:
        if size > _NAME_LIMIT:
            return self._refuse(provocations.TOO_LONG)
        if start + size > len(data):
            return self._gather(size)
        name = data[start + 1 : start + size]
        if source == "field_list":
            name, end, _ = name.partition(b"\0")
            if not end:
                raise ProtocolViolation("a COM_FIELD_LIST must hold a table that a zero byte ends")
        quoted = b"`" + name.replace(b"`", b"``") + b"`"
        text = b"USE " + quoted if source == "init_db" else b"SHOW COLUMNS FROM " + quoted
        self.waiting = Statement(text, source, self._conversation.tracked)
        return WAIT

    def _kill(self, data: bytes, start: int, size: int) -> Step:
        if size != 5:
            raise ProtocolViolation("a COM_PROCESS_KILL must hold a thread")
        if start + size > len(data):
            return self._gather(size)
        thread = int.from_bytes(data[start + 1 : start + size], "little")
        self.waiting = Statement(b"KILL %d" % thread, "kill", self._conversation.tracked)
        return WAIT

    def _answer_named(self, statement: Statement, ruling: Ruling) -> Step:
        if ruling.plan.error:
            return self._denied(statement, ruling)
        if ruling.text is not None and statement.source == "kill":
            self.written = self.query_packet(ruling.text)
            self._conversation.start(Execution(Reply.SINGLE, ruling.plan, statement.text))
            return INSTEAD
        if ruling.text is not None:
            return self._denied(statement, ruling, provocations.NO_REWRITTEN_COMMAND)
        reply = Reply.FIELDS if statement.source == "field_list" else Reply.SINGLE
        self._conversation.start(Execution(reply, ruling.plan, statement.text))
        return FORWARD


def loads_a_file(text: bytes) -> bool:
    """Whether a text can have the server ask the client for a file."""
    lowered = text.lower()
    return b"load" in lowered and b"local" in lowered


def _close_packet(server_id: int) -> bytes:
    return packet(0, bytes((COM_STMT_CLOSE,)) + server_id.to_bytes(4, "little"))
