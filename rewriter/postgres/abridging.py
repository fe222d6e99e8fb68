"""Abridging: long lists of constants, left out of what is analysed.

Owns which parts of a long text can be left out without any other part being read differently, and where a place of the
abridged text stands in the whole. May not do: rule.

In a list that has begun with constants and commas the grammar's parser is in the same state after each comma, for its
lists are left-recursive: what follows is read alike whether four more constants, or rows of constants, stand before it or
forty thousand. So a ruling on the abridged text is one on the whole, unless it looked at constants or edits among them.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass

LONG = 8 * 1024
"""Bytes of the shortest text that is worth it: reading a shorter one in full takes some milliseconds."""

_STEPS = 5_000
"""Parentheses and commas outside long lists: a text with more of them is not one of lists."""

_OTHER_ROUNDS = 200
"""Times 200 tokens and spaces are looked at outside long lists: a text with more is not one of lists, or has too many tokens
besides them."""

_FIRST_ITEMS = 8
_FIRST_ROWS = 4
"""Constants and rows of each list that stay: more arguments than any function has whose ruling looks at them."""

_SPACE = rb"[ \t\r\n]*+"
# Strings are plain, for the caller's session reads them so (standard_conforming_strings); nothing may stand before a
# quote that makes it another kind of string, so an item begins where a comma or a parenthesis ends.
_CAST = rb"(?:::[A-Za-z_][A-Za-z0-9_]*+(?:[ ][A-Za-z_]++){0,4}(?:\([0-9]{1,9}(?:,[ ]?[0-9]{1,9})?\))?(?:\[\])?)?"
_ITEM = (
    rb"(?:-?[0-9]++(?:\.[0-9]++)?(?:[eE][-+]?[0-9]++)?|'[^']*+'(?:'[^']*+'){0,500}|\$[0-9]++"
    rb"|(?i:NULL|TRUE|FALSE|DEFAULT))" + _CAST
)
_ENTRY = _SPACE + _ITEM + _SPACE + rb","
_ROW = _SPACE + rb"\(" + _SPACE + _ITEM + rb"(?:" + _SPACE + rb"," + _SPACE + _ITEM + rb"){0,63}" + _SPACE + rb"\)"
_ROW += _SPACE + rb","
# Beginnings, and bounded pieces of what follows: a repeated group takes memory for each turn.
_ITEMS = re.compile(rb"(?:%b){%d}" % (_ENTRY, _FIRST_ITEMS))
_MORE_ITEMS = re.compile(rb"(?:%b){1,200}" % _ENTRY)
_ROWS = re.compile(rb"(?:%b){%d}" % (_ROW, _FIRST_ROWS))
_MORE_ROWS = re.compile(rb"(?:%b){1,20}" % _ROW)
_CASTS = re.compile(rb"::[^,')]*(?:\([0-9, ]*\))?")
# Tokens whose lexing is beyond doubt, as in `proxy.shapes`, but for parentheses and commas, where lists begin.
_OTHERS = re.compile(
    rb"""(?:
        [ \t\r\n]++
      | [A-Za-z_][A-Za-z0-9_]*+(?!['"$\\\x80-\xff])
      | "[^"\x00-\x1f]*+"(?!["'\w$\x80-\xff])
      | '[^']*+'(?!['"\w$\x80-\xff])
      | [0-9]++(?:\.[0-9]++)?(?![\w.$'"\x80-\xff])
      | \$[0-9]++(?![\w.$'"\x80-\xff])
      | -(?!-) | /(?!\*) | \.(?![0-9]) | &(?!['"])
      | [+*<>=~!@\#%^|?;:\[\]]
    ){0,200}""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Abridged:
    """A text without the middle of its long lists; with no lists, the whole text.

    `lists` are where each list begins and where its middle is missing, in bytes of `data`; `missing` is how many bytes of
    the whole are missing up to there.
    """

    data: bytes
    lists: tuple[tuple[int, int], ...] = ()
    missing: tuple[int, ...] = ()

    def place(self, offset: int) -> int:
        """The byte of the whole text that byte `offset` of `data` is."""
        index = bisect_right(self.lists, offset, key=lambda gap: gap[1])
        return offset + (self.missing[index - 1] if index else 0)

    def among(self, start: int, end: int) -> bool:
        """Whether bytes [start, end) of `data` reach into the beginning of a list, which stands for the middle, too."""
        return any(start <= gap and end > begin for begin, gap in self.lists)


def abridge(data: bytes) -> Abridged | None:
    """Leave out the middle of long lists of constants.

    None when the text is not long, has no such list, or its lexing is in doubt. `data` must be read with plain strings.
    """
    if len(data) < LONG:
        return None
    kept: list[bytes] = []
    lists: list[tuple[int, int]] = []
    missing: list[int] = []
    size = taken = position = others = 0
    for _ in range(_STEPS):
        while others < _OTHER_ROUNDS and (found := _OTHERS.match(data, position)) is not None and found[0]:
            position = found.end()
            others += 1
        begin, end, position = _list_at(data, position)
        if position < 0:
            return None
        if position > end and set(_CASTS.findall(data, end, position)) <= set(_CASTS.findall(data, begin, end)):
            kept.append(data[taken:end])
            size += end - taken
            lists.append((size - (end - begin), size))
            missing.append(position - size)
            taken = position
        if position == len(data):
            break
    else:
        return None
    kept.append(data[taken:])
    return Abridged(b"".join(kept), tuple(lists), tuple(missing)) if lists else None


def _list_at(data: bytes, position: int) -> tuple[int, int, int]:
    """Where the list begins whose parenthesis or comma is at `position`, where its first entries end, and where all do.

    All the same where there is no long list; -1 when the lexing is in doubt.
    """
    sign = data[position : position + 1]
    if sign and sign not in b"(),":
        return position, position, -1
    first, more = (_ROWS.match(data, position), _MORE_ROWS) if sign == b"(" else (None, _MORE_ITEMS)
    begin = position if first is not None else position + len(sign)
    if first is None and sign != b")":
        first, more = _ITEMS.match(data, begin), _MORE_ITEMS
    if first is None:
        return begin, begin, begin
    end = position = first.end()
    while (found := more.match(data, position)) is not None:
        position = found.end()
    return begin, end, position
