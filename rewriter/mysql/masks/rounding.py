"""`round`: the nearest multiple of a step; halves go away from zero.

Where the nearest multiple does not fit the type, the one nearer zero is taken. Floats beyond a bound are shown as 0. Whole
numbers and decimals are reckoned as decimals, which neither overflow here nor follow a setting of the session, as the
precision of a division would.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rewriter.mysql.masks.target import FLOATS, INTEGERS, decimal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rewriter.mysql.masks.target import Request

_BOUNDS: Final[Mapping[str, str]] = {"float": "1e37", "double": "1e300"}
"""Values beyond are shown as 0: one step more could overflow the type."""
_WIDE = "DECIMAL(25,0)"  # holds the sum of any whole number and any step


def render_round(request: Request) -> str | None:
    """Round numbers; dates and other types do not fit."""
    step, target, value = int(request.parameters["step"]), request.target, request.reference
    if target.base in INTEGERS:
        least, greatest = target.range
        if step > greatest:
            return None
        beyond = [f"{_wide(value)} >= {limit}" for limit in [_limit(greatest, step)] if limit <= greatest]
        beyond += [f"{_wide(value)} <= -{limit}" for limit in [_limit(-least, step)] if limit <= -least]
        return target.number(_nearest(_wide(value), step, beyond))
    if target.base == "decimal":
        precision, scale = target.size
        last = (10 ** (precision - scale) - 1) // step * step
        if last == 0:
            return None
        return decimal(target, _nearest(value, step, [f"{value} > {last}", f"{value} < -{last}"]))
    if target.base in FLOATS:
        bound = _BOUNDS[target.base]
        rest = f"MOD({value}, {step}e0)"
        up = f"CASE WHEN ABS({rest}) * 2e0 >= {step}e0 THEN SIGN({rest}) * {step}e0 ELSE 0e0 END"
        # adding zero turns -0 into 0
        shown = f"CASE WHEN ABS({value}) >= {bound} THEN 0e0 ELSE {value} - {rest} + {up} + 0e0 END"
        return f"CAST({shown} AS FLOAT)" if target.base == "float" else shown
    return None


def _wide(value: str) -> str:
    return f"CAST({value} AS {_WIDE})"


def _limit(greatest: int, step: int) -> int:
    """Give the magnitude from which numbers would round to a multiple beyond `greatest`."""
    return greatest // step * step + (step + 1) // 2


def _nearest(value: str, step: int, beyond: list[str]) -> str:
    """Round a decimal; where one of `beyond` holds, towards zero."""
    rest = f"MOD({value}, {step})"
    down = " OR ".join([f"ABS({rest}) * 2 < {step}", *beyond])
    return f"{value} - {rest} + CASE WHEN {down} THEN 0 ELSE SIGN({rest}) * {step} END"
