"""PL/pgSQL: from the text of a body to every piece of SQL in it.

Owns the language's statements, as far as it takes to tell SQL from the words around it: each token of the body is either
one of those words or part of a piece, so nothing goes unseen. A body that does not read so is Unreadable. Source:
PostgreSQL manual, 43 PL/pgSQL; pl_gram.y, for where an expression ends. May not do: read the SQL itself.
"""

from __future__ import annotations

from rewriter.model import Refusal
from rewriter.postgres.plpgsql_words import RESERVED, Piece, Unreadable, Words
from rewriter.postgres.reading import tokens

_ENDS = frozenset({"end", "else", "elsif", "elseif", "when", "exception"})
_LEVELS = frozenset({"debug", "log", "info", "notice", "warning", "exception"})
_NEXT = frozenset({":=", "=", "[", "."})
_QUERIES = frozenset({"select", "with", "values", "table", "insert", "update", "delete", "merge", "("})
_DIRECTIONS = frozenset(
    {"next", "prior", "first", "last", "absolute", "relative", "all", "forward", "backward", "from", "in", "-"}
)
_MAX_DEPTH = 100
"""Blocks within blocks; more are unreadable."""


def pieces(body: str) -> list[Piece]:
    """Every piece of SQL in a body, in order; raises Unreadable."""
    try:
        lexed = tokens(body.encode())
    except (Refusal, UnicodeEncodeError):
        raise Unreadable from None
    reader = _Reader(lexed)
    while reader.word() == "#":  # options: #variable_conflict use_column
        reader.index += 3
    reader.block()
    if reader.word() == ";":
        reader.index += 1
    if reader.index != len(lexed.starts):
        raise Unreadable
    return reader.found


class _Reader(Words):
    """Recursive descent over the tokens."""

    # -- blocks ----------------------------------------------------------------------------------------------------

    def label(self) -> None:
        if self.word() == "<<":
            self.index += 1
            self.name()
            self.take(">>")

    def block(self) -> None:
        """[<<label>>] [DECLARE ...] BEGIN ... [EXCEPTION ...] END [label], without the semicolon."""
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise Unreadable
        self.label()
        if self.word() == "declare":
            self.index += 1
            while self.word() != "begin":
                self.declaration()
        self.take("begin")
        self.statements()
        if self.word() == "exception":
            self.index += 1
            while self.word() == "when":
                self.index += 1
                first, last = self.until("then")
                for index in range(first, last):
                    word = self.lexed.word(index)
                    if not (word[:1].isalnum() or word[:1] in {"_", '"', "'"}):
                        raise Unreadable
                self.take("then")
                self.statements()
        self.take("end")
        if self.word() not in {";", ""}:
            self.name()
        self.depth -= 1

    def declaration(self) -> None:
        if self.word() == "declare":
            self.index += 1
            return
        self.name()
        if self.word() == "alias":
            self.take("alias")
            self.take("for")
            self.piece("expression", ";")  # what it stands for is as good as read: NEW under another name
            return
        if self.word() in {"no", "scroll", "cursor"}:
            self.cursor()
            return
        if self.word() == "constant":
            self.index += 1
        self.type("collate", "not", ":=", "=", "default", ";")
        if self.word() == "collate":
            self.index += 1
            self.names()
        if self.word() == "not":
            self.index += 1
            self.take("null")
        if self.take(":=", "=", "default", ";") != ";":
            self.piece("expression", ";")

    def cursor(self) -> None:
        """[NO] SCROLL CURSOR (name type, ...) FOR query, the semicolon included."""
        while self.take("no", "scroll", "cursor") != "cursor":
            pass
        if self.word() == "(":
            self.index += 1
            while self.word(-1) != ")":
                self.name()
                self.type(",", ")")
                self.index += 1
        self.take("for", "is")
        self.query()

    def type(self, *ends: str) -> None:
        first, last = self.until(*ends)
        self.found.append(Piece("type", self.text(first, last)))

    # -- statements ------------------------------------------------------------------------------------------------

    def statements(self) -> None:
        while self.word() not in _ENDS or (self.word() == "exception" and self.word(1) in _NEXT):
            self.statement()

    def statement(self) -> None:
        word = self.word()
        if word in {"begin", "declare", "<<"}:
            if word == "<<" and self.word(3) not in {"begin", "declare"}:
                self.label()
                if self.word() not in {"loop", "while", "for", "foreach"}:
                    raise Unreadable
                self.statement()
                return
            self.block()
            self.take(";")
            return
        handler = None if word not in RESERVED and self.word(1) in _NEXT else _STATEMENTS.get(word)
        if handler is not None:
            self.index += 1
            handler(self)
        elif self.word(1) in _NEXT and word not in RESERVED:
            self.piece("target", ":=", "=")
            self.piece("expression", ";")
        elif word == ";":
            raise Unreadable
        else:
            self.query()

    def if_(self) -> None:
        self.piece("expression", "then")
        self.statements()
        while self.word() in {"elsif", "elseif"}:
            self.index += 1
            self.piece("expression", "then")
            self.statements()
        self.otherwise()
        self.closed("if")

    def otherwise(self) -> None:
        if self.word() == "else":
            self.index += 1
            self.statements()

    def closed(self, what: str) -> None:
        """END IF; and its like, with a label after END LOOP."""
        self.take("end")
        self.take(what)
        if self.word() != ";":
            self.name()
        self.take(";")

    def case(self) -> None:
        if self.word() != "when":
            self.piece("expression", "when")
            self.index -= 1
        while self.word() == "when":
            self.index += 1
            self.piece("expression", "then")
            self.statements()
        self.otherwise()
        self.closed("case")

    def loop(self) -> None:
        self.statements()
        self.closed("loop")

    def while_(self) -> None:
        self.piece("expression", "loop")
        self.loop()

    def for_(self) -> None:
        self.names()
        self.take("in")
        if self.word() == "execute":
            self.index += 1
            if self.piece("dynamic", "using", "loop") == "using":
                self.piece("expression", "loop")
            self.loop()
            return
        if self.word() == "reverse":
            self.index += 1
        if self.word() in _QUERIES:
            place = self.index
            first, last = self.until("..", "loop")
            if self.word() == "loop":  # a query; its parentheses may also be those of a number
                self.found.append(Piece("query", self.text(first, last)))
                self.index += 1
                self.loop()
                return
            self.index = place
        place = self.index
        self.until("..", "loop")
        numbers = self.word() == ".."
        self.index = place
        if numbers:
            self.piece("expression", "..")
            if self.piece("expression", "by", "loop") == "by":
                self.piece("expression", "loop")
        else:
            self.name()
            self.arguments()
            self.take("loop")
        self.loop()

    def arguments(self) -> None:
        """Of a cursor: (1, name := 2)."""
        if self.word() != "(":
            return
        first = self.index
        self.index += 1
        self.until(")")
        self.index += 1
        self.found.append(Piece("expression", "pg_catalog.concat" + self.text(first, self.index)))

    def foreach(self) -> None:
        self.names()
        if self.word() == "slice":
            self.index += 2
        self.take("in")
        self.take("array")
        self.piece("expression", "loop")
        self.loop()

    def exit(self) -> None:
        if self.word() not in {"when", ";"}:
            self.name()
        if self.take("when", ";") == "when":
            self.piece("expression", ";")

    def return_(self) -> None:
        if self.word() == "next":
            self.index += 1
        elif self.word() == "query":
            self.index += 1
            if self.word() == "execute":
                self.index += 1
                if self.piece("dynamic", "using", ";") == "using":
                    self.piece("expression", ";")
            else:
                self.query()
            return
        if self.word() == ";":
            self.index += 1
        else:
            self.piece("returned", ";")

    def raise_(self) -> None:
        if self.word() in _LEVELS:
            self.index += 1
        word = self.word()
        if word[:1] in {"'", "$"} or word[:2] in {"e'", "u&"}:
            self.index += 1
            if self.word() == ",":
                self.index += 1
                if self.piece("expression", "using", ";") == ";":
                    return
                self.index -= 1
        elif word == "sqlstate":
            self.index += 2
        elif word not in {"using", ";"}:
            self.name()
        while self.take("using", ",", ";") != ";":
            self.name()
            self.take(":=", "=")
            self.piece("expression", ",", ";")
            self.index -= 1

    def assert_(self) -> None:
        self.piece("expression", ";")

    def execute(self) -> None:
        end = self.piece("dynamic", "into", "using", ";")
        while end != ";":
            if end == "into":
                self.index -= 1
                self.into()
                end = self.take("using", ";")
            else:
                end = self.piece("expression", "into", ";")

    def perform(self) -> None:
        self.piece("expression", ";")

    def diagnostics(self) -> None:
        if self.word() in {"current", "stacked"}:
            self.index += 1
        self.take("diagnostics")
        while self.word(-1) != ";":
            self.names()
            self.take(":=", "=")
            self.name()
            self.take(",", ";")

    def open(self) -> None:
        self.name()
        while self.word() in {"no", "scroll"}:
            self.index += 1
        if self.word() == "for":
            self.index += 1
            if self.word() != "execute":
                self.query()
                return
            self.index += 1
            if self.piece("dynamic", "using", ";") == "using":
                self.piece("expression", ";")
            return
        self.arguments()
        self.take(";")

    def fetch(self) -> None:
        """FETCH or MOVE, with a direction of plain words and numbers."""
        while self.word() not in {"into", ";"}:
            if not (self.word() in _DIRECTIONS or self.word().isdigit()):
                self.name()
            else:
                self.index += 1
        if self.word() == "into":
            self.into()
        self.take(";")

    def close(self) -> None:
        self.name()
        self.take(";")

    def null(self) -> None:
        self.take(";")


_STATEMENTS = {
    "if": _Reader.if_,
    "case": _Reader.case,
    "loop": _Reader.loop,
    "while": _Reader.while_,
    "for": _Reader.for_,
    "foreach": _Reader.foreach,
    "exit": _Reader.exit,
    "continue": _Reader.exit,
    "return": _Reader.return_,
    "raise": _Reader.raise_,
    "assert": _Reader.assert_,
    "execute": _Reader.execute,
    "perform": _Reader.perform,
    "get": _Reader.diagnostics,
    "open": _Reader.open,
    "fetch": _Reader.fetch,
    "move": _Reader.fetch,
    "close": _Reader.close,
    "null": _Reader.null,
}
