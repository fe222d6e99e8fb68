"""`noise`: a number moved by up to some percent, always by the same for the same number.

NaN, the infinities and numbers beyond 1e1000 are shown as 0. What would leave the type is shown as its end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policies.masks.keyed import NUMBER_DIGITS
from policies.masks.numbers import NOISE_PARTS
from rewriter.postgres.masks.hashing import bytes_of, digest_of, number
from rewriter.postgres.masks.literals import call, cast, literal, operate, typed
from rewriter.postgres.masks.target import INTEGERS

if TYPE_CHECKING:
    from rewriter.postgres.masks.target import Request

_BOUND: Final = "1e1000"


def render_noise(request: Request) -> str | None:
    """Move whole numbers and numerics; other types do not fit. Raises MissingKeyError."""
    target = request.target
    data = bytes_of(request)
    if data is None or target.base not in (*INTEGERS, "numeric"):
        return None
    digits = call("encode", digest_of(request, "noise", data), literal("hex"))
    place = call("mod", number(digits, NUMBER_DIGITS), f"{2 * NOISE_PARTS + 1}::pg_catalog.int8")
    whole = 100 * NOISE_PARTS
    factor = operate(
        str(whole), "+", operate(operate(place, "-", str(NOISE_PARTS)), "*", str(int(request.parameters["percent"])))
    )
    moved = operate(
        operate(cast(request.reference, "pg_catalog.numeric"), "*", cast(factor, "pg_catalog.numeric")),
        "*",
        f"{1 / whole:f}",
    )
    if target.base in INTEGERS:
        greatest = 2 ** INTEGERS[target.base]
        return f"{_clamped(call('round', moved), str(-greatest), str(greatest - 1))}::pg_catalog.{target.base}"
    if target.modifiers:
        precision, scale = (*target.modifiers, 0)[:2]
        end = f"{10**precision - 1}e-{scale}"
        return _clamped(call("round", moved, str(scale)), f"-{end}", end, _nan(request.reference))
    beyond = operate(call("abs", request.reference), ">=", typed(_BOUND, "numeric"))
    shown = call("round", moved, call("scale", request.reference))
    return f"CASE WHEN {beyond} THEN {typed('0', 'numeric')} ELSE {shown} END"


def _clamped(shown: str, least: str, greatest: str, first: str = "") -> str:
    """Keep a numeric within bounds; NULL, which a foreign key gives, stays NULL."""
    below = f"WHEN {operate(shown, '<', typed(least, 'numeric'))} THEN {typed(least, 'numeric')}"
    above = f"WHEN {operate(shown, '>', typed(greatest, 'numeric'))} THEN {typed(greatest, 'numeric')}"
    return f"(CASE {first}{below} {above} ELSE {shown} END)"


def _nan(value: str) -> str:
    return f"WHEN {operate(value, '=', typed('NaN', 'numeric'))} THEN {typed('0', 'numeric')} "
