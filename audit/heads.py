"""The heads of closed segments: what each segment ended with, so that it cannot be written anew without the key.

Owns the file `heads.jsonl` beside the segments, one signed line (audit.signing) for each segment that was closed. May not do:
read segments, judge a trail (verify).

    {"segment":3,"first":1622,"last":2430,"hash":"H","time":"T","key":"K","signature":"S"}

`first` and `last` are the numbers of the segment's records, H the hash of its last block, T when it was closed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from audit import signing

if TYPE_CHECKING:
    from pathlib import Path

    from audit.signing import Lines, Signer

HEADS = "heads.jsonl"


@dataclass(frozen=True, slots=True)
class SegmentHead(signing.Signed):
    """What a closed segment ended with."""

    segment: int
    first: int
    last: int
    hash: str
    time: str


def line(head: SegmentHead, signer: Signer | None) -> bytes:
    """Return the line of a head, with its newline, signed when there is a key."""
    fields = {"segment": head.segment, "first": head.first, "last": head.last, "hash": head.hash, "time": head.time}
    return signing.line(fields, signer)


def append(directory: Path, head: SegmentHead, signer: Signer | None) -> None:
    """Write a head at the end of the trail's file, durably. Raises OSError."""
    signing.append(directory / HEADS, line(head, signer))


def read(path: Path) -> Lines[SegmentHead]:
    """Return the heads of a file in their order, and what else it holds. Raises OSError; no file is no heads."""
    return signing.read(path, SegmentHead)
