"""How far each destination has got: a small file for each, replaced whole, and a lock, so that one process alone ships there.

Owns these files. May not do: know what a destination is.

    NAME.json    {"trail":"...","seq":N,"hash":"H","sending":M}; M: a batch up to there was begun (null: none)
    NAME.lock    held by the process that ships
    trail        what tells the trail from others, noted when its first record could be read
"""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import msgspec

from shipping.trail import Place, last_seq, trail_id


class PlaceError(Exception):
    """The place of a destination cannot be used; the message says why and what to do."""


class _Written(msgspec.Struct):
    """A place as it stands in its file."""

    trail: str
    seq: int
    hash: str
    sending: int | None = None


@dataclass(slots=True)
class Places:
    """The place of one destination, held by this process until `close`."""

    path: Path
    trail: str
    place: Place
    sending: int | None
    _lock: int

    @classmethod
    def open(cls, directory: Path, name: str, trail: str) -> Self:
        """Take the place of a destination, at the beginning of the trail when there is none. Raises PlaceError."""
        path = directory / f"{name}.json"
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise PlaceError(f"the place of `{name}` cannot be kept in {directory}: {error.strerror}") from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            found = read(directory, name)
        except BlockingIOError:
            os.close(lock)
            raise PlaceError(f"another process ships to `{name}`; one is enough") from None
        except PlaceError:
            os.close(lock)
            raise
        if found is None:
            return cls(path, trail, Place(), None, lock)
        if found.trail != trail:
            os.close(lock)
            raise PlaceError(
                f"{path} is the place of trail {found.trail}, this one is {trail}: give `ship.directory` another directory"
            )
        return cls(path, trail, Place(found.seq, found.hash), found.sending, lock)

    def begin(self, last: int) -> None:
        """Note that a batch up to `last` is about to be sent. Raises PlaceError."""
        self.sending = last
        self._write()

    def moved(self, place: Place) -> None:
        """Note that all up to there has arrived. Raises PlaceError."""
        self.place, self.sending = place, None
        self._write()

    def close(self) -> None:
        """Let another process ship there."""
        os.close(self._lock)

    def _write(self) -> None:
        written = _Written(self.trail, self.place.seq, self.place.hash, self.sending)
        try:
            write(self.path, msgspec.json.encode(written) + b"\n")
        except OSError as error:
            raise PlaceError(f"{self.path} cannot be written: {error.strerror}") from None


def read(directory: Path, name: str) -> _Written | None:
    """Return what is noted of a destination; None when it has got nothing yet. Raises PlaceError."""
    path = directory / f"{name}.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Written)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise PlaceError(f"{path} cannot be read as a place ({error}); without it all is shipped again") from None


def write(path: Path, content: bytes) -> None:
    """Replace a file whole and durably; its owner alone can read it. Raises OSError."""
    part = path.with_suffix(".part")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def noted_trail(directory: Path, trail: Path) -> str | None:
    """Return what tells the trail from others, and note it in `directory`; None when it has no first record yet.

    Raises PlaceError when the first record is gone and was never noted.
    """
    path = directory / "trail"
    try:
        if path.exists():
            return path.read_text(encoding="ascii").strip()
        found = trail_id(trail)
        if found is not None:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            write(path, found.encode() + b"\n")
    except (OSError, UnicodeDecodeError) as error:
        raise PlaceError(f"{path} cannot be used: {error}") from None
    if found is None and last_seq(trail):
        raise PlaceError(
            f"the first record of the trail in {trail} is gone, of which its name is made: give it one by `ship.trail`"
        )
    return found
