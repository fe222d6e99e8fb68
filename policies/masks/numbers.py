"""`round`, `bucket` and `noise`: numbers made coarse, or moved by a little that nobody without the key can take away."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction
from math import isfinite
from typing import TYPE_CHECKING, Final

from policies.masks.keyed import digest_number, reads_of, scope_problem
from policies.masks.schema import SCOPE, Example, MaskSchema, Parameter, Value, parameters

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policies.masks.schema import Cell, Parameters

MAX_STEP: Final = 10**15
"""Steps of `round`: above any amount of money, below what a double holds exactly."""
MAX_BOUNDS: Final = 50
"""Bounds of `bucket`; each is compared in the SQL of every statement."""
NOISE_PARTS: Final = 10_000
"""Steps between no noise and the most of it, each way."""
_BOUNDS: Final[Mapping[type, Decimal]] = {float: Decimal("1e300"), Decimal: Decimal("1e1000")}
"""Numbers beyond are shown as 0."""
_LEAST, _GREATEST = -(2**63), 2**63 - 1


def _round(cell: Cell) -> Value | None:
    value, step = cell.value, cell.number("step")
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    if not isinstance(value, int) and not (isfinite(value) and abs(Decimal(value)) < _BOUNDS[type(value)]):
        return type(value)(0)
    exact = Fraction(value)
    steps = int((abs(exact) * 2 + step) // (2 * step))
    away = -steps * step if exact < 0 else steps * step
    if isinstance(value, int) and not _LEAST <= away <= _GREATEST:
        away -= step if value > 0 else -step
    return type(value)(away)


def bounds_of(given: Parameters) -> tuple[int, ...]:
    """Give the bounds of `bucket`, ascending."""
    return tuple(int(bound) for bound in str(given["bounds"]).split(","))


def _bucket(cell: Cell) -> Value | None:
    value, bounds = cell.value, bounds_of(cell.parameters)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    if value != value:  # noqa: PLR0124  NaN, which the database sorts above all numbers
        return type(value)(bounds[-1])
    return type(value)(max((bound for bound in bounds if bound <= value), default=bounds[0]))


def _bucket_problem(given: Parameters) -> str | None:
    bounds = bounds_of(given)
    if list(bounds) != sorted(set(bounds)):
        return "the `bounds` of `bucket` must rise from one to the next"
    return None


def _noise(cell: Cell) -> Value | None:
    value = cell.value
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    if isinstance(value, Decimal) and not (value.is_finite() and abs(value) < _BOUNDS[Decimal]):
        return Decimal(0)
    part = digest_number(cell, "noise", reads_of(value) or b"") % (2 * NOISE_PARTS + 1) - NOISE_PARTS
    with localcontext() as context:
        context.prec = 2000
        moved = Decimal(value) * (100 * NOISE_PARTS + cell.number("percent") * part) / (100 * NOISE_PARTS)
        unit = Decimal(1) if isinstance(value, int) else Decimal(1).scaleb(min(0, int(value.as_tuple().exponent)))
        moved = moved.quantize(unit, ROUND_HALF_UP)
    return max(_LEAST, min(_GREATEST, int(moved))) if isinstance(value, int) else moved


ROUND: Final = MaskSchema(
    "round",
    "rounds a number to the nearest multiple of a step",
    parameters(step=Parameter("integer", None, "the step, a whole number", 1, MAX_STEP)),
    lambda given: f"is rounded to {given['step']}",
    _round,
    Example(12500, {"step": 1000}),
    fits="whole numbers, numeric, floats",
)
BUCKET: Final = MaskSchema(
    "bucket",
    "shows the lower bound of the range that a number lies in",
    parameters(
        bounds=Parameter("numbers", None, "where the ranges begin, a rising list of whole numbers", 2, MAX_BOUNDS)
    ),
    lambda given: f"is shown as the range it lies in, of those from {str(given['bounds']).replace(',', ', ')}",
    _bucket,
    Example(12500, {"bounds": "0,10000,100000"}),
    fits="whole numbers, numeric, floats",
    problem=_bucket_problem,
)
NOISE: Final = MaskSchema(
    "noise",
    "moves a number by some percent, always by the same for the same number",
    parameters(
        percent=Parameter("integer", 10, "percent by which it is moved at most, up or down", 1, 100), scope=SCOPE
    ),
    lambda given: f"is shown with up to {given['percent']} percent added or taken away",
    _noise,
    Example(12500),
    fits="whole numbers, numeric",
    keyed=True,
    problem=scope_problem,
)
