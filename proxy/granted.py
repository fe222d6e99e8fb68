"""The grants in force, as rulings look at them, and what is used of them.

Owns who has which, and counting: a grant of which nothing is left is over at once. May not do: I/O, look at a clock; the file
is read and written by `proxy.grant_watch`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policies.grants import Overlays
from rewriter.model import Refusal

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterable, Mapping

    from policies.grants import Grant
    from policies.model import Decision, Principal, Session

_BYTES_A_ROW: Final = 16
"""What a row of one short column takes in an answer, for executions that end without a count of their rows."""

_OVER: Final = "53400"  # configuration_limit_exceeded, as for budgets


def _unheard() -> None:
    """Tell nobody that grants have changed."""


class _Held:
    """One grant in force, with how many statements and rows are left of it; None: any number."""

    __slots__ = ("grant", "rows", "statements")

    def __init__(self, grant: Grant, statements: int | None, rows: int | None) -> None:
        self.grant = grant
        self.statements = statements
        self.rows = rows

    @property
    def over(self) -> bool:
        """Whether nothing is left."""
        return (self.statements is not None and self.statements <= 0) or (self.rows is not None and self.rows <= 0)


class Granted:
    """The grants of one proxy. `changed` is called whenever anybody may see something else than before."""

    def __init__(self) -> None:
        self.changed: Callable[[], None] = _unheard
        self._held: dict[int, _Held] = {}
        self._by_person: dict[str, tuple[Grant, ...]] = {}
        self._used: dict[int, tuple[int, int]] = {}  # statements and rows that the file does not know of
        self._overlays = Overlays()

    def lay_over(self, decision: Decision, principal: Principal, session: Session) -> Decision:
        """The decision with the grants of a person; the same object for the same decision and grants."""
        grants = self._by_person.get(principal.name)
        return decision if grants is None else self._overlays.apply(decision, grants, principal, session)

    def replace(self, found: Iterable[tuple[Grant, int, int]]) -> None:
        """Take over the active grants of the file, each with the statements and rows used of it."""
        held = {}
        for grant, statements_used, rows_used in found:
            statements, rows = self._used.get(grant.id, (0, 0))
            held[grant.id] = _Held(
                grant,
                None if grant.statements is None else grant.statements - statements_used - statements,
                None if grant.row_limit is None else grant.row_limit - rows_used - rows,
            )
        self._held = held
        self._sort()

    def spend(self, grants: tuple[int, ...]) -> Refusal | None:
        """Count one execution, or say why it may not run: its ruling is older than the end of a grant."""
        for number in grants:
            held = self._held.get(number)
            if held is None or held.over:
                return Refusal(_OVER, f"grant {number} is over", hint="Send the statement again.")
        for number in grants:
            self._use(number, 1, 0)
        return None

    def finished(self, grants: tuple[int, ...], status: str, rows: bytes, sent: int) -> None:
        """Count the rows of an execution. One that does not end well has no count: then its bytes tell what it may have shown."""
        if rows:
            self._count_rows(grants, int(rows))
        elif status not in {"ok", "denied"}:
            self._count_rows(grants, sent // _BYTES_A_ROW)

    def take_used(self) -> Mapping[int, tuple[int, int]]:
        """What was used and the file does not know of yet, for `saved`."""
        return dict(self._used)

    def saved(self, used: Mapping[int, tuple[int, int]]) -> None:
        """The file knows of this now."""
        for number, (statements, rows) in used.items():
            have = self._used[number]
            left = (have[0] - statements, have[1] - rows)
            if left == (0, 0):
                del self._used[number]
            else:
                self._used[number] = left

    def next_turn(self, now: dt.datetime) -> dt.datetime | None:
        """When the next grant begins or ends after `now`."""
        turns = [turn for held in self._held.values() for turn in (held.grant.starts, held.grant.ends)]
        return min((turn for turn in turns if turn is not None and turn > now), default=None)

    def any_due(self, now: dt.datetime) -> bool:
        """Whether the time of a grant is over."""
        return any(held.grant.ends is not None and held.grant.ends <= now for held in self._held.values())

    # -- inside --------------------------------------------------------------------------------------------------

    def _count_rows(self, grants: tuple[int, ...], rows: int) -> None:
        if rows:
            for number in grants:
                self._use(number, 0, rows)

    def _use(self, number: int, statements: int, rows: int) -> None:
        before = self._used.get(number, (0, 0))
        self._used[number] = (before[0] + statements, before[1] + rows)
        held = self._held.get(number)
        if held is None:
            return
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
