"""Shapes: a text without its literals, so that what was decided for one statement serves all that differ only there.

Owns where the literals of a text are, the key that tells shapes apart, and putting literals back. A wrong hit would be
a leak, so a text whose lexing is not beyond doubt has no shape.
May not do: parse SQL, decide, or keep anything.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from rewriter.model import Edit


class Shape(NamedTuple):
    """A text without its literals. `key` tells shapes apart; the literals fill the gaps between the parts."""

    key: tuple[bytes, ...]
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
_QUOTE = ord("'")
# A quote, or a digit that is not within a word: what begins with a set of characters is found quickly.
_LITERAL = re.compile(rb"""(['0-9](?:(?<=')[^']*'|(?<=[0-9])(?<![\w$][0-9])[0-9]*(?:\.[0-9]+)?))""")


def split(text: bytes) -> list[bytes]:
    """What stands around the literals of a text, and the literals: by turns, beginning and ending with the former."""
    return _LITERAL.split(text)


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
    pieces = split(text)
    literals = pieces[1::2]
    if not literals:
        return None
    if constants is not None and not _are_constants(text, pieces, constants):
        return None
    return Shape(key_of(pieces, literals), pieces[0::2], literals)


def _are_constants(text: bytes, pieces: list[bytes], constants: Collection[int]) -> bool:
    """Whether each literal stands in the tree as a constant: at its place, or at that of the minus sign before it."""
    offset = 0
    for index, piece in enumerate(pieces):
        if index % 2 and offset not in constants:
            sign = len(text[:offset].rstrip(_SPACES)) - 1
            while text[sign : sign + 1] == b"-" and sign not in constants:
                sign = len(text[:sign].rstrip(_SPACES)) - 1
            if text[sign : sign + 1] != b"-":
                return False
        offset += len(piece)
    return True


def key_of(pieces: list[bytes], literals: list[bytes]) -> tuple[bytes, ...]:
    """What tells shapes apart: what stands around the literals, and of each whether it is a string or a number.

    Asked of a text that is not beyond doubt, it is the key of no shape: what stands around the literals and their kinds
    alone decide how a text is lexed, but for a backslash within a string.
    """
    return (*pieces[0::2], bytes([literal[0] == _QUOTE for literal in literals]))


def fill(parts: Sequence[bytes], literals: Sequence[bytes]) -> bytes:
    """The text with the literals put back between the parts."""
    pieces = [b""] * (len(parts) + len(literals))
    pieces[0::2] = parts
    pieces[1::2] = literals
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
