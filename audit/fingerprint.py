"""The shape of a statement as a short name, so that statements can be counted and told apart whatever values they bring.

Owns what makes two scrubbed texts one shape. May not do: see a literal (audit.scrub has taken them out), parse.

Two statements have one fingerprint when they differ only in literals and parameters, their signs, white space, comments, the
length of IN lists, array constructors and VALUES rows, and letter case where the server makes nothing of it: of all words
outside quotes on PostgreSQL; on MySQL, where names of tables may be told apart by case, of words that are reserved in every
version of MySQL and MariaDB, and of common functions before their parenthesis. Names in quotes count as they are written.
"""

from __future__ import annotations

import re
import string
from hashlib import sha256
from typing import TYPE_CHECKING

from audit.scrub import RUN_COMMENT

if TYPE_CHECKING:
    from audit.scrub import Family

DIGITS = 16
"""Hexadecimal digits: 64 bits, so that a million shapes have no two alike but once in forty million trails."""

_VERSION = "1"  # goes into the hash: what changes here makes other fingerprints

_COMMENT: dict[Family, re.Pattern[str]] = {
    "postgresql": re.compile(r"/\*\?\*/|--\?"),  # as audit.scrub leaves them; names in quotes cannot hold these
    "mysql": re.compile(r"/\*\?\*/|-- \?"),
}
_TOKEN = re.compile(r"""\w[\w$]*|\$[0-9]+|"[^"]*"|`[^`]*`|\S""")
_CUT = re.compile(r"<[0-9]+ more characters>\Z")
_BRACKETS = frozenset("()[]")
_FOLDED = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)  # as servers fold names in UTF-8
_VALUES = frozenset({"null", "true", "false"})
_BEFORE_CONDITION = frozenset({"is", "not"})
_NO_FUNCTION = frozenset({"into", "table", "."})  # what stands before the name of a table that a parenthesis follows

# After these a sign belongs to the literal behind it; after anything else it may subtract.
_SIGNED = (
    "( [ , = < > + * / % | & ^ ~ ! @ # :"
    " select all distinct where and or not in between like when then else case on having by limit offset"
    " values value set return returning using default interval is ilike escape"
)
_BEFORE_SIGN = frozenset(_SIGNED.split())

# Reserved in MySQL 5.7 to 9 and in MariaDB 10 to 11 alike, so that no table can have such a name without quotes.
_WORDS = (
    "add all alter analyze and as asc before between bigint binary blob both by call cascade case change char character check"
    " collate column condition constraint convert create cross current_date current_time current_timestamp current_user cursor"
    " database databases dec decimal declare default delayed delete desc describe distinct distinctrow div double drop each else"
    " elseif enclosed escaped exists exit explain false fetch float for force foreign from fulltext grant group having"
    " high_priority if ignore in index infile inner inout insert int integer interval into is iterate join key keys kill leading"
    " leave left like limit linear lines load localtime localtimestamp lock long longblob longtext loop low_priority match"
    " mediumblob mediumint mediumtext mod natural not null numeric on optimize option optionally or order out outer outfile"
    " precision primary procedure purge range read real references regexp release rename repeat replace require restrict return"
    " revoke right rlike schema schemas select separator set show signal smallint spatial sql starting straight_join table"
    " terminated then tinyblob tinyint tinytext to trailing trigger true undo union unique unlock unsigned update usage use using"
    " utc_date utc_time utc_timestamp values varbinary varchar varying when where while with write xor zerofill"
)
_RESERVED = frozenset(_WORDS.split())
_CALLED = (
    "abs avg cast coalesce concat concat_ws count date_add date_format date_sub greatest group_concat ifnull instr json_extract"
    " last_insert_id least length lower lpad ltrim max md5 min nullif rand round row_count rpad rtrim sha1 sha2 substr substring"
    " sum trim truncate unix_timestamp upper uuid"
)
_FUNCTIONS = frozenset(_CALLED.split())


def fingerprint(scrubbed: str, family: Family) -> str | None:
    """Return the fingerprint of a statement, from its scrubbed text, as 16 hexadecimal digits; None when its shape is not known.

    It is not known of a text that could not be read beyond doubt, that is empty, or that may run what stands in a comment. Of a
    text that was cut, what was kept counts, and that it was cut.
    """
    if scrubbed.startswith("<not kept: ") or (family == "mysql" and RUN_COMMENT in scrubbed):
        return None
    tokens = _shape(scrubbed, family)
    while tokens and tokens[-1] == ";":
        tokens.pop()
    if not tokens:
        return None
    shape = " ".join((_VERSION, *tokens))
    return sha256(shape.encode("utf-8", "surrogateescape")).hexdigest()[:DIGITS]


def _shape(text: str, family: Family) -> list[str]:
    """Return what counts of a text, word by word."""
    lists = _Lists()
    out = lists.out
    bare = _COMMENT[family].sub(" ", text)
    cut = _CUT.search(bare)
    tokens = _TOKEN.findall(bare if cut is None else bare[: cut.start()])
    for at, word in enumerate(tokens):
        if word == "?" or word[0] == "$":
            lists.value()
        elif word in _BRACKETS:
            lists.bracket(word)
        elif word[0] == "_" or word[0].isalpha():
            lower = word.translate(_FOLDED)
            if lower in _VALUES and (not out or out[-1] not in _BEFORE_CONDITION):
                lists.value()
            elif family == "postgresql" or lower in _RESERVED or (lower in _FUNCTIONS and _is_called(tokens, at)):
                out.append(lower)
            else:
                out.append(word)
        else:
            out.append(word)
    if cut is not None:
        lists.cut()
    return out


def _is_called(tokens: list[str], at: int) -> bool:
    """Whether a word has its parenthesis, and is not the name of a table with a list of columns."""
    return tokens[at + 1 : at + 2] == ["("] and (at == 0 or tokens[at - 1].translate(_FOLDED) not in _NO_FUNCTION)


class _Lists:
    """The words of a shape, as they come, with what repeats in lists of values left out."""

    def __init__(self) -> None:
        self.out: list[str] = []
        self._open: list[tuple[int, str]] = []  # where each parenthesis stands, and what it opens: list, row or nothing
        self._row: tuple[int, int] = (-1, -1)  # where the last row of VALUES begins and ends

    @property
    def last(self) -> str:
        """The last word."""
        return self.out[-1] if self.out else ""

    def value(self) -> None:
        """A literal or parameter comes; its sign is part of it."""
        out = self.out
        while out and out[-1] in {"-", "+"} and (len(out) == 1 or out[-2] in _BEFORE_SIGN or out[-2] in {"-", "+"}):
            out.pop()
        out.append("?")

    def bracket(self, word: str) -> None:
        """A list, a row, or something else begins or ends."""
        if word in {"(", "["}:
            self._opens(word)
            self.out.append(word)
            return
        begin, what = self._open.pop() if self._open else (0, "")
        if what == "list":
            self._shorten(begin)
        self.out.append(word)
        if what == "row":
            self._ends_row(begin)

    def cut(self) -> None:
        """The rest of the text is not known; lists that were begun end like those that are whole."""
        while self._open:
            begin, what = self._open.pop()
            if what == "list":
                self._shorten(begin, whole=False)
            elif what == "row" and self._row[1] >= 0 and self._row[1] == begin - 1:
                del self.out[begin - 1 :]
            elif what != "row":
                self.out.append(")")
        if self.last == ",":
            self.out.pop()
        self.out.append("...")

    def _opens(self, word: str) -> None:
        last = self.last
        what = ""
        if (word == "(" and last == "in") or (word == "[" and last.translate(_FOLDED) == "array"):
            what = "list"
        elif word == "(" and (last in {"values", "value"} or (last == "," and self._row[1] == len(self.out) - 1)):
            what = "row"
        self._open.append((len(self.out), what))

    def _shorten(self, begin: int, *, whole: bool = True) -> None:
        """Leave of the elements of a list of constants one of each kind that follow each other; the last may not be `whole`."""
        elements: list[list[str]] = [[]]
        depth = 0
        for at in range(begin + 1, len(self.out)):  # without a copy: lists can stand in lists
            word = self.out[at]
            if word not in {"?", ",", "(", ")"}:
                return
            depth += (word == "(") - (word == ")")
            if word == "," and depth == 0:
                elements.append([])
            else:
                elements[-1].append(word)
        if not whole and len(elements) > 1:
            elements.pop()
        kept: list[list[str]] = []
        for element in elements:
            if element and (not kept or kept[-1] != element):
                kept.append(element)
        del self.out[begin + 1 :]
        for index, element in enumerate(kept):
            if index:
                self.out.append(",")
            self.out.extend(element)

    def _ends_row(self, begin: int) -> None:
        """Leave a row of VALUES out that is like the one before it."""
        out = self.out
        first, end = self._row
        if end >= 0 and end == begin - 1 and out[first:end] == out[begin:]:
            del out[begin - 1 :]
        else:
            self._row = (begin, len(out))
