"""The trail: the one place that writes audit records.

Owns the open segment, the running hash, the buffer between append and flush, rotation and durability.
May not do: know what a record means, wait, or drop a record once it was appended.

The order of things for the caller: `append` each record, `flush` once, and only then let the statement go. When
either raises AuditUnavailable the statement must not go; a lenient trail does not raise, counts what it could not take,
and says so as soon as it can. What was appended stays in the buffer and is written with the
next flush that succeeds, so the chain has no holes after a full disk. `sync` makes durable what was flushed; it may run
in another thread.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from typing import TYPE_CHECKING, Literal, NamedTuple, Self

from audit import chain, heads, segments

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from audit.heads import SegmentHead
    from audit.signing import Signer

Fsync = Literal["always", "interval", "none"]

SEGMENT_BYTES = 64 * 1024 * 1024
"""Size after which a segment is closed: some 80,000 records, verified in well under a second."""

PENDING_BYTES = 8 * 1024 * 1024
"""How much may wait for a disk that takes nothing; then append refuses, too. Bounds memory, not safety."""

SEGMENT_SECONDS = 24 * 60 * 60
"""Age after which a segment is closed: every day has a head."""

_SECOND = 1_000_000_000  # nanoseconds
_STAMP_NS = 1_000_000
"""Nanoseconds for which one rendered time serves all records: their order stands in `seq`, and rendering it for each
would cost as much as their hash."""


class AuditUnavailable(Exception):  # noqa: N818  a state of the trail, not a fault of the caller
    """The record could not be written, so the statement it stands for must not run."""


class Standing(NamedTuple):
    """How far a trail has come: the last record that was appended, that is written, and that is on the disk for sure, by seq.

    `segment` is the number of the open one; `lost` are the records that a lenient trail could not take, since the start; `sound` is False
    when the trail may not go on, after a fault.
    """

    appended: int
    written: int
    durable: int
    segment: int
    lost: int
    lenient: bool
    sound: bool


class Trail:
    """A hash-chained trail of JSON lines, open for writing by this process alone. Each flush writes one block.

    `append` and `flush` belong to one thread. `sync` may be called from another.
    """

    __slots__ = (
        "_age", "_begun", "_block", "_broken", "_clock", "_closed", "_directory", "_durable", "_file", "_first", "_fsync", "_full", "_hash",
        "_head", "_lenient", "_limit", "_lock", "_lost", "_lost_ever", "_lost_since", "_offset", "_pending", "_pending_bytes", "_sealed", "_segment", "_seq", "_signer",
        "_stamp", "_stamped", "_standing", "_switching", "_trouble", "_written",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913, PLR0917  what `open` is given
        self,
        directory: Path,
        lock: int,
        limit: int,
        age: int,
        fsync: Fsync,
        clock: Callable[[], int],
        signer: Signer | None,
        lenient: bool,
    ) -> None:
        self._directory = directory
        self._lock = lock
        self._limit = limit
        self._age = age  # nanoseconds
        self._begun = 0  # when the segment was begun, or gone on with
        self._fsync = fsync
        self._clock = clock
        self._signer = signer
        self._lenient = lenient
        self._lost = 0  # records that were not taken, since when
        self._lost_since = 0
        self._lost_ever = 0  # since the start
        self._trouble: str | None = None
        self._switching = threading.Lock()  # held while descriptors change, so that sync never meets a closed one
        self._broken: str | None = None
        self._file = -1
        self._head = -1
        self._segment = 0
        self._first = 0  # the first record of the segment
        self._closed: SegmentHead | None = None  # of a closed segment, while it does not stand in the file of heads
        self._offset = 0
        self._full = False
        self._seq = 0
        self._hash = chain.GENESIS
        self._pending: list[bytes] = []  # lines of the next block
        self._pending_bytes = 0
        self._block = b""  # what the disk has not taken of the blocks that are sealed
        self._sealed = 0  # the last record of those
        self._written = (0, chain.GENESIS)
        self._durable = (0, chain.GENESIS)
        self._stamped = -_STAMP_NS
        self._stamp = b""
        self._standing = b""  # what is said again in each segment

    @classmethod
    def open(  # noqa: PLR0913  how a trail is written
        cls,
        directory: Path,
        *,
        segment_bytes: int = SEGMENT_BYTES,
        segment_seconds: int = SEGMENT_SECONDS,
        fsync: Fsync = "interval",
        clock: Callable[[], int] = time.time_ns,
        signer: Signer | None = None,
        lenient: bool = False,
    ) -> Self:
        """Open the trail in `directory`, which is made when it is not there, and go on where it ended.

        fsync `always`: every flush is on the disk when it returns; `interval`: whenever the owner calls sync (once a
        second is usual), a crash of the machine can cost what came since; `none`: the operating system decides.
        A crash of this process alone loses nothing flushed, whatever the setting. `clock` gives nanoseconds since the
        epoch. A segment is closed when it has so many bytes, or is so old; `signer` signs its head. `lenient`: what cannot be
        written is counted, and nobody is kept from anything.

        Raises AuditUnavailable when another process writes the trail, or it cannot be read, repaired or written.
        """
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = _take_lock(directory)
        except OSError as error:
            raise AuditUnavailable(f"the audit trail in {directory} cannot be opened: {error}") from error
        trail = cls(directory, lock, segment_bytes, segment_seconds * _SECOND, fsync, clock, signer, lenient)
        try:
            trail._resume()
        except BaseException as error:
            trail._release()
            if isinstance(error, OSError):
                raise AuditUnavailable(f"the audit trail in {directory} cannot be resumed: {error}") from error
            raise
        return trail

    @property
    def head(self) -> tuple[int, str]:
        """(seq, hash) of the last record that was flushed: what one notes elsewhere to prove the trail later."""
        seq, digest = self._written
        return seq, digest.decode()

    @property
    def standing(self) -> Standing:
        """How far the trail has come. May be asked by another thread."""
        return Standing(
            self._seq,
            self._written[0],
            self._durable[0],
            self._segment,
            self._lost_ever,
            self._lenient,
            self._broken is None,
        )

    @property
    def segment(self) -> int:
        """Number of the segment that the next record goes to; 0 when a new one may have to be begun for it."""
        return 0 if self._full or self._pending_bytes > PENDING_BYTES or self._block else self._segment

    @property
    def trouble(self) -> str | None:
        """Why a lenient trail could not write what it was given last; None when it could."""
        return self._trouble

    @property
    def deaf(self) -> bool:
        """Whether a lenient trail takes nothing until the process starts anew, so that no record need be made for it."""
        return self._lenient and self._broken is not None

    def append(self, body: bytes) -> int:
        """Give a record its seq and time, put it into the buffer and return its seq; 0 when a lenient trail cannot take it.

        `body` is what a builder of audit.record returns: members of a JSON object on one line, which is not checked
        again here.

        Raises AuditUnavailable when the buffer is full or a new segment cannot be begun; then nothing was appended.
        """
        if self._full or self._broken is not None or self._pending_bytes > PENDING_BYTES:
            if self._lenient:
                return self._append_if_possible(body)
            self._make_room()
        if not self._pending:
            self._look_at_the_clock()
            if self._lost and self._seq >= self._first:  # behind the header of a segment
                self._tell_lost()
        seq = self._seq + 1
        line = b'{"seq":%d,%b%b}\n' % (seq, self._stamp, body)  # chain.render, written out: this is the hot path
        self._seq = seq
        self._pending.append(line)
        self._pending_bytes += len(line)
        return seq

    def stand(self, body: bytes) -> int:
        """Append a record, and say the same again at the beginning of each segment, until another takes its place.

        Gives its number; 0 when a lenient trail cannot take it now. Raises AuditUnavailable.
        """
        seq = self.append(body)
        self._standing = body
        return seq

    def _append_if_possible(self, body: bytes) -> int:
        """Make room and append; where that cannot be done, count the record as lost."""
        if self._broken is not None:
            self._trouble = self._broken
            self._lost += 1
            return 0
        try:
            self._make_room()
        except AuditUnavailable as unavailable:
            self._trouble = str(unavailable)
            self._lost += 1
            self._lost_ever += 1
            self._lost_since = self._lost_since or self._clock()
            return 0
        return self.append(body)

    def _tell_lost(self) -> None:
        """Say how many records the trail could not take, now that it can."""
        lost, since = self._lost, chain.timestamp(self._lost_since)
        self._lost = self._lost_since = 0
        self._seq += 1
        line = b'{"seq":%d,%b%b}\n' % (self._seq, self._stamp, chain.unrecorded(lost, since))
        self._pending.append(line)
        self._pending_bytes += len(line)

    def _look_at_the_clock(self) -> None:
        """Render the time that the records of a block have in common."""
        now = self._clock()
        if not 0 <= now - self._stamped < _STAMP_NS:
            self._stamped = now
            self._stamp = b'"time":"%b",' % chain.timestamp(now).encode()

    def flush(self) -> None:
        """Write everything that was appended, as one block; with fsync `always`, wait until it is on the disk.

        Raises AuditUnavailable, unless the trail is lenient, when the disk does not take it; the records stay in the buffer
        for the next flush.
        """
        try:
            self._flush()
            self._trouble = None
        except AuditUnavailable as unavailable:
            if not self._lenient:
                raise
            self._trouble = str(unavailable)

    def _flush(self) -> None:
        pending = self._pending
        if pending:
            self._hash, block = chain.seal(self._hash, pending[0] if len(pending) == 1 else b"".join(pending))
            pending.clear()
            self._sealed = self._seq
            self._block = self._block + block if self._block else block
        if self._block:
            self._write()
            self._begun = self._begun or self._stamped
            if self._offset >= self._limit or self._stamped - self._begun >= self._age:
                self._full = True
            if self._fsync == "always":
                self.sync()

    def sync(self) -> None:
        """Make durable what was flushed, and note the last record in the head file. May run in another thread.

        Raises AuditUnavailable when the disk reports a failure, or the segment was removed or written by someone
        else: then the trail stays unavailable until the process starts anew and the end of the trail is read again.
        """
        with self._switching:
            written = self._written
            if self._broken is not None:
                raise AuditUnavailable(self._broken)
            if self._file < 0 or written == self._durable:
                return
            try:
                if self._fsync != "none":
                    os.fdatasync(self._file)
                if os.fstat(self._file).st_nlink == 0:
                    raise self._break("its open segment was removed")
                os.pwrite(self._head, segments.head_bytes(*written), 0)
            except OSError as error:
                # after a failed fsync the kernel may have dropped the pages: trying again would hide the loss
                raise self._break(str(error)) from error
            self._durable = written

    def close(self) -> None:
        """Write the closing record, make everything durable and let go of the directory. Closing twice is fine.

        Raises AuditUnavailable when the last records could not be written; the directory is let go all the same.
        """
        if self._lock < 0:
            return
        try:
            if self._broken is None:
                if self._file >= 0 and not (self._full and self._waiting):  # else a closing record waits already
                    self._full = False
                    self.append(chain.segment_closed("stopped"))
                self._flush()
                self.sync()
                if self._file >= 0:
                    self._closes_segment()
                self._note_head()
        except OSError as error:
            raise self._unavailable(error) from error
        finally:
            self._release()

    def _resume(self) -> None:
        end = segments.find_end(self._directory)
        self._head = os.open(
            self._directory / segments.HEAD, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
        )
        self._segment, self._seq, self._hash, self._first = end.segment, end.seq, end.hash, end.first
        self._written = (end.seq, end.hash)
        if end.segment and end.size and not end.closed:
            self._use(os.open(segments.segment_path(self._directory, end.segment), _APPEND), end.size)
        elif end.segment and not end.size and not end.closed:
            self._segment -= 1
            segments.segment_path(self._directory, end.segment).unlink()
            self._begin_segment()
        else:
            if end.closed and end.segment not in {
                head.segment for head in heads.read(self._directory / heads.HEADS).found
            }:
                self._closes_segment()
            self._note_head()
            self._begin_segment()
        if not end.clean or end.torn or end.missing or end.head_differs:
            self.append(chain.recovered(end.torn, end.missing, head_differs=end.head_differs))
        self.flush()
        self.sync()

    @property
    def _waiting(self) -> bool:
        """True while something that was appended is not written."""
        return bool(self._pending or self._block)

    def _use(self, file: int, offset: int) -> None:
        with self._switching:
            if self._file >= 0:
                os.close(self._file)
            self._file = file
            self._offset = offset
            self._begun = max(self._stamped, 0)
            self._full = False

    def _begin_segment(self) -> None:
        """Create the next segment and put its header into the buffer, which is empty here."""
        path = segments.segment_path(self._directory, self._segment + 1)
        file = os.open(path, _APPEND | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            segments.sync_directory(self._directory)
        except OSError:
            os.close(file)
            path.unlink()
            raise
        self._segment += 1
        self._first = self._seq + 1
        self._use(file, 0)
        self.append(chain.segment_header(self._segment, self._hash))
        if self._standing:
            self.append(self._standing)

    def _make_room(self) -> None:
        """Close a full segment and begin the next one; raise when that, or anything at all, cannot be done."""
        if self._broken is not None:
            raise AuditUnavailable(self._broken)
        if self._pending_bytes > PENDING_BYTES:
            self._flush()
        if not self._full:
            return
        if self._file >= 0:
            if not self._waiting:
                self._full = False
                self.append(chain.segment_closed("rotated"))
                self._full = True
            self._flush()
            self.sync()
            with self._switching:
                os.close(self._file)
                self._file = -1
            self._closes_segment()
        try:
            self._note_head()
            self._begin_segment()
        except OSError as error:
            raise self._unavailable(error) from error

    def _closes_segment(self) -> None:
        """Take down the head of the segment, all of which is written."""
        when = chain.timestamp(self._stamped if self._stamped >= 0 else self._clock())
        self._closed = heads.SegmentHead(self._segment, self._first, self._seq, self._hash.decode(), when)

    def _note_head(self) -> None:
        """Write the head of a closed segment to the file of heads, unless it stands there. Raises OSError."""
        if self._closed is not None:
            heads.append(self._directory, self._closed, self._signer)
            self._closed = None

    def _write(self) -> None:
        """Write what is sealed. A failure leaves exactly the unwritten part in the buffer."""
        if self._broken is not None:
            raise AuditUnavailable(self._broken)
        block = self._block
        while block:
            try:
                written = os.write(self._file, block)
            except OSError as error:
                raise self._unavailable(error) from error
            self._offset += written
            block = self._block = block[written:]
            self._pending_bytes = len(block)
        self._written = (self._sealed, self._hash)

    def _unavailable(self, error: OSError) -> AuditUnavailable:
        return AuditUnavailable(
            f"the audit trail in {self._directory} cannot be written: {error.strerror or error}; "
            + (
                "statements pass without a record"
                if self._lenient
                else "statements are refused until it can (no record, no statement)"
            )
        )

    def _break(self, why: str) -> AuditUnavailable:
        self._broken = (
            f"the audit trail in {self._directory} is no longer safe: {why}; restart louver to resume it "
            "and run `louver audit verify`"
        )
        return AuditUnavailable(self._broken)

    def _release(self) -> None:
        with self._switching:
            for handle in (self._file, self._head, self._lock):
                if handle >= 0:
                    os.close(handle)
            self._file = self._head = self._lock = -1
            self._broken = self._broken or f"the audit trail in {self._directory} is closed"


_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW


def _take_lock(directory: Path) -> int:
    """Lock the directory for this process; the lock goes with the process. Raises AuditUnavailable when it is taken."""
    lock = os.open(directory / segments.LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(lock, 32, 0).decode(errors="replace").strip() or "unknown"
        os.close(lock)
        raise AuditUnavailable(
            f"the audit trail in {directory} is being written by process {holder}; "
            "stop that one, or give this one another audit.directory"
        ) from None
    os.ftruncate(lock, 0)
    os.pwrite(lock, b"%d\n" % os.getpid(), 0)
    return lock
