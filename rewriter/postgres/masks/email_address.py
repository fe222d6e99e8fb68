"""`email`: the start and the domain of an e-mail address; what does not look like one is hidden entirely."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rewriter.postgres.masks.literals import call, literal, operate
from rewriter.postgres.masks.target import TEXTS, padding

if TYPE_CHECKING:
    from rewriter.postgres.masks.target import Request

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
    pad = character * _PAD
    value = request.text
    domain = call("split_part", value, literal("@"), "2")
    known = request.parameters["keep_domain"]
    shown = operate(literal(pad + "@"), "||", domain) if known else literal(f"{pad}@{pad}")
    if first:
        local = call("split_part", value, literal("@"), "1")
        enough = operate(call("length", local), ">=", str(first + _HIDDEN_AT_LEAST))
        start = f"CASE WHEN {enough} THEN {call('left', local, str(first))} ELSE '' END"
        shown = operate(f"({start})", "||", shown)
    hidden = literal(padding(request.target, character))
    # one after the other: the pattern is never tried on a long text
    cases = [f"WHEN {operate(call('length', value), '>', str(_MAX_ADDRESS))} THEN {hidden}"]
    room = request.target.length
    if room is not None:  # a domain cut short would name another one
        cases.append(f"WHEN {operate(call('length', domain), '>', str(room - first - _PAD - 1))} THEN {hidden}")
    # what counts as a space must not change with the database's locale
    pattern = f'({literal(_ADDRESS)} COLLATE pg_catalog."C")'
    cases.append(f"WHEN {operate(value, '~', pattern)} THEN {shown}")
    return f"CASE {' '.join(cases)} WHEN {request.reference} IS NOT NULL THEN {hidden} END"
