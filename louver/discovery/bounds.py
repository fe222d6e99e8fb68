"""How much load a look at a database may be. One connection asks one thing at a time; this bounds each thing.

Owns the numbers and their reasons.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

CHARACTERS: Final = 300
"""Of each value: what is recognised begins within them, and prose has said by then what it is about."""

WHOLE_BYTES: Final = 65_536
"""A value larger than this is left out: reading its beginning would read it whole."""

SMALL: Final = 20
"""A table of up to this many times the rows wanted is read from its start; a larger one here and there."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one table may cost: `rows`, `table_bytes` of values, `seconds` for each statement, then a `pause` in seconds.

    `catalogs_only`: no row is read.
    """

    rows: int = 500
    table_bytes: int = 4 * 2**20
    seconds: float = 5.0
    pause: float = 0.0
    catalogs_only: bool = False

    def rows_of(self, columns: int) -> int:
        """How many rows of a table with so many sampled columns; a character may have four bytes."""
        return max(1, min(self.rows, self.table_bytes // (max(1, columns) * CHARACTERS * 4)))
