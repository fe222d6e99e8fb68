"""The queue of pending replies: what the server still owes, in order, and what is done with each.

Owns the entries and the rule which of them an error, a Sync or a COPY clears. PostgreSQL answers strictly in
order (manual, 55.2.3 and 55.2.4), so one queue says for every message of the server whose answer it is.
May not do: read bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable

    from proxy.plans import Plan


class Reply(IntEnum):
    """Which request an entry answers."""

    PARSE = 1
    BIND = 2
    DESCRIBE = 3
    EXECUTE = 4
    CLOSE = 5
    SYNC = 6
    QUERY = 7
    COPY_END = 8  # CopyDone or CopyFail: gets no answer of its own, marks which Syncs a COPY swallowed


class Action(IntEnum):
    """What happens to the answer: it goes to the client, or nobody, or its error is replaced, or we read it."""

    FORWARD = 1
    DROP = 2
    REPLACE = 3
    CAPTURE = 4


_FORWARD = Action.FORWARD  # read for every statement: a look-up on an enumeration costs more than all the rest


class Pending:
    """One answer that is owed.

    `undo` runs when the server skips the request because of an earlier error. `error` is the ErrorResponse payload that
    REPLACE gives the client; `question` reads the rows of CAPTURE. Defaults stand on the class: one of these is
    made for every statement.
    """

    undo: Callable[[], None] | None = None
    error: bytes = b""
    question: Question | None = None

    def __init__(
        self,
        reply: Reply,
        action: Action = _FORWARD,
        *,
        undo: Callable[[], None] | None = None,
        question: Question | None = None,
    ) -> None:
        self.reply = reply
        self.action = action
        if undo is not None:
            self.undo = undo
        if question is not None:
            self.question = question


class Execution(Pending):
    """A statement that runs: what the audit is told of its end.

    `status` is ok, suspended, error, denied, skipped, or lost when the connection ends first. `tag` is the last
    command tag and `rows` the count in it (b"" when it has none); `sent` is the size of its answer in bytes. `limit` is
    the row limit of an Execute as it was sent; zero means all. `started` is stamped by the shell, in nanoseconds.
    """

    number: int = 0
    status: str = "lost"
    rows: bytes = b""
    tag: bytes = b""
    sqlstate: str = ""
    sent: int = 0
    started: int = 0
    limit: bytes = bytes(4)

    def __init__(self, reply: Reply, plan: Plan, text: bytes, *, refused: bytes = b"") -> None:
        self.reply = reply
        self.plan = plan
        self.text = text
        self.action = _FORWARD
        if refused:
            self.action = Action.REPLACE
            self.error = refused


@dataclass(slots=True, eq=False)
class Question:
    """A query of the proxy's own on the session's connection, with the rows of its answer.

    `error` is the SQLSTATE when the server refused it; `done` when the answer is whole.
    """

    rows: list[list[bytes | None]] = field(default_factory=list)
    error: str = ""
    done: bool = False


# Entries without a memory of their own are shared.
BIND_REPLY = Pending(Reply.BIND)
DESCRIBE_REPLY = Pending(Reply.DESCRIBE)
CLOSE_REPLY = Pending(Reply.CLOSE)
SYNC_REPLY = Pending(Reply.SYNC)
COPY_END_REPLY = Pending(Reply.COPY_END)
DROPPED_PARSE = Pending(Reply.PARSE, Action.DROP)
DROPPED_BIND = Pending(Reply.BIND, Action.DROP)
DROPPED_CLOSE = Pending(Reply.CLOSE, Action.DROP)
DROPPED_SYNC = Pending(Reply.SYNC, Action.DROP)


def skip_to_sync(queue: deque[Pending]) -> list[Pending]:
    """Take out what the server skips after an error: everything before the next Sync. Undoes in reverse order."""
    skipped: list[Pending] = []
    while queue and queue[0].reply is not Reply.SYNC:
        skipped.append(queue.popleft())
    for entry in reversed(skipped):
        if entry.undo is not None:
            entry.undo()
    return skipped


def swallow_syncs(queue: deque[Pending]) -> None:
    """Take out the Syncs that a COPY FROM STDIN in progress ignores: those sent before its CopyDone or CopyFail."""
    kept: list[Pending] = []
    while queue and queue[0].reply is not Reply.COPY_END:
        entry = queue.popleft()
        if entry.reply is not Reply.SYNC:
            kept.append(entry)
    queue.extendleft(reversed(kept))
