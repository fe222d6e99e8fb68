"""Literals out of SQL text, so that the trail does not become the place where hidden values lie open.

Owns a lexer of PostgreSQL's tokens as far as literals need it, and of MySQL's. May not do: parse, know names, trust that the
text is valid. Imports none of our packages.

What goes: numbers, strings of every kind ('', E'', U&'', N'', B'', X'', $tag$$tag$), and the words of comments. Quoted
names go when they hold what names seldom hold ("138-0013-8000" meant as a string by someone used to MySQL). Words,
plain names, operators and parameters ($1) stay. When the reading is in doubt (something does not end, a character no
token begins with, quotes that look shifted, a backslash before a quote, whose meaning hangs on a setting), the whole
text goes. Lexical rules: PostgreSQL 17 documentation, section 4.1; its scan.l for string continuation and nesting. On MySQL
(reference manual 8.4, chapter 11) what stands in double quotes is a string, whatever sql_mode says, for it mostly is;
`name` is what "name" is on PostgreSQL, `#` begins a comment, and `--` does only before a space.
"""

from __future__ import annotations

import re
from typing import Literal

Family = Literal["postgresql", "mysql"]

LIMIT = 16_384
"""Characters of text that are kept: long enough for people's SQL, short enough for generated lists not to fill disks."""

_LITERALS = 1_000
"""Literals, comments and odd names that are read: more stand in generated lists alone, and each costs a step or two."""

_SPACE = r"[ \t\n\r\f\v]"
# Strings go on after white space with a line end in it, and an E string goes on as an E string (scan.l, quotecontinue).
_CONTINUED = re.compile(rf"(?:[ \t\f\v]++|--[^\n\r]*+){{0,500}}[\n\r](?:{_SPACE}++|--[^\n\r]*+(?=[\n\r])){{0,500}}'")

# What stays comes in runs, so that one step takes many tokens: a step costs more than a token. Bounded, for the limit on
# what is kept is looked at between steps. The first alternative takes what the others would take one by one. Single characters repeat possessively, groups never, and never without a
# bound: Python before 3.11.5 matches possessive groups wrongly (gh-106052), and others take memory for each turn.


def _tokens(*, signs: str, prefixes: str, quote: str, minus: str, own: str) -> re.Pattern[str]:
    """The tokens of a family: single characters that stay, prefixes of strings, the quote of names, a minus, and its own kinds."""
    return re.compile(
        rf"""
      (?P<kept> (?:
          [ \t\n\rA-Za-z_+*<>=~!@%^|?(),;:\[\]{signs}]{{1,100}}+(?:(?<=[ \t\n\r+*<>=~!@%^|?(),;:\[\]{signs}])|(?![\w'"$&]))
        | {_SPACE}++
        | (?! [{prefixes}]' | [uU]&['"] ) [^\W\d][\w$]*+
        | {quote}(?!\w{{0,59}}\d{{4}})[^\W\d]\w{{0,62}}{quote}(?!{quote})
        | \$[0-9]{{1,5}}(?![\w$])
        | {minus} | /(?!\*) | \.(?!\d) | [+*<>=~!@%^&|?,;:()\[\]{signs}]
      ){{1,32}} )
    | (?P<number> (?:\d|\.\d)(?:[\w.]++|(?<=[eE])[+-](?=\d)){{0,64}} )
    | (?P<string> (?:[uU]&|[bBxXnN])?' )
    | (?P<odd_name> [uU]&" )
    | (?P<comment> /\* )
    | {own}
        """,
        re.VERBOSE | re.DOTALL,
    )


_TOKENS: dict[Family, re.Pattern[str]] = {
    "postgresql": _tokens(
        signs=r"\#`",
        prefixes="eEbBxXnN",
        quote='"',
        minus="-(?!-)",
        own=r"""(?P<escaped> [eE]' ) | (?P<quoted_name> " ) | (?P<line_comment> --[^\n\r]*+ )
              | (?P<dollar> \$(?:[^\W\d]\w*+)?\$ )""",
    ),
    "mysql": _tokens(
        signs="",
        prefixes="bBxXnN",
        quote="`",
        minus=r"-(?!-(?:[\x00-\x20]|\Z))",
        own=r"""(?P<double> " ) | (?P<ticked_name> ` ) | (?P<end_comment> (?:\#|--(?=[\x00-\x20]|\Z))[^\n]*+ )""",
    ),
}

# What stands between the quotes, in pieces; a piece that ends before the closing quote is followed by another.
_INSIDE = {
    "string": re.compile(r"[^']*+(?:''[^']*+){0,500}"),
    "escaped": re.compile(r"[^'\\]*+(?:(?:\\.|'')[^'\\]*+){0,500}", re.DOTALL),
    "quoted_name": re.compile(r'[^"]*+(?:""[^"]*+){0,500}'),
    "odd_name": re.compile(r'[^"]*+(?:""[^"]*+){0,500}'),
    "double": re.compile(r'[^"]*+(?:""[^"]*+){0,500}'),
    "ticked_name": re.compile(r"[^`]*+(?:``[^`]*+){0,500}"),
}
_QUOTES = {"string": "'", "escaped": "'", "ticked_name": "`"}  # all else: "

# A quoted name that may stay: letters first, then what names are made of, few digits in a row.
_NAME = re.compile(r'(["`])[^\W\d]\w{0,62}\1')
_MANY_DIGITS = re.compile(r"\d{4}")
_MARKER = 100  # room for the words at the end
_EDGES = 1000  # signs of begin and end within one comment: nobody writes more, and each costs a step
_COMMENT_EDGE = re.compile(r"/\*|\*/")
_MARKS = {
    "line_comment": "--?", "end_comment": "-- ?", "string": "?", "escaped": "?", "double": "?", "number": "?", "odd_name": '"?"',
}  # fmt: skip
RUN_COMMENT = "/*!?*/"
"""What stands for a comment whose words MySQL or MariaDB may run."""
_RUN = ("!", "M!")


class _Doubt(Exception):  # noqa: N818  an answer of the lexer, not a fault
    """The text cannot be read beyond doubt."""


def scrub(text: str, limit: int = LIMIT, family: Family = "postgresql") -> str:
    """Return `text` with each literal replaced by `?`, cut at a token's end after `limit` characters or _LITERALS of it.

    Linear in the length read, which is hardly more than `limit`; a text that cannot be read beyond doubt is replaced by a
    marker that says its length.
    """
    try:
        shown = "".join(_scrubbed(text, limit, family))
    except _Doubt:
        return f"<not kept: {len(text)} characters that could not be read beyond doubt>"
    # one name alone can be as long as the text
    return shown if len(shown) <= 2 * limit + _MARKER else f"{shown[:limit]} <{len(shown) - limit} more characters>"


def _scrubbed(text: str, limit: int, family: Family) -> list[str]:
    tokens = _TOKENS[family]
    out: list[str] = []
    at, end = 0, len(text)
    literals = 0
    while at < end:
        if at >= limit or literals > _LITERALS:
            out.append(f" <{end - at} more characters>")
            break
        found = tokens.match(text, at)
        if found is None:
            raise _Doubt
        kind = found.lastgroup
        assert kind is not None
        begin, at = at, found.end()
        if kind == "kept":
            out.append(found[0])
            continue
        literals += 1
        if kind in _INSIDE:
            stop = _quoted_end(text, at, kind, limit)
            if stop is None:
                out.append(f"? <{end - begin} more characters>")
                break
            at = stop
            out.append(_quoted(text, begin, at, kind))
        elif kind == "comment":
            out.append(RUN_COMMENT if family == "mysql" and text.startswith(_RUN, at) else "/*?*/")
            at = _comment_end(text, at, nests=family == "postgresql")
        elif kind == "dollar":
            at = _dollar_end(text, found[0], at)
            out.append("?")
        else:
            out.append(_MARKS[kind])
    return out


def _quoted(text: str, begin: int, end: int, kind: str) -> str:
    """Return the mark of a string or name, or the name itself; doubt a string where a backslash could have meant an escape."""
    token = text[begin:end]
    if kind in {"quoted_name", "ticked_name"}:
        return token if _NAME.fullmatch(token) and not _MANY_DIGITS.search(token) else f"{token[0]}?{token[0]}"
    if (kind == "string" and "\\'" in token) or (kind == "double" and '\\"' in token):
        raise _Doubt
    if kind != "odd_name":
        _refuse_shifted(text, end)
    return _MARKS[kind]


def _quoted_end(text: str, at: int, kind: str, limit: int) -> int | None:
    """Return where a string or name ends that begins before `at`; raises _Doubt when it does not end.

    None when it ends somewhere behind `limit`, from where on nothing is kept.
    """
    inside = _INSIDE[kind]
    quote = _QUOTES.get(kind, '"')
    counted = False
    while True:
        found = inside.match(text, at)
        assert found is not None
        stop = found.end()
        if not text.startswith(quote, stop) or text.startswith(quote * 2, stop):
            if stop == at:
                raise _Doubt
            at = stop
            if at > limit and not counted:
                counted = True
                if text.count(quote, at) % 2 and (kind != "escaped" or text.find("\\", at) < 0):
                    return None  # an odd number of quotes is not one of pairs
            continue
        if kind != "escaped":
            return stop + 1
        goes_on = _CONTINUED.match(text, stop + 1)
        if goes_on is None:
            return stop + 1
        at = goes_on.end()


def _refuse_shifted(text: str, end: int) -> None:
    """Doubt a string that a word follows without a space: 'O'Brien' has its quotes shifted, its words are values."""
    if end < len(text) and (text[end].isalnum() or text[end] in "_$\\"):
        raise _Doubt


def _comment_end(text: str, at: int, *, nests: bool) -> int:
    """Return where the comment that was opened before `at` ends; PostgreSQL's nest."""
    if not nests:
        end = text.find("*/", at)
        if end < 0:
            raise _Doubt
        return end + 2
    depth = 1
    for _ in range(_EDGES):
        edge = _COMMENT_EDGE.search(text, at)
        if edge is None:
            break
        depth += 1 if edge[0] == "/*" else -1
        at = edge.end()
        if depth == 0:
            return at
    raise _Doubt


def _dollar_end(text: str, delimiter: str, at: int) -> int:
    """Return where the dollar-quoted string that `delimiter` opened before `at` ends."""
    end = text.find(delimiter, at)
    if end < 0:
        raise _Doubt
    return end + len(delimiter)
