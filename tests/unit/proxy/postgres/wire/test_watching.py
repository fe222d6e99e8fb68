"""Answers whose rows the audit looks at: what is asked of the server for that, and what it is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from fixtures.sessions import world

from audit.record import ColumnUse, Judgement
from audit.values import ValueKey
from proxy.plans import Plan, Ruling
from proxy.shown import Field, Shown, Snapshots, as_it_came

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = ValueKey(b"k" * 32)
SHOWS = ColumnUse("public.people.id", "person", 3, "clear", None, "all may")


@pytest.fixture
def watched(player: Callable[[], Any]) -> Any:
    """A session of somebody whose answers are looked at; each text shows something, `fetch` runs what SQL has made."""
    made = player()
    conversation = made.session.conversation
    conversation.snapshots, conversation.values = Snapshots(KEY, 10), {}
    conversation.fields = lambda description: [Field(description[2:3].decode(), as_it_came)]
    for text in (b"select id", b"fetch one"):
        judgement = Judgement((), "", None, (), (SHOWS,), "pass", "", 0)
        made.plans[1, text] = Ruling(Plan("pass", 1, world(1), judgement, uses_made=text.startswith(b"fetch")))
    return made


def run(player: Any, execution: str, answer: str, *, asks: bool) -> Shown:
    """Bind and run, with a Describe of ours before it or without; what the audit is told."""
    player.play(f"> {execution}\n] {execution.replace('E(', 'D(P) E(') if asks else execution}")
    (running,) = player.session.conversation.running()
    seen = answer.replace("T(a@7.1) ", "").replace("T(b@7.2) ", "")
    player.play(f"< {answer}\n[ {seen}\n= ok SELECT 1")
    assert running.shown is not None
    return running.shown


def test_an_answer_is_described_once_for_each_prepared_statement(watched: Any) -> None:
    """The server gives the same columns as long as it is prepared, or refuses to run it."""
    watched.play("> P(s,select id) S\n] P(s,select id) S\n< 1 Z(I)\n[ 1 Z(I)")
    first = run(watched, "B(,s) E(,0) S", "2 T(a@7.1) D(4711) C(SELECT 1) Z(I)", asks=True)
    second = run(watched, "B(,s) E(,0) S", "2 D(4712) C(SELECT 1) Z(I)", asks=False)
    assert list(first.hashes) == [KEY.digest(b"4711")]
    assert list(second.hashes) == [KEY.digest(b"4712")]
    assert list(first.origins) == list(second.origins) == ["a"]
    assert first.whole
    assert second.whole


def test_it_is_described_anew_when_it_is_prepared_anew(watched: Any) -> None:
    """Under the same name, with the same text: names may mean something else by then."""
    for number in (1, 2):
        watched.play("> P(,select id) S\n] P(,select id) S\n< 1 Z(I)\n[ 1 Z(I)")
        described = "T(a@7.1)" if number == 1 else "T(b@7.2)"
        shown = run(watched, "B(,) E(,0) S", f"2 {described} D(4711) C(SELECT 1) Z(I)", asks=True)
        assert list(shown.origins) == ["a" if number == 1 else "b"]


def test_what_sql_has_made_is_described_each_time(watched: Any) -> None:
    """A cursor of the same name may be another one."""
    watched.play("> P(s,fetch one) S\n] P(s,fetch one) S\n< 1 Z(I)\n[ 1 Z(I)")
    for origin in ("a@7.1", "b@7.2"):
        shown = run(watched, "B(,s) E(,0) S", f"2 T({origin}) D(4711) C(SELECT 1) Z(I)", asks=True)
        assert list(shown.origins) == [origin[0]]


def test_other_formats_are_described_by_themselves(watched: Any, wire: Any) -> None:
    """A value in binary is spelled otherwise."""
    watched.play("> P(s,select id) S\n] P(s,select id) S\n< 1 Z(I)\n[ 1 Z(I)")
    run(watched, "B(,s) E(,0) S", "2 T(a@7.1) D(4711) C(SELECT 1) Z(I)", asks=True)
    binary = wire.client("B(,s)")[:-2] + b"\0\1\0\1"
    binary = binary[:1] + (len(binary) - 1).to_bytes(4, "big") + binary[5:]
    for asked in (True, False):
        shown = run(
            watched, f"raw({binary.hex()}) E(,0) S", f"2 {'T(b@7.2) ' * asked}D(4711) C(SELECT 1) Z(I)", asks=asked
        )
        assert list(shown.origins) == ["b"]
