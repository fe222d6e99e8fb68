"""The bytes of the trail: how a line is made, how it is bound to the line before, how it is read back.

Owns the line format and the three records that the trail writes about itself (segment, closed, recovered).
May not do: touch files or clocks, know what other records mean.

A line is `{"hash":"H","seq":N,"time":"T",...}` and a newline. H is 64 lower-case hexadecimal digits:

    H(n) = sha256( H(n-1) as those 64 ASCII digits || the line from `"seq"` up to and with its last `}` )

and H(0), which stands before the first line of the first segment, is 64 zeros. `seq` counts every line of the trail
from 1, over all segments. So anyone can check a line with a shell and sha256sum.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping
    from mmap import mmap

GENESIS = b"0" * 64
"""What the first line of the first segment is bound to."""

FORMAT = 1
"""Version of the line format; stands in the header of each segment."""

_LINE = re.compile(rb'\{"hash":"([0-9a-f]{64})",("seq":([1-9][0-9]{0,17}),.*\})', re.DOTALL)

# Characters that act on a terminal or editor though JSON lets them stand: DEL, C1 controls, line and paragraph
# separators, bidirectional overrides and isolates.
_ACTIVE = re.compile(rb"\x7f|\xc2[\x80-\x9f]|\xe2\x80[\x8b-\x8f\xa8-\xae]|\xe2\x81[\xa0-\xaf]|\xef\xbb\xbf")

_HASH_END = len(b'{"hash":"') + len(GENESIS)
_NS_PER_SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Link:
    """A well-formed line taken apart: its stated hash, its seq, and the bytes that the hash covers."""

    hash: bytes
    seq: int
    rest: bytes


def link(previous: bytes, rest: bytes) -> bytes:
    """Return the hash of a line: `previous` is the 64 digits of the line before, `rest` what the hash covers."""
    return sha256(previous + rest).hexdigest().encode()


def render(previous: bytes, seq: int, body: bytes) -> tuple[bytes, bytes]:
    """Return (hash, line with its newline) of the record whose members after `seq` are `body`."""
    rest = b'"seq":%d,%b}' % (seq, body)
    digest = link(previous, rest)
    return digest, b'{"hash":"%b",%b\n' % (digest, rest)


def parse(line: bytes) -> Link | None:
    """Take a line without its newline apart; None when it is not a line of this format. Checks no hash."""
    found = _LINE.fullmatch(line)
    return None if found is None else Link(found[1], int(found[3]), found[2])


def find(content: mmap, seq: int) -> bytes | None:
    """Return the line of record `seq` in a segment, without its newline; None when it is not there."""
    mark = b'","seq":%d,' % seq
    at = content.find(mark)
    while at >= 0:
        start = content.rfind(b"\n", 0, at) + 1
        if at == start + _HASH_END:
            end = content.find(b"\n", at)
            return content[start : end if end >= 0 else len(content)]
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
