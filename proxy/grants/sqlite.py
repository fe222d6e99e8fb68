"""Grants in a file: SQLite, shared by the proxies of one machine and the command line.

Owns its tables and their versions. May not do: know what the tables mean.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from proxy.filed import SqliteFile
from proxy.grants.records import GrantsUnavailable
from proxy.grants.store import GrantStore

if TYPE_CHECKING:
    from pathlib import Path

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
    """
    ALTER TABLE grants ADD COLUMN holder TEXT;
    ALTER TABLE grants ADD COLUMN held_until TEXT;
    CREATE TABLE served (protocol TEXT NOT NULL);
    """,
)
"""What makes each version of the tables from the one before."""


def open_file(path: Path) -> GrantStore:
    """Open the file, which is made for its owner alone when it is not there; its tables are brought up to date.

    Raises GrantsUnavailable.
    """
    return GrantStore(SqliteTables(SqliteFile(path, "the file of grants", GrantsUnavailable, _MIGRATIONS)))


class SqliteTables:
    """The tables in an open file; as `proxy.grants.store.Tables` has it."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file
        self.where = file.where
        self.rows = file.named_rows
        self.changing = file.changing
        self.close = file.close

    @property
    def version(self) -> int:
        """Grows when another connection has changed the file."""
        return self._file.version

    def changed(self) -> None:
        """Nothing: others see it by the version."""
