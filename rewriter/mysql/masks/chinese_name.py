"""`chinese_name`: the surname of a Chinese name, the first letter of any other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policies.masks.chinese_name import LETTER, LONGEST, SURNAMES, pad_after
from rewriter.mysql.masks.literals import literal
from rewriter.mysql.masks.patterns import begins, is_whole
from rewriter.mysql.masks.target import Cases, padding

if TYPE_CHECKING:
    from rewriter.mysql.masks.target import Request, Shown


def render_chinese_name(request: Request) -> Shown | None:
    """Show one or two characters of a name; other types than text do not fit."""
    if not request.target.is_text:
        return None
    character, value, room = str(request.parameters["character"]), request.text, request.target.length
    hidden = literal(padding(request.target, character))
    one, two = (f"CONCAT(LEFT({value}, {kept}), {literal(character * pad_after(kept, room))})" for kept in (1, 2))
    cases = (
        (f"CHAR_LENGTH({value}) < 2 OR CHAR_LENGTH({value}) > {LONGEST}", hidden),
        (is_whole(value, SURNAMES), two),
        (begins(value, LETTER), one),
    )
    return Cases(cases, hidden)
