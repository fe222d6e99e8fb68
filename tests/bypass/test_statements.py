"""Tricks of one statement against the twins: each is tried straight first, so that it is known to work, then through Louver."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from noninterference.wire import SYNC, Answer, bind, close, describe, execute, parse, query

if TYPE_CHECKING:
    from fixtures.twins import Twins
    from noninterference.wire import Wire

CASES: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "statements.yaml").read_text())
_WRAPPED = ("SELECT", "WITH", "TABLE", "VALUES", "(")


def forms(text: str) -> list[bytes]:
    """A text as tricks turn it over."""
    data = text.encode()
    turned = [
        data,
        data.upper(),
        data.lower(),
        data[::-1],
        data.hex().encode(),
        base64.b64encode(data).rstrip(b"=")[:-1],
    ]
    return [form for form in turned if len(form) >= 7]


def ways(sql: str) -> dict[str, list[list[bytes]]]:
    """The messages of each way to send a statement, one list for each answer."""
    found = {"simple": [[query(sql)]]}
    found["extended"] = [[parse(sql), bind(), describe("P"), execute(), SYNC]]
    found["prepared"] = [
        [close("S", "s"), parse(sql, "s"), describe("S", "s"), SYNC],
        [bind("s"), execute(), bind("s", "p", binary=True), execute("p", 2), execute("p"), SYNC],
        [bind("s"), execute(limit=1), execute(), SYNC],
    ]
    if sql.lstrip(" ;").startswith(_WRAPPED):
        bare = sql.rstrip(";")
        found["cursor"] = [
            [query(f"DECLARE c SCROLL CURSOR FOR {bare}\n")],
            [query("FETCH ALL FROM c")],
            [bind("c"), SYNC],
        ]
        found["copy"] = [[query(f"COPY ({bare}\n) TO STDOUT")]]
        found["sql prepared"] = [[query(f"PREPARE q AS {bare}")], [query("EXECUTE q")], [query("EXECUTE q")]]
        found["subquery"] = [[query(f"SELECT q FROM ({bare}\n) q")]]
    return found


def tell(wire: Wire, steps: list[list[bytes]]) -> list[Answer]:
    """Send each step in one transaction that is rolled back; the prepared statements are gone, too."""
    answers = [wire.ask(query("BEGIN"))]
    for step in steps:
        answers.append(wire.ask(*step))
        if answers[-1].ended:
            return answers
    wire.ask(query("ROLLBACK"))
    wire.ask(query("DEALLOCATE ALL"))
    return answers


@pytest.fixture(scope="module")
def sentinels(twins: Twins) -> list[bytes]:
    """Every hidden text in every form."""
    return [form for text in twins.hidden for form in forms(text)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['line']}: {case['sql'][:60]}")
def test_a_known_trick_tells_nothing(twins: Twins, sentinels: list[bytes], case: dict[str, Any]) -> None:
    """The trick works straight; through Louver both twins answer the same bytes, no hidden text among them, and live on."""
    sql = case["sql"]
    straight = [tell(twins.wire(world), [[query(sql)]]) for world in ("a", "b")]
    assert (straight[0] != straight[1]) == case.get("real", True), straight
    every = ways(sql)
    for way in ["simple"] if case.get("simple") else list(every):
        told = [tell(twins.wire(world, "clerk"), every[way]) for world in ("a", "b")]
        assert unordered(told[0], sql) == unordered(told[1], sql), way
        raw = b"\n".join(answer.raw for answer in told[0])
        assert not [sentinel for sentinel in sentinels if sentinel in raw.replace(sql.encode(), b"")], way
        assert not told[0][-1].ended, way
        if way == "simple" and "ends" in case:
            assert ("refused" if refused(told[0]) else "masked") == case["ends"]
    assert twins.wire("a", "clerk").query("SELECT 1").rows == [(b"1",)]


def unordered(answers: list[Answer], sql: str) -> list[Any]:
    """Answers as they are; of writes and joins in no order: it follows from where rows lie, and from the sizes of tables."""
    if not ("RETURNING" in sql or " JOIN " in sql) or "ORDER BY" in sql:
        return list(answers)
    return [sorted(map(repr, answer.messages)) for answer in answers]


def refused(answers: list[Answer]) -> bool:
    """Whether Louver has refused: its refusals are no errors of the server's own source."""
    return any(error.get("R") is None for answer in answers for error in answer.errors)
