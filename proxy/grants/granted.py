"""The grants in force, as rulings look at them, and what is used of them.

Owns who has which, and counting: a grant of which nothing is left is over at once. What has a limit is counted where all proxies
see it before it runs. May not do: I/O; grants are read and written by `proxy.grants.watch`.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Final

from policies.grants import Overlays
from rewriter.model import Refusal

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from policies.grants import Grant
    from policies.model import Decision, Principal, Session
    from proxy.grants.store import Claim

BYTES_A_ROW: Final = 16
"""What a row of one short column takes in an answer, for executions that end without a count of their rows."""

_OVER: Final = "53400"  # configuration_limit_exceeded, as for budgets
_AGAIN: Final = "Send the statement again."


def _unheard() -> None:
    """Tell nobody that grants have changed."""


async def _unshared(_grants: tuple[int, ...]) -> Claim:
    """Nobody else counts."""
    return "counted"


class _Held:
    """One grant in force, with how many statements and rows are left of it; None: any number."""

    __slots__ = ("grant", "rows", "statements")

    def __init__(self, grant: Grant, statements: int | None, rows: int | None) -> None:
        self.grant = grant
        self.statements = statements
        self.rows = rows

    @property
    def limited(self) -> bool:
        """Whether it is counted before it is used."""
        return self.statements is not None or self.rows is not None

    @property
    def over(self) -> bool:
        """Whether nothing is left."""
        return (self.statements is not None and self.statements <= 0) or (self.rows is not None and self.rows <= 0)


class Granted:
    """The grants of one proxy. `changed` is called whenever anybody may see something else than before.

    `claiming` counts a statement under grants with a limit where all proxies see it. `clock`, in seconds, is that of `hold_until`.
    """

    def __init__(self, clock: Callable[[], float] = lambda: 0.0) -> None:
        self.changed: Callable[[], None] = _unheard
        self.claiming: Callable[[tuple[int, ...]], Awaitable[Claim]] = _unshared
        self._clock = clock
        self._until = math.inf
        self._held: dict[int, _Held] = {}
        self._by_person: dict[str, tuple[Grant, ...]] = {}
        self._used: dict[int, tuple[int, int]] = {}  # statements and rows that are not written down yet
        self._paid: Counter[int] = Counter()  # statements that are written down and have not run yet
        self._busy: Counter[int] = Counter()  # claims and statements under way, of grants of rows
        self._claimed: set[int] = set()  # grants of rows that others are kept from
        self._claims: dict[int, Claim] = {}  # what came of the last one
        self._overlays = Overlays()

    def any_for(self, name: str) -> bool:
        """Whether a person has any grant, be it one that has not begun."""
        return name in self._by_person

    def lay_over(self, decision: Decision, principal: Principal, session: Session) -> Decision:
        """The decision with the grants of a person; the same object for the same decision and grants."""
        grants = self._by_person.get(principal.name)
        return decision if grants is None else self._overlays.apply(decision, grants, principal, session)

    # -- what is kept --------------------------------------------------------------------------------------------

    def replace(self, found: Iterable[tuple[Grant, int, int]]) -> None:
        """Take over the active grants as they are kept, each with the statements and rows used of it."""
        held = {}
        for grant, statements_used, rows_used in found:
            statements, rows = self._used.get(grant.id, (0, 0))
            statements -= self._paid[grant.id]
            held[grant.id] = _Held(
                grant,
                None if grant.statements is None else grant.statements - statements_used - statements,
                None if grant.row_limit is None else grant.row_limit - rows_used - rows,
            )
        self._held = held
        for number in [number for number in self._paid if number not in held]:
            del self._paid[number]
        self._claims.clear()
        self._sort()

    def hold_until(self, moment: float) -> None:
        """Nothing is shown by a grant after this moment of the clock, unless this is called again."""
        self._until = moment

    def take_used(self) -> Mapping[int, tuple[int, int]]:
        """What was used and is not written down yet, for `saved`."""
        return dict(self._used)

    def saved(self, used: Mapping[int, tuple[int, int]]) -> None:
        """So much is written down now."""
        for number, (statements, rows) in used.items():
            have = self._used[number]
            left = (have[0] - statements, have[1] - rows)
            if left == (0, 0):
                del self._used[number]
            else:
                self._used[number] = left

    def take_claimed(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The grants of rows that others are to be kept from, and those that they may have once what was used is written."""
        kept = tuple(number for number in self._claimed if self._busy[number] > 0)
        released = tuple(self._claimed.difference(kept))
        self._claimed.intersection_update(kept)
        return kept, released

    def claimed(self, taken: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
        """What `take_claimed` gave could not be done."""
        self._claimed.update(*taken)

    def next_turn(self, now: dt.datetime) -> dt.datetime | None:
        """When the next grant begins or ends after `now`."""
        turns = [turn for held in self._held.values() for turn in (held.grant.starts, held.grant.ends)]
        return min((turn for turn in turns if turn is not None and turn > now), default=None)

    def any_due(self, now: dt.datetime) -> bool:
        """Whether the time of a grant is over."""
        return any(held.grant.ends is not None and held.grant.ends <= now for held in self._held.values())

    # -- one execution -------------------------------------------------------------------------------------------

    def unpaid(self, grants: tuple[int, ...]) -> bool:
        """Whether an execution has to be claimed first."""
        return any(not self._paid[number] for number in grants if number in self._held and self._held[number].limited)

    async def claim(self, grants: tuple[int, ...]) -> None:
        """Have an execution counted where all proxies see it; `spend` tells whether it may run."""
        wanted = tuple(number for number in grants if number in self._held and self._held[number].limited)
        of_rows = tuple(number for number in wanted if self._held[number].rows is not None)
        self._busy.update(of_rows)
        try:
            outcome = await self.claiming(wanted)
        finally:
            self._busy.subtract(of_rows)
            self._claimed.update(of_rows)
        for number in wanted:
            self._claims[number] = outcome
            if outcome == "counted" and number in self._held:
                self._paid[number] += 1

    def spend(self, grants: tuple[int, ...]) -> Refusal | None:
        """Count one execution, or say why it may not run: its ruling is older than the end of a grant."""
        if self._clock() > self._until:
            return Refusal(_OVER, f"grant {grants[0]} is over, or nobody can tell", hint=_AGAIN)
        for number in grants:
            held = self._held.get(number)
            if held is None or held.over:
                return Refusal(_OVER, f"grant {number} is over", hint=_AGAIN)
            if held.limited and not self._paid[number]:
                return _unclaimed(number, self._claims.get(number))
        for number in grants:
            held = self._held[number]
            if held.limited:
                self._paid[number] -= 1
                if held.rows is not None:
                    self._busy[number] += 1
                self._lessen(held, 1, 0)
            else:
                self._use(number, 1, 0)
        return None

    def finished(self, grants: tuple[int, ...], status: str, rows: bytes, sent: int) -> None:
        """An execution that was spent has ended: count its rows.

        One that does not end well has no count: then its bytes tell what it may have shown.
        """
        count = int(rows) if rows else 0 if status == "ok" else sent // BYTES_A_ROW
        for number in grants:
            if count:
                self._use(number, 0, count)
            if self._busy[number] > 0:
                self._busy[number] -= 1

    # -- inside --------------------------------------------------------------------------------------------------

    def _use(self, number: int, statements: int, rows: int) -> None:
        before = self._used.get(number, (0, 0))
        self._used[number] = (before[0] + statements, before[1] + rows)
        held = self._held.get(number)
        if held is not None:
            self._lessen(held, statements, rows)

    def _lessen(self, held: _Held, statements: int, rows: int) -> None:
        if held.statements is not None:
            held.statements -= statements
        if held.rows is not None:
            held.rows -= rows
        if held.over:
            self._sort()

    def _sort(self) -> None:
        """Order the grants that are in force by person, and tell when that has changed."""
        by_person: dict[str, tuple[Grant, ...]] = {}
        for held in self._held.values():
            if not held.over:
                by_person[held.grant.principal] = (*by_person.get(held.grant.principal, ()), held.grant)
        if by_person != self._by_person:
            self._by_person = by_person
            self.changed()


def _unclaimed(number: int, claim: Claim | None) -> Refusal:
    if claim == "busy":
        message = f"grant {number} is for a number of rows, and another proxy answers a statement under it"
    elif claim == "unreachable":
        message = f"grant {number} has a limit, and what is used of it cannot be written down now"
    else:
        message = f"grant {number} is over"
    return Refusal(_OVER, message, hint=_AGAIN)
