import dataclasses
import hashlib
import json
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit import chain, segments
from audit.blocks import Line
from audit.verify import DAMAGES, verify

relaxed = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def written(sizes):
    """Thirty lines in three segments of ten, sealed in blocks of these sizes, and their head, made with the chain alone."""
    lines, previous, seq, number, sizes = [], chain.GENESIS, 0, 0, iter(sizes)
    while seq < 30:
        if seq % 10 == 0:
            number = 0
        made = b""
        for _ in range(next(sizes)):
            seq += 1
            if seq % 10 == 1:
                body = chain.segment_header(seq // 10 + 1, previous)
            elif seq % 10 == 0:
                body = chain.segment_closed("stopped" if seq == 30 else "rotated")
            else:
                body = chain.members({"event": "stopped", "reason": f"reason {seq}"})
            made += chain.render(seq, chain.stamped(seq, body))
        previous, block = chain.seal(previous, made)
        for line in block.splitlines():
            number += 1
            lines.append(Line((seq - 1) // 10 + 1, number, line))
    return lines, (30, previous.decode())


def digest(line):
    return chain.parse(line.data).hash


@pytest.fixture(scope="module")
def sound():
    """The trail with a block for each line."""
    return written([1] * 30)


@pytest.fixture(scope="module")
def grouped():
    """The trail in blocks of 1, 4, 3 and 2 lines: 1, 2-5, 6-8, 9-10, and so in each segment."""
    return written([1, 4, 3, 2] * 3)


def check(lines, head, **more):
    return verify(lines, head=head, **more)


def kinds(report):
    return [(d.kind, d.segment, d.line, d.first, d.last) for d in report.damages]


def test_an_untouched_trail_is_intact(sound):
    """A trail as it was written has no damage, and its end is known."""
    report = check(*sound)
    assert report.intact
    assert (report.records, report.segments, report.head, report.closed) == (30, 3, sound[1], True)


def test_the_hashes_are_those_of_the_documentation(grouped):
    """A check written from the documentation alone, without this package, accepts the trail."""
    previous, block, sealed = "0" * 64, [], 0
    for line in grouped[0]:
        text = line.data.decode()
        stated = json.loads(text).get("hash")
        if stated is None:
            block.append(text)
            continue
        block.append(text.removesuffix(f',"hash":"{stated}"}}'))
        previous = hashlib.sha256((previous + "\n".join(block)).encode()).hexdigest()
        assert stated == previous
        block, sealed = [], sealed + 1
    assert sealed == 12


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
        assert [k[:4] for k in kinds(report)] == [("changed", 2, 5, 15)], data


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
    _, line = chain.seal(digest(lines[14]), chain.render(16, b'"time":"x","event":"stopped"'))
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
    assert check(sound[0], (20, digest(sound[0][19]).decode())).intact


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
        body = chain.parse(line.data).covered.split(b",", 1)[1].replace(b"reason 5", b"reason X")
        previous, data = chain.seal(previous, chain.render(seq, body))
        forged.append(dataclasses.replace(line, data=data[:-1]))
    anchors = {20: digest(lines[19]).decode()}
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
        previous, data = chain.seal(previous, chain.render(seq, chain.stamped(0, body)))
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
def test_no_rearrangement_passes(sound, grouped, data):
    """Any selection of the lines in any order other than the written one is damage, and judging never fails."""
    lines, head = data.draw(st.sampled_from((sound, grouped)))
    chosen = data.draw(st.lists(st.integers(0, 29), max_size=40) | st.permutations(range(30)))
    if chosen == list(range(30)):
        return
    assert not check([lines[at] for at in chosen], head).intact


def test_an_untouched_trail_in_blocks_is_intact(grouped):
    """Blocks of several lines are checked as what they are, and an anchor names the end of one."""
    lines, head = grouped
    report = check(lines, head, anchors={5: digest(lines[4]).decode()})
    assert (report.intact, report.records, report.segments, report.head) == (True, 30, 3, head)
    assert [d.kind for d in check(lines, head, anchors={4: digest(lines[4]).decode()}).damages] == ["anchor"]
    assert [d.kind for d in check(lines, (4, head[1])).damages] == ["changed"]


@pytest.mark.parametrize("at", range(30))
def test_a_changed_line_is_found_in_its_block(grouped, at):
    """What a line says is bound by the hash of its block: changing it names the records of that block."""
    lines, head = grouped
    changed = dataclasses.replace(lines[at], data=lines[at].data.replace(b'"event":"', b'"event":"x', 1))
    report = check([*lines[:at], changed, *lines[at + 1 :]], head)
    damages = [d for d in report.damages if "begins with another record" not in d.message]
    assert [d.kind for d in damages] == ["changed"]
    assert damages[0].first <= at + 1 <= damages[0].last
    assert damages[0].last - damages[0].first < 4


@relaxed
@given(st.data())
def test_any_changed_byte_in_blocks_is_damage(grouped, data):
    """Replacing one byte of one line by another, whatever both are, is damage that names its records."""
    lines, head = grouped
    at = data.draw(st.integers(0, len(lines) - 1))
    byte = data.draw(st.integers(0, len(lines[at].data) - 1))
    value = data.draw(st.integers(0, 255).filter(lambda v: v not in (lines[at].data[byte], 10)))
    changed = lines[at].data[:byte] + bytes([value]) + lines[at].data[byte + 1 :]
    report = check([*lines[:at], dataclasses.replace(lines[at], data=changed), *lines[at + 1 :]], head)
    assert any(d.first <= at + 1 <= d.last for d in report.damages)


@pytest.mark.parametrize("first", [2, 3, 5, 6, 8, 9, 10, 12, 29])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_lines_removed_from_blocks_are_named(grouped, first, count):
    """Taking lines out within a block or over the ends of blocks is named with their numbers."""
    lines, head = grouped
    count = min(count, 30 - first)
    report = check([line for at, line in enumerate(lines, 1) if not first <= at < first + count], head)
    gone = {seq for d in report.damages if d.kind == "removed" for seq in range(d.first, d.last + 1)}
    assert set(range(first, first + count)) <= gone
    assert {d.kind for d in report.damages} <= {"removed", "changed"}


def test_a_block_that_was_not_sealed_is_torn(grouped):
    """A trail that ends within a block was cut or crashed; the head tells how far it was written."""
    lines, head = grouped
    assert [(d.kind, d.first, d.last) for d in check(lines[:7], head).damages] == [("torn", 6, 7), ("truncated", 6, 30)]


def test_a_line_put_into_a_block_is_named(grouped):
    """A line that is no record, or a copy of one, within a block is named as put in."""
    lines, head = grouped
    for data in (b"junk", lines[2].data):
        report = check([*lines[:3], Line(1, 4, data), *lines[3:]], head)
        assert [d.kind for d in report.damages] == ["inserted"], data


@relaxed
@given(st.lists(st.binary(max_size=120), max_size=8))
def test_garbage_is_damage_and_never_a_fault(garbage):
    """Whatever bytes lie there, verification ends with a report."""
    report = check([Line(1, at, data) for at, data in enumerate(garbage, 1)], (0, "0" * 64))
    assert report.intact == (not garbage)


def test_endless_damage_is_counted_not_listed():
    """A trail that is all junk gives a bounded list and the count of the rest."""
    junk = b'junk,"hash":"' + b"a" * 64 + b'"}'
    report = check([Line(1, at, junk) for at in range(1, DAMAGES + 51)], None)
    assert len(report.damages) == DAMAGES
    assert report.more >= 50


def test_a_real_trail_verifies(make_trail, read_lines):
    """What the writer writes over several segments is intact by this judgement."""
    directory = make_trail(40)
    head = segments.read_head(directory)
    report = check(read_lines(directory), (head.seq, head.hash))
    assert report.intact
    assert report.segments > 3
