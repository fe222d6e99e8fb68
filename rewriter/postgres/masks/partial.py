"""`partial`: the ends of a text.

A value too short to keep enough of it hidden shows nothing of itself. The pad has four characters whatever is hidden,
unless the policy asks for the length.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rewriter.postgres.masks.literals import call, literal, operate
from rewriter.postgres.masks.target import TEXTS, padding

if TYPE_CHECKING:
    from rewriter.postgres.masks.target import Request


def render_partial(request: Request) -> str | None:
    """Show `keep_first` and `keep_last` characters of a text; other types do not fit."""
    if request.target.base not in TEXTS:
        return None
    first, last = int(request.parameters["keep_first"]), int(request.parameters["keep_last"])
    hide = int(request.parameters["hide_at_least"])
    character = str(request.parameters["character"])
    length = request.target.length
    if length is not None and length < first + last + hide:
        return None
    value = request.text
    size = call("length", value)
    pad = literal(padding(request.target, character, first + last))
    short = literal(padding(request.target, character))
    if request.parameters["keep_length"]:
        pad = call("repeat", literal(character), operate(size, "-", str(first + last)))
        # one character for an empty text, which would otherwise pass through
        short = call("repeat", literal(character), f"GREATEST({size}, 1)")
    parts = [call("left", value, str(first))] if first else []
    parts.append(pad)
    parts += [call("right", value, str(last))] if last else []
    shown = parts[0]
    for part in parts[1:]:
        shown = operate(shown, "||", part)
    # this way round NULL takes the branch that is NULL for NULL
    return f"CASE WHEN {operate(size, '<', str(first + last + hide))} THEN {short} ELSE {shown} END"
