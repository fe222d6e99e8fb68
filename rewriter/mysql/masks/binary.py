"""`binary`: the first bytes of a binary string."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policies.masks.binary import HIDDEN
from rewriter.mysql.masks.literals import binary
from rewriter.mysql.masks.target import BINARIES, Cases

if TYPE_CHECKING:
    from rewriter.mysql.masks.target import Request, Shown


def render_binary(request: Request) -> Shown | None:
    """Show the beginning of a binary string of no fixed length; other types do not fit."""
    first, value = int(request.parameters["keep_first"]), request.reference
    if request.target.base not in BINARIES or request.target.base == "binary":
        return None
    return Cases(((f"LENGTH({value}) >= {first + HIDDEN}", f"LEFT({value}, {first})"),), binary(b""))
