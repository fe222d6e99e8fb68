"""`bucket`: the lower bound of the range that a number lies in. NaN counts as the greatest number, which it sorts as."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from policies.masks.numbers import bounds_of
from rewriter.postgres.masks.literals import operate, typed
from rewriter.postgres.masks.target import FLOATS, INTEGERS

if TYPE_CHECKING:
    from rewriter.postgres.masks.target import Request, Target


def render_bucket(request: Request) -> str | None:
    """Show numbers by their range; other types do not fit, and none that cannot hold every bound."""
    target, bounds = request.target, bounds_of(request.parameters)
    if not all(_holds(target, bound) for bound in bounds):
        return None
    constants = [typed(str(bound), target.base) for bound in bounds]
    cases = [f"WHEN {operate(request.reference, '<', above)} THEN {below}" for below, above in pairwise(constants)]
    return f"CASE {' '.join(cases)} WHEN {request.reference} IS NOT NULL THEN {constants[-1]} END"


def _holds(target: Target, bound: int) -> bool:
    if target.base in INTEGERS:
        return bool(-(2 ** INTEGERS[target.base]) <= bound < 2 ** INTEGERS[target.base])
    if target.base == "numeric" and target.modifiers:
        precision, scale = (*target.modifiers, 0)[:2]
        return 0 <= scale < precision and len(str(abs(bound))) <= precision - scale
    return target.base == "numeric" or target.base in FLOATS
