"""Decisions that are remembered: what a decision is a function of, as a key, and what was decided for it.

Deciding costs some hundred microseconds, and the sessions of one person, of which a pool opens many, ask the same again. A decision
is a function of the policies, which do not change, of the labels, of who asks with all attributes, and of those facts of the session
that a condition, a row condition, a filter or a limit names. So the key holds the person whole, and of the session what is named:

- a name is taken as read when it stands anywhere in a condition as a word, be it in a string: CEL writes a variable as such words and
  in no other way, so that none is overlooked, and a name too many only has more decided anew;
- of the moment, in the zone of the policies, the day, the hour and the minute stand in the key, as far as what is named is told by them: by
  `session.time` the hour and the minute, by `session.workday`, as the calendar knows it, the day. Whoever asks after their turn never finds what was decided before;
- `session.now` is another moment at each look, so nothing is remembered by policies that name it;
- values are written by `marshal`, which tells 1, 1.0 and true apart as SQL and CEL do, and 0.0 from -0.0, where Python calls them equal. What it
  does not know is not remembered.

Grants and measures are laid over a decision afterwards, at each look, and new policies begin with nothing: `proxy.gate`, `PolicySet`. Owns the key and the
memory, bounded by number and size. May not do: decide, clocks.
"""

from __future__ import annotations

import marshal
import re
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from policies.rows import SESSION_FIELDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from policies.conditions import Condition
    from policies.model import ColumnName, Decision, Label, Principal, Session
    from policies.rows import RowTemplate
    from policies.vocabulary import Vocabulary

_MOST: Final = 10_000
"""Keys kept: some for each of the people that one proxy serves in an hour."""

_BYTES: Final = 64 << 20
"""What keys and decisions may take: 100 decisions over 10,000 columns. Decisions are shared by all for whom the rules come out the same."""

_KEY_BYTES: Final = 300
"""What a key takes beside its own bytes."""

_COLUMN_BYTES: Final = 64
"""What a column takes in a decision: its entry in a dictionary; names and treatments are shared."""

_BY_DAY: Final = frozenset({"date", "weekday", "workday"})
_BY_HOUR: Final = frozenset({"time", "hour"})
_BY_MINUTE: Final = frozenset({"time", "minute"})
_FACTS: Final = tuple(name for name in SESSION_FIELDS if name not in _BY_DAY | _BY_HOUR | _BY_MINUTE)

_WRITTEN: Final = 2  # the version of marshal's format in which equal values are always written alike: later ones refer back by identity
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Read:
    """What policies read of a session: `facts` of the connection, attributes that it has `declared`, and the moment as `zone` tells it.

    `zone` None: as the session tells it. `now`: the very moment, of which nothing is remembered.
    """

    facts: tuple[str, ...]
    declared: tuple[str, ...]
    zone: ZoneInfo | None
    day: bool
    hour: bool
    minute: bool
    now: bool

    @classmethod
    def of(
        cls, conditions: Iterable[Condition | None], rows: Iterable[RowTemplate | None], vocabulary: Vocabulary
    ) -> Read:
        """What these conditions and row conditions may read, or more."""
        words = {word for each in conditions if each is not None for word in _WORD.findall(each.text)}
        words |= {name for each in rows if each is not None for owner, name in each.placeholders if owner == "session"}
        return cls(
            tuple(name for name in _FACTS if name in words),
            tuple(name for name in vocabulary.attributes if name in words),
            vocabulary.calendar.zone,
            day=not _BY_DAY.isdisjoint(words),
            hour=not _BY_HOUR.isdisjoint(words),
            minute=not _BY_MINUTE.isdisjoint(words),
            now="now" in words,
        )

    def key(self, principal: Principal, session: Session) -> bytes | None:
        """All that a decision by these policies depends on beside the labels; None when it is not to be remembered.

        Two keys are equal only when all of it is.
        """
        if self.now:
            return None
        said = session.declared
        parts = [
            principal.name,
            tuple(principal.attributes.items()),
            [getattr(session, name) for name in self.facts],
            [said.get(name) for name in self.declared],
        ]
        if self.day or self.hour or self.minute:
            at = session.at if self.zone is None else session.at.astimezone(self.zone)
            parts.append(
                (at.toordinal() if self.day else -1, at.hour if self.hour else -1, at.minute if self.minute else -1)
            )
        try:
            return marshal.dumps(parts, _WRITTEN)
        except ValueError:
            return None


class Remembered:
    """The decisions of one `PolicySet`, by labels and key; those that were not asked for longest go first."""

    def __init__(self, most: int = _MOST, size: int = _BYTES) -> None:
        self._most = most
        self._size = size
        # the labels are held, so that no others can take their identity
        self._kept: OrderedDict[tuple[int, bytes], tuple[Mapping[ColumnName, Label], Decision]] = OrderedDict()
        self._shared: dict[int, int] = {}  # keys by the identity of their decision
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    def find(self, labels: Mapping[ColumnName, Label], key: bytes) -> Decision | None:
        """What was decided; None when that is not known."""
        place = (id(labels), key)
        found = self._kept.get(place)
        if found is None:
            return None
        self._kept.move_to_end(place)
        return found[1]

    def keep(self, labels: Mapping[ColumnName, Label], key: bytes, decision: Decision) -> None:
        """Remember a decision for which `find` had none."""
        self._kept[id(labels), key] = (labels, decision)
        number = id(decision)
        count = self._shared[number] = self._shared.get(number, 0) + 1
        self.bytes += len(key) + _KEY_BYTES + (_taken(decision) if count == 1 else 0)
        while len(self._kept) > self._most or self.bytes > self._size:
            self._drop()

    def forget(self, labels: Mapping[ColumnName, Label]) -> None:
        """Forget all that was decided for labels: they are as large as a catalog, and those of a former one are not asked for again."""
        for place in [place for place in self._kept if place[0] == id(labels)]:
            self._kept.move_to_end(place, last=False)
            self._drop()

    def _drop(self) -> None:
        (_, key), (_, decision) = self._kept.popitem(last=False)
        number = id(decision)
        left = self._shared.pop(number) - 1
        if left:
            self._shared[number] = left
        self.bytes -= len(key) + _KEY_BYTES + (0 if left else _taken(decision))


def _taken(decision: Decision) -> int:
    """About how many bytes a decision takes."""
    return _COLUMN_BYTES * sum(len(each.treatments) for each in (decision, *(each for _, each in decision.kinds)))
