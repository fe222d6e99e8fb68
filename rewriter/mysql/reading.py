"""Reading a text: its bounds, its tokens, its statements, and the tree of each that a parser can read.

Owns the agreement of our own tokens with the parser's: what the two read differently is refused. The parser is sqlglot, which is
never asked to print a client's statement. May not do: judge what a statement does.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlglot import exp
from sqlglot.dialects.mysql import MySQL
from sqlglot.errors import SqlglotError

from rewriter.model import Refusal
from rewriter.mysql.canonical import canonical
from rewriter.mysql.lexer import Token, lex

if TYPE_CHECKING:
    from sqlglot.tokenizer_core import Token as ParsedToken

MAX_BYTES: Final = 1 << 20
"""Longest text. Bulk inserts of drivers and dumps stay below 1 MiB by their own defaults (net_buffer_length)."""
MAX_TOKENS: Final = 60_000
"""A text of 1 MiB has as many when it is a bulk insert of short values; reading that takes a second."""
MAX_DEPTH: Final = 60
"""Open parentheses at once: beyond some hundreds the parser runs out of stack."""
MAX_TYPES: Final = 5
"""Names of types that are called like functions (DATE(...)) within each other: the parser's time doubles with each."""

logging.getLogger("sqlglot").setLevel(logging.CRITICAL)  # it would write clients' statements to the log

_DIALECT = MySQL()
_TYPES = frozenset(word for word, kind in MySQL.Tokenizer.KEYWORDS.items() if kind in MySQL.Parser.TYPE_TOKENS) - {
    "UNION",
    "NULL",
    "INTERVAL",
}
_OPENERS = frozenset({"PROCEDURE", "FUNCTION", "TRIGGER", "EVENT", "PACKAGE"})
_BEFORE = frozenset({"OR", "REPLACE", "DEFINER", "=", "AGGREGATE", "CURRENT_USER", "CURRENT_ROLE", "(", ")"})


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a text: its tokens, without the semicolon behind it, and its tree when it is a query or changes rows.

    Places in the tree (meta `start` and `end`, the last character) are those of the whole text.
    """

    tokens: tuple[Token, ...]

    def word(self, index: int) -> str:
        """The unquoted word or operator at an index, in upper case; empty for all else, and beyond the ends."""
        if not 0 <= index < len(self.tokens):
            return ""
        token = self.tokens[index]
        return token.text if token.kind in {"word", "operator"} else ""

    def closing(self, index: int) -> int:
        """The index of the parenthesis that closes the one at `index`; raises Refusal when there is none."""
        depth = 0
        for place in range(index, len(self.tokens)):
            word = self.word(place)
            depth += (word == "(") - (word == ")")
            if not depth:
                return place
        raise Refusal("42000", "the statement's parentheses are not balanced")


@dataclass(frozen=True, slots=True)
class Reading:
    """A text with its tokens and statements; empty ones are left out. `plain` is its copy of the same length for the parser."""

    text: str
    plain: str
    tokens: list[Token]
    statements: tuple[Statement, ...]


def read(text: str, modes: frozenset[str], limit: int = MAX_BYTES) -> Reading:
    """Read a text whose executable comments are unwrapped. Raises Refusal 42000 or 54001."""
    if len(text) > limit or len(text.encode("utf-8", "surrogatepass")) > limit:
        raise Refusal("42000", f"the statement is longer than {limit} bytes", hint="Send it in parts.")
    tokens = lex(text, modes)
    if len(tokens) > MAX_TOKENS:
        raise Refusal("42000", f"the statement has more than {MAX_TOKENS} words and signs", hint="Send it in parts.")
    _check_depth(tokens)
    statements = tuple(_split(tokens))
    return Reading(text, canonical(text, tokens, modes), tokens, statements)


def parse(reading: Reading, statement: Statement, first: int = 0, prefix: str = "") -> exp.Expr:
    """The tree of a statement from its token number `first` on, with a word of ours before it.

    Raises Refusal 42000 where the parser cannot read it, or reads other tokens.
    """
    tokens = tuple(token for token in statement.tokens[first:] if reading.plain[token.start] != " ")
    if not tokens:
        raise _disagreement()
    start, end = tokens[0].start, tokens[-1].end
    plain = reading.plain[start:end]
    if prefix:
        plain = f"{prefix} {plain}"
        start -= len(prefix) + 1
        tokens = (Token("word", start, start + len(prefix), prefix), *tokens)
    parsed = parse_text(plain, tokens, start)
    for node in parsed.walk():
        if isinstance(node, exp.Identifier) and "start" in node.meta:
            node.meta["start"] += start
            node.meta["end"] += start
    return parsed


def parse_text(plain: str, tokens: tuple[Token, ...], offset: int) -> exp.Expr:
    """The tree of one statement; places in it begin at its own first character."""
    try:
        found = _DIALECT.tokenize(plain)
        _agree(tokens, found, plain, offset)
        trees = _DIALECT.parser().parse(found, plain)
    except (SqlglotError, ValueError, TypeError, AttributeError, KeyError, IndexError):
        message = "the statement is not understood here"
        raise Refusal("42000", message, hint="Write it in a simpler form.") from None
    tree = trees[0] if len(trees) == 1 else None
    if tree is None or tree.find(exp.Command) is not None:
        raise Refusal("42000", "the statement is not understood here", hint="Write it in a simpler form.")
    _check_clauses(tree, tokens)
    return tree


def _check_clauses(tree: exp.Expr, tokens: tuple[Token, ...]) -> None:
    """Refuse WITH ... (WITH ...), which the parser reads as one clause: whether a name in it is its own would be the other's to say."""
    written = sum(_begins_clause(tokens, index) for index in range(len(tokens) - 1))
    if written != sum(1 for _ in tree.find_all(exp.With)):
        hint = "Put all of them behind one WITH."
        raise Refusal("42000", "a WITH clause stands right within another's query", hint=hint)


def _begins_clause(tokens: tuple[Token, ...], index: int) -> bool:
    """Whether a WITH clause begins here: WITH RECURSIVE, or a name and AS or a list of columns."""
    if tokens[index].kind != "word" or tokens[index].text != "WITH":
        return False
    name = tokens[index + 1]
    behind = tokens[index + 2].text if index + 2 < len(tokens) else ""
    return (name.kind == "word" and name.text == "RECURSIVE") or behind in {"AS", "("}


def _agree(tokens: tuple[Token, ...], found: list[ParsedToken], plain: str, offset: int) -> None:
    """Both lexers cut the text at the same places; only words may be parts of one of the parser's tokens."""
    starts = {token.start - offset: index for index, token in enumerate(tokens)}
    # a word may be shorter in the parser's copy: REPLACE is INSERT there
    ends = {token.end - offset - 1 - (plain[token.end - offset - 1] == " "): i for i, token in enumerate(tokens)}
    expected = 0
    inside = -1  # within a variable or a shift, which are two tokens of the parser's
    for token in found:
        first, last = starts.get(token.start, -1), ends.get(token.end, -1)
        if inside >= 0 and last == inside and first < 0:
            inside = -1
            continue
        if first != expected:
            raise _disagreement()
        shifts = tokens[first].kind == "operator" and tokens[first].text in {"<<", ">>"}
        parted = shifts or tokens[first].kind == "variable"
        if last < 0 and parted and token.end == token.start:
            inside, expected = first, first + 1
            continue
        if last < first or inside >= 0:
            raise _disagreement()
        if last > first and any(tokens[i].kind != "word" for i in range(first, last + 1)):
            raise _disagreement()
        expected = last + 1
    if expected != len(tokens) or inside >= 0:
        raise _disagreement()


def _disagreement() -> Refusal:
    hint = "Write names in backticks, and put spaces between words and signs."
    return Refusal("42000", "the statement can be read in two ways", hint=hint)


def _check_depth(tokens: list[Token]) -> None:
    """Refuse what is nested too deeply for a recursive parser, or for one whose time grows with each level of types."""
    open_types: list[bool] = []
    for index, token in enumerate(tokens):
        if token.kind == "operator":
            if token.text == "(":
                before = tokens[index - 1] if index else None
                open_types.append(before is not None and before.kind == "word" and before.text in _TYPES)
                if len(open_types) > MAX_DEPTH or sum(open_types) > MAX_TYPES:
                    hint = "Use fewer nested expressions."
                    raise Refusal("54001", "the statement is nested too deeply", hint=hint, position=token.start + 1)
            elif token.text == ")" and open_types:
                open_types.pop()


def _split(tokens: list[Token]) -> list[Statement]:
    """The statements of a text: what defines a routine goes to its end, for there are semicolons in it."""
    statements: list[Statement] = []
    begin = 0
    for index, token in enumerate(tokens):
        if token.kind == "operator" and token.text == ";":
            if begin == index:
                begin = index + 1
                continue
            if is_compound(tokens[begin:]):
                break
            statements.append(Statement(tuple(tokens[begin:index])))
            begin = index + 1
    rest = tokens[begin:]
    while rest and rest[-1].text == ";" and rest[-1].kind == "operator":
        rest.pop()
    if rest:
        statements.append(Statement(tuple(rest)))
    return statements


def is_compound(tokens: list[Token]) -> bool:
    """Whether a statement holds others: CREATE PROCEDURE ... BEGIN, BEGIN NOT ATOMIC and the like."""
    first = tokens[0].text if tokens[0].kind == "word" else ""
    if first in {"CREATE", "ALTER"}:
        for index, token in enumerate(tokens[1:14], 1):
            if token.kind == "word" and token.text in _OPENERS:
                return True
            account = token.kind in {"variable", "string"} or tokens[index - 1].text == "="
            if token.text not in _BEFORE and not account:
                return False
        return False
    second = tokens[1].text if len(tokens) > 1 else ""
    if first == "BEGIN":
        return second == "NOT"
    return first in {"IF", "CASE", "LOOP", "WHILE", "REPEAT", "FOR", "DECLARE"}
