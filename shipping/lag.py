"""How far each destination is behind the trail, from what is noted.

Owns the figures. May not do: connect to a destination.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from audit import reader
from shipping import place
from shipping.trail import last_seq

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Lag:
    """The last record that a destination has got, the last of the trail, and since when the next one has been waiting."""

    name: str
    shipped: int
    last: int
    seconds: float

    @property
    def behind(self) -> int:
        """How many records it has not got."""
        return max(0, self.last - self.shipped)


def lags(directory: Path, state: Path, names: list[str]) -> list[Lag]:
    """Return how far each of these destinations is behind. Raises audit.reader.NoTrail and PlaceError."""
    reader.existing(directory)
    last = last_seq(directory)
    found = []
    for name in names:
        noted = place.read(state, name)
        shipped = noted.seq if noted else 0
        found.append(Lag(name, shipped, last, _age(directory, shipped) if shipped < last else 0.0))
    return found


def _age(directory: Path, after: int) -> float:
    """Return for how many seconds the record after this one has been there."""
    following = next(iter(reader.read_on(directory, after)), None)
    if following is None:
        return 0.0
    try:
        when = datetime.fromisoformat(str(following.fields.get("time")))
    except ValueError:
        return 0.0
    return max(0.0, round((datetime.now(UTC) - when).total_seconds(), 1))
