"""The file of grants: SQLite, with every event of every grant, shared by the proxy and the command line.

Owns the tables and their versions, the ways a grant can go from one state to another, and who did what when: events are only
ever added. May not do: judge who may approve, lay grants over decisions.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal

from policies.approvals import satisfied
from policies.grants import Grant
from policies.loader import PolicyError, read_columns
from policies.rows import RowsError, read_rows

if TYPE_CHECKING:
    from pathlib import Path

What = Literal[
    "requested", "approved", "denied", "revoked", "broken glass", "begun", "expired", "used up", "reviewed"
]  # fmt: skip
"""What happens to a grant. `begun`: enough have approved. `broken glass`: begun without approval."""

_VERSION: Final = 1
_MIGRATIONS: Final = (
    """
    CREATE TABLE grants (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        principal TEXT NOT NULL, columns TEXT NOT NULL, labels TEXT NOT NULL, rows TEXT, declared TEXT NOT NULL,
        database TEXT, purpose TEXT, reason TEXT NOT NULL, requested_by TEXT NOT NULL, requested_at TEXT NOT NULL,
        minutes INTEGER NOT NULL CHECK (minutes > 0), statements INTEGER CHECK (statements > 0), row_limit INTEGER CHECK (row_limit > 0),
        break_glass INTEGER NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('requested', 'active', 'denied', 'revoked', 'expired', 'used up')),
        starts TEXT, ends TEXT, reviewed INTEGER NOT NULL DEFAULT 0,
        statements_used INTEGER NOT NULL DEFAULT 0, rows_used INTEGER NOT NULL DEFAULT 0,
        CHECK (state <> 'active' OR (starts IS NOT NULL AND ends IS NOT NULL))
    );
    CREATE INDEX grants_by_state ON grants (state);
    CREATE TABLE events (
        id INTEGER PRIMARY KEY AUTOINCREMENT, grant_id INTEGER NOT NULL REFERENCES grants,
        what TEXT NOT NULL, person TEXT, at TEXT NOT NULL, note TEXT, needs INTEGER
    );
    CREATE INDEX events_by_grant ON events (grant_id);
    CREATE TRIGGER events_stay BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events are only added'); END;
    CREATE TRIGGER events_are_kept BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'events are only added'); END;
    CREATE TABLE audited (trail TEXT PRIMARY KEY, event INTEGER NOT NULL);
    """,
)
"""What makes each version of the tables from the one before; PRAGMA user_version counts them."""

_BUSY_SECONDS: Final = 5.0


class GrantsUnavailable(Exception):  # noqa: N818  a state of the disk, not a fault of ours
    """The file of grants cannot be read or written; the text says why."""


class WrongState(Exception):  # noqa: N818  told to the person as it is
    """What is asked for does not go with where the grant stands; the text says so."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What is asked for, as it was written: `columns` by key, `rows` the text of a condition. The rest as in `Grant`.

    `declared` are the attributes that sessions may declare, which `rows` may name.
    """

    principal: str
    columns: Mapping[str, list[str]]
    labels: frozenset[tuple[str, int]]
    reason: str
    minutes: int
    rows: str | None = None
    declared: tuple[str, ...] = ()
    database: str | None = None
    purpose: str | None = None
    statements: int | None = None
    row_limit: int | None = None

    def grant(self, requested_by: str, at: dt.datetime, *, break_glass: bool = False) -> Grant:
        """The grant that this would be. Raises PolicyError and RowsError for what cannot be read."""
        return Grant(
            id=0,
            principal=self.principal,
            columns=read_columns(self.columns, {category for category, _ in self.labels}),
            labels=self.labels,
            rows=None if self.rows is None else read_rows(self.rows, self.declared),
            database=self.database,
            purpose=self.purpose,
            reason=self.reason,
            requested_by=requested_by,
            requested_at=at,
            minutes=self.minutes,
            state="requested",
            statements=self.statements,
            row_limit=self.row_limit,
            break_glass=break_glass,
        )


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a grant. `person` None: by itself, as time does. `needs`: how many have to agree, by an approver."""

    id: int
    grant: int
    what: What
    person: str | None
    at: dt.datetime
    note: str | None
    needs: int | None


@dataclass(frozen=True, slots=True)
class Kept:
    """A grant as the file has it: `columns` as they were written, and what was used of it."""

    grant: Grant
    columns: Mapping[str, list[str]]
    statements_used: int
    rows_used: int


class GrantStore:
    """The file, open. Every method may raise GrantsUnavailable. For one thread at a time."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @classmethod
    def open(cls, path: Path) -> GrantStore:
        """Open the file, which is made for its owner alone when it is not there; its tables are brought up to date."""
        try:
            with contextlib.suppress(FileExistsError):  # sqlite would make it readable by others
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        except (OSError, sqlite3.Error) as error:
            raise GrantsUnavailable(f"the file of grants {path} cannot be opened: {error}") from error
        store = cls(connection)
        try:
            store._prepare()
        except BaseException:
            connection.close()
            raise
        return store

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @property
    def version(self) -> int:
        """Grows when somebody else has changed the file; looking costs some microseconds."""
        with self._said():
            return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    # -- asking and deciding -------------------------------------------------------------------------------------

    def request(self, draft: Draft, by: str, at: dt.datetime) -> int:
        """Take down what is asked for; gives its number."""
        with self._changing():
            number = self._insert(draft, by, at, break_glass=False)
            self._note(number, "requested", by, at, draft.reason)
            return number

    def break_glass(self, draft: Draft, by: str, at: dt.datetime) -> int:
        """Begin what is asked for at once; it is to be reviewed."""
        with self._changing():
            number = self._insert(draft, by, at, break_glass=True)
            self._begin(number, draft.minutes, at)
            self._note(number, "broken glass", by, at, draft.reason)
            return number

    def approve(self, number: int, by: str, needs: int, at: dt.datetime) -> bool:
        """Take down that somebody agrees, who says how many it takes; True when these are enough, so that it begins.

        Raises WrongState.
        """
        with self._changing():
            kept = self._in_state(number, "requested")
            if by in kept.grant.approvals:
                raise WrongState(f"{by} has approved grant {number} before; it takes another person")
            self._note(number, "approved", by, at, None, needs)
            rows = self._connection.execute(
                "SELECT person, needs FROM events WHERE grant_id = ? AND what = 'approved'", (number,)
            )
            if not satisfied(dict(rows.fetchall())):
                return False
            self._begin(number, kept.grant.minutes, at)
            self._note(number, "begun", None, at, None)
            return True

    def deny(self, number: int, by: str, note: str | None, at: dt.datetime) -> None:
        """Refuse what is asked for. Raises WrongState."""
        with self._changing():
            self._in_state(number, "requested")
            self._end(number, "denied", by, note, at)

    def revoke(self, number: int, by: str, note: str | None, at: dt.datetime) -> None:
        """End a grant, or take a request back. Raises WrongState."""
        with self._changing():
            self._in_state(number, "requested", "active")
            self._end(number, "revoked", by, note, at)

    def review(self, number: int, by: str, note: str, at: dt.datetime) -> None:
        """Take down that a grant that began without approval was looked at. Raises WrongState."""
        with self._changing():
            kept = self._one(number)
            if not kept.grant.break_glass or kept.grant.reviewed:
                raise WrongState(f"grant {number} has nothing to be reviewed")
            self._connection.execute("UPDATE grants SET reviewed = 1 WHERE id = ?", (number,))
            self._note(number, "reviewed", by, at, note)

    # -- time and use --------------------------------------------------------------------------------------------

    def end_due(self, at: dt.datetime) -> None:
        """End the grants whose time is over."""
        with self._changing():
            due = self._connection.execute("SELECT id FROM grants WHERE state = 'active' AND ends <= ?", (_text(at),))
            for (number,) in due.fetchall():
                self._end(number, "expired", None, None, at)

    def spend(self, used: Mapping[int, tuple[int, int]], at: dt.datetime) -> None:
        """Add (statements, rows) to what was used of each grant, and end those of which nothing is left."""
        with self._changing():
            for number, (statements, rows) in used.items():
                self._connection.execute(
                    "UPDATE grants SET statements_used = statements_used + ?, rows_used = rows_used + ? WHERE id = ?",
                    (statements, rows, number),
                )
                over = self._connection.execute(
                    "SELECT 1 FROM grants WHERE id = ? AND state = 'active'"
                    " AND (statements_used >= statements OR rows_used >= row_limit)",
                    (number,),
                ).fetchone()
                if over is not None:
                    self._end(number, "used up", None, None, at)

    # -- reading -------------------------------------------------------------------------------------------------

    def find(self, number: int) -> Kept:
        """One grant. Raises WrongState when there is none of that number."""
        with self._said():
            return self._one(number)

    def all(self, *, active: bool = False) -> list[Kept]:
        """All grants, or those that are active, by number."""
        where = "WHERE state = 'active'" if active else ""
        with self._said():
            rows = self._rows(f"SELECT * FROM grants {where} ORDER BY id")  # noqa: S608  one of two constants
            return [self._kept(row) for row in rows]

    def history(self, number: int) -> list[Event]:
        """All that has happened to a grant, in order."""
        with self._said():
            return [_event(row) for row in self._rows("SELECT * FROM events WHERE grant_id = ? ORDER BY id", number)]

    def unaudited(self, trail: str) -> list[Event]:
        """The events that an audit trail has not got yet, in order."""
        with self._said():
            return [
                _event(row)
                for row in self._rows(
                    "SELECT * FROM events WHERE id > coalesce((SELECT event FROM audited WHERE trail = ?), 0) ORDER BY id",
                    trail,
                )
            ]

    def audited(self, trail: str, event: int) -> None:
        """Take down that a trail has got the events up to this one."""
        with self._changing():
            self._connection.execute(
                "INSERT INTO audited VALUES (?, ?) ON CONFLICT (trail) DO UPDATE SET event = excluded.event",
                (trail, event),
            )

    # -- inside --------------------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        """Bring the tables to the version of this program."""
        with self._said():
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA foreign_keys = ON")
            self._connection.execute("PRAGMA synchronous = FULL")  # a revocation must outlive a power cut
        with self._changing():
            have = int(self._connection.execute("PRAGMA user_version").fetchone()[0])
            if have > _VERSION:
                raise GrantsUnavailable(f"the file of grants is of version {have}, made by a later Louver than this")
            for migration in _MIGRATIONS[have:]:
                for statement in _statements(migration):
                    self._connection.execute(statement)
            if have < _VERSION:
                self._connection.execute(f"PRAGMA user_version = {_VERSION}")

    @contextlib.contextmanager
    def _said(self) -> Iterator[None]:
        """Say what goes wrong with the file in our words."""
        try:
            yield
        except sqlite3.Error as error:
            raise GrantsUnavailable(f"the file of grants cannot be used: {error}") from error

    @contextlib.contextmanager
    def _changing(self) -> Iterator[None]:
        """One transaction that writes; nobody else writes meanwhile."""
        with self._said():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def _rows(self, text: str, *values: object) -> list[dict[str, Any]]:
        cursor = self._connection.execute(text, values)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def _one(self, number: int) -> Kept:
        rows = self._rows("SELECT * FROM grants WHERE id = ?", number)
        if not rows:
            raise WrongState(f"there is no grant {number}")
        return self._kept(rows[0])

    def _in_state(self, number: int, *states: str) -> Kept:
        kept = self._one(number)
        if kept.grant.state not in states:
            raise WrongState(f"grant {number} is {kept.grant.state}")
        return kept

    def _insert(self, draft: Draft, by: str, at: dt.datetime, *, break_glass: bool) -> int:
        values = {
            "principal": draft.principal,
            "columns": json.dumps(dict(draft.columns), ensure_ascii=False),
            "labels": json.dumps(sorted(draft.labels), ensure_ascii=False),
            "rows": draft.rows,
            "declared": json.dumps(draft.declared),
            "database": draft.database,
            "purpose": draft.purpose,
            "reason": draft.reason,
            "requested_by": by,
            "requested_at": _text(at),
            "minutes": draft.minutes,
            "statements": draft.statements,
            "row_limit": draft.row_limit,
            "break_glass": int(break_glass),
            "state": "requested",
        }
        marks = ", ".join("?" * len(values))
        text = f"INSERT INTO grants ({', '.join(values)}) VALUES ({marks})"  # noqa: S608  our own names
        number = self._connection.execute(text, tuple(values.values())).lastrowid
        assert number is not None
        return number

    def _begin(self, number: int, minutes: int, at: dt.datetime) -> None:
        ends = at + dt.timedelta(minutes=minutes)
        self._connection.execute(
            "UPDATE grants SET state = 'active', starts = ?, ends = ? WHERE id = ?", (_text(at), _text(ends), number)
        )

    def _end(
        self,
        number: int,
        state: Literal["denied", "revoked", "expired", "used up"],
        by: str | None,
        note: str | None,
        at: dt.datetime,
    ) -> None:
        self._connection.execute("UPDATE grants SET state = ? WHERE id = ?", (state, number))
        self._note(number, state, by, at, note)

    def _note(  # noqa: PLR0913, PLR0917  the fields of an event
        self, number: int, what: What, person: str | None, at: dt.datetime, note: str | None, needs: int | None = None
    ) -> None:
        self._connection.execute(
            "INSERT INTO events (grant_id, what, person, at, note, needs) VALUES (?, ?, ?, ?, ?, ?)",
            (number, what, person, _text(at), note, needs),
        )

    def _kept(self, row: Mapping[str, Any]) -> Kept:
        try:
            columns = json.loads(row["columns"])
            draft = Draft(
                principal=row["principal"],
                columns=columns,
                labels=frozenset((category, level) for category, level in json.loads(row["labels"])),
                reason=row["reason"],
                minutes=row["minutes"],
                rows=row["rows"],
                declared=tuple(json.loads(row["declared"])),
                database=row["database"],
                purpose=row["purpose"],
                statements=row["statements"],
                row_limit=row["row_limit"],
            )
            asked = draft.grant(row["requested_by"], _moment(row["requested_at"]), break_glass=bool(row["break_glass"]))
        except (ValueError, TypeError, PolicyError, RowsError) as error:
            raise GrantsUnavailable(f"grant {row['id']} in the file of grants cannot be read: {error}") from error
        approvals = self._connection.execute(
            "SELECT person FROM events WHERE grant_id = ? AND what = 'approved' ORDER BY id", (row["id"],)
        )
        grant = replace(
            asked,
            id=row["id"],
            state=row["state"],
            approvals=tuple(person for (person,) in approvals),
            starts=None if row["starts"] is None else _moment(row["starts"]),
            ends=None if row["ends"] is None else _moment(row["ends"]),
            reviewed=bool(row["reviewed"]),
        )
        return Kept(grant, columns, row["statements_used"], row["rows_used"])


def _statements(script: str) -> Iterator[str]:
    """The statements of a script; sqlite3 would end our transaction before it runs one as a whole."""
    text = ""
    for part in script.split(";"):
        text += f"{part};"
        if sqlite3.complete_statement(text):
            if text.strip(" \n;"):
                yield text
            text = ""


def _event(row: Mapping[str, Any]) -> Event:
    return Event(row["id"], row["grant_id"], row["what"], row["person"], _moment(row["at"]), row["note"], row["needs"])


def _text(moment: dt.datetime) -> str:
    """A moment so that texts sort as moments do."""
    return moment.astimezone(dt.UTC).isoformat(timespec="microseconds")


def _moment(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)
