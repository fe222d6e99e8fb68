"""`token`: a short keyed pseudonym of a text, as many digits as its column has room for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policies.masks.keyed import SHORTEST_TOKEN
from rewriter.postgres.masks.hashing import digest_of, raw
from rewriter.postgres.masks.literals import call, literal, operate
from rewriter.postgres.masks.target import TEXTS

if TYPE_CHECKING:
    from rewriter.postgres.masks.target import Request


def render_token(request: Request) -> str | None:
    """Give the token of a text; other types do not fit, nor columns too short. Raises MissingKeyError."""
    start, length, room = str(request.parameters["prefix"]), int(request.parameters["length"]), request.target.length
    if request.target.base not in TEXTS or (room is not None and room < len(start) + SHORTEST_TOKEN):
        return None
    digits = call("encode", digest_of(request, "token", raw(request.text)), literal("hex"))
    shown = call("left", digits, str(length if room is None else min(length, room - len(start))))
    return operate(literal(start), "||", shown) if start else shown
