"""The trail as batches of whole blocks, in order, each proved to follow from the one before.

Owns what may leave: only blocks whose chain holds and that lie on the disk, so that nothing is shipped that a power loss could
take back, and what somebody has put between is not shipped as a record. May not do: send, remember.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from audit import chain, reader, segments
from audit.blocks import Block, Line
from audit.reader import Read

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from audit.reader import Fields

ID_DIGITS: Final = 16


class TrailError(Exception):
    """The trail cannot be shipped on from there; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Place:
    """The last record that has arrived, and the hash of the block that it ends; 0 and the first hash of all: none yet."""

    seq: int = 0
    hash: str = chain.GENESIS.decode()


@dataclass(frozen=True, slots=True)
class Batch:
    """Records that are sent together: whole blocks, all after `before`.

    `gone` is how many records before them are not in the trail any more, because old segments were removed.
    """

    before: Place
    records: tuple[Read, ...]
    gone: int = 0
    after: Place = field(init=False)

    def __post_init__(self) -> None:
        last = self.records[-1]
        object.__setattr__(self, "after", Place(last.fields["seq"], last.fields["hash"]))

    @property
    def first(self) -> int:
        """The number of its first record."""
        seq: int = self.records[0].fields["seq"]
        return seq

    @property
    def last(self) -> int:
        """The number of its last record."""
        return self.after.seq


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is sent together: so many records and bytes at most, or one block if that is larger."""

    records: int = 1000
    octets: int = 4 * 2**20


def trail_id(directory: Path) -> str | None:
    """Return what tells this trail from all others, from its very first record; None when that is not there (any more)."""
    for line in _first_lines(directory):
        found = chain.parse(line)
        if found is not None and found.seq == 1:
            return chain.link(chain.GENESIS, line).decode()[:ID_DIGITS]
        return None
    return None


def _first_lines(directory: Path) -> Iterator[bytes]:
    try:
        yield from (line.data for line in reader.lines(directory))
    except reader.NoTrail:
        return


def last_seq(directory: Path) -> int:
    """Return the number of the last record that can be read, 0 when there is none."""
    try:
        found = reader.last_records(directory, 1)
    except reader.NoTrail:
        return 0
    return found[-1]["seq"] if found else 0


def batches(directory: Path, place: Place, sizes: Sizes, *, until: int | None = None) -> Iterator[Batch | None]:
    """Give what follows after a place, without end, and None whenever all is read; the caller waits at each None.

    With `until`, the first batch ends there, however large it is: what was begun is sent again as it was. Raises
    TrailError when the trail does not follow from the place, or from itself.
    """
    known = last_seq(directory)
    if known < place.seq:
        raise TrailError(
            f"record {place.seq} was shipped, but the trail in {directory} ends with {known}: it was cut or replaced. "
            "Run `louver audit verify`; a trail that begins anew needs another name (`ship.trail`)"
        )
    return _batches(directory, place, sizes, until)


def _batches(directory: Path, place: Place, sizes: Sizes, until: int | None) -> Iterator[Batch | None]:
    held: list[Read] = []
    octets, at, gone = 0, place, 0

    def sealed() -> Batch:
        nonlocal place, octets, gone
        _on_disk(directory, {read.segment for read in held})
        batch = Batch(place, tuple(held), gone)
        held.clear()
        place, octets, gone = batch.after, 0, 0
        return batch

    for block in _blocks(directory, place.seq):
        if block is None:
            if held:
                yield sealed()
            yield None
            continue
        size = sum(len(read.line) for read in block)
        begins = block[0].fields["seq"]
        if held and _ends(held, octets, block, size, sizes, until if until is not None and place.seq < until else None):
            yield sealed()
        if begins != at.seq + 1:
            gone = begins - at.seq - 1
            at = _resumed(directory, at, block)
        at = _proved(at, block)
        held.extend(block)
        octets += size


def _ends(  # noqa: PLR0913, PLR0917  what there is to go by
    held: list[Read], octets: int, block: list[Read], size: int, sizes: Sizes, until: int | None
) -> bool:
    """Tell whether a batch ends before a block."""
    if until is not None:
        return bool(held[-1].fields["seq"] >= until)
    full = len(held) + len(block) > sizes.records or octets + size > sizes.octets
    return full or _month(block[0].fields) != _month(held[-1].fields)


def _month(fields: Fields) -> str:
    """The month of a record: what is kept by months must not be sent across them."""
    return str(fields.get("time", ""))[:7]


def _blocks(directory: Path, after: int) -> Iterator[list[Read] | None]:
    """Give whole blocks; what follows the last of them is held until its end is there."""
    held: list[Read] = []
    for read in reader.read_on(directory, after):
        if read is None:
            yield None
            continue
        if held and held[-1].segment != read.segment:
            held.clear()  # torn off by a crash; the trail goes on in the next segment
        if held and read.fields["seq"] <= held[-1].fields["seq"]:
            held = [each for each in held if each.fields["seq"] < read.fields["seq"]]  # cut off and written anew
        held.append(read)
        found = chain.parse(read.line)
        if found is not None and found.hash is not None:
            yield held
            held = []


def _resumed(directory: Path, at: Place, block: list[Read]) -> Place:
    """Return from where a block goes on that is not the next: from the head of its segment, if all before it was removed."""
    first: dict[str, Any] = block[0].fields
    oldest = reader.existing(directory)[0][0]
    if first["seq"] > at.seq and first.get("event") == "segment" and block[0].segment == oldest:
        return Place(first["seq"] - 1, str(first.get("previous")))
    raise TrailError(
        f"record {at.seq + 1} is not where it belongs in segment {block[0].segment}, {first['seq']} stands there: "
        "run `louver audit verify`"
    )


def _proved(at: Place, block: list[Read]) -> Place:
    """Return the end of a block that follows from a place. Raises TrailError."""
    lines = tuple(Line(read.segment, 0, read.line) for read in block)
    seqs = [read.fields["seq"] for read in block]
    stated = str(block[-1].fields["hash"])
    in_order = seqs == list(range(at.seq + 1, at.seq + 1 + len(seqs)))
    if not in_order or chain.link(at.hash.encode(), Block(lines, stated.encode()).covered).decode() != stated:
        raise TrailError(
            f"records {seqs[0]} to {seqs[-1]} in segment {block[0].segment} do not follow from those before: one of them "
            "was changed, or the trail lost records that were shipped. Run `louver audit verify`"
        )
    return Place(seqs[-1], stated)


def _on_disk(directory: Path, numbers: set[int]) -> None:
    """See that segments are on the disk, whatever the proxy's own setting: else other records could get these numbers."""
    for number in sorted(numbers):
        try:
            handle = os.open(segments.segment_path(directory, number), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue  # compacted, and so on the disk
        try:
            os.fdatasync(handle)
        except OSError as error:
            raise TrailError(f"segment {number} cannot be brought to the disk: {error.strerror}") from error
        finally:
            os.close(handle)
