"""The store of grants: the ways a grant can go from one state to another, and who did what when.

Owns the order of what is read and written, the same for every kind of tables; events are only ever added. May not do: judge who may
approve, lay grants over decisions, know a database.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from policies.approvals import satisfied
from proxy.grants.records import Draft, Event, GrantsUnavailable, Kept, What, WrongState
from proxy.grants.rows import event_of, kept_of, text_of, values_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from contextlib import AbstractContextManager

Claim = Literal["counted", "over", "busy", "unreachable"]
"""What becomes of the wish to run a statement under grants with a limit: it is counted, nothing is left, another proxy is at it, or
nobody can tell."""

HOLD: Final = dt.timedelta(seconds=10)
"""How long a proxy that is gone keeps others from a grant of rows; one that lives says so twice a second."""

_CLAIMED: Final = """
    SELECT id, ends, statements - statements_used AS remaining, row_limit, holder, held_until,
        state <> 'active' OR coalesce(statements_used >= statements OR rows_used >= row_limit, false) AS spent
    FROM grants WHERE id = ?
"""


class Tables(Protocol):
    """Where grants are kept. The tables and their columns have the same names everywhere; moments are texts that sort as they do.

    Everything may raise GrantsUnavailable. For one thread at a time.
    """

    @property
    def where(self) -> str:
        """What they are, for people."""
        ...

    @property
    def version(self) -> int:
        """Another number whenever somebody else has changed a grant; cheap to ask for."""
        ...

    def rows(self, text: str, *values: object) -> list[dict[str, Any]]:
        """Run a statement, with `?` for each value; its rows by the names of their columns."""
        ...

    def changing(self) -> AbstractContextManager[None]:
        """One transaction that writes; nobody else writes meanwhile."""
        ...

    def changed(self) -> None:
        """Let others know, when the transaction is over, that a grant has changed."""
        ...

    def close(self) -> None:
        """Let go of them."""
        ...


class GrantStore:
    """Grants as they are kept. Every method may raise GrantsUnavailable. For one thread at a time."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def close(self) -> None:
        """Let go of the tables."""
        self._tables.close()

    @property
    def version(self) -> int:
        """Another number whenever somebody else has changed a grant; looking costs little."""
        return self._tables.version

    def serve(self, protocol: str) -> None:
        """Say which protocol the grants are for, once for all: the same names mean other columns elsewhere."""
        with self._tables.changing():
            found = self._tables.rows("SELECT protocol FROM served")
            if not found:
                self._tables.rows("INSERT INTO served (protocol) VALUES (?)", protocol)
            elif found[0]["protocol"] != protocol:
                raise GrantsUnavailable(
                    f"{self._tables.where} are for {found[0]['protocol']}, not {protocol}; keep others elsewhere"
                )

    # -- asking and deciding -------------------------------------------------------------------------------------

    def request(self, draft: Draft, by: str, at: dt.datetime) -> int:
        """Take down what is asked for; gives its number."""
        with self._tables.changing():
            number = self._insert(draft, by, at, break_glass=False)
            self._note(number, "requested", by, at, draft.reason)
            return number

    def break_glass(self, draft: Draft, by: str, at: dt.datetime) -> int:
        """Begin what is asked for at once; it is to be reviewed."""
        with self._tables.changing():
            number = self._insert(draft, by, at, break_glass=True)
            self._begin(number, draft.minutes, at)
            self._note(number, "broken glass", by, at, draft.reason)
            return number

    def approve(self, number: int, by: str, needs: int, at: dt.datetime) -> bool:
        """Take down that somebody agrees, who says how many it takes; True when these are enough, so that it begins.

        Raises WrongState.
        """
        with self._tables.changing():
            kept = self._in_state(number, "requested")
            if by in kept.grant.approvals:
                raise WrongState(f"{by} has approved grant {number} before; it takes another person")
            self._note(number, "approved", by, at, None, needs)
            rows = self._tables.rows(
                "SELECT person, needs FROM events WHERE grant_id = ? AND what = 'approved'", number
            )
            if not satisfied({row["person"]: row["needs"] for row in rows}):
                return False
            self._begin(number, kept.grant.minutes, at)
            self._note(number, "begun", None, at, None)
            return True

    def deny(self, number: int, by: str, note: str | None, at: dt.datetime) -> None:
        """Refuse what is asked for. Raises WrongState."""
        with self._tables.changing():
            self._in_state(number, "requested")
            self._end(number, "denied", by, note, at)

    def revoke(self, number: int, by: str, note: str | None, at: dt.datetime) -> None:
        """End a grant, or take a request back. Raises WrongState."""
        with self._tables.changing():
            self._in_state(number, "requested", "active")
            self._end(number, "revoked", by, note, at)

    def review(self, number: int, by: str, note: str, at: dt.datetime) -> None:
        """Take down that a grant that began without approval was looked at. Raises WrongState."""
        with self._tables.changing():
            kept = self._one(number)
            if not kept.grant.break_glass or kept.grant.reviewed:
                raise WrongState(f"grant {number} has nothing to be reviewed")
            self._tables.rows("UPDATE grants SET reviewed = 1 WHERE id = ?", number)
            self._note(number, "reviewed", by, at, note)

    # -- time and use --------------------------------------------------------------------------------------------

    def end_due(self, at: dt.datetime) -> None:
        """End the grants whose time is over."""
        with self._tables.changing():
            due = self._tables.rows("SELECT id FROM grants WHERE state = 'active' AND ends <= ?", text_of(at))
            for row in due:
                self._end(row["id"], "expired", None, None, at)

    def spend(self, used: Mapping[int, tuple[int, int]], at: dt.datetime) -> None:
        """Add (statements, rows) to what was used of each grant, and end those of which nothing is left."""
        with self._tables.changing():
            for number, (statements, rows) in used.items():
                over = self._tables.rows(
                    "UPDATE grants SET statements_used = statements_used + ?, rows_used = rows_used + ? WHERE id = ?"
                    " RETURNING state = 'active' AND (statements_used >= statements OR rows_used >= row_limit) AS spent",
                    statements,
                    rows,
                    number,
                )
                if over and over[0]["spent"]:
                    self._end(number, "used up", None, None, at)

    def claim(self, numbers: Iterable[int], holder: str, at: dt.datetime) -> Claim:
        """Count one statement under each of these grants before it runs, unless one of them is over; then none is counted.

        A grant of rows is for one holder at a time, until `release` or HOLD has passed: only who knows what was shown
        before knows what is left.
        """
        with self._tables.changing():
            found = [row for number in numbers for row in self._tables.rows(_CLAIMED, number)]
            if any(row["spent"] or row["ends"] <= text_of(at) for row in found):
                return "over"
            others = (row for row in found if row["row_limit"] is not None and row["holder"] not in {None, holder})
            if any(row["held_until"] > text_of(at) for row in others):
                return "busy"
            for row in found:
                self._tables.rows(
                    "UPDATE grants SET statements_used = statements_used + 1, holder = ?, held_until = ? WHERE id = ?",
                    holder,
                    text_of(at + HOLD),
                    row["id"],
                )
                if row["remaining"] == 1:
                    self._end(row["id"], "used up", None, None, at)
        return "counted"

    def hold(self, numbers: Iterable[int], holder: str, at: dt.datetime) -> None:
        """Keep others from grants of rows for a while more."""
        self._hold(numbers, holder, text_of(at + HOLD))

    def release(self, numbers: Iterable[int], holder: str, at: dt.datetime) -> None:
        """Let others have grants of rows again, once what was used of them is written."""
        self._hold(numbers, holder, text_of(at))

    # -- reading -------------------------------------------------------------------------------------------------

    def find(self, number: int) -> Kept:
        """One grant. Raises WrongState when there is none of that number."""
        return self._one(number)

    def all(self, *, active: bool = False) -> list[Kept]:
        """All grants, or those that are active, by number."""
        those = "SELECT id FROM grants WHERE state = 'active'" if active else "SELECT id FROM grants"
        rows = self._tables.rows(f"SELECT * FROM grants WHERE id IN ({those}) ORDER BY id")  # noqa: S608  one of two constants
        approvals: dict[int, list[str]] = {}
        for row in self._tables.rows(
            f"SELECT grant_id, person FROM events WHERE what = 'approved' AND grant_id IN ({those}) ORDER BY id"  # noqa: S608
        ):
            approvals.setdefault(row["grant_id"], []).append(row["person"])
        return [kept_of(row, approvals.get(row["id"], ())) for row in rows]

    def history(self, number: int) -> list[Event]:
        """All that has happened to a grant, in order."""
        return [
            event_of(row) for row in self._tables.rows("SELECT * FROM events WHERE grant_id = ? ORDER BY id", number)
        ]

    def unaudited(self, trail: str) -> list[Event]:
        """The events that an audit trail has not got yet, in order."""
        return [
            event_of(row)
            for row in self._tables.rows(
                "SELECT * FROM events WHERE id > coalesce((SELECT event FROM audited WHERE trail = ?), 0) ORDER BY id",
                trail,
            )
        ]

    def audited(self, trail: str, event: int) -> None:
        """Take down that a trail has got the events up to this one."""
        with self._tables.changing():
            self._tables.rows(
                "INSERT INTO audited VALUES (?, ?) ON CONFLICT (trail) DO UPDATE SET event = excluded.event",
                trail,
                event,
            )

    # -- inside --------------------------------------------------------------------------------------------------

    def _hold(self, numbers: Iterable[int], holder: str, until: str) -> None:
        with self._tables.changing():
            for number in numbers:
                self._tables.rows("UPDATE grants SET held_until = ? WHERE id = ? AND holder = ?", until, number, holder)

    def _one(self, number: int) -> Kept:
        rows = self._tables.rows("SELECT * FROM grants WHERE id = ?", number)
        if not rows:
            raise WrongState(f"there is no grant {number}")
        approvals = self._tables.rows(
            "SELECT person FROM events WHERE grant_id = ? AND what = 'approved' ORDER BY id", number
        )
        return kept_of(rows[0], [row["person"] for row in approvals])

    def _in_state(self, number: int, *states: str) -> Kept:
        kept = self._one(number)
        if kept.grant.state not in states:
            raise WrongState(f"grant {number} is {kept.grant.state}")
        return kept

    def _insert(self, draft: Draft, by: str, at: dt.datetime, *, break_glass: bool) -> int:
        values = values_of(draft, by, at, break_glass=break_glass)
        marks = ", ".join("?" * len(values))
        text = f"INSERT INTO grants ({', '.join(values)}) VALUES ({marks}) RETURNING id"  # noqa: S608  our own names
        return int(self._tables.rows(text, *values.values())[0]["id"])

    def _begin(self, number: int, minutes: int, at: dt.datetime) -> None:
        ends = at + dt.timedelta(minutes=minutes)
        self._tables.rows(
            "UPDATE grants SET state = 'active', starts = ?, ends = ? WHERE id = ?", text_of(at), text_of(ends), number
        )

    def _end(
        self,
        number: int,
        state: Literal["denied", "revoked", "expired", "used up"],
        by: str | None,
        note: str | None,
        at: dt.datetime,
    ) -> None:
        self._tables.rows("UPDATE grants SET state = ? WHERE id = ?", state, number)
        self._note(number, state, by, at, note)

    def _note(  # noqa: PLR0913, PLR0917  the fields of an event
        self, number: int, what: What, person: str | None, at: dt.datetime, note: str | None, needs: int | None = None
    ) -> None:
        self._tables.rows(
            "INSERT INTO events (grant_id, what, person, at, note, needs) VALUES (?, ?, ?, ?, ?, ?)",
            number,
            what,
            person,
            text_of(at),
            note,
            needs,
        )
        self._tables.changed()
