"""Where the constants of a statement stand whose values make no difference to its ruling.

Owns finding them by the tokens around: what is compared, listed, or counted. Whatever else a literal may be (the length of a
type, a place in ORDER BY, a unit, a name, a part of another literal) is none. May not do: rule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rewriter.mysql.lexer import Token

_COMPARING: Final = frozenset({"=", "<", ">", "<=", ">=", "<>", "!=", "<=>"})
_BEFORE: Final = frozenset({"LIKE", "BETWEEN", "LIMIT", "OFFSET", "REGEXP", "RLIKE"})
_AFTER: Final = frozenset(
    {")", ",", ";", "AND", "OR", "XOR", "ORDER", "GROUP", "HAVING", "LIMIT", "OFFSET", "UNION", "FOR", "LOCK", "ESCAPE"}
    | {"INTERSECT", "EXCEPT", "WINDOW", "LEFT", "RIGHT", "INNER", "JOIN", "WHERE", "CROSS", "STRAIGHT_JOIN", "NATURAL"}
)
"""What may stand behind one: nothing that would be read together with it."""


def constants(tokens: Sequence[Token], text: str) -> frozenset[int] | None:
    """The places of these constants; None when the text holds a literal that is not surely one, or is not ASCII.

    In ASCII a character's place is its byte's. A comment is none of the tokens, so a text with one has no constants.
    """
    if not text.isascii() or "#" in text or "--" in text or "/*" in text:
        return None
    found: set[int] = set()
    for index, token in enumerate(tokens):
        if token.kind in {"string", "number"}:
            if not _counts(tokens, index):
                return None
            found.add(token.start)
    return frozenset(found)


def _word(tokens: Sequence[Token], index: int) -> str:
    """The unquoted word or operator at an index; empty for all else, and beyond the ends."""
    if not 0 <= index < len(tokens):
        return ""
    token = tokens[index]
    return token.text if token.kind in {"word", "operator"} else ""


def _counts(tokens: Sequence[Token], index: int) -> bool:
    """Whether the literal at `index` is compared, listed or counted, and stands alone."""
    if index + 1 < len(tokens) and _word(tokens, index + 1) not in _AFTER:
        return False
    before = _word(tokens, index - 1)
    if before in _COMPARING or before in _BEFORE:
        return True
    if before == "AND":
        return _closes_between(tokens, index - 1)
    return before in {"(", ","} and _in_list(tokens, index)


def _closes_between(tokens: Sequence[Token], place: int) -> bool:
    """Whether the AND at `place` belongs to a BETWEEN whose first bound is one literal."""
    return place >= 2 and tokens[place - 1].kind in {"string", "number"} and _word(tokens, place - 2) == "BETWEEN"


def _in_list(tokens: Sequence[Token], index: int) -> bool:
    """Whether a literal stands in IN (...), with nothing but literals before it, or in LIMIT offset, count."""
    place = index - 1
    while _word(tokens, place) == "," or (place >= 0 and tokens[place].kind in {"string", "number"}):
        place -= 1
    if _word(tokens, place) == "LIMIT":
        return True
    return _word(tokens, place) == "(" and _word(tokens, place - 1) == "IN"
