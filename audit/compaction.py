"""Closed segments in a form that takes less room and answers faster: Parquet, compressed with zstd, every byte kept.

Owns the way from the one form to the other, and back. A compacted segment holds each line as it was written, so it verifies as
before, and beside it the columns of audit.tables. May not do: touch the segment that is written, or one without a head.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final

import duckdb

from audit import heads, segments, signing, tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

COMPACTED: Final = "compacted.jsonl"
"""The file that notes what was compacted, one signed line (audit.signing) for each; of two for one segment the later counts."""

LOCK: Final = "compacting.lock"
"""The file whose lock is held by who takes segments away."""

_PART: Final = ".part"

_GROUP: Final = 16_384
"""Rows that are compressed together; a search for one record reads that many."""

_BATCH: Final = 10_000
_PIECE: Final = 2**20


@dataclass(frozen=True, slots=True)
class Compacted(signing.Signed):
    """A segment's compacted file: its size and SHA-256."""

    segment: int
    bytes: int
    sha256: str


class CompactionError(Exception):
    """A segment cannot be compacted; it stays as it was written. The message says why."""


def candidates(directory: Path, before: str) -> list[tuple[int, Path]]:
    """Return the segments that can be compacted: closed before a moment (as records write it), with a head, and not the last one."""
    closed = {head.segment for head in heads.read(directory / heads.HEADS).found if head.time < before}
    found = segments.segments(directory)[:-1]
    return [(number, path) for number, path in found if path.suffix != segments.COMPACTED and number in closed]


@contextmanager
def alone(directory: Path, *, patient: bool = False) -> Iterator[None]:
    """Be the one who takes segments away, by compacting or removing them; who is `patient` waits until nobody else is.

    Raises CompactionError when somebody else is, and OSError.

    Two that compacted one segment would write one file: what the one has proved, the other writes anew, and the written form goes.
    """
    handle = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX if patient else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CompactionError(f"another process takes segments of {directory} away at this moment") from None
        yield
    finally:
        os.close(handle)


def compact_all(  # noqa: PLR0913  what is to be done, and how gently
    directory: Path,
    before: str,
    signer: signing.Signer | None = None,
    *,
    threads: int | None = None,
    memory: str | None = None,
    progress: Callable[[int, int], object] = lambda _, __: None,
) -> tuple[list[tuple[int, int]], list[str]]:
    """Compact what `candidates` names: the bytes of each before and after, and why others could not be. For who is `alone`. Raises OSError.

    `threads` and `memory` are those of `tables.opened`. `progress` is called with how many are done, of how many.
    """
    for part in directory.glob(f"*{_PART}"):
        part.unlink(missing_ok=True)  # of one who was killed
    found = candidates(directory, before)
    done: list[tuple[int, int]] = []
    failed: list[str] = []
    for count, (number, path) in enumerate(found, 1):
        try:
            size = path.stat().st_size
            done.append((size, compact(directory, number, signer, threads=threads, memory=memory)))
        except FileNotFoundError:
            failed.append(f"segment {number} is gone")
        except CompactionError as error:
            failed.append(str(error))
        progress(count, len(found))
    return done, failed


def compact(
    directory: Path,
    number: int,
    signer: signing.Signer | None = None,
    *,
    threads: int | None = None,
    memory: str | None = None,
) -> int:
    """Compact one segment and remove the form in which it was written; return how many bytes it takes now.

    The written form goes only when all of its bytes have been read back from the other one on the disk, whose hash is noted, and
    signed by `signer`, for a Parquet file has bytes beside those of the records. Raises
    CompactionError, after which nothing has changed.
    """
    written, done = segments.segment_path(directory, number), segments.compacted_path(directory, number)
    part = done.with_suffix(_PART)
    columns = ", ".join(f'"{name}"' for name in tables.COLUMNS)
    try:
        with tables.opened(threads=threads, memory=memory) as connection:
            connection.execute(
                f"COPY (SELECT {columns}, line FROM ({tables.typed([written.resolve()])}) ORDER BY number) "
                f"TO {tables.quoted(str(part.resolve()))} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {_GROUP}, USE_TMP_FILE false)"
            )
        if _digest(lines(part)) != file_digest(written):
            raise CompactionError(f"segment {number} holds lines that cannot be kept in this form: it stays as it is")
        _sync(part)
        noted = {"segment": number, "bytes": part.stat().st_size, "sha256": file_digest(part)}
        signing.append(directory / COMPACTED, signing.line(noted, signer))
        part.rename(done)
        segments.sync_directory(directory)
        written.unlink()
        segments.sync_directory(directory)
    except (OSError, duckdb.Error) as error:
        raise CompactionError(f"segment {number} cannot be compacted: {error}") from error
    finally:
        part.unlink(missing_ok=True)
    return done.stat().st_size


def lines(path: Path) -> Iterator[bytes]:
    """Give the lines of a compacted segment as they were written, without their newlines, as far as the file can be read."""
    with tables.opened(threads=1) as connection, suppress(duckdb.Error):
        found = connection.execute(
            f"SELECT coalesce(line::VARCHAR, '') FROM read_parquet({tables.quoted(str(path.resolve()))})"
        )
        while batch := found.fetchmany(_BATCH):
            for (line,) in batch:
                yield line.encode()


def differing(path: Path) -> list[int]:
    """Return the records of a compacted segment whose columns say something else than their lines; 0 stands for all of a file that cannot be read."""
    columns = ", ".join(f'"{name}"' for name in tables.COLUMNS)
    source = f"read_parquet({tables.quoted(str(path.resolve()))})"
    asked = (
        f"SELECT DISTINCT coalesce(seq, 0) AS seq FROM (SELECT {columns} FROM ({tables.columns_of([path.resolve()])}) EXCEPT ALL "
        f"SELECT {columns} FROM ({tables.typed_lines(source)})) ORDER BY seq"
    )
    with tables.opened() as connection:
        try:
            return [seq for (seq,) in connection.execute(asked).fetchall()]
        except duckdb.Error:
            return [0]


def _digest(found: Iterator[bytes]) -> str:
    digest = sha256()
    for line in found:
        digest.update(line + b"\n")
    return digest.hexdigest()


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits. Raises OSError."""
    digest = sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fchmod(handle, 0o600)
        os.fsync(handle)
    finally:
        os.close(handle)
