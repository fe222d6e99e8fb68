"""`email`: the start and the domain of an e-mail address; what does not look like one is hidden entirely."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rewriter.masks.literals import as_text, call, literal, operate
from rewriter.masks.target import TEXTS, padding

if TYPE_CHECKING:
    from rewriter.masks.target import Request

_MAX_ADDRESS = 320  # characters: 64 of the local part, 255 of the domain (RFC 5321, 4.5.3.1)
_PAD = 3
_HIDDEN_AT_LEAST = 2  # a local part of one character more than is shown would be nearly known
# One @, a local part without spaces, a domain of two labels or more that ends in letters (RFC 1035, 2.3.1).
_ADDRESS = r"^[^@[:space:]]+@[A-Za-z0-9](-*[A-Za-z0-9])*(\.[A-Za-z0-9](-*[A-Za-z0-9])*)*\.[A-Za-z]{2,}$"


def render_email(request: Request) -> str | None:
    """Show `keep_first` characters of the local part, and the domain if `keep_domain`; other types do not fit."""
    if request.target.base not in TEXTS:
        return None
    first = int(request.parameters["keep_first"])
    character = str(request.parameters["character"])
    pad = literal(character * _PAD)
    value = as_text(request.reference)
    local = call("split_part", value, literal("@"), "1")
    domain = call("split_part", value, literal("@"), "2")
    start = (
        f"CASE WHEN {operate(call('length', local), '>=', str(first + _HIDDEN_AT_LEAST))} "
        f"THEN {operate(call('left', local, str(first)), '||', pad)} ELSE {pad} END"
    )
    end = domain if request.parameters["keep_domain"] else pad
    shown = operate(operate(f"({start})", "||", literal("@")), "||", end)
    conditions = [operate(call("length", value), "<=", str(_MAX_ADDRESS)), operate(value, "~", literal(_ADDRESS))]
    room = request.target.length
    if room is not None:  # a domain cut short would name another one
        conditions.insert(1, operate(call("length", domain), "<=", str(room - first - _PAD - 1)))
    hidden = literal(padding(request.target, character))
    nested = shown
    for condition in reversed(conditions):  # one after the other: the pattern is never tried on a long text
        nested = f"CASE WHEN {condition} THEN {nested} ELSE {hidden} END"
    return nested
