"""What a trail is written to: the lock, the open segment, the head file, and the file of heads.

Owns the descriptors, the bytes that the disk has not taken yet, and durability. What is broken stays so until the process starts anew and
the end of the trail is read again. `sync` may be called from another thread than all else. May not do: make a record, seal a block, decide
when a segment ends.
"""

from __future__ import annotations

import fcntl
import os
import threading
from typing import TYPE_CHECKING, Literal

from audit import chain, heads, segments

if TYPE_CHECKING:
    from pathlib import Path

    from audit.heads import SegmentHead
    from audit.signing import Signer

Fsync = Literal["always", "interval", "none"]

_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW


class AuditUnavailable(Exception):  # noqa: N818  a state of the trail, not a fault of the caller
    """The record could not be written, so the statement it stands for must not run."""


class Medium:
    """The files of a trail that this process alone writes.

    `rest` is what the disk has not taken of the blocks that are sealed, `offset` the size of the open segment. `written` and `durable` are the last
    record that is written, and that is on the disk for sure, with its hash. `broken` says why nothing more may be written, None while it may.
    `lenient`: what is said of it, for those who wait for no record.
    """

    __slots__ = (
        "_closed", "_file", "_fsync", "_head", "_lock", "_signer", "_switching", "broken", "directory", "durable", "lenient", "offset", "rest",
        "written",
    )  # fmt: skip

    def __init__(self, directory: Path, fsync: Fsync, signer: Signer | None, *, lenient: bool) -> None:
        """Take the lock of a directory, which is made when it is not there. Raises AuditUnavailable when another process has it, and OSError."""
        self.directory = directory
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock: int = _take_lock(directory)
        self._fsync: Fsync = fsync
        self._signer = signer
        self.lenient: bool = lenient
        self._switching = threading.Lock()  # held while descriptors change, so that sync never meets a closed one
        self._file: int = -1
        self._head: int = -1
        self._closed: SegmentHead | None = None  # of a closed segment, while it does not stand in the file of heads
        self.offset: int = 0
        self.rest: bytes = b""
        self.written: tuple[int, bytes] = (0, chain.GENESIS)
        self.durable: tuple[int, bytes] = (0, chain.GENESIS)
        self.broken: str | None = None

    @property
    def released(self) -> bool:
        """Whether the directory was let go of."""
        return self._lock < 0

    @property
    def is_open(self) -> bool:
        """Whether there is a segment to write to."""
        return self._file >= 0

    # -- segments --------------------------------------------------------------------------------------------------

    def find_end(self) -> segments.End:
        """Return where the trail ends, after the repair of a torn end, and open the head file. Raises OSError."""
        end = segments.find_end(self.directory)
        self._head = os.open(
            self.directory / segments.HEAD, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
        )
        self.written = (end.seq, end.hash)
        return end

    def go_on(self, number: int, size: int) -> None:
        """Go on with a segment of this size. Raises OSError."""
        self._use(os.open(segments.segment_path(self.directory, number), _APPEND), size)

    def remove_empty(self, number: int) -> None:
        """Remove a segment that was created and has nothing in it. Raises OSError."""
        segments.segment_path(self.directory, number).unlink()

    def begin(self, number: int) -> None:
        """Create a segment, durably by its name, and write to it from now on. Raises OSError."""
        path = segments.segment_path(self.directory, number)
        file = os.open(path, _APPEND | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            segments.sync_directory(self.directory)
        except OSError:
            os.close(file)
            path.unlink()
            raise
        self._use(file, 0)

    def _use(self, file: int, offset: int) -> None:
        with self._switching:
            if self._file >= 0:
                os.close(self._file)
            self._file = file
            self.offset = offset

    def leave(self) -> None:
        """Let go of the open segment, all of which is written."""
        with self._switching:
            os.close(self._file)
            self._file = -1

    def closes(self, head: SegmentHead) -> None:
        """Take down the head of a segment that is closed, for `note_head`."""
        self._closed = head

    def has_head(self, number: int) -> bool:
        """Whether the head of a segment stands in the file of heads. Raises OSError."""
        return number in {head.segment for head in heads.read(self.directory / heads.HEADS).found}

    def note_head(self) -> None:
        """Write the head of a closed segment to the file of heads, unless it stands there. Raises OSError."""
        if self._closed is not None:
            heads.append(self.directory, self._closed, self._signer)
            self._closed = None

    # -- bytes -----------------------------------------------------------------------------------------------------

    def put(self, block: bytes, seq: int, digest: bytes) -> None:
        """Write a sealed block, which may be empty, behind what waits; `seq` and `digest` are of its last record.

        A failure leaves exactly the unwritten part in `rest`. Raises AuditUnavailable.
        """
        rest = self.rest = self.rest + block if self.rest else block
        if self.broken is not None:
            raise AuditUnavailable(self.broken)
        while rest:
            try:
                written = os.write(self._file, rest)
            except OSError as error:
                raise self.unavailable(error) from error
            self.offset += written
            rest = self.rest = rest[written:]
        self.written = (seq, digest)
        if self._fsync == "always":
            self.sync()

    def sync(self) -> None:
        """Make durable what is written, and note the last record in the head file. Raises AuditUnavailable; then it stays broken."""
        with self._switching:
            written = self.written
            if self.broken is not None:
                raise AuditUnavailable(self.broken)
            if self._file < 0 or written == self.durable:
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
            self.durable = written

    def unavailable(self, error: OSError) -> AuditUnavailable:
        """What is said of a disk that takes nothing at this moment."""
        return AuditUnavailable(
            f"the audit trail in {self.directory} cannot be written: {error.strerror or error}; "
            + (
                "statements pass without a record"
                if self.lenient
                else "statements are refused until it can (no record, no statement)"
            )
        )

    def _break(self, why: str) -> AuditUnavailable:
        self.broken = (
            f"the audit trail in {self.directory} is no longer safe: {why}; restart louver to resume it "
            "and run `louver audit verify`"
        )
        return AuditUnavailable(self.broken)

    def release(self) -> None:
        """Let go of the directory."""
        with self._switching:
            for handle in (self._file, self._head, self._lock):
                if handle >= 0:
                    os.close(handle)
            self._file = self._head = self._lock = -1
            self.broken = self.broken or f"the audit trail in {self.directory} is closed"


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
