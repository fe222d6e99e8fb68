"""`address`: the province, or the city, of an address in China; what does not begin with a province is hidden entirely."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policies.masks.address import CITY, LOOKED_AT, PROVINCE
from policies.masks.schema import PAD
from rewriter.postgres.masks.literals import call, literal, operate
from rewriter.postgres.masks.patterns import matches, matching
from rewriter.postgres.masks.target import TEXTS, padding

if TYPE_CHECKING:
    from rewriter.postgres.masks.target import Request


def render_address(request: Request) -> str | None:
    """Show the beginning of an address; other types than text do not fit."""
    if request.target.base not in TEXTS:
        return None
    character = str(request.parameters["character"])
    hidden = literal(padding(request.target, character))
    beginning = call("left", request.text, str(LOOKED_AT))
    room = request.target.length
    wanted = [CITY, PROVINCE] if request.parameters["keep"] == "city" else [PROVINCE]
    cases = []
    for text in wanted:
        found = matching(beginning, text)
        shown = operate(found, "||", literal(character * PAD))
        if room is not None:
            shown = f"CASE WHEN {operate(call('length', found), '>=', str(room))} THEN {hidden} ELSE {call('left', shown, str(room))} END"
        cases.append(f"WHEN {matches(beginning, f'^{text}')} THEN {shown}")
    return f"CASE {' '.join(cases)} WHEN {request.reference} IS NOT NULL THEN {hidden} END"
