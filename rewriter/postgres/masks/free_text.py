"""`free_text`: a text with the numbers and e-mail addresses in it hidden."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policies.masks.free_text import FOR_ADDRESS, FOR_NUMBER, LONGEST, address, number
from rewriter.postgres.masks.literals import call, literal, operate
from rewriter.postgres.masks.patterns import substitute
from rewriter.postgres.masks.target import TEXTS, padding

if TYPE_CHECKING:
    from rewriter.postgres.masks.target import Request


def render_free_text(request: Request) -> str | None:
    """Hide parts of a text; other types do not fit."""
    if request.target.base not in TEXTS:
        return None
    value = request.text
    hidden = literal(padding(request.target, "*"))
    # this engine never goes back, so nothing forbids it
    shown = substitute(substitute(value, address(""), FOR_ADDRESS), number(""), FOR_NUMBER)
    return f"CASE WHEN {operate(call('length', value), '>', str(LONGEST))} THEN {hidden} ELSE {shown} END"
