"""How long a trail is kept: closed segments that are old enough go, unless somebody holds them.

Owns two files beside the segments, of signed lines (audit.signing), and the removal of segments.

    {"first":1,"last":30,"before":"T","time":"T",...}                                        retired.jsonl
    {"hold":2,"since":"T","until":null,"person":"P","reason":"R","time":"T",...}             holds.jsonl, placed
    {"hold":2,"released":true,"person":"P","reason":"R","time":"T",...}                      holds.jsonl, released

`retired.jsonl` says which segments were removed by the rule, T when they had been closed before. Their heads stay, so the chain
still holds where they were (verify). A hold keeps every segment with records of its time, since (or from the beginning) and
until (or for ever). May not do: touch the last segment, or one without a head.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from audit import heads, segments, signing
from audit.blocks import runs

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

RETIRED: Final = "retired.jsonl"
HOLDS: Final = "holds.jsonl"


@dataclass(frozen=True, slots=True)
class Retired(signing.Signed):
    """Segments that were removed, first to last, as closed before a moment."""

    first: int
    last: int
    before: str
    time: str


@dataclass(frozen=True, slots=True)
class Hold(signing.Signed):
    """Why nothing of a time may be removed; or, `released`, that hold `hold` is over."""

    hold: int
    person: str
    reason: str
    time: str
    since: str | None = None
    until: str | None = None
    released: bool = False


def holds(directory: Path) -> list[Hold]:
    """Return the holds that are in force. Raises OSError, and ValueError when a line was altered: what it held is not known."""
    lines = signing.read(directory / HOLDS, Hold)
    if lines.altered:
        raise ValueError(
            f"line {lines.altered[0]} of {HOLDS} is not as it was written: nothing is removed until it is mended"
        )
    released = {each.hold for each in lines.found if each.released}
    return [each for each in lines.found if not each.released and each.hold not in released]


def place(directory: Path, hold: Hold, signer: signing.Signer | None) -> Hold:
    """Note a hold under the next number, whatever number it has. Raises OSError."""
    number = 1 + max((each.hold for each in signing.read(directory / HOLDS, Hold).found), default=0)
    fields = {
        "hold": number,
        "since": hold.since,
        "until": hold.until,
        "person": hold.person,
        "reason": hold.reason,
        "time": hold.time,
    }
    signing.append(directory / HOLDS, signing.line(fields, signer))
    return Hold(number, hold.person, hold.reason, hold.time, hold.since, hold.until)


def release(directory: Path, hold: Hold, signer: signing.Signer | None) -> None:
    """Note that a hold is over: its number, and who says so when and why. Raises OSError, ValueError when it is not in force."""
    if hold.hold not in {each.hold for each in holds(directory)}:
        raise ValueError(f"there is no hold {hold.hold} in force; `louver audit holds` lists them")
    fields = {"hold": hold.hold, "released": True, "person": hold.person, "reason": hold.reason, "time": hold.time}
    signing.append(directory / HOLDS, signing.line(fields, signer))


def due(directory: Path, before: str) -> tuple[list[int], list[int]]:
    """Return the segments that were closed before a moment (as records write it) and may go, and those that holds keep.

    Raises OSError, ValueError as `holds` does.
    """
    there = {number for number, _ in segments.segments(directory)[:-1]}
    held = holds(directory)
    free: list[int] = []
    kept: list[int] = []
    begun = ""
    for head in heads.read(directory / heads.HEADS).found:
        if head.segment in there and head.time < before:
            holding = any(_overlaps(each, begun, head.time) for each in held)
            (kept if holding else free).append(head.segment)
        begun = head.time
    return free, kept


def retire(directory: Path, numbers: Iterable[int], before: str, now: str, signer: signing.Signer | None) -> None:
    """Note that segments go, then remove them. A crash in between leaves them there, to be removed the next time. Raises OSError."""
    gone = sorted(numbers)
    for first, last in runs(gone):
        fields = {"first": first, "last": last, "before": before, "time": now}
        signing.append(directory / RETIRED, signing.line(fields, signer))
    for number in gone:
        segments.segment_path(directory, number).unlink(missing_ok=True)
        segments.compacted_path(directory, number).unlink(missing_ok=True)
    segments.sync_directory(directory)


def retired(directory: Path) -> signing.Lines[Retired]:
    """Return what was removed by the rule. Raises OSError."""
    return signing.read(directory / RETIRED, Retired)


def _overlaps(hold: Hold, begun: str, closed: str) -> bool:
    """Whether a segment with records from `begun` to `closed` is of the time that a hold is for."""
    return (hold.until is None or begun < hold.until) and (hold.since is None or closed >= hold.since)
