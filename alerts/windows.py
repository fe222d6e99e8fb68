"""Windows: how much there was lately, what is usual, what was seen before.

Owns counting. Each cell belongs to one key of one rule, takes little room however much happens, and can be saved and given back.
Pure. May not do: look at a clock; moments are given, and never go back.
"""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from alerts.rules import Baseline

PARTS: Final = 60
"""Parts of a window that leave it one by one: "within ten minutes" is right to ten seconds."""

MOST: Final = 10_000
"""Different values that a cell keeps: far beyond every limit."""


class Window(msgspec.Struct, array_like=True):
    """Amounts, or different values, of the last while."""

    parts: list[tuple[int, int]] = []
    items: dict[str, int] = {}
    last: int = 0

    def add(self, at: int, within: int, amount: int) -> int:
        """Count an amount at a moment; gives all of the window."""
        size = max(within // PARTS, 1)
        part = at // size
        while self.parts and self.parts[0][0] <= part - PARTS - 1:
            self.parts.pop(0)
        if self.parts and self.parts[-1][0] == part:
            self.parts[-1] = (part, self.parts[-1][1] + amount)
        else:
            self.parts.append((part, amount))
        self.last = at
        return sum(amount for _, amount in self.parts)

    def meet(self, at: int, within: int, values: Iterable[str]) -> int:
        """Take values down at a moment; gives how many different ones there are in the window."""
        for gone in [item for item, seen in self.items.items() if seen <= at - within]:
            del self.items[gone]
        for value in values:
            if value in self.items or len(self.items) < MOST:
                self.items[value] = at
        self.last = at
        return len(self.items)


class Seen(msgspec.Struct, array_like=True):
    """Values that somebody was seen with: when last; and since when he is known."""

    items: dict[str, int] = {}
    first: int = 0
    last: int = 0

    def new(self, at: int, within: int, learn: int, values: Iterable[str]) -> list[str]:
        """Take values down; gives those not seen in a while, once enough is known to tell."""
        self.first = self.first or at
        found = [value for value in values if self.items.get(value, 0) <= at - within or value not in self.items]
        for value in values:
            if len(self.items) >= MOST and value not in self.items:
                del self.items[min(self.items, key=self.items.__getitem__)]
            self.items[value] = at
        self.last = at
        return found if at - self.first >= learn else []

    def idle(self, at: int) -> int:
        """Take down that somebody was there; gives for how long he was not, 0 for one who never was."""
        before, self.last = self.last, at
        self.first = self.first or at
        return at - before if before else 0


class Usual(msgspec.Struct, array_like=True):
    """The most that there was in one window on each of the last days, by the day's ordinal."""

    days: dict[int, int] = {}
    last: int = 0

    def limit(self, day: int, baseline: Baseline) -> float:
        """From how much on it is unusual; 0 while too few days are known."""
        before = [most for each, most in self.days.items() if day - baseline.days <= each < day]
        return baseline.times * median(before) if len(before) >= baseline.known else 0.0

    def note(self, at: int, day: int, value: int, baseline: Baseline, limit: float) -> None:
        """Take down how much there is. What is above the limit, if there is one yet, teaches no more than the limit."""
        most = min(value, round(limit)) if limit else value
        if most > self.days.get(day, 0):
            self.days[day] = most
            for gone in [each for each in self.days if each < day - baseline.days]:
                del self.days[gone]
        self.last = at
