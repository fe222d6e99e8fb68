"""Which sessions there are, by the numbers that KILL names them by: callers stop what is their own, and nothing else.

Owns the numbers: in the login mode `own` all sessions are one account's to the database, which would let each stop every other,
and a client knows its session by a number that Louver has given it. May not do: send anything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rewriter.model import Refusal

if TYPE_CHECKING:
    from collections.abc import Hashable

_KILL: Final = re.compile(rb"\s*KILL\s+(?:(CONNECTION|QUERY)\s+)?([0-9]{1,20})\s*;?\s*\Z", re.IGNORECASE)
_WORD: Final = re.compile(rb"\bKILL\b", re.IGNORECASE)

_BEGINNINGS: Final = frozenset(bytes((letter,)) for letter in b"kK \t\r\n\v\f")
_WRAPPING: Final = frozenset(("UNKNOWN", "PREPARE", "EXECUTE IMMEDIATE", "KILL"))

NOT_YOURS: Final = Refusal(
    "42501", "louver: there is no session of yours of this number", hint="SELECT CONNECTION_ID() gives a session's own."
)
ONLY_NUMBERS: Final = Refusal(
    "0A000", "louver: KILL takes the number of one session of yours", hint="Write KILL QUERY 5."
)


@dataclass(frozen=True, slots=True)
class Thread:
    """One session: its number for the client, that for the database, and whose it is."""

    shown: int
    upstream: int
    principal: str


class Threads:
    """The sessions in use, by both numbers."""

    def __init__(self) -> None:
        self._threads: dict[Hashable, Thread] = {}

    def add(self, session: Hashable, thread: Thread) -> None:
        """A session has begun."""
        self._threads[session] = thread

    def forget(self, session: Hashable) -> None:
        """A session has ended."""
        self._threads.pop(session, None)

    def kill(self, text: bytes, principal: str) -> bytes:
        """The KILL that the database is to run for a caller's. Raises Refusal when it names no session of the caller's.

        A number that is one session's for the client and another's for the database means the former.
        """
        found = _KILL.match(text)
        if found is None:
            raise ONLY_NUMBERS
        what, number = (found[1] or b"CONNECTION").upper(), int(found[2])
        own = [thread for thread in self._threads.values() if thread.principal == principal]
        for thread in sorted(own, key=lambda each: each.shown != number):
            if number in (thread.shown, thread.upstream):
                return b"KILL %s %d" % (what, thread.upstream)
        raise NOT_YOURS


def kills(text: bytes) -> bool:
    """Whether a text begins as a KILL does."""
    return text[:1] in _BEGINNINGS and _WORD.match(text.lstrip()) is not None


def may_hide_kill(kinds: tuple[str, ...], text: bytes) -> bool:
    """Whether a KILL may stand in a text that does not begin with it; `kinds` are those of its statements.

    It can be behind another statement, in a comment that is run, in a text that is prepared, or in what could not be read.
    """
    if len(kinds) == 1 and kinds[0] not in _WRAPPING and b"/*" not in text:
        return False
    may = "KILL" in kinds or b"/*" in text or not _WRAPPING.isdisjoint(kinds)
    return may and b"kill" in text.lower() and _WORD.search(text) is not None  # to look for a word by itself is slow
