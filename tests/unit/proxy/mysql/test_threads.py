"""KILL stops what is the caller's own: numbers that the client knows, numbers that the database knows, and no others."""

from __future__ import annotations

import pytest

from proxy.mysql.threads import Thread, Threads, kills, may_hide_kill
from rewriter.model import Refusal


@pytest.fixture
def threads() -> Threads:
    """Give two sessions of tina's and one of anna's, whose number for her is one of tina's for the database."""
    made = Threads()
    made.add("a", Thread(1, 70, "tina"))
    made.add("b", Thread(2, 71, "tina"))
    made.add("c", Thread(70, 90, "anna"))
    return made


@pytest.mark.parametrize(
    ("text", "principal", "instead"),
    [
        (b"KILL 1", "tina", b"KILL CONNECTION 70"),
        (b" kill query 2 ; ", "tina", b"KILL QUERY 71"),
        (b"KILL\tCONNECTION\n71", "tina", b"KILL CONNECTION 71"),
        (b"KILL 70", "tina", b"KILL CONNECTION 70"),
        (b"KILL 70", "anna", b"KILL CONNECTION 90"),
    ],
)
def test_ones_own_is_found_by_either_number(threads: Threads, text: bytes, principal: str, instead: bytes) -> None:
    """What leaves names the session as the database does."""
    assert threads.kill(text, principal) == instead


@pytest.mark.parametrize("text", [b"KILL 90", b"KILL 3", b"KILL QUERY 99999999999999999999"])
def test_nothing_else_is(threads: Threads, text: bytes) -> None:
    """A number of somebody else's is told from none by nothing."""
    with pytest.raises(Refusal, match="no session of yours"):
        threads.kill(text, "tina")


@pytest.mark.parametrize(
    "text", [b"KILL (SELECT 70)", b"KILL USER anna", b"KILL HARD 1", b"KILL 1; KILL 90", b"KILL -1"]
)
def test_other_forms_are_refused(threads: Threads, text: bytes) -> None:
    """What is not one plain number is not read."""
    assert kills(text)
    with pytest.raises(Refusal, match="the number of one session"):
        threads.kill(text, "tina")


def test_a_session_that_has_ended_is_nobodys(threads: Threads) -> None:
    """Its numbers may be another one's by now."""
    threads.forget("a")
    with pytest.raises(Refusal):
        threads.kill(b"KILL 70", "tina")


@pytest.mark.parametrize("text", [b"SELECT 1", b"", b"KILLER", b"SELECT kill FROM t"])
def test_other_statements_are_none(text: bytes) -> None:
    """Only what begins with the word is looked at."""
    assert not kills(text)


@pytest.mark.parametrize(
    ("kinds", "text", "hidden"),
    [
        (("SELECT",), b"SELECT kill FROM t", False),
        (("SELECT",), b"SELECT 1 /* KILL */", True),
        (("SELECT",), b"/*!50000 KILL 90 */", True),
        (("SELECT", "KILL"), b"SELECT 1; KILL 90", True),
        (("KILL",), b"# now\nKILL 90", True),
        (("PREPARE",), b"PREPARE s FROM 'KILL 90'", True),
        (("PREPARE",), b"PREPARE s FROM 'SELECT 1'", False),
        (("UNKNOWN",), b"BEGIN NOT ATOMIC KILL 90; END", True),
        (("UNKNOWN",), b"OPTIMISE IT", False),
        (("SELECT", "INSERT"), b"SELECT skill FROM t; INSERT INTO kill VALUES (1)", False),
    ],
)
def test_a_kill_hides_behind_other_words(kinds: tuple[str, ...], text: bytes, *, hidden: bool) -> None:
    """Where the word may be run, it is doubted; a name or a word of a plain statement is none."""
    assert may_hide_kill(kinds, text) is hidden
