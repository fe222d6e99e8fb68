"""Generated statements on MySQL and MariaDB through a real Louver: the twins answer alike, and as the masked world does; `make fuzz` runs many more."""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from brought.__main__ import PLACE
from noninterference.generated.mysql.check import judge
from noninterference.generated.mysql.literals import marked, plain, prepared
from noninterference.generated.mysql.statements import Statement, Step, draw
from noninterference.generated.mysql.worlds import worlds

from louver.demo.mysql import TITLES, find

if TYPE_CHECKING:
    from collections.abc import Iterator

    from noninterference.generated.mysql.check import Caller

    from louver.demo.mysql import Flavour

NUMBER, SEED = 160, 11
QUOTED = "'it''s'"
PINNED = [
    ("SELECT number, id, COUNT(*) FROM cards GROUP BY number, id WITH ROLLUP",),
    ("SELECT x, i, COUNT(*) FROM (SELECT name x, id i FROM people GROUP BY name, id WITH ROLLUP) t GROUP BY x, i",),
    (
        "SELECT x, g FROM (SELECT name x, grp g FROM people JOIN guess ON id <=> 1 GROUP BY name, grp WITH ROLLUP) t GROUP BY x, g",
    ),
    ("SELECT id FROM people WHERE ssn LIKE CONCAT(CONCAT_WS('-', ssn, 'x', ssn), '%')",),
    ("SELECT CONCAT_WS(email, ssn, email, pin, born, email), CONCAT_WS('-', ref, 1, ref) FROM people",),
    ("DELETE FROM cards WHERE (BINARY cards.number = cards.number)", "SELECT id, number FROM cards ORDER BY 1"),
    ("DELETE FROM p USING people p JOIN (SELECT * FROM accounts) a ON p.id = a.id WHERE (BINARY p.phone = p.ssn)",),
]
"""Statements that once differed or were refused in vain, texts in one transaction."""


@pytest.fixture(scope="module", params=["mariadb", "mysql"])
def clerk(request: pytest.FixtureRequest) -> Iterator[Caller]:
    """The clerk before one server after the other."""
    flavour: Flavour = request.param
    program = find(flavour, PLACE)
    if program is None:
        pytest.fail(f"these tests need a {TITLES[flavour]} server: `make servers` fetches one", pytrace=False)
    with worlds(flavour, program) as caller:
        yield caller


def test_generated_statements_answer_as_in_the_masked_world(clerk: Caller) -> None:
    """Whatever the clerk sends, as a text or prepared, is answered alike by twins and as by the masked world, or refused."""
    counts: Counter[str] = Counter()
    for number in range(NUMBER):
        statement, _ = draw(random.Random(f"{SEED}:{number}"), clerk.flavour, prepared=number % 4 == 0)
        verdict = clerk.ask(statement)
        assert verdict.outcome != "differs", f"{SEED}:{number}: {statement}\n{verdict.said}"
        counts[verdict.outcome] += 1
    assert counts["same"] > NUMBER // 2


@pytest.mark.parametrize("prepared", [False, True])
@pytest.mark.parametrize("texts", PINNED, ids=lambda texts: texts[0][:60])
def test_what_once_differed_does_not(clerk: Caller, texts: tuple[str, ...], prepared: bool) -> None:
    """Statements that a long run has found, pinned."""
    steps = tuple(Step(text, "rows" if text.startswith("SELECT") else "counts") for text in texts)
    verdict = clerk.ask(Statement(steps, prepared=prepared, cursor=prepared))
    assert verdict.outcome == "same", verdict.said


def test_a_difference_is_noticed(clerk: Caller) -> None:
    """The check is no formality: what the twins really answer differently, and what the masked world does, is told."""
    assert clerk.ask(Statement((Step("SELECT connection_id()"),), alone=True)).outcome == "differs"
    named = Statement((Step("SELECT database() = 'twin_m'"),), alone=True)
    assert "instead of the masked world's" in clerk.ask(named).said
    refused = clerk.ask(Statement((Step("SELECT load_file('x') FROM people"),), alone=True))
    assert (refused.outcome, refused.said[:4]) == ("refused", "1142")


def test_no_answer_is_the_same_as_none() -> None:
    """A statement of no steps is the same everywhere."""
    assert judge(Statement(()), [], [], []).outcome == "same"


def test_constants_become_parameters() -> None:
    """A marked constant is itself in a text, and a parameter with its value in a prepared statement."""
    text = f"SELECT {', '.join(map(marked, ('1', QUOTED, 'NULL', '-2.5')))}, 7"
    assert plain(text) == f"SELECT 1, {QUOTED}, NULL, -2.5, 7"
    assert prepared(text) == ("SELECT ?, ?, ?, ?, 7", [1, "it's", None, -2.5])


@pytest.mark.parametrize("flavour", ["mysql", "mariadb"])
def test_choices_are_repeated(flavour: Flavour) -> None:
    """The same choices make the same statement, and none make the plainest."""
    statement, made = draw(random.Random("7"), flavour, prepared=False)
    assert draw(made, flavour, prepared=False)[0] == statement
    assert str(draw([], flavour, prepared=False)[0]) == "SELECT ALL a1.id AS x0 FROM people a1"
