"""Unusual days: found among ordinary ones, however many are wild, and never by chance of small counts."""

from __future__ import annotations

import datetime as dt
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports import unusual

FIRST = dt.date(2026, 5, 1)


def days(*counts):
    """Counts as days of Tina, from the first on."""
    return {"tina": {FIRST + dt.timedelta(days=number): count for number, count in enumerate(counts)}}


@pytest.mark.parametrize(
    ("counts", "found"),
    [
        ((100, 110, 95, 105, 100, 2000), [2000]),
        ((100, 110, 95, 105, 100, 2000, 3000), [3000, 2000]),  # one theft does not hide the next
        ((100, 110, 95, 105, 100, 190), []),  # not twice the usual day
        ((100, 100, 100, 100, 100, 240), []),  # a quarter is the least spread
        ((100, 100, 100, 100, 100, 242), [242]),
        ((0, 0, 0, 0, 0, 19), []),  # less than twenty rows
        ((0, 0, 0, 0, 0, 500), [500]),
        ((1, 2, 1, 1, 2, 1, 19), []),
        ((10, 1000, 50, 5000, 200, 9000), []),  # whoever varies so much has no usual day
        ((100, 100, 100, 9000), []),  # too few days
    ],
)
def test_which_days_are_unusual(counts, found):
    """By data."""
    assert [day.rows for day in unusual.judge(days(*counts), {}).days] == found


def test_weeks_before_say_what_is_usual():
    """A single day of the period is judged by days before it, which are not told again."""
    before = {"tina": {FIRST - dt.timedelta(days=number): 100 + number for number in range(1, 20)}}
    (day,) = unusual.judge(days(4000), before).days
    assert (day.person, day.day, day.rows, day.usual) == ("tina", FIRST, 4000, 110.5)
    assert unusual.judge(days(120), before) == unusual.Judged((), 1)
    assert unusual.judge(days(4000), {}) == unusual.Judged((), 0)


@given(st.lists(st.integers(0, 10**6), max_size=40))
def test_what_is_found_keeps_its_promise(counts):
    """Twice the usual day at least, twenty rows, and never half of the days."""
    found = unusual.judge(days(*counts), {}).days
    assert all(day.rows >= 20 and day.rows >= 2 * day.usual - 0.2 and day.score >= unusual.SCORE for day in found)
    assert 2 * len(found) <= len(counts)


def test_ordinary_people_raise_few_alarms_and_a_theft_is_found():
    """A hundred people whose days vary by a third: five planted thefts are found, false alarms stay under two in a thousand days."""
    chance = random.Random(7)
    rows = {}
    for person in range(100):
        usual = chance.randrange(50, 2000)
        rows[f"p{person}"] = {
            FIRST + dt.timedelta(days=day): round(usual * chance.lognormvariate(0, 0.33)) for day in range(30)
        }
    planted = {(f"p{person}", FIRST + dt.timedelta(days=person)) for person in range(5)}
    for person, day in planted:
        rows[person][day] *= 10
    found = {(day.person, day.day) for day in unusual.judge(rows, {}).days}
    assert planted <= found
    assert len(found - planted) <= 6
