import errno
import json
import os
import random
import signal
import stat
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from audit import reader, record, segments, writer
from audit.writer import AuditUnavailable, Trail


def put(trail, *reasons):
    for reason in reasons:
        trail.append(record.stopped(reason=reason))
    trail.flush()


def reasons(directory):
    return [fields["reason"] for fields in reader.records(directory) if fields["event"] == "stopped"]


def test_flushed_records_are_in_the_file_at_once(tmp_path, clock):
    """After flush the records stand in the segment in their order, with seq, time and hash; before, none does."""
    trail = Trail.open(tmp_path / "a", clock=clock)
    trail.append(record.stopped(reason="one"))
    assert reasons(tmp_path / "a") == []
    put(trail, "two")
    assert reasons(tmp_path / "a") == ["one", "two"]
    last = list(reader.records(tmp_path / "a"))[-1]
    assert trail.head == (last["seq"], last["hash"])
    assert last["time"] == "2027-01-15T08:00:00.002000Z"
    trail.close()


def test_blocks_of_one_millisecond_share_a_time(tmp_path):
    """The records of a block have its time, at most a millisecond old, across a second and when the clock is set back, too."""
    now = iter([10**9 - 1000, 10**9 + 998_999, 10**9 + 999_000, 2 * 10**9 + 5000, 0])
    trail = Trail.open(tmp_path, clock=lambda: next(now))
    put(trail, "a1", "a2")
    put(trail, "b")
    put(trail, "c")
    trail.close()
    assert [fields["time"][17:] for fields in reader.records(tmp_path)] == [
        "00.999999Z", "00.999999Z", "00.999999Z", "01.000999Z", "02.000005Z", "00.000000Z",
    ]  # fmt: skip


def test_files_are_for_their_owner_only(tmp_path, clock):
    """The directory has mode 0700 and every file in it 0600, whatever the umask."""
    old = os.umask(0)
    try:
        Trail.open(tmp_path / "x" / "a", clock=clock).close()
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "x" / "a").stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "x" / "a").iterdir()}
    assert modes == {"trail-000001.jsonl": 0o600, "head": 0o600, "lock": 0o600, "heads.jsonl": 0o600}


def test_segments_rotate_by_size_and_stay_one_chain(tmp_path, clock):
    """A full segment is closed and the next begun, and all of them verify as one."""
    trail = Trail.open(tmp_path, segment_bytes=1500, clock=clock)
    put(trail, *map(str, range(5)))
    for number in range(5, 40):
        put(trail, str(number))
    trail.close()
    found = segments.segments(tmp_path)
    assert len(found) > 4
    for _, path in found:
        assert json.loads(path.read_text().splitlines()[-1])["event"] == "closed"
    assert reasons(tmp_path) == list(map(str, range(40)))
    assert reader.verified(tmp_path).intact


def test_a_closed_trail_goes_on_in_a_new_segment(tmp_path, clock):
    """After a clean end nothing is said of recovery, and the chain and the seq go on."""
    for reason in ("one", "two"):
        trail = Trail.open(tmp_path, clock=clock)
        put(trail, reason)
        trail.close()
        trail.close()
    report = reader.verified(tmp_path)
    assert (report.intact, report.segments, report.notes, report.closed) == (True, 2, [], True)
    assert reasons(tmp_path) == ["one", "two"]


def test_a_second_writer_is_told_who_writes(tmp_path, clock):
    """The directory takes one writer; another hears which process holds it and what to do, and then can have it."""
    trail = Trail.open(tmp_path, clock=clock)
    with pytest.raises(AuditUnavailable, match=rf"written by process {os.getpid()}.*audit.directory"):
        Trail.open(tmp_path)
    trail.close()
    Trail.open(tmp_path, clock=clock).close()


def test_after_close_nothing_is_taken(tmp_path, clock):
    """A closed trail refuses records instead of losing them."""
    trail = Trail.open(tmp_path, clock=clock)
    trail.close()
    with pytest.raises(AuditUnavailable, match="is closed"):
        trail.append(record.stopped(reason="late"))
    with pytest.raises(AuditUnavailable):
        trail.sync()


@pytest.mark.parametrize("written", [0, 1, 100, 500])
def test_a_full_disk_refuses_and_loses_nothing(tmp_path, clock, monkeypatch, written):
    """When the disk takes only some bytes flush refuses; once it takes more, everything is there in order."""
    trail = Trail.open(tmp_path, clock=clock)
    put(trail, "before")
    real, room = os.write, [written]

    def tight(handle, data):
        if room[0] == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        count = real(handle, data[: room[0]])
        room[0] -= count
        return count

    monkeypatch.setattr(os, "write", tight)
    for reason in ("one", "two"):
        with pytest.raises(AuditUnavailable, match=r"No space left on device.*no record, no statement"):
            put(trail, reason, "x" * 400)
    monkeypatch.setattr(os, "write", real)
    put(trail, "after")
    trail.close()
    assert [r for r in reasons(tmp_path) if r != "x" * 400] == ["before", "one", "two", "after"]
    assert reader.verified(tmp_path).intact


def test_short_writes_are_completed(tmp_path, clock, monkeypatch):
    """A system that takes a few bytes at a time gets all of them, in order."""
    trail = Trail.open(tmp_path, clock=clock)
    real = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: real(handle, data[:7]))
    put(trail, "one", "two")
    monkeypatch.undo()
    trail.close()
    assert reader.verified(tmp_path).intact
    assert reasons(tmp_path) == ["one", "two"]


def test_what_waits_for_a_full_disk_is_bounded(tmp_path, clock, monkeypatch):
    """Records are not heaped up for ever: beyond the limit append refuses, and goes on when there is room again."""
    monkeypatch.setattr(writer, "PENDING_BYTES", 1500)
    trail = Trail.open(tmp_path, clock=clock)
    real = os.write
    monkeypatch.setattr(os, "write", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
    taken = 6  # each some 275 bytes long; the sixth goes over 1500
    for _ in range(taken):
        trail.append(record.stopped(reason="x" * 200))
    with pytest.raises(AuditUnavailable, match="full"):
        trail.append(record.stopped(reason="x" * 200))
    monkeypatch.setattr(os, "write", real)
    put(trail, "after")
    trail.close()
    assert reasons(tmp_path) == ["x" * 200] * taken + ["after"]
    assert reader.verified(tmp_path).intact


def test_a_segment_that_cannot_be_begun_refuses_until_it_can(tmp_path, clock, monkeypatch):
    """When rotation fails no record is taken; when it works again, the chain goes on without a hole."""
    trail = Trail.open(tmp_path, segment_bytes=400, clock=clock)
    put(trail, "fills the segment " + "x" * 200)
    real = os.open
    monkeypatch.setattr(os, "open", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "no inodes")))
    for _ in range(2):
        with pytest.raises(AuditUnavailable, match="no inodes"):
            trail.append(record.stopped(reason="refused"))
    monkeypatch.setattr(os, "open", real)
    put(trail, "after")
    trail.close()
    assert reasons(tmp_path)[1:] == ["after"]
    assert reader.verified(tmp_path).intact


def test_a_failed_fsync_stays_failed(tmp_path, clock, monkeypatch):
    """After the disk failed to make records durable the trail takes nothing more: a later success would prove nothing."""
    trail = Trail.open(tmp_path, fsync="always", clock=clock)
    monkeypatch.setattr(os, "fdatasync", lambda _: (_ for _ in ()).throw(OSError(errno.EIO, "Input/output error")))
    with pytest.raises(AuditUnavailable, match=r"no longer safe.*restart"):
        put(trail, "one")
    monkeypatch.undo()
    with pytest.raises(AuditUnavailable):
        put(trail, "two")
    trail.close()
    trail = Trail.open(tmp_path, clock=clock)
    put(trail, "three")
    trail.close()
    assert reader.verified(tmp_path).intact


def test_a_removed_segment_is_noticed_by_sync(tmp_path, clock):
    """Writing into a file that someone removed would be writing nowhere."""
    trail = Trail.open(tmp_path, clock=clock)
    segments.segment_path(tmp_path, 1).unlink()
    put(trail, "lost")
    with pytest.raises(AuditUnavailable, match="was removed"):
        trail.sync()
    trail.close()


@pytest.mark.parametrize(("fsync", "calls"), [("always", 3), ("interval", 1), ("none", 0)])
def test_fsync_comes_as_set(tmp_path, clock, monkeypatch, fsync, calls):
    """always: with each flush; interval: with sync; none: never. sync without news does nothing."""
    trail = Trail.open(tmp_path, fsync=fsync, clock=clock)
    seen = []
    real = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda handle: seen.append(handle) or real(handle))
    for reason in ("a", "b", "c"):
        put(trail, reason)
    trail.sync()
    trail.sync()
    assert len(seen) == calls
    assert segments.read_head(tmp_path).seq == trail.head[0]
    trail.close()


def test_sync_may_run_beside_appending(tmp_path, clock):
    """Another thread syncing all the time, across rotations, disturbs nothing."""
    trail = Trail.open(tmp_path, segment_bytes=3000, clock=clock)
    done = threading.Event()
    failures = []

    def keep_syncing():
        while not done.is_set():
            try:
                trail.sync()
            except AuditUnavailable as error:
                failures.append(error)

    thread = threading.Thread(target=keep_syncing)
    thread.start()
    for number in range(300):
        put(trail, str(number))
    done.set()
    thread.join()
    trail.close()
    assert failures == []
    assert reader.verified(tmp_path).intact
    assert len(reasons(tmp_path)) == 300


def test_a_directory_that_cannot_be_made_is_said(tmp_path):
    """Where the directory should be is a file: a clear message instead of a fault."""
    (tmp_path / "file").touch()
    with pytest.raises(AuditUnavailable, match="cannot be opened"):
        Trail.open(tmp_path / "file")


def test_a_crash_at_any_byte_loses_no_earlier_record(tmp_path, clock):
    """Wherever the file ends, the whole blocks before are kept, the torn rest is set aside, and the chain goes on."""
    trail = Trail.open(tmp_path / "a", clock=clock)
    put(trail, "one")
    put(trail, "two", "three")
    trail._medium.release()  # what a kill leaves: no closing record
    content = segments.segment_path(tmp_path / "a", 1).read_bytes()
    ends = [at for at in range(len(content)) if content[at : at + 1] == b"\n"]
    blocks = [end + 1 for end in ends if b'"hash":' in content[end - 80 : end]]
    assert (len(ends), len(blocks)) == (4, 3)
    for size in {*range(0, len(content), 13), *ends, *(end + 1 for end in ends), 1}:
        directory = tmp_path / str(size)
        directory.mkdir()
        segments.segment_path(directory, 1).write_bytes(content[:size])
        trail = Trail.open(directory, clock=clock)
        put(trail, "after")
        trail.close()
        whole = content[: max((end for end in blocks if end <= size), default=0)]
        torn = b"".join(path.read_bytes() for path in directory.glob("torn-*"))
        assert segments.segment_path(directory, 1).read_bytes().startswith(whole), size
        assert whole + torn == content[:size]
        report = reader.verified(directory)
        assert report.intact, (size, report.damages)
        assert reasons(directory) == [r for r in ("one", "two", "three") if r.encode() in whole] + ["after"]


@pytest.mark.parametrize("begun", [False, True])
def test_a_crash_between_two_segments_is_noted_as_one(tmp_path, clock, monkeypatch, begun):
    """Killed after a full segment was closed, before the next had a record: the chain goes on and the crash is noted."""
    trail = Trail.open(tmp_path, segment_bytes=400, clock=clock)
    put(trail, "fills the segment " + "x" * 200)
    monkeypatch.setattr(Trail, "_begin_segment", lambda _: None)
    trail._make_room()
    trail._medium.release()
    monkeypatch.undo()
    if begun:
        segments.segment_path(tmp_path, 2).touch()
    assert not reader.verified(tmp_path).closed
    trail = Trail.open(tmp_path, clock=clock)
    put(trail, "after")
    trail.close()
    report = reader.verified(tmp_path)
    assert (report.intact, len(report.notes), report.segments) == (True, 1, 2)
    assert reasons(tmp_path)[1:] == ["after"]


def test_a_tail_cut_before_a_restart_stays_damage(tmp_path, clock):
    """Who stops the proxy, cuts lines off and starts it again, leaves damage that no later record covers."""
    trail = Trail.open(tmp_path, clock=clock)
    put(trail, "one")
    put(trail, "two")
    put(trail, "three")
    trail.close()
    path = segments.segment_path(tmp_path, 1)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-2]))
    trail = Trail.open(tmp_path, clock=clock)
    put(trail, "four")
    trail.close()
    assert [(d.kind, "2 records" in d.message) for d in reader.verified(tmp_path).damages] == [("truncated", True)]


CHILD = """
    import sys
    from pathlib import Path
    from audit import reader, record
    from audit.writer import Trail

    trail = Trail.open(Path(sys.argv[1]), segment_bytes=20_000)
    number = sum(fields["event"] == "stopped" for fields in reader.records(Path(sys.argv[1])))
    while True:
        for _ in range(number % 4 + 1):
            trail.append(record.stopped(reason=str(number)))
            number += 1
        trail.flush()
        sys.stdout.write(f"{number}\\n")
        sys.stdout.flush()
        if number % 50 < 3:
            trail.sync()
"""


def test_killed_at_any_moment_no_flushed_record_is_lost(tmp_path):
    """Twenty times a writer is killed without warning; what it said it had flushed is there, and the trail verifies.

    A block that was torn is cut off by the next one, with the whole records in it, which it had not flushed.
    """
    chance = random.Random(4711)
    said: list[str] = []
    for _ in range(20):
        child = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(CHILD), str(tmp_path)],
            stdout=subprocess.PIPE,
            cwd=Path(writer.__file__).parents[1],
        )
        for _ in range(chance.randrange(1, 150)):
            line = child.stdout.readline()
        child.send_signal(signal.SIGKILL)
        rest = child.stdout.read().decode()
        said = [line.decode().strip(), *rest.split("\n")[:-1]]
        child.stdout.close()
        child.wait()
        numbers = list(map(int, reasons(tmp_path)))
        assert numbers == list(range(len(numbers)))
        assert len(numbers) >= int(said[-1])
    trail = Trail.open(tmp_path)
    trail.close()
    report = reader.verified(tmp_path)
    assert report.intact, report.damages
    assert len(report.notes) == 20
    assert len(reasons(tmp_path)) >= int(said[-1])


def test_a_lenient_trail_counts_what_it_cannot_take(tmp_path, clock, monkeypatch):
    """Nobody is refused; what waits is bounded; when the disk takes records again the first says how many are missing."""
    monkeypatch.setattr(writer, "PENDING_BYTES", 1500)
    trail = Trail.open(tmp_path, clock=clock, lenient=True)
    put(trail, "before")
    real = os.write
    monkeypatch.setattr(os, "write", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
    seqs = []
    for _ in range(20):
        seqs.append(trail.append(record.stopped(reason="x" * 200)))
        trail.flush()
    kept = sum(seq > 0 for seq in seqs)
    assert seqs[kept:] == [0] * (20 - kept)
    assert 0 < kept < 10
    monkeypatch.setattr(os, "write", real)
    put(trail, "after")
    trail.close()
    assert reasons(tmp_path) == ["before", *["x" * 200] * kept, "after"]
    (said,) = [fields for fields in reader.records(tmp_path) if fields["event"] == "unrecorded"]
    assert said["records"] == 20 - kept
    report = reader.verified(tmp_path)
    assert report.intact
    assert f"{20 - kept} records could not be written from {said['since']} on" in report.notes[0]


@pytest.mark.parametrize("fsync", ["always", "interval"])
def test_a_lenient_trail_lets_go_what_is_no_longer_safe(tmp_path, clock, monkeypatch, fsync):
    """After a failed fsync nothing that could be written would prove anything, so nothing is, and nobody is refused."""
    trail = Trail.open(tmp_path, clock=clock, fsync=fsync, lenient=True)
    put(trail, "before")
    monkeypatch.setattr(os, "fdatasync", lambda _: (_ for _ in ()).throw(OSError(errno.EIO, "lost")))
    put(trail, "unsure")
    with pytest.raises(AuditUnavailable, match="no longer safe"):
        trail.sync()
    assert trail.append(record.stopped(reason="unrecorded")) == 0
    trail.flush()
    trail.close()
    monkeypatch.undo()
    assert reasons(tmp_path) == ["before", "unsure"]


def test_a_lenient_trail_goes_on_when_a_segment_can_be_begun(tmp_path, clock, monkeypatch):
    """While none can, records are counted; then the new segment says so."""
    trail = Trail.open(tmp_path, segment_bytes=400, clock=clock, lenient=True)
    put(trail, "fills the segment " + "x" * 200)
    real = os.open
    monkeypatch.setattr(os, "open", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "no inodes")))
    assert [trail.append(record.stopped(reason="lost")) for _ in range(3)] == [0, 0, 0]
    monkeypatch.setattr(os, "open", real)
    put(trail, "after")
    trail.close()
    assert reasons(tmp_path)[1:] == ["after"]
    assert [fields["records"] for fields in reader.records(tmp_path) if fields["event"] == "unrecorded"] == [3]
    assert reader.verified(tmp_path).intact
