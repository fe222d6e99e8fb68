"""Positions: places in the text that left, found in the client's text.

Owns what is kept of a plan's edits for that. The server counts characters of the text it got; the client, of its own.
May not do: know a message.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from proxy.shapes import LONGEST, split

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rewriter.model import Edit


class Move(NamedTuple):
    """One edit, as it stands in every text of a shape: all numbers count characters.

    It begins `start` characters after the beginning, not counting the `literals` literals before it, and puts
    `inserted` characters in place of `removed`.
    """

    literals: int
    start: int
    removed: int
    inserted: int


def moves_of(text: bytes, edits: Sequence[Edit]) -> tuple[Move, ...]:
    """The moves of a text's edits, in order."""
    if len(text) > LONGEST:  # it has no shape
        return tuple(Move(0, edit.start, edit.end - edit.start, len(edit.replacement)) for edit in edits)
    parts, literals = ([len(each.decode(errors="surrogateescape")) for each in pieces] for pieces in split(text))
    sizes = [0, *accumulate(literals)]
    ends = [sum(found) for found in zip(accumulate(parts), sizes[1:], strict=False)]  # of the literals
    moves = []
    for edit in sorted(edits, key=lambda edit: edit.start):
        before = sum(end <= edit.start for end in ends)
        moves.append(Move(before, edit.start - sizes[before], edit.end - edit.start, len(edit.replacement)))
    return tuple(moves)


def original(moves: Sequence[Move], text: bytes, index: int) -> int:
    """The index in the client's `text` of character `index` of what left in its place.

    What lies within an insertion is where the text that it replaced begins.
    """
    literals = split(text)[1] if len(text) <= LONGEST else []
    sizes = [0, *accumulate(len(literal.decode(errors="surrogateescape")) for literal in literals)]
    shift = 0
    for move in moves:
        start = move.start + sizes[move.literals]
        if index < start + shift:
            break
        if index < start + shift + move.inserted or index == start + shift:
            return start
        shift += move.inserted - move.removed
    return index - shift
