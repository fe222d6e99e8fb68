"""Filters: what loads, what they come to for a caller, and what each mistake is told as."""

from __future__ import annotations

import datetime as dt

import pytest

from policies.loader import PolicyError, parse_policies
from policies.model import NO_ROW, Principal, Session
from policies.review import review
from policies.words import describe_filter

NOON = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
SESSION = Session("bank", "10.0.0.7", "psql", "svc", tls=True, at=NOON)
TEXT = """
version: 1
dictionary: [{column: "*.*.customers.phone", category: phone, level: 3}]
filters:
  - {name: branch, tables: [customers, "hr.*"], when: principal.role == "branch", rows: "branch = {principal.branch}"}
  - {name: phones, tables: staff, rows: "phone IS NOT NULL"}
  - {name: all, tables: [customers, "hr.*"], when: principal.role == "head", rows: "TRUE"}
"""


def decided(text: str = TEXT, **attributes: str):
    return parse_policies(text).decide(Principal("ann", attributes), SESSION, {})


def test_the_first_that_holds_decides_and_without_one_there_is_no_row():
    """A condition, all rows, no row, no filter, and a closed table."""
    branch = decided(role="branch", branch="B1")
    found = branch.filter_of("public", "customers")
    assert (found.rule, found.rows.text, found.rows.values) == ("branch", "branch = {0}", ("B1",))
    assert branch.filter_of("hr", "x").rule == "branch"
    assert branch.filter_of("public", "orders") is None
    assert decided(role="head").filter_of("public", "customers") is None
    assert decided(role="other").filter_of("public", "customers").rows == NO_ROW
    closed = decided(role="branch").filter_of("public", "customers")
    assert closed.rows is None
    assert "no attribute `branch`" in closed.reason
    assert decided().filter_of("public", "customers").reason is not None


def test_who_has_all_rows_is_in_no_world_of_his_own():
    """Filters that leave every row hide nothing; all others do, and equal ones are one decision."""
    text = TEXT.replace('  - {name: phones, tables: staff, rows: "phone IS NOT NULL"}\n', "")
    assert decided(text, role="head").all_clear
    assert not decided(text, role="head").hides
    assert not decided(text, role="other").all_clear
    policies = parse_policies(TEXT)
    one, two, three = (
        policies.decide(Principal(name, {"role": "branch", "branch": branch}), SESSION, labels)
        for labels in [{}]
        for name, branch in (("a", "B1"), ("b", "B1"), ("c", "B2"))
    )
    assert one is two
    assert one is not three
    assert policies.has_labels


def test_a_narrower_filter_in_between_keeps_its_place():
    """That one of equal tables holds later does not let it decide before what stands between."""
    text = """
version: 1
filters:
  - {name: first, tables: t, when: "false", rows: "a = 1"}
  - {name: wide, tables: "*", rows: "a = 2"}
  - {name: last, tables: t, rows: "true"}
"""
    assert decided(text).filter_of("public", "t").rule == "wide"


@pytest.mark.parametrize(
    ("filters", "told"),
    [
        ("[{tables: t, rows: a}]", "`name`"),
        ("[{name: n, rows: a}]", "`tables`"),
        ("[{name: n, tables: t}]", "`rows`"),
        ("[{name: n, tables: a.b.c, rows: a}]", "`table` or `schema.table`"),
        ("[{name: n, tables: t, rows: 'a = {principal.x'}]", "brace"),
        ("[{name: n, tables: t, rows: a, when: column.level > 1}]", "cannot look at `column`"),
        ("[{name: n, tables: t, rows: a}, {name: n, tables: u, rows: a}]", "stands twice"),
        ("[{name: n, tables: t, rows: a, treatment: clear}]", "treatment"),
    ],
)
def test_mistakes_are_told(filters, told):
    """Each with what is wrong."""
    with pytest.raises(PolicyError) as failed:
        parse_policies(f"version: 1\nfilters: {filters}\n")
    assert any(told in str(problem) for problem in failed.value.problems)


def test_what_a_filter_compares_is_warned_of():
    """A sensitive column in a filter is told by which rows there are."""
    (finding,) = review(parse_policies(TEXT))
    assert (finding.rule, finding.line) == ("phones", 6)
    assert "compare `phone`" in finding.message


def test_filters_in_words():
    """What holds, what does not, and what could not be evaluated."""
    told = [describe_filter(each) for each in decided(role="branch", branch="B1").filters]
    assert told[0] == "of customers, hr.* only rows are there where branch = 'B1', by filter `branch`"
    assert "every row" in describe_filter(decided(role="head").filters[-1])
    assert "unless another filter holds" in describe_filter(decided(role="x").filters[0])
    assert "could not be evaluated" in describe_filter(decided(role="branch").filters[0])
