"""`round`: the nearest multiple of a step; halves go away from zero.

Where the nearest multiple does not fit the type, the one nearer zero is taken; NaN in a numeric of bounded precision counts
as the greatest number, which it sorts as. NaN, the infinities and what lies beyond the bound of a float or an unbounded
numeric are shown as 0. Which values could overflow is known from type and step, so nothing else is guarded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rewriter.postgres.masks.literals import call, operate, typed
from rewriter.postgres.masks.target import FLOATS, INTEGERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rewriter.postgres.masks.target import Request

_BOUNDS: Final[Mapping[str, str]] = {"float4": "1e37", "float8": "1e300", "numeric": "1e1000"}
"""Values beyond are shown as 0: one step more could overflow the type."""


def render_round(request: Request) -> str | None:
    """Round numbers in exact arithmetic. Dates, money and other types do not fit: money changes with a setting."""
    step, target = int(request.parameters["step"]), request.target
    if target.base in INTEGERS:
        return _integer(request.reference, target.base, step)
    if target.base == "numeric" and target.modifiers:
        precision, scale = (*target.modifiers, 0)[:2]
        return _bounded(request.reference, step, 10 ** (precision - scale) - 1) if 0 <= scale < precision else None
    if target.base == "numeric" or target.base in FLOATS:
        return _unbounded(request.reference, target.base, step)
    return None


def _integer(value: str, base: str, step: int) -> str | None:
    """Round a whole number, or None where every one of the type comes to 0 (but for the least one, if it is the step)."""
    greatest = 2 ** INTEGERS[base] - 1
    if step > greatest:
        return None
    half = (step + 1) // 2
    beyond = _beyond(value, base, step)
    places = _places(step)
    if places is not None:
        # half a step nearer zero, these round to the last multiple that fits
        inside = value if beyond is None else operate(value, "-", operate(beyond, "*", str(half)))
        return f"{call('round', inside, str(-places))}::pg_catalog.{base}"
    rest = call("mod", value, typed(str(step), base))
    steps = operate(rest, "/", str(half))
    if beyond is not None:
        steps = operate(steps, "-", beyond)
    shown = operate(operate(value, "-", rest), "+", operate(steps, "*", str(step)))
    return shown if base == "int8" else f"{shown}::pg_catalog.{base}"


def _beyond(value: str, base: str, step: int) -> str | None:
    """Give -1 or 1 for values that would round out of the type, 0 for others; None where no value would.

    A division costs less than branches do.
    """
    greatest = 2 ** INTEGERS[base] - 1
    limit = greatest // step * step + (step + 1) // 2
    if (greatest + 1) % step == 0:  # the least number is a multiple, so only the upper end is in danger
        # 0 for NULL does no harm: the rest is NULL
        return operate(f"GREATEST({value}, 0)", "/", str(limit)) if limit <= greatest else None
    if limit <= greatest:
        return operate(value, "/", str(limit))
    if limit == greatest + 1:  # the least number alone, which has no counterpart to divide by
        return operate("0", "-", operate(value, "/", typed(str(-limit), base)))
    return None


def _bounded(value: str, step: int, greatest: int) -> str | None:
    last = greatest // step * step
    if last == 0:
        return None
    above = f"WHEN {operate(value, '>', f'{last}.')} THEN {last}."
    below = f"WHEN {operate(value, '<', f'(-{last}.)')} THEN (-{last}.)"
    return f"CASE {above} {below} ELSE {_nearest(value, step)} END"


def _unbounded(value: str, base: str, step: int) -> str:
    # NaN and infinity count as greater than any number; NULL takes the branch that is NULL for NULL
    above = f"WHEN {operate(value, '>=', typed(_BOUNDS[base], base))} THEN {typed('0', base)}"
    below = f"WHEN {operate(value, '<=', typed('-' + _BOUNDS[base], base))} THEN {typed('0', base)}"
    nearest = _nearest(value, step)
    if base in FLOATS:
        nearest = f"{_nearest(f'{value}::pg_catalog.numeric', step)}::pg_catalog.{base}"
    return f"CASE {above} {below} ELSE {nearest} END"


def _nearest(value: str, step: int) -> str:
    """Round a numeric: whole half steps, cut exactly, halved and rounded away from zero. Constants with a point are numeric."""
    places = _places(step)
    if places is not None:
        return call("round", value, str(-places))
    half = f"{step // 2}.5" if step % 2 else f"{step // 2}."
    return operate(call("round", operate(call("div", value, half), "*", "0.5")), "*", f"{step}.")


def _places(step: int) -> int | None:
    """Give n where the step is 10 to the n, which the server rounds to itself."""
    digits = str(step)
    return len(digits) - 1 if digits == "1" + "0" * (len(digits) - 1) else None
