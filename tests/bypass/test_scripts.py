"""Tricks of several steps against the twins, on connections of their own: tried straight first, then through Louver."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import yaml
from bypass.test_statements import forms
from noninterference.wire import SYNC, Answer, bind, describe, execute, message, parse, query

if TYPE_CHECKING:
    from collections.abc import Callable

    from fixtures.twins import Twins
    from noninterference.wire import Wire

CASES: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "scripts.yaml").read_text())
Step = str | dict[str, Any]


def _waits(case: dict[str, Any]) -> bool:
    """Whether a case waits until a change elsewhere is noticed, which is slow: one way of sending is enough."""
    return any("until" in step for step in case["steps"] if isinstance(step, dict))


ATTEMPTS = 12
"""What is defined straight on a server, by a case or by the end of the one before, is noticed in each world at a moment of its
own, so that they may answer differently for once. What differs every time, for some seconds, is told."""


WAYS = [(case, way) for case in CASES for way in ("simple", "extended") if way == "simple" or not _waits(case)]
_GONE = frozenset(("42P01", "42703"))  # undefined_table, undefined_column
NOTICED = 30.0  # seconds; a change elsewhere is looked for every two, and this machine may be busy


def extended(sql: str) -> list[bytes]:
    """The messages of one statement without parameters, but for the Sync."""
    return [parse(sql), bind(), describe("P"), execute()]


_STEPS: dict[str, Callable[[dict[str, Any]], list[bytes]]] = {
    "until": lambda step: [query(step["until"])],
    "parse": lambda step: [parse(step["parse"], step["name"]), describe("S", step["name"]), SYNC],
    "run": lambda step: [
        bind(step["run"], values=tuple(value.encode() for value in step.get("values", ()))),
        execute(),
        SYNC,
    ],
    "bind": lambda step: [bind(step["bind"], step["portal"]), SYNC],
    "execute": lambda step: [execute(step["execute"]), SYNC],
    "pipeline": lambda step: [part for sql in step["pipeline"] for part in extended(sql)] + [SYNC],
    "function": lambda step: [message(b"F", step["function"].to_bytes(4, "big") + bytes(6))],
}


def messages(step: Step, way: str) -> list[bytes]:
    """What one step sends, up to what the server says ReadyForQuery to."""
    if isinstance(step, str):
        return [query(step)] if way == "simple" else [*extended(step), SYNC]
    return next(made(step) for name, made in _STEPS.items() if name in step)


def play(  # noqa: PLR0917  who plays what, where and how
    twins: Twins, case: dict[str, Any], world: str, user: str | None, way: str, stale: list[bytes] | None = None
) -> list[Answer] | str:
    """The answers of all steps; the words of a refused login instead. `stale` are values that show a change is unnoticed."""
    answers: list[Answer] = []
    wire: Wire | None = None
    try:
        wire = twins.connect(world, user, **({"options": case["options"]} if "options" in case else {}))
        for step in case["steps"]:
            if isinstance(step, dict) and "admin" in step:
                twins.server.run_sql(step["admin"], f"twin_{world}")
                continue
            answers.append(wire.ask(*messages(step, way)))
            end = time.monotonic() + NOTICED
            while stale and "until" in step and _unnoticed(answers[-1], stale) and time.monotonic() < end:
                time.sleep(0.1)
                answers[-1] = wire.ask(*messages(step, way))
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


def _unnoticed(answer: Answer, stale: list[bytes]) -> bool:
    """Whether a statement was still ruled by what was there before a change: it shows too much, or asks for what is gone."""
    return answer.rows[:1] == [tuple(stale)] or any(error["C"] in _GONE for error in answer.errors)


def shown(twins: Twins, answer: Answer) -> list[bytes]:
    """Hidden texts in any form in an answer."""
    return [form for text in twins.hidden for form in forms(text) if form in answer.raw]


@pytest.mark.parametrize(
    ("case", "way"), WAYS, ids=[f"{number}-line {c['line']}-{w}" for number, (c, w) in enumerate(WAYS)]
)
def test_a_known_trick_of_several_steps_tells_nothing(twins: Twins, case: dict[str, Any], way: str) -> None:
    """The trick works straight; through Louver both twins answer the same bytes and no hidden text is among them."""
    straight = [play(twins, case, world, None, way) for world in ("a", "b")]
    if case.get("real", True) is not None:
        assert (straight[0] != straight[1]) == case.get("real", True), straight
    stale = [list(answers[-1].rows[0]) if _waits(case) else None for answers in straight]
    for attempts in reversed(range(ATTEMPTS)):
        told = [play(twins, case, world, "clerk", way, rows) for world, rows in zip(("a", "b"), stale, strict=True)]
        cut_off = _waits(case) and any(
            answers[-1].ended for answers in told
        )  # by the server's word, before it is noticed
        if not isinstance(told[0], str):
            written = repr(case).encode()
            assert not [form for answer in (*told[0], *told[1]) for form in shown(twins, answer) if form not in written]
            assert cut_off or not told[0][-1].ended, told[0]
        if _waits(case) or "makes" in case:  # what was made anew has numbers of its own
            said = [[(answer.rows, answer.errors) for answer in answers] for answers in told]
            alike = cut_off or said[0] == said[1]
        else:
            alike = told[0] == told[1]
        assert alike or attempts, told
        if alike:
            return
        time.sleep(0.5)
