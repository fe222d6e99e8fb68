"""Generated statements over the demo bank: the twins answer alike, and as the masked world does; `make fuzz` runs many more."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from fixtures.louver import running_louver
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from noninterference.generated import long
from noninterference.generated.check import Verdict, make_callers
from noninterference.generated.choices import Choices, smallest
from noninterference.generated.statements import Statement, draw
from noninterference.generated.worlds import (
    CALLERS,
    SETTINGS,
    make_worlds,
    masked_rows,
    policies,
    real_rows,
    twin_rows,
    users,
)

from louver.demo.postgres import LocalPostgres
from louver.secret import load_secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from noninterference.generated.check import Caller

SECRET = b"a secret of thirty-two bytes....."
PINNED = [
    ("clerk", ("SELECT row_to_json(c) FROM customers c (a, b)",), "same"),
    ("clerk", ("BEGIN", "SELECT 1/0", "SELECT * FROM was_never_made", "ROLLBACK"), "same"),
]
"""Statements that once differed: caller, texts, outcome now."""


@pytest.fixture(scope="module")
def callers() -> Iterator[Mapping[str, Caller]]:
    """The callers of the bank, each with its worlds."""
    with (
        LocalPostgres.start(settings=SETTINGS) as server,
        running_louver(server, policies=policies(), users=users()) as louver,
    ):
        make_worlds(server, load_secret(louver.directory / "secret"))
        made = make_callers(server, louver)
        yield made
        for caller in made.values():
            caller.close()


@settings(
    max_examples=400, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate, Phase.shrink]
)
@given(chance=st.randoms(use_true_random=False), name=st.sampled_from(sorted(CALLERS)))
def test_generated_statements_answer_as_in_the_masked_world(
    callers: Mapping[str, Caller], chance: random.Random, name: str
) -> None:
    """Whatever a caller sends is answered alike by twins and as by the database that holds the masked values, or refused."""
    statement, _ = draw(chance)
    verdict = callers[name].ask(statement)
    assert verdict.outcome != "differs", f"{name}: {statement}\n{verdict.said}"


@pytest.mark.parametrize(("name", "texts", "outcome"), PINNED)
def test_what_once_differed_does_not(
    callers: Mapping[str, Caller], name: str, texts: tuple[str, ...], outcome: str
) -> None:
    """Statements that a long run has found, pinned."""
    verdict = callers[name].ask(Statement(texts, alone=True))
    assert (verdict.outcome, verdict.said if verdict.outcome == "differs" else "") == (outcome, "")


def test_a_difference_is_noticed(callers: Mapping[str, Caller]) -> None:
    """The check is no formality: what the twins really answer differently, and what the masked world does, is told."""
    clerk, manager = callers["clerk"], callers["manager"]
    hidden = Statement(("SELECT count(*) FROM pg_database WHERE datname = current_database() AND datname = 'bank'",))
    assert clerk.ask(hidden).outcome == "differs"
    refused = manager.ask(Statement(("SELECT pg_read_file('x') FROM customers",)))
    assert (refused.outcome, refused.said[:5]) == ("refused", "42501")


def test_choices_are_repeated_and_made_smaller() -> None:
    """The same choices make the same statement; a failing one is reduced to what makes it fail."""
    statement, made = draw(random.Random("7"))
    assert draw(made)[0] == statement
    least = smallest(list(range(40)), lambda each: 17 in each)
    assert least == [17]
    assert Choices([5]).number(3) == 2
    assert draw([])[0].texts == ("SELECT a1.id AS x0 FROM customers a1",)


def test_twins_differ_in_what_is_hidden_only() -> None:
    """A twin has the same image for the caller as the real rows, and other values behind it."""
    rows = real_rows()
    for caller in CALLERS:
        twin = twin_rows(rows, caller)
        assert twin != rows
        assert masked_rows(twin, caller, SECRET) == masked_rows(rows, caller, SECRET)


class _Answering:
    """Stands for a caller whose world differs on one kind of statement."""

    name = "clerk"

    def ask(self, statement: Statement) -> Verdict:
        if "accounts" in str(statement):
            return Verdict("differs", "rows")
        return Verdict("refused", '42501 "a" is not for 7') if "employees" in str(statement) else Verdict("same")


def test_a_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """A run in two parts counts what one run counts, and tells each difference in its smallest form."""
    callers, path = {"clerk": _Answering()}, tmp_path / "state.json"
    whole = long.State(3)
    list(long.run(whole, 60, long.generated(draw, 3, 0), draw, callers, tmp_path / "whole.json"))
    first = long.State(3)
    list(long.run(first, 25, long.generated(draw, 3, 0), draw, callers, path))
    second = long.State.load(path, 3)
    list(long.run(second, 60, long.generated(draw, 3, second.done), draw, callers, path))
    assert second == whole
    assert whole.last_line.startswith("fuzz: 60 ran, ")
    assert whole.counts["differs"] == len(whole.differences) > 0
    assert all(len(each["statement"]) <= len(each["first"]) for each in whole.differences)
    assert set(whole.refusals) == {"N N is not for N"}
