"""`noise`: a number moved by up to some percent, always by the same for the same number.

What would leave the type is shown as its end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policies.masks.keyed import NUMBER_DIGITS
from policies.masks.numbers import NOISE_PARTS
from rewriter.mysql.masks.hashing import bytes_of, made, number
from rewriter.mysql.masks.target import INTEGERS, decimal

if TYPE_CHECKING:
    from rewriter.mysql.masks.target import Request

_WIDE: Final = "DECIMAL(25,0)"
_LARGEST: Final = (50, 24)  # digits and places of a decimal that leave room for the factor


def render_noise(request: Request) -> str | None:
    """Move whole numbers and decimals; other types do not fit. Raises MissingKeyError."""
    target, value = request.target, request.reference
    data = bytes_of(request)
    if data is None or target.base not in (*INTEGERS, "decimal"):
        return None
    precision, scale = target.size
    if target.base == "decimal" and (precision > _LARGEST[0] or scale > _LARGEST[1]):
        return None
    whole, percent = 100 * NOISE_PARTS, int(request.parameters["percent"])

    def shown(digest: str) -> str:
        place = f"(MOD(CAST({number(digest, NUMBER_DIGITS)} AS SIGNED), {2 * NOISE_PARTS + 1}) - {NOISE_PARTS})"
        wide = value if target.base == "decimal" else f"CAST({value} AS {_WIDE})"
        moved = f"{wide} * ({whole} + {place} * {percent}) * {1 / whole:f}"
        if target.base in INTEGERS:
            least, greatest = target.range
            return target.number(f"GREATEST({least}.0, LEAST({greatest}.0, ROUND({moved}, 0)))")
        end = f"{'9' * (precision - scale) or '0'}.{'9' * scale or '0'}"
        return decimal(target, f"GREATEST(-{end}, LEAST({end}, ROUND({moved}, {scale})))")

    return made(request, "noise", data, shown)
