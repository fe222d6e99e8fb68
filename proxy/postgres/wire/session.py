"""One client and its upstream connection as a sans-IO machine, from after the login to the end.

Owns the verbs: bytes of both sides in, bytes for both sides out, statements that wait for a ruling, statements that
have started and ended. It can be printed, replayed, split at any byte and fuzzed.
May not do: I/O, time, parsing of SQL, deciding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.postgres.wire import frames
from proxy.postgres.wire.backend import Backend
from proxy.postgres.wire.conversation import Conversation
from proxy.postgres.wire.frames import frame
from proxy.postgres.wire.frontend import Frontend
from proxy.postgres.wire.replies import (
    DROPPED_BIND,
    DROPPED_CLOSE,
    DROPPED_PARSE,
    DROPPED_SYNC,
    Action,
    Execution,
    Pending,
    Question,
    Reply,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxy.plans import Plan, Ruling
    from proxy.postgres.wire.provocations import Refusals
    from proxy.postgres.wire.statements import Statement

QUESTION = b"louver.question"
"""Name of the prepared statement and portal of the proxy's own questions; gone again before anyone can see them."""


class PostgresSession:
    """The whole state of one session. Methods that take bytes raise ProtocolViolation, and only that.

    Call `receive_client` and `receive_server` with what arrives; then rule what `next_statement` gives by `answer`,
    and send what `data_for_server` and `data_for_client` give. `started` is written to the audit before
    `data_for_server` leaves.
    """

    def __init__(self, unknown_plan: Plan, refusals: Refusals, statement_limit: int) -> None:
        self.conversation = Conversation(unknown_plan)
        self.frontend = Frontend(self.conversation, statement_limit, refusals)
        self.backend = Backend(self.conversation)

    def __repr__(self) -> str:
        state = self.conversation
        owed = " ".join(entry.reply.name for entry in state.queue)
        return f"<PostgresSession {state.status.decode('ascii', 'replace')} owed=[{owed}] waiting={self.frontend.waiting is not None}>"

    def receive_client(self, data: bytes) -> None:
        """Take bytes from the client."""
        self.frontend.receive(data)

    def receive_server(self, data: bytes) -> None:
        """Take bytes from the server."""
        self.backend.receive(data)

    def next_statement(self) -> Statement | None:
        """The statement that waits for a ruling, if any; at most one does."""
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
        return not self.conversation.queue

    @property
    def idle(self) -> bool:
        """True when the client is between transactions and owed nothing."""
        state = self.conversation
        return not state.queue and state.status == b"I" and not state.pipelined and self.frontend.waiting is None

    def hurry(self) -> None:
        """Make the server answer what it owes: all that stands before the waiting statement, Sync or not."""
        self.frontend.release()
        if self.conversation.pipelined:
            self.frontend.to_server.append(frames.FLUSH_FRAME)

    def ask(self, text: bytes, values: Sequence[bytes] = ()) -> Question:
        """Ask the server something of our own; the client sees nothing of it. Only when `quiet`.

        Columns come back in text format. Within a pipeline of the client's no Sync is sent, so that its implicit
        transaction stays open.
        """
        state = self.conversation
        question = Question()
        name = QUESTION + b"\0"
        bound = b"".join(len(value).to_bytes(4, "big") + value for value in values)
        self.frontend.to_server += (
            frame(frames.PARSE, name + text + b"\0\0\0"),
            frame(frames.BIND, name + name + b"\0\0" + len(values).to_bytes(2, "big") + bound + b"\0\0"),
            frame(frames.EXECUTE, name + bytes(4)),
            frame(frames.CLOSE, b"P" + name),
            frame(frames.CLOSE, b"S" + name),
        )
        state.queue.extend((DROPPED_PARSE, DROPPED_BIND))
        state.queue.append(Pending(Reply.EXECUTE, Action.CAPTURE, question=question))
        state.queue.extend((DROPPED_CLOSE, DROPPED_CLOSE))
        if state.pipelined:
            self.frontend.to_server.append(frames.FLUSH_FRAME)
        else:
            self.frontend.to_server.append(frames.SYNC_FRAME)
            state.queue.append(DROPPED_SYNC)
        return question


def _take(pieces: list[bytes]) -> bytes:
    """Everything collected, as one run of bytes, without a copy when it is one piece."""
    if not pieces:
        return b""
    data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
    pieces.clear()
    return data
