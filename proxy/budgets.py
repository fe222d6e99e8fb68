"""How many values each caller has compared with the real ones of a column, within the last hour.

Owns the count, in this process's memory, and the words of a refusal. May not do: look at a clock, decide who may search.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from rewriter.model import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rewriter.model import Probe

HOUR: Final = 3600.0  # seconds
EXHAUSTED: Final = "53400"  # configuration_limit_exceeded


class Budgets:
    """The budgets of all callers. One holds as many entries as its column allows values an hour, at most."""

    def __init__(self) -> None:
        self._spent: dict[tuple[str, str], deque[tuple[float, int]]] = {}

    def charge(self, principal: str, probes: Sequence[Probe], now: float) -> Refusal | None:
        """Count one execution, or say why it may not run; then nothing is counted. `now` is in seconds, of any origin."""
        asked: dict[str, int] = {}
        limits: dict[str, int] = {}
        for probe in probes:
            column = str(probe.column)
            asked[column] = asked.get(column, 0) + probe.values
            limits[column] = min(probe.per_hour, limits.get(column, probe.per_hour))
        for column, values in asked.items():
            refusal = self._refusal(self._current(principal, column, now), column, values, limits[column], now)
            if refusal is not None:
                return refusal
        for column, values in asked.items():
            self._spent.setdefault((principal, column), deque()).append((now, values))
        return None

    def _current(self, principal: str, column: str, now: float) -> deque[tuple[float, int]]:
        """What was spent within the last hour; older entries are forgotten."""
        spent = self._spent.get((principal, column))
        if spent is None:
            return deque()
        while spent and spent[0][0] <= now - HOUR:
            spent.popleft()
        if not spent:
            del self._spent[principal, column]
        return spent

    @staticmethod
    def _refusal(spent: deque[tuple[float, int]], column: str, values: int, limit: int, now: float) -> Refusal | None:
        left = limit - sum(count for _, count in spent)
        if values <= left:
            return None
        if values > limit:
            message = f"searching {column} for {values} values at once is more than your {limit} an hour"
            return Refusal(EXHAUSTED, message, hint="Search for fewer values.")
        when = now
        for when, count in spent:  # noqa: B007  the one that makes room
            left += count
            if values <= left:
                break
        minutes = max(1, -int(-(when + HOUR - now) // 60))
        message = f"your {limit} searches an hour of {column} are used up"
        return Refusal(EXHAUSTED, message, hint=f"There will be room for this one in {minutes} min.")
