"""The queue of pending replies: what the server still owes, in order, and what is done with each.

Owns the entries and the rule which of them an error, a Sync or a COPY clears. PostgreSQL answers strictly in
order (manual, 55.2.3 and 55.2.4), so one queue says for every message of the server whose answer it is.
May not do: read bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from proxy.postgres.wire.contents import sqlstate_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from proxy.context import Identity
    from proxy.plans import Plan
    from proxy.postgres.wire.statements import Prepared
    from proxy.shown import Shown
    from proxy.values import Bound
    from proxy.witness import Witness


class Reply(IntEnum):
    """Which request an entry answers."""

    PARSE = 1
    BIND = 2
    DESCRIBE = 3
    EXECUTE = 4
    CLOSE = 5
    SYNC = 6
    QUERY = 7
    COPY_END = 8  # CopyDone or CopyFail sent before the COPY has begun: gets no answer of its own


class Action(IntEnum):
    """What happens to the answer: it goes to the client, or nobody, or its error is replaced, or we read it."""

    FORWARD = 1
    DROP = 2
    REPLACE = 3
    CAPTURE = 4


# Read for every statement: a look-up on an enumeration costs more than all the rest.
_FORWARD: Final = Action.FORWARD
_REPLACE: Final = Action.REPLACE

_SPENT: Final = 64
"""Answered entries that a long queue drags along before they are cut off."""


class Pending:
    """One answer that is owed.

    `error` is the ErrorResponse payload that REPLACE gives the client; `question` reads the rows of CAPTURE; `prepared` is
    the statement that is parsed, bound or described, `witness` what a description is checked against. `watched`: its rows are looked
    at one by one; `shown` is told what they are, where the audit keeps hashes of them. Defaults stand on the class: one of these is made for every statement.
    """

    error: bytes = b""
    prepared: Prepared | None = None
    question: Question | None = None
    witness: Witness | None = None
    watched: bool = False
    shown: Shown | None = None

    def __init__(
        self,
        reply: Reply,
        action: Action = _FORWARD,
        *,
        question: Question | None = None,
    ) -> None:
        self.reply = reply
        self.action = action
        if question is not None:
            self.question = question


class Change(Pending):
    """A request that gives a name of the session another meaning: at once for what the client sends behind it.

    `table` holds prepared statements or portals by name; `value` is the new meaning, None takes the name away. Reverted
    when the server refuses or skips the request.
    """

    def __init__(
        self,
        reply: Reply,
        table: dict[bytes, Prepared],
        name: bytes,
        value: Prepared | None,
        action: Action = _FORWARD,
    ) -> None:
        self.reply = reply
        self.action = action
        self._table = table
        self._name = name
        self.prepared = value
        self._previous: Prepared | None = None
        self.apply()

    def apply(self) -> None:
        """Give the name its new meaning."""
        self._previous = self._table.get(self._name)
        _set(self._table, self._name, self.prepared)

    def revert(self) -> None:
        """Give the name back what it meant."""
        _set(self._table, self._name, self._previous)


class Description(Pending):
    """A Describe whose answer is looked at: of a prepared statement, or of a portal of it; None when it is made by SQL.

    It is checked against `witness`, and tells `shown` what the rows are that follow, in these `formats` if they are known.
    """

    formats: bytes = b""

    def __init__(self, prepared: Prepared | None, witness: Witness | None, action: Action = _FORWARD) -> None:
        self.reply = Reply.DESCRIBE
        self.action = action
        self.prepared = prepared
        self.witness = witness


class Execution(Pending):
    """A statement that runs: what the audit is told of its end.

    `status` is ok, suspended, error, denied, skipped, or lost when the connection ends first. `tag` is the last
    command tag and `rows` the count in it (b"" when it has none); `sent` is the size of its answer in bytes. `limit` is
    the row limit of an Execute as it was sent; zero means all; `portal` is what it names. `left` are the rows that may still come, -1: any number. `started` is stamped by the shell, in nanoseconds.
    """

    number: int = 0
    status: str = "lost"
    rows: bytes = b""
    tag: bytes = b""
    sqlstate: str = ""
    sent: int = 0
    started: int = 0
    limit: bytes = bytes(4)
    portal: bytes = b""
    sent_text: bytes | None = None  # what left in place of the client's text
    whole: bool = False  # once its answer begins, the server has read all of it
    asof: int = 0  # the moment of `proxy.changes` that its ruling is as of
    catalog: object = None  # that it was ruled by
    unmet: int = 0  # until when it surely has met no change
    identity: Identity | None = None  # for whom it was ruled, where that was said
    values: Bound | None = None  # what is bound to its parameters, where the audit keeps hashes of it

    def __init__(self, reply: Reply, plan: Plan, text: bytes, *, refused: bytes = b"") -> None:
        self.reply = reply
        self.plan = plan
        self.text = text
        self.left = plan.most_rows
        self.watched = plan.most_rows >= 0
        self.action = _FORWARD
        if refused:
            self.action = _REPLACE
            self.error = refused

    def fail(self, sqlstate: str) -> None:
        """Note how it failed: by the server's error, or by our refusal, whose SQLSTATE the client gets."""
        if self.action is _REPLACE:
            self.status = "denied"
            self.sqlstate = sqlstate_of(self.error, 0, len(self.error))
        else:
            self.status, self.sqlstate = "error", sqlstate


@dataclass(slots=True, eq=False)
class Question:
    """A query of the proxy's own on the session's connection, with the rows of its answer.

    `error` is the SQLSTATE when the server refused it; `done` when the answer is whole.
    """

    rows: list[list[bytes | None]] = field(default_factory=list)
    error: str = ""
    done: bool = False


class Owed:
    """The queue of what the server owes, in the order of its answers.

    A list with a moving start in place of a deque: compiled, its methods cost next to nothing, and every statement
    calls a dozen.
    """

    def __init__(self, entries: Iterable[Pending] = ()) -> None:
        self._entries = list(entries)
        self._start = 0

    def __bool__(self) -> bool:
        return len(self._entries) > self._start

    def __len__(self) -> int:
        return len(self._entries) - self._start

    def __iter__(self) -> Iterator[Pending]:
        return iter(self._entries[self._start :])

    @property
    def head(self) -> Pending:
        """What is answered next; the queue must not be empty."""
        return self._entries[self._start]

    def append(self, entry: Pending) -> None:
        """Owe this last."""
        self._entries.append(entry)

    def extend(self, entries: Iterable[Pending]) -> None:
        """Owe these last."""
        self._entries.extend(entries)

    def popleft(self) -> Pending:
        """Take the head off; the queue must not be empty."""
        entry = self._entries[self._start]
        self._start += 1
        if self._start == len(self._entries):
            self._entries.clear()
            self._start = 0
        elif self._start == _SPENT:
            del self._entries[:_SPENT]
            self._start = 0
        return entry

    def clear(self) -> None:
        """Owe nothing."""
        self._entries.clear()
        self._start = 0

    def put_back(self, entries: Iterable[Pending]) -> None:
        """Owe these first, in their order."""
        self._entries[: self._start] = entries
        self._start = 0


# Entries without a memory of their own are shared.
BIND_REPLY: Final = Pending(Reply.BIND)
DESCRIBE_REPLY: Final = Pending(Reply.DESCRIBE)
CLOSE_REPLY: Final = Pending(Reply.CLOSE)
SYNC_REPLY: Final = Pending(Reply.SYNC)
COPY_END_REPLY: Final = Pending(Reply.COPY_END)
DROPPED_PARSE: Final = Pending(Reply.PARSE, Action.DROP)
DROPPED_BIND: Final = Pending(Reply.BIND, Action.DROP)
DROPPED_CLOSE: Final = Pending(Reply.CLOSE, Action.DROP)
DROPPED_SYNC: Final = Pending(Reply.SYNC, Action.DROP)


def skip_to_sync(queue: Owed, portals: dict[bytes, Prepared]) -> tuple[list[Pending], bool]:
    """Take out what the server refuses or skips in an error: everything before the next Sync.

    The changes of the skipped are reverted. Those behind the Sync were made on top of them, so they are reverted and
    applied anew. Returns what was taken out, and whether a portal that a later Execute names turns out to be of
    another statement than the one it was recorded for.
    """
    for entry in reversed(list(queue)):
        if isinstance(entry, Change):
            entry.revert()
    skipped: list[Pending] = []
    while queue and queue.head.reply is not Reply.SYNC:
        skipped.append(queue.popleft())
    mistaken = False
    for entry in queue:
        if isinstance(entry, Change):
            entry.apply()
        elif isinstance(entry, Execution) and entry.reply is Reply.EXECUTE and entry.action is _FORWARD:
            portal = portals.get(entry.portal)
            mistaken = mistaken or (portal is not None and portal.plan is not entry.plan)
    return skipped, mistaken


def swallow_syncs(queue: Owed) -> tuple[int, bool]:
    """Take out the Syncs that a COPY FROM STDIN, which has just begun, ignores: those before its CopyDone or CopyFail.

    Takes out that end, too. Returns how many Syncs there were and whether the client has sent the end.
    """
    kept: list[Pending] = []
    swallowed, ended = 0, False
    while queue and not ended:
        entry = queue.popleft()
        if entry.reply is Reply.COPY_END:
            ended = True
        elif entry.reply is Reply.SYNC:
            swallowed += 1
        else:
            kept.append(entry)
    queue.put_back(kept)
    return swallowed, ended


def drop_copy_ends(queue: Owed) -> None:
    """Take out the ends of COPYs that have not been: nothing is owed for them."""
    while queue and queue.head.reply is Reply.COPY_END:
        queue.popleft()


def _set(table: dict[bytes, Prepared], name: bytes, value: Prepared | None) -> None:
    if value is None:
        table.pop(name, None)
    else:
        table[name] = value
