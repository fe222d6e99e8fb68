"""The file of measures: SQLite, written by the alerts and the command line, read and marked by the proxy.

Owns its tables, and that whatever changes in it is told to the audit trail. May not do: decide, act.
"""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any, Final

from proxy.filed import SqliteFile
from proxy.measures.records import Measure, MeasuresUnavailable, NoSuchMeasure, Told

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from proxy.measures.records import Kind

FILE: Final = "measures.db"
"""Its name in the directory of the alerts."""

_MIGRATIONS: Final = (
    """
    CREATE TABLE measures (
        id INTEGER PRIMARY KEY AUTOINCREMENT, origin TEXT UNIQUE,
        kind TEXT NOT NULL CHECK (kind IN ('end_session', 'suspend', 'tighten')),
        principal TEXT NOT NULL, session TEXT NOT NULL, begun TEXT NOT NULL, ends TEXT,
        state TEXT NOT NULL CHECK (state IN ('active', 'done', 'over', 'lifted')),
        person TEXT, reason TEXT NOT NULL, rule TEXT, incident INTEGER
    );
    CREATE INDEX measures_by_state ON measures (state);
    CREATE TABLE events (id INTEGER PRIMARY KEY AUTOINCREMENT, origin TEXT UNIQUE, event TEXT NOT NULL, fields TEXT NOT NULL);
    CREATE TRIGGER events_stay BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events are only added'); END;
    CREATE TRIGGER events_are_kept BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'events are only added'); END;
    CREATE TABLE audited (trail TEXT PRIMARY KEY, event INTEGER NOT NULL);
    """,
)
"""What makes each version of the tables from the one before."""


class MeasureStore:
    """The file, open. Everything may raise MeasuresUnavailable. For one thread at a time."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file
        self._rows = file.rows
        self._changing = file.changing
        self.close = file.close

    @classmethod
    def open(cls, directory: Path) -> MeasureStore:
        """Open the file in a directory; both are made for their owner alone when they are not there."""
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise MeasuresUnavailable(f"the directory {directory} of measures cannot be made: {error}") from error
        return cls(SqliteFile(directory / FILE, "the file of measures", MeasuresUnavailable, _MIGRATIONS))

    @property
    def version(self) -> int:
        """Another number whenever somebody else has changed the file; looking costs little."""
        return self._file.version

    # -- what is ordered -------------------------------------------------------------------------------------------

    def begin(  # noqa: PLR0913  what a measure is
        self,
        kind: Kind,
        principal: str,
        at: dt.datetime,
        *,
        session: str = "",
        seconds: float | None = None,
        by: str | None = None,
        reason: str = "",
        rule: str | None = None,
        incident: int | None = None,
        origin: str | None = None,
    ) -> int:
        """Put a measure in force; gives its number. What has the same `origin` is one, however often it is asked for."""
        with self._changing():
            known = self._rows("SELECT id FROM measures WHERE origin = ?", origin) if origin else []
            if known:
                return int(known[0][0])
            ends = None if seconds is None else at + dt.timedelta(seconds=seconds)
            self._rows(
                "INSERT INTO measures (origin, kind, principal, session, begun, ends, state, person, reason, rule, incident) "
                "VALUES (?, ?, ?, ?, ?, ?, 'active', ?, ?, ?, ?)",
                origin, kind, principal, session, _text(at), None if ends is None else _text(ends), by, reason, rule, incident,
            )  # fmt: skip
            ((number,),) = self._rows("SELECT last_insert_rowid()")
            self._note(int(number), "begun", by)
            return int(number)

    def lift(self, number: int, by: str, reason: str, at: dt.datetime) -> Measure:
        """End a measure before its time. Raises NoSuchMeasure."""
        with self._changing():
            found = self._rows(f"SELECT {_FIELDS} FROM measures WHERE id = ?", number)  # noqa: S608  names of our own
            if not found or not _measure(found[0]).holds(at):
                raise NoSuchMeasure(
                    f"there is no measure {number} in force; `louver alerts measures` lists those that are"
                )
            self._rows("UPDATE measures SET state = 'lifted' WHERE id = ?", number)
            self._note(number, "lifted", by, reason)
        return _measure(found[0])

    def tell(self, event: str, fields: Mapping[str, Any], origin: str) -> None:
        """Have the trail told of something; what has the same `origin` is told once."""
        with self._changing():
            self._rows(
                "INSERT OR IGNORE INTO events (origin, event, fields) VALUES (?, ?, ?)",
                origin,
                event,
                json.dumps(dict(fields)),
            )

    # -- what the proxy does ---------------------------------------------------------------------------------------

    def all(self, *, active: bool = False) -> list[Measure]:
        """The measures, by their numbers."""
        where = "WHERE state = 'active'" if active else ""
        return [_measure(row) for row in self._rows(f"SELECT {_FIELDS} FROM measures {where} ORDER BY id")]  # noqa: S608  names of our own

    def end_due(self, at: dt.datetime) -> None:
        """Those whose time is over are over."""
        if self._rows("SELECT 1 FROM measures WHERE state = 'active' AND ends <= ? LIMIT 1", _text(at)):
            with self._changing():
                due = self._rows("SELECT id FROM measures WHERE state = 'active' AND ends <= ?", _text(at))
                for (number,) in due:
                    self._rows("UPDATE measures SET state = 'over' WHERE id = ?", number)
                    self._note(number, "over", None)

    def done(self, number: int) -> None:
        """What is done once is done."""
        with self._changing():
            if self._rows("SELECT 1 FROM measures WHERE id = ? AND state = 'active'", number):
                self._rows("UPDATE measures SET state = 'done' WHERE id = ?", number)
                self._note(number, "done", None)

    def unaudited(self, trail: str) -> list[Told]:
        """What a trail has not been told yet, oldest first."""
        rows = self._rows(
            "SELECT id, event, fields FROM events WHERE id > coalesce((SELECT event FROM audited WHERE trail = ?), 0) ORDER BY id LIMIT 1000",
            trail,
        )
        return [Told(number, event, json.loads(fields)) for number, event, fields in rows]

    def audited(self, trail: str, event: int) -> None:
        """A trail has been told of all events up to this one."""
        with self._changing():
            self._rows("INSERT OR REPLACE INTO audited VALUES (?, ?)", trail, event)

    # -- inside ----------------------------------------------------------------------------------------------------

    def _note(self, number: int, what: str, by: str | None, reason: str | None = None) -> None:
        """Have the trail told what has become of a measure."""
        ((row),) = self._rows(f"SELECT {_FIELDS} FROM measures WHERE id = ?", number)  # noqa: S608  names of our own
        measure = _measure(row)
        fields = {
            "response": number,
            "what": what,
            "kind": measure.kind,
            "principal": measure.principal,
            "target": measure.session or None,
            "ends": None if measure.ends is None else measure.ends.isoformat(),
            "rule": measure.rule,
            "incident": measure.incident,
            "person": by,
            "reason": reason if reason is not None else measure.reason,
        }
        self._rows("INSERT INTO events (event, fields) VALUES ('response', ?)", json.dumps(fields))


_FIELDS: Final = "id, kind, principal, session, begun, ends, state, person, reason, rule, incident"


def _measure(row: tuple[Any, ...]) -> Measure:
    number, kind, principal, session, begun, ends, state, person, reason, rule, incident = row
    return Measure(
        number,
        kind,
        principal,
        session,
        dt.datetime.fromisoformat(begun),
        None if ends is None else dt.datetime.fromisoformat(ends),
        state,
        person,
        reason,
        rule,
        incident,
    )


def _text(at: dt.datetime) -> str:
    """A moment as it stands in the file: of one length, so that they sort as they follow each other."""
    return at.astimezone(dt.UTC).isoformat(timespec="microseconds")
