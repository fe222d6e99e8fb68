"""`token`: a short keyed pseudonym of a text, as many digits as its column has room for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policies.masks.keyed import SHORTEST_TOKEN
from rewriter.mysql.masks.hashing import hexadecimal, made, raw
from rewriter.mysql.masks.literals import literal

if TYPE_CHECKING:
    from rewriter.mysql.masks.target import Request


def render_token(request: Request) -> str | None:
    """Give the token of a text; other types do not fit, nor columns too short. Raises MissingKeyError."""
    start, length, room = str(request.parameters["prefix"]), int(request.parameters["length"]), request.target.length
    if not request.target.is_text or (room is not None and room < len(start) + SHORTEST_TOKEN):
        return None
    count = length if room is None else min(length, room - len(start))

    def shown(digest: str) -> str:
        digits = f"LEFT({hexadecimal(digest)}, {count})"
        return f"CONCAT({literal(start)}, {digits})" if start else digits

    return made(request, "token", raw(request.text), shown)
