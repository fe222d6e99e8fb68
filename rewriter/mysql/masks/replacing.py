"""`replace`: the parts of a text that match a pattern, replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policies.masks.replacing import LONGEST, read_pattern
from rewriter.mysql.masks.literals import literal
from rewriter.mysql.masks.patterns import holds, substitute
from rewriter.mysql.masks.target import Cases, padding

if TYPE_CHECKING:
    from rewriter.mysql.masks.target import Request, Shown


def render_replace(request: Request) -> Shown | None:
    """Replace parts of a text; other types do not fit."""
    if not request.target.is_text:
        return None
    value, room = request.text, request.target.length
    hidden = literal(padding(request.target, "*"))
    pattern = read_pattern(str(request.parameters["pattern"])).written(r"\x{:02x}", r"\A", r"\z", possessive=True)
    shown = substitute(value, pattern, str(request.parameters["by"]))
    if room is not None:
        shown = f"LEFT({shown}, {room})"
    rest = value if request.parameters["otherwise"] == "keep" else hidden
    return Cases(((f"CHAR_LENGTH({value}) > {LONGEST}", hidden), (holds(value, pattern), shown)), rest)
