"""`digits`: as many other digits, made with the key of all of the number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policies.masks.keyed import MOST_DIGITS, NUMBER_DIGITS, SEPARATORS
from policies.masks.schema import PAD
from rewriter.postgres.masks.hashing import digest_of, number, raw
from rewriter.postgres.masks.literals import call, cast, literal, operate
from rewriter.postgres.masks.patterns import is_whole
from rewriter.postgres.masks.target import TEXTS, padding

if TYPE_CHECKING:
    from rewriter.postgres.masks.target import Request


def render_digits(request: Request) -> str | None:
    """Give other digits for a text of digits; other types do not fit. Raises MissingKeyError."""
    if request.target.base not in TEXTS:
        return None
    first, last = int(request.parameters["keep_first"]), int(request.parameters["keep_last"])
    value = request.text
    hidden = literal(padding(request.target, "*"))
    text = call("translate", value, literal(SEPARATORS), literal(""))
    made = call("encode", digest_of(request, "digits", raw(text)), literal("hex"))
    other = operate(_part(made, 1), "||", _part(made, 1 + NUMBER_DIGITS))
    shown = call("right", other, operate(call("length", text), "-", str(first + last)))
    if first:
        shown = operate(call("left", text, str(first)), "||", shown)
    if last:
        shown = operate(shown, "||", call("right", text, str(last)))
    cases = [
        f"WHEN {operate(call('length', value), '>', str(2 * MOST_DIGITS))} THEN {hidden}",
        f"WHEN {is_whole(text, f'[0-9]{{{first + last + PAD},{first + last + MOST_DIGITS}}}')} THEN {shown}",
    ]
    return f"CASE {' '.join(cases)} WHEN {request.reference} IS NOT NULL THEN {hidden} END"


def _part(digits: str, start: int) -> str:
    """Make 15 decimal digits of as many hexadecimal ones."""
    whole = number(call("substring", digits, str(start), str(NUMBER_DIGITS)), NUMBER_DIGITS)
    rest = cast(call("mod", whole, f"{10**NUMBER_DIGITS}"), "pg_catalog.text")
    return call("lpad", rest, str(NUMBER_DIGITS), literal("0"))
