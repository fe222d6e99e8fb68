"""The server's half of a session: walks over the server's packets and passes on what the client may have.

Looks at the first byte of a packet, at the flags that end an answer, and at where columns come from; rows pass as they came, a
packet larger than the data at hand piecewise. May not do: I/O, deciding.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Final

from proxy.mysql.wire.capabilities import Capability
from proxy.mysql.wire.columns import Masks, Origins, text_row
from proxy.mysql.wire.errors import EXCEEDED, EXPOSED, discreet
from proxy.mysql.wire.messages import parse_error
from proxy.mysql.wire.packets import (
    EOF,
    ERR,
    HEADER_SIZE,
    LARGEST,
    LOCAL_INFILE,
    OK,
    ProtocolViolation,
    packet,
    read_lenenc_int,
)
from proxy.mysql.wire.provocations import NO_FILE
from proxy.mysql.wire.replies import Action, Execution, Pending, Reply
from proxy.mysql.wire.results import CURSOR_EXISTS, MORE_RESULTS, STATE_CHANGED, Ok, ok, parse_ok, status_of_eof
from proxy.mysql.wire.spelling import described, take, tell
from proxy.mysql.wire.tracking import may_change_state, moved

if TYPE_CHECKING:
    from proxy.mysql.wire.conversation import Conversation
    from proxy.shown import Field, Shown

_ASSEMBLED_LIMIT: Final = 1 << 20
"""Bytes of a packet that is assembled to be looked into: an OK packet, an error, a column's definition. Rows are not."""
_DEFINITIONS: Final = 512
"""Definitions of columns in answers that show something, kept as they were read: some 200 bytes each."""
_EOF_SIZE: Final = 9  # a row that begins with 0xFE is at least this long: its first field has a length of eight bytes
_FORWARD: Final = Action.FORWARD
_REPLACE: Final = Action.REPLACE
_CAPTURE: Final = Action.CAPTURE


class State(IntEnum):
    """What the next packet is."""

    FIRST = 1  # of an answer, or of the next of its results
    COLUMNS = 2
    COLUMNS_EOF = 3
    ROWS = 4
    PARAMETERS = 5
    PARAMETERS_EOF = 6


_ROWS: Final = State.ROWS
_COLUMNS: Final = State.COLUMNS
_FIRST: Final = State.FIRST
_FAREWELLS: Final = frozenset((1053, 1927, 3169, 4031))
"""Errors with which the server ends the session: shutdown, killed, killed, idle for too long."""


class Backend:
    """Reads the server's bytes; `to_client` collects what the client gets, `to_server` what the server is answered."""

    def __init__(self, conversation: Conversation, to_server: list[bytes]) -> None:
        self.to_client: list[bytes] = []
        self._to_server = to_server
        self._conversation = conversation
        self._plain_ends = not conversation.capabilities & Capability.DEPRECATE_EOF
        self._tracks = bool(conversation.capabilities & Capability.SESSION_TRACK)
        self._end_limit = _EOF_SIZE if self._plain_ends else LARGEST
        self._state = _FIRST
        self._left = 0  # columns or parameters still to come
        self._columns = 0  # of the result at hand, or the statement that is being prepared
        self._rest = b""
        self._passing = 0  # bytes of the current packet still to pass on
        self._swallowing = 0  # bytes of the current packet still to drop
        self._continues = False  # the packet after the current one is of the same row
        self._replacement = b""  # of the packet at hand
        self.sequence = 0  # the number of the packet at hand
        self._unwanted = False  # a file was asked for and not given: success is no answer
        self._sequence_unwanted = 0  # the number of the packet that asked for it
        self._received = 0
        self._mark = 0  # the end of the last answer
        self._origins = Origins()
        self._masks = Masks()
        self._definitions: dict[bytes, tuple[Field, int, bool]] = {}
        self._described: list[
            tuple[Field, int, bool]
        ] = []  # the columns of the answer at hand, where the audit looks at its rows

    @property
    def begun(self) -> bool:
        """Whether the client has had the beginning of the answer that is owed."""
        return self._received > self._mark

    def receive(self, data: bytes) -> None:
        """Take bytes of the server. Raises ProtocolViolation."""
        if self._rest:
            data = self._rest + data
            self._rest = b""
        position = self._read(data)
        self._received += position
        if not self._conversation.exposed:
            self._rest = data[position:]

    def _read(self, data: bytes) -> int:  # noqa: C901, PLR0912, PLR0915  the hot loop: a call costs
        """Walk over the packets of `data`; where the first byte stands that is still to be looked at."""
        conversation = self._conversation
        start = position = 0  # bytes from start are for the client, and not passed on yet
        end = len(data)
        while position < end:
            if self._passing:
                position += self._passing
                self._passing = 0
                if position > end:
                    self._passing, position = position - end, end
                    break
            elif self._swallowing:
                position += self._swallowing
                self._swallowing = 0
                if position > end:
                    self._swallowing, position = position - end, end
                start = position
            if position + HEADER_SIZE > end or (position + HEADER_SIZE == end and not self._continues):
                break
            size = data[position] | data[position + 1] << 8 | data[position + 2] << 16
            stop = position + HEADER_SIZE + size
            owed = conversation.owed
            first = 0
            is_row = self._continues
            if not is_row:
                if size == 0:
                    raise ProtocolViolation("an empty packet of the server's")
                first = data[position + HEADER_SIZE]
                if self._state is _FIRST and owed is not None and owed.reply is Reply.ROWS:
                    self._state = _ROWS
                is_row = self._state is _ROWS and (first < EOF or (first == EOF and size >= self._end_limit))
                if is_row and isinstance(owed, Execution):
                    if owed.shown is not None and not self._look(owed.shown, data, position, size):
                        break
                    owed.count += 1
                    if owed.count > owed.most >= 0 and owed.action is _FORWARD:
                        self.sequence = data[position + 3]
                        self._exceed(owed)
                        if position > start:
                            self.to_client.append(data[start:position])
                        return end
            if is_row and owed is not None and owed.action is not _CAPTURE:
                self._continues = size == LARGEST
                if owed.action is _FORWARD:
                    self._passing = stop - position
                else:
                    if position > start:
                        self.to_client.append(data[start:position])
                        start = position
                    self._swallowing = stop - position
                continue
            if stop > end:
                if size > _ASSEMBLED_LIMIT:
                    raise ProtocolViolation(f"a packet of {size} bytes where a short one was due")
                break
            self.sequence = data[position + 3]
            if is_row:
                self._row(data[position + HEADER_SIZE : stop])
            elif self._handle(first, data[position + HEADER_SIZE : stop], self._received + stop):
                position = stop
                continue
            if position > start:
                self.to_client.append(data[start:position])
            if self._replacement:
                self.to_client.append(self._replacement)
                self._replacement = b""
            start = position = stop
            if conversation.exposed:
                return end
        if position > start:
            self.to_client.append(data[start:position] if start or position < end else data)
        return position

    def _handle(self, first: int, payload: bytes, end: int) -> bool:  # noqa: C901, PLR0911  a table
        """Handle a packet that is no row; whether the client sees it as it is. `end` is where it ends in all that has come."""
        owed = self._conversation.owed
        if owed is None:
            return self._unasked(first)
        if self._conversation.files_asked:  # what is left of the file, the server would take for commands
            raise ProtocolViolation("the server has answered before the end of a file")
        if first == ERR:
            return self._error(owed, payload, end)
        state = self._state
        if state is _FIRST:
            return self._first(owed, first, payload, end)
        if state is _COLUMNS:
            return self._column(owed, first, payload, end)
        if state is _ROWS:
            return self._end_of_rows(owed, payload, end)
        if state is State.PARAMETERS:
            self._left -= 1
            if not self._left:
                self._state = State.PARAMETERS_EOF
                if not self._plain_ends:
                    self._after_parameters(owed, end)
            return self._seen(owed)
        self._conversation.status = status_of_eof(payload)
        if state is State.PARAMETERS_EOF:
            self._after_parameters(owed, end)
        elif owed.reply is Reply.PREPARE or self._opens_cursor(owed):
            self._finish(owed, end)
        else:
            self._state = _ROWS
        return self._seen(owed)

    def _opens_cursor(self, owed: Pending) -> bool:
        """Whether no rows follow the columns. A procedure with a cursor of its own leaves that flag in what it answers, too."""
        return isinstance(owed, Execution) and owed.cursor and bool(self._conversation.status & CURSOR_EXISTS)

    def _unasked(self, first: int) -> bool:
        """The server says something of its own accord: only why it ends the session."""
        if first != ERR:
            raise ProtocolViolation("an answer that nobody has asked for")
        self._conversation.farewell = True
        return True

    # -- the packets of an answer --------------------------------------------------------------------------------

    def _first(self, owed: Pending, first: int, payload: bytes, end: int) -> bool:  # noqa: PLR0911  a table
        reply = owed.reply
        if reply is Reply.TEXT:
            self._finish(owed, end)
            return self._seen(owed)
        if reply is Reply.PREPARE:
            return self._prepared(owed, first, payload, end)
        if first == EOF and len(payload) < _EOF_SIZE:
            return self._ended(owed, payload, end)
        if reply is Reply.FIELDS:
            return self._seen(owed) if first != EOF else self._ended(owed, payload, end)
        if first in {OK, EOF}:
            return self._ended(owed, payload, end)
        if reply is Reply.SINGLE:
            raise ProtocolViolation(
                f"an answer that begins with {first} to a command that has one packet for an answer"
            )
        if first == LOCAL_INFILE:
            return self._file(owed)
        self._left, read = read_lenenc_int(payload, 0)
        if read != len(payload) or not self._left:
            raise ProtocolViolation("a malformed number of columns")
        self._state = _COLUMNS
        self._columns = self._left
        self._described = []
        return self._seen(owed)

    def _prepared(self, owed: Pending, first: int, payload: bytes, end: int) -> bool:
        prepared = owed.prepared
        if first != OK or len(payload) < 9 or prepared is None:
            raise ProtocolViolation("a malformed answer to the preparing of a statement")
        parameters = int.from_bytes(payload[7:9], "little")
        self._columns = int.from_bytes(payload[5:7], "little")
        prepared.server_id = int.from_bytes(payload[1:5], "little")
        if owed.action is _FORWARD:
            prepared.client_id, prepared.parameters = prepared.server_id, parameters
            self._conversation.keep(prepared)
        elif prepared.parameters != parameters:
            raise ProtocolViolation("a statement has other parameters than when it was prepared first")
        if parameters:
            self._left = parameters
            self._state = State.PARAMETERS
        else:
            self._after_parameters(owed, end)
        return self._seen(owed)

    def _describe(self, execution: Execution, shown: Shown, definition: bytes) -> None:
        """Take a column, and behind the last say what the rows are that follow; also those of its cursor, which come without."""
        known = self._definitions.get(definition)
        if known is None:
            if len(self._definitions) >= _DEFINITIONS:
                self._definitions.clear()
            known = self._definitions[definition] = described(definition)
        self._described.append(known)
        if self._left:
            return
        if execution.fetched is not None:
            execution.fetched.columns = self._described
        tell(shown, self._described, binary=execution.fetched is not None)

    def _look(self, shown: Shown, data: bytes, position: int, size: int) -> bool:
        """Tell the audit of a row; False when more of it has to come first."""
        stop = position + HEADER_SIZE + size
        if size > _ASSEMBLED_LIMIT or shown.full:
            shown.missed()
        elif stop > len(data):
            return False
        else:
            take(shown, data[position + HEADER_SIZE : stop], shown.kinds)
        return True

    def _exceed(self, owed: Execution) -> None:
        """Let nothing more pass: the answer has more rows than the caller may have."""
        self._conversation.exceeded = owed.most
        self._conversation.exposed = "more rows"
        owed.status, owed.errno, owed.sqlstate = "denied", 1226, EXCEEDED
        self._conversation.finished.append(owed)

    def _after_parameters(self, owed: Pending, end: int) -> None:
        if self._columns:
            self._left = self._columns
            self._state = _COLUMNS
        else:
            self._finish(owed, end)

    def _column(self, owed: Pending, first: int, payload: bytes, end: int) -> bool:
        conversation = self._conversation
        if first >= EOF or not self._left:
            raise ProtocolViolation("fewer columns than were announced")
        told = owed.action is _FORWARD and self._told(owed, payload)
        witness = None if told else conversation.witness  # what a mask's says of its origin is ours
        if witness is not None and isinstance(owed, Execution) and owed.plan.by_kind is not None:
            assert conversation.origins_of is not None
            witness = conversation.origins_of(owed.plan)
        if witness is not None and owed.reply is Reply.RESULTS and owed.action is _FORWARD:
            tracked = conversation.tracked
            hidden = self._origins.hidden(witness, payload, utf8=tracked is not None and tracked.utf8_results)
            if hidden:
                conversation.exposed = hidden
                if isinstance(owed, Execution):
                    owed.status, owed.errno, owed.sqlstate = "denied", 1142, EXPOSED
                    conversation.finished.append(owed)
                return False
        self._left -= 1
        if isinstance(owed, Execution) and owed.shown is not None:
            self._describe(owed, owed.shown, payload)
        if not self._left:
            if self._plain_ends:
                self._state = State.COLUMNS_EOF
            elif owed.reply is Reply.PREPARE:
                self._finish(owed, end)
            else:
                self._state = _ROWS
        return self._seen(owed) and not told

    def _told(self, owed: Pending, definition: bytes) -> bool:
        """Have a mask's definition, which names no origin, say what it is to the client; whether it was one."""
        plan = owed.plan if isinstance(owed, Execution) else owed.prepared and owed.prepared.plan
        if not plan or len(plan.masked) != self._columns:
            return False
        self._replacement = self._masks.told(plan.masked, self._left, self.sequence, definition)
        return bool(self._replacement)

    def _row(self, payload: bytes) -> None:
        """A row of an answer to a question of our own."""
        owed = self._conversation.owed
        if owed is None or owed.question is None:
            raise ProtocolViolation("rows that nobody has asked for")
        owed.question.rows.append(text_row(payload))

    def _end_of_rows(self, owed: Pending, payload: bytes, end: int) -> bool:
        if payload[0] != EOF:
            raise ProtocolViolation("a malformed end of rows")
        return self._ended(owed, payload, end)

    # -- the end of an answer ------------------------------------------------------------------------------------

    def _ended(self, owed: Pending, payload: bytes, end: int) -> bool:
        """An OK or EOF packet: the end of an answer, or of one of its results."""
        if owed.action is _REPLACE and not self._unwanted:
            raise ProtocolViolation("louver: the server accepted a statement that had to fail", "HY000", 1105)
        conversation = self._conversation
        changed: Ok | None = None
        if payload[0] == OK or not self._plain_ends:
            said = parse_ok(payload)
            conversation.status = said.status
            if isinstance(owed, Execution) and payload[0] == OK:
                owed.count += said.affected
            if said.changes and conversation.tracked is not None:
                conversation.tracked = moved(conversation.tracked, said.changes)
            if said.status & STATE_CHANGED and not self._tracks:
                changed = said
        else:
            conversation.status = status_of_eof(payload)
        if conversation.status & MORE_RESULTS:
            self._state = _FIRST
        else:
            self._finish(owed, end)
        if owed.action is _REPLACE:
            return self._refused(owed, self._sequence_unwanted)
        if changed is not None and owed.action is _FORWARD:
            self._replacement = packet(self.sequence, ok(changed))
            return False
        return self._seen(owed)

    def _finish(self, owed: Pending, end: int) -> None:
        """Nothing is owed any more."""
        conversation = self._conversation
        conversation.owed = None
        self._state = _FIRST
        if isinstance(owed, Execution):
            if owed.status == "lost":
                owed.status = "ok"
            owed.sent, self._mark = end - self._mark, end
            conversation.finished.append(owed)
            if owed.text.lower().find(b"track") >= 0:  # quicker than `in`
                conversation.tracked = None  # what is reported may have been changed
        else:
            self._mark = end
            if owed.question is not None:
                owed.question.done = True
            if owed.resets and not owed.failed:
                conversation.reset()

    def _error(self, owed: Pending, payload: bytes, end: int) -> bool:
        conversation = self._conversation
        errno = int.from_bytes(payload[1:3], "little")
        if errno in _FAREWELLS:
            conversation.farewell = True
        if isinstance(owed, Execution):
            owed.fail(payload)
            conversation.doubtful = owed.action is _FORWARD and may_change_state(owed.text)
        elif owed.question is not None:
            owed.question.error = parse_error(payload).sqlstate
        owed.failed = True
        unwanted = self._unwanted
        self._finish(owed, end)
        shown = discreet(payload) if conversation.guarded else payload
        if owed.action is _REPLACE:
            return self._refused(owed, self._sequence_unwanted if unwanted else conversation.sequence + 1)
        if owed.action is Action.DROP and owed.prepared is not None:
            owed.prepared.broken = shown
        if owed.action is _FORWARD and shown != payload:
            self._replacement = packet(self.sequence, shown)
            return False
        return owed.action is _FORWARD

    def _refused(self, owed: Pending, sequence: int) -> bool:
        """Give the client our error for what it wanted; what still comes of the answer is not for it."""
        self._replacement = packet(sequence, owed.error)
        self._unwanted = False
        owed.action = Action.DROP
        if isinstance(owed, Execution):
            owed.fail(owed.error)
        return False

    def _seen(self, owed: Pending) -> bool:
        """Whether the client sees a packet of an answer. What had to fail and does not ends the session."""
        if owed.action is _REPLACE:
            raise ProtocolViolation("louver: the server accepted a statement that had to fail", "HY000", 1105)
        return owed.action is _FORWARD

    def _file(self, owed: Pending) -> bool:
        """The server wants a file of the client's."""
        conversation = self._conversation
        if owed.action is not _FORWARD or not isinstance(owed, Execution):
            raise ProtocolViolation("the server asks for a file that nobody has offered")
        if conversation.files and owed.loads_a_file:
            conversation.files_asked = True
            conversation.sequence = self.sequence
            return True
        owed.action, owed.error, self._unwanted = _REPLACE, NO_FILE, True
        self._sequence_unwanted = self.sequence
        self._to_server.append(packet(self.sequence + 1, b""))
        return False
