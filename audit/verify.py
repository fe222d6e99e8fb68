"""Is a trail complete and untouched, and if not, what was done to it and where.

Owns the reading of damage: changed, removed, inserted, reordered, truncated. Pure: lines in, report out; no files.

What it can know. Each line is bound to the one before, so nothing can be changed, taken out, put in or moved without a
break, unless every later hash is computed anew. Against that, and against lines cut off at the end, stand the head file
(the last record known to be written) and anchors (seq and hash of records, noted where the writer of the files cannot
reach). Without either, a tail cut at a line's end is not to be told from a trail that was never longer.

A break lies *between* two lines: when record 12 does not follow from record 11, either 12 was changed, or 11 was and
its own hash was computed anew. The report says 12.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Literal

import msgspec

from audit import chain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Kind = Literal["changed", "removed", "inserted", "reordered", "truncated", "torn", "anchor"]

DAMAGES = 1000
"""How many damages are told one by one; a trail with more is not worth a longer list."""

_BODY = 75  # where `"seq"` begins: after {"hash":" and 64 digits and ",
_PREFIX = b'{"hash":"'


@dataclass(frozen=True, slots=True)
class Line:
    """One line as it lies: segment number, line number within it from 1, bytes without the newline."""

    segment: int
    number: int
    data: bytes
    whole: bool = True  # False: the file ends before the newline


@dataclass(frozen=True, slots=True)
class Damage:
    """One damage: where it shows (segment, line) and which records it concerns (first to last seq)."""

    kind: Kind
    segment: int
    line: int
    first: int
    last: int
    message: str


@dataclass(slots=True)
class Report:
    """What verification found. `notes` are facts that are no damage, such as a resumption after a crash."""

    records: int = 0
    segments: int = 0
    head: tuple[int, str] = (0, chain.GENESIS.decode())
    closed: bool = False
    damages: list[Damage] = field(default_factory=list)
    more: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def intact(self) -> bool:
        """True when there is no damage."""
        return not self.damages


def verify(
    lines: Iterable[Line],
    *,
    head: tuple[int, str] | None,
    anchors: Mapping[int, str] | None = None,
) -> Report:
    """Check a whole trail, its lines in the order of the segments' numbers.

    `head`: (seq, hash) of the head file, None when it is missing or unreadable, which is damage of a trail that has
    records. `anchors`: hashes by seq that were noted elsewhere. Never raises for what the lines
    hold.
    """
    return _Verifier(iter(lines), head, dict(anchors or {})).run()


class _Verifier:
    """The walk along the lines. `prior` holds the hashes that the next line may follow from (several only in doubt)."""

    def __init__(
        self,
        lines: Iterator[Line],
        head: tuple[int, str] | None,
        anchors: dict[int, str],
    ) -> None:
        self.lines = lines
        self.head = head
        self.anchors = anchors
        self.report = Report()
        self.ahead: Line | None = None  # read but not yet judged
        self.seq = 0
        self.prior: tuple[bytes, ...] | None = (chain.GENESIS,)  # None: unknown, the next line cannot be checked
        self.missing: list[tuple[int, int, Line]] = []  # gaps: first, last, the line behind the gap
        self.displaced: dict[int, bytes] = {}  # records met before their turn
        self.segment = 0

    def run(self) -> Report:
        watched = {*self.anchors, *([self.head[0]] if self.head else [])}
        last: Line | None = None
        while (line := self.next()) is not None:
            last = line
            self.report.records += 1
            # the way of an untouched line: everything else is for judge
            rest = line.data[_BODY:]
            seq = self.seq + 1
            if (
                line.whole
                and self.prior is not None
                and rest.startswith(b'"seq":%d,' % seq)
                and line.data[:_BODY] == b'{"hash":"%b",' % sha256(self.prior[0] + rest).hexdigest().encode()
            ):
                self.seq, self.prior = seq, (line.data[9:73],)
            else:
                self.judge(line)
            while self.displaced and self.seq + 1 in self.displaced:
                self.step(self.seq + 1, (self.displaced.pop(self.seq + 1),))
            if self.seq in watched:
                watched.discard(self.seq)
                self.compare(line)
            if line.segment != self.segment or b'"event":"recovered"' in rest[:120]:
                self.own_record(line)
        self.end(last, watched)
        return self.report

    def next(self) -> Line | None:
        line, self.ahead = self.ahead, None
        return line if line is not None else next(self.lines, None)

    def peek(self) -> chain.Link | None:
        """Return the next line if it is well-formed, without taking it."""
        if self.ahead is None:
            self.ahead = next(self.lines, None)
        return None if self.ahead is None else chain.parse(self.ahead.data)

    def judge(self, line: Line) -> None:
        """Say what happened to a line that does not simply follow."""
        found = chain.parse(line.data)
        expected = self.seq + 1
        after = self.peek()
        if not line.whole:
            self.damage("torn", line, expected, expected, "the segment ends within a line: a crash, or it was cut")
            if found is not None and found.seq == expected and self.follows(found):
                self.step(expected, (found.hash,))
        elif found is None:
            self.unreadable(line, after)
        elif found.seq == expected:
            self.in_turn(line, found, after)
        elif self.stands_in_turn(found, after):
            self.damage("changed", line, expected, expected, f"record {expected} calls itself {found.seq}")
            self.step(expected, (found.hash,))
        elif found.seq > expected:
            self.too_early(line, found, after)
        else:
            self.too_late(line, found)

    def unreadable(self, line: Line, after: chain.Link | None) -> None:
        expected = self.seq + 1
        if after is not None and after.seq == expected:
            self.damage("inserted", line, expected, expected, "this line is no record")
            return
        self.damage("changed", line, expected, expected, "this line is no longer a record")
        self.step(expected, None)

    def in_turn(self, line: Line, found: chain.Link, after: chain.Link | None) -> None:
        """The right number: a sound line after a gap, a changed one, or a forged one before the real one."""
        computed = [chain.link(prior, found.rest) for prior in self.prior or ()]
        if self.prior is None or found.hash in computed:
            self.step(found.seq, (found.hash,))
        elif after is not None and after.seq == found.seq and self.follows(after):
            self.damage(
                "inserted", line, found.seq, found.seq, f"a second record {found.seq} stands before the real one"
            )
        else:
            self.damage(
                "changed", line, found.seq, found.seq, f"record {found.seq} does not follow from the one before"
            )
            self.step(found.seq, (found.hash, *computed))

    def too_early(self, line: Line, found: chain.Link, after: chain.Link | None) -> None:
        """A number too high: this line was moved forwards, or those before it are gone."""
        expected = self.seq + 1
        if after is not None and expected <= after.seq < found.seq:
            self.damage("reordered", line, found.seq, found.seq, f"record {found.seq} stands before record {after.seq}")
            self.displaced[found.seq] = found.hash
            return
        self.gap(expected, found.seq - 1, line)
        self.step(found.seq, (found.hash,))

    def too_late(self, line: Line, found: chain.Link) -> None:
        """A number too low: a record that was missed so far, or one too many."""
        for at, (first, last, behind) in enumerate(self.missing):
            if first <= found.seq <= last:
                parts = [(first, found.seq - 1, behind), (found.seq + 1, last, behind)]
                self.missing[at : at + 1] = [part for part in parts if part[0] <= part[1]]
                self.damage(
                    "reordered", line, found.seq, found.seq, f"record {found.seq} stands after record {self.seq}"
                )
                return
        self.damage("inserted", line, found.seq, found.seq, f"there is another record {found.seq} before this one")
        if found.seq == self.seq and self.prior is not None:
            self.prior = (*self.prior, found.hash)

    def stands_in_turn(self, found: chain.Link, after: chain.Link | None) -> bool:
        """Tell whether the next line proves that this one stands where it stood, whatever number it carries."""
        return after is not None and after.seq == self.seq + 2 and chain.link(found.hash, after.rest) == after.hash

    def follows(self, found: chain.Link) -> bool:
        return any(chain.link(prior, found.rest) == found.hash for prior in self.prior or ())

    def step(self, seq: int, prior: tuple[bytes, ...] | None) -> None:
        self.seq, self.prior = seq, prior

    def gap(self, first: int, last: int, line: Line) -> None:
        """Remember the records first to last as missing, but for those that were met before their turn."""
        start = first
        for seq in [*sorted(seq for seq in self.displaced if first <= seq <= last), last + 1]:
            if start < seq:
                self.missing.append((start, seq - 1, line))
            start = seq + 1

    def own_record(self, line: Line) -> None:
        """Read the trail's own records: a segment's header at its first line, and resumptions."""
        first_of_segment = line.segment != self.segment
        if first_of_segment:
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

    def compare(self, line: Line) -> None:
        """Hold a record against the head file and the anchors."""
        stated = line.data[9:73].decode(errors="replace")
        if self.anchors.get(self.seq, stated) != stated:
            text = f"record {self.seq} is not the one that was anchored: the trail was written anew up to here"
            self.damage("anchor", line, self.seq, self.seq, text)
        if self.head is not None and self.head[0] == self.seq and self.head[1] != stated:
            text = f"record {self.seq} is not the one that the head file names"
            self.damage("changed", line, self.seq, self.seq, text)

    def end(self, last: Line | None, watched: set[int]) -> None:
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
        report.head = (self.seq, self.prior[0].decode() if self.prior else "")
        report.closed = last is not None and chain.segment_closed("stopped") in last.data[_BODY : _BODY + 128]
        report.damages = _merged(sorted(report.damages, key=lambda d: (d.segment, d.line)))

    def damage(self, kind: Kind, line: Line, first: int, last: int, message: str) -> None:
        if len(self.report.damages) < DAMAGES:
            self.report.damages.append(Damage(kind, line.segment, line.number, first, last, message))
        else:
            self.report.more += 1


def _merged(damages: list[Damage]) -> list[Damage]:
    """Make one of damages of one kind on lines and records that follow each other."""
    out: list[Damage] = []
    lines = 1
    for damage in damages:
        before = out[-1] if out else None
        if (
            before is not None
            and damage.kind == before.kind == "reordered"
            and damage.segment == before.segment
            and damage.line == before.line + lines
            and damage.first == before.last + 1
        ):
            lines += 1
            text = f"records {before.first} to {damage.last} stand out of order from this line on"
            out[-1] = replace(before, last=damage.last, message=text)
        else:
            out.append(damage)
            lines = 1
    return out
