"""What the audit is told of one session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from audit import reader
from audit.record import Caller, Judgement
from audit.writer import Trail
from policies.model import Decision
from proxy.plans import Plan
from proxy.postgres.wire.replies import Execution, Reply
from proxy.recording import Recorder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Book:
    """A trail, and a recorder that writes to it."""

    def __init__(self, directory: Path, segment_bytes: int = 1 << 20) -> None:
        self.directory = directory
        self.trail = Trail.open(directory, segment_bytes=segment_bytes)
        caller = Caller("run-1", "ann", "192.0.2.1", "psql", "bank", "app", {"role": "clerk"})
        self.recorder = Recorder(self.trail, caller)

    def start(self, *executions: Execution) -> None:
        """Statements are about to leave."""
        for one in executions:
            assert one.plan is not None
            self.recorder.start(one.plan, one.number, one.text)

    def end(self, one: Execution) -> None:
        """A statement has ended, a moment after it began."""
        self.recorder.finish(one.number, one.status, one.rows, one.sent, 1_000_000, one.sqlstate)

    def read(self, event: str) -> list[dict[str, Any]]:
        """The records of an event, with what is only appended flushed."""
        self.trail.flush()
        return [record for record in reader.records(self.directory) if record["event"] == event]

    def raw(self) -> bytes:
        """The trail as it lies."""
        self.trail.flush()
        return b"".join(path.read_bytes() for path in sorted(self.directory.glob("*.jsonl")))


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    """A book of its own."""
    opened = Book(tmp_path / "audit")
    yield opened
    opened.trail.close()


def execution(number: int = 1, text: str | None = "select ?") -> Execution:
    """A statement that is about to start."""
    judgement = Judgement(("SelectStmt",), text, None, ("public.people",), (), "pass", "p1", 4)
    made = Execution(Reply.QUERY, Plan("pass", 1, Decision("p1", {}, {}), judgement), b"select 'my \xff secret'")
    made.number = number
    return made


def test_a_session_is_recorded_from_end_to_end(book: Book) -> None:
    """Opening and closing name the caller; the closing has the reason and how many statements there were."""
    book.recorder.opened(tls=True, login="own", proof="password", origins={})
    book.start(execution(1), execution(2))
    book.recorder.closed("the client closed the connection")
    (opened,), (closed,) = book.read("session_opened"), book.read("session_closed")
    assert {opened["principal"], closed["principal"]} == {"ann"}
    assert opened["tls"] is True
    assert (closed["reason"], closed["statements"]) == ("the client closed the connection", 2)


def test_statements_of_one_plan_have_a_record_each(book: Book) -> None:
    """The parts they share are written once; each has its own number, and the scrubbed text."""
    first = execution(1)
    second = Execution(Reply.QUERY, first.plan, b"select 'another'")
    second.number = 2
    book.start(first, second)
    records = book.read("statement")
    assert [record["statement"] for record in records] == [1, 2]
    assert {record["text"] for record in records} == {"select ?"}
    assert b"secret" not in book.raw()
    assert book.raw().count(b"select ?") == 1


def test_each_segment_says_it_all_again(tmp_path: Path) -> None:
    """What a statement refers to stands in its own segment, so that a segment can be read without the others."""
    book = Book(tmp_path / "audit", segment_bytes=2000)
    plan = execution().plan
    for number in range(1, 31):
        made = Execution(Reply.QUERY, plan, b"select 1")
        made.number = number
        book.start(made)
        book.trail.flush()
    book.trail.close()
    paths = sorted(book.directory.glob("*.jsonl"))
    assert len(paths) > 2
    alone = tmp_path / "alone"
    alone.mkdir()
    path = paths[2].rename(alone / paths[2].name)
    found = [record for record in reader.records(alone) if record["event"] == "statement"]
    assert len(found) > 3
    assert {record.get("text") for record in found} == {"select ?"}
    assert path.read_bytes().count(b"select ?") == 1


def test_whole_texts_are_kept_when_the_plan_has_none(book: Book) -> None:
    """A judgement without a text takes each statement's own, whatever its bytes."""
    book.start(execution(text=None))
    assert book.read("statement")[0]["text"] == "select 'my \\xff secret'"


@pytest.mark.parametrize(
    ("status", "sqlstate", "recorded"),
    [
        ("ok", "", "ok"),
        ("suspended", "", "ok"),
        ("error", "22012", "error"),
        ("error", "57014", "cancelled"),
        ("error", "70100", "cancelled"),
        ("denied", "42501", "denied"),
        ("skipped", "", "skipped"),
        ("lost", "", "lost"),
    ],
)
def test_every_end_has_its_status(book: Book, status: str, sqlstate: str, recorded: str) -> None:
    """What the machine says of an end is what the audit keeps; a cancelled statement is no mere error."""
    ended = execution()
    book.start(ended)
    ended.status, ended.sqlstate, ended.rows, ended.sent = status, sqlstate, b"7", 123
    book.end(ended)
    (record,) = book.read("outcome")
    assert (record["status"], record["rows"], record["bytes"]) == (recorded, 7, 123)
    assert (record["sqlstate"] or "") == sqlstate
    assert record["duration_us"] == 1000


def test_an_end_without_a_count_has_none(book: Book) -> None:
    """CREATE TABLE has no rows, which is not the same as zero rows."""
    ended = execution()
    book.start(ended)
    ended.status = "ok"
    book.end(ended)
    assert book.read("outcome")[0].get("rows") is None
