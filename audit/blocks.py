"""The trail in blocks: what was written at once, up to the line that ends with a hash.

Owns the grouping of lines and what a block says of itself. Pure: lines in, blocks out. May not do: judge.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from audit import chain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_SEALED = b',"hash":"'
_SEAL = slice(-chain.SEAL, len(_SEALED) - chain.SEAL)  # where that stands in the last line of a block
_HASH = slice(len(_SEALED) - chain.SEAL, -2)


@dataclass(frozen=True, slots=True)
class Line:
    """One line as it lies: segment number, line number within it from 1, bytes without the newline."""

    segment: int
    number: int
    data: bytes
    whole: bool = True  # False: the file ends before the newline


@dataclass(frozen=True)
class Block:
    """Lines up to and with the one that ends a block; `hash` is None when the segment or the trail ended before one did."""

    lines: tuple[Line, ...]
    hash: bytes | None

    @property
    def covered(self) -> bytes:
        """What its hash covers."""
        whole = self.lines[0].data if len(self.lines) == 1 else b"\n".join(line.data for line in self.lines)
        return whole if self.hash is None else whole[: -chain.SEAL]

    @cached_property
    def seqs(self) -> tuple[int | None, ...]:
        """The numbers that its lines carry; None for a line that is no record."""
        links = [chain.parse(line.data) for line in self.lines]
        return tuple(None if link is None else link.seq for link in links)

    @property
    def first(self) -> int:
        """Number of its first record, 0 when its first line is none."""
        return self.seqs[0] or 0

    @property
    def last(self) -> int:
        """The number up to which it goes, 0 when none of its lines is a record."""
        return next((seq for seq in reversed(self.seqs) if seq), 0)

    @property
    def regular(self) -> bool:
        """True when it has its end, and its numbers follow each other."""
        return self.hash is not None and self.seqs == tuple(range(self.first, self.first + len(self.lines)))

    def counts_from(self, seq: int) -> bool:
        """Tell, quicker than by `seqs`, whether its lines carry the numbers from `seq` on."""
        return all(line.data.startswith(b'{"seq":%d,' % number) for number, line in enumerate(self.lines, seq))

    def follows(self, prior: tuple[bytes, ...] | None) -> bool:
        """Tell whether its hash is right behind one of `prior`."""
        return any(chain.link(previous, self.covered) == self.hash for previous in prior or ())


def blocks(lines: Iterable[Line]) -> Iterator[Block]:
    """Lines in blocks. A block never goes on in another segment, and never behind a line that is not whole."""
    held: list[Line] = []
    for line in lines:
        if held and (held[-1].segment != line.segment or not held[-1].whole):
            yield Block(tuple(held), None)
            held.clear()
        held.append(line)
        data = line.data
        if data[_SEAL] == _SEALED and data.endswith(b'"}'):
            yield Block(tuple(held), data[_HASH])
            held.clear()
    if held:
        yield Block(tuple(held), None)


def runs(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Ascending numbers as runs of neighbours: first, last."""
    first = last = 0
    for number in numbers:
        if first and number != last + 1:
            yield first, last
            first = 0
        first, last = first or number, number
    if first:
        yield first, last
