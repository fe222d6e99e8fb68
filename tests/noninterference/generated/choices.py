"""Chance as a list of choices: a statement is made from it, made again from it, and made smaller by making it smaller.

Owns the choices and their reduction. Zero is always the plainest choice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

T = TypeVar("T")
_ENOUGH = 400  # attempts at making a failing statement smaller


class Choices:
    """Draws from a source of chance and remembers, or repeats what was remembered; beyond that it draws zeros."""

    def __init__(self, source: Random | Sequence[int]) -> None:
        self._random: Random | None = None
        self._given: Sequence[int] = ()
        if hasattr(source, "randrange"):
            self._random = source
        else:
            self._given = source
        self.made: list[int] = []

    def number(self, below: int) -> int:
        """A number from 0 up to, not including, `below`."""
        if self._random is not None:
            drawn = self._random.randrange(below)
        else:
            place = len(self.made)
            drawn = self._given[place] % below if place < len(self._given) else 0
        self.made.append(drawn)
        return drawn

    def pick(self, of: Sequence[T]) -> T:
        """One of several; the plainest comes first."""
        return of[self.number(len(of))]

    def chance(self, one_in: int) -> bool:
        """True once in `one_in` times."""
        return self.number(one_in) == one_in - 1


def smallest(made: Sequence[int], fails: Callable[[Sequence[int]], bool]) -> list[int]:
    """Choices, fewer and smaller, that still fail: pieces are left out or set to zero as long as `fails` holds."""
    best = list(made)
    attempts = 0
    size = max(1, len(best) // 2)
    while size and attempts < _ENOUGH:
        place = 0
        while place < len(best) and attempts < _ENOUGH:
            piece = best[place : place + size]
            for instead in ([], [0] * len(piece)):
                candidate = best[:place] + instead + best[place + size :]
                attempts += 1
                if candidate != best and fails(candidate):
                    best = candidate
                    break
            else:
                place += size
                continue
            if instead:
                place += size
        size //= 2
    return best
