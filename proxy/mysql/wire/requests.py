"""What each command of the client means: one handler each; those of prepared statements stand in `executions`.

Owns the table of them, and their effect on the conversation: the answer that is owed, what is prepared. Source: MySQL's developer documentation, "Command Phase". May not do: I/O, parsing of SQL, deciding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from proxy.mysql.wire import parameters, provocations
from proxy.mysql.wire.commands import (
    COM_RESET_CONNECTION,
    COM_STMT_PREPARE,
    COMMANDS,
    Treatment,
)
from proxy.mysql.wire.executions import Executions
from proxy.mysql.wire.handling import FORWARD, INSTEAD, WAIT, Step
from proxy.mysql.wire.packets import LARGEST, LOGIN_PACKET_LIMIT, ProtocolViolation, packet, packet_count
from proxy.mysql.wire.replies import Action, Execution, Pending, Reply
from proxy.mysql.wire.statements import Prepared, Source, Statement
from proxy.values import Bound, plain

if TYPE_CHECKING:
    from proxy.mysql.wire.conversation import Conversation
    from proxy.plans import Ruling

_RESULTS: Final = Reply.RESULTS
_NAME_LIMIT: Final = 1 << 12
"""Bytes of a command that names a schema or a table: a name has 64 characters."""
_PREPARED_TEXTS: Final = 2
"""How many texts of the greatest length the statements of one session may have in all: they are kept until they are closed."""
_RESET: Final = packet(0, bytes((COM_RESET_CONNECTION,)))


class Requests(Executions):
    """Handles the commands of one client.

    `statement_limit` is the largest text in bytes that is assembled.
    """

    def __init__(self, conversation: Conversation, statement_limit: int) -> None:
        super().__init__(conversation)
        self.statement_limit = statement_limit
        self._prefix = b""  # of the waiting query: its command and attributes

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

    def assembles(self, command: int) -> bool:
        """Whether a command of several packets is handled as one payload, for it carries SQL."""
        treatment = COMMANDS.get(command, Treatment.REFUSE)
        return treatment in {Treatment.QUERY, Treatment.PREPARE} and self.statement_limit >= LARGEST

    def refuse_length(self) -> None:
        """Refuse the text that is coming, which is over the limit."""
        self._refuse(provocations.TOO_LONG)

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

    # -- commands that carry SQL ---------------------------------------------------------------------------------

    def _query(self, data: bytes, start: int, size: int) -> Step:
        if size > self.statement_limit:
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
        error = plan.error or self._conversation.overdrawn(plan.probes) or self._conversation.spent(plan)
        if error:
            return self._denied(statement, ruling, error)
        if ruling.text is not None:
            payload = self._prefix + ruling.text
            if packet_count(len(payload)) != packet_count(len(self._prefix) + len(statement.text)):
                return self._denied(statement, ruling, provocations.OTHER_PACKETS)
            self.written = packet(0, payload)
        execution = Execution(_RESULTS, plan, statement.text)
        execution.files = True
        execution.sent_text = ruling.text
        if self._conversation.hashes_values and ruling.literals is not None and plan.judgement.columns:
            execution.values = Bound(plain(ruling.literals), b"", read=True)
        self._conversation.start(execution)
        return FORWARD if ruling.text is None else INSTEAD

    def _prepare(self, data: bytes, start: int, size: int) -> Step:
        if size > self.statement_limit:
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
        if conversation.prepared_bytes + len(statement.text) > _PREPARED_TEXTS * self.statement_limit:
            return self._denied(statement, ruling, provocations.TOO_MANY_TEXTS)
        if ruling.text is not None:
            if packet_count(len(ruling.text) + 1) != packet_count(len(statement.text) + 1):
                return self._denied(statement, ruling, provocations.OTHER_PACKETS)
            self.written = packet(0, bytes((COM_STMT_PREPARE,)) + ruling.text)
        conversation.owed = Pending(Reply.PREPARE)
        prepared = Prepared(statement.text, ruling.plan, ruling.text, conversation.tracked)
        prepared.identity = conversation.identity
        conversation.owed.prepared = prepared
        return FORWARD if ruling.text is None else INSTEAD

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
