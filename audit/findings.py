"""What a verification finds: damages, each with its place, and what is worth noting beside.

Owns their form. May not do: look for them (verify, reader).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from audit import chain

Kind = Literal["changed", "removed", "inserted", "reordered", "truncated", "torn", "anchor", "head"]


@dataclass(frozen=True, slots=True)
class Damage:
    """One damage: where it shows (segment, line) and which records it concerns (first to last seq)."""

    kind: Kind
    segment: int
    line: int
    first: int
    last: int
    message: str


@dataclass(slots=True)
class Report:
    """What verification found. `notes` are facts that are no damage, such as a resumption after a crash."""

    records: int = 0
    segments: int = 0
    retired: int = 0
    head: tuple[int, str] = (0, chain.GENESIS.decode())
    closed: bool = False
    damages: list[Damage] = field(default_factory=list)
    more: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def intact(self) -> bool:
        """True when there is no damage."""
        return not self.damages


def merged(damages: list[Damage]) -> list[Damage]:
    """Make one of damages of one kind on lines and records that follow each other."""
    out: list[Damage] = []
    lines = 1
    for damage in damages:
        before = out[-1] if out else None
        if (
            before is not None
            and damage.kind == before.kind == "reordered"
            and damage.segment == before.segment
            and damage.line == before.line + lines
            and damage.first == before.last + 1
        ):
            lines += 1
            text = f"records {before.first} to {damage.last} stand out of order from this line on"
            out[-1] = replace(before, last=damage.last, message=text)
        else:
            out.append(damage)
            lines = 1
    return out
