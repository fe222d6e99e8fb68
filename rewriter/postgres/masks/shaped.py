"""`phone`, `id_card`, `passport` and `bank_card`: the ends of what has the right shape; all else is hidden entirely."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policies.masks.schema import PAD
from policies.masks.shapes import LONGEST, SHAPED
from rewriter.postgres.masks.literals import call, literal, operate
from rewriter.postgres.masks.patterns import is_whole
from rewriter.postgres.masks.target import TEXTS, padding

if TYPE_CHECKING:
    from collections.abc import Callable

    from rewriter.postgres.masks.target import Request


def shaped(name: str) -> Callable[[Request], str | None]:
    """Give the renderer of one of these masks; it shows text, other types do not fit."""

    def render(request: Request) -> str | None:
        if request.target.base not in TEXTS:
            return None
        character = str(request.parameters["character"])
        value = request.text
        text = call("translate", value, literal(SHAPED[name].separators), literal(""))
        hidden = literal(padding(request.target, character))
        # one after the other: no pattern is tried on a long text
        cases = [f"WHEN {operate(call('length', value), '>', str(LONGEST))} THEN {hidden}"]
        for shape in SHAPED[name].cases(request.parameters):
            shown = literal(character * PAD)
            if shape.first:
                shown = operate(call("left", text, str(shape.first)), "||", shown)
            if shape.last:
                shown = operate(shown, "||", call("right", text, str(shape.last)))
            cases.append(f"WHEN {is_whole(text, shape.pattern)} THEN {shown}")
        return f"CASE {' '.join(cases)} WHEN {request.reference} IS NOT NULL THEN {hidden} END"

    return render
