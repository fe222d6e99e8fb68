"""Days on which somebody reads far more than they do: a robust statistic of each person's own days.

Owns the judgement. A day counts the rows of answers that held sensitive columns; days without any do not count. Days are compared
by their logarithms, for people vary by factors: some work thrice as much on one day as on another, and none a thousand rows less than nothing.
The usual day is the median of a person's days, the spread the median distance from it (MAD, times 1.4826, which is a standard
deviation where logarithms are distributed normally), and at least what counts of that size vary by themselves, one by the square
root of the usual day, and a quarter. A day is unusual when it lies more than 3.5 spreads above the usual one (Iglewicz and
Hoaglin, How to Detect and Handle Outliers, 1993), is at least twice the usual day and has at least 20 rows. Medians bear that up to half
of the days are wild, so one theft does not hide the next. Pure.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from math import expm1, log1p
from statistics import median
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FEWEST_DAYS: Final = 5
"""Days that must be known of a person; of fewer nothing is said."""

SCORE: Final = 3.5
_LIKE_DEVIATION: Final = 1.4826
_LEAST_SPREAD: Final = 0.25
_LEAST_ROWS: Final = 20


@dataclass(frozen=True, slots=True)
class Unusual:
    """One day of one person: its rows, those of the usual day, and how many spreads lie between them."""

    person: str
    day: dt.date
    rows: int
    usual: float
    score: float


@dataclass(frozen=True, slots=True)
class Judged:
    """The unusual days, the most unusual first, and how many people could be judged."""

    days: tuple[Unusual, ...]
    known: int


def judge(rows: Mapping[str, Mapping[dt.date, int]], before: Mapping[str, Mapping[dt.date, int]]) -> Judged:
    """Judge each day of `rows` (by person and day) by all days of the same person, those `before` among them."""
    found: list[Unusual] = []
    judged = 0
    for person, days in rows.items():
        known = [*before.get(person, {}).values(), *days.values()]
        if len(known) < FEWEST_DAYS:
            continue
        judged += 1
        usual, spread = _usual(known)
        for day, count in days.items():
            score = (log1p(count) - usual) / spread
            if score > SCORE and count >= 2 * expm1(usual) and count >= _LEAST_ROWS:
                found.append(Unusual(person, day, count, round(expm1(usual), 1), round(score, 1)))
    return Judged(tuple(sorted(found, key=lambda each: (-each.score, each.person, each.day))), judged)


def _usual(counts: Iterable[int]) -> tuple[float, float]:
    """Return the logarithm of the usual day, and the spread."""
    known = [log1p(count) for count in counts]
    usual = median(known)
    distance = median(abs(count - usual) for count in known)
    return usual, max(_LIKE_DEVIATION * distance, 1 / max(1.0, expm1(usual)) ** 0.5, _LEAST_SPREAD)
