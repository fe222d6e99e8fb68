"""What CREATE, RENAME, ALTER and DROP TABLE say of tables and columns: which are made, renamed, added, dropped, and from what.

Owns reading these statements by their tokens, for the parser knows few of their forms. May not do: know a catalog or a label.
Source: MySQL manual, 15.1 Data Definition Statements; MariaDB Knowledge Base, ALTER TABLE, CREATE TABLE, RENAME TABLE.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from rewriter.model import WrittenName

if TYPE_CHECKING:
    from rewriter.mysql.lexer import Token
    from rewriter.mysql.reading import Statement

_QUERY: Final = frozenset({"SELECT", "WITH", "VALUES", "TABLE"})
_NO_QUERY: Final = {"WITH": {"SYSTEM", "PARSER", "VALIDATION"}, "VALUES": {"LESS", "IN"}, "TABLE": {"STATISTICS"}}
"""Words of a definition that begin no query before these."""
_NO_COLUMN: Final = frozenset(
    {
        *("INDEX", "KEY", "PRIMARY", "UNIQUE", "FULLTEXT", "SPATIAL", "VECTOR", "CONSTRAINT", "FOREIGN", "CHECK"),
        *("PARTITION", "PERIOD", "SYSTEM", "LIKE"),
    }
)
"""What ADD, DROP and RENAME may be about besides a column; a column of that name is in quotes, or behind COLUMN."""


@dataclass(frozen=True, slots=True)
class Creation:
    """CREATE TABLE. `like` are the tables whose definition it takes, `merged` those whose rows it shows (ENGINE=MERGE).

    `query` is the token at which its query begins, None without. `defined`: its own list of columns, each with the words of its
    definition in lower case. `sure`: when it succeeds, the table has been made.
    """

    name: WrittenName
    temporary: bool
    sure: bool
    like: WrittenName | None = None
    merged: tuple[WrittenName, ...] = ()
    query: int | None = None
    defined: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Alteration:
    """ALTER TABLE of `old`, which is `new` afterwards. Columns are in lower case.

    `renamed`: new names by old ones. `added`: new columns, each with the words of its definition. `exchanged` are tables that give it rows and
    take rows of it. `sure`: when it succeeds, all of it has happened.
    """

    old: WrittenName
    new: WrittenName
    renamed: Mapping[str, str]
    added: Mapping[str, frozenset[str]]
    dropped: frozenset[str]
    exchanged: tuple[WrittenName, ...]
    sure: bool


class _Cursor:
    """Reads tokens one after the other."""

    def __init__(self, statement: Statement, text: str, index: int = 0) -> None:
        self.statement = statement
        self.index = index
        self._text = text

    @property
    def over(self) -> bool:
        return self.index >= len(self.statement.tokens)

    def word(self, ahead: int = 0) -> str:
        return self.statement.word(self.index + ahead)

    def take(self, *words: str) -> bool:
        """Go on behind these words, when all of them stand here."""
        if all(self.word(ahead) == word for ahead, word in enumerate(words)):
            self.index += len(words)
            return True
        return False

    def skip(self, *words: str) -> None:
        while self.word() in words:
            self.index += 1

    def written(self) -> str:
        """The name that stands here, as it is written; "" for what is none."""
        if self.over or not self.statement.tokens[self.index].named:
            return ""
        token = self.statement.tokens[self.index]
        self.index += 1
        return token.text if token.kind == "quoted" else self._text[token.start : token.end]

    def column(self) -> str:
        """The name of a column in lower case, which MariaDB lets tables and schemas stand before."""
        self.take(".")
        name = self.written()
        while self.take("."):
            name = self.written()
        return name.lower()

    def table(self) -> WrittenName:
        first = self.written()
        if self.take("."):
            return first, self.written()
        return None, first

    def wait(self) -> None:
        """Go on behind how long a lock is waited for."""
        if self.take("WAIT"):
            self.index += 1
        self.take("NOWAIT")


def creation(statement: Statement, text: str) -> Creation | None:
    """What a CREATE TABLE makes, None for any other statement."""
    cursor = _Cursor(statement, text)
    if not cursor.take("CREATE"):
        return None
    temporary = False
    while cursor.word() in {"OR", "REPLACE", "TEMPORARY", "EXTERNAL"}:
        temporary = temporary or cursor.word() == "TEMPORARY"
        cursor.index += 1
    if not cursor.take("TABLE"):
        return None
    sure = not cursor.take("IF", "NOT", "EXISTS")
    name = cursor.table()
    begin = cursor.index
    if cursor.take("LIKE") or cursor.take("(", "LIKE"):
        return Creation(name, temporary, sure, like=cursor.table())
    query = _query(statement, begin)
    stop = len(statement.tokens) if query is None else query
    defined: dict[str, frozenset[str]] = {}
    if cursor.word() == "(" and query != begin:
        close = _closing(statement, begin)
        for element in _elements(statement, begin + 1, min(close, stop)):
            _define(_Cursor(statement, text, element.start), element.stop, defined)
        cursor.index = close
    return Creation(
        name, temporary, sure, merged=_merged(statement, text, cursor.index, stop), query=query, defined=defined
    )


def _query(statement: Statement, begin: int) -> int | None:
    """The token at which the query of a CREATE TABLE begins, parentheses around it included."""
    for index in range(begin, len(statement.tokens)):
        word = statement.word(index)
        if word in _QUERY and statement.word(index + 1) not in _NO_QUERY.get(word, set()):
            while index > begin and statement.word(index - 1) == "(":
                index -= 1  # noqa: PLW2901  back to the first of its parentheses
            return index
    return None


def _merged(statement: Statement, text: str, begin: int, stop: int) -> tuple[WrittenName, ...]:
    """The tables of UNION = (a, b), an option of a table."""
    found: list[WrittenName] = []
    for index in range(begin, stop):
        if statement.word(index) != "UNION":
            continue
        cursor = _Cursor(statement, text, index + 1)
        cursor.take("=")
        if cursor.take("("):
            while not cursor.over and cursor.word() != ")":
                found.append(cursor.table())
                if not cursor.take(","):
                    break
    return tuple(found)


def renames(statement: Statement, text: str) -> tuple[list[tuple[WrittenName, WrittenName]], bool]:
    """The renames of a RENAME TABLE, in order, and whether all of them happen when it succeeds; none of another statement."""
    cursor = _Cursor(statement, text)
    if not cursor.take("RENAME", "TABLE") and not cursor.take("RENAME", "TABLES"):
        return [], True
    sure = not cursor.take("IF", "EXISTS")
    found: list[tuple[WrittenName, WrittenName]] = []
    while not cursor.over:
        old = cursor.table()
        cursor.wait()
        if not cursor.take("TO"):
            break
        found.append((old, cursor.table()))
        if not cursor.take(","):
            break
    return found, sure


def dropped(statement: Statement, text: str) -> list[WrittenName]:
    """The tables that a DROP TABLE drops; none of another statement."""
    cursor = _Cursor(statement, text)
    if not cursor.take("DROP"):
        return []
    cursor.take("TEMPORARY")
    if not cursor.take("TABLE") and not cursor.take("TABLES"):
        return []
    cursor.take("IF", "EXISTS")
    found = [cursor.table()]
    while cursor.take(","):
        found.append(cursor.table())
    return found


def used(statement: Statement, text: str) -> str | None:
    """The schema that a USE makes the default one, None for any other statement."""
    cursor = _Cursor(statement, text)
    return cursor.written() if cursor.take("USE") else None


def alteration(statement: Statement, text: str) -> Alteration | None:
    """What an ALTER TABLE changes, None for any other statement."""
    cursor = _Cursor(statement, text)
    if not cursor.take("ALTER"):
        return None
    cursor.skip("ONLINE", "OFFLINE", "IGNORE")
    if not cursor.take("TABLE"):
        return None
    sure = not cursor.take("IF", "EXISTS")
    old = cursor.table()
    cursor.wait()
    change = _Change(old)
    for element in _elements(statement, cursor.index, len(statement.tokens)):
        _specify(_Cursor(statement, text, element.start), element.stop, change)
    merged = _merged(statement, text, cursor.index, len(statement.tokens))
    exchanged = (*change.exchanged, *merged)
    return Alteration(
        old, change.new, change.renamed, change.added, frozenset(change.dropped), exchanged, sure and change.sure
    )


@dataclass(slots=True)
class _Change:
    """What the parts of an ALTER TABLE that have been read come to."""

    new: WrittenName
    renamed: dict[str, str] = field(default_factory=dict)
    added: dict[str, frozenset[str]] = field(default_factory=dict)
    dropped: set[str] = field(default_factory=set)
    exchanged: list[WrittenName] = field(default_factory=list)
    sure: bool = True

    def unsure(self, cursor: _Cursor) -> None:
        """Note IF EXISTS and IF NOT EXISTS."""
        if cursor.take("IF", "EXISTS") or cursor.take("IF", "NOT", "EXISTS"):
            self.sure = False


def _specify(cursor: _Cursor, stop: int, change: _Change) -> None:  # noqa: C901, PLR0912  a table of forms
    """Take down one part of an ALTER TABLE, which ends before token `stop`."""
    if cursor.take("RENAME"):
        if cursor.word() in {"INDEX", "KEY"}:
            return
        if cursor.take("COLUMN"):
            change.unsure(cursor)
            old = cursor.column()
            if cursor.take("TO"):
                change.renamed[old] = cursor.column()
            return
        if cursor.word() in {"TO", "AS", "="}:
            cursor.index += 1
        change.new = cursor.table()
    elif cursor.take("CHANGE"):
        cursor.take("COLUMN")
        change.unsure(cursor)
        old, new = cursor.column(), cursor.column()
        if old != new:
            change.renamed[old] = new
    elif cursor.take("ADD"):
        column = cursor.take("COLUMN")
        if not column and cursor.word() in _NO_COLUMN:
            return
        change.unsure(cursor)
        if cursor.take("("):
            for element in _elements(cursor.statement, cursor.index, stop - 1):
                _define(_Cursor(cursor.statement, cursor._text, element.start), element.stop, change.added)  # noqa: SLF001  our own
        else:
            _define(cursor, stop, change.added)
    elif cursor.take("DROP"):
        column = cursor.take("COLUMN")
        if column or cursor.word() not in _NO_COLUMN:
            change.unsure(cursor)
            change.dropped.add(cursor.column())
    elif cursor.word() in {"EXCHANGE", "CONVERT"}:
        while cursor.index < stop:
            if cursor.take("TABLE"):
                change.exchanged.append(cursor.table())
            else:
                cursor.index += 1


def _define(cursor: _Cursor, stop: int, into: dict[str, frozenset[str]]) -> None:
    """Take down the definition of one column, which ends before token `stop`."""
    if cursor.word() in _NO_COLUMN:
        return
    name = cursor.column()
    if name:
        into[name] = names_in(cursor.statement.tokens[cursor.index : stop])


def names_in(tokens: tuple[Token, ...]) -> frozenset[str]:
    """Every word and quoted name, in lower case."""
    return frozenset(token.text.lower() for token in tokens if token.named)


def _elements(statement: Statement, begin: int, end: int) -> list[range]:
    """The tokens of each element of a list between `begin` and `end`: what stands between commas outside of parentheses."""
    found: list[range] = []
    depth, first = 0, begin
    for index in range(begin, end):
        word = statement.word(index)
        depth += (word == "(") - (word == ")")
        if word == "," and depth == 0:
            found.append(range(first, index))
            first = index + 1
    if first < end:
        found.append(range(first, end))
    return found


def _closing(statement: Statement, index: int) -> int:
    """The token that closes the parenthesis at `index`; the end of the statement when none does."""
    depth = 0
    for place in range(index, len(statement.tokens)):
        word = statement.word(place)
        depth += (word == "(") - (word == ")")
        if not depth:
            return place
    return len(statement.tokens)
