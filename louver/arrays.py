"""Arrays as PostgreSQL writes them: `{13812345678,NULL}`, `{{a,b},{"c d",e}}`.

Owns reading and writing them, for values that people type. Source: PostgreSQL's documentation, "Array Input and Output Syntax"; bounds
(`[2:3]={a,b}`) are not read. May not do: know what an element means.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_DEPTH: Final = 6
"""Dimensions that an array may have (PostgreSQL's MAXDIM)."""

_TOKEN = re.compile(
    r"""\s*(?:(?P<sign>[{},])|"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>(?:[^{},"\\\s]|\\.|\s+(?=[^\s{},"]))+))""",
    re.DOTALL,
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_QUOTED = re.compile(r"""[{},"\\\s]""")

Items = list[Any]
"""Elements, None for NULL, or lists of them."""


def read_array(text: str, element: Callable[[str], object] = str) -> Items:
    """Read an array whose elements `element` reads. Raises ValueError with what is wrong."""
    tokens = _tokens(text.strip())
    if next(tokens, None) != ("{", None):
        raise ValueError("an array begins with { and ends with }")
    found = _items(tokens, element, 1)
    if next(tokens, None) is not None:
        raise ValueError("something stands behind the array")
    depths = {_shape(each) for each in found}
    if len(depths) > 1:
        raise ValueError("its parts have different numbers of elements")
    return found


def write_array(items: Sequence[Any], element: Callable[[Any], str] = str) -> str:
    """Write an array as PostgreSQL does."""
    return "{" + ",".join(_written(each, element) for each in items) + "}"


def _written(item: Any, element: Callable[[Any], str]) -> str:  # noqa: ANN401  an element of any type
    if item is None:
        return "NULL"
    if isinstance(item, list):
        return write_array(item, element)
    text = element(item)
    if text and text.upper() != "NULL" and not _QUOTED.search(text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _tokens(text: str) -> Iterator[tuple[str, str | None]]:
    """Signs as they are, elements as ("quoted" or "plain", text)."""
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise ValueError(f"it cannot be read at character {position + 1}")
        position = match.end()
        if match["sign"]:
            yield match["sign"], None
        else:
            kind = "quoted" if match["plain"] is None else "plain"
            yield kind, match[kind]


def _items(tokens: Iterator[tuple[str, str | None]], element: Callable[[str], object], depth: int) -> Items:
    """What stands until the closing brace; the opening one was read."""
    if depth > _DEPTH:
        raise ValueError(f"an array has {_DEPTH} dimensions at most")
    found: Items = []
    is_due = True  # an element, or, of an empty array, its end
    for sign, text in tokens:
        if sign == "}" and (not is_due or not found):
            return found
        if sign == "," and not is_due:
            is_due = True
        elif sign in {"}", ","} or not is_due:
            raise ValueError("an element is missing, or a comma")
        else:
            found.append(_items(tokens, element, depth + 1) if sign == "{" else _element(sign, text or "", element))
            is_due = False
    raise ValueError("its closing brace is missing")


def _element(kind: str, text: str, element: Callable[[str], object]) -> object:
    if kind == "plain" and text.upper() == "NULL":
        return None
    return element(_ESCAPED.sub(r"\1", text))


def _shape(item: object) -> tuple[int, ...]:
    """How many elements an item has, and each of them; () of what is none."""
    if not isinstance(item, list):
        return ()
    return (len(item), *(_shape(item[0]) if item else ()))
