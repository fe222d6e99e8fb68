"""OIDs that differ from server to server: psql asks for an object's OID, and then asks by it.

Owns the translation between the first server's OIDs, which psql knows, and those of another.
"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING

from conformance.regress.frames import Frame

if TYPE_CHECKING:
    from collections.abc import Sequence

_LITERAL = re.compile(rb"(?<=')\d{5,}(?=')|(?<=oid = )\d{5,}\b")
_NAME = b"oid\0"


class Oids:
    """What the first server's OIDs are on another one, as far as answers have told."""

    def __init__(self) -> None:
        self._theirs: dict[bytes, bytes] = {}
        self._ours: dict[bytes, bytes] = {}

    def outgoing(self, frame: Frame) -> Frame:
        """A query with the first server's OIDs, as psql writes them, as the other one's."""
        if frame.kind != b"Q" or b"pg_catalog." not in frame.body:
            return frame
        return Frame(frame.kind, _LITERAL.sub(lambda m: self._theirs.get(m[0], m[0]), frame.body))

    def learn(self, direct: Sequence[Frame], other: Sequence[Frame]) -> None:
        """Take down the pairs of two answers whose first column is called oid."""
        if not any(frame.kind == b"T" and frame.body[2:6] == _NAME for frame in direct):
            return
        rows = [[values(frame.body) for frame in frames if frame.kind == b"D"] for frames in (direct, other)]
        if len(rows[0]) != len(rows[1]):
            return
        for one, another in zip(*rows, strict=True):
            if one[1:] == another[1:] and one[0] is not None and another[0] is not None:
                self._theirs[one[0]], self._ours[another[0]] = another[0], one[0]

    def incoming(self, frames: Sequence[Frame]) -> list[Frame]:
        """An answer of the other server with the first one's OIDs."""
        return [self._translated(frame) if frame.kind == b"D" and self._ours else frame for frame in frames]

    def _translated(self, frame: Frame) -> Frame:
        found = values(frame.body)
        if self._ours.keys().isdisjoint(found):
            return frame
        made = [value if value is None else self._ours.get(value, value) for value in found]
        parts = [struct.pack("!i", -1) if v is None else struct.pack("!i", len(v)) + v for v in made]
        return Frame(frame.kind, frame.body[:2] + b"".join(parts))


def values(body: bytes) -> list[bytes | None]:
    """The values of a DataRow."""
    found: list[bytes | None] = []
    place = 2
    for _ in range(struct.unpack_from("!h", body)[0]):
        size = struct.unpack_from("!i", body, place)[0]
        place += 4
        found.append(None if size < 0 else body[place : place + size])
        place += max(size, 0)
    return found
