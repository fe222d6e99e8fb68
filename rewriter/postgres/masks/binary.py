"""`binary`: the first bytes of a binary string."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policies.masks.binary import HIDDEN
from rewriter.postgres.masks.literals import call, operate, typed

if TYPE_CHECKING:
    from rewriter.postgres.masks.target import Request


def render_binary(request: Request) -> str | None:
    """Show the beginning of a bytea; other types do not fit."""
    if request.target.base != "bytea":
        return None
    first, value = int(request.parameters["keep_first"]), request.reference
    short = operate(call("octet_length", value), "<", str(first + HIDDEN))
    return f"CASE WHEN {short} THEN {typed('', 'bytea')} ELSE {call('substring', value, '1', str(first))} END"
