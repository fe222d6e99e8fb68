"""The copy of a text that another parser is given, one that knows the default sql_mode alone: other bytes, the same structure and places.

Owns what MySQL and MariaDB write and that parser does not know, or reads otherwise. May not do: lex, grammar.
Source: MySQL manual, 11.1 Literal Values, 15.2 Data Manipulation Statements; MariaDB Knowledge Base, NEXT VALUE, JSON_TABLE.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rewriter.mysql.lexer import refused

if TYPE_CHECKING:
    from rewriter.mysql.lexer import Token

_SELECTING: Final = frozenset(
    {
        *("ALL", "DISTINCT", "DISTINCTROW", "HIGH_PRIORITY", "STRAIGHT_JOIN", "SQL_SMALL_RESULT", "SQL_BIG_RESULT"),
        *("SQL_BUFFER_RESULT", "SQL_NO_CACHE", "SQL_CACHE", "SQL_CALC_FOUND_ROWS"),
    }
)
_WRITING: Final = frozenset({"LOW_PRIORITY", "HIGH_PRIORITY", "DELAYED", "QUICK", "IGNORE"})
_MODIFIERS: Final = (_SELECTING | _WRITING) - {"ALL", "DISTINCT", "DISTINCTROW"}
"""Words behind SELECT, INSERT, UPDATE and DELETE that change nothing of what is read."""
_BEFORE_TYPES: Final = frozenset({"AS", "USING", "SET", "CHARSET", "COLLATE", "NAMES", "CHAR", "VARCHAR", "TEXT"})
"""Words behind which BINARY is a type or the name of a character set."""


def canonical(text: str, tokens: list[Token], modes: frozenset[str]) -> str:
    """A text of the same length for a parser that knows the default sql_mode only.

    Comments are spaces, and so are the user variables that SELECT ... INTO fills, and NEXT VALUE FOR. Names in double quotes stand in backticks, backslashes that escape nothing are underscores, user variables
    are plain, and what it lexes otherwise is written in another way of the same structure.
    """
    parts: list[str] = []
    last = 0
    passed = _filled(tokens) | _fallbacks(tokens)
    plain = "NO_BACKSLASH_ESCAPES" in modes
    updating = False
    for index, token in enumerate(tokens):
        updating = (updating or token.text == "DUPLICATE") and token.text != ";"
        written = text[token.start : token.end]
        if index in passed:
            written = " " * len(written)
        elif token.kind == "quoted":
            written = _backticked(token, text)
        elif token.kind == "word":
            written = _plain_word(tokens, index, written, updating=updating)
        elif token.kind == "string" and plain and "\\" in written:
            written = written.replace("\\", "_")
        elif token.kind == "variable":
            written = "@" + "v" * (len(written) - 1)
        elif written == "-" and index and tokens[index - 1].end == token.start and text[token.start - 1] == "-":
            written = "+"
        elif token.kind == "number" and written[0] == ".":
            written = "0" + written[1:]
        parts += [" " * (token.start - last), written]
        last = token.end
    return "".join([*parts, " " * (len(text) - last)])


def _filled(tokens: list[Token]) -> set[int]:
    """The places of what the parser does not know and that reads nothing: INTO with user variables, NEXT VALUE FOR before a sequence."""
    found: set[int] = set()
    for index, token in enumerate(tokens):
        if token.text == "VALUE" and _of_sequence(tokens, index):
            found |= {index - 1, index, index + 1}
        if token.kind == "word" and token.text == "INTO":
            last = index + 1
            while last < len(tokens) and tokens[last].kind == "variable":
                found |= {index, *range(last - 1, last + 1)}
                last += 2 if last + 1 < len(tokens) and tokens[last + 1].text == "," else len(tokens)
    return found


def _fallbacks(tokens: list[Token]) -> frozenset[int]:
    """The tokens of each `NULL ON EMPTY`, `DEFAULT '0' ON ERROR` and the like among the columns of a JSON_TABLE: constants alone."""
    found: set[int] = set()
    depth = begun = 0  # open parentheses, and how many there are in the function
    listing = False  # its columns: what stands before them may be a subquery
    for index, token in enumerate(tokens):
        if token.kind == "operator":
            depth += (token.text == "(") - (token.text == ")")
            begun = 0 if depth < begun else begun
        elif token.kind == "word" and token.text == "JSON_TABLE" and not begun:
            begun, listing = depth + 1, False
        elif token.kind == "word" and token.text == "COLUMNS" and depth == begun:
            listing = True
        elif begun and listing and token.kind == "word" and token.text == "ON" and index + 1 < len(tokens):
            before = tokens[index - 1]
            if tokens[index + 1].kind != "word" or tokens[index + 1].text not in {"EMPTY", "ERROR"}:
                continue
            if before.kind == "word" and before.text in {"NULL", "ERROR"}:
                found.update(range(index - 1, index + 2))
            elif before.kind in {"string", "number"} and tokens[index - 2].text == "DEFAULT":
                found.update(range(index - 2, index + 2))
    return frozenset(found)


def _of_sequence(tokens: list[Token], index: int) -> bool:
    """Whether VALUE at `index` is that of NEXT VALUE FOR name, of MariaDB; FOR UPDATE is a lock."""
    if not 0 < index < len(tokens) - 2 or any(tokens[at].kind != "word" for at in (index - 1, index, index + 1)):
        return False
    before, behind, name = tokens[index - 1], tokens[index + 1], tokens[index + 2]
    lock = name.kind == "word" and name.text in {"UPDATE", "SHARE"}
    return before.text in {"NEXT", "PREVIOUS"} and behind.text == "FOR" and name.named and not lock


def _backticked(token: Token, text: str) -> str:
    written = text[token.start : token.end]
    if written[0] == "`":
        return written
    if "`" in token.text or '"' in token.text:
        raise refused("a quote within a quoted name is not available here", token.start, text)
    return f"`{token.text}`"


def _plain_word(tokens: list[Token], index: int, written: str, *, updating: bool) -> str:
    word = tokens[index].text
    if word == "REPLACE" and _begins(tokens, index):
        return "INSERT "
    if word == "VALUES" and updating:
        return "VALUE_"  # the function, not a list of rows
    if word == "INTERVAL" and _of_several(tokens, index + 1):
        return "GREATEST"  # the function, not a time: the parser takes an alias behind it for a unit
    if (word in {"SESSION", "LOCAL"} and _scopes(tokens, index)) or (word == "BINARY" and _compares(tokens, index)):
        return " " * len(written)
    return " " * len(written) if word in _MODIFIERS and _modifies(tokens, index) else written


def _of_several(tokens: list[Token], index: int) -> bool:
    """Whether the parenthesis at `index` holds several expressions."""
    depth = 0
    for token in tokens[index:]:
        if token.kind == "operator":
            depth += (token.text == "(") - (token.text == ")")
            if depth == 1 and token.text == ",":
                return True
        if not depth:
            return False
    return False


def _scopes(tokens: list[Token], index: int) -> bool:
    """Whether SESSION or LOCAL at `index` says whose variable a SET sets."""
    dotted = index + 1 < len(tokens) and tokens[index + 1].text == "."
    if dotted or not index or tokens[index - 1].text not in {"SET", ","}:
        return False
    first = index
    while first and tokens[first - 1].text != ";":
        first -= 1
    return tokens[first].kind == "word" and tokens[first].text == "SET"


def _compares(tokens: list[Token], index: int) -> bool:
    """Whether the BINARY at `index` is an operator before an operand: it reads nothing, and no type stands there."""
    if index + 1 == len(tokens) or tokens[index + 1].text in {")", ",", ";", "."}:
        return False
    before = tokens[index - 1] if index else None
    if before is None or before.text == "." or (before.kind == "word" and before.text in _BEFORE_TYPES):
        return False
    following = tokens[index + 1]
    if following.text == "(" and following.kind == "operator":
        return not (index + 3 < len(tokens) and tokens[index + 2].kind == "number" and tokens[index + 3].text == ")")
    return following.named or following.kind in {"string", "number", "variable"}


def _modifies(tokens: list[Token], index: int) -> bool:
    """Whether the word at `index` is a modifier of the statement that it stands in."""
    before = index - 1
    while before >= 0 and tokens[before].kind == "word" and tokens[before].text in _SELECTING | _WRITING:
        before -= 1
    if before < 0 or tokens[before].kind != "word":
        return False
    verb = tokens[before].text
    if verb == "SELECT":
        return tokens[index].text in _SELECTING
    writing = verb in {"INSERT", "REPLACE", "UPDATE", "DELETE"} and tokens[index].text in _WRITING
    return writing and (not before or tokens[before - 1].text not in {"KEY", "FOR", "ON"})


def _begins(tokens: list[Token], index: int) -> bool:
    """Whether the REPLACE at `index` is a statement's first word, and no function."""
    if index + 1 < len(tokens) and tokens[index + 1].text == "(":
        return False
    before = tokens[index - 1].text if index else ";"
    return before in {";", ")", "EXPLAIN", "ANALYZE", "DESCRIBE", "DESC", "EXTENDED", "PARTITIONS", "TREE", "JSON"}
