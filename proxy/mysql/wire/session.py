"""One client and its upstream connection as a sans-IO machine, from after the login to the end.

Owns the verbs: bytes of both sides in, bytes for both sides out, statements that wait for a ruling, statements that
have started and ended. It can be printed, replayed, split at any byte and fuzzed.
May not do: I/O, time, parsing of SQL, deciding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from proxy.mysql.wire.backend import Backend
from proxy.mysql.wire.commands import COM_PING
from proxy.mysql.wire.conversation import Conversation
from proxy.mysql.wire.frontend import Frontend
from proxy.mysql.wire.packets import packet
from proxy.mysql.wire.replies import Action, Execution, Pending, Question, Reply
from proxy.mysql.wire.results import IN_TRANSACTION

if TYPE_CHECKING:
    from proxy.mysql.wire.capabilities import Capability
    from proxy.mysql.wire.statements import Statement
    from proxy.plans import Plan, Ruling

_PING: Final = packet(0, bytes((COM_PING,)))


class MySQLSession:
    """The whole state of one session. Methods that take bytes raise ProtocolViolation, and only that.

    Call `receive_client` and `receive_server` with what arrives; then rule what `next_statement` gives by `answer`,
    and send what `data_for_server` and `data_for_client` give. `started` is written to the audit before
    `data_for_server` leaves.
    `capabilities` are the client's, as the login has settled them; `files`: the server may ask the client for a file that a
    statement of the client's names.
    """

    def __init__(self, unknown_plan: Plan, capabilities: Capability, statement_limit: int, *, files: bool) -> None:
        self.conversation = Conversation(unknown_plan, capabilities, files)
        self.frontend = Frontend(self.conversation, statement_limit)
        self.backend = Backend(self.conversation, self.frontend.to_server)

    def __repr__(self) -> str:
        state = self.conversation
        owed = "" if state.owed is None else state.owed.reply.name
        return f"<MySQLSession {state.status:#06x} owed=[{owed}] waiting={self.frontend.waiting is not None}>"

    def receive_client(self, data: bytes) -> None:
        """Take bytes from the client."""
        self.frontend.receive(data)

    def receive_server(self, data: bytes) -> None:
        """Take bytes from the server."""
        state = self.conversation
        self.backend.receive(data)
        if state.owed is None and not state.exposed:
            if state.doubtful:  # what has changed is reported with the next OK packet
                state.doubtful = False
                state.owed = Pending(Reply.SINGLE, Action.DROP)
                self.frontend.to_server.append(_PING)
            else:
                self.frontend.advance()

    def next_statement(self) -> Statement | None:
        """The statement that waits for a ruling, if any; at most one does, and then the server owes nothing."""
        return self.frontend.waiting

    def answer(self, ruling: Ruling) -> None:
        """Rule the waiting statement."""
        self.frontend.answer(ruling)

    def data_for_server(self) -> bytes:
        """What is to be sent to the server now; b"" when nothing."""
        return _take(self.frontend.to_server)

    def data_for_client(self) -> bytes:
        """What is to be sent to the client now; b"" when nothing."""
        return _take(self.backend.to_client)

    def started(self) -> list[Execution]:
        """Statements that are about to leave since the last call."""
        taken = self.conversation.started
        if taken:
            self.conversation.started = []
        return taken

    def outcomes(self) -> list[Execution]:
        """Statements that have ended since the last call."""
        taken = self.conversation.finished
        if taken:
            self.conversation.finished = []
        return taken

    @property
    def quiet(self) -> bool:
        """True when the server owes nothing."""
        return self.conversation.owed is None

    @property
    def idle(self) -> bool:
        """True when the client is between transactions and owed nothing."""
        state = self.conversation
        return state.owed is None and not state.status & IN_TRANSACTION and self.frontend.waiting is None

    def leaving(self) -> tuple[bytes, bytes] | None:
        """The COM_CHANGE_USER of a client that goes on as another, once the server has let go of all, and the bytes behind it."""
        state = self.conversation
        return (state.leaving, self.frontend.rest()) if state.leaving and state.owed is None else None

    def farewell(self, error: bytes) -> bytes:
        """The packet that tells the client why the session ends, in place of what is due; `error` is the ERR payload."""
        state = self.conversation
        if state.exposed:
            sequence = self.backend.sequence
        elif state.owed is not None:
            sequence = (self.backend.sequence if self.backend.begun else state.sequence) + 1
        else:
            sequence = state.sequence + 1 if self.frontend.buffered else 0  # to a command, or of our own accord
        return packet(sequence, error)

    def ask(self, text: str) -> Question:
        """Ask the server something of our own; the client sees nothing of it. Only when `quiet`."""
        question = Question()
        owed = Pending(Reply.RESULTS, Action.CAPTURE)
        owed.question = question
        self.conversation.owed = owed
        self.frontend.to_server.append(self.frontend.requests.query_packet(text.encode()))
        return question


def _take(pieces: list[bytes]) -> bytes:
    """Everything collected, as one run of bytes, without a copy when it is one piece."""
    if not pieces:
        return b""
    data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
    pieces.clear()
    return data
