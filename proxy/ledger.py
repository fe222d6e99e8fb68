"""The ledger: a file of Louver's own with the labels of columns that the dictionary alone would not give again.

Owns the file, what follows from its lines, and that they are on the disk before anybody rests on them. Each line is one
change; a line that was torn by a crash stands for nothing, for what it was written for has not happened.
May not do: know a catalog, decide which column has which label.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from typing import TYPE_CHECKING, Any, Final

from proxy.book import Book, Expected, Kept, drop_line, expect_line, expected_of, kept_of, label_line, place_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Self

_SLACK: Final = 200
"""Lines beyond those that still count, above which the file is written anew when it is opened."""


class LedgerUnavailable(Exception):  # noqa: N818  a state of the disk, not a fault of ours
    """The ledger cannot be read or written; what would need a line in it may not happen."""


class Ledger:
    """The labels of all databases of one upstream. Changes hold in memory at once, and on the disk after `flush`.

    Without a `path` it lives in memory alone. Only `flush` may be called from another thread.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self.books: dict[str, Book] = {}
        self._pending: list[dict[str, Any]] = []
        self._flushing = threading.Lock()
        self._descriptor: int | None = None

    @classmethod
    def read(cls, path: Path) -> Self:
        """What a file says; nothing when there is none. Raises LedgerUnavailable."""
        ledger = cls()
        ledger._fold(path)
        return ledger

    @classmethod
    def open(cls, path: Path) -> Self:
        """Go on with a file, which is made when it is not there. Raises LedgerUnavailable.

        One process may have it open; others may read it, and append lines of their own, which `reread` finds.
        """
        ledger = cls(path)
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lines, torn = ledger._fold(path)
            live = ledger._lines()
            if torn or lines > 2 * len(live) + _SLACK:
                _replace(path, live)
            ledger._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            _sync_directory(path)
        except OSError as error:
            raise LedgerUnavailable(f"the ledger of labels {path} cannot be opened: {error.strerror}") from error
        return ledger

    @classmethod
    def forget(cls, path: Path, database: str, kept: Kept, reason: str) -> None:
        """Append that a label is dropped, for whoever reads the file next. Raises LedgerUnavailable."""
        ledger = cls(path)
        if ledger._fold(path)[1]:
            raise LedgerUnavailable(f"{path} ends within a line; start Louver once, which repairs it")
        try:
            ledger._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        except OSError as error:
            raise LedgerUnavailable(f"the ledger of labels {path} cannot be written: {error.strerror}") from error
        try:
            ledger.drop(database, kept, reason)
            ledger.flush()
        finally:
            ledger.close()

    def close(self) -> None:
        """Let go of the file; what was not flushed is lost."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    @property
    def dirty(self) -> bool:
        """Whether something is not on the disk yet."""
        return bool(self._pending) and self._path is not None

    def book(self, database: str) -> Book:
        """What is known of a database, to be read only."""
        book = self.books.get(database)
        if book is None:
            book = self.books[database] = Book()
        return book

    @property
    def databases(self) -> list[str]:
        """The databases that have labels."""
        return sorted(name for name, book in self.books.items() if book.kept or book.expected)

    # -- changes -------------------------------------------------------------------------------------------------

    def keep(self, database: str, kept: Kept) -> None:
        """Note a label of a column, in place of the one that it had."""
        if self.book(database).kept.get(kept.place) != kept:
            self._do(label_line(database, kept))

    def drop(self, database: str, kept: Kept, reason: str) -> None:
        """Forget a label."""
        self._do(drop_line(database, kept, reason))

    def expect(self, database: str, expected: Expected) -> None:
        """Note that a table is about to be made. What need not last is remembered, but not on the disk."""
        self.book(database).expected.setdefault(expected.relation, []).append(expected)
        if expected.lasts and self._path is not None:
            self._pending.append(expect_line(database, expected))

    def settle(self, database: str, relation: str, left: list[Expected]) -> None:
        """Expect, of the tables of a name, these alone."""
        before = self.book(database).expected.get(relation, [])
        if before == left:
            return
        if any(each.lasts for each in before):
            self._do({"event": "settle", "database": database, "relation": relation})
        self.book(database).expected.pop(relation, None)
        for each in left:
            self.expect(database, each)

    def flush(self) -> None:
        """Bring every change to the disk. Raises LedgerUnavailable; then it is tried again by the next call."""
        with self._flushing:
            pending = self._pending
            if not pending or self._path is None:
                return
            count = len(pending)
            data = b"".join(_encode(line) for line in pending[:count])
            if self._descriptor is None:
                raise LedgerUnavailable("the ledger of labels is closed")
            try:
                start = os.fstat(self._descriptor).st_size
                _write(self._descriptor, data, start)
                os.fsync(self._descriptor)
            except OSError as error:
                raise LedgerUnavailable(f"the ledger of labels cannot be written: {error.strerror}") from error
            del pending[:count]

    def reread(self) -> None:
        """Take over what others have appended. Raises LedgerUnavailable; then all stays as it is."""
        if self._path is None:
            return
        self.flush()
        found = Ledger.read(self._path)
        for name, book in self.books.items():
            books = found.book(name).expected
            for relation, expected in book.expected.items():  # those that are in memory alone
                books.setdefault(relation, []).extend(each for each in expected if not each.lasts)
        self.books = found.books

    def _do(self, line: dict[str, Any]) -> None:
        self._apply(line)
        if self._path is not None:
            self._pending.append(line)

    # -- lines ---------------------------------------------------------------------------------------------------

    def _fold(self, path: Path) -> tuple[int, bool]:
        """Apply every line of a file; how many there are, and whether the last one is torn. Raises LedgerUnavailable."""
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return 0, False
        except OSError as error:
            raise LedgerUnavailable(f"the ledger of labels {path} cannot be read: {error.strerror}") from error
        *whole, rest = data.split(b"\n")
        for number, line in enumerate(whole, 1):
            try:
                self._apply(json.loads(line))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                message = f"{path}:{number}: not a line of the ledger of labels; restore the file, or correct the line"
                raise LedgerUnavailable(message) from error
        return len(whole), bool(rest)

    def _apply(self, line: dict[str, Any]) -> None:
        book = self.book(line["database"])
        event = line["event"]
        if event == "label":
            book.keep(kept_of(line))
        elif event == "drop":
            book.drop(place_of(line))
        elif event == "expect":
            expected = expected_of(line)
            book.expected.setdefault(expected.relation, []).append(expected)
        elif event == "settle":
            book.expected.pop(line["relation"], None)
        else:
            raise ValueError(event)

    def _lines(self) -> list[dict[str, Any]]:
        """The fewest lines that say what is known."""
        lines = []
        for database, book in self.books.items():
            lines += [label_line(database, kept) for kept in book.kept.values()]
            lines += [expect_line(database, e) for many in book.expected.values() for e in many if e.lasts]
        return lines


def _encode(line: Mapping[str, Any]) -> bytes:
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _write(descriptor: int, data: bytes, start: int) -> None:
    """Append all of it, or nothing: half a line in the middle would make the file unreadable. Raises OSError."""
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(descriptor, view) :]
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, start)
        raise


def _replace(path: Path, lines: list[dict[str, Any]]) -> None:
    """Put a new file in place of the old one, whole or not at all. Raises OSError."""
    draft = path.with_name(path.name + ".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        _write(descriptor, b"".join(map(_encode, lines)), 0)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    draft.replace(path)


def _sync_directory(path: Path) -> None:
    """Make a new name durable. Raises OSError."""
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
