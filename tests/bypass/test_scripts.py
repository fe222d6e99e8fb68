"""Tricks of several steps against the twins, on connections of their own: tried straight first, then through Louver."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import yaml
from bypass.test_statements import forms
from noninterference.wire import SYNC, Answer, bind, describe, execute, message, parse, query

if TYPE_CHECKING:
    from fixtures.twins import Twins
    from noninterference.wire import Wire

CASES: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "scripts.yaml").read_text())
Step = str | dict[str, Any]


def extended(sql: str) -> list[bytes]:
    """The messages of one statement without parameters, but for the Sync."""
    return [parse(sql), bind(), describe("P"), execute()]


def messages(step: Step, way: str) -> list[bytes]:
    """What one step sends, up to what the server says ReadyForQuery to."""
    if isinstance(step, str):
        return [query(step)] if way == "simple" else [*extended(step), SYNC]
    if "parse" in step:
        return [parse(step["parse"], step["name"]), describe("S", step["name"]), SYNC]
    if "run" in step:
        values = tuple(value.encode() for value in step.get("values", ()))
        return [bind(step["run"], values=values), execute(), SYNC]
    if "pipeline" in step:
        return [part for sql in step["pipeline"] for part in extended(sql)] + [SYNC]
    return [message(b"F", step["function"].to_bytes(4, "big") + bytes(6))]


def play(twins: Twins, case: dict[str, Any], world: str, user: str | None, way: str) -> list[Answer] | str:
    """The answers of all steps; the words of a refused login instead."""
    answers: list[Answer] = []
    wire: Wire | None = None
    try:
        wire = twins.connect(world, user, **({"options": case["options"]} if "options" in case else {}))
        for step in case["steps"]:
            if isinstance(step, dict) and "admin" in step:
                twins.server.run_sql(step["admin"], f"twin_{world}")
                continue
            answers.append(wire.ask(*messages(step, way)))
            if answers[-1].ended:
                break
    except psycopg.OperationalError as error:
        return str(error).rsplit(":", 1)[-1]
    finally:
        if wire is not None:
            wire.close()
        if "after" in case:
            twins.server.run_sql(case["after"], f"twin_{world}")
    return answers


@pytest.mark.parametrize("way", ["simple", "extended"])
@pytest.mark.parametrize("case", CASES, ids=[f"{number}-line {case['line']}" for number, case in enumerate(CASES)])
def test_a_known_trick_of_several_steps_tells_nothing(twins: Twins, case: dict[str, Any], way: str) -> None:
    """The trick works straight; through Louver both twins answer the same bytes and no hidden text is among them."""
    straight = [play(twins, case, world, None, way) for world in ("a", "b")]
    if case.get("real", True) is not None:
        assert (straight[0] != straight[1]) == case.get("real", True), straight
    told = [play(twins, case, world, "clerk", way) for world in ("a", "b")]
    assert told[0] == told[1], told
    if isinstance(told[0], str):
        return
    raw = b"\n".join(answer.raw for answer in told[0])
    written = repr(case).encode()
    found = [form for text in twins.hidden for form in forms(text) if form in raw and form not in written]
    assert not found
    assert not told[0][-1].ended, told[0]
