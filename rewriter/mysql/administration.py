"""Definitions of data and bulk loads: what may be made, changed and filled by a caller with masked columns.

Owns the rule that a definition names nothing protected, but for the query of CREATE TABLE ... SELECT, which stores what the caller
sees. May not do: follow what a definition makes; the catalog is read again after it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rewriter.model import Refusal
from rewriter.mysql.calls import calls_in
from rewriter.mysql.catalog import Table
from rewriter.mysql.names import Elsewhere, fold, meaning_of
from rewriter.mysql.queries import query
from rewriter.mysql.telling import Effect, fault

if TYPE_CHECKING:
    from rewriter.mysql.reading import Statement
    from rewriter.mysql.ruling import Circumstances, Ruling

_CODE: Final = frozenset({"CREATE PROCEDURE", "CREATE FUNCTION", "CREATE TRIGGER", "CREATE VIEW", "ALTER VIEW"})
_ENGINES: Final = frozenset({"FEDERATED", "FEDERATEDX", "CONNECT", "SPIDER", "MRG_MYISAM", "MERGE", "OQGRAPH", "S3"})
_WORDS: Final = {
    "SONAME": "a function from a library",
    "TABLESPACE": "a tablespace",
    "DIRECTORY": "a directory of the server",
    "CONNECTION": "a connection to a server",
}
_QUERIES: Final = frozenset({"SELECT", "WITH", "TABLE", "VALUES", "("})


def definition(ruling: Ruling, where: Circumstances) -> None:
    """Refuse a definition that names anything protected, or reads what the proxy cannot see."""
    statement = ruling.statement
    end = len(statement.tokens)
    if ruling.kind == "CREATE TABLE":
        end = _query_of(statement)
    for index, token in enumerate(statement.tokens[:end]):
        word = token.text.upper()
        if token.named and token.text.lower() in where.world.names:
            message = f"{ruling.kind} that names protected {token.text.lower()} is not available to you"
            hint = "Ask an administrator to do this with an account that no policy masks."
            raise Refusal("42000", message, hint=hint, position=token.start + 1)
        engine = statement.word(index - 1) == "ENGINE" or statement.word(index - 2) == "ENGINE"
        if (token.kind == "word" and word in _WORDS) or (engine and word.strip("'\"") in _ENGINES):
            message = f"{ruling.kind} with {_WORDS.get(word, f'engine {word}')} is not available to you"
            raise Refusal("42000", message, position=token.start + 1)
    if ruling.kind == "DROP DATABASE":
        _check_kept(statement, where)
    if ruling.kind in _CODE:
        reason = where.judge.against_text(where.reading.text[statement.tokens[0].start : statement.tokens[-1].end])
        if reason is not None:
            raise Refusal("42000", f"{ruling.kind} is not available to you here: {reason}")
    elif end < len(statement.tokens):
        query(ruling, where, end)


def _check_kept(statement: Statement, where: Circumstances) -> None:
    """Refuse to drop a database with protected tables: whoever makes them anew chooses what is in them."""
    schemas = {fold(schema, where.catalog) for schema, _ in where.world.hiding}
    for token in statement.tokens:
        written = token.text if token.kind == "quoted" else where.reading.text[token.start : token.end]
        if token.named and fold(written, where.catalog) in schemas:
            message = f"DROP DATABASE of {written}, which has protected tables, is not available to you"
            hint = "Ask an administrator to do this with an account that no policy masks."
            raise Refusal("42000", message, hint=hint, position=token.start + 1)


def load(ruling: Ruling, where: Circumstances) -> None:
    """LOAD DATA LOCAL into a table of which nothing is hidden and that fires nothing harmful."""
    statement = ruling.statement
    words = [statement.word(index) for index in range(len(statement.tokens))]
    if "LOCAL" not in words[:5]:
        raise Refusal("42000", "LOAD DATA of a file of the server is not available to you", hint="Use LOAD DATA LOCAL.")
    if "SELECT" in words or "INTO" not in words:
        raise Refusal("42000", "subqueries are not available in LOAD DATA", hint="Load first, and update then.")
    place = words.index("INTO") + 1 + (words[words.index("INTO") + 1] == "TABLE")
    names = [statement.tokens[place]]
    if statement.word(place + 1) == ".":
        names.append(statement.tokens[place + 2])
    written = [token.text if token.kind == "quoted" else where.reading.text[token.start : token.end] for token in names]
    schema = written[0] if len(written) > 1 else None
    meaning = meaning_of(schema, written[-1], where.catalog, where.facts)
    if meaning is Elsewhere.UNKNOWN:
        ruling.unknown.add((schema or where.facts.schema or "", written[-1]))
        return
    if meaning is Elsewhere.SYSTEM:
        raise Refusal("42000", "LOAD DATA into the server's own tables is not available to you")
    where.judge.check_calls(calls_in(statement, where.reading.text, None), where.facts, sure=False)
    if not isinstance(meaning, Table):
        return
    name = (meaning.schema, meaning.name)
    ruling.relations.append(name)
    if where.world.protects(name) or meaning.kind == "view":
        raise Refusal("42000", f"LOAD DATA into {'.'.join(name)} is not available to you", hint="Use INSERT.")
    everything = frozenset(column.name.lower() for column in meaning.columns)
    reason = where.judge.against_triggers(meaning, frozenset({"INSERT", "DELETE"}))
    reason = reason or fault(meaning, Effect(everything, deletes="REPLACE" in words), where.world)
    if reason is not None:
        raise Refusal("42000", f"LOAD DATA into {'.'.join(name)} is not available to you: {reason}")


def _query_of(statement: Statement) -> int:
    """The token at which the query of CREATE TABLE ... SELECT begins; beyond the end without one."""
    depth = 0
    for index in range(len(statement.tokens)):
        word = statement.word(index)
        begins = (
            word in _QUERIES and (word != "TABLE" or index > 3) and (word != "(" or statement.word(index - 1) == "AS")
        )
        if not depth and begins and index > 2:
            return index
        depth += (word == "(") - (word == ")")
    return len(statement.tokens)
