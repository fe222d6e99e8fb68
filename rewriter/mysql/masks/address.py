"""`address`: the province, or the city, of an address in China; what does not begin with a province is hidden entirely."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policies.masks.address import CITY, LOOKED_AT, PROVINCE
from policies.masks.schema import PAD
from rewriter.mysql.masks.literals import literal
from rewriter.mysql.masks.patterns import begins, length_of
from rewriter.mysql.masks.target import Cases, padding

if TYPE_CHECKING:
    from rewriter.mysql.masks.target import Request, Shown


def render_address(request: Request) -> Shown | None:
    """Show the beginning of an address; other types than text do not fit."""
    if not request.target.is_text:
        return None
    character, value, room = str(request.parameters["character"]), request.text, request.target.length
    hidden = literal(padding(request.target, character))
    beginning = f"LEFT({value}, {LOOKED_AT})"
    wanted = [CITY, PROVINCE] if request.parameters["keep"] == "city" else [PROVINCE]
    cases = []
    for text in wanted:
        found = length_of(beginning, text)
        shown = f"CONCAT(LEFT({value}, {found}), {literal(character * PAD)})"
        if room is not None:
            shown = f"CASE WHEN {found} >= {room} THEN {hidden} ELSE LEFT({shown}, {room}) END"
        cases.append((begins(beginning, text), shown))
    return Cases(tuple(cases), hidden)
