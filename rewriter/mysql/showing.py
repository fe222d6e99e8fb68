"""SHOW and EXPLAIN: what of the server's own answers a caller with masked columns may see.

Owns what may stand in SHOW, and the permission to see plans (`explain: allow`). A plan and its estimates are made from
statistics of the real values. May not do: rule on the statement that is explained.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rewriter.model import Refusal
from rewriter.mysql import inventory
from rewriter.mysql.calls import calls_in
from rewriter.mysql.definitions import definitions_of
from rewriter.mysql.kinds import shows
from rewriter.mysql.queries import query

if TYPE_CHECKING:
    from rewriter.mysql.reading import Statement
    from rewriter.mysql.ruling import Circumstances, Ruling

_STATEMENTS: Final = frozenset({"SELECT", "INSERT", "REPLACE", "UPDATE", "DELETE", "WITH", "TABLE", "VALUES", "("})
_OPTIONS: Final = frozenset({"EXTENDED", "PARTITIONS", "ANALYZE", "FORMAT", "=", "JSON", "TREE", "TRADITIONAL"})


def show(ruling: Ruling, where: Circumstances) -> None:
    """SHOW of what is on the list, with conditions that read nothing else."""
    statement = ruling.statement
    if not shows(statement):
        message = "this SHOW is not available to you, because columns are masked for you"
        raise Refusal("42000", message, hint="Definitions, settings and counts can be shown.")
    _check_secrets(ruling, where)
    if where.world.filters:
        inventory.check_show(statement)
    if any(token.kind == "word" and token.text in {"SELECT", "TABLE"} for token in statement.tokens[1:]):
        words = (statement.word(1), statement.word(2))
        if words not in {("CREATE", "TABLE"), ("TABLE", "STATUS")} or "SELECT" in {
            statement.word(index) for index in range(len(statement.tokens))
        }:
            raise Refusal("42000", "subqueries are not available in SHOW", hint="Query information_schema.")
    where.judge.check_calls(calls_in(statement, where.reading.text, None), where.facts)


def _check_secrets(ruling: Ruling, where: Circumstances) -> None:
    """Refuse what shows the hash of a password, which may be the service account's: CREATE USER, and GRANTS of MariaDB."""
    words = {ruling.statement.word(index) for index in range(1, 4)}
    if {"CREATE", "USER"} <= words or ("GRANTS" in words and where.catalog.flavour == "mariadb"):
        raise Refusal("42000", "this SHOW is not available to you: it shows the hash of a password")


def explain(ruling: Ruling, where: Circumstances) -> None:
    """EXPLAIN of a statement is the statement itself, ruled and edited as ever, where its plan may be seen."""
    statement = ruling.statement
    first = 1
    while _is_option(statement, first):
        first += 1
    if statement.word(first) not in _STATEMENTS:
        if statement.word(first) in {"FOR", "INTO"} or len(statement.tokens) - first > 4:
            raise Refusal("42000", "this EXPLAIN is not available to you", hint="Explain the statement itself.")
        return  # DESCRIBE table
    query(ruling, where, first)
    if not ruling.unknown and not where.world.open:
        _check_plan(ruling, where)


def _is_option(statement: Statement, index: int) -> bool:
    """Whether a token of EXPLAIN stands before the statement: a word, the value behind =, and INTO @variable."""
    if statement.word(index) in _OPTIONS:
        return True
    if not 0 < index < len(statement.tokens):
        return False
    token, behind = statement.tokens[index], statement.tokens[min(index + 1, len(statement.tokens) - 1)]
    if statement.word(index - 1) == "=":
        return token.named or token.kind == "string"
    if statement.word(index) == "INTO":
        return behind.kind == "variable"
    return token.kind == "variable" and statement.word(index - 1) == "INTO"


def _check_plan(ruling: Ruling, where: Circumstances) -> None:
    """Refuse the plan of a statement unless the rules of what its tables hide allow it."""
    waiting = list(ruling.relations)
    seen = set(waiting)
    for name in waiting:
        definition = definitions_of(where.catalog).get(name)
        new = definition.sources - seen if definition is not None else frozenset()
        seen |= new
        waiting += sorted(new)
        treatments = where.world.treatments.get(name, {})
        if name in where.world.filters or not all(
            treatment.explain for treatment in treatments.values() if treatment.hides
        ):
            message = f"EXPLAIN of a statement that reads or writes protected {'.'.join(name)} is not available to you"
            detail = "Plans and their estimates are made from statistics of the hidden values."
            hint = "Run the statement itself, or have a rule allow it by `explain: allow`."
            raise Refusal("42000", message, detail=detail, hint=hint)
    if where.key is not None and any(where.key.fingerprint in edit[2] for edit in ruling.edits):
        raise Refusal("42000", "EXPLAIN is not available to you where a keyed mask is applied")
