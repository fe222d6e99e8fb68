"""Compacted segments: every byte is kept, the trail verifies and goes on, and nothing is lost by a crash or a lie."""

from pathlib import Path

import duckdb
import pytest

from audit import compaction, heads, reader, record, segments, signing, tables
from audit.writer import Trail

LATE = "9999-01-01T00:00:00.000000Z"


@pytest.fixture
def trail(tmp_path, clock, caller, judgement):
    """Four segments with statements, their like, long and odd texts."""
    log = Trail.open(tmp_path / "audit", segment_bytes=2500, clock=clock)
    like, told = b"", 0
    for number in range(24):
        if told == log.segment:
            log.append(record.statement(like, number))
        else:
            seq = log.append(record.statement(record.statement_prefix(caller, judgement), number))
            like, told = record.statement_like(caller, seq), log.segment
        log.append(record.outcome(record.outcome_prefix(caller), number, "ok", rows=b"%d" % number, duration_us=1))
        log.append(record.stopped(reason='quo"te \x00 \u2028 中文 \x01 tab\t ' + "x" * 10))
        log.flush()
    log.close()
    return tmp_path / "audit"


def compact_all(directory):
    """Compact what can be; returns the numbers."""
    found = compaction.candidates(directory, LATE)
    for number, _ in found:
        assert compaction.compact(directory, number) > 0
    return [number for number, _ in found]


def test_every_byte_is_kept(trail):
    """The lines are those that were written, and the trail verifies as before; only the last segment stays as it was."""
    before = list(reader.lines(trail))
    records = list(reader.records(trail))
    numbers = [number for number, _ in segments.segments(trail)]
    assert compact_all(trail) == numbers[:-1]
    assert [path.suffix for _, path in segments.segments(trail)] == [".parquet"] * (len(numbers) - 1) + [".jsonl"]
    assert len(numbers) >= 3
    assert list(reader.lines(trail)) == before
    assert list(reader.records(trail)) == records
    assert reader.verified(trail).intact
    assert {path.stat().st_mode & 0o777 for path in trail.iterdir()} == {0o600}
    assert compact_all(trail) == []


def test_readers_find_what_is_compacted(trail):
    """The last records across segments, and following from an early one, give what they gave before."""
    last = reader.last_records(trail, 60)
    followed = []
    for fields in reader.follow(trail, 5):
        if fields is None:
            break
        followed.append(fields)
    compact_all(trail)
    assert reader.last_records(trail, 60) == last
    again = []
    for fields in reader.follow(trail, 5):
        if fields is None:
            break
        again.append(fields)
    assert again == followed


def test_columns_say_what_the_lines_say(trail):
    """A compacted segment whose columns were changed beside sound lines misleads searches: verification names the record."""
    compact_all(trail)
    path = segments.compacted_path(trail, 1)
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT * REPLACE (CASE WHEN event = 'statement' THEN 'bo' ELSE principal END AS principal) FROM read_parquet('{path}')) "
            f"TO '{path}.new' (FORMAT parquet)"
        )
    path.with_suffix(".parquet.new").rename(path)
    first, *others = reader.verified(trail).damages
    assert "is not the file that was made" in first.message
    assert others
    assert all("searches are misled" in damage.message and damage.segment == 1 for damage in others)


@pytest.mark.parametrize("change", ["replace(line, 'SELECT', 'SELEKT')", "line || ' '", "NULL"])
def test_a_changed_line_is_found(trail, change):
    """A line that was changed in a compacted segment is damage as in a written one."""
    compact_all(trail)
    path = segments.compacted_path(trail, 2)
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT * REPLACE (CASE WHEN event = 'statement' THEN {change} ELSE line END AS line) FROM read_parquet('{path}')) "
            f"TO '{path}.new' (FORMAT parquet)"
        )
    path.with_suffix(".parquet.new").rename(path)
    assert not reader.verified(trail).intact


def test_what_is_compacted_is_noted_and_signed(trail, tmp_path):
    """The hash of each file is noted; a note that is missing is damage, and so is one that the key has not signed."""
    signer = signing.Signer.create(tmp_path / "audit.pem")
    compaction.compact(trail, 1, signer)
    compaction.compact(trail, 2)
    (first, second) = signing.read(trail / compaction.COMPACTED, compaction.Compacted).found
    assert (first.segment, first.bytes) == (1, segments.compacted_path(trail, 1).stat().st_size)
    assert signer.verifier.proves(first)
    assert not signer.verifier.proves(second)
    assert reader.verified(trail).intact
    told = [damage.message for damage in reader.verified(trail, keys=[signer.verifier]).damages]
    assert any("compacted.jsonl says of segment 2 is not signed" in message for message in told)
    assert not any("compacted.jsonl says of segment 1 is not signed" in message for message in told)
    (trail / compaction.COMPACTED).unlink()
    assert [damage.segment for damage in reader.verified(trail).damages] == [1, 2]


def test_a_file_that_is_none_is_damage(trail):
    """A compacted segment that cannot be read is damage, and no fault of the program."""
    compact_all(trail)
    segments.compacted_path(trail, 2).write_bytes(b"PAR1 and no more")
    report = reader.verified(trail)
    assert {damage.kind for damage in report.damages} >= {"removed"}
    with pytest.raises(tables.QueryError, match="verify"), tables.opened([segments.compacted_path(trail, 2)]):
        pass


def test_a_trail_goes_on_behind_compacted_segments(trail, clock):
    """When the last written segment is gone, as after a copy of the compacted ones alone, the chain goes on from its head."""
    compact_all(trail)
    number, path = segments.segments(trail)[-1]
    last = heads.read(trail / heads.HEADS).found[-2]
    path.unlink()
    lines = (trail / heads.HEADS).read_bytes().splitlines(keepends=True)
    (trail / heads.HEADS).write_bytes(b"".join(lines[:-1]))
    (trail / segments.HEAD).write_bytes(segments.head_bytes(last.last, last.hash.encode()))
    log = Trail.open(trail, clock=clock)
    log.append(record.stopped(reason="again"))
    log.close()
    assert segments.segments(trail)[-1] == (number, segments.segment_path(trail, number))
    assert reader.verified(trail).intact


def test_a_crash_leaves_the_written_form(trail, monkeypatch):
    """Killed before the written form goes: both are there, the written one counts, and compacting again ends it."""
    before = list(reader.lines(trail))
    monkeypatch.setattr(Path, "unlink", lambda *_, **__: None)
    compaction.compact(trail, 1)
    monkeypatch.undo()
    assert segments.compacted_path(trail, 1).exists()
    assert segments.segments(trail)[0] == (1, segments.segment_path(trail, 1))
    assert list(reader.lines(trail)) == before
    compact_all(trail)
    assert not segments.segment_path(trail, 1).exists()
    assert list(reader.lines(trail)) == before


def test_what_cannot_be_kept_stays_as_it_is(trail):
    """A segment with bytes that are no text is not compacted, and says so."""
    path = segments.segment_path(trail, 2)
    path.write_bytes(path.read_bytes() + b"\xff\xfe\n")
    content = path.read_bytes()
    with pytest.raises(compaction.CompactionError, match="segment 2 holds lines"):
        compaction.compact(trail, 2)
    assert path.read_bytes() == content
    assert not list(trail.glob("*.part"))
    assert not list(trail.glob("*.parquet"))


def test_only_closed_segments_with_a_head_are_compacted(trail):
    """Not the one that is written, nor one whose head is missing, nor one that was closed lately."""
    numbers = [number for number, _ in compaction.candidates(trail, LATE)]
    assert numbers == [number for number, _ in segments.segments(trail)][:-1]
    assert compaction.candidates(trail, "2000-01-01T00:00:00.000000Z") == []
    (trail / heads.HEADS).unlink()
    assert compaction.candidates(trail, LATE) == []


def test_the_columns_of_both_forms_are_the_same(trail):
    """The tables have the same contents before and after."""

    def contents():
        with tables.opened([path for _, path in reader.existing(trail)]) as connection:
            return [
                connection.execute(f"SELECT * FROM {name} ORDER BY ALL").fetchall()
                for name in ("records", "statements", "uses")
            ]

    before = contents()
    compact_all(trail)
    assert contents() == before


def test_what_was_compacted_before_there_was_a_column_is_read(trail):
    """Columns that came later are NULL there; the trail verifies, and is asked together with newer segments."""
    assert len(compact_all(trail)) > 2
    path = segments.compacted_path(trail, 1)
    dropped = ", ".join(tables.LATER)
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT * EXCLUDE ({dropped}) FROM read_parquet('{path}')) TO '{path}.old' (FORMAT parquet)"
        )
    (trail / f"{path.name}.old").replace(path)
    assert compaction.differing(path) == []
    with tables.opened([path for _, path in reader.existing(trail)]) as connection:
        (count,) = connection.execute("SELECT count(*) FROM records WHERE fingerprint IS NULL").fetchone()
        assert count == len(list(reader.records(trail)))
    with tables.opened([path]) as connection:
        assert connection.execute("SELECT count(fingerprint), count(seq) > 3 FROM records").fetchone() == (0, True)


def test_a_column_that_was_taken_out_is_damage(trail, caller, judgement):
    """Only what older files never had may be missing: what a record says cannot be hidden from searches so."""
    compact_all(trail)
    path = segments.compacted_path(trail, 1)
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT * EXCLUDE (principal) FROM read_parquet('{path}')) TO '{path}.new' (FORMAT parquet)"
        )
    (trail / f"{path.name}.new").replace(path)
    assert compaction.differing(path) == [0]
