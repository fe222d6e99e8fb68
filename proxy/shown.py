"""What an answer has shown: the values by which its rows may be known, hashed for the audit, so that it can be found who has seen customer 4711.

Owns which values of a row count, how many are kept, and whether that is all of them. It takes rows as the wire's readers take them
apart, and keeps no value.
May not do: I/O, read messages, decide: what cannot be kept is said to be missing, and passes.
"""

from __future__ import annotations

from collections.abc import Callable  # noqa: TC003  native code looks it up
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from audit.values import ValueKey

_OPENING: Final = b'\0({["<'
"""What lists, rows, documents and their binary forms begin with."""

LONGEST: Final = 128
"""Bytes of a value that can be what somebody is known by; a longer one is text, in which there may be any number of them."""


class Field(NamedTuple):
    """A column of an answer: where it comes from ("" is not known), and how its values are spelled as a text would have them.

    `spell` is None where they say of nobody who he is (a truth, a time, a measure). `opaque`: they may hold several, as
    documents and lists do, and are not looked into; `doubtful`: so do those that begin like one.
    """

    origin: str
    spell: Callable[[bytes], bytes] | None
    opaque: bool = False
    doubtful: bool = False


def as_it_came(value: bytes) -> bytes:
    """A value that is spelled as a text would have it."""
    return value


class Shown:
    """What one answer has shown so far.

    `fields` are the columns of the rows at hand, None when they are not known; `kinds` are their types, each with whether it is unsigned,
    where rows in binary cannot be taken apart without.
    """

    fields: list[Field] | None = None
    kinds: list[tuple[int, bool]] | None = None

    def __init__(self, key: ValueKey, most: int) -> None:
        self._key = key
        self._most = most
        self.hashes: dict[str, None] = {}
        self.origins: dict[str, None] = {}
        self.whole = True

    @property
    def full(self) -> bool:
        """Whether no more is kept."""
        return len(self.hashes) >= self._most

    def row(self, values: list[bytes | None]) -> None:
        """Keep a row of `fields`; what has no room any more, or is not spelled, is missing from then on."""
        fields = self.fields
        if fields is None or len(fields) != len(values):
            self.whole = False
            return
        for number, value in enumerate(values):
            if not value:
                continue
            field = fields[number]
            several = field.opaque or (field.doubtful and value[0] in _OPENING)
            if several or (field.spell is not None and len(value) > LONGEST):
                self.whole = False
            elif field.spell is not None:
                hashed = self._key.digest(field.spell(value))
                if hashed not in self.hashes:
                    if len(self.hashes) >= self._most:
                        self.whole = False
                        return
                    self.hashes[hashed] = None
                if field.origin:
                    self.origins[field.origin] = None

    def missed(self) -> None:
        """Something has passed that was not looked at."""
        self.whole = False


class Snapshots:
    """What a session's recorder wants to know of what is shown: under which key, and how much of an answer at most."""

    def __init__(self, key: ValueKey, most: int) -> None:
        self._key = key
        self._most = most

    def begin(self) -> Shown:
        """A new answer."""
        return Shown(self._key, self._most)
