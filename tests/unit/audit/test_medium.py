"""The files of a trail: what is written, what waits, and what is never trusted again."""

import errno
import os

import pytest

from audit import chain, segments
from audit.heads import SegmentHead, read
from audit.medium import AuditUnavailable, Medium


@pytest.fixture
def medium(tmp_path):
    """The files of a new trail, with its first segment."""
    made = Medium(tmp_path / "audit", "interval", None, lenient=False)
    made.find_end()
    made.begin(1)
    yield made
    made.release()


def test_what_the_disk_does_not_take_waits_byte_for_byte(medium, monkeypatch):
    """A write that is cut short leaves the rest; `written` moves when all of it is there, behind what comes next."""
    real = os.write
    room = [7]

    def tight(handle, data):
        if not room[0]:
            raise OSError(errno.ENOSPC, "full")
        taken = real(handle, data[: room[0]])
        room[0] -= taken
        return taken

    monkeypatch.setattr(os, "write", tight)
    with pytest.raises(AuditUnavailable, match="no record, no statement"):
        medium.put(b"first block\n", 1, b"a" * 64)
    assert (medium.rest, medium.offset, medium.written) == (b"lock\n", 7, (0, chain.GENESIS))
    with pytest.raises(AuditUnavailable):
        medium.put(b"second\n", 2, b"b" * 64)
    assert medium.rest == b"lock\nsecond\n"
    monkeypatch.undo()
    medium.put(b"", 2, b"b" * 64)
    assert (medium.rest, medium.offset, medium.written) == (b"", 19, (2, b"b" * 64))
    assert segments.segment_path(medium.directory, 1).read_bytes() == b"first block\nsecond\n"


def test_what_is_broken_stays_broken(medium, monkeypatch):
    """After a failed fsync nothing is written any more, and what is durable does not move."""
    medium.put(b"x\n", 1, b"a" * 64)
    monkeypatch.setattr(os, "fdatasync", lambda _: (_ for _ in ()).throw(OSError(errno.EIO, "lost")))
    with pytest.raises(AuditUnavailable, match="no longer safe"):
        medium.sync()
    monkeypatch.undo()
    for again in (medium.sync, lambda: medium.put(b"y\n", 2, b"b" * 64)):
        with pytest.raises(AuditUnavailable, match="no longer safe"):
            again()
    assert medium.durable == (0, chain.GENESIS)
    assert segments.segment_path(medium.directory, 1).read_bytes() == b"x\n"
    assert segments.read_head(medium.directory) is None


def test_one_has_the_directory(medium):
    """Another is told who; when it is let go of, the next one can have it."""
    with pytest.raises(AuditUnavailable, match=f"being written by process {os.getpid()}"):
        Medium(medium.directory, "none", None, lenient=False)
    medium.release()
    assert medium.released
    with pytest.raises(AuditUnavailable, match="is closed"):
        medium.put(b"x\n", 1, b"a" * 64)
    Medium(medium.directory, "none", None, lenient=False).release()


def test_a_head_is_noted_once(medium):
    """The head of a closed segment waits until it stands in its file, and then no more."""
    medium.put(b"x\n", 1, b"a" * 64)
    medium.leave()
    assert not medium.is_open
    medium.closes(SegmentHead(1, 1, 1, "a" * 64, "2026-01-01T00:00:00.000000Z"))
    assert not medium.has_head(1)
    medium.note_head()
    medium.note_head()
    assert medium.has_head(1)
    assert len(read(medium.directory / "heads.jsonl").found) == 1
