"""Records from the files of a trail: forwards, the last ones, and as they come.

Owns reading. Writes nothing and takes no lock, so it works beside a running proxy. A statement that refers to an earlier
one (`like`) is given whole. May not do: choose records by what they say (search), judge damage (verify): a line that cannot
be read as a record is passed over here and counted.
"""

from __future__ import annotations

import itertools
import mmap
import time
from collections import deque
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from audit import blocks, chain, compaction, findings, heads, retention, segments, signing, verify

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

Fields = dict[str, Any]
"""A record as its JSON says it; the fields by event are documented in audit.record."""

_Line = TypeVar("_Line", bound=signing.Signed)

_PROGRESS_LINES = 10_000
_READ = 1000  # decoded records that are kept for those that refer to them
_RETRY_SECONDS = 0.05  # how long a write of the proxy may be half seen


@dataclass(frozen=True, slots=True)
class Read:
    """A record as it was read: the number of its segment, its line as it was written (no newline), and what it says, whole."""

    segment: int
    line: bytes
    fields: Fields


class NoTrail(Exception):  # noqa: N818  an answer for the reader
    """There is no trail in the directory, or it cannot be read."""


def existing(directory: Path, since: str | None = None) -> list[tuple[int, Path]]:
    """Return the segments of the trail in `directory`; raises NoTrail when there are none.

    With `since`, a moment as records write it, without those that were closed before, by what their heads say.
    """
    try:
        found = segments.segments(directory)
    except OSError as error:
        raise NoTrail(f"no audit trail can be read in {directory}: {error.strerror}") from error
    if not found:
        raise NoTrail(f"there is no audit trail in {directory}: it holds no trail-NNNNNN.jsonl")
    if since is None:
        return found
    before = {head.segment for head in heads.read(directory / heads.HEADS).found if head.time < since}
    return [each for each in found[:-1] if each[0] not in before] + found[-1:]


def lines(directory: Path, since: str | None = None) -> Iterator[blocks.Line]:
    """Give every line of the trail as it lies; `since` as in `existing`. Raises NoTrail."""
    for number, path in existing(directory, since):
        count = 0
        if path.suffix == segments.COMPACTED:
            yield from (blocks.Line(number, count, line) for count, line in enumerate(compaction.lines(path), 1))
            continue
        with path.open("rb") as file:
            for count, line in enumerate(file, 1):
                if line.endswith(b"\n"):
                    yield blocks.Line(number, count, line[:-1])
                    continue
                rest = _awaited_rest(file.readline)
                yield blocks.Line(number, count, (line + rest).removesuffix(b"\n"), rest.endswith(b"\n"))


def _awaited_rest(readline: Callable[[], bytes]) -> bytes:
    """Return the rest of a last line without newline, in case the proxy is writing it at this moment."""
    rest = b""
    for _ in range(3):
        time.sleep(_RETRY_SECONDS)
        rest += readline()
        if rest.endswith(b"\n"):
            break
    return rest


def verified(
    directory: Path,
    anchors: Mapping[int, str] | None = None,
    keys: Sequence[signing.Verifier] = (),
    progress: Callable[[int], object] = lambda _: None,
) -> findings.Report:
    """Verify the trail in `directory`, its head file, the heads of its segments, and what was set aside. Raises NoTrail.

    Each head must be signed by one of `keys`, if there are any. `progress` is called now and then with the count of bytes
    that were read.
    """
    existing(directory)
    closed = heads.read(directory / heads.HEADS)  # before the lines, too
    head = segments.read_head(directory)  # before the lines: a running proxy only ever moves on
    named: list[tuple[blocks.Line, str, str]] = []

    def watched() -> Iterator[blocks.Line]:
        done = 0
        for count, line in enumerate(lines(directory)):
            done += len(line.data) + 1
            if count % _PROGRESS_LINES == 0:
                progress(done)
            if b'"event":"recovered"' in line.data[:120]:
                named.extend((line, *aside) for aside in _set_aside(line.data))
            yield line

    gone = retention.retired(directory)
    report = verify.verify(
        watched(),
        retired=[(each.first, each.last) for each in gone.found],
        head=(head.seq, head.hash) if head else None,
        anchors=anchors,
        heads=closed.found,
    )
    _prove(report, heads.HEADS, closed, keys)
    kept = signing.read(directory / compaction.COMPACTED, compaction.Compacted)
    _prove(report, compaction.COMPACTED, kept, keys)
    _prove(report, retention.RETIRED, gone, keys)
    _prove(report, retention.HOLDS, signing.read(directory / retention.HOLDS, retention.Hold), keys)
    for number, path in existing(directory):
        if path.suffix == segments.COMPACTED:
            report.damages.extend(_compacted(number, path, kept.found))
    for line, file, digest in named:
        path = directory / file
        if "/" in file or not path.is_file() or sha256(path.read_bytes()).hexdigest() != digest:
            text = f"the torn line set aside in {file} is missing or changed"
            report.damages.append(findings.Damage("changed", line.segment, line.number, 0, 0, text))
    return report


def _set_aside(line: bytes) -> Iterator[tuple[str, str]]:
    """What a resumption says it has set aside: the name of each file, and its SHA-256."""
    for torn in (decode(line) or {}).get("torn") or ():
        if isinstance(torn, dict):
            yield str(torn.get("file")), str(torn.get("sha256"))


def _compacted(number: int, path: Path, kept: list[compaction.Compacted]) -> Iterator[findings.Damage]:
    """What is wrong with a compacted segment, beside what its lines tell."""
    said = {each.segment: each.sha256 for each in kept}.get(number)
    if said is None:
        text = f"segment {number} is compacted, but nothing is noted of it in {compaction.COMPACTED}"
        yield findings.Damage("changed", number, 0, 0, 0, text)
    elif said != compaction.file_digest(path):
        yield findings.Damage(
            "changed", number, 0, 0, 0, f"{path.name} is not the file that was made when it was compacted"
        )
    for seq in compaction.differing(path):
        text = f"the columns beside record {seq} do not say what the record says: searches are misled"
        yield findings.Damage("changed", number, 0, seq, seq, text)


def _prove(report: findings.Report, name: str, lines: signing.Lines[_Line], keys: Sequence[signing.Verifier]) -> None:
    """Check the signatures of what is noted of segments; where there is no key to do so, say that."""
    if lines.torn:
        report.notes.append(f"{name} has {lines.torn} lines that a crash has torn")
    for number in lines.altered:
        text = f"line {number} of {name} is not as it was written"
        report.damages.append(findings.Damage("head", 0, number, 0, 0, text))
    for each in lines.found if keys else ():
        if not any(key.proves(each) for key in keys):
            number = getattr(each, "segment", 0)
            what = f"what {name} says" + (f" of segment {number}" if number else "")
            report.damages.append(
                findings.Damage("head", number, 0, 0, 0, f"{what} is not signed by a key that was given")
            )
    signed = sum(each.signature is not None for each in lines.found)
    if signed and not keys:
        report.notes.append(f"{signed} lines of {name} are signed; give the public key by --key to have them proved")


def decode(line: bytes) -> Fields | None:
    """Return the record of a line; None when the line is none."""
    try:
        fields = _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return fields if "event" in fields and isinstance(fields.get("seq"), int) else None


_decoder = msgspec.json.Decoder(dict[str, Any])


def records(directory: Path, since: str | None = None) -> Iterator[Fields]:
    """Give every record of the trail, oldest first. Raises NoTrail.

    With `since`, a moment as records write it, some of those before it are left out.
    """
    whole = _Whole()
    return _decoded((line.data for line in lines(directory, since)), whole)


def last_records(directory: Path, count: int) -> list[Fields]:
    """Return the last `count` records of the trail, oldest first, without reading the rest. Raises NoTrail."""
    kept: list[list[Fields]] = []
    wanted = count
    for _, path in reversed(existing(directory)):
        if wanted <= 0:
            break
        if path.suffix == segments.COMPACTED:
            found = list(_decoded(compaction.lines(path), _Whole()))[-wanted:]
            kept.append(found)
            wanted -= len(found)
        elif path.stat().st_size:
            with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                last = _last_lines(content, wanted)
                kept.append(list(_decoded(last, _Whole(content))))
                wanted -= len(last)
    return [fields for of_segment in reversed(kept) for fields in of_segment]


def text_key(directory: Path, name: str) -> Fields | None:
    """Return the record of a key of sealed texts, the last one of that name; None when there is none. Raises NoTrail."""
    mark = b'"event":"text_key","key":%b' % chain.encode(name)
    for _, path in reversed(existing(directory)):
        found = compaction.lines(path) if path.suffix == segments.COMPACTED else _whole_lines(path, 0)
        for line in found:
            fields = decode(line.removesuffix(b"\n")) if mark in line else None
            if fields is not None and fields["event"] == "text_key":
                return fields
    return None


def _last_lines(content: mmap.mmap, count: int) -> deque[bytes]:
    """Return the last `count` whole lines of a segment, in order."""
    found: deque[bytes] = deque()
    end = content.rfind(b"\n")
    while end >= 0 and len(found) < count:
        start = content.rfind(b"\n", 0, end) + 1
        found.appendleft(content[start:end])
        end = start - 1
    return found


def follow(directory: Path, after: int) -> Iterator[Fields | None]:
    """Give the records with a seq beyond `after` as they come, without end, and None whenever all is read.

    The caller waits at each None. A trail that is not there yet is no error.
    """
    for read in read_on(directory, after):
        yield None if read is None else read.fields


def read_on(directory: Path, after: int) -> Iterator[Read | None]:
    """Give the same with the line of each record. A segment may be compacted while the caller waits: nothing is passed over."""
    number, offset, seen, done = _segment_of(directory, after + 1), 0, 0, -1
    whole = _Whole()
    while True:
        for current, path in [found for found in _present(directory) if found[0] >= number]:
            if current != number:
                number, offset, seen = current, 0, 0
            try:
                if path.suffix != segments.COMPACTED:
                    for line in _whole_lines(path, offset):
                        offset += len(line)
                        seen += 1
                        yield from _beyond(after, number, line[:-1], whole)
                elif done != number:  # what was read while it was written is not given again
                    for line in itertools.islice(compaction.lines(path), seen, None):
                        yield from _beyond(after, number, line, whole)
                    done = number
            except FileNotFoundError:
                break  # compacted or removed since it was listed
        yield None


def _whole_lines(path: Path, offset: int) -> Iterator[bytes]:
    """Give the lines of a segment from there on, as far as they are whole."""
    with path.open("rb") as file:
        file.seek(offset)
        for line in file:
            if not line.endswith(b"\n"):
                break
            yield line


def _beyond(after: int, number: int, line: bytes, whole: _Whole) -> Iterator[Read]:
    fields = decode(line)
    if fields is not None:
        fields = whole.of(fields, line)
        if fields["seq"] > after:
            yield Read(number, line, fields)


def _segment_of(directory: Path, seq: int) -> int:
    """Return the number of the segment in which a record is or will be looked for: the last one that does not begin behind it."""
    closed = heads.read(directory / heads.HEADS).found
    return max((head.segment + 1 for head in closed if head.last < seq), default=0)


def _present(directory: Path) -> list[tuple[int, Path]]:
    try:
        return existing(directory)
    except NoTrail:
        return []


def _decoded(found: Iterable[bytes], whole: _Whole) -> Iterator[Fields]:
    for line in found:
        fields = decode(line)
        if fields is not None:
            yield whole.of(fields, line)


def joined(fields: Fields, said: Fields | None) -> Fields:
    """Return a statement whole that refers to `said`; None leaves it as it is."""
    if said is None:
        return fields
    whole = {**said, **fields}
    for name in ("hashes", "parameters"):  # those of the other one's values
        if name not in fields:
            whole.pop(name, None)
    del whole["like"]
    return whole


class _Whole:
    """Statements that only refer to an earlier one of their segment, made whole.

    Keeps the lines that may be referred to, so at most a segment; `content` is a segment that is not read from its
    beginning, to be searched for the others.
    """

    def __init__(self, content: mmap.mmap | None = None) -> None:
        self._content = content
        self._lines: dict[int, bytes] = {}
        self._read: dict[int, Fields] = {}

    def of(self, fields: Fields, line: bytes) -> Fields:
        """Return the record of `line`, whole. What refers to a line that is not there is left as it is."""
        if fields["event"] == "segment":
            self._lines.clear()
            self._read.clear()
        elif fields["event"] == "statement":
            if "like" in fields:
                return self._joined(fields)
            self._lines[fields["seq"]] = line
        return fields

    def _joined(self, fields: Fields) -> Fields:
        seq = fields["like"]
        if not isinstance(seq, int):
            return fields
        said = self._read.get(seq)
        if said is None:
            line = self._lines.get(seq) or self._found(seq)
            said = decode(line) if line else None
            if said is None or said.get("session") != fields.get("session"):
                return fields
            if len(self._read) >= _READ:
                self._read.clear()
            self._read[seq] = said
        return joined(fields, said)

    def _found(self, seq: int) -> bytes | None:
        return None if self._content is None else chain.find(self._content, seq)
