"""One statement's ruling: what it touches, what takes the place of what, or why it is refused.

Owns the handling of each way of `rewriter.mysql.kinds` for a caller with masked columns. May not do: edit text; it leaves
edits and the expected tree for `rewriter.mysql.rewrite`, which proves them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rewriter.model import Refusal, UnknownNames
from rewriter.mysql import preparing
from rewriter.mysql.administration import definition, load
from rewriter.mysql.calls import calls_in
from rewriter.mysql.kinds import KINDS, behind_limits, kind_of
from rewriter.mysql.names import SYSTEM_SCHEMAS
from rewriter.mysql.queries import query
from rewriter.mysql.ruling import Circumstances, Ruling
from rewriter.mysql.settings import check_limits, setting
from rewriter.mysql.showing import explain, show

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rewriter.mysql.kinds import Kind, Way
    from rewriter.mysql.reading import Statement

_RULED: frozenset[Way] = frozenset({"query", "explain", "setting", "use", "prepare", "run", "forget"})
"""The ways of what is looked at even where nothing is hidden, for what names mean and how texts are read."""
_READING = frozenset({"SELECT", "TABLE"})


def rule(statement: Statement, where: Circumstances) -> Ruling:
    """Rule on a statement; raises Refusal. Names that must be looked up first are left in `unknown`; then it is not complete."""
    name = kind_of(statement)
    known = KINDS.get(name)
    way: Way = known.way if known is not None else "refuse"
    if where.world.open and way not in _RULED:
        way = "pass"
    if way == "refuse":
        raise refused(name, known)
    _check_variables(statement)
    changes_names = known is None or known.changes_names
    ruling = Ruling(statement, name, changes_names, known is None or known.changes_catalog)
    _WAYS[way](ruling, where)
    return ruling


def refused(name: str, known: Kind | None) -> Refusal:
    """The refusal of a kind of statement."""
    if known is None and not any(kind.split(" ", 1)[0] == name.split(" ", 1)[0] for kind in KINDS):
        return Refusal(
            "42601", f"{name[:40] or 'this'} begins no statement that louver knows", hint="Check its spelling."
        )
    label = known.label if known else name[:40]
    usual = "Ask an administrator to do this with an account that no policy masks."
    hint = (known.hint if known else None) or usual
    return Refusal("42000", f"{label} is not available to you, because columns are masked for you", hint=hint)


def _pass(ruling: Ruling, where: Circumstances) -> None:
    """Nothing in it reads a value; what it calls may still."""
    calls = calls_in(ruling.statement, where.reading.text, None)
    where.judge.check_calls(calls, where.facts, sure=False)


def _query(ruling: Ruling, where: Circumstances) -> None:
    first = behind_limits(ruling.statement)
    check_limits(ruling.statement, first)
    if ruling.kind == "DO":
        query(ruling, where, first + 1, "SELECT")
    else:
        query(ruling, where, first)


def _use(ruling: Ruling, _: Circumstances) -> None:
    """USE name, and nothing else."""
    if len(ruling.statement.tokens) != 2:
        raise Refusal("42000", "USE takes the name of one database")


def _call(ruling: Ruling, where: Circumstances) -> None:
    """CALL of a procedure whose body is harmless, with arguments that read nothing protected."""
    statement = ruling.statement
    tokens = [token for token in statement.tokens[1:4] if token.named]
    qualified = statement.word(2) == "."
    if not tokens:
        raise Refusal("42000", "CALL takes the name of a procedure")
    name = tokens[1] if qualified and len(tokens) > 1 else tokens[0]
    schema = where.facts.schema
    if qualified:
        first = tokens[0]
        schema = first.text if first.kind == "quoted" else where.reading.text[first.start : first.end]
    if schema is not None and schema.lower() in SYSTEM_SCHEMAS:
        raise Refusal("42000", f"procedures of {schema} are not available to you, because columns are masked for you")
    routine = where.judge.find(schema, name.text, "procedure")
    if routine is None:
        if schema is not None and (schema, name.text.lower()) not in where.facts.absent:
            raise UnknownNames(frozenset(), frozenset({(schema, name.text.lower())}))
        raise Refusal("42000", f"PROCEDURE {name.text.lower()} does not exist")
    reason = where.judge.against(routine)
    if reason is not None:
        message = f"procedure {routine.schema}.{routine.name} is not available to you: {reason}"
        raise Refusal("42000", message, hint="Have the operator list it under `functions` when it is safe.")
    if any(token.kind == "word" and token.text in {"SELECT", "TABLE", "VALUES"} for token in statement.tokens):
        raise Refusal("42000", "subqueries are not available in CALL", hint="Put their results into variables first.")
    calls = [call for call in calls_in(statement, where.reading.text, None) if call.position != name.start + 1]
    where.judge.check_calls(calls, where.facts)


def _prepare(ruling: Ruling, where: Circumstances) -> None:
    """PREPARE of a text, which is ruled and edited as a statement of its own."""
    inner = preparing.within(ruling.statement, where)
    preparing.keep(ruling, rule(inner.reading.statements[0], inner), inner, where)


def _check_variables(statement: Statement) -> None:
    """Refuse the user variables that the proxy keeps keys in."""
    for token in statement.tokens:
        if token.kind == "variable" and token.text.startswith("louver"):
            message = "user variables whose names begin with louver are not available to you"
            raise Refusal("42000", message, hint="Use another name.", position=token.start + 1)


def _run(ruling: Ruling, where: Circumstances) -> None:
    """EXECUTE of what was prepared and ruled on, with values that read nothing."""
    words = (token.text for token in ruling.statement.tokens if token.kind == "word")
    if not where.world.open and not _READING.isdisjoint(words):
        raise Refusal(
            "42000", "subqueries are not available in EXECUTE", hint="Put their results into variables first."
        )
    preparing.rename(ruling, 1, where)
    _pass(ruling, where)


def _forget(ruling: Ruling, where: Circumstances) -> None:
    """DEALLOCATE PREPARE."""
    preparing.rename(ruling, 2, where)


_WAYS: Mapping[Way, Callable[[Ruling, Circumstances], None]] = {
    "query": _query,
    "explain": explain,
    "setting": setting,
    "use": _use,
    "show": show,
    "prepare": _prepare,
    "run": _run,
    "forget": _forget,
    "call": _call,
    "definition": definition,
    "load": load,
    "pass": _pass,
}
