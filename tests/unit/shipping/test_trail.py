"""The trail as batches: whole blocks in order, proved; and what is refused."""

import itertools

import pytest
from fixtures.shipped import BEGUN, Written, bodies

from audit import chain, compaction, reader, record, segments
from audit.writer import Trail
from shipping import trail
from shipping.trail import Place, Sizes, TrailError

BEGINNING, USUAL = Place(), Sizes()


def read(directory, place=BEGINNING, sizes=USUAL, until=None):
    """All batches up to the point where everything is read."""
    return list(itertools.takewhile(lambda each: each is not None, trail.batches(directory, place, sizes, until=until)))


def seqs(batch):
    return [each.fields["seq"] for each in batch.records]


def count(directory):
    return reader.last_records(directory, 1)[0]["seq"]


def test_everything_comes_once_and_in_order(written):
    """With their lines as they were written, statements whole."""
    (batch,) = read(written.directory)
    assert seqs(batch) == list(range(1, count(written.directory) + 1))
    assert [each.line for each in batch.records] == [line.data for line in reader.lines(written.directory)]
    assert batch.records[11].fields["text"] == batch.records[3].fields["text"]
    assert (batch.first, batch.last, batch.gone) == (1, count(written.directory), 0)


@pytest.mark.parametrize("records", [1, 2, 5, 100])
def test_batches_are_whole_blocks_and_go_on_from_any_place(tmp_path, records):
    """Each ends with a block; from the end of each the rest is the same."""
    written = Written(tmp_path / "audit", segment_bytes=4096)
    written.add(bodies(), block=3)
    found = read(written.directory, sizes=Sizes(records=records))
    assert [seq for batch in found for seq in seqs(batch)] == list(range(1, count(written.directory) + 1))
    assert all(len(batch.records) <= max(records, 6) for batch in found)
    for index, batch in enumerate(found):
        assert read(written.directory, batch.after, Sizes(records=records)) == found[index + 1 :]
    written.close()


def test_a_block_that_is_half_there_is_waited_for(written):
    """Lines without the hash that ends their block do not leave."""
    path = segments.segment_path(written.directory, 1)
    whole = path.read_bytes()
    written.add([record.stopped(reason="a"), record.stopped(reason="b")], block=2)
    later = path.read_bytes()
    half = whole + later[len(whole) :].splitlines(keepends=True)[0]
    path.write_bytes(half)
    ticks = trail.batches(written.directory, Place(), Sizes())
    assert next(ticks).last == whole.count(b"\n")
    assert next(ticks) is None
    path.write_bytes(later)
    assert seqs(next(ticks)) == [whole.count(b"\n") + 1, whole.count(b"\n") + 2]


def test_what_was_begun_comes_again_as_it_was(written):
    """However sizes have changed, the first batch ends where it ended."""
    first, *_ = read(written.directory, sizes=Sizes(records=7))
    again, then, *_ = read(written.directory, sizes=Sizes(records=2), until=first.last)
    assert again == first
    assert len(then.records) == 2


def test_a_batch_stays_within_a_month(tmp_path):
    """So that what is kept by months takes each batch whole or not at all."""
    written = Written(tmp_path / "audit")
    written.add([record.stopped(reason="a")])
    written.now += 40 * 86_400 * 10**9
    written.add([record.stopped(reason="b")])
    assert [{each.fields["time"][:7] for each in batch.records} for batch in read(written.directory)] == [
        {"2027-01"},
        {"2027-02"},
    ]
    written.close()


def test_compacted_segments_are_shipped_too(tmp_path):
    """The two forms give the same."""
    written = Written(tmp_path / "audit", segment_bytes=4096)
    written.add(bodies())
    before = read(written.directory)
    assert compaction.candidates(written.directory, "9999")
    for number, _ in compaction.candidates(written.directory, "9999"):
        compaction.compact(written.directory, number)
    after = read(written.directory)
    assert [each.line for batch in after for each in batch.records] == [
        each.line for batch in before for each in batch.records
    ]
    written.close()


def test_what_was_removed_before_is_counted(tmp_path):
    """Old segments that are gone are passed over, and it is said how many records they held."""
    written = Written(tmp_path / "audit", segment_bytes=4096)
    written.add(bodies())
    every = read(written.directory)
    at = read(written.directory, sizes=Sizes(records=1))[2].after
    segments.segment_path(written.directory, 1).unlink()
    found = read(written.directory, at)
    first = reader.existing(written.directory)[0][0]
    begins = next(each.fields["seq"] for batch in every for each in batch.records if each.segment == first)
    assert (found[0].first, found[0].gone) == (begins, begins - at.seq - 1)
    assert sum(batch.gone for batch in found[1:]) == 0
    written.close()


def _changed(lines):
    lines[4] = lines[4].replace(b"hr.staff", b"hr.other")


def _removed(lines):
    del lines[5]


def _inserted(lines):
    lines.insert(5, lines[5].replace(b'"seq":6', b'"seq":1000000'))


def _twice(lines):
    lines.insert(5, lines[5])


def _swapped(lines):
    lines[4], lines[5] = lines[5], lines[4]


@pytest.mark.parametrize("harm", [_changed, _removed, _inserted, _twice, _swapped])
def test_a_trail_that_does_not_hold_together_is_not_shipped_on(written, harm):
    """What is before the damage leaves, nothing after it."""
    path = segments.segment_path(written.directory, 1)
    lines = path.read_bytes().splitlines(keepends=True)
    harm(lines)
    path.write_bytes(b"".join(lines))
    sent = []
    found = trail.batches(written.directory, Place(), Sizes(records=1))
    with pytest.raises(TrailError, match="louver audit verify"):
        sent.extend(seq for batch in found for seq in seqs(batch))
    assert sent == list(range(1, len(sent) + 1))
    assert len(sent) <= 6


def test_a_trail_that_lost_what_was_shipped_is_told(written, tmp_path):
    """One that is shorter than the place, and one that was written on otherwise after it."""
    at = read(written.directory)[-1].after
    path = segments.segment_path(written.directory, 1)
    kept = path.read_bytes().splitlines(keepends=True)[:-2]
    written.close()
    path.write_bytes(b"".join(kept))
    with pytest.raises(TrailError, match="ends with"):
        trail.batches(written.directory, at, Sizes())
    other = Trail.open(written.directory)
    for number in range(9):
        other.append(record.stopped(reason=str(number)))
        other.flush()
    other.close()
    with pytest.raises(TrailError, match="louver audit verify"):
        read(written.directory, at)


def test_a_trail_has_a_name_of_its_own(written, tmp_path):
    """From its first record; none where that is gone, or nothing is there."""
    other = Written(tmp_path / "other", begun=BEGUN + 1000)
    other.add(bodies())
    names = {trail.trail_id(each.directory) for each in (written, other)}
    assert len(names) == 2
    assert all(len(name) == trail.ID_DIGITS for name in names)
    assert trail.trail_id(tmp_path) is None
    path = segments.segment_path(other.directory, 1)
    path.write_bytes(path.read_bytes().split(b"\n", 1)[1])
    assert trail.trail_id(other.directory) is None
    other.close()


def test_the_first_place_is_that_of_the_chain():
    """Before everything."""
    assert Place() == Place(0, chain.GENESIS.decode())
