"""`free_text`: a text with the numbers and e-mail addresses in it hidden."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from policies.masks.schema import Example, MaskSchema, parameters

if TYPE_CHECKING:
    from policies.masks.schema import Cell

LONGEST: Final = 8000
"""Characters of a text that is looked through: MySQL gives up after some time (regexp_time_limit)."""
FOR_ADDRESS: Final = "***"
FOR_NUMBER: Final = "****"
"""Neither is longer than the shortest thing that it stands for."""
_WORD = "[A-Za-z0-9._+-]"
_DIGIT = "[0-9\uff10-\uff19]"


def address(only: str) -> str:
    """An e-mail address. `only` stands behind a count to forbid going back: `+` where the engine knows it."""
    return f"(?<!{_WORD}){_WORD}+{only}[@\uff20][A-Za-z0-9.-]+{only}"


def number(only: str) -> str:
    """Seven digits or more with two separators at most between them, up to three letters before and an X behind."""
    return f"[A-Za-z]{{0,3}}{only}[+]?{only}{_DIGIT}(?:[ .()-]{{0,2}}{only}{_DIGIT}){{6,}}{only}[Xx]?{only}"


def _shown(cell: Cell) -> str | None:
    if not isinstance(cell.value, str):
        return None
    if len(cell.value) > LONGEST:
        return cell.pad
    return re.sub(number("+"), FOR_NUMBER, re.sub(address("+"), FOR_ADDRESS, cell.value))


SCHEMA: Final = MaskSchema(
    "free_text",
    "shows a text with the numbers and e-mail addresses in it hidden",
    parameters(),
    lambda _: "is shown without the long numbers and e-mail addresses in it",
    _shown,
    example=Example("Call Li at 138-1234-5678 or li@example.com"),
)
