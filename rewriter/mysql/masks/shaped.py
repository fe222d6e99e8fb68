"""`phone`, `id_card`, `passport` and `bank_card`: the ends of what has the right shape; all else is hidden entirely."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policies.masks.schema import PAD
from policies.masks.shapes import LONGEST, SHAPED
from rewriter.mysql.masks.literals import literal, without
from rewriter.mysql.masks.patterns import is_whole
from rewriter.mysql.masks.target import Cases, padding

if TYPE_CHECKING:
    from collections.abc import Callable

    from rewriter.mysql.masks.target import Request, Shown


def shaped(name: str) -> Callable[[Request], Shown | None]:
    """Give the renderer of one of these masks; it shows text, other types do not fit."""

    def render(request: Request) -> Shown | None:
        if not request.target.is_text:
            return None
        character, value = str(request.parameters["character"]), request.text
        text = without(value, SHAPED[name].separators)
        hidden = literal(padding(request.target, character))
        # one after the other: no pattern is tried on a long text
        cases = [(f"CHAR_LENGTH({value}) > {LONGEST}", hidden)]
        for shape in SHAPED[name].cases(request.parameters):
            parts = [f"LEFT({text}, {shape.first})"] if shape.first else []
            parts.append(literal(character * PAD))
            parts += [f"RIGHT({text}, {shape.last})"] if shape.last else []
            shown = f"CONCAT({', '.join(parts)})" if len(parts) > 1 else parts[0]
            cases.append((is_whole(text, shape.pattern), shown))
        return Cases(tuple(cases), hidden)

    return render
