"""`free_text`: a text with the numbers and e-mail addresses in it hidden."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policies.masks.free_text import FOR_ADDRESS, FOR_NUMBER, LONGEST, address, number
from rewriter.mysql.masks.literals import literal
from rewriter.mysql.masks.patterns import substitute
from rewriter.mysql.masks.target import Cases, padding

if TYPE_CHECKING:
    from rewriter.mysql.masks.target import Request, Shown


def render_free_text(request: Request) -> Shown | None:
    """Hide parts of a text; other types do not fit."""
    if not request.target.is_text:
        return None
    value = request.text
    hidden = literal(padding(request.target, "*"))
    shown = substitute(substitute(value, address("+"), FOR_ADDRESS), number("+"), FOR_NUMBER)
    if request.target.base in (
        "char",
        "varchar",
    ):  # the server takes a replaced text for a LONGTEXT, however short it was
        shown = f"LEFT({shown}, {request.target.length})"
    return Cases(((f"CHAR_LENGTH({value}) > {LONGEST}", hidden),), shown)
