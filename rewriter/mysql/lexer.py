"""A strict lexer for MySQL and MariaDB: every token of a text with its place, read as the server reads it, or a refusal.

Owns what a token is under each sql_mode, and executable comments.
What the servers and their versions read differently, and what no client sends, is refused. May not do: grammar.
Source: MySQL manual, 11.1 Literal Values, 11.2 Schema Object Names, 11.7 Comments, 7.1.11 Server SQL Modes; MariaDB
Knowledge Base, Comment Syntax, SQL_MODE.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from rewriter.model import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rewriter.mysql.catalog import Catalog

Kind = Literal["word", "quoted", "string", "number", "operator", "variable"]
"""word: unquoted, a keyword or a name. quoted: a name in quotes. variable: @name, a user variable."""

MODES: Final = frozenset(
    {
        *("ANSI", "ANSI_QUOTES", "NO_BACKSLASH_ESCAPES", "PIPES_AS_CONCAT", "IGNORE_SPACE", "REAL_AS_FLOAT"),
        *("ONLY_FULL_GROUP_BY", "STRICT_TRANS_TABLES", "STRICT_ALL_TABLES", "TRADITIONAL", "NO_ZERO_DATE"),
        *("NO_ZERO_IN_DATE", "ERROR_FOR_DIVISION_BY_ZERO", "NO_ENGINE_SUBSTITUTION", "NO_AUTO_VALUE_ON_ZERO"),
        *("NO_UNSIGNED_SUBTRACTION", "NO_DIR_IN_CREATE", "NO_AUTO_CREATE_USER", "ALLOW_INVALID_DATES"),
        *("PAD_CHAR_TO_FULL_LENGTH", "TIME_TRUNCATE_FRACTIONAL", "TIME_ROUND_FRACTIONAL", "IGNORE_BAD_TABLE_OPTIONS"),
        *("SIMULTANEOUS_ASSIGNMENT", "NO_KEY_OPTIONS", "NO_TABLE_OPTIONS", "NO_FIELD_OPTIONS"),
        *("INTERPRET_UTF8_AS_UTF8MB4", "HIGH_NOT_PRECEDENCE", "EMPTY_STRING_IS_NULL"),
        *("DB2", "MAXDB", "MSSQL", "POSTGRESQL", "MYSQL323", "MYSQL40"),
    }
)
"""Words of sql_mode under which texts are read as here; under any other nothing is. ORACLE has another grammar, and other functions."""
_LEXING: Final = frozenset(
    {
        *("ANSI", "ANSI_QUOTES", "NO_BACKSLASH_ESCAPES", "PIPES_AS_CONCAT", "IGNORE_SPACE", "REAL_AS_FLOAT"),
        *("HIGH_NOT_PRECEDENCE", "EMPTY_STRING_IS_NULL", "MAXDB", "MSSQL"),
    }
)
"""Those of them that change what a text says."""
PADDING: Final = frozenset({"PAD_CHAR_TO_FULL_LENGTH"})
"""Has values of char columns come with the padding that they are stored with."""

_WORD = r"[A-Za-z_$\x80-\uffff][A-Za-z0-9_$\x80-\uffff]*"
_COMMENT = r"(?P<comment>/\*.*?\*/|\#[^\n]*|--(?=[ \t\r\n\f\v]|\Z)[^\n]*)"
_NUMBER = r"""(?P<number>0x[0-9A-Fa-f]+(?![\w$])|0b[01]+(?![\w$])|[xX]'(?:[0-9A-Fa-f]{2})*'|[bB]'[01]*'
    |(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?(?![\w$\x80-\uffff]))"""
_VARIABLE = r"""(?P<variable>@(?:[A-Za-z0-9_.$\x80-\uffff]+|`(?:[^`]|``)+`|'[^'"\\]+'|"[^'"\\]+"))"""
_OPERATOR = r"(?P<operator><=>|->>|->|:=|<<|>>|<=|>=|<>|!=|&&|\|\||@@|/(?!\*)|[-+*%=<>!~^&|(),.;?])"
_QUOTED = r"`(?:[^`]|``)+`"
_PLAIN_STRING = r"'[^']*(?:''[^']*)*'"
_ESCAPED_STRING = r"'[^'\\]*(?:(?:''|\\.)[^'\\]*)*'"
_DOUBLE = _PLAIN_STRING.replace("'", '"')
_ESCAPED_DOUBLE = _ESCAPED_STRING.replace("'", '"')


def _pattern(*, ansi: bool, plain: bool) -> re.Pattern[str]:
    strings = _PLAIN_STRING if plain else _ESCAPED_STRING
    quoted = _QUOTED
    if ansi:
        quoted += r'|"(?:[^"]|"")+"'
    else:
        strings += "|" + (_DOUBLE if plain else _ESCAPED_DOUBLE)
    return re.compile(
        rf"(?P<space>[ \t\r\n\f\v]+)|{_COMMENT}|{_NUMBER}|(?P<string>[nN]?(?:{strings}))|(?P<word>{_WORD})"
        rf"|(?P<quoted>{quoted})|{_VARIABLE}|{_OPERATOR}",
        re.VERBOSE | re.DOTALL,
    )


_PATTERNS: Final = {
    (ansi, plain): _pattern(ansi=ansi, plain=plain) for ansi in (False, True) for plain in (False, True)
}
_OPENING = re.compile(r"/\*M?!(\d{5,6}(?!\d)|(?!\d))")
_ODD = re.compile("[\0\x01-\x08\x0e-\x1f\x7f\x85\xa0\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff]")
_LOOKALIKES = re.compile("[\u017f\u212a\u0130\u0131]")
_WIDE = re.compile("[\U00010000-\U0010ffff]")
_BINARY = re.compile("[\0\ud800-\udfff]")
_IGNORED_FROM: Final = 50700
"""MariaDB leaves alone what is meant for MySQL 5.7 and later: versions from this up to 99999."""


class Token(NamedTuple):
    """Characters [start, end) of a text.

    `text` is a word in upper case, a name in quotes without them, a user variable's name in lower case, anything else as it is written.
    """

    kind: Kind
    start: int
    end: int
    text: str

    @property
    def named(self) -> bool:
        """Whether it can be a name."""
        return self.kind in {"word", "quoted"}


def quotes_names(modes: frozenset[str]) -> bool:
    """Whether double quotes stand around names, and not around strings."""
    return "ANSI_QUOTES" in modes or "ANSI" in modes


def telling(modes: frozenset[str]) -> frozenset[str]:
    """Of the words of an sql_mode, those under which a text may say something else than without, or another one is sent on."""
    return (modes & (_LEXING | PADDING)) | (modes - MODES)


def unwrap(text: str, modes: frozenset[str], catalog: Catalog) -> tuple[str, tuple[tuple[int, int, str], ...]]:
    """The text that the server runs, with the marks of executable comments gone, and what was done: (start, end, new).

    Those that this server's version skips go with what is in them. Raises Refusal 42000.
    """
    if "/*!" not in text and "/*M!" not in text:
        return text, ()
    edits: list[tuple[int, int, str]] = []
    place, inside = 0, False
    pattern = _PATTERNS[quotes_names(modes), "NO_BACKSLASH_ESCAPES" in modes]
    while place < len(text):
        start = place
        if inside and text.startswith("*/", place):
            place, inside = place + 2, False
        elif inside and text.startswith("/*", place):
            raise refused("a comment within an executable comment is not available here", place, text)
        elif text.startswith(("/*!", "/*M!"), place):
            place, inside = _opened(text, place, catalog)
        else:
            match = pattern.match(text, place)
            if match is None:
                raise _unread(text, place)
            place = match.end()
            continue
        edits.append((start, place, _gap(text, start, place)))
    if inside:
        raise refused("an executable comment is not closed", len(text), text)
    return apply(text, edits), tuple(edits)


def _opened(text: str, place: int, catalog: Catalog) -> tuple[int, bool]:
    """Where the mark of an executable comment ends, or the whole comment when this server skips it; whether it runs."""
    opening = _OPENING.match(text, place)
    if opening is None:
        raise refused("an executable comment whose version is not written in 5 or 6 digits", place, text)
    if _runs(opening[1], catalog, own=opening[0].startswith("/*M")):
        return opening.end(), True
    close = text.find("*/", opening.end())
    if close < 0 or text.find("/*", opening.end(), close) >= 0:
        raise refused("an executable comment is not closed, or holds another", place, text)
    return close + 2, False


def apply(text: str, edits: list[tuple[int, int, str]]) -> str:
    """A text with characters [start, end) replaced by each edit's own; they ascend. Raises ValueError when they overlap."""
    parts, last = [], 0
    for start, end, replacement in edits:
        if start < last:
            raise ValueError("edits overlap")
        parts += [text[last:start], replacement]
        last = end
    return "".join([*parts, text[last:]])


def lex(text: str, modes: frozenset[str]) -> list[Token]:
    """All tokens of a text without executable comments. Raises Refusal 42000, with the place, and 22021.

    NUL, and bytes that are no UTF-8, which come as surrogates (the handler `surrogateescape`), may stand in strings only, whose
    ends they do not move: the servers take each for a character of its own.
    """
    unknown = modes - MODES - {""}
    if unknown:
        message = f"statements are not read under sql_mode {', '.join(sorted(unknown))}"
        raise Refusal("42000", message, hint="Set sql_mode without it.")
    pattern = _PATTERNS[quotes_names(modes), "NO_BACKSLASH_ESCAPES" in modes]
    tokens: list[Token] = []
    place = 0
    while place < len(text):
        match = pattern.match(text, place)
        if match is None:
            raise _unread(text, place)
        start, place = place, match.end()
        make = _TOKENS.get(match.lastgroup or "")
        if make is not None:
            token = make(match[0], start, text)
            if token.kind == "number" and token.text[0] == "." and tokens and tokens[-1].end == start:
                raise refused("a number begins with a dot right behind something else", start, text)
            if token.text == "." and tokens and tokens[-1].text == "?" and tokens[-1].kind == "operator":
                raise refused(
                    "a dot stands behind a placeholder", start, text
                )  # the parser takes FROM for a name there
            if _behind_dot(token, tokens):
                raise refused(f"a dot stands before the word {token.text}", start, text)
            tokens.append(token)
        elif match.lastgroup == "comment" and match[0].startswith("/*") and "/*" in match[0][2:]:
            raise refused("a comment within a comment is not available here", start, text)
    _check_bytes(text, tokens)
    return tokens


def _behind_dot(token: Token, before: list[Token]) -> bool:
    """Whether a word that begins a list of tables stands apart behind a dot: a keyword to the servers, a name to the parser."""
    apart = bool(before) and before[-1].text == "." and before[-1].kind == "operator" and before[-1].end < token.start
    return apart and token.kind == "word" and token.text in _BEFORE_TABLES


_BEFORE_TABLES: Final = frozenset({"FROM", "JOIN", "STRAIGHT_JOIN", "TABLE", "INTO", "UPDATE", "USING"})


def _check_bytes(text: str, tokens: list[Token]) -> None:
    """Refuse NUL, and bytes that are no UTF-8, outside of strings."""
    odd = [match.start() for match in _BINARY.finditer(text)]
    strings = (token for token in tokens if token.kind == "string")
    place = 0
    for string in strings if odd else ():
        if odd[place] < string.start:
            break
        place = bisect_left(odd, string.end, place)
        if place == len(odd):
            return
    if odd and text[odd[place]] == "\0":
        raise refused("it contains a NUL character outside of strings", odd[place], text)
    if odd:
        hint = "Send statements in UTF-8; other bytes may stand in strings only."
        raise Refusal("22021", "the statement is not valid UTF-8", hint=hint, position=odd[place] + 1)


def _word(written: str, start: int, text: str) -> Token:
    _check_name(written, start, text)
    return Token("word", start, start + len(written), written.upper())


def _quoted(written: str, start: int, text: str) -> Token:
    _check_name(written, start, text)
    mark = written[0]
    return Token("quoted", start, start + len(written), written[1:-1].replace(mark * 2, mark))


def _variable(written: str, start: int, text: str) -> Token:
    _check_name(written, start, text)
    name = written[1:]
    name = name[1:-1].replace("``", "`") if name[0] in "`'\"" else name
    return Token("variable", start, start + len(written), name.lower())


_TOKENS: Final[Mapping[str, Callable[[str, int, str], Token]]] = {
    "word": _word,
    "quoted": _quoted,
    "variable": _variable,
    "number": lambda written, start, _: Token("number", start, start + len(written), written),
    "string": lambda written, start, _: Token("string", start, start + len(written), written),
    "operator": lambda written, start, _: Token("operator", start, start + len(written), written),
}


def _runs(digits: str, catalog: Catalog, *, own: bool) -> bool:
    """Whether this server runs what stands in an executable comment of a version."""
    if own and catalog.flavour == "mysql":
        return False
    if not digits:
        return True
    version = int(digits)
    major, minor, patch = catalog.version
    if catalog.flavour == "mariadb" and not own and _IGNORED_FROM <= version <= 99999:
        return False
    return version <= major * 10000 + minor * 100 + patch


def _gap(text: str, start: int, end: int) -> str:
    """What separates the tokens around something that goes away."""
    before, after = text[start - 1 : start] if start else "", text[end : end + 1]
    apart = not before or not after or before.isspace() or after.isspace()
    return "" if apart or _joins(before) != _joins(after) else " "


def _joins(character: str) -> bool:
    """Whether a character is one of names, numbers and quotes, and not of operators."""
    return character.isalnum() or character in "_$`'\"@."


def _check_name(written: str, start: int, text: str) -> None:
    """Refuse what the server may take for another name than it looks like."""
    if written.isascii():
        return
    if _ODD.search(written) or _WIDE.search(written):
        raise refused("a name holds a space or sign outside ASCII", start, text)
    if _LOOKALIKES.search(written):  # the server finds kelvin by its sign for the unit
        raise refused("a name holds a letter that the server takes for a plain one", start, text)


def _unread(text: str, place: int) -> Refusal:
    if text.startswith("/*", place):
        return refused("a comment is not closed", place, text)
    if text[place] in "'\"`":
        return refused("a quote is not closed", place, text)
    if text.startswith("\\N", place):
        return refused("\\N is not available here, write NULL", place, text)
    if text[place].isdigit():
        return refused("a name that begins with a digit stands without quotes", place, text)
    return refused(f"the character {text[place]!a} cannot stand here", place, text)


def refused(message: str, place: int, text: str) -> Refusal:
    """That a text is not read on from a place, and why."""
    near = "" if place >= len(text) else f" near character {place + 1}"
    return Refusal("42000", f"the statement cannot be read safely{near}: {message}", position=place + 1)
