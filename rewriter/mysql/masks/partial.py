"""`partial`: the ends of a text.

A value too short to keep enough of it hidden shows nothing of itself. The pad has four characters whatever is hidden,
unless the policy asks for the length.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rewriter.mysql.masks.literals import is_invariant, literal
from rewriter.mysql.masks.target import Cases, padding

if TYPE_CHECKING:
    from rewriter.mysql.masks.target import Request, Shown

_LONGEST: Final = 1000
"""Characters of a column up to which no server takes what is longer than it for another type."""


def render_partial(request: Request) -> Shown | None:
    """Show `keep_first` and `keep_last` characters of a text; other types do not fit."""
    target = request.target
    if not target.is_text:
        return None
    first, last = int(request.parameters["keep_first"]), int(request.parameters["keep_last"])
    hide = int(request.parameters["hide_at_least"])
    character = str(request.parameters["character"])
    length = target.length
    if length is not None and length < first + last + hide:
        return None
    value = request.text
    pad = literal(padding(target, character, first + last))
    short = literal(padding(target, character))
    if request.parameters["keep_length"]:
        pad = _repeated(character, f"CHAR_LENGTH({value}) - {first + last}", length)
        # one character for an empty text, which would otherwise pass through
        short = _repeated(character, f"GREATEST(CHAR_LENGTH({value}), 1)", length)
    parts = [f"LEFT({request.reference}, {first})"] if first else []  # no padding is among these
    parts.append(pad)
    parts += [f"RIGHT({value}, {last})"] if last else []
    return Cases(((f"CHAR_LENGTH({value}) >= {first + last + hide}", f"CONCAT({', '.join(parts)})"),), short)


def short_partial(request: Request) -> tuple[str, int] | None:
    """The same with fewer words, and the characters that the server takes it to have: more than the column's."""
    target, parameters = request.target, request.parameters
    first, last, hide = (int(parameters[name]) for name in ("keep_first", "keep_last", "hide_at_least"))
    room, length = first + last, target.length
    if target.base not in {"char", "varchar"} or length is None or not room + hide <= length <= _LONGEST:
        return None
    pad, short = (padding(target, str(parameters["character"]), taken) for taken in (room, 0))
    if parameters["keep_length"] or not is_invariant(pad + short):
        return None
    value = request.text
    cut = f"INSERT({value}, {first + 1}, CHAR_LENGTH({value}) - {room}, '{pad}')"
    return f"IF(CHAR_LENGTH({value}) < {room + hide}, '{short}', {cut})", length + len(pad)


def _repeated(character: str, count: str, length: int | None) -> str:
    """Repeat a character. Of a type with a bound, so that the server knows that the text stays within it."""
    if length is None:
        return f"REPEAT({literal(character)}, {count})"
    return f"LEFT(RPAD({literal(character)}, {length}, {literal(character)}), {count})"
