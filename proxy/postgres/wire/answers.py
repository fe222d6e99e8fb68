"""What each message of the backend means: the answers of the server, one handler each.

Owns matching every message with the queue of pending replies, what that ends, and what the client sees in its place.
Source: PostgreSQL manual, 55.2 (message flow) and 55.7 (formats).
May not do: I/O, framing, deciding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from proxy.postgres.wire import frames
from proxy.postgres.wire.contents import columns, hidden_origin, sqlstate_of
from proxy.postgres.wire.conversation import FAILED, IDLE, IN_TRANSACTION, Conversation, ProtocolViolation
from proxy.postgres.wire.frames import COPY_DATA, DATA_ROW, HEADER_SIZE, frame
from proxy.postgres.wire.replies import (
    SYNC_REPLY,
    Action,
    Description,
    Execution,
    Pending,
    Reply,
    drop_copy_ends,
    skip_to_sync,
    swallow_syncs,
)
from proxy.postgres.wire.reports import discreet, logged, repositioned
from proxy.types import KNOWN

if TYPE_CHECKING:
    from proxy.postgres.wire.statements import Prepared
    from proxy.shown import Shown

EXPOSED: Final = "42501"
"""The SQLSTATE under which an answer with a hidden column is cut off: insufficient_privilege."""
EXCEEDED: Final = "53400"
"""And one with more rows than the caller may have: configuration_limit_exceeded."""

# Final, and one by one: the compiled reader takes them without a look-up.
_FORWARD: Final = Action.FORWARD
_DROP: Final = Action.DROP
_REPLACE: Final = Action.REPLACE
_PARSE: Final = Reply.PARSE
_BIND: Final = Reply.BIND
_DESCRIBE: Final = Reply.DESCRIBE
_EXECUTE: Final = Reply.EXECUTE
_CLOSE: Final = Reply.CLOSE
_SYNC: Final = Reply.SYNC
_QUERY: Final = Reply.QUERY
_COPY_END: Final = Reply.COPY_END


_SPACE: Final = 0x20
_ZERO: Final = 0x30
_NINE: Final = 0x39


class Answers:
    """Handles the messages of one server.

    A handler gets the data, where the message begins and where it ends (which may lie beyond the data), and says whether the
    client sees it; `replacement` is what the client gets in place of one that it does not see.
    """

    def __init__(self, conversation: Conversation) -> None:
        self.replacement = b""
        self.received = 0  # bytes of the server before the data at hand
        self._conversation = conversation
        self._mark = 0  # where the answer to the statement at hand began

    @property
    def begun(self) -> bool:
        """Whether the server has begun to answer the statement at hand: then it has read it, and holds what it names."""
        return self.received > self._mark

    def rest(self) -> None:
        """The server owes nothing: what it has said is not of the next answer."""
        self._mark = self.received

    def handle(self, kind: int, data: bytes, position: int, stop: int) -> bool:  # noqa: C901, PLR0911, PLR0912  a table
        """Handle the message of type `kind` at [position, stop); whether the client sees it. Most frequent first.

        Raises ProtocolViolation for what is not known, or was not asked.
        """
        if kind == frames.READY_FOR_QUERY:
            return self._ready(data, position, stop)
        if kind == frames.COMMAND_COMPLETE:
            return self._command_complete(data, position, stop)
        if kind in {frames.ROW_DESCRIPTION, frames.NO_DATA}:
            return self._row_description(kind, data, position, stop)
        if kind == frames.BIND_COMPLETE:
            return self._complete(_BIND)
        if kind == frames.PARSE_COMPLETE:
            return self._complete(_PARSE)
        if kind == frames.CLOSE_COMPLETE:
            return self._complete(_CLOSE)
        if kind in {frames.COPY_OUT_RESPONSE, frames.COPY_DONE}:
            return self._within()
        if kind == frames.PARAMETER_DESCRIPTION:
            return self._parameters(data, position, stop)
        if kind in {DATA_ROW, COPY_DATA}:
            if self._conversation.queue.head.action is _FORWARD:
                return self._watched_row(kind, data, position, stop)
            return self._captured_row(data, position, stop)
        if kind == frames.ERROR_RESPONSE:
            return self._error(data, position, stop)
        if kind in {frames.NOTICE_RESPONSE, frames.NOTIFICATION_RESPONSE, frames.PARAMETER_STATUS}:
            if self.received + position == self._mark:  # said by the way: no answer has begun by it
                self._mark = self.received + stop
            if kind == frames.NOTICE_RESPONSE:
                return self._notice(data, position, stop)
            if kind == frames.NOTIFICATION_RESPONSE:
                return True
            return self._parameter_status(data, position, stop)
        if kind == frames.EMPTY_QUERY_RESPONSE:
            return self._empty_query(stop)
        if kind == frames.PORTAL_SUSPENDED:
            return self._portal_suspended(stop)
        if kind == frames.COPY_IN_RESPONSE:
            return self._copy_in()
        raise ProtocolViolation(f"unknown message from the server (type {kind})")

    # -- answers to single requests ------------------------------------------------------------------------------

    def _head(self, expected: Reply, other: Reply) -> Pending:
        """The pending reply that this message answers, which must be of one of two kinds."""
        queue = self._conversation.queue
        while queue:
            head = queue.head
            if head.reply is expected or head.reply is other:
                return head
            if head.reply is not _COPY_END:
                break
            queue.popleft()
        raise ProtocolViolation(f"the server answered {expected.name}, which was not asked next")

    def _complete(self, reply: Reply) -> bool:
        """ParseComplete, BindComplete or CloseComplete."""
        head = self._head(reply, reply)
        self._conversation.queue.popleft()
        return head.action is _FORWARD or _unseen(head)

    def _within(self) -> bool:
        """A message in the midst of an answer."""
        queue = self._conversation.queue
        head = queue.head if queue and queue.head.reply is _DESCRIBE else self._head(_EXECUTE, _QUERY)
        return head.action is _FORWARD or _unseen(head)

    def _parameters(self, data: bytes, position: int, stop: int) -> bool:
        """ParameterDescription: its types are the audit's to name."""
        head = self._head(_DESCRIBE, _DESCRIBE)
        if isinstance(head, Description) and head.prepared is not None and stop <= len(data):
            head.prepared.told_types = data[position + HEADER_SIZE : min(stop, position + HEADER_SIZE + KNOWN)]
        return head.action is _FORWARD or _unseen(head)

    def _row_description(self, kind: int, data: bytes, position: int, stop: int) -> bool:
        head = self._head(_DESCRIBE, _QUERY)
        if head.reply is _DESCRIBE:
            self._conversation.queue.popleft()
        witness = head.plan.witness if isinstance(head, Execution) else head.witness
        if witness is not None and kind == frames.ROW_DESCRIPTION:
            if stop > len(data):
                raise ProtocolViolation("a description of the server's is out of bounds")
            hidden = hidden_origin(witness, data[position + HEADER_SIZE : stop])
            if hidden is not None:
                self._expose(hidden)
                return False
        if isinstance(head, Description) and head.prepared is not None and witness is not None:
            head.prepared.described = True
        if head.shown is not None:
            formats = head.formats if isinstance(head, Description) else b""
            self._tell_fields(
                head.shown, data[position + HEADER_SIZE : stop], head.prepared if formats else None, formats
            )
        return head.action is _FORWARD or _unseen(head)

    def _tell_fields(self, shown: Shown, description: bytes, prepared: Prepared | None, formats: bytes) -> None:
        """Say what the rows are that follow a description, which holds for a prepared statement's later answers in these formats."""
        read = self._conversation.fields
        shown.fields = None if read is None else read(description)
        if prepared is not None and shown.fields is not None:
            prepared.keep_rows(formats, description)

    def _watched_row(self, kind: int, data: bytes, position: int, stop: int) -> bool:
        """A row that the audit is told of, or of a caller who may have no more than so many; behind them nothing passes."""
        head = self._conversation.queue.head
        assert isinstance(head, Execution)
        if head.left != 0:
            if head.left > 0:
                head.left -= 1
            shown = head.shown
            if shown is not None:
                if kind == COPY_DATA or shown.full:  # and none of the others will be
                    shown.missed()
                    head.watched = head.left >= 0
                elif stop > len(data):
                    shown.missed()
                else:
                    shown.row(columns(data, position + HEADER_SIZE))
            return True
        self._conversation.exceeded = head.plan.most_rows
        self._conversation.exposed = "more rows"
        head.status, head.sqlstate = "denied", EXCEEDED
        return False

    def _expose(self, hidden: str) -> None:
        """Let nothing more pass: the next statement that runs would show a hidden column."""
        self._conversation.exposed = hidden
        for entry in self._conversation.queue:
            if isinstance(entry, Execution):
                entry.status, entry.sqlstate = "denied", EXPOSED
                break

    # -- the end of a statement ----------------------------------------------------------------------------------

    def _command_complete(self, data: bytes, position: int, stop: int) -> bool:
        head = self._head(_EXECUTE, _QUERY)
        tag = data[position + HEADER_SIZE : stop - 1]
        if isinstance(head, Execution):
            head.rows = _count(tag)
            head.tag = tag
            if head.plan.notices and head.action is _FORWARD:
                self.replacement = self._conversation.news(head.plan)
                if self.replacement:
                    self.replacement += data[position:stop]
        if self._conversation.status == FAILED:  # in which nothing is done but what ends it, or a part of it
            self._conversation.status = IN_TRANSACTION
        if head.reply is _EXECUTE:
            self._end(head, "ok", stop)
        return not self.replacement if head.action is _FORWARD else _unseen(head)

    def _empty_query(self, stop: int) -> bool:
        head = self._head(_EXECUTE, _QUERY)
        if head.reply is _EXECUTE:
            self._end(head, "ok", stop)
        return head.action is _FORWARD or _unseen(head)

    def _portal_suspended(self, stop: int) -> bool:
        head = self._head(_EXECUTE, _EXECUTE)
        if isinstance(head, Execution):
            head.rows = str(int.from_bytes(head.limit, "big")).encode()
        self._end(head, "suspended", stop)
        return head.action is _FORWARD or _unseen(head)

    def _end(self, head: Pending, status: str, stop: int) -> None:
        """Take the head off the queue and report it when it is a statement of the client."""
        queue = self._conversation.queue
        queue.popleft()
        if queue and queue.head.reply is _COPY_END:
            drop_copy_ends(queue)
        if head.question is not None:
            head.question.done = True
        elif isinstance(head, Execution):
            head.status = status
            self._report(head, stop)

    def _report(self, execution: Execution, stop: int) -> None:
        end = self.received + stop
        execution.sent, self._mark = end - self._mark, end
        if execution.plan.changes_catalog:
            self._conversation.defined = True
        self._conversation.finished.append(execution)

    def _ready(self, data: bytes, position: int, stop: int) -> bool:  # noqa: C901  what ends with a cycle, in its order
        conversation = self._conversation
        queue = conversation.queue
        if not queue and conversation.swallowed:  # a COPY that failed at once has not ignored this Sync
            conversation.swallowed -= 1
            conversation.skipping = False
            queue.append(SYNC_REPLY)
        head = self._head(_SYNC, _QUERY)
        queue.popleft()
        if queue and queue.head.reply is _COPY_END:
            drop_copy_ends(queue)
        conversation.status = status = data[position + HEADER_SIZE : stop]
        conversation.copying_in = False
        if head.reply is _QUERY and isinstance(head, Execution):
            if head.status == "lost":
                head.status = "ok"
                if head.action is not _FORWARD:
                    _unseen(head)
            self._report(head, stop)
        self._mark = self.received + stop
        if status == IDLE:
            conversation.published, conversation.defined = conversation.published or conversation.defined, False
            if conversation.portals and not queue:
                conversation.portals.clear()
                if conversation.values:
                    conversation.values.clear()
            if not queue:
                conversation.names_touched = False
                if conversation.made:
                    conversation.made = [made for made in conversation.made if made[1] == "session"]
        return head.action is not _DROP

    def _error(self, data: bytes, position: int, stop: int) -> bool:  # noqa: C901  what an error ends, in its order
        conversation = self._conversation
        queue = conversation.queue
        drop_copy_ends(queue)
        told = data[position + HEADER_SIZE : stop]
        kept = discreet(told, whole=stop <= len(data)) if conversation.guarded else None
        sqlstate = sqlstate_of(told, 0, len(told)) if kept is None else sqlstate_of(kept, 0, len(kept))
        conversation.copying_in = False
        if conversation.names_touched:
            conversation.names_stale = True  # the error may have rolled back what changed them
        fatal = data.find(b"\0VFATAL\0", position, stop) >= 0
        if fatal or not queue:  # the server ends the session
            conversation.farewell = True
        if not queue:
            if kept is not None:
                self.replacement = frame(frames.ERROR_RESPONSE, kept)
            return kept is None
        head = queue.head
        action = head.action
        if head.reply is _QUERY:
            if isinstance(head, Execution):
                head.fail(sqlstate)
        elif head.reply is not _SYNC:
            asked = self._skip(head, sqlstate, stop)
            conversation.skipping = not queue
            if asked:
                return fatal
        if action is _REPLACE and not fatal:
            self.replacement = frame(frames.ERROR_RESPONSE, head.error)
            return False
        if kept is not None:
            self.replacement = frame(frames.ERROR_RESPONSE, self._repositioned(head, kept) or kept)
            return False
        return self._as_it_came(head, data, position, stop)

    def _skip(self, head: Pending, sqlstate: str, stop: int) -> bool:
        """End what the server skips after an error of `head`; True when that was a question of our own."""
        asked = False
        skipped, mistaken = skip_to_sync(self._conversation.queue, self._conversation.portals)
        # Between transactions no portal was left, so that later Execute fails, whatever it was recorded for.
        if mistaken and self._conversation.status != IDLE:
            raise ProtocolViolation("a portal was executed before it was known which statement it is of")
        for entry in skipped:
            if isinstance(entry, Execution):
                if entry is head:
                    entry.fail(sqlstate)
                else:
                    entry.status = "skipped"
                self._report(entry, stop)
            elif entry.question is not None:
                entry.question.error, entry.question.done = sqlstate, True
                asked = True
        return asked

    # -- at any time ---------------------------------------------------------------------------------------------

    def _notice(self, data: bytes, position: int, stop: int) -> bool:
        # of one that is too long to be assembled not even the severity may be at hand
        if self._conversation.guarded and (stop > len(data) or logged(data[position + HEADER_SIZE : stop])):
            return False
        queue = self._conversation.queue
        return not queue or (queue.head.action is _FORWARD and self._as_it_came(queue.head, data, position, stop))

    def _as_it_came(self, head: Pending, data: bytes, position: int, stop: int) -> bool:
        """Whether a report about `head` passes as it is; else with the position that the client's text has there."""
        if stop > len(data):
            return True
        payload = self._repositioned(head, data[position + HEADER_SIZE : stop])
        if payload is None:
            return True
        self.replacement = frame(data[position], payload)
        return False

    def _repositioned(self, head: Pending, payload: bytes) -> bytes | None:
        plan, text = self._conversation.subject(head)
        return None if plan is None or not plan.moves else repositioned(payload, plan.moves, text)

    def _parameter_status(self, data: bytes, position: int, stop: int) -> bool:
        name, *values = data[position + HEADER_SIZE : stop].split(b"\0")
        if not values:
            raise ProtocolViolation("a ParameterStatus message must hold a name and a value")
        return self._conversation.report(name, values[0])

    # -- COPY and rows of our own questions ----------------------------------------------------------------------

    def _copy_in(self) -> bool:
        conversation = self._conversation
        head = self._head(_EXECUTE, _QUERY)
        queue = conversation.queue
        queue.popleft()
        conversation.swallowed, ended = swallow_syncs(queue)
        queue.put_back((head,))
        conversation.copying_in = not ended
        return head.action is _FORWARD or _unseen(head)

    def _captured_row(self, data: bytes, position: int, stop: int) -> bool:
        head = self._head(_EXECUTE, _EXECUTE)
        if stop > len(data) or head.question is None:
            raise ProtocolViolation("an answer to a question of the proxy's own is out of bounds")
        head.question.rows.append(columns(data, position + HEADER_SIZE))
        return False


def _count(tag: bytes) -> bytes:
    """The digits that end a command tag, as in SELECT 12; b"" when it has none. A loop, as every statement takes it."""
    start = len(tag)
    while start > 0 and _ZERO <= tag[start - 1] <= _NINE:
        start -= 1
    if start == 0 or tag[start - 1] != _SPACE or (tag[start:].startswith(b"0") and len(tag) - start > 1):
        return b""
    return tag[start:]


def _unseen(head: Pending) -> bool:
    """False: the client does not see this answer. What had to fail and did not ends the session."""
    if head.action is _REPLACE:
        raise ProtocolViolation("louver: the server accepted a request that had to fail", "XX000")
    return False
