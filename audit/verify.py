"""Is a trail complete and untouched, and if not, what was done to it and where.

Owns the reading of damage: changed, removed, inserted, reordered, truncated. Pure: lines in, report out; no files.

What it can know. Each block of lines is bound to the one before, so nothing can be changed, taken out, put in or moved
without a break, unless every later hash is computed anew. Against that, and against blocks cut off at the end, stand the
head file (the last record known to be written) and anchors (seq and hash of records, noted where the writer of the files
cannot reach), and the heads of closed segments, which are signed. Without either, a tail cut at a block's end is not to be told from a trail that was never longer.

A break lies *between* two blocks: when block 12 does not follow from block 11, either 12 was changed, or 11 was and its own
hash was computed anew. The report says 12. Within a block the numbers of its records tell what is missing or out of
place; which of its records was altered they do not tell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from audit import chain
from audit.blocks import Block, Line, blocks, runs
from audit.findings import Damage, Report, merged

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from audit.findings import Kind
    from audit.heads import SegmentHead

DAMAGES = 1000
"""How many damages are told one by one; a trail with more is not worth a longer list."""

_TOLD = (b'"event":"recovered"', b'"event":"unrecorded"')
"""Records of the trail's own whose contents are told, in a form that is quick to look for."""

_SPAN = 100_000
"""How many records one damaged block is looked through for; a block is what one turn of the proxy writes."""


def verify(
    lines: Iterable[Line],
    *,
    head: tuple[int, str] | None,
    anchors: Mapping[int, str] | None = None,
    heads: Iterable[SegmentHead] | None = None,
    retired: Iterable[tuple[int, int]] = (),
) -> Report:
    """Check a whole trail, its lines in the order of the segments' numbers.

    `head`: (seq, hash) of the head file, None when it is missing or unreadable, which is damage of a trail that has
    records. `anchors`: hashes by seq that were noted elsewhere. `heads` are those of closed segments (None: not
    asked for), whose signatures are the caller's to check. `retired` are the segments, first to last, that were removed by
    the rule: for each its head stands. Never raises for what the lines hold.
    """
    known = None if heads is None else {each.segment: each for each in heads}
    gone = {number for first, last in retired for number in range(first, last + 1) if known and number in known}
    return _Verifier(iter(lines), head, dict(anchors or {}), known, gone).run()


class _Verifier:
    """The walk along the blocks. `prior` holds the hashes that the next may follow from (several only in doubt)."""

    def __init__(
        self,
        lines: Iterator[Line],
        head: tuple[int, str] | None,
        anchors: dict[int, str],
        heads: dict[int, SegmentHead] | None,
        retired: set[int],
    ) -> None:
        self.blocks = blocks(lines)
        self.head = head
        self.anchors = anchors
        self.heads = heads
        self.retired = retired
        self.closed = {each.last: each for each in (heads or {}).values()}
        self.report = Report()
        self.ahead: Block | None = None  # read but not yet judged
        self.seq = 0
        self.prior: tuple[bytes, ...] | None = (chain.GENESIS,)  # None: unknown, the next block cannot be checked
        self.missing: list[tuple[int, int, Line]] = []  # gaps: first, last, the line behind the gap
        self.displaced: dict[
            int, tuple[int, bytes]
        ] = {}  # blocks met before their turn: last record and hash, by first
        self.segment = 0

    def run(self) -> Report:
        noted = {*self.anchors, *self.closed, *([self.head[0]] if self.head and self.head[0] else [])}
        watched = sorted(noted, reverse=True)
        last: Line | None = None
        while (block := self.next()) is not None:
            last = block.lines[-1]
            if last.segment != self.segment:
                self.pass_retired(block.lines[0], watched)
            self.report.records += len(block.lines)
            # the way of an untouched block: everything else is for judge
            if (
                last.whole
                and self.prior is not None
                and block.hash is not None
                and block.counts_from(self.seq + 1)
                and block.follows(self.prior[:1])
            ):
                self.step(self.seq + len(block.lines), (block.hash,))
            else:
                self.judge(block)
            while self.seq + 1 in self.displaced:
                through, digest = self.displaced.pop(self.seq + 1)
                self.step(through, (digest,))
            while watched and watched[-1] <= self.seq:
                self.compare(watched.pop(), block)
            for line in block.lines:
                if line.segment != self.segment or any(event in line.data[:120] for event in _TOLD):
                    self.own_record(line)
        self.end(last, watched)
        return self.report

    def pass_retired(self, line: Line, watched: list[int]) -> None:
        """Go by their heads over segments that were retired before this line."""
        first = self.segment + 1
        for number in range(first, line.segment):
            head = self.heads.get(number) if self.heads is not None and number in self.retired else None
            if head is None or head.first != self.seq + 1:
                break  # the gap is told by the line behind it
            self.step(head.last, (head.hash.encode(),))
            self.segment = number
            while watched and watched[-1] <= head.last:
                seq = watched.pop()
                if seq == head.last and self.anchors.get(seq, head.hash) != head.hash:
                    text = f"record {seq} is not the one that was anchored: segment {number}, which was retired, was another one"
                    self.damage("anchor", line, seq, seq, text)
        if self.segment >= first:
            self.report.retired += self.segment - first + 1
            text = (
                f"segments {first} to {self.segment}, up to record {self.seq}, were retired: their heads stand for them"
            )
            self.report.notes.append(text)

    def next(self) -> Block | None:
        block, self.ahead = self.ahead, None
        return block if block is not None else next(self.blocks, None)

    def peek(self) -> Block | None:
        """Return the next block if it is well-formed, without taking it."""
        if self.ahead is None:
            self.ahead = next(self.blocks, None)
        return self.ahead if self.ahead is not None and self.ahead.regular else None

    def judge(self, block: Block) -> None:
        """Say what happened to a block that does not simply follow."""
        expected = self.seq + 1
        after = self.peek()
        where = block.lines[0]
        if not block.lines[-1].whole or (block.hash is None and self.ahead is None):
            self.torn(block)
        elif not block.regular:
            self.irregular(block, after)
        elif block.first == expected:
            self.in_turn(block, after)
        elif self.stands_in_turn(block, after):
            self.damage("changed", where, expected, expected, f"record {expected} calls itself {block.first}")
            self.step(expected + len(block.lines) - 1, _known(block.hash))
        elif block.first > expected:
            self.too_early(block, after)
        else:
            self.too_late(block)

    def torn(self, block: Block) -> None:
        """The end of a segment within a line, or of the trail within a block."""
        expected = self.seq + 1
        what = "a block" if block.lines[-1].whole else "a line"
        text = f"the segment ends within {what}: a crash, or it was cut"
        self.damage("torn", block.lines[-1], expected, max(expected, block.last), text)
        if block.regular and block.first == expected and block.follows(self.prior):
            self.step(block.last, _known(block.hash))

    def irregular(self, block: Block, after: Block | None) -> None:
        """Numbers that do not follow each other, lines that are no records, or no end."""
        expected = self.seq + 1
        if not block.last and after is not None and after.first == expected:
            self.damage("inserted", block.lines[0], expected, expected, "this line is no record")
            return
        through = max(block.last, expected)
        seen: set[int] = set()
        unreadable: list[Line] = []
        highest = 0
        sound = True
        for line, seq in zip(block.lines, block.seqs, strict=True):
            if seq is None:
                unreadable.append(line)
                continue
            if seq in seen or seq < expected:
                self.too_many(line, seq, ())
                sound = False
            elif seq < highest:
                self.damage("reordered", line, seq, seq, f"record {seq} stands after record {highest}")
                sound = False
            seen.add(seq)
            highest = max(highest, seq)
        gone = [seq for seq in range(expected, min(through, expected + _SPAN) + 1) if seq not in seen]
        for line in unreadable:
            seq = gone.pop(0) if gone else 0
            if seq:
                self.damage("changed", line, seq, seq, "this line is no longer a record")
            else:
                self.damage("inserted", line, expected, expected, "this line is no record")
        for first, last in runs(gone):
            self.gap(first, last, block.lines[0])
        if sound and not unreadable and not gone:
            text = f"records {expected} to {through} have lost the hash that ends them"
            self.damage("changed", block.lines[-1], expected, through, text)
        self.step(through, _known(block.hash))

    def in_turn(self, block: Block, after: Block | None) -> None:
        """The right number: a sound block after a gap, a changed one, or a forged one before the real one."""
        first, last, where = block.first, block.last, block.lines[0]
        if self.prior is None or block.follows(self.prior):
            self.step(last, _known(block.hash))
        elif after is not None and after.first == first and after.follows(self.prior):
            self.damage("inserted", where, first, last, f"a second record {first} stands before the real one")
        else:
            which = f"record {first} does" if first == last else f"records {first} to {last} do"
            self.damage("changed", where, first, last, f"{which} not follow from the one before")
            computed = [chain.link(prior, block.covered) for prior in self.prior]
            self.step(last, (*(_known(block.hash) or ()), *computed))

    def too_early(self, block: Block, after: Block | None) -> None:
        """A number too high: this block was moved forwards, or those before it are gone."""
        expected, first, where = self.seq + 1, block.first, block.lines[0]
        if after is not None and block.hash is not None and expected <= after.first < first:
            text = f"record {first} stands before record {after.first}"
            self.damage("reordered", where, first, block.last, text)
            self.displaced[first] = (block.last, block.hash)
            return
        self.gap(expected, first - 1, where)
        self.step(block.last, _known(block.hash))

    def too_late(self, block: Block) -> None:
        """Numbers too low: records that were missed so far, or that are too many."""
        for line, seq in zip(block.lines, block.seqs, strict=True):
            assert seq is not None
            self.too_many(line, seq, _known(block.hash) or ())

    def too_many(self, line: Line, seq: int, prior: tuple[bytes, ...]) -> None:
        """One record with a number that is taken, or that was missed so far."""
        for at, (first, last, behind) in enumerate(self.missing):
            if first <= seq <= last:
                parts = [(first, seq - 1, behind), (seq + 1, last, behind)]
                self.missing[at : at + 1] = [part for part in parts if part[0] <= part[1]]
                self.damage("reordered", line, seq, seq, f"record {seq} stands after record {self.seq}")
                return
        self.damage("inserted", line, seq, seq, f"there is another record {seq} before this one")
        if seq == self.seq and self.prior is not None:
            self.prior = (*self.prior, *prior)

    def stands_in_turn(self, block: Block, after: Block | None) -> bool:
        """Tell whether the next block proves that this one stands where it stood, whatever number it carries."""
        return (
            after is not None and after.first == self.seq + len(block.lines) + 1 and after.follows(_known(block.hash))
        )

    def step(self, seq: int, prior: tuple[bytes, ...] | None) -> None:
        self.seq, self.prior = seq, prior

    def gap(self, first: int, last: int, line: Line) -> None:
        """Remember the records first to last as missing, but for those that were met before their turn."""
        start = first
        for seq in sorted(seq for seq in self.displaced if first <= seq <= last):
            if start < seq:
                self.missing.append((start, seq - 1, line))
            start = self.displaced[seq][0] + 1
        if start <= last:
            self.missing.append((start, last, line))

    def own_record(self, line: Line) -> None:
        """Read the trail's own records: a segment's header at its first line, and resumptions."""
        first_of_segment = line.segment != self.segment
        if first_of_segment:
            if self.segment and self.heads is not None and self.segment not in self.heads:
                text = f"segment {self.segment} was closed, but its head is not noted in heads.jsonl"
                self.damage("head", line, self.seq, self.seq, text)
            self.segment = line.segment
            self.report.segments += 1
        try:
            fields = msgspec.json.decode(line.data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return  # an unreadable line is told already
        if not isinstance(fields, dict):
            return
        if first_of_segment and (fields.get("event"), fields.get("segment")) != ("segment", line.segment):
            self.damage(
                "changed", line, self.seq, self.seq, f"the file of segment {line.segment} begins with another record"
            )
        if fields.get("event") == "recovered":
            self.recovered(line, fields)
        if fields.get("event") == "unrecorded":
            text = f"{fields.get('records')} records could not be written from {fields.get('since')} on (audit.unavailable: pass)"
            self.report.notes.append(f"segment {line.segment} line {line.number}: {text}")

    def recovered(self, line: Line, fields: dict[str, object]) -> None:
        missing = fields.get("missing")
        if isinstance(missing, int) and missing > 0:
            text = f"when the trail was resumed here, {missing} records that the head file knew were gone"
            self.damage("truncated", line, self.seq, self.seq, text)
        elif fields.get("head_differs"):
            text = "when the trail was resumed here, the head file knew its last record by another hash"
            self.damage("changed", line, self.seq, self.seq, text)
        else:
            torn = " with a torn line, which was set aside" if fields.get("torn") else ""
            self.report.notes.append(
                f"segment {line.segment} line {line.number}: resumed after the proxy ended without closing the trail{torn}"
            )

    def compare(self, seq: int, last: Block) -> None:
        """Hold a record that was passed against the head file and the anchors; both name the ends of blocks."""
        stated = last.hash.decode(errors="replace") if seq == self.seq and last.hash else ""
        if self.anchors.get(seq, stated) != stated:
            text = f"record {seq} is not the one that was anchored: the trail was written anew up to here"
            self.damage("anchor", last.lines[-1], seq, seq, text)
        if self.head is not None and self.head[0] == seq and self.head[1] != stated:
            text = f"record {seq} is not the one that the head file names"
            self.damage("changed", last.lines[-1], seq, seq, text)

        closed = self.closed.get(seq)
        if closed is not None and (closed.segment, closed.hash) != (last.lines[-1].segment, stated):
            text = f"segment {closed.segment} does not end with record {seq} as its head says"
            self.damage("head", last.lines[-1], seq, seq, text)

    def end(self, last: Line | None, watched: list[int]) -> None:
        report = self.report
        for first, through, behind in self.missing:
            which = f"record {first} is" if first == through else f"records {first} to {through} are"
            self.damage("removed", behind, first, through, f"{which} missing before this line")
        where = last or Line(0, 0, b"")
        if self.head is None and last is not None:
            text = "the head file is missing or unreadable: whether records were cut off the end cannot be told"
            self.damage("truncated", where, self.seq + 1, self.seq + 1, text)
        wanted = max((seq for seq in watched if seq > self.seq), default=0)
        if wanted:
            text = f"the trail ends here, but record {wanted} was written"
            self.damage("truncated", where, self.seq + 1, wanted, text)
        report.head = (self.seq, self.prior[0].decode(errors="replace") if self.prior else "")
        report.closed = last is not None and chain.segment_closed("stopped") in last.data[:128]
        report.damages = merged(sorted(report.damages, key=lambda d: (d.segment, d.line)))

    def damage(self, kind: Kind, line: Line, first: int, last: int, message: str) -> None:
        if len(self.report.damages) < DAMAGES:
            self.report.damages.append(Damage(kind, line.segment, line.number, first, last, message))
        else:
            self.report.more += 1


def _known(digest: bytes | None) -> tuple[bytes, ...] | None:
    """A block's hash as what the next may follow from."""
    return None if digest is None else (digest,)
