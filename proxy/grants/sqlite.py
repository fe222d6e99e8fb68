"""Grants in a file: SQLite, shared by the proxies of one machine and the command line.

Owns the file's tables and their versions. May not do: know what the tables mean.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from typing import TYPE_CHECKING, Any, Final

from proxy.grants.records import GrantsUnavailable
from proxy.grants.store import GrantStore

if TYPE_CHECKING:
    from collections.abc import Iterator
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
"""What makes each version of the tables from the one before; PRAGMA user_version counts them."""

_BUSY_SECONDS: Final = 5.0


def open_file(path: Path) -> GrantStore:
    """Open the file, which is made for its owner alone when it is not there; its tables are brought up to date.

    Raises GrantsUnavailable.
    """
    try:
        with contextlib.suppress(FileExistsError):  # sqlite would make it readable by others
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    except (OSError, sqlite3.Error) as error:
        raise GrantsUnavailable(f"the file of grants {path} cannot be opened: {error}") from error
    tables = SqliteTables(connection, f"the file of grants {path}")
    try:
        tables.migrate()
    except BaseException:
        tables.close()
        raise
    return GrantStore(tables)


class SqliteTables:
    """The tables in an open file; as `proxy.grants.store.Tables` has it."""

    def __init__(self, connection: sqlite3.Connection, where: str) -> None:
        self._connection = connection
        self.where = where

    @property
    def version(self) -> int:
        """Grows when another connection has changed the file."""
        return int(self.rows("PRAGMA data_version")[0]["data_version"])

    def rows(self, text: str, *values: object) -> list[dict[str, Any]]:
        """Run a statement."""
        try:
            cursor = self._connection.execute(text, values)
            names = [column[0] for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        except sqlite3.Error as error:
            raise GrantsUnavailable(f"{self.where} cannot be used: {error}") from error

    @contextlib.contextmanager
    def changing(self) -> Iterator[None]:
        """One transaction that writes; nobody else writes meanwhile."""
        self.rows("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            with contextlib.suppress(GrantsUnavailable):
                self.rows("ROLLBACK")
            raise
        self.rows("COMMIT")

    def changed(self) -> None:
        """Nothing: others see it by the version."""

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def migrate(self) -> None:
        """Bring the tables to the version of this program."""
        self.rows("PRAGMA journal_mode = WAL")
        self.rows("PRAGMA foreign_keys = ON")
        self.rows("PRAGMA synchronous = FULL")  # a revocation must outlive a power cut
        with self.changing():
            have = int(self.rows("PRAGMA user_version")[0]["user_version"])
            if have > len(_MIGRATIONS):
                raise GrantsUnavailable(f"{self.where} is of version {have}, made by a later Louver than this")
            for migration in _MIGRATIONS[have:]:
                for statement in _statements(migration):
                    self.rows(statement)
            if have < len(_MIGRATIONS):
                self.rows(f"PRAGMA user_version = {len(_MIGRATIONS)}")


def _statements(script: str) -> Iterator[str]:
    """The statements of a script; sqlite3 would end our transaction before it runs one as a whole."""
    text = ""
    for part in script.split(";"):
        text += f"{part};"
        if sqlite3.complete_statement(text):
            if text.strip(" \n;"):
                yield text
            text = ""
