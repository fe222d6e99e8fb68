"""SQL's own prepared statements: PREPARE from a text, EXECUTE, DEALLOCATE.

Owns the text within PREPARE, and the names by which the server knows what was prepared. A name ends with a stamp of the caller's world
and of how texts are read, so that what was ruled under one is not found under another: nobody rules again on EXECUTE, and MySQL reads
the text again when a table of it has changed.
May not do: rule on the text itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rewriter.model import MAX_BYTES, Refusal
from rewriter.mysql import proof
from rewriter.mysql.editing import edited
from rewriter.mysql.kinds import KINDS, kind_of
from rewriter.mysql.lexer import telling
from rewriter.mysql.reading import read
from rewriter.mysql.views import quote

if TYPE_CHECKING:
    from rewriter.mysql.reading import Statement
    from rewriter.mysql.ruling import Circumstances, Ruling

_LONGEST: Final = 64  # characters of a name, which the servers allow
_WAYS: Final = frozenset({"query", "pass", "show"})
_PROTOCOL: Final = "Send the statement itself; drivers prepare it by the protocol."


def within(statement: Statement, where: Circumstances) -> Circumstances:
    """The text of PREPARE, read. Raises Refusal for what is no plain string, for what a variable holds is not known, or not one statement."""
    last = statement.tokens[-1]
    if statement.word(2) != "FROM" or len(statement.tokens) != 4 or last.kind != "string":
        message = "PREPARE from a variable is not available to you, because columns are masked for you"
        raise Refusal("42000", message, hint=_PROTOCOL)
    written = where.reading.text[last.start : last.end]
    mark = written[0]
    if "\\" in written or mark not in "'\"":
        raise Refusal("42000", "a backslash is not available in the text of PREPARE", hint="Double the quotes instead.")
    inner = where.within(written[1:-1].replace(mark * 2, mark))
    known = [KINDS.get(kind_of(each)) for each in inner.reading.statements]
    if len(known) != 1 or known[0] is None:
        raise Refusal("42000", "PREPARE takes the text of one statement")
    if known[0].way not in _WAYS:
        raise Refusal("42000", "PREPARE of this statement is not available to you", hint="Send the statement itself.")
    return inner


def keep(ruling: Ruling, ruled: Ruling, inner: Circumstances, where: Circumstances) -> None:
    """PREPARE the text with the edits of its own ruling, under a name of this world."""
    ruling.unknown |= ruled.unknown
    ruling.relations += ruled.relations
    if ruling.unknown:
        return
    ruling.uses += ruled.uses
    ruling.compared += ruled.compared
    made, edits = edited([ruled], inner)
    if edits:
        last = ruling.statement.tokens[-1]
        ruling.settings.append((last.start, last.end, _quoted(made, where)))
    rename(ruling, 1, where)


def rename(ruling: Ruling, index: int, where: Circumstances) -> None:
    """Give what a statement names by its token `index` the name that it has in this world."""
    token = ruling.statement.tokens[min(index, len(ruling.statement.tokens) - 1)]
    written = token.text if token.kind == "quoted" else where.reading.text[token.start : token.end]
    modes = telling(where.facts.modes)
    name = f"{written}@{where.world.stamp}" + (f".{hash(modes) & 0xFFFF:04x}" if modes else "")
    if not token.named:
        raise Refusal("42601", f"{ruling.kind} takes the name of a prepared statement")
    if len(name) > _LONGEST:
        raise Refusal("42000", "the name of this prepared statement is too long", hint="Give it a shorter one.")
    ruling.settings.append((token.start, token.end, quote(name)))


def _quoted(text: str, where: Circumstances) -> str:
    """A text as a string; raises Refusal where it would not be read as one with just that in it."""
    written = "'" + text.replace("'", "''") + "'"
    tokens = read(f"SELECT {written}", where.facts.modes, MAX_BYTES + len(written)).tokens
    if "\\" in text or len(tokens) != 2 or tokens[1].kind != "string":
        raise proof.unproved()
    return written
