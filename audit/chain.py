"""The bytes of the trail: how lines are made, how they are bound to those before, how they are read back.

Owns the line format and the three records that the trail writes about itself (segment, closed, recovered).
May not do: touch files or clocks, know what other records mean.

A line is `{"seq":N,"time":"T",...}` and a newline; `seq` counts every line of the trail from 1, over all segments. What is
written at once is a *block*, one line or several, and its last line ends with `,"hash":"H"}`. H is 64 lower-case
hexadecimal digits:

    H(b) = sha256( H(b-1) as those 64 ASCII digits || the block up to and without the last `,"hash":"H"}` and newline )

and H(0), which stands before the first block of the first segment, is 64 zeros. So anyone can check a block with a shell
and sha256sum. One hash a block, for it is the dearest part of a record.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping
    from mmap import mmap

GENESIS = b"0" * 64
"""What the first line of the first segment is bound to."""

FORMAT = 1
"""Version of the line format; stands in the header of each segment."""

SEAL = len(b',"hash":""}') + len(GENESIS)
"""Bytes that end the last line of a block, its newline not counted."""

_LINE = re.compile(rb'\{"seq":([1-9][0-9]{0,17}),.*\}', re.DOTALL)
_SEAL = re.compile(rb',"hash":"([0-9a-f]{64})"\}')

# Characters that act on a terminal or editor though JSON lets them stand: DEL, C1 controls, line and paragraph
# separators, bidirectional overrides and isolates.
_ACTIVE = re.compile(rb"\x7f|\xc2[\x80-\x9f]|\xe2\x80[\x8b-\x8f\xa8-\xae]|\xe2\x81[\xa0-\xaf]|\xef\xbb\xbf")

_FRESH: Final = sha256()

_NS_PER_SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Link:
    """A well-formed line taken apart: its seq, the bytes that a hash covers, and the hash if it ends a block."""

    seq: int
    covered: bytes
    hash: bytes | None


def link(previous: bytes, covered: bytes) -> bytes:
    """Return the hash of a block: `previous` is the 64 digits of the block before, `covered` what the hash covers."""
    hasher = _FRESH.copy()  # a third of the work of a new one
    hasher.update(previous)
    hasher.update(covered)
    return hasher.hexdigest().encode()


def render(seq: int, body: bytes) -> bytes:
    """Return the line, with its newline, of the record whose members after `seq` are `body`."""
    return b'{"seq":%d,%b}\n' % (seq, body)


def seal(previous: bytes, lines: bytes) -> tuple[bytes, bytes]:
    """Return (hash, block) of rendered lines: the same with the hash at the end of the last one."""
    covered = lines[:-2]
    digest = link(previous, covered)
    return digest, b'%b,"hash":"%b"}\n' % (covered, digest)


def parse(line: bytes) -> Link | None:
    """Take a line without its newline apart; None when it is not a line of this format. Checks no hash."""
    found = _LINE.fullmatch(line)
    if found is None:
        return None
    end = _SEAL.fullmatch(line, len(line) - SEAL)
    return Link(int(found[1]), line, None) if end is None else Link(int(found[1]), line[:-SEAL], end[1])


def find(content: mmap, seq: int) -> bytes | None:
    """Return the line of record `seq` in a segment, without its newline; None when it is not there."""
    mark = b'{"seq":%d,' % seq
    at = content.find(mark)
    while at >= 0:
        if at == 0 or content[at - 1 : at] == b"\n":
            end = content.find(b"\n", at)
            return content[at : end if end >= 0 else len(content)]
        at = content.find(mark, at + 1)
    return None


def encode(value: object) -> bytes:
    """Return `value` as JSON on one line, in UTF-8, with nothing that acts on a terminal left unescaped.

    Text that is no valid Unicode is kept with its odd parts as backslash escapes; NaN and infinities become null.
    """
    try:
        data = msgspec.json.encode(value)
    except UnicodeEncodeError:
        data = msgspec.json.encode(_valid(value))
    if _ACTIVE.search(data) is None:
        return data
    return json.dumps(msgspec.json.decode(data), separators=(",", ":")).encode()


def _valid(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_valid(key): _valid(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_valid(item) for item in value]
    return value


def members(fields: Mapping[str, object]) -> bytes:
    """Return `fields` as the members of a JSON object, without its braces: what a record's body is."""
    return encode(dict(fields))[1:-1]


def timestamp(nanoseconds: int) -> str:
    """Return nanoseconds since the epoch as UTC in ISO 8601 with microseconds, e.g. 2026-01-31T09:15:02.123456Z."""
    seconds, rest = divmod(nanoseconds, _NS_PER_SECOND)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{rest // 1000:06d}Z"


def stamped(nanoseconds: int, body: bytes) -> bytes:
    """Return `body` with its time in front, as the trail writes every record."""
    return b'"time":"%b",%b' % (timestamp(nanoseconds).encode(), body)


def unrecorded(records: int, since: str) -> bytes:
    """Say that so many records could not be written, the first of them at a time; what they would have said is lost."""
    return members({"event": "unrecorded", "records": records, "since": since})


def segment_header(number: int, previous: bytes) -> bytes:
    """Return the body of a segment's first record: its number and the hash it is bound to."""
    return members({"event": "segment", "segment": number, "previous": previous.decode(), "format": FORMAT})


def segment_closed(reason: str) -> bytes:
    """Return the body of a segment's last record; reason `rotated` (another follows) or `stopped` (clean end)."""
    return members({"event": "closed", "reason": reason})


@dataclass(frozen=True, slots=True)
class Torn:
    """Bytes that were no whole record at the end of a segment, set aside in `file` beside the segments."""

    file: str
    bytes: int
    sha256: str


def recovered(torn: tuple[Torn, ...], missing: int, *, head_differs: bool) -> bytes:
    """Return the body of the record written when a trail is resumed that was not closed.

    `missing`: how many records the head file knew beyond the last one found (0 after a mere crash).
    `head_differs`: the record that the head file names is there with another hash.
    """
    aside = [{"file": t.file, "bytes": t.bytes, "sha256": t.sha256} for t in torn]
    return members({"event": "recovered", "torn": aside, "missing": missing, "head_differs": head_differs})
