"""How many values each caller has compared with the real ones of a column, within the last hour and day, and how many statements and rows he has had.

Owns the count, in this process's memory, and the words of a refusal. May not do: look at a clock, decide who may search.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, Literal

from rewriter.model import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rewriter.model import Probe

HOUR: Final = 3600.0  # seconds
DAY: Final = 24 * HOUR
EXHAUSTED: Final = "53400"  # configuration_limit_exceeded

_Kind = Literal["search", "join", "statement", "rows", "search a day", "join a day"]
_Account = tuple[str, str, _Kind]  # the caller, the column or limit, what is counted
_BLURRED: Final = frozenset({"statement", "rows"})
"""What is counted so often that what falls into one second is one entry."""


_A_DAY: Final[dict[str, _Kind]] = {"search": "search a day", "join": "join a day"}
_WORDS: Final = {
    "join": "joins an hour by {}",
    "join a day": "joins a day by {}",
    "search": "searches an hour of {}",
    "search a day": "searches a day of {}",
    "statement": 'statements an hour by limit "{}"',
    "rows": 'rows an hour by limit "{}"',
}


class Budgets:
    """The budgets of all callers. One holds as many entries as its column allows values an hour or a day, at most."""

    def __init__(self) -> None:
        self._spent: dict[_Account, deque[tuple[float, int]]] = {}

    def charge(self, principal: str, probes: Sequence[Probe], now: float) -> Refusal | None:
        """Count one execution, or say why it may not run; then nothing is counted. `now` is in seconds, of any origin."""
        asked: dict[_Account, int] = {}
        limits: dict[_Account, int] = {}
        for probe in probes:
            account: _Account = (
                principal,
                probe.column.column if probe.kind in _BLURRED else str(probe.column),
                probe.kind,
            )
            allowed: dict[_Account, int] = {account: probe.per_hour}
            if probe.per_day is not None:
                allowed[*account[:2], _A_DAY[probe.kind]] = probe.per_day
            for each, limit in allowed.items():
                asked[each] = asked.get(each, 0) + probe.values
                limits[each] = min(limit, limits.get(each, limit))
        for account, values in asked.items():
            refusal = self._refusal(self._current(account, now), account, values, limits[account], now)
            if refusal is not None:
                return refusal
        for account, values in asked.items():
            if account[2] != "rows":  # counted when they have come
                self._add(account, values, now)
        return None

    def had(self, principal: str, limit: str, rows: int, now: float) -> None:
        """Count the rows of a statement that has ended, under a limit by its name."""
        if rows:
            self._add((principal, limit, "rows"), rows, now)

    def _add(self, account: _Account, values: int, now: float) -> None:
        spent = self._spent.setdefault(account, deque())
        if account[2] in _BLURRED and spent and now - spent[-1][0] < 1:
            spent[-1] = (spent[-1][0], spent[-1][1] + values)
        else:
            spent.append((now, values))

    def _current(self, account: _Account, now: float) -> deque[tuple[float, int]]:
        """What was spent within the last hour, or day; older entries are forgotten."""
        spent = self._spent.get(account)
        if spent is None:
            return deque()
        while spent and spent[0][0] <= now - _window(account):
            spent.popleft()
        if not spent:
            del self._spent[account]
        return spent

    @staticmethod
    def _refusal(
        spent: deque[tuple[float, int]], account: _Account, values: int, limit: int, now: float
    ) -> Refusal | None:
        _, column, kind = account
        left = limit - sum(count for _, count in spent)
        if values <= left:
            return None
        if values > limit and kind not in _BLURRED:
            unit = "a day" if kind.endswith("a day") else "an hour"
            if kind.startswith("join"):
                message = f"joining by {column} {values} times at once is more than your {limit} times {unit}"
                return Refusal(EXHAUSTED, message, hint="Join fewer columns in one statement.")
            message = f"searching {column} for {values} values at once is more than your {limit} {unit}"
            return Refusal(EXHAUSTED, message, hint="Search for fewer values.")
        when = now
        for when, count in spent:  # noqa: B007  the one that makes room
            left += count
            if values <= left:
                break
        minutes = max(1, -int(-(when + _window(account) - now) // 60))
        message = f"your {limit} {_WORDS[kind].format(column)} are used up"
        return Refusal(EXHAUSTED, message, hint=f"There will be room for this one in {minutes} min.")


def _window(account: _Account) -> float:
    """Seconds for which what was spent counts."""
    return DAY if account[2].endswith("a day") else HOUR
