"""How answers to a regression statement are judged, and what the report counts."""

from __future__ import annotations

import json
import socket
import struct

import pytest
from conformance.regress.answers import Answer, generic, judge
from conformance.regress.frames import SSL, Frame, Peer, startup_parameters
from conformance.regress.oids import Oids
from conformance.regress.report import read

ROW, OTHER = (Frame(b"D", b"\0\1\0\0\0\1" + value) for value in (b"1", b"2"))
DONE = Frame(b"C", b"SELECT 2\0")


def _described(oid: int) -> Frame:
    return Frame(b"T", struct.pack("!h", 1) + b"x\0" + struct.pack("!ihihih", 0, 0, oid, 4, -1, 0))


def _failed(state: str, message: str) -> Answer:
    return Answer.of([Frame(b"E", f"SERROR\0C{state}\0M{message}\0P7\0\0".encode())])


GOOD = Answer.of([_described(23), ROW, OTHER, DONE])
BAD = _failed("22012", "division by zero")
DENIED = _failed("42501", "writing to a.b is not allowed")


@pytest.mark.parametrize(
    ("answers", "refused", "outcome"),
    [
        ((GOOD, GOOD, GOOD), False, ("same", "")),
        ((GOOD, GOOD, Answer.of([_described(23), OTHER, ROW, DONE])), False, ("differs", "order")),
        ((GOOD, GOOD, Answer.of([_described(23), ROW, ROW, DONE])), False, ("differs", "rows")),
        ((GOOD, GOOD, Answer.of([_described(25), ROW, OTHER, DONE])), False, ("differs", "columns")),
        ((GOOD, GOOD, Answer.of([_described(23), ROW, OTHER])), False, ("differs", "tags")),
        ((GOOD, GOOD, DENIED), True, ("refused", "42501 writing to N is not allowed")),
        ((GOOD, GOOD, BAD), False, ("differs", "22012 division by zero")),
        ((GOOD, Answer.of([DONE]), Answer.of([])), False, ("unstable", "")),
        ((BAD, BAD, BAD), False, ("failed", "alike")),
        ((BAD, BAD, DENIED), True, ("failed", "refused")),
        ((BAD, BAD, DENIED), False, ("failed", "otherwise")),
        ((BAD, BAD, _failed("22012", "no")), False, ("failed", "other words")),
        ((BAD, BAD, GOOD), False, ("failed", "answered")),
    ],
)
def test_three_answers_are_judged(answers: tuple[Answer, Answer, Answer], refused: bool, outcome: tuple) -> None:
    """Each way in which the answer through Louver can stand to the direct ones has its outcome and class."""
    assert judge(*answers, refused=refused) == outcome


def test_names_before_columns_of_a_plan_are_no_difference() -> None:
    """With a subquery in FROM a plan says whose column it means; costs, constants and other answers keep their dots."""

    def answer(title: str, text: str) -> Answer:
        described = struct.pack("!h", 1) + title.encode() + b"\0" + struct.pack("!ihihih", 0, 0, 25, -1, -1, 0)
        return Answer.of([Frame(b"T", described), Frame(b"D", struct.pack("!hi", 1, len(text)) + text.encode())])

    assert answer("QUERY PLAN", 'Sort Key: a.x, "B".y') == answer("QUERY PLAN", "Sort Key: x, y")
    assert answer("QUERY PLAN", "cost=0.28") != answer("QUERY PLAN", "cost=1.28")
    assert answer("QUERY PLAN", "a.x > 1") != answer("QUERY PLAN", "a.x > 2")
    assert answer("x", "a.b") != answer("x", "b")


def test_types_of_users_and_positions_are_no_difference() -> None:
    """Two servers give one type two OIDs, and an edited text has other positions."""
    assert Answer.of([_described(16385)]) == Answer.of([_described(20000)])
    moved = Answer.of([Frame(b"E", b"SERROR\0C22012\0Mdivision by zero\0P99\0\0")])
    assert judge(BAD, BAD, moved, refused=False) == ("failed", "alike")


def test_a_class_has_no_names_in_it() -> None:
    """Messages that differ in names and numbers only are of one class."""
    assert generic('type "x" is 5') == generic('type "y" is 77')
    assert generic("DROP on a is not available") == generic("DROP on b.c is not available")


def test_oids_are_translated_between_servers() -> None:
    """What one server calls 17001 the other may call 17005: psql's next question is asked by the other's number."""

    def named(oid: bytes) -> list[Frame]:
        row = b"\0\2" + b"".join(struct.pack("!i", len(v)) + v for v in (oid, b"customers"))
        described = struct.pack("!h", 1) + b"oid\0" + struct.pack("!ihihih", 0, 0, 26, 4, -1, 0)
        return [Frame(b"T", described), Frame(b"D", row)]

    oids = Oids()
    oids.learn(named(b"17001"), named(b"17005"))
    asked = Frame(b"Q", b"SELECT 1 FROM pg_catalog.pg_class WHERE oid = '17001'\0")
    assert oids.outgoing(asked).body == b"SELECT 1 FROM pg_catalog.pg_class WHERE oid = '17005'\0"
    assert oids.incoming(named(b"17005")) == named(b"17001")
    assert oids.outgoing(Frame(b"Q", b"SELECT '17001'\0")).body == b"SELECT '17001'\0"


def test_the_report_counts_what_succeeds_direct() -> None:
    """Statements that fail direct are left out of the share; classes without a reason are told."""
    outcomes = [
        ("same", ""),
        ("same", ""),
        ("refused", "42501 client_encoding must stay UTF8"),
        ("differs", "rows"),
        ("failed", "alike"),
    ]
    lines = [json.dumps({"file": "f", "outcome": o, "class": c, "text": "t"}) for o, c in outcomes]
    report = read(lines)
    assert (report.succeeding, report.refused, report.differing, report.share) == (4, 1, 1, 0.5)
    assert [each.kind for each in report.unexplained] == ["rows"]


def test_the_report_tells_refusals_that_follow_from_others() -> None:
    """What uses an object that a refused statement would have made is counted by itself, and the last line says so."""
    texts = ["CREATE FUNCTION odd_in(x) LANGUAGE internal", "SELECT odd_in('1')", "SELECT other_in('1')"]
    lines = [json.dumps({"file": "f", "outcome": "refused", "class": "42501 no", "text": text}) for text in texts]
    report = read(lines)
    assert [(each.count, each.following) for each in report.classes] == [(3, 1)]
    assert report.line().startswith(
        "3 statements ran, 3 of them succeed direct; through Louver 0 differ and 3 are refused"
    )


def test_a_client_that_asks_for_encryption_is_told_no() -> None:
    """The startup message is read after an SSLRequest was answered with N."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        theirs = socket.create_connection(listener.getsockname())
        ours = Peer(listener.accept()[0])
    body = struct.pack("!i", 196608) + b"user\0me\0\0"
    theirs.sendall(struct.pack("!ii", 8, SSL) + struct.pack("!i", len(body) + 4) + body)
    assert startup_parameters(ours.read_startup()) == {"user": "me"}
    assert theirs.recv(1) == b"N"
    theirs.close()
    ours.close()
