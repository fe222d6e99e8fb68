"""A file of ours: SQLite, made for its owner alone, shared by the processes of one machine.

Owns opening it, bringing its tables up to date, and one transaction at a time. May not do: know what the tables mean.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_BUSY_SECONDS: Final = 5.0


class SqliteFile:
    """The file, open; for one thread at a time. Whatever is wrong with it is raised as `fault`, which names it by `what`.

    `migrations` make each version of the tables from the one before; PRAGMA user_version counts them.
    """

    def __init__(self, path: Path, what: str, fault: type[Exception], migrations: Sequence[str]) -> None:
        self.where = f"{what} {path}"
        self._fault = fault
        try:
            with contextlib.suppress(FileExistsError):  # sqlite would make it readable by others
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            self._connection = sqlite3.connect(
                path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
        except (OSError, sqlite3.Error) as error:
            raise fault(f"{self.where} cannot be opened: {error}") from error
        try:
            self._migrate(migrations)
        except BaseException:
            self.close()
            raise

    @property
    def version(self) -> int:
        """Another number whenever another connection has changed the file; looking costs little."""
        return int(self.rows("PRAGMA data_version")[0][0])

    def rows(self, text: str, *values: object) -> list[tuple[Any, ...]]:
        """Run a statement; its rows."""
        try:
            return self._connection.execute(text, values).fetchall()
        except sqlite3.Error as error:
            raise self._fault(f"{self.where} cannot be used: {error}") from error

    def named_rows(self, text: str, *values: object) -> list[dict[str, Any]]:
        """The same, with the names of their columns."""
        try:
            cursor = self._connection.execute(text, values)
            names = [column[0] for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        except sqlite3.Error as error:
            raise self._fault(f"{self.where} cannot be used: {error}") from error

    @contextlib.contextmanager
    def changing(self) -> Iterator[None]:
        """One transaction that writes; nobody else writes meanwhile."""
        self.rows("BEGIN IMMEDIATE")
        try:
            yield
            self.rows("COMMIT")
        except BaseException:
            with contextlib.suppress(self._fault):
                self.rows("ROLLBACK")
            raise

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def _migrate(self, migrations: Sequence[str]) -> None:
        self.rows("PRAGMA journal_mode = WAL")
        self.rows("PRAGMA foreign_keys = ON")
        self.rows("PRAGMA synchronous = FULL")  # what is revoked or suspended stays so after a power cut
        with self.changing():
            have = int(self.rows("PRAGMA user_version")[0][0])
            if have > len(migrations):
                raise self._fault(f"{self.where} is of version {have}, made by a later Louver than this")
            for migration in migrations[have:]:
                for statement in _statements(migration):
                    self.rows(statement)
            if have < len(migrations):
                self.rows(f"PRAGMA user_version = {len(migrations)}")


def _statements(script: str) -> Iterator[str]:
    """The statements of a script; sqlite3 would end our transaction before it runs one as a whole."""
    text = ""
    for part in script.split(";"):
        text += f"{part};"
        if sqlite3.complete_statement(text):
            if text.strip(" \n;"):
                yield text
            text = ""
