"""The trail: the one place that writes audit records.

Owns the numbers and times of records, the running hash, the buffer between append and flush, and rotation; the files are audit.medium's.
May not do: know what a record means, wait, or drop a record once it was appended.

The order of things for the caller: `append` each record, `flush` once, and only then let the statement go. When
either raises AuditUnavailable the statement must not go; a lenient trail does not raise, counts what it could not take,
and says so as soon as it can. What was appended stays in the buffer and is written with the
next flush that succeeds, so the chain has no holes after a full disk. `sync` makes durable what was flushed; it may run
in another thread.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple, Self

from audit import chain
from audit.heads import SegmentHead
from audit.medium import AuditUnavailable, Fsync, Medium

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from audit.signing import Signer

__all__ = ["AuditUnavailable", "Fsync", "Standing", "Trail"]

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
        "_age", "_begun", "_clock", "_first", "_full", "_hash", "_lenient", "_limit", "_lost", "_lost_ever", "_lost_since", "_medium", "_pending",
        "_pending_bytes", "_second", "_segment", "_seq", "_stamp", "_stamped", "_standing", "_trouble", "_until_second",
    )  # fmt: skip

    def __init__(self, medium: Medium, limit: int, age: int, clock: Callable[[], int]) -> None:
        self._medium = medium
        self._limit = limit
        self._age = age  # nanoseconds
        self._begun = 0  # when the segment was begun, or gone on with
        self._clock = clock
        self._lenient: bool = medium.lenient
        self._lost = 0  # records that were not taken, since when
        self._lost_since = 0
        self._lost_ever = 0  # since the start
        self._trouble: str | None = None
        self._segment = 0
        self._first = 0  # the first record of the segment
        self._full = False
        self._seq = 0
        self._hash = chain.GENESIS
        self._pending: list[bytes] = []  # lines of the next block
        self._pending_bytes = 0
        self._stamped = -_STAMP_NS
        self._stamp = b""
        self._second = -1
        self._until_second = b""  # the time as far as all records of that second have it in common
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
            medium = Medium(directory, fsync, signer, lenient=lenient)
        except OSError as error:
            raise AuditUnavailable(f"the audit trail in {directory} cannot be opened: {error}") from error
        trail = cls(medium, segment_bytes, segment_seconds * _SECOND, clock)
        try:
            trail._resume()
        except BaseException as error:
            medium.release()
            if isinstance(error, OSError):
                raise AuditUnavailable(f"the audit trail in {directory} cannot be resumed: {error}") from error
            raise
        return trail

    @property
    def head(self) -> tuple[int, str]:
        """(seq, hash) of the last record that was flushed: what one notes elsewhere to prove the trail later."""
        seq, digest = self._medium.written
        return seq, digest.decode()

    @property
    def standing(self) -> Standing:
        """How far the trail has come. May be asked by another thread."""
        return Standing(
            self._seq,
            self._medium.written[0],
            self._medium.durable[0],
            self._segment,
            self._lost_ever,
            self._lenient,
            self._medium.broken is None,
        )

    @property
    def segment(self) -> int:
        """Number of the segment that the next record goes to; 0 when a new one may have to be begun for it."""
        return 0 if self._full or self._pending_bytes > PENDING_BYTES or self._medium.rest else self._segment

    @property
    def trouble(self) -> str | None:
        """Why a lenient trail could not write what it was given last; None when it could."""
        return self._trouble

    @property
    def deaf(self) -> bool:
        """Whether a lenient trail takes nothing until the process starts anew, so that no record need be made for it."""
        return self._lenient and self._medium.broken is not None

    def append(self, body: bytes) -> int:
        """Give a record its seq and time, put it into the buffer and return its seq; 0 when a lenient trail cannot take it.

        `body` is what a builder of audit.record returns: members of a JSON object on one line, which is not checked
        again here.

        Raises AuditUnavailable when the buffer is full or a new segment cannot be begun; then nothing was appended.
        """
        if self._full or self._medium.broken is not None or self._pending_bytes > PENDING_BYTES:
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
        if self._medium.broken is not None:
            self._trouble = self._medium.broken
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
            second = now // _SECOND
            if second != self._second:
                self._second = second
                self._until_second = chain.timestamp(second * _SECOND).encode().removesuffix(b"000000Z")
            self._stamp = b'"time":"%b%06dZ",' % (self._until_second, now % _SECOND // 1000)

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
        medium = self._medium
        block = b""
        if pending:
            self._hash, block = chain.seal(self._hash, pending[0] if len(pending) == 1 else b"".join(pending))
            pending.clear()
        if block or medium.rest:
            offset = medium.offset
            try:
                medium.put(block, self._seq, self._hash)
            finally:
                if medium.offset != offset:
                    self._pending_bytes = len(medium.rest)
            self._begun = self._begun or self._stamped
            if medium.offset >= self._limit or self._stamped - self._begun >= self._age:
                self._full = True

    def sync(self) -> None:
        """Make durable what was flushed, and note the last record in the head file. May run in another thread.

        Raises AuditUnavailable when the disk reports a failure, or the segment was removed or written by someone
        else: then the trail stays unavailable until the process starts anew and the end of the trail is read again.
        """
        self._medium.sync()

    def close(self) -> None:
        """Write the closing record, make everything durable and let go of the directory. Closing twice is fine.

        Raises AuditUnavailable when the last records could not be written; the directory is let go all the same.
        """
        medium = self._medium
        if medium.released:
            return
        try:
            if medium.broken is None:
                if medium.is_open and not (self._full and self._waiting):  # else a closing record waits already
                    self._full = False
                    self.append(chain.segment_closed("stopped"))
                self._flush()
                medium.sync()
                if medium.is_open:
                    self._closes_segment()
                medium.note_head()
        except OSError as error:
            raise medium.unavailable(error) from error
        finally:
            medium.release()

    def _resume(self) -> None:
        medium = self._medium
        end = medium.find_end()
        self._segment, self._seq, self._hash, self._first = end.segment, end.seq, end.hash, end.first
        if end.segment and end.size and not end.closed:
            medium.go_on(end.segment, end.size)
        elif end.segment and not end.size and not end.closed:
            self._segment -= 1
            medium.remove_empty(end.segment)
            self._begin_segment()
        else:
            if end.closed and not medium.has_head(end.segment):
                self._closes_segment()
            medium.note_head()
            self._begin_segment()
        if not end.clean or end.torn or end.missing or end.head_differs:
            self.append(chain.recovered(end.torn, end.missing, head_differs=end.head_differs))
        self.flush()
        medium.sync()

    @property
    def _waiting(self) -> bool:
        """True while something that was appended is not written."""
        return bool(self._pending or self._medium.rest)

    def _begin_segment(self) -> None:
        """Create the next segment and put its header into the buffer, which is empty here. Raises OSError."""
        self._medium.begin(self._segment + 1)
        self._segment += 1
        self._first = self._seq + 1
        self._begun = max(self._stamped, 0)
        self._full = False
        self.append(chain.segment_header(self._segment, self._hash))
        if self._standing:
            self.append(self._standing)

    def _make_room(self) -> None:
        """Close a full segment and begin the next one; raise when that, or anything at all, cannot be done."""
        medium = self._medium
        if medium.broken is not None:
            raise AuditUnavailable(medium.broken)
        if self._pending_bytes > PENDING_BYTES:
            self._flush()
        if not self._full:
            return
        if medium.is_open:
            if not self._waiting:
                self._full = False
                self.append(chain.segment_closed("rotated"))
                self._full = True
            self._flush()
            medium.sync()
            medium.leave()
            self._closes_segment()
        try:
            medium.note_head()
            self._begin_segment()
        except OSError as error:
            raise medium.unavailable(error) from error

    def _closes_segment(self) -> None:
        """Take down the head of the segment, all of which is written."""
        when = chain.timestamp(self._stamped if self._stamped >= 0 else self._clock())
        self._medium.closes(SegmentHead(self._segment, self._first, self._seq, self._hash.decode(), when))
