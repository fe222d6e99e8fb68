"""Lengths of time as people write them: 90s, 10m, 2h, 30d, 4w.

Owns their reading and writing; in the program they are microseconds.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from policies.positions import Checker, Node

_UNITS: Final = {"s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000, "w": 604_800_000_000}
_LENGTH: Final = re.compile(r"([0-9]{1,6}) ?([smhdw])")
_MOST: Final = 366 * _UNITS["d"]


def length(text: str) -> int | None:
    """Return a length in microseconds; None for what is none, or longer than a year."""
    found = _LENGTH.fullmatch(text.strip().lower())
    if found is None:
        return None
    value = int(found[1]) * _UNITS[found[2]]
    return value if 0 < value <= _MOST else None


def written(microseconds: int) -> str:
    """A length for people, in the largest unit that divides it."""
    unit = next((unit for unit in ("d", "h", "m") if microseconds % _UNITS[unit] == 0), "s")
    return f"{microseconds // _UNITS[unit]} {unit if unit != 'm' else 'min'}"


def read_length(checker: Checker, node: Node, what: str) -> int | None:
    """Read a length; a mistake goes to the checker."""
    text = checker.text(node, what)
    if text is None:
        return None
    value = length(text)
    if value is None:
        checker.problem(
            node, f"{what} must be a length of time up to a year, not `{text}`", "write 90s, 10m, 2h, 30d or 4w"
        )
    return value
