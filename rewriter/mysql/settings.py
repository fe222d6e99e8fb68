"""SET: which variables of the session a caller with masked columns may set, and what their values may read.

Owns the list of those on which reading rests. May not do: follow their values; session tracking tells them.
Source: MySQL manual, 15.7.6 SET Statements; MariaDB Knowledge Base, SET.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from rewriter.model import Refusal
from rewriter.mysql import inventory
from rewriter.mysql.calls import calls_in
from rewriter.mysql.lexer import MODES
from rewriter.mysql.queries import query

if TYPE_CHECKING:
    from rewriter.mysql.reading import Statement
    from rewriter.mysql.ruling import Circumstances, Ruling

_ENCODINGS: Final = frozenset({"UTF8", "UTF8MB3", "UTF8MB4"})
"""Character sets of statements in which they are read as they are here."""
_GLOBAL: Final = frozenset({"GLOBAL", "PERSIST", "PERSIST_ONLY"})
_SCOPES: Final = frozenset({"SESSION", "LOCAL"})
_RENAMING: Final = frozenset({"SQL_MODE", "CHARACTER_SET_CLIENT"})
"""Variables after which a text may read otherwise."""
_REFUSED: Final = {
    **dict.fromkeys(
        ("SESSION_TRACK_STATE_CHANGE", "SESSION_TRACK_TRANSACTION_INFO", "SESSION_TRACK_GTIDS"),
        "the proxy follows the session by it",
    ),
    "OLD_MODE": "it changes how texts are read",
    "STANDARD_COMPLIANT_CTE": "it changes what names mean",
    "PSEUDO_THREAD_ID": "it changes whose temporary tables are seen",
}
_LEAVES: Final = re.compile(
    r"\s*SET\s+(?:SESSION\s+|@@(?:SESSION\.)?)?SQL_MODE\s*=\s*(?:'[A-Z_, ]*'|DEFAULT|0|@(?!louver)[A-Z0-9_]+)\s*;?\s*",
    re.IGNORECASE | re.ASCII,
)
_TRACKED: Final = "SESSION_TRACK_SYSTEM_VARIABLES"
"""The list of variables that the server reports; Louver's are on it, and drivers add theirs."""
_ON: Final = frozenset({"1", "ON", "TRUE", "'ON'", "'1'"})
_LIMITS: Final = frozenset(
    {
        *("MAX_STATEMENT_TIME", "LOCK_WAIT_TIMEOUT", "INNODB_LOCK_WAIT_TIMEOUT", "SORT_BUFFER_SIZE"),
        *(
            "JOIN_BUFFER_SIZE",
            "TMP_TABLE_SIZE",
            "TMP_MEMORY_TABLE_SIZE",
            "MAX_HEAP_TABLE_SIZE",
            "READ_BUFFER_SIZE",
            "READ_RND_BUFFER_SIZE",
        ),
    }
)
"""What SET STATEMENT may set: how long a statement may take, and how much memory. None changes what it reads or means."""
_ODD: Final = frozenset({"PASSWORD", "ROLE", "RESOURCE", "TRANSACTION"})


def setting(ruling: Ruling, where: Circumstances) -> None:
    """Check the names that SET sets, and rule on the subqueries of the values."""
    statement = ruling.statement
    ruling.changes_names = False
    if statement.word(1) == "DEFAULT" and statement.word(2) == "ROLE":
        return
    for first, last in _parts(statement):
        _check(ruling, statement, first, last, where)
    if where.world.open:
        return
    if any(token.kind == "word" and token.text in {"SELECT", "TABLE"} for token in statement.tokens):
        query(ruling, where, 1, "SELECT")
    else:
        where.judge.check_calls(calls_in(statement, where.reading.text, None), where.facts)


def check_limits(statement: Statement, end: int) -> None:
    """Check what stands in SET STATEMENT ... FOR, whose last token is before `end`: limits, and numbers for them."""
    if not end:
        return
    for first, last in _parts(type(statement)(statement.tokens[1 : end - 1])):
        name = statement.tokens[first + 1].text.upper()
        if name not in _LIMITS:
            message = f"SET STATEMENT {name.lower()} is not available to you, because columns are masked for you"
            raise Refusal("42000", message, hint="Set it for the session.")
        if last - first != 2 or statement.word(first + 2) != "=" or statement.tokens[last + 1].kind != "number":
            raise Refusal("42000", "SET STATEMENT takes numbers here")


def _check(ruling: Ruling, statement: Statement, first: int, last: int, where: Circumstances) -> None:
    """Check one of the assignments of a SET."""
    token = statement.tokens[first]
    if token.kind == "variable":
        return
    if statement.word(first) in _GLOBAL or (statement.word(first) == "@@" and statement.word(first + 1) in _GLOBAL):
        if not where.world.open:
            message = "SET GLOBAL is not available to you, because columns are masked for you"
            raise Refusal("42000", message, hint="Set it for the session.")
        return
    while statement.word(first) in _SCOPES | {"@@", "."}:
        first += 1
    name = statement.tokens[first].text.upper()
    if name in _ODD:
        ruling.changes_names = ruling.changes_names or name == "ROLE"
        return
    if name in {"NAMES", "CHARACTER", "CHARSET"}:
        _check_encoding(statement.tokens[first + 1 + (name == "CHARACTER")].text)
        ruling.changes_names = True
        return
    reason = _REFUSED.get(name) or (inventory.SETTINGS.get(name) if where.world.filters else None)
    if reason is not None:
        raise Refusal("42000", f"{name.lower()} cannot be set here: {reason}")
    ruling.changes_names = ruling.changes_names or name in _RENAMING
    if statement.word(first + 1) not in {"=", ":="} or first + 2 > last:
        raise Refusal("42000", "this form of SET is not understood here", hint="Write name = value.")
    _check_assigned(ruling, name, first + 2, last)


def _check_assigned(ruling: Ruling, name: str, first: int, last: int) -> None:
    """Check the value of a variable that the reading of texts, or the following of the session, rests on."""
    statement = ruling.statement
    if name in _RENAMING:
        _check_value(name, statement, first, last)
    elif name == _TRACKED:
        _report_all(ruling, first, last)
    elif name == "SESSION_TRACK_SCHEMA" and (first < last or statement.tokens[last].text.upper() not in _ON):
        raise Refusal("42000", "session_track_schema stays on: the proxy follows the session by it")


def _report_all(ruling: Ruling, first: int, last: int) -> None:
    """Have the server report every variable in place of those that a client lists: its own are among them, and Louver's stay."""
    tokens = ruling.statement.tokens
    if any(token.kind == "word" and token.text in {"SELECT", "TABLE"} for token in tokens):
        raise Refusal("42000", f"{_TRACKED.lower()} and a subquery are not set together here", hint="Set it alone.")
    ruling.settings.append((tokens[first].start, tokens[last].end, "'*'"))


def _check_value(name: str, statement: Statement, first: int, last: int) -> None:
    """Check the value of a variable after which a text may read otherwise."""
    value = statement.tokens[first]
    if name == "CHARACTER_SET_CLIENT":
        if value.kind != "variable" or first < last:  # what one holds is told by session tracking
            _check_encoding(value.text)
    elif value.kind == "word" and first == last and value.text != "DEFAULT":
        _check_modes({value.text})
    elif value.kind == "string" and first == last:
        _check_modes({word.strip().upper() for word in value.text[1:-1].split(",")})


def _check_modes(words: set[str]) -> None:
    unknown = words - MODES - {""}
    if unknown:
        message = f"statements are not read under sql_mode {', '.join(sorted(unknown))}"
        raise Refusal("42000", message, hint="Set sql_mode without it.")


def leaves_modes(text: str) -> bool:
    """Whether a text does nothing but set sql_mode, and reads so under each: the way back from one that nothing is read under."""
    return _LEAVES.fullmatch(text) is not None


def _check_encoding(name: str) -> None:
    if name.strip("'\"").upper() not in _ENCODINGS:
        message = "the character set of statements must be utf8mb4"
        raise Refusal("42000", message, hint="Use SET NAMES utf8mb4.")


def _parts(statement: Statement) -> list[tuple[int, int]]:
    """First and last token of each assignment of a SET."""
    parts = []
    depth, first = 0, 1
    for index in range(1, len(statement.tokens) + 1):
        word = statement.word(index)
        depth += (word == "(") - (word == ")")
        if index == len(statement.tokens) or (not depth and word == ","):
            if index == first:
                raise Refusal("42000", "this form of SET is not understood here", hint="Write name = value.")
            parts.append((first, index - 1))
            first = index + 1
    return parts
