"""Shapes: a text without its literals, so that what was decided for one statement serves all that differ only there.

Owns where the literals of a text are, the key that tells shapes apart, and putting literals back. A wrong hit would be
a leak, so a text whose lexing is not beyond doubt has no shape.
May not do: parse SQL, decide, or keep anything.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from rewriter.model import Edit


class Shape(NamedTuple):
    """A text without its literals. `key` tells shapes apart; the literals fill the gaps between the parts."""

    key: bytes
    parts: list[bytes]
    literals: list[bytes]


# The texts whose lexing is beyond doubt, on any server version and under any setting: words, quoted plain words, plain
# strings without backslash or doubled quote, plain decimal numbers, parameters and operators. Nothing may touch
# what could change its meaning: no prefix before a quote (E'', U&'', N''), no comment, no number glued to a word.
# Single characters repeat possessively, groups never: Python before 3.11.5 matches possessive groups wrongly
# (gh-106052). The first alternative takes what the others would take one by one, for a turn costs more than what it reads;
# so texts are matched from the beginning, never backwards from the end, which could try all ways to share a text out.
_BEYOND_DOUBT = re.compile(
    rb"""(?:
        [ \t\r\nA-Za-z_+*<>=~!@\#%^|?(),;:\[\]]{1,100}+(?:(?<=[ \t\r\n+*<>=~!@\#%^|?(),;:\[\]])|(?![\w'"$\\]))
      | [ \t\r\n]++
      | [A-Za-z_][A-Za-z0-9_]*+(?!['"$\\])
      | "[A-Za-z_][A-Za-z0-9_]*+"(?!["'\w$])
      | `[A-Za-z_][A-Za-z0-9_]*+`(?![`"'\w$])
      | '[^'\\\x00-\x1f\x7f-\xff]*+'(?!['"\w$])
      | [0-9]++(?:\.[0-9]++)?(?![\w.$'"])
      | \$[0-9]++(?![\w.$'"])
      | -(?!-) | /(?!\*) | \.(?![0-9]) | &(?!['"])
      | [+*<>=~!@\#%^|?(),;:\[\]]
    )*""",
    re.VERBOSE,
)
LONGEST = 32 * 1024
"""Bytes; matching takes some 200 bytes of memory a token, and a text this long is generated and does not come again."""
_SPACES = b" \t\r\n"
_QUOTE: Final = ord("'")
_DOT: Final = ord(".")
_ZERO: Final = ord("0")
_NINE: Final = ord("9")
_IN_WORD: Final = bytes(byte < 0x80 and (chr(byte).isalnum() or chr(byte) in "_$") for byte in range(0x100))
"""For each byte, 1 when a digit behind it belongs to a word."""
NUL: Final = 0
"""What stands in no text that has a shape."""


def split(text: bytes) -> tuple[list[bytes], list[bytes]]:
    """What stands around the literals of a text, and the literals: strings, and numbers that are not within a word.

    Byte by byte, for as native code that is several times as quick as a regular expression.
    """
    parts: list[bytes] = []
    literals: list[bytes] = []
    size = len(text)
    begun = place = 0
    while place < size:
        byte = text[place]
        stop = 0
        if byte == _QUOTE:
            stop = text.find(b"'", place + 1) + 1
        elif _ZERO <= byte <= _NINE and (place == 0 or not _IN_WORD[text[place - 1]]):
            stop = _end_of_number(text, place + 1)
        if stop:
            parts.append(text[begun:place])
            literals.append(text[place:stop])
            begun = place = stop
        else:
            place += 1
    parts.append(text[begun:])
    return parts, literals


def _end_of_number(text: bytes, place: int) -> int:
    """Where a number ends whose first digit is before `place`."""
    size = len(text)
    while place < size and _ZERO <= text[place] <= _NINE:
        place += 1
    if place + 1 < size and text[place] == _DOT and _ZERO <= text[place + 1] <= _NINE:
        place += 2
        while place < size and _ZERO <= text[place] <= _NINE:
            place += 1
    return place


def shape_of(text: bytes, constants: Collection[int] | None = None) -> Shape | None:
    """The shape of `text`, or None when its lexing is in doubt or it holds no literal.

    `constants` are the bytes at which the parser has found constants, or signs of theirs; a text with a literal
    that is none has no shape, for its value decides what the statement is: float(24) and float(25) are two types.
    None where that makes no difference.
    """
    if len(text) > LONGEST:
        return None
    read = _BEYOND_DOUBT.match(text)
    if read is None or read.end() < len(text):
        return None
    parts, literals = split(text)
    if not literals:
        return None
    if constants is not None and not _are_constants(text, parts, literals, constants):
        return None
    return Shape(key_of(parts, literals), parts, literals)


def _are_constants(text: bytes, parts: list[bytes], literals: list[bytes], constants: Collection[int]) -> bool:
    """Whether each literal stands in the tree as a constant: at its place, or at that of the minus sign before it."""
    offset = 0
    for part, literal in zip(parts, literals, strict=False):
        offset += len(part)
        if offset not in constants:
            sign = len(text[:offset].rstrip(_SPACES)) - 1
            while text[sign : sign + 1] == b"-" and sign not in constants:
                sign = len(text[:sign].rstrip(_SPACES)) - 1
            if text[sign : sign + 1] != b"-":
                return False
        offset += len(literal)
    return True


def key_of(parts: list[bytes], literals: list[bytes]) -> bytes:
    """What tells shapes apart: what stands around the literals, and of each whether it is a string or a number.

    Asked of a text that is not beyond doubt and has no NUL, it is the key of no shape: what stands around the literals and their
    kinds alone decide how a text is lexed, but for a backslash within a string.
    """
    kinds = b""
    for literal in literals:
        kinds += b"s" if literal[0] == _QUOTE else b"n"
    return b"\0".join([*parts, kinds])


def fill(parts: Sequence[bytes], literals: Sequence[bytes]) -> bytes:
    """The text with the literals put back between the parts."""
    pieces = [parts[0]]
    for place in range(len(literals)):
        pieces.append(literals[place])
        pieces.append(parts[place + 1])
    return b"".join(pieces)


def edited_parts(shape: Shape, edits: Sequence[Edit]) -> tuple[bytes, ...] | None:
    """The shape's parts with the edits applied, or None when an edit reaches over a literal."""
    result: list[bytes] = []
    remaining = sorted(edits, key=lambda edit: edit.start)
    offset = 0
    for index, part in enumerate(shape.parts):
        end = offset + len(part)
        pieces: list[bytes] = []
        position = offset
        while remaining and remaining[0].start <= end and remaining[0].end <= end:
            edit = remaining.pop(0)
            if edit.start < position:
                return None
            pieces += (part[position - offset : edit.start - offset], edit.replacement.encode())
            position = edit.end
        result.append(b"".join((*pieces, part[position - offset :])))
        offset = end + (len(shape.literals[index]) if index < len(shape.literals) else 0)
    return None if remaining else tuple(result)
