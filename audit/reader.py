"""Records from the files of a trail: forwards, the last ones, and as they come.

Owns reading. Writes nothing and takes no lock, so it works beside a running proxy. May not do: choose records by what
they say (search), judge damage (verify): a line that cannot be read as a record is passed over here and counted.
"""

from __future__ import annotations

import mmap
import time
from collections import deque
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec

from audit import segments, verify

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

Fields = dict[str, Any]
"""A record as its JSON says it; the fields by event are documented in audit.record."""

_PROGRESS_LINES = 10_000
_RETRY_SECONDS = 0.05  # how long a write of the proxy may be half seen


class NoTrail(Exception):  # noqa: N818  an answer for the reader
    """There is no trail in the directory, or it cannot be read."""


def existing(directory: Path) -> list[tuple[int, Path]]:
    """Return the segments of the trail in `directory`; raises NoTrail when there are none."""
    try:
        found = segments.segments(directory)
    except OSError as error:
        raise NoTrail(f"no audit trail can be read in {directory}: {error.strerror}") from error
    if not found:
        raise NoTrail(f"there is no audit trail in {directory}: it holds no trail-NNNNNN.jsonl")
    return found


def lines(directory: Path) -> Iterator[verify.Line]:
    """Give every line of the trail as it lies. Raises NoTrail."""
    for number, path in existing(directory):
        count = 0
        with path.open("rb") as file:
            for count, line in enumerate(file, 1):
                if line.endswith(b"\n"):
                    yield verify.Line(number, count, line[:-1])
                    continue
                rest = _awaited_rest(file.readline)
                yield verify.Line(number, count, (line + rest).removesuffix(b"\n"), rest.endswith(b"\n"))


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
    directory: Path, anchors: Mapping[int, str] | None = None, progress: Callable[[int], object] = lambda _: None
) -> verify.Report:
    """Verify the trail in `directory`, its head file and what was set aside. Raises NoTrail.

    `progress` is called now and then with the count of bytes that were read.
    """
    existing(directory)
    head = segments.read_head(directory)  # before the lines: a running proxy only ever moves on
    named: list[tuple[verify.Line, str, str]] = []

    def watched() -> Iterator[verify.Line]:
        done = 0
        for count, line in enumerate(lines(directory)):
            done += len(line.data) + 1
            if count % _PROGRESS_LINES == 0:
                progress(done)
            if b'"event":"recovered"' in line.data[75:195]:
                named.extend((line, torn["file"], torn["sha256"]) for torn in (decode(line.data) or {}).get("torn", ()))
            yield line

    report = verify.verify(watched(), head=(head.seq, head.hash) if head else None, anchors=anchors)
    for line, file, digest in named:
        path = directory / file
        if "/" in file or not path.is_file() or sha256(path.read_bytes()).hexdigest() != digest:
            text = f"the torn line set aside in {file} is missing or changed"
            report.damages.append(verify.Damage("changed", line.segment, line.number, 0, 0, text))
    return report


def decode(line: bytes) -> Fields | None:
    """Return the record of a line; None when the line is none."""
    try:
        fields = _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return fields if "event" in fields and isinstance(fields.get("seq"), int) else None


_decoder = msgspec.json.Decoder(dict[str, Any])


def records(directory: Path) -> Iterator[Fields]:
    """Give every record of the trail, oldest first. Raises NoTrail."""
    return _decoded(line.data for line in lines(directory))


def last_records(directory: Path, count: int) -> list[Fields]:
    """Return the last `count` records of the trail, oldest first, without reading the rest. Raises NoTrail."""
    kept: deque[bytes] = deque()
    for _, path in reversed(existing(directory)):
        if path.stat().st_size:
            with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                end = content.rfind(b"\n")
                while end >= 0 and len(kept) < count:
                    start = content.rfind(b"\n", 0, end) + 1
                    kept.appendleft(content[start:end])
                    end = start - 1
        if len(kept) >= count:
            break
    return list(_decoded(kept))


def follow(directory: Path, after: int) -> Iterator[Fields | None]:
    """Give the records with a seq beyond `after` as they come, without end, and None whenever all is read.

    The caller waits at each None. A trail that is not there yet is no error.
    """
    number, offset = 0, 0
    while True:
        for current, path in [found for found in _present(directory) if found[0] >= number]:
            if current != number:
                number, offset = current, 0
            with path.open("rb") as file:
                file.seek(offset)
                for line in file:
                    if not line.endswith(b"\n"):
                        break
                    offset += len(line)
                    fields = decode(line)
                    if fields is not None and fields["seq"] > after:
                        yield fields
        yield None


def _present(directory: Path) -> list[tuple[int, Path]]:
    try:
        return existing(directory)
    except NoTrail:
        return []


def _decoded(found: Iterable[bytes]) -> Iterator[Fields]:
    for line in found:
        fields = decode(line)
        if fields is not None:
            yield fields
