"""`bucket`: the lower bound of the range that a number lies in."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from policies.masks.numbers import bounds_of
from rewriter.mysql.masks.target import FLOATS, INTEGERS, Cases, decimal

if TYPE_CHECKING:
    from rewriter.mysql.masks.target import Request, Shown, Target


def render_bucket(request: Request) -> Shown | None:
    """Show numbers by their range; other types do not fit, and none that cannot hold every bound."""
    target, bounds, value = request.target, bounds_of(request.parameters), request.reference
    if not all(_holds(target, bound) for bound in bounds):
        return None
    cases = [(f"{value} < {above}", _constant(target, below)) for below, above in pairwise(bounds)]
    return Cases(tuple(cases), _constant(target, bounds[-1]))


def _constant(target: Target, bound: int) -> str:
    if target.base in INTEGERS:
        return target.number(str(bound))
    if target.base == "decimal":
        return decimal(target, str(bound))
    return f"CAST({bound}e0 AS FLOAT)" if target.base == "float" else f"{bound}e0"


def _holds(target: Target, bound: int) -> bool:
    if target.unsigned and bound < 0:
        return False
    if target.base in INTEGERS:
        least, greatest = target.range
        return least <= bound <= greatest
    if target.base == "decimal":
        precision, scale = target.size
        return len(str(abs(bound))) <= precision - scale
    return target.base in FLOATS
