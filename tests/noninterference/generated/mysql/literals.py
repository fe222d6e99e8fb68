"""Constants in generated texts: marked, so that a prepared statement can have a parameter in place of each.

Owns the marks, and the values that are bound. A mark is a character that occurs in no statement.
"""

from __future__ import annotations

import re

_OPEN, _CLOSE = "\ue000", "\ue001"
_MARKED = re.compile(f"{_OPEN}(.*?){_CLOSE}", re.DOTALL)

Value = int | float | str | None
"""What is bound to a parameter; numbers with a point are bound as texts of a decimal."""


def marked(literal: str) -> str:
    """A constant that may become a parameter: a number, a plain quoted text, or NULL."""
    return f"{_OPEN}{literal}{_CLOSE}"


def plain(text: str) -> str:
    """The text with its constants in it."""
    return text.replace(_OPEN, "").replace(_CLOSE, "")


def prepared(text: str) -> tuple[str, list[Value]]:
    """The text with a parameter for each constant, and their values."""
    values: list[Value] = []

    def bound(found: re.Match[str]) -> str:
        values.append(_value(found[1]))
        return "?"

    return _MARKED.sub(bound, text), values


def _value(literal: str) -> Value:
    if literal.upper() == "NULL":
        return None
    if literal.startswith("'"):
        return literal[1:-1].replace("''", "'")
    return float(literal) if "." in literal else int(literal)
