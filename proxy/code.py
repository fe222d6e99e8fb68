"""What the code of users reads when a statement runs it, for the audit: the names that stand in the texts of functions and procedures.

Nobody takes a body apart here, so it is too many names rather than too few. Owns which code a text may name, and the names behind
each. May not do: rule; read a catalog.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_WORD: Final = re.compile(r"\w+")
_OPEN: Final = re.compile(r"\b(?:execute|prepare)\b")
_OTHERWISE: Final = 'u&"'  # PostgreSQL: a name by the numbers of its letters
_DOUBLED: Final = frozenset('"`')  # written twice within a name that is in quotes


@dataclass(frozen=True, slots=True)
class Body:
    """What stands in one function or procedure: `names` in lower case. `open`: it can read what its caller names, too."""

    names: frozenset[str]
    open: bool


@dataclass(frozen=True, slots=True)
class Code:
    """All code of a database: `bodies` by name in lower case; `odd` are the names that are no single word."""

    bodies: Mapping[str, Body]
    odd: tuple[str, ...]


def code_of(texts: Iterable[tuple[str, str | None]], relations: Iterable[str]) -> Code:
    """Put together from the names of code, each with its text (None cannot be read), and the names of all relations."""
    odd = [name for each in relations if not _is_word(name := each.lower())]
    bodies: dict[str, Body] = {}
    for name, text in texts:
        lowered = (text or "").lower()
        within = {*_WORD.findall(lowered), *(each for each in odd if each in lowered)}
        before = bodies.get(name.lower(), Body(frozenset(), open=False))  # of an overloaded name there are several
        opens = before.open or text is None or _OPEN.search(lowered) is not None
        bodies[name.lower()] = Body(before.names | within, opens)
    return Code(bodies, tuple(name for name in bodies if not _is_word(name)))


def standing(text: str, code: Code) -> set[str]:
    """The names of code that can stand in a text."""
    if not code.bodies:
        return set()
    lowered = text.lower()
    if _OTHERWISE in lowered:
        return set(code.bodies)
    odd = (name for name in code.odd if name in lowered or not _DOUBLED.isdisjoint(name))
    return {*(code.bodies.keys() & set(_WORD.findall(lowered))), *odd}


def _is_word(name: str) -> bool:
    return _WORD.fullmatch(name) is not None
