"""Distinguished names (RFC 4514): taking one apart, and whether one lies under another.

Owns their reading. May not do: ask a directory.
"""

from __future__ import annotations

import re
from typing import Final

_PIECE: Final = re.compile(rb'\\([0-9A-Fa-f]{2})|\\(.)|([^\\"<>;,+])', re.DOTALL)

Part = tuple[tuple[str, str], ...]
"""One step of a name: attribute (lower case) and value, mostly one pair."""


class BadName(ValueError):  # noqa: N818  told to the operator as it is
    """A distinguished name that cannot be read."""


def read_name(text: str) -> tuple[Part, ...]:
    """The steps of a name, the nearest first. Raises BadName."""
    data = text.encode()
    steps: list[Part] = []
    pairs: list[tuple[str, str]] = []
    position = 0
    while position < len(data):
        equals = data.find(b"=", position)
        if equals < 0:
            raise BadName("a distinguished name that cannot be read")
        attribute = data[position:equals].decode("utf-8", "replace").strip().lower()
        value, position = _value(data, equals + 1)
        pairs.append((attribute, value))
        end = data[position : position + 1]
        position += 1
        if end != b"+":
            steps.append(tuple(pairs))
            pairs = []
            if end and position == len(data):
                raise BadName("a distinguished name that ends in a comma")
    if pairs:
        raise BadName("a distinguished name that ends in a plus")
    return tuple(steps)


def _value(data: bytes, position: int) -> tuple[str, int]:
    found = bytearray()
    kept = 0  # up to where spaces are meant
    while position < len(data) and data[position] not in b",+":
        match = _PIECE.match(data, position)
        if match is None:
            raise BadName("a distinguished name that cannot be read")
        pair, escaped, plain = match.groups()
        if plain != b" " or kept:
            found += bytes.fromhex(pair.decode()) if pair else escaped or plain
        if plain != b" ":
            kept = len(found)
        position = match.end()
    try:
        return bytes(found[:kept]).decode(), position
    except UnicodeDecodeError:
        raise BadName("a distinguished name that is not UTF-8") from None


def lies_under(name: tuple[Part, ...], base: tuple[Part, ...]) -> bool:
    """Whether a name is below another one. Letters count alike whether large or small, as directories compare names."""
    return len(name) > len(base) and _folded(name[len(name) - len(base) :]) == _folded(base)


def _folded(name: tuple[Part, ...]) -> list[frozenset[tuple[str, str]]]:
    return [frozenset((attribute, " ".join(value.casefold().split())) for attribute, value in part) for part in name]
