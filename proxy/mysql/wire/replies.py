"""What the server owes: one answer at a time, and what is done with it.

Owns the entries. A MySQL server runs one command after the other, so the queue of answers has length one. May not do: read
bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from proxy.mysql.wire.messages import parse_error

if TYPE_CHECKING:
    from proxy.context import Identity
    from proxy.mysql.wire.statements import Prepared
    from proxy.plans import Plan
    from proxy.shown import Shown
    from proxy.values import Bound


class Reply(IntEnum):
    """The shape of an answer."""

    SINGLE = 1  # one OK, EOF or ERR packet
    TEXT = 2  # one packet of words
    RESULTS = 3  # results, each an OK packet, or columns and rows
    PREPARE = 4  # a statement's number, its parameters and columns
    ROWS = 5  # rows of an open cursor
    FIELDS = 6  # columns, until there is an EOF packet


class Action(IntEnum):
    """What happens to the answer: it goes to the client, or nobody, or an error of ours takes its place, or we read it."""

    FORWARD = 1
    DROP = 2
    REPLACE = 3
    CAPTURE = 4


_FORWARD: Final = Action.FORWARD
_REPLACE: Final = Action.REPLACE


class Pending:
    """One answer that is owed.

    `error` is the ERR payload that REPLACE gives the client; `prepared` is the statement that is being prepared; `question` reads the
    rows of CAPTURE; `resets`: unless it has `failed`, the session is as new then.
    """

    error: bytes = b""
    prepared: Prepared | None = None
    question: Question | None = None
    resets: bool = False
    failed: bool = False

    def __init__(self, reply: Reply, action: Action = _FORWARD) -> None:
        self.reply = reply
        self.action = action


class Execution(Pending):
    """A statement that runs: what the audit is told of its end.

    `status` is ok, error, denied, or lost when the connection ends first. `count` are the rows of its results or those that
    it has changed, `sent` is the size of its answer in bytes. `errno` and `sqlstate` are those of the error that ended it.
    `most` rows may come, any number when it is -1. `started` is stamped by the shell, in nanoseconds. `files`: it is a text, which may ask the client for a file. `cursor`: it asks for a cursor.
    `fetched` is the prepared statement whose rows these are, in binary.
    """

    number: int = 0
    status: str = "lost"
    count: int = 0
    errno: int = 0
    sqlstate: str = ""
    sent: int = 0
    started: int = 0
    files: bool = False
    cursor: bool = False
    most: int = -1
    sent_text: bytes | None = None  # what left in place of the client's text
    catalog: object = None  # that it was ruled by
    asof: int = 0  # the moment of `proxy.changes` that its ruling is as of
    identity: Identity | None = None  # for whom it was ruled, where that was said

    values: Bound | None = None  # of its parameters, where the audit keeps hashes of them
    shown: Shown | None = None  # what its rows are, where the audit keeps hashes of them
    fetched: Prepared | None = None

    def __init__(self, reply: Reply, plan: Plan, text: bytes, *, refused: bytes = b"") -> None:
        self.reply = reply
        self.plan = plan
        self.text = text
        self.most = plan.most_rows
        self.action = _FORWARD
        if refused:
            self.action = _REPLACE
            self.error = refused

    @property
    def rows(self) -> bytes:
        """The number of rows, in digits; b"" for what has failed."""
        return b"%d" % self.count if self.status == "ok" else b""

    @property
    def loads_a_file(self) -> bool:
        """Whether its text can have the server ask the client for a file."""
        lowered = self.text.lower()
        return self.files and b"load" in lowered and b"local" in lowered

    def fail(self, payload: bytes) -> None:
        """Note how it failed: by the server's error, or by our refusal, whose SQLSTATE the client gets."""
        report = parse_error(self.error or payload)
        self.status = "denied" if self.error else "error"
        self.errno, self.sqlstate = report.errno, report.sqlstate


@dataclass(slots=True, eq=False)
class Question:
    """A query of the proxy's own on the session's connection, with the rows of its answer.

    `error` is the SQLSTATE when the server refused it; `done` when the answer is whole.
    """

    rows: list[list[bytes | None]] = field(default_factory=list)
    error: str = ""
    done: bool = False
