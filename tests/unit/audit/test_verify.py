import dataclasses
import hashlib
import json
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit import chain, segments
from audit.verify import DAMAGES, Line, verify

relaxed = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.fixture(scope="module")
def sound():
    """Thirty lines in three segments, and their head, made with the chain alone."""
    lines, previous, segment, number = [], chain.GENESIS, 0, 0
    for seq in range(1, 31):
        if seq % 10 == 1:
            segment, number = segment + 1, 0
            body = chain.segment_header(segment, previous)
        elif seq % 10 == 0:
            body = chain.segment_closed("stopped" if seq == 30 else "rotated")
        else:
            body = chain.members({"event": "stopped", "reason": f"reason {seq}"})
        previous, line = chain.render(previous, seq, chain.stamped(seq, body))
        number += 1
        lines.append(Line(segment, number, line[:-1]))
    return lines, (30, previous.decode())


def check(lines, head, **more):
    return verify(lines, head=head, **more)


def kinds(report):
    return [(d.kind, d.segment, d.line, d.first, d.last) for d in report.damages]


def test_an_untouched_trail_is_intact(sound):
    """A trail as it was written has no damage, and its end is known."""
    report = check(*sound)
    assert report.intact
    assert (report.records, report.segments, report.head, report.closed) == (30, 3, sound[1], True)


def test_the_hashes_are_those_of_the_documentation(sound):
    """A check written from the documentation alone, without this package, accepts the trail."""
    previous = "0" * 64
    for line in sound[0]:
        text = line.data.decode()
        previous = hashlib.sha256((previous + text[75:]).encode()).hexdigest()
        assert json.loads(text)["hash"] == previous


@relaxed
@given(st.data())
def test_any_changed_byte_is_found_at_its_line(sound, data):
    """Replacing one byte of one line by another, whatever both are, is damage that names the line."""
    lines, head = sound
    at = data.draw(st.integers(0, len(lines) - 1))
    byte = data.draw(st.integers(0, len(lines[at].data) - 1))
    value = data.draw(st.integers(0, 255).filter(lambda v: v not in (lines[at].data[byte], 10)))
    changed = lines[at].data[:byte] + bytes([value]) + lines[at].data[byte + 1 :]
    report = check([*lines[:at], dataclasses.replace(lines[at], data=changed), *lines[at + 1 :]], head)
    assert ("changed", lines[at].segment, lines[at].number) in [k[:3] for k in kinds(report)]
    assert len([d for d in report.damages if d.kind != "changed"]) == 0


def test_every_byte_of_a_line_counts(sound):
    """Flipping the lowest bit of each byte of one record in turn is named each time as changed, at that record."""
    lines, head = sound
    for byte in range(len(lines[14].data)):
        data = bytearray(lines[14].data)
        data[byte] ^= 1
        report = check([*lines[:14], dataclasses.replace(lines[14], data=bytes(data)), *lines[15:]], head)
        assert kinds(report) == [("changed", 2, 5, 15, 15)], data


@pytest.mark.parametrize("first", [1, 2, 11, 15, 29])
@pytest.mark.parametrize("count", [1, 3])
def test_removed_records_are_named(sound, first, count):
    """Taking records out anywhere but at the end is named with their numbers."""
    lines, head = sound
    count = min(count, 30 - first)
    left = [line for at, line in enumerate(lines, 1) if not first <= at < first + count]
    report = check(left, head)
    assert ("removed", first, first + count - 1) in [(d.kind, d.first, d.last) for d in report.damages]
    assert {d.kind for d in report.damages} <= {"removed", "changed"}  # changed: a segment without its header


def test_a_removed_segment_is_named(sound):
    """A whole segment that is gone shows as its records missing before the next one."""
    lines, head = sound
    report = check([line for line in lines if line.segment != 2], head)
    assert kinds(report) == [("removed", 3, 1, 11, 20)]


@pytest.mark.parametrize("at", [1, 14, 15, 28])
def test_an_inserted_copy_is_named(sound, at):
    """A record put in a second time is named, and those after it are still good."""
    lines, head = sound
    report = check([*lines[: at + 1], lines[at], *lines[at + 1 :]], head)
    assert [d.kind for d in report.damages] == ["inserted"]


def test_a_forged_record_with_a_right_hash_is_named(sound):
    """A record forged with a hash that follows is named: the chain goes on from the real one."""
    lines, head = sound
    digest, line = chain.render(lines[14].data[9:73], 16, b'"time":"x","event":"stopped"')
    assert digest
    report = check([*lines[:15], Line(2, 6, line[:-1]), *lines[15:]], head)
    assert [(d.kind, d.first) for d in report.damages] == [("inserted", 16)]


@pytest.mark.parametrize("junk", [b"", b"hello", b"{}", b"\x00" * 50])
def test_inserted_junk_is_named(sound, junk):
    """A line that is no record at all is named as put in."""
    lines, head = sound
    report = check([*lines[:15], Line(2, 6, junk), *lines[15:]], head)
    assert kinds(report) == [("inserted", 2, 6, 16, 16)]


@pytest.mark.parametrize(("a", "b"), [(14, 15), (3, 7), (2, 25), (27, 28)])
def test_exchanged_records_are_named(sound, a, b):
    """Two records that changed places are both accounted for, and none counts as missing."""
    lines, head = sound
    moved = list(lines)
    moved[a] = dataclasses.replace(lines[a], data=lines[b].data)
    moved[b] = dataclasses.replace(lines[b], data=lines[a].data)
    report = check(moved, head)
    assert {d.kind for d in report.damages} == {"reordered"}
    assert len(report.damages) <= 2


def test_a_moved_block_is_one_damage(sound):
    """Records moved together show as one run out of order."""
    lines, head = sound
    report = check([*lines[:12], *lines[15:18], *lines[12:15], *lines[18:]], head)
    assert [(d.kind, d.first, d.last) for d in report.damages] == [("reordered", 13, 15)]


@pytest.mark.parametrize("keep", [0, 1, 10, 15, 29])
def test_a_tail_cut_at_a_line_is_known_by_the_head(sound, keep):
    """Lines missing at the end are named as far as the head file knew them."""
    lines, head = sound
    report = check(lines[:keep], head)
    assert [(d.kind, d.first, d.last) for d in report.damages] == [("truncated", keep + 1, 30)]


def test_a_tail_cut_without_head_is_at_least_suspected(sound):
    """When the head file is gone as well, that is damage of its own."""
    report = check(sound[0][:20], None)
    assert [d.kind for d in report.damages] == ["truncated"]
    assert "head file" in report.damages[0].message


def test_a_head_that_lags_is_no_damage(sound):
    """The head file is written now and then: records beyond it are fine."""
    assert check(sound[0], (20, sound[0][19].data[9:73].decode())).intact


def test_a_tail_cut_within_a_line_is_torn(sound):
    """A last line without its end is named as torn."""
    lines, head = sound
    report = check([*lines[:29], dataclasses.replace(lines[29], data=lines[29].data[:-5], whole=False)], head)
    assert [d.kind for d in report.damages] == ["torn", "truncated"]
    only_newline = check([*lines[:29], dataclasses.replace(lines[29], whole=False)], head)
    assert [d.kind for d in only_newline.damages] == ["torn"]


def test_a_trail_written_anew_is_known_by_an_anchor(sound):
    """When someone computes every hash anew and the head, too, a hash noted elsewhere gives it away."""
    lines, _ = sound
    previous, forged = chain.GENESIS, []
    for seq, line in enumerate(lines, 1):
        body = line.data[75:-1].split(b",", 1)[1].replace(b"reason 5", b"reason X")
        previous, data = chain.render(previous, seq, body)
        forged.append(dataclasses.replace(line, data=data[:-1]))
    anchors = {20: lines[19].data[9:73].decode()}
    head = (30, previous.decode())
    assert [d.kind for d in check(forged, head, anchors=anchors).damages] == ["anchor"]
    assert check(lines, sound[1], anchors=anchors).intact
    assert [d.kind for d in check(lines, sound[1], anchors={31: "a" * 64}).damages] == ["truncated"]


def test_a_head_that_names_another_hash_is_damage(sound):
    """The head file and the record it names must agree."""
    assert [d.kind for d in check(sound[0], (20, "a" * 64)).damages] == ["changed"]


def test_a_segment_under_another_name_is_damage(sound):
    """A file whose header carries another number is named."""
    lines = [dataclasses.replace(line, segment=line.segment + 1) for line in sound[0]]
    assert {d.kind for d in check(lines, sound[1]).damages} == {"changed"}


@pytest.mark.parametrize(
    ("missing", "differs", "kind"), [(3, False, "truncated"), (0, True, "changed"), (0, False, None)]
)
def test_a_resumption_tells_what_it_found(missing, differs, kind):
    """What the writer found wrong when it resumed stays damage for ever; a mere crash is a note."""
    bodies = [chain.segment_header(1, chain.GENESIS), chain.recovered((), missing, head_differs=differs)]
    previous, lines = chain.GENESIS, []
    for seq, body in enumerate(bodies, 1):
        previous, data = chain.render(previous, seq, chain.stamped(0, body))
        lines.append(Line(1, seq, data[:-1]))
    report = check(lines, (2, previous.decode()))
    assert [d.kind for d in report.damages] == ([kind] if kind else [])
    assert len(report.notes) == (0 if kind else 1)


def test_several_damages_are_told_apart(sound):
    """A change, a removal and an insertion in one trail are three damages at their places."""
    lines, head = sound
    tampered = [*lines[:25], lines[24], *lines[25:]]
    tampered[4] = dataclasses.replace(tampered[4], data=tampered[4].data.replace(b"reason", b"ReasoN"))
    del tampered[14]
    assert Counter(d.kind for d in check(tampered, head).damages) == {"changed": 1, "removed": 1, "inserted": 1}


@relaxed
@given(st.data())
def test_no_rearrangement_passes(sound, data):
    """Any selection of the lines in any order other than the written one is damage, and judging never fails."""
    lines, head = sound
    chosen = data.draw(st.lists(st.integers(0, 29), max_size=40))
    if chosen == list(range(30)):
        return
    assert not check([lines[at] for at in chosen], head).intact


@relaxed
@given(st.lists(st.binary(max_size=120), max_size=8))
def test_garbage_is_damage_and_never_a_fault(garbage):
    """Whatever bytes lie there, verification ends with a report."""
    report = check([Line(1, at, data) for at, data in enumerate(garbage, 1)], (0, "0" * 64))
    assert report.intact == (not garbage)


def test_endless_damage_is_counted_not_listed():
    """A trail that is all junk gives a bounded list and the count of the rest."""
    report = check([Line(1, at, b"junk") for at in range(1, DAMAGES + 51)], None)
    assert len(report.damages) == DAMAGES
    assert report.more >= 50


def test_a_real_trail_verifies(make_trail, read_lines):
    """What the writer writes over several segments is intact by this judgement."""
    directory = make_trail(40)
    head = segments.read_head(directory)
    report = check(read_lines(directory), (head.seq, head.hash))
    assert report.intact
    assert report.segments > 3
