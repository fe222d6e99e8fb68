"""The words of PL/pgSQL: a body's tokens, taken one by one, and the pieces of SQL between them.

Owns the primitives of `rewriter.postgres.plpgsql`: an identifier, a list of variables, the text up to a word. May not do: know
statements.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from rewriter.postgres.reading import Tokens

Form = Literal["expression", "query", "target", "returned", "type", "dynamic"]
"""How the text of a piece is to be read.

expression: SELECT stands before it. query: a whole statement. target: what is assigned to. returned: the expression of a
RETURN. type: a type of a variable. dynamic: an expression that gives SQL text.
"""


class Unreadable(Exception):  # noqa: N818  an answer, not a fault
    """The body is not PL/pgSQL as it is known here."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of SQL of a body."""

    form: Form
    text: str


RESERVED = frozenset(
    {"all", "begin", "by", "case", "declare", "else", "end", "execute", "for", "foreach", "from", "if", "in", "into"}
    | {"loop", "not", "null", "or", "strict", "then", "to", "using", "when", "while"}
)
"""Words that are no variable's name. Source: pl_reserved_kwlist.h."""

_OPENING, _CLOSING = frozenset({"(", "["}), frozenset({")", "]"})
# words after which INTO names a table and no variable; source: pl_gram.y, make_execsql_stmt
_KEEPING_INTO = frozenset({"insert", "merge", "import"})


class Words:
    """Recursive descent over the tokens; `index` is the next one."""

    def __init__(self, lexed: Tokens) -> None:
        self.lexed = lexed
        self.index = 0
        self.depth = 0
        self.found: list[Piece] = []

    # -- tokens ----------------------------------------------------------------------------------------------------

    def word(self, ahead: int = 0) -> str:
        """The text of the token that is `ahead` of the next one, in lower case; empty beyond the last."""
        return self.lexed.word(self.index + ahead)

    def take(self, *words: str) -> str:
        """The next token, which must be one of `words`."""
        found = self.word()
        if found not in words:
            raise Unreadable
        self.index += 1
        return found

    def name(self) -> str:
        """The next token, which must be an identifier."""
        found = self.word()
        if not (found[:1].isalpha() or found[:1] in {"_", '"'} or found[:1] > "\x7f") or found in RESERVED:
            raise Unreadable
        self.index += 1
        return found

    def names(self) -> None:
        """Variables that take values: a.b, c."""
        while True:
            if self.word().startswith("$"):  # a parameter
                self.index += 1
            else:
                self.name()
            while self.word() == ".":
                self.index += 1
                self.name()
            if self.word() != ",":
                return
            self.index += 1

    def until(self, *ends: str) -> tuple[int, int]:
        """Token range up to the first of `ends` outside parentheses, where the reader then stands."""
        first, depth = self.index, 0
        while self.index < len(self.lexed.starts):
            word = self.word()
            if depth == 0 and word in ends:
                return first, self.index
            if word in _OPENING:
                depth += 1
            elif word in _CLOSING:
                depth -= 1
            if depth < 0 or (word == ";" and depth == 0):
                raise Unreadable
            self.index += 1
        raise Unreadable

    def text(self, first: int, last: int) -> str:
        """The text of tokens [first, last)."""
        if first >= last:
            raise Unreadable
        return self.lexed.data[self.lexed.starts[first] : self.lexed.ends[last - 1]].decode()

    def piece(self, form: Form, *ends: str) -> str:
        """Take down the text up to one of `ends`, and step over that; returns it."""
        first, last = self.until(*ends)
        self.found.append(Piece(form, self.text(first, last)))
        return self.take(*ends)

    def query(self) -> None:
        """A SQL statement up to its semicolon; INTO and its variables are taken out."""
        first, into, depth = self.index, "", 0
        parts: list[str] = []
        while depth or self.word() != ";":
            word = self.word()
            if not word:
                raise Unreadable
            if word == "into" and self.word(-1) not in _KEEPING_INTO and depth == 0:
                if into:
                    raise Unreadable
                into = word
                parts.append(self.text(first, self.index) if first < self.index else "")
                self.into()
                first = self.index
                continue
            depth += (word in _OPENING) - (word in _CLOSING)
            self.index += 1
        parts.append(self.text(first, self.index) if first < self.index else "")
        self.found.append(Piece("query", "\n".join(parts)))
        self.take(";")

    def into(self) -> None:
        """INTO [STRICT] variable, variable."""
        self.take("into")
        if self.word() == "strict":
            self.index += 1
        self.names()
