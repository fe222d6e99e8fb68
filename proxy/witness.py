"""The third witness: where the server itself says that the columns of an answer come from, against what is hidden.

Owns the columns that are hidden in one world by their places in the catalog, and the answers' descriptions that have been
found free of them. A fault in the rewriting, or a definition that changes at this moment, shows here before the first
row leaves.
May not do: I/O, read messages (the protocol does), decide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_KEPT: Final = 1024
_KEPT_BYTES: Final = 2048
"""Descriptions kept for a world, and the longest: 2 MB at most. A description has some 30 bytes a column."""


class Witness:
    """What may not be the origin of any result column in one world.

    `hidden` names the column (schema.relation.column) by its table's OID and its attribute number. `passed` holds
    descriptions, as the server wrote them, that name none of these.
    """

    def __init__(self, hidden: Mapping[tuple[int, int], str]) -> None:
        self.hidden = hidden
        self.passed: set[bytes] = set()

    def keep(self, description: bytes) -> None:
        """Remember a description that names nothing hidden."""
        if len(description) <= _KEPT_BYTES:
            if len(self.passed) >= _KEPT:
                self.passed.clear()
            self.passed.add(description)
