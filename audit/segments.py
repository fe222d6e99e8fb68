"""Where the trail lies: names of its files, the head file, and what is found at the trail's end.

Owns the layout of the audit directory and the repair of a torn end. May not do: append records.

    trail-000001.jsonl, trail-000002.jsonl, ...   the segments
    trail-000001.parquet, ...                     segments that were compacted, see audit.compaction
    head                                          seq and hash of the last record known to be written
    heads.jsonl                                   the heads of closed segments, see audit.heads
    lock                                          held by the one process that writes; its process id
    torn-SEQ-N.bin                                bytes cut off a torn end; the record SEQ names them
"""

from __future__ import annotations

import mmap
import os
import re
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from audit import chain, heads

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "head"
LOCK = "lock"
COMPACTED = ".parquet"
"""How the names of compacted segments end."""

_SEGMENT = re.compile(r"trail-([0-9]{6,})\.(?:jsonl|parquet)")
_TORN = re.compile(r"torn-([0-9]+)-([0-9]+)\.bin")
_CLOSED = chain.segment_closed("").partition(b",")[0]  # the event alone
_STOPPED = chain.segment_closed("stopped")
_HEAD_BYTES = 128  # fixed, so that the head is replaced in place by one small write


@dataclass(frozen=True, slots=True)
class Head:
    """The last record known to be written, and the hash of the block that it ends."""

    seq: int
    hash: str


@dataclass(frozen=True, slots=True)
class End:
    """Where a trail ends: the last segment (0: none yet), the size of its whole blocks, its first and its last record.

    `closed`: nothing more may follow in that segment. `clean`: the trail was stopped in order, or never begun.
    `torn`: what was set aside and is not yet named by a record.
    """

    segment: int
    size: int
    first: int
    seq: int
    hash: bytes
    closed: bool
    clean: bool
    torn: tuple[chain.Torn, ...]
    missing: int
    head_differs: bool


def segment_path(directory: Path, number: int) -> Path:
    """Return the path of segment `number`."""
    return directory / f"trail-{number:06d}.jsonl"


def compacted_path(directory: Path, number: int) -> Path:
    """Return the path of segment `number` once it is compacted."""
    return segment_path(directory, number).with_suffix(COMPACTED)


def segments(directory: Path) -> list[tuple[int, Path]]:
    """Return the segments that are there, in order of their numbers; one that is there in both forms as it was written."""
    found = ((_SEGMENT.fullmatch(path.name), path) for path in directory.iterdir())
    return sorted({int(match[1]): path for match, path in sorted(found, key=_as_written_last) if match}.items())


def _as_written_last(found: tuple[re.Match[str] | None, Path]) -> bool:
    return found[1].suffix != COMPACTED


def head_bytes(seq: int, digest: bytes) -> bytes:
    """Return the content of the head file: one line of JSON, padded to a fixed length."""
    return (b'{"seq":%d,"hash":"%b"}' % (seq, digest)).ljust(_HEAD_BYTES - 1) + b"\n"


def read_head(directory: Path) -> Head | None:
    """Return the head; None when there is none or it is not readable as one."""
    try:
        return msgspec.json.decode((directory / HEAD).read_bytes(), type=Head)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def find_end(directory: Path) -> End:
    """Return where the trail ends, after setting aside whatever follows its last whole block.

    Only for the process that holds the lock. Raises OSError when the directory cannot be read or repaired.
    """
    present = segments(directory)
    while present:
        number, path = present.pop()
        if path.suffix == COMPACTED:
            return _end_of_compacted(directory, number)
        size, last = _last_record(path)
        if last is None and present:
            # A segment that was created but whose header never got whole: its bytes are kept, the file goes.
            _set_aside(path, 0, _last_seq(directory, *present[-1]) + 1)
            path.unlink()
            continue
        seq = last.seq if last else 0
        _set_aside(path, size, seq + 1)
        return _end(directory, number, path, size, last)
    return _end(directory, 0, None, 0, None)


def _last_seq(directory: Path, number: int, path: Path) -> int:
    if path.suffix == COMPACTED:
        return _end_of_compacted(directory, number).seq
    _, last = _last_record(path)
    return last.seq if last else 0


def _end_of_compacted(directory: Path, number: int) -> End:
    """Return the end of a trail whose last segment is compacted, as its head says. Raises OSError when it has none."""
    closed = {each.segment: each for each in heads.read(directory / heads.HEADS).found}.get(number)
    if closed is None:
        raise OSError(f"segment {number} is compacted, but has no head in {heads.HEADS}")
    head = read_head(directory)
    return End(
        segment=number,
        size=0,
        first=closed.first,
        seq=closed.last,
        hash=closed.hash.encode(),
        closed=True,
        clean=True,
        torn=_unnamed(directory, closed.last + 1),
        missing=max(0, head.seq - closed.last) if head else 0,
        head_differs=head is not None and head.seq == closed.last and head.hash != closed.hash,
    )


def _end(directory: Path, number: int, path: Path | None, size: int, last: chain.Link | None) -> End:
    seq = last.seq if last else 0
    head = read_head(directory)
    return End(
        segment=number,
        size=size,
        first=_first_seq(path) if path is not None and size else 0,
        seq=seq,
        hash=last.hash if last and last.hash else chain.GENESIS,
        closed=last is not None and _CLOSED in last.covered[:96],
        clean=last is None or _STOPPED in last.covered[:128],
        torn=_unnamed(directory, seq + 1),
        missing=max(0, head.seq - seq) if head else 0,
        head_differs=head is not None and path is not None and not _agrees(path, head),
    )


def _last_record(path: Path) -> tuple[int, chain.Link | None]:
    """Return (size of the whole blocks up to the last well-formed end of one, that line); (0, None) when there is none."""
    if path.stat().st_size == 0:
        return 0, None
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        end = content.rfind(b"\n") + 1
        while end > 0:
            start = content.rfind(b"\n", 0, end - 1) + 1
            line = content[start : end - 1]
            found = chain.parse(line)
            if found is not None and found.hash is not None and _is_json(line):
                return end, found
            end = start
    return 0, None


def _first_seq(path: Path) -> int:
    """Return the number of a segment's first record, 0 when its first line is none."""
    with path.open("rb") as file:
        found = chain.parse(file.readline().removesuffix(b"\n"))
    return found.seq if found else 0


def _is_json(line: bytes) -> bool:
    try:
        msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return True


def _agrees(path: Path, head: Head) -> bool:
    """Tell whether the record that the head names, if it stands in this segment, has the head's hash."""
    if head.seq == 0 or path.stat().st_size == 0:
        return True
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        line = chain.find(content, head.seq)
    return line is None or line.endswith(b',"hash":"%b"}' % head.hash.encode())


def _set_aside(path: Path, size: int, next_seq: int) -> None:
    """Move what follows the first `size` bytes of a segment into a file of its own, durably, then cut it off."""
    with path.open("rb") as file:
        file.seek(size)
        rest = file.read()
    if not rest:
        return
    count = sum(1 for entry in path.parent.iterdir() if entry.name.startswith(f"torn-{next_seq}-"))
    target = path.parent / f"torn-{next_seq}-{count + 1}.bin"
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "wb", closefd=False) as file:
            file.write(rest)
        os.fsync(handle)
    finally:
        os.close(handle)
    sync_directory(path.parent)
    os.truncate(path, size)


def _unnamed(directory: Path, next_seq: int) -> tuple[chain.Torn, ...]:
    """Return the side files that only the next record can name: a crash may have hit before it was written."""
    found = []
    for path in sorted(directory.iterdir()):
        match = _TORN.fullmatch(path.name)
        if match and int(match[1]) == next_seq:
            content = path.read_bytes()
            found.append(chain.Torn(path.name, len(content), sha256(content).hexdigest()))
    return tuple(found)


def sync_directory(directory: Path) -> None:
    """Make names created in the directory durable."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
