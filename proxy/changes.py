"""Definitions that are being changed through Louver while statements of other sessions are under way.

A statement is ruled by what the database held then, and read by the server some time later: behind a lock, it can wait until
another session has given a name another meaning. So whoever gets an answer asks here what may have been changed on its way.
Owns which changes are open or have ended since a moment, and which names a text may give another meaning. May not do: parse SQL, wait.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_REMEMBERED: Final = 1000
"""Changes that have ended and are still known; whoever has been under way for longer may have met any."""

ANYTHING: Final = "*"
"""Stands among names for whatever is read when a function runs: that is not known before."""

_WORD: Final = re.compile(r"\w+")
_FAR: Final = frozenset(("call", "cascade", "database", "do", "execute", "extension", "prepare", "schema"))
"""Words of texts that may change more than they name."""
_OTHERWISE: Final = re.compile(r"\bu&\"", re.IGNORECASE)  # a name by the numbers of its letters
_OWN: Final = re.compile(
    r"\s*(?:create\s+(?:or\s+replace\s+)?(?:(?:global|local)\s+)?temp(?:orary)?\s+table|drop\s+temporary\s+table)\b[^;]*;?\s*",
    re.IGNORECASE,
)
_INDEX: Final = re.compile(r"\s*create\s+(?:unique\s+)?index\b[^;]*;?\s*", re.IGNORECASE)
_NEW: Final = re.compile(
    r"\s*create\s+(?:unlogged\s+)?table\s+(?:if\s+not\s+exists\s+)?(?:\w+\s*\.\s*){0,2}(\w+)\b[^;]*;?\s*", re.IGNORECASE
)
_DEFINING: Final = re.compile(r"\b(?:create|alter|drop|rename|replace|truncate|call|execute|prepare)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Near:
    """What is read with a name, in words of lower case: `plain` by names that are one word, `odd` by the words of others (`a-b`, `c$d`)."""

    plain: Mapping[str, frozenset[str]]
    odd: tuple[tuple[frozenset[str], frozenset[str]], ...]


class Change:
    """What one session changes, of which others may see something from some moment on; `names` are words of names in lower case, None: any.

    `unit` is the same for those that others see together or not at all.
    """

    __slots__ = ("by", "ended", "names", "unit")

    def __init__(self, by: object, names: frozenset[str] | None, unit: int) -> None:
        self.by = by
        self.names = names
        self.unit = unit
        self.ended: int = 0

    def concerns(self, names: frozenset[str] | None) -> bool:
        """Whether it can be of any of these names; None: of any at all."""
        if self.names is None or names is None:
            return self.names != frozenset()
        return not self.names.isdisjoint(names)


class Changes:
    """The changes of one database. `moment` grows with each beginning and each end."""

    def __init__(self) -> None:
        self.moment: int = 0
        self._open: dict[int, Change] = {}
        self._ended: deque[Change] = deque()
        self._forgotten: int = 0

    def begin(self, by: object, names: frozenset[str] | None, along: Change | None = None) -> Change:
        """A statement of a session goes off that changes something, or may; what it changes is committed with what `along` does."""
        self.moment += 1
        change = Change(by, names, self.moment if along is None else along.unit)
        self._open[id(change)] = change
        return change

    def end(self, change: Change) -> None:
        """Everybody sees what it has changed, or nobody ever will."""
        if self._open.pop(id(change), None) is not None:
            self.moment += 1
            change.ended = self.moment
            self._ended.append(change)
            if len(self._ended) > _REMEMBERED:
                self._forgotten = self._ended.popleft().ended

    def still(self, moment: int) -> bool:
        """Whether nothing is open, and nothing has been since a moment."""
        return moment == self.moment and not self._open

    def met(self, since: int, names: frozenset[str] | None, by: object) -> int:
        """How many changes of others, one after the other, a statement of these names may have met that was ruled as of a moment.

        More than one: any number.
        """
        found = {each.unit for each in self._open.values() if each.by is not by and each.concerns(names)}
        for each in reversed(self._ended):
            if each.ended <= since:
                break
            if each.by is not by and each.concerns(names):
                found.add(each.unit)
        return len(found) + (2 if self._forgotten > since else 0)


def changed_names(text: bytes) -> frozenset[str] | None:
    """The names of which a text that changes definitions may change what they mean to others; None when it can be any.

    What is temporary is its session's own, and an index changes no meaning.
    """
    written = text.decode(errors="replace")
    if _OWN.fullmatch(written) or _INDEX.fullmatch(written):
        return frozenset()
    new = _NEW.fullmatch(written)
    if new is not None:
        return frozenset((new[1].lower(),))
    found = frozenset(_words(written))
    return found if found.isdisjoint(_FAR) and _OTHERWISE.search(written) is None else None


def defines(body: str | None) -> bool:
    """Whether code may define anything when it runs; None: code that cannot be read."""
    return body is None or _DEFINING.search(body) is not None


def reached(text: bytes, near: Near) -> frozenset[str] | None:
    """The words of the names that a text may read, and of what is behind them; None when that cannot be told before it runs."""
    written = text.decode(errors="replace")
    if _OTHERWISE.search(written):
        return None
    seen, found, odd = _words(written), set[str](), near.odd
    while True:
        plain = {word for word in seen if word in near.plain} - found
        met = [each for each in odd if each[0] <= seen]
        if not plain and not met:
            return frozenset(found)
        odd = tuple(each for each in odd if not each[0] <= seen)
        found |= plain
        for name in plain:
            seen |= near.plain[name]
        for words, behind in met:
            found |= words
            seen |= behind
        if ANYTHING in seen:
            return None


def neighbours(pairs: Iterable[tuple[str, Iterable[str]]]) -> Near:
    """What stands near each name, put together from pairs of a name and the names behind it."""
    plain: dict[str, set[str]] = {}
    odd: dict[frozenset[str], set[str]] = {}
    for name, others in pairs:
        words = frozenset(_words(name))
        behind = plain.setdefault(name.lower(), set()) if words == {name.lower()} else odd.setdefault(words, set())
        for other in others:
            behind |= {ANYTHING} if other == ANYTHING else _words(other)
        if not words:  # no text has a word of it
            behind.add(ANYTHING)
    return Near(
        {name: frozenset(behind) for name, behind in plain.items()},
        tuple((words, frozenset(behind)) for words, behind in odd.items()),
    )


def _words(text: str) -> set[str]:
    return {word.lower() for word in _WORD.findall(text)}
