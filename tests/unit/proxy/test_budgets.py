"""Budgets: how many values may be compared with real ones within an hour."""

from __future__ import annotations

from typing import Literal

import pytest

from policies.model import ColumnName
from proxy.budgets import DAY, HOUR, Budgets
from rewriter.model import Probe

PHONE, CARD = ColumnName("public", "people", "phone"), ColumnName("public", "people", "card")


def test_a_budget_is_each_principals_and_columns_own() -> None:
    """One caller's searches take nothing from another's, nor those of one column from another's."""
    budgets = Budgets()
    assert budgets.charge("ann", [Probe(PHONE, 2, 2)], 0.0) is None
    assert budgets.charge("ann", [Probe(PHONE, 2, 1)], 1.0) is not None
    assert budgets.charge("bob", [Probe(PHONE, 2, 1)], 1.0) is None
    assert budgets.charge("ann", [Probe(CARD, 2, 1)], 1.0) is None


@pytest.mark.parametrize(("now", "minutes"), [(10.0, 60), (600.0, 50), (3590.0, 1)])
def test_a_refusal_says_when_there_is_room(now: float, minutes: int) -> None:
    """It names the column and the limit; what is refused is not counted; an hour later there is room."""
    budgets = Budgets()
    assert budgets.charge("ann", [Probe(PHONE, 1, 1)], 0.0) is None
    refusal = budgets.charge("ann", [Probe(PHONE, 1, 1)], now)
    assert refusal is not None
    assert (refusal.sqlstate, refusal.hint) == ("53400", f"There will be room for this one in {minutes} min.")
    assert "public.people.phone" in refusal.message
    assert budgets.charge("ann", [Probe(PHONE, 1, 1)], HOUR) is None


def test_what_is_more_than_all_is_refused_for_good() -> None:
    """A list longer than the limit never has room; parts of a statement are added up, and refused as a whole."""
    budgets = Budgets()
    refusal = budgets.charge("ann", [Probe(PHONE, 3, 2), Probe(PHONE, 3, 2)], 0.0)
    assert refusal is not None
    assert "4 values at once" in refusal.message
    assert budgets.charge("ann", [Probe(PHONE, 3, 3), Probe(CARD, 1, 2)], 0.0) is not None
    assert budgets.charge("ann", [Probe(PHONE, 3, 3)], 0.0) is None


@pytest.mark.parametrize("kind", ["search", "join"])
def test_a_day_has_a_budget_beside_that_of_an_hour(kind: Literal["search", "join"]) -> None:
    """What an hour has room for the day may have none; each refusal says which is used up, and takes nothing from the other."""
    budgets = Budgets()
    probe = Probe(PHONE, 2, 1, kind=kind, per_day=3)
    assert [budgets.charge("ann", [probe], now) for now in (0.0, 1.0)] == [None, None]
    refusal = budgets.charge("ann", [probe], 2.0)
    assert refusal is not None
    assert "an hour" in refusal.message
    assert budgets.charge("ann", [probe], HOUR + 2) is None
    refusal = budgets.charge("ann", [probe], HOUR + 3)
    assert refusal is not None
    assert "3 " in refusal.message
    assert "a day" in refusal.message
    assert refusal.hint == f"There will be room for this one in {23 * 60} min."
    assert budgets.charge("ann", [probe], DAY) is None
    several = budgets.charge("bob", [Probe(PHONE, 9, 4, kind=kind, per_day=3)], 0.0)
    assert several is not None
    assert "a day" in several.message


def test_joins_have_budgets_of_their_own() -> None:
    """A column's joins take nothing from its searches; the refusal says what is used up."""
    budgets = Budgets()
    joined = Probe(PHONE, 1, 1, kind="join")
    assert budgets.charge("ann", [joined, Probe(PHONE, 1, 1)], 0.0) is None
    refusal = budgets.charge("ann", [joined], 0.0)
    assert refusal is not None
    assert refusal.message == "your 1 joins an hour by public.people.phone are used up"
    twice = budgets.charge("bob", [joined, joined], 0.0)
    assert twice is not None
    assert twice.message == "joining by public.people.phone 2 times at once is more than your 1 times an hour"
