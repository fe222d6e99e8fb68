"""The state of the alerts: a file that says up to which record all is done, what is usual, and what is still to be told.

Owns the file. What follows from a stretch of records is saved in one transaction with the place behind it, so that after a crash at
any moment each record has been taken once. What is to be told stands in the same file until it has arrived: it arrives at least once,
and carries a number that never changes. May not do: judge records, send.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from alerts.engine import KINDS, Engine
from alerts.incidents import Incident, Incidents
from alerts.watching import Watching

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from alerts.rules import Rulebook
    from alerts.watching import Told

_TABLES: Final = """
CREATE TABLE place (seq INTEGER NOT NULL, now INTEGER NOT NULL, learned INTEGER NOT NULL, incident INTEGER NOT NULL, name TEXT NOT NULL);
CREATE TABLE cells (rule TEXT, kind TEXT, who TEXT, data BLOB NOT NULL, PRIMARY KEY (rule, kind, who)) WITHOUT ROWID;
CREATE TABLE running (session TEXT, number INTEGER, data BLOB NOT NULL, PRIMARY KEY (session, number)) WITHOUT ROWID;
CREATE TABLE incidents (number INTEGER PRIMARY KEY, open INTEGER NOT NULL, last INTEGER NOT NULL, data BLOB NOT NULL);
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT, channel TEXT NOT NULL, incident INTEGER NOT NULL, rule TEXT NOT NULL, at INTEGER NOT NULL,
    data BLOB NOT NULL, tries INTEGER NOT NULL DEFAULT 0, due REAL NOT NULL DEFAULT 0, state TEXT NOT NULL DEFAULT 'waiting', error TEXT
);
CREATE INDEX outbox_waiting ON outbox (state, due);
PRAGMA user_version = 1
"""
_VERSION: Final = 1
_KEPT: Final = 10_000
"""Messages that have arrived and are kept for `louver alerts list`."""


class StateUnavailable(Exception):  # noqa: N818  a state of the disk, not a fault of ours
    """The file of the alerts' state cannot be used."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Something that has not arrived: `channel` empty is the proxy, that is to do something or to take it down."""

    id: int
    channel: str
    incident: int
    rule: str
    at: int
    data: dict[str, Any]
    tries: int


class State:
    """The file, open. Everything may raise StateUnavailable. For one thread at a time."""

    def __init__(self, connection: sqlite3.Connection, where: str) -> None:
        self._connection = connection
        self._where = where

    @classmethod
    def open(cls, path: Path) -> State:
        """Open the file, which is made for its owner alone when it is not there."""
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with contextlib.suppress(FileExistsError):  # sqlite would make it readable by others
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            connection = sqlite3.connect(path, timeout=5.0, isolation_level=None, check_same_thread=False)
        except (OSError, sqlite3.Error) as error:
            raise StateUnavailable(f"the state of the alerts {path} cannot be opened: {error}") from error
        state = cls(connection, str(path))
        try:
            state._prepare()
        except BaseException:
            connection.close()
            raise
        return state

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    # -- the watching ----------------------------------------------------------------------------------------------

    def begin(self, learned: int, behind: int = 0) -> None:
        """Take down, once, behind which record of the trail to begin, and up to which one to learn without telling."""
        with self._changing():
            if not self._rows("SELECT 1 FROM place"):
                self._rows("INSERT INTO place VALUES (?, 0, ?, 0, ?)", behind, learned, secrets.token_hex(8))

    @property
    def begun(self) -> bool:
        """Whether anything was ever watched."""
        return bool(self._rows("SELECT 1 FROM place"))

    @property
    def place(self) -> int:
        """The record up to which all is done."""
        return int(self._rows("SELECT seq FROM place")[0][0])

    @property
    def name(self) -> str:
        """What tells this state from others: a file that was made anew counts from one again."""
        return str(self._rows("SELECT name FROM place")[0][0])

    def load(self, book: Rulebook) -> tuple[Watching, int]:
        """The watching as it was saved last, by these rules; and up to which record it tells nothing."""
        ((seq, now, learned, number),) = self._rows("SELECT seq, now, learned, incident FROM place")
        cells = {
            (rule, kind, who): msgspec.msgpack.decode(data, type=KINDS[kind])
            for rule, kind, who, data in self._rows("SELECT rule, kind, who, data FROM cells")
        }
        running = {
            (session, statement): msgspec.msgpack.decode(data)
            for session, statement, data in self._rows("SELECT session, number, data FROM running")
        }
        engine = Engine(book, cells, running, now)
        return Watching(book, engine, Incidents(book.quiet, self.incidents(open_only=True), number), seq), learned

    def save(self, watching: Watching, told: list[Told]) -> None:
        """Save what has changed, and what is to be told and done, in one transaction."""
        engine = watching.engine
        with self._changing():
            self._many("DELETE FROM cells WHERE rule = ? AND kind = ? AND who = ?", watching.gone)
            encode = msgspec.msgpack.encode
            self._many(
                "INSERT OR REPLACE INTO cells VALUES (?, ?, ?, ?)",
                [(*key, encode(engine.cells[key])) for key in engine.dirty if key in engine.cells],
            )
            self._save_running(watching)
            self._many(
                "INSERT OR REPLACE INTO incidents VALUES (?, ?, ?, ?)",
                [(each.number, not each.closed, each.last, encode(each)) for each in watching.touched.values()],
            )
            self._many(
                "INSERT INTO outbox (channel, incident, rule, at, data) VALUES (?, ?, ?, ?, ?)",
                [
                    (channel, each.incident, each.rule, each.at, encode(_data(each, channel)))
                    for each in told
                    for channel in ("", *each.channels)
                ],
            )
            self._rows(
                "UPDATE place SET seq = ?, now = ?, incident = ?", watching.place, engine.now, watching.incidents.number
            )
        engine.dirty.clear()
        watching.touched.clear()
        watching.gone.clear()

    def _save_running(self, watching: Watching) -> None:
        have = set(self._rows("SELECT session, number FROM running"))
        running = watching.engine.joining.running
        self._many("DELETE FROM running WHERE session = ? AND number = ?", [key for key in have if key not in running])
        new = [(*key, msgspec.msgpack.encode(kept)) for key, kept in running.items() if key not in have]
        self._many("INSERT INTO running VALUES (?, ?, ?)", new)

    # -- incidents and messages ------------------------------------------------------------------------------------

    def incidents(self, *, open_only: bool = False, since: int = 0) -> list[Incident]:
        """Incidents by their numbers; those that something has come to since a moment."""
        where = "WHERE last >= ?" + (" AND open" if open_only else "")
        rows = self._rows(f"SELECT data FROM incidents {where} ORDER BY number", since)  # noqa: S608  of the two texts above
        return [msgspec.msgpack.decode(data, type=Incident) for (data,) in rows]

    def waiting(self, now: float, channel: str | None = None) -> list[Waiting]:
        """What is to be sent by now, oldest first; to one channel, or to all."""
        rows = self._rows(
            "SELECT id, channel, incident, rule, at, data, tries FROM outbox "
            "WHERE state = 'waiting' AND due <= ? AND coalesce(channel = ?, true) ORDER BY id LIMIT 200",
            now,
            channel,
        )
        return [
            Waiting(number, channel, incident, rule, at, msgspec.msgpack.decode(data), tries)
            for number, channel, incident, rule, at, data, tries in rows
        ]

    def arrived(self, number: int) -> None:
        """A message has arrived."""
        with self._changing():
            self._rows("UPDATE outbox SET state = 'arrived', tries = tries + 1, error = NULL WHERE id = ?", number)
            self._rows("DELETE FROM outbox WHERE state = 'arrived' AND id <= ?", number - _KEPT)

    def drop_others(self, channels: Iterable[str]) -> None:
        """Give up what waits for channels that there are no more."""
        known = {"", *channels}
        for number, channel in self._rows("SELECT id, channel FROM outbox WHERE state = 'waiting'"):
            if channel not in known:
                self.failed(number, "there is no such channel any more", None)

    def failed(self, number: int, error: str, due: float | None) -> None:
        """A message has not arrived; it is tried again at `due`, or given up."""
        state = "waiting" if due is not None else "given up"
        with self._changing():
            self._rows(
                "UPDATE outbox SET tries = tries + 1, due = ?, state = ?, error = ? WHERE id = ?",
                due or 0.0,
                state,
                error,
                number,
            )

    def deliveries(self, incident: int) -> list[tuple[str, str, str, int, str | None]]:
        """What has become of an incident's messages: channel, rule, state, tries, error."""
        return self._rows(
            "SELECT channel, rule, state, tries, error FROM outbox WHERE incident = ? ORDER BY id", incident
        )

    # -- inside ----------------------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        self._rows("PRAGMA journal_mode = WAL")
        self._rows("PRAGMA synchronous = FULL")
        with self._changing():
            ((have,),) = self._rows("PRAGMA user_version")
            if have > _VERSION:
                raise StateUnavailable(f"{self._where} was made by a later Louver than this")
            for statement in _TABLES.split(";\n") if not have else ():
                self._rows(statement)

    def _rows(self, text: str, *values: object) -> list[Any]:
        try:
            return self._connection.execute(text, values).fetchall()
        except sqlite3.Error as error:
            raise StateUnavailable(f"the state of the alerts {self._where} cannot be used: {error}") from error

    def _many(self, text: str, rows: list[Any]) -> None:
        if rows:
            try:
                self._connection.executemany(text, rows)
            except sqlite3.Error as error:
                raise StateUnavailable(f"the state of the alerts {self._where} cannot be used: {error}") from error

    @contextlib.contextmanager
    def _changing(self) -> Iterator[None]:
        self._rows("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            with contextlib.suppress(StateUnavailable):
                self._rows("ROLLBACK")
            raise
        self._rows("COMMIT")


def _data(told: Told, channel: str) -> dict[str, Any]:
    """What a message is; to the proxy, what is to be done."""
    data: dict[str, Any] = {
        "headline": told.headline,
        "text": told.text,
        "fields": told.fields,
        "severity": told.severity,
    }
    if not channel:
        data["orders"] = [
            {
                "what": each.response.kind,
                "lasts": each.response.lasts,
                "principal": each.principal,
                "session": each.session,
            }
            for each in told.orders
        ]
        data["channels"] = list(told.channels)
        data["spared"] = [each.response.kind for each in told.spared]
    return data
