"""What goes from a trail because it is old, what is held, and how the rest is proved."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from audit import compaction, heads, reader, record, retention, segments, signing
from audit.retention import Hold
from audit.writer import Trail

if TYPE_CHECKING:
    from pathlib import Path

FOREVER = "9999"


@pytest.fixture
def signer(tmp_path: Path) -> signing.Signer:
    """A key that signs what is noted."""
    return signing.Signer.create(tmp_path / "audit.pem")


@pytest.fixture
def trail(tmp_path: Path, clock, signer: signing.Signer) -> Path:  # type: ignore[no-untyped-def]
    """Six closed segments and more."""
    directory = tmp_path / "audit"
    log = Trail.open(directory, segment_bytes=700, clock=clock, signer=signer)
    for number in range(30):
        log.append(record.stopped(reason=f"reason {number} of thirty"))
        log.flush()
    log.close()
    assert len(segments.segments(directory)) > 6
    return directory


def closed(trail: Path) -> list[heads.SegmentHead]:
    """The heads of its segments."""
    return heads.read(trail / heads.HEADS).found


def retire(trail: Path, signer: signing.Signer | None, before: str = FOREVER) -> list[int]:
    """Remove what may go; the numbers of those that were held."""
    free, held = retention.due(trail, before)
    retention.retire(trail, free, before, "2027-02-01T00:00:00.000000Z", signer)
    return held


def there(trail: Path) -> list[int]:
    """The numbers of the segments that are there."""
    return [number for number, _ in segments.segments(trail)]


def test_what_is_old_goes_and_the_rest_verifies(trail: Path, signer: signing.Signer) -> None:
    """Segments closed before a moment go, in both forms; their heads stand for them."""
    compaction.compact(trail, 1, signer)
    before = closed(trail)[3].time
    assert retire(trail, signer, before) == []
    assert there(trail)[0] == 4
    report = reader.verified(trail, keys=[signer.verifier])
    assert report.intact, report.damages
    assert report.retired == 3
    last = closed(trail)[2].last
    assert f"segments 1 to 3, up to record {last}, were retired: their heads stand for them" in report.notes
    assert retire(trail, signer, before) == []
    assert len(retention.retired(trail).found) == 1


def test_the_last_segment_stays(trail: Path, signer: signing.Signer) -> None:
    """However old it is: it may be the one that is written."""
    total = there(trail)
    retire(trail, signer)
    assert there(trail) == total[-1:]
    assert reader.verified(trail, keys=[signer.verifier]).intact


def test_the_trail_goes_on(trail: Path, signer: signing.Signer, clock) -> None:  # type: ignore[no-untyped-def]
    """A proxy that starts after all but the last was removed finds the end of the chain."""
    retire(trail, signer)
    log = Trail.open(trail, clock=clock, signer=signer)
    log.append(record.stopped(reason="after"))
    log.close()
    assert reader.verified(trail, keys=[signer.verifier]).intact
    assert "after" in [each.get("reason") for each in reader.records(trail)]


def test_a_hold_keeps_its_time(trail: Path, signer: signing.Signer) -> None:
    """The segments with records of the time are kept, those around them go; then the hold is released."""
    found = closed(trail)
    placed = retention.place(trail, Hold(0, "mona", "case 81", "T", since=found[2].time, until=found[3].time), signer)
    assert placed.hold == 1
    assert retire(trail, signer) == [3, 4]
    assert there(trail) == [3, 4, len(found)]
    report = reader.verified(trail, keys=[signer.verifier])
    assert report.intact, report.damages
    assert report.retired == len(found) - 3
    with pytest.raises(ValueError, match="no hold 2 in force"):
        retention.release(trail, Hold(2, "mona", "closed", "T"), signer)
    retention.release(trail, Hold(1, "mona", "closed", "T"), signer)
    assert retention.holds(trail) == []
    with pytest.raises(ValueError, match="no hold 1 in force"):
        retention.release(trail, Hold(1, "mona", "closed", "T"), signer)
    assert retire(trail, signer) == []
    assert there(trail) == [len(found)]
    assert reader.verified(trail, keys=[signer.verifier]).intact


@pytest.mark.parametrize(
    ("since", "until", "kept"),
    [(None, None, {1, 2, 3}), (None, 0, {1}), (1, None, {2, 3}), (1, 1, {2}), ("9", None, set()), (None, "1", {1})],
)
def test_of_which_time_a_hold_is(trail: Path, since: int | str | None, until: int | str | None, kept: set[int]) -> None:
    """Both ends may be open; a segment counts from the end of the one before to its own, the first from the beginning."""
    found = closed(trail)

    def moment(end: int | str | None) -> str | None:
        return found[end].time if isinstance(end, int) else end

    retention.place(trail, Hold(0, "mona", "case 81", "T", moment(since), moment(until)), None)
    free, held = retention.due(trail, found[3].time)
    assert set(held) == kept
    assert set(free) == {1, 2, 3} - kept


def test_a_hold_that_was_altered_keeps_everything(trail: Path, signer: signing.Signer) -> None:
    """What it held is not known, so nothing goes, and verification says so."""
    retention.place(trail, Hold(0, "mona", "case 81", "T"), signer)
    path = trail / retention.HOLDS
    path.write_bytes(path.read_bytes().replace(b'"hold"', b'"bold"'))
    with pytest.raises(ValueError, match="nothing is removed"):
        retention.due(trail, FOREVER)
    assert "line 1 of holds.jsonl is not as it was written" in [
        each.message for each in reader.verified(trail, keys=[signer.verifier]).damages
    ]


def test_what_went_without_the_rule_is_removed(trail: Path, signer: signing.Signer) -> None:
    """A segment more than those that were retired, at either side, is damage; so is a note without the key."""
    before = closed(trail)[3].time
    retire(trail, signer, before)
    segments.segment_path(trail, 5).unlink()
    kinds = {(each.kind, each.segment) for each in reader.verified(trail, keys=[signer.verifier]).damages}
    assert ("removed", 6) in kinds
    retention.retire(trail, [5], before, "T", None)
    told = [each.message for each in reader.verified(trail, keys=[signer.verifier]).damages]
    assert told == ["what retired.jsonl says is not signed by a key that was given"]


def test_retired_segments_that_were_others_are_known(trail: Path, signer: signing.Signer) -> None:
    """An anchor of the end of a retired segment is held against its head; the chain behind it fits no other head."""
    found = closed(trail)
    retire(trail, signer, found[3].time)
    assert reader.verified(trail, {found[1].last: found[1].hash}).intact
    kinds = {each.kind for each in reader.verified(trail, {found[1].last: "0" * 64}).damages}
    assert kinds == {"anchor"}
    path = trail / heads.HEADS
    path.write_bytes(path.read_bytes().replace(found[2].hash.encode(), b"0" * 64))
    assert not reader.verified(trail).intact


def test_a_crash_before_the_removal_is_made_good(trail: Path, signer: signing.Signer, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    """Noted and not removed: the trail verifies, and the next look removes it."""
    before = closed(trail)[3].time

    def crash(_: Path) -> Path:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(retention.segments, "compacted_path", crash)
        patch.setattr("pathlib.Path.unlink", crash)
        with pytest.raises(BaseException):  # noqa: B017, PT011  the process dies
            retire(trail, signer, before)
    assert there(trail)[0] == 1
    assert reader.verified(trail, keys=[signer.verifier]).intact
    retire(trail, signer, before)
    assert there(trail)[0] == 4
    assert reader.verified(trail, keys=[signer.verifier]).intact
