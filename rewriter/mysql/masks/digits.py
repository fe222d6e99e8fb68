"""`digits`: as many other digits, made with the key of all of the number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policies.masks.keyed import MOST_DIGITS, NUMBER_DIGITS, SEPARATORS
from policies.masks.schema import PAD
from rewriter.mysql.masks.hashing import made, number, raw
from rewriter.mysql.masks.literals import literal, without
from rewriter.mysql.masks.patterns import is_whole
from rewriter.mysql.masks.target import Cases, padding

if TYPE_CHECKING:
    from rewriter.mysql.masks.target import Request, Shown


def render_digits(request: Request) -> Shown | None:
    """Give other digits for a text of digits; other types do not fit. Raises MissingKeyError."""
    if not request.target.is_text:
        return None
    first, last = int(request.parameters["keep_first"]), int(request.parameters["keep_last"])
    value = request.text
    hidden = literal(padding(request.target, "*"))
    text = without(value, SEPARATORS)

    def shown(digest: str) -> str:
        other = f"CONCAT({_part(digest, 1)}, {_part(digest, 1 + NUMBER_DIGITS)})"
        parts = [f"LEFT({text}, {first})"] if first else []
        parts.append(f"RIGHT({other}, CHAR_LENGTH({text}) - {first + last})")
        parts += [f"RIGHT({text}, {last})"] if last else []
        return f"CONCAT({', '.join(parts)})" if len(parts) > 1 else parts[0]

    numeric = is_whole(text, f"[0-9]{{{first + last + PAD},{first + last + MOST_DIGITS}}}")
    long = f"CHAR_LENGTH({value}) > {2 * MOST_DIGITS}"
    return Cases(((long, hidden), (numeric, made(request, "digits", raw(text), shown))), hidden)


def _part(digest: str, start: int) -> str:
    """Make 15 decimal digits of as many hexadecimal ones; the one before them keeps their zeros."""
    whole = f"CAST({number(digest, NUMBER_DIGITS, start)} AS SIGNED)"
    return f"RIGHT({10**NUMBER_DIGITS} + MOD({whole}, {10**NUMBER_DIGITS}), {NUMBER_DIGITS})"
