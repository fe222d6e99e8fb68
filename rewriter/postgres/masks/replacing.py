"""`replace`: the parts of a text that match a pattern, replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policies.masks.replacing import LONGEST, read_pattern
from rewriter.postgres.masks.literals import call, literal, operate
from rewriter.postgres.masks.patterns import matches, substitute
from rewriter.postgres.masks.target import TEXTS, padding

if TYPE_CHECKING:
    from rewriter.postgres.masks.target import Request


def render_replace(request: Request) -> str | None:
    """Replace parts of a text; other types do not fit."""
    if request.target.base not in TEXTS:
        return None
    value = request.text
    hidden = literal(padding(request.target, "*"))
    pattern = read_pattern(str(request.parameters["pattern"])).written("\\u{:04x}", "^", "$", possessive=False)
    shown = substitute(value, pattern, str(request.parameters["by"]))
    if request.target.length is not None:
        shown = call("left", shown, str(request.target.length))
    rest = value if request.parameters["otherwise"] == "keep" else hidden
    return (
        f"CASE WHEN {operate(call('length', value), '>', str(LONGEST))} THEN {hidden} "
        f"WHEN {matches(value, pattern)} THEN {shown} WHEN {request.reference} IS NOT NULL THEN {rest} END"
    )
