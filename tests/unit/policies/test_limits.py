"""Limits: which one a caller has, and what each mistake is told as."""

from __future__ import annotations

import datetime as dt

import pytest

from policies.loader import PolicyError, parse_policies
from policies.model import ColumnName, Limit, Principal, Session
from policies.words import describe_limit
from proxy.budgets import HOUR, Budgets
from rewriter.model import Probe

SESSION = Session("bank", "10.0.0.7", "psql", "svc", tls=True, at=dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC))
TEXT = """
version: 1
limits:
  - {name: free, when: principal.role == "boss"}
  - {name: clerks, when: principal.role == "clerk", rows_per_statement: 10, statements_per_hour: 100}
  - {name: all, rows_per_statement: 50, rows_per_hour: 7}
"""


def limit(**attributes: str) -> Limit | None:
    return parse_policies(TEXT).decide(Principal("ann", attributes), SESSION, {}).limit


def test_the_first_that_holds_is_the_callers():
    """None without numbers; what cannot be evaluated counts with its least."""
    assert limit(role="boss") is None
    assert limit(role="clerk") == Limit("clerks", 100, 10, None)
    assert limit(role="x") == Limit("all", None, 50, 7)
    assert limit() == Limit("free", 100, 10, 7)
    assert parse_policies("version: 1").decide(Principal("ann", {}), SESSION, {}).limit is None


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        ("[{rows_per_hour: 1}]", "`name`"),
        ("[{name: n, rows_per_hour: 0}]", "`rows_per_hour`"),
        ("[{name: n, rows: 5}]", "rows"),
        ("[{name: n, when: column.level > 1}]", "cannot look at `column`"),
        ("[{name: n}, {name: n}]", "stands twice"),
    ],
)
def test_mistakes_are_told(limits, told):
    """Each with what is wrong."""
    with pytest.raises(PolicyError) as failed:
        parse_policies(f"version: 1\nlimits: {limits}\n")
    assert any(told in str(problem) for problem in failed.value.problems)


def test_a_limit_in_words():
    """All its numbers, and its name."""
    assert describe_limit(Limit("l", 1, None, 3)) == "at most 1 statements an hour, 3 rows an hour, by limit `l`"


def test_statements_and_rows_are_counted_an_hour():
    """Statements when they begin, rows when they have come; what is older than an hour is forgotten."""
    budgets = Budgets()
    statement = Probe(ColumnName("", "", "l"), 3, 1, kind="statement")
    rows = Probe(ColumnName("", "", "l"), 5, 1, kind="rows")
    assert all(budgets.charge("ann", [statement, rows], float(now)) is None for now in (0, 0.5, 20))
    assert budgets.charge("ann", [statement], 30.0).sqlstate == "53400"
    assert budgets.charge("bob", [statement], 30.0) is None
    budgets.had("ann", "l", 4, 100.0)
    assert budgets.charge("ann", [rows], 101.0) is None
    budgets.had("ann", "l", 9, 101.0)
    refused = budgets.charge("ann", [rows], 102.0)
    assert refused.message == 'your 5 rows an hour by limit "l" are used up'
    assert budgets.charge("ann", [statement, rows], 102.0 + HOUR) is None
