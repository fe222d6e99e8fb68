"""What each message of the client means: the requests of the frontend, one handler each.

Owns their effect on the conversation (pending replies, prepared statements, portals) and what leaves in place of
what is refused. Source: PostgreSQL manual, 55.2 (message flow) and 55.7 (formats).
May not do: I/O, parsing of SQL, deciding.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Final

from proxy.postgres.wire import frames
from proxy.postgres.wire.admission import Admission
from proxy.postgres.wire.conversation import Conversation, ProtocolViolation
from proxy.postgres.wire.frames import HEADER_SIZE, frame, zero
from proxy.postgres.wire.parameters import counted
from proxy.postgres.wire.provocations import (
    PROVOKE_BIND,
    PROVOKE_EXECUTE,
    PROVOKE_QUERY,
    REFUSED,
    provoke_parse,
)
from proxy.postgres.wire.replies import (
    BIND_REPLY,
    CLOSE_REPLY,
    COPY_END_REPLY,
    DESCRIBE_REPLY,
    SYNC_REPLY,
    Action,
    Change,
    Description,
    Execution,
    Reply,
)
from proxy.postgres.wire.statements import Prepared, Statement
from proxy.values import LONGEST, UNREAD, bound

if TYPE_CHECKING:
    from proxy.plans import Ruling
    from proxy.postgres.wire.provocations import Refusals

_NAME_LIMIT = 1 << 16
"""Bytes of a Bind looked at for its two names; PostgreSQL keeps 63 of each, no driver sends more than some hundred."""


class Step(IntEnum):
    """What the reader does with the message it stands at."""

    FORWARD = 1
    DROP = 2
    GATHER = 3  # the rest of the message is needed first
    WAIT = 4  # a statement waits for its ruling
    MORE = 5  # any more of the message is needed first
    PRECEDE = 6  # something of ours leaves before the message


# Final, and one by one: the compiled reader takes them without a look-up.
FORWARD: Final = Step.FORWARD
DROP: Final = Step.DROP
GATHER: Final = Step.GATHER
WAIT: Final = Step.WAIT
MORE: Final = Step.MORE
PRECEDE: Final = Step.PRECEDE
_DROPPED: Final = Action.DROP
_PARSE: Final = Reply.PARSE
_BIND: Final = Reply.BIND
_EXECUTE: Final = Reply.EXECUTE
_CLOSE: Final = Reply.CLOSE
_QUERY: Final = Reply.QUERY
_STATEMENT: Final = 0x53  # S, in Close and Describe
_ALL_ROWS: Final = bytes(4)
_TRANSACTION: Final = ("TransactionStmt",)
"""Kinds of a statement that shows nothing under any decision, and must go through to end what has failed."""


class Requests:
    """Handles the messages of one client.

    A handler gets the data, where the message begins and where it ends (which may lie beyond the data). `waiting` is
    the statement of the message at hand after WAIT; `provocation` what leaves in place of a message after DROP,
    `preceding` what leaves before a message after PRECEDE.
    `statement_limit` is the largest Query or Parse in bytes that is assembled; a longer one is refused.
    """

    def __init__(self, conversation: Conversation, statement_limit: int, refusals: Refusals) -> None:
        self.waiting: Statement | None = None
        self.provocation = self.preceding = b""
        self._conversation = conversation
        self._statement_limit = statement_limit
        self._refusals = refusals
        self._admission = Admission(conversation, refusals)
        self._heard: Prepared | None = None  # of the portal that was waited for: what its text says of itself is known
        self._claimed = False  # the Execute at hand was waited for: what there is to count of it is counted
        self._described: Prepared | None = None  # since the last Sync: if it fails, the server skips what follows

    def handle(self, kind: int, data: bytes, position: int, stop: int) -> Step:  # noqa: C901, PLR0911  a table
        """Handle the message of type `kind` at [position, stop) of `data`; most frequent first, as nothing is faster.

        Raises ProtocolViolation for a type that is not known.
        """
        if kind == frames.BIND:
            return self._bind(data, position, stop)
        if kind == frames.EXECUTE:
            return self._execute(data, position, stop)
        if kind == frames.SYNC:
            return self._sync()
        if kind == frames.DESCRIBE:
            return self._describe(data, position, stop)
        if kind == frames.QUERY:
            return self._query(data, position, stop)
        if kind == frames.PARSE:
            return self._parse(data, position, stop)
        if kind in {frames.COPY_DATA, frames.FLUSH}:
            return FORWARD
        if kind == frames.CLOSE:
            return self._close(data, position, stop)
        if kind in {frames.COPY_DONE, frames.COPY_FAIL}:
            return self._copy_end(data, position, stop)
        if kind == frames.TERMINATE:
            self._conversation.closing = True
            return FORWARD
        if kind == frames.FUNCTION_CALL:
            return self._function_call()
        raise ProtocolViolation(f"unknown frontend message (type {kind})")

    def answer(self, ruling: Ruling) -> tuple[bytes | None, bool]:
        """Rule the waiting statement: what is to be written, and whether its message is still to be read.

        None: the message leaves as it came. It is still to be read when it is the Bind of a statement ruled again;
        else what is written takes its place.
        """
        statement, self.waiting = self.waiting, None
        assert statement is not None
        if self._conversation.skipping:  # an error has come meanwhile: the server would not look at it
            return b"", False
        return self._admission.admit(statement, ruling)

    # -- messages that carry SQL ---------------------------------------------------------------------------------

    def _query(self, data: bytes, position: int, stop: int) -> Step:
        conversation = self._conversation
        if conversation.skipping:
            return DROP
        if stop - position > self._statement_limit:
            return self._refuse(_QUERY, self._refusals.too_long, PROVOKE_QUERY)
        if stop > len(data):
            return GATHER
        if data.find(0, position + HEADER_SIZE, stop) != stop - 1:
            raise ProtocolViolation("a Query message must hold one text that ends with a zero byte")
        _check_no_copy(conversation)
        self.waiting = Statement(data[position + HEADER_SIZE : stop - 1], "query")
        return WAIT

    def _parse(self, data: bytes, position: int, stop: int) -> Step:
        conversation = self._conversation
        if conversation.skipping:
            return DROP
        if stop - position > self._statement_limit:
            return self._refuse(_PARSE, self._refusals.too_long, provoke_parse(REFUSED))
        if stop > len(data):
            return GATHER
        name_end = zero(data, position + HEADER_SIZE, stop)
        text_end = data.find(0, name_end + 1, stop)
        if name_end < 0 or text_end < 0:
            raise ProtocolViolation("a Parse message must hold a name and a text that end with a zero byte")
        _check_no_copy(conversation)
        self.waiting = Statement(
            data[name_end + 1 : text_end], "parse", data[position + HEADER_SIZE : name_end], data[text_end + 1 : stop]
        )
        return WAIT

    # -- the rest of the extended query protocol -----------------------------------------------------------------

    def _bind(self, data: bytes, position: int, stop: int) -> Step:
        conversation = self._conversation
        if conversation.skipping:
            return DROP
        portal_end = zero(data, position + HEADER_SIZE, stop)
        name_end = zero(data, portal_end + 1, stop) if portal_end >= 0 else -1
        if name_end < 0:
            if stop > len(data) and len(data) - position < _NAME_LIMIT:
                return MORE
            raise ProtocolViolation("a Bind message must name a portal and a statement")
        name = data[portal_end + 1 : name_end]
        prepared = conversation.statements.get(name)
        if (
            prepared is not None
            and (prepared.plan.epoch != conversation.epoch or prepared.identity is not conversation.identity)
            and prepared is not self._admission.ruled
        ):
            _check_no_copy(conversation)
            self.waiting = Statement(prepared.text, "again", name, prepared.parameter_types)
            return WAIT
        if prepared is None or prepared.plan.uses_made or prepared.plan.array_probes:
            doubt = self._doubtful(prepared, data, position, name_end + 1, stop)
            if doubt is not None:
                return doubt
        portal = data[position + HEADER_SIZE : portal_end]
        if conversation.values is not None and prepared is not None and prepared.plan.judgement.columns:
            if stop > len(data) and stop - position <= LONGEST:
                return GATHER
            types = prepared.known_types
            conversation.values[portal] = bound(data[name_end + 1 : stop], types) if stop <= len(data) else UNREAD
        self._admission.ruled = None
        portals = conversation.portals
        previous = portals.get(portal)
        if not conversation.queue and prepared is not None and (previous is prepared or not (previous or portal)):
            # The server does not skip it. If it fails there is no unnamed portal, whatever we take it for.
            portals[portal] = conversation.bound = prepared
            conversation.queue.append(BIND_REPLY)
        else:
            conversation.queue.append(Change(_BIND, portals, portal, prepared))
        conversation.pipelined = True
        return FORWARD

    def _doubtful(self, prepared: Prepared | None, data: bytes, position: int, rest: int, stop: int) -> Step | None:
        """Refuse a Bind of what was made under another decision, or whose arrays ask for more real values than may be asked for."""
        conversation = self._conversation
        if prepared is None or prepared.plan.uses_made:
            # before a Describe, whose answer would name what is hidden now
            error = self._refusals.changed if conversation.decision is not None and conversation.outdated() else b""
        else:
            whole = stop <= len(data)
            if not whole and stop - position <= self._statement_limit:
                return GATHER
            probes = counted(prepared.plan.array_probes, data[rest:stop]) if whole else ()
            error = conversation.overdrawn(probes) if whole else self._refusals.too_long
        if not error:
            return None
        self._admission.ruled = None
        return self._refuse(_BIND, error, PROVOKE_BIND, prepared)

    def _execute(self, data: bytes, position: int, stop: int) -> Step:  # noqa: C901  each a case
        if stop > len(data):
            return self._gather_small(position, stop, "Execute")
        conversation = self._conversation
        if conversation.skipping:
            return DROP
        if zero(data, position + HEADER_SIZE, stop) != stop - 5:
            raise ProtocolViolation("an Execute message must hold a portal and a row limit")
        portal = data[position + HEADER_SIZE : stop - 5]
        prepared = conversation.portals.get(portal)
        conversation.pipelined = True
        plan = conversation.unknown_plan if prepared is None else prepared.plan
        if (
            (plan.decision is not conversation.decision and prepared is not None)
            or (plan.uses_made and conversation.made)
            or (prepared is not None and prepared.identity is not conversation.identity)
            or conversation.unpaid(plan)
        ):
            claimed, self._claimed = self._claimed, False
            doubt = self._doubt(prepared, claimed=claimed)
            if doubt is not None:
                return doubt
        self._claimed = False
        error = conversation.overdrawn(plan.probes) or conversation.spent(plan)
        if error:
            return self._refuse(_EXECUTE, error, PROVOKE_EXECUTE, prepared)
        execution = Execution(_EXECUTE, plan, b"" if prepared is None else prepared.text)
        if portal:
            execution.portal = portal
        if prepared is not None:
            execution.sent_text = prepared.sent
            execution.whole = True
        if conversation.values is not None and plan.judgement.columns:
            execution.values = conversation.values.get(portal)
        limit = data[stop - 4 : stop]
        if limit != _ALL_ROWS:
            execution.limit = limit
        witness = plan.witness if prepared is not None else conversation.witness
        unchecked = witness is not None and self._undescribed(prepared)
        if (unchecked or conversation.showing(plan)) and (unchecked or not self._told(prepared, portal, execution)):
            description = Description(prepared, witness, _DROPPED)
            description.shown = conversation.watch(execution)
            description.formats = _formats(conversation, prepared, portal)
            conversation.queue.append(description)
            if unchecked:
                self._described = prepared
            self.preceding = frame(frames.DESCRIBE, b"P" + portal + b"\0")
            conversation.start(execution)
            return PRECEDE
        conversation.start(execution)
        return FORWARD

    def _told(self, prepared: Prepared | None, portal: bytes, execution: Execution) -> bool:
        """Whether the rows of an execution are known, as the server has described them before; then the audit is told."""
        formats = _formats(self._conversation, prepared, portal)
        if not formats or prepared is None or prepared.told_rows is None or self._conversation.fields is None:
            return False
        description = prepared.told_rows.get(formats)
        if description is None:
            return False
        shown = self._conversation.watch(execution)
        if shown is not None:
            shown.fields = self._conversation.fields(description)
        return True

    def _undescribed(self, prepared: Prepared | None) -> bool:
        """Whether nobody has asked where the columns of an answer come from; of a FETCH or EXECUTE, that can change."""
        return prepared is None or prepared.plan.uses_made or not (prepared.described or prepared is self._described)

    def _doubt(self, prepared: Prepared | None, *, claimed: bool) -> Step | None:
        """Refuse an Execute of what was opened under another decision; let it wait when that is not known, or its grants are unpaid."""
        conversation = self._conversation
        other = prepared is not None and prepared.identity is not conversation.identity
        if conversation.decision is None or (other and prepared is not self._heard):
            _check_no_copy(conversation)
            self._heard = prepared
            self.waiting = Statement(b"" if prepared is None else prepared.text, "portal")
            return WAIT
        plan = None if prepared is None else prepared.plan
        changed = plan is not None and plan.decision is not conversation.decision
        harmless = plan is not None and plan.judgement.kinds == _TRANSACTION
        if ((changed or other) and not harmless) or conversation.outdated():
            return self._refuse(_EXECUTE, self._refusals.changed, PROVOKE_EXECUTE, prepared)
        if prepared is not None and not claimed and conversation.unpaid(prepared.plan):
            _check_no_copy(conversation)
            self._claimed = True
            self.waiting = Statement(prepared.text, "portal")
            return WAIT
        return None

    def _describe(self, data: bytes, position: int, stop: int) -> Step:
        if stop > len(data):
            return self._gather_small(position, stop, "Describe")
        conversation = self._conversation
        if conversation.skipping:
            return DROP
        if stop < position + HEADER_SIZE + 2:
            raise ProtocolViolation("a Describe message must hold a kind and a name")
        conversation.pipelined = True
        name = data[position + HEADER_SIZE + 1 : stop - 1]
        prepares = data[position + HEADER_SIZE] == _STATEMENT
        prepared = (conversation.statements if prepares else conversation.portals).get(name)
        witness = conversation.witness if prepared is None else prepared.plan.witness
        if witness is not None:
            conversation.queue.append(Description(prepared, witness))
            self._described = prepared
        elif prepares and prepared is not None and conversation.values is not None:
            conversation.queue.append(Description(prepared, None))  # for the types of its parameters
        else:
            conversation.queue.append(DESCRIBE_REPLY)
        return FORWARD

    def _close(self, data: bytes, position: int, stop: int) -> Step:
        if stop > len(data):
            return self._gather_small(position, stop, "Close")
        conversation = self._conversation
        if conversation.skipping:
            return DROP
        if stop < position + HEADER_SIZE + 2:
            raise ProtocolViolation("a Close message must hold a kind and a name")
        name = data[position + HEADER_SIZE + 1 : stop - 1]
        kind = data[position + HEADER_SIZE]
        table = conversation.statements if kind == _STATEMENT else conversation.portals
        conversation.queue.append(Change(_CLOSE, table, name, None) if name in table else CLOSE_REPLY)
        conversation.pipelined = True
        return FORWARD

    def _sync(self) -> Step:
        conversation = self._conversation
        conversation.pipelined = False
        self._described = None
        if conversation.copying_in:  # a COPY FROM STDIN in progress ignores it
            conversation.swallowed += 1
        else:
            conversation.skipping = False
            conversation.queue.append(SYNC_REPLY)
        return FORWARD

    # -- COPY and what is refused --------------------------------------------------------------------------------

    def _copy_end(self, data: bytes, position: int, stop: int) -> Step:
        if stop > len(data):
            return self._gather_small(position, stop, "CopyFail")
        conversation = self._conversation
        if conversation.copying_in:
            conversation.copying_in = False
        elif conversation.queue:  # the COPY may be yet to begin
            conversation.queue.append(COPY_END_REPLY)
        return FORWARD

    def _function_call(self) -> Step:
        if self._conversation.skipping:
            return DROP
        return self._refuse(_QUERY, self._refusals.no_functions, PROVOKE_QUERY)

    def _refuse(self, reply: Reply, error: bytes, provocation: bytes, prepared: Prepared | None = None) -> Step:
        """Let the server fail `provocation` in place of the message, and give the client `error` for it."""
        plan = prepared.plan if prepared else self._conversation.unknown_plan
        self._conversation.start(Execution(reply, plan, prepared.text if prepared else b"", refused=error))
        self._conversation.pipelined = reply is not _QUERY
        self.provocation = provocation
        return DROP

    def _gather_small(self, position: int, stop: int, what: str) -> Step:
        """Wait for the rest of a message that is never long."""
        if stop - position > _NAME_LIMIT:
            raise ProtocolViolation(f"{what} message of {stop - position} bytes; the limit is {_NAME_LIMIT}")
        return GATHER


def _check_no_copy(conversation: Conversation) -> None:
    """Raise ProtocolViolation for a statement in the midst of a COPY FROM STDIN, to which no answer could come."""
    if conversation.copying_in:
        raise ProtocolViolation("a statement was sent before the end of COPY FROM STDIN")


def _formats(conversation: Conversation, prepared: Prepared | None, portal: bytes) -> bytes:
    """In which formats the columns of a portal come; b"" when that is not known, or when what it runs was made by SQL."""
    if prepared is None or prepared.plan.uses_made or conversation.values is None:
        return b""
    bound = conversation.values.get(portal)
    return b"" if bound is None else bound.formats
