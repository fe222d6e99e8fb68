"""`binary`: the first bytes of a binary string, which tell what kind of file it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policies.masks.schema import Example, MaskSchema, Parameter, parameters

if TYPE_CHECKING:
    from policies.masks.schema import Cell

HIDDEN: Final = 16
"""Bytes that stay hidden at least, or nothing is shown."""


def _shown(cell: Cell) -> bytes | None:
    first = cell.number("keep_first")
    if not isinstance(cell.value, bytes):
        return None
    return cell.value[:first] if len(cell.value) >= first + HIDDEN else b""


SCHEMA: Final = MaskSchema(
    "binary",
    "shows the first bytes of a binary string",
    parameters(keep_first=Parameter("integer", 4, "bytes shown at the start", 1, 16)),
    lambda given: f"is shown with its first {given['keep_first']} bytes only",
    _shown,
    fits="bytea, varbinary, blobs",
    example=Example(b"\x89PNG\r\n\x1a\n" + bytes(range(24))),
)
