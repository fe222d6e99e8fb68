"""`chinese_name`: the surname of a Chinese name, the first letter of any other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policies.masks.chinese_name import LETTER, LONGEST, SURNAMES, pad_after
from rewriter.postgres.masks.literals import call, literal, operate
from rewriter.postgres.masks.patterns import is_whole, matches
from rewriter.postgres.masks.target import TEXTS, padding

if TYPE_CHECKING:
    from rewriter.postgres.masks.target import Request


def render_chinese_name(request: Request) -> str | None:
    """Show one or two characters of a name; other types than text do not fit."""
    if request.target.base not in TEXTS:
        return None
    character, value = str(request.parameters["character"]), request.text
    hidden = literal(padding(request.target, character))
    size = call("length", value)
    one, two = (
        operate(call("left", value, str(kept)), "||", literal(character * pad_after(kept, request.target.length)))
        for kept in (1, 2)
    )
    cases = [
        f"WHEN {operate(size, '<', '2')} OR {operate(size, '>', str(LONGEST))} THEN {hidden}",
        f"WHEN {is_whole(value, SURNAMES)} THEN {two}",
        f"WHEN {matches(value, '^' + LETTER)} THEN {one}",
    ]
    return f"CASE {' '.join(cases)} WHEN {request.reference} IS NOT NULL THEN {hidden} END"
