import itertools
import os

import pytest

from audit import compaction, reader, record, segments
from audit.writer import Trail


def reasons(found):
    return [fields["reason"] for fields in found if fields["event"] == "stopped"]


def test_records_come_in_order_over_all_segments(make_trail):
    """Reading goes from the first record to the last, whichever segment they lie in."""
    directory = make_trail(30)
    assert [fields["seq"] for fields in reader.records(directory)] == list(
        range(1, segments.read_head(directory).seq + 1)
    )


@pytest.mark.parametrize("count", [0, 1, 7, 25, 1000])
def test_the_last_records_are_the_end_of_all(make_trail, count):
    """Reading from the end gives the same as reading everything and keeping the end."""
    directory = make_trail(30)
    everything = list(reader.records(directory))
    assert reader.last_records(directory, count) == everything[max(0, len(everything) - count) :]


def test_where_no_trail_is_it_is_said(tmp_path):
    """A missing directory, a file, and a directory without segments are told as such."""
    (tmp_path / "file").touch()
    for path in (tmp_path / "none", tmp_path / "file", tmp_path):
        with pytest.raises(reader.NoTrail, match=str(path)):
            list(reader.records(path))


def test_unreadable_lines_are_passed_over(make_trail):
    """Searching a damaged trail still finds what can be read; judging is the task of verify."""
    directory = make_trail(5, segment_bytes=10**6)
    path = segments.segment_path(directory, 1)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[2:3] = [b"\xff\xfe\n", b"[1]\n", b"{}\n", b'{"event":"x","seq":"1"}\n', b"\n"]
    path.write_bytes(b"".join(lines))
    assert reasons(reader.records(directory)) == ["reason 0", "reason 2", "reason 3", "reason 4"]


def test_following_sees_what_comes_once_and_in_order(tmp_path, clock):
    """Following goes on over new records, half-written lines and new segments, and gives each record once."""
    seen = []
    ticks = reader.follow(tmp_path / "a", 0)
    assert next(ticks) is None

    def read_on():
        while (fields := next(ticks)) is not None:
            seen.append(fields)

    trail = Trail.open(tmp_path / "a", segment_bytes=1500, clock=clock)
    for number in range(20):
        trail.append(record.stopped(reason=str(number)))
        trail.flush()
        if number % 3 == 0:
            read_on()
    read_on()
    path = segments.segments(tmp_path / "a")[-1][1]
    with path.open("ab") as file:
        file.write(b'{"hash":"x","seq":1000,"event":"stopped",')
        file.flush()
        read_on()
        assert reasons(seen)[-1] == "19"
        file.write(b'"reason":"20"}\n')
    read_on()
    trail._medium.release()
    assert reasons(seen) == list(map(str, range(21)))
    after = reader.follow(tmp_path / "a", seen[5]["seq"])
    assert next(after) == seen[6]


def test_a_line_being_written_is_waited_for(make_trail, monkeypatch):
    """A last line that is half there while verifying is read again before it is called torn."""
    directory = make_trail(3, segment_bytes=10**6)
    path = segments.segment_path(directory, 1)
    content = path.read_bytes()
    path.write_bytes(content[:-10])

    def meanwhile(_):
        path.write_bytes(content)

    monkeypatch.setattr(reader.time, "sleep", meanwhile)
    assert reader.verified(directory).intact


def test_a_changed_side_file_is_damage(make_trail, clock):
    """What was set aside after a crash is bound to the trail by its hash."""
    directory = make_trail(3, segment_bytes=10**6)
    with segments.segment_path(directory, 1).open("ab") as file:
        file.write(b"torn")
    Trail.open(directory, clock=clock).close()
    assert reader.verified(directory).intact
    side = next(directory.glob("torn-*"))
    side.write_bytes(b"born")
    assert [d.kind for d in reader.verified(directory).damages] == ["changed"]
    side.unlink()
    assert [d.kind for d in reader.verified(directory).damages] == ["changed"]


def test_progress_counts_the_bytes(make_trail, monkeypatch):
    """A long verification tells how far it is, in bytes of the segments."""
    monkeypatch.setattr(reader, "_PROGRESS_LINES", 1)
    directory = make_trail(30)
    told = []
    reader.verified(directory, progress=told.append)
    assert told == sorted(told)
    assert told[-1] == sum(os.path.getsize(path) for _, path in segments.segments(directory))  # noqa: PTH202  terse


@pytest.fixture
def referring(tmp_path, clock, caller, judgement):
    """A trail whose statements 2 to 9 refer to the first, with an outcome each."""
    trail = Trail.open(tmp_path / "a", clock=clock)
    seq = trail.append(record.statement(record.statement_prefix(caller, judgement), 1))
    trail.flush()
    for number in range(2, 10):
        trail.append(record.statement(record.statement_like(caller, seq), number))
        trail.append(record.outcome(record.outcome_prefix(caller), number, "ok", duration_us=5))
        trail.flush()
    trail.close()
    return tmp_path / "a"


def test_statements_that_refer_to_an_earlier_one_are_given_whole(referring):
    """Read forwards, from the end or as they come, a statement has all fields of the one it is like, and its own number and time."""
    found = [fields for fields in reader.records(referring) if fields["event"] == "statement"]
    first = found[0]
    assert [fields["statement"] for fields in found] == list(range(1, 10))
    own = ("seq", "time", "statement")
    for fields in found[1:]:
        assert {**fields, "hash": "", **{name: first[name] for name in own}} == {**first, "hash": ""}
        assert fields["seq"] > first["seq"]
        assert fields["time"] > first["time"]
    last = [fields for fields in reader.last_records(referring, 5) if fields["event"] == "statement"]
    assert last == found[-2:]
    followed = list(iter(reader.follow(referring, found[3]["seq"]).__next__, None))
    assert [fields for fields in followed if fields["event"] == "statement"] == found[4:]


@pytest.mark.parametrize("like", [b"7777", b'"2"', b"[2]", b"1", b"null"])
def test_a_reference_to_nothing_is_left_as_it_is(referring, like):
    """In a damaged trail a statement whose reference cannot be followed is given with what it says itself."""
    path = segments.segment_path(referring, 1)
    path.write_bytes(path.read_bytes().replace(b'"like":2', b'"like":' + like))
    for found in (list(reader.records(referring)), reader.last_records(referring, 4)):
        left = [fields for fields in found if "like" in fields]
        assert left
        assert all("text" not in fields for fields in left)


def test_what_was_compacted_while_nobody_asked_is_not_passed_over(tmp_path, clock):
    """A segment that was read half, then filled, closed and compacted, gives the rest of its records, each once."""
    trail = Trail.open(tmp_path, segment_bytes=10**6, clock=clock)
    for number in range(30):
        trail.append(record.stopped(reason=str(number)))
        trail.flush()
        if number == 9:
            ticks = reader.read_on(tmp_path, 0)
            begun = list(itertools.takewhile(lambda read: read is not None, ticks))
    trail.close()
    Trail.open(tmp_path, clock=clock).close()
    compaction.compact(tmp_path, 1)
    rest = list(itertools.takewhile(lambda read: read is not None, ticks))
    found = [*begun, *rest]
    assert [read.line for read in found] == [line.data for line in reader.lines(tmp_path)]
    assert next(ticks) is None
