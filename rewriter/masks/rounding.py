"""`round`: the nearest multiple of a step; halves go away from zero.

Where the nearest multiple does not fit the type, the one nearer zero is taken. NaN, the infinities and what lies
beyond the bound of a float or an unbounded numeric are shown as 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rewriter.masks.literals import call, cast, operate, typed
from rewriter.masks.target import INTEGERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rewriter.masks.target import Request, Target

_BOUNDS: Final[Mapping[str, str]] = {"float4": "1e37", "float8": "1e300", "numeric": "1e1000"}
"""Values beyond are shown as 0: one step more could overflow the type."""


def render_round(request: Request) -> str | None:
    """Round numbers in exact arithmetic. Dates, money and other types do not fit: money changes with a setting."""
    bound = _bound(request.target)
    if bound is None:
        return None
    step = int(request.parameters["step"])
    limit, zero = typed(bound, "numeric"), typed("0", "numeric")
    value = cast(request.reference, "pg_catalog.numeric")
    size = call("abs", value)
    rest = call("mod", size, typed(str(step), "numeric"))
    below = operate(size, "-", rest)
    above = operate(below, "+", typed(str(step), "numeric"))
    goes_up = f"{operate(operate(rest, '+', rest), '>=', typed(str(step), 'numeric'))} AND {operate(above, '<', limit)}"
    magnitude = f"(CASE WHEN {goes_up} THEN {above} ELSE {below} END)"
    rounded = operate(call("sign", value), "*", magnitude)
    # NaN and infinity count as greater than any number
    return f"CASE WHEN {operate(_size(request), '<', _limit(request.target, bound))} THEN {rounded} ELSE {zero} END"


def _size(request: Request) -> str:
    """Give the absolute value in a type that holds every one: abs() of the least integer does not fit its own."""
    value = f"({request.reference})"
    if request.target.base in INTEGERS:
        value = cast(request.reference, "pg_catalog.numeric")
    return call("abs", value)


def _limit(target: Target, bound: str) -> str:
    return typed(bound, target.base if target.base in ("float4", "float8") else "numeric")


def _bound(target: Target) -> str | None:
    """Give the least magnitude that does not fit, as text; None for types that cannot be rounded."""
    if target.base in INTEGERS:
        # the least integer itself lies on the bound, and rounds towards zero or is shown as 0
        return str(2 ** INTEGERS[target.base])
    if target.base == "numeric" and target.modifiers:
        precision, scale = (*target.modifiers, 0)[:2]
        return f"1e{precision - scale}" if 0 <= scale < precision else None
    return _BOUNDS.get(target.base)
