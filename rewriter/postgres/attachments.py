"""Code that comes with a relation: what reading it or writing to it runs besides the statement itself.

Owns triggers, defaults, checks, generated columns, index expressions, row policies and the types of columns. On a protected
relation such code is handed the real values, so there it may call user functions only without them, and a trigger
function may look at NEW and OLD only where the caller sees them as they are. May not do: judge functions (`rewriter.postgres.code`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rewriter.model import Refusal
from rewriter.postgres.bodies import Part, condition_of, definition, parts_of
from rewriter.postgres.definitions import DEFINED, behind, run_by
from rewriter.postgres.examination import changed_with
from rewriter.postgres.firing import ALL, fires
from rewriter.postgres.functions import index_of
from rewriter.postgres.plpgsql_words import Unreadable
from rewriter.postgres.scopes import walk

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet

    from rewriter.model import Name, WrittenName
    from rewriter.postgres.catalog import Attached, Function, Relation
    from rewriter.postgres.code import Judge, Verdict

_ROWS = frozenset({"new", "old"})
_SUPPRESSING = (
    "pg_catalog",
    "suppress_redundant_updates_trigger",
)  # what it tells is weighed by rewriter.postgres.telling


def check_read(judge: Judge, relation: Relation, unknown: set[WrittenName], functions: set[WrittenName]) -> bool:
    """Refuse reading a relation that would run code which may not run; True when the code may change what names mean.

    Names that have to be looked up first are added to `unknown` (relations) and `functions`. Raises Refusal 42501.
    """
    verdicts: list[Verdict] = []
    for each in behind(relation, judge.catalog):
        run = run_by(each, judge.catalog)
        if not (run or each.oid in judge.catalog.attached):
            continue
        subject = f"reading {each.schema}.{each.name} runs "
        shown: set[Name] = set()
        for attached in judge.catalog.attached.get(each.oid, ()):
            if attached.reads:
                shown |= _expression(judge, each, attached, subject, verdicts)
        # what is protected behind a view is masked before the view's own functions get it
        protected = judge.world.stores_hidden(each.oid) and each.kind not in DEFINED
        _functions(judge, run, shown, protected, subject, verdicts)
    return _all_of(verdicts, unknown, functions)


def check_write(
    judge: Judge, relation: Relation, unknown: set[WrittenName], functions: set[WrittenName], *, events: int = ALL
) -> bool:
    """The same for writing to a relation, with all that changes with it: partitions, children, what foreign keys cascade to.

    `events` are those of triggers that the write can come to (`rewriter.postgres.firing`).
    """
    verdicts: list[Verdict] = []
    for changed in changed_with(relation, judge.catalog):
        subject = f"writing to {changed.schema}.{changed.name} runs "
        shown: set[Name] = set()
        triggered: set[Name] = set()  # judged as what they are: with their transition tables
        for attached in judge.catalog.attached.get(changed.oid, ()):
            if not attached.writes:
                continue
            if attached.what == "trigger":
                triggered.add(_trigger(judge, changed, attached, subject, verdicts, events))
            else:
                shown |= _expression(judge, changed, attached, subject, verdicts)
        others = [function for function in changed.write_functions if function not in triggered]
        made = index_of(judge.catalog).relations.get(changed.oid, ())
        _functions(judge, [*others, *made], shown, judge.world.stores_hidden(changed.oid), subject, verdicts)
    return _all_of(verdicts, unknown, functions)


def _expression(
    judge: Judge, relation: Relation, attached: Attached, subject: str, verdicts: list[Verdict]
) -> set[Name]:
    """Judge an expression; returns the functions it calls without protected values."""
    try:
        part = definition(attached)
    except Unreadable:
        if judge.is_open:
            return set()
        raise _refused(f"{subject}a {attached.what} that cannot be read") from None
    examined = judge.examiner.examine([part])
    verdict = judge.verdict_on(examined)
    if verdict.reason is not None:
        raise _refused(f"{subject}a {attached.what}, which is not allowed: {verdict.reason}")
    verdicts.append(verdict)
    hidden = _hidden(judge, relation)
    if hidden and _reads(part, hidden):
        called = [name for name, _ in examined.calls if ".".join(name) not in judge.listed]
        if called:
            name = ".".join(min(called))
            message = f"{subject}a {attached.what} that hands values which are masked for you to {name}()"
            raise _refused(
                message, f"An administrator can list {name} in the policies when it is known to be harmless."
            )
    return {name for name, _ in examined.calls}


def _trigger(  # noqa: PLR0913, PLR0917  a trigger and what fires it
    judge: Judge, relation: Relation, attached: Attached, subject: str, verdicts: list[Verdict], events: int
) -> Name:
    """Judge a trigger if any of the events fires it; returns its function."""
    node, function = _statement_of(attached, subject)
    if not fires(node["CreateTrigStmt"], events):
        return function
    written = ".".join(function)
    hidden = _hidden(judge, relation)
    given = _transitions(node["CreateTrigStmt"])
    verdict = judge.verdict(function, transitions=given) if function[0] != "pg_catalog" else None
    if verdict is not None:
        if verdict.reason is not None:
            raise _refused(
                f"{subject}trigger function {written}(), which is not allowed: {verdict.reason}", _hint(written)
            )
        verdicts.append(verdict)
    condition = condition_of(node)
    if condition is not None:
        of_condition = judge.verdict_on(judge.examiner.examine([condition]))
        if of_condition.reason is not None:
            raise _refused(f"{subject}a trigger whose condition is not allowed: {of_condition.reason}")
        verdicts.append(of_condition)
    if written in judge.listed or judge.is_open:
        return function
    if node["CreateTrigStmt"].get("deferrable"):
        # it runs when the transaction ends, and by then names may mean something else
        raise _refused(f"{subject}trigger function {written}() when the transaction ends", _hint(written))
    if not hidden or function == _SUPPRESSING:
        return function
    message = f"{subject}trigger function {written}(), which looks at values that are masked for you"
    if (
        verdict is None
        or given
        or (condition is not None and _reads(condition, hidden))
        or not all(blind(overload, hidden) for overload in judge.catalog.code.get(function, ()))
    ):
        raise _refused(message, _hint(written))
    return function


def _statement_of(attached: Attached, subject: str) -> tuple[dict[str, Any], Name]:
    """The statement that makes a trigger, and its function."""
    try:
        node = definition(attached).node
    except Unreadable:
        raise _refused(f"{subject}a trigger that cannot be read") from None
    parts = [part["String"]["sval"] for part in node["CreateTrigStmt"]["funcname"]]
    return node, (parts[-2] if len(parts) > 1 else "pg_catalog", parts[-1])


def _transitions(trigger: dict[str, Any]) -> frozenset[str]:
    """The names of the transition tables of a CreateTrigStmt."""
    return frozenset(each["TriggerTransition"]["name"] for each in trigger.get("transitionRels", ()))


def blind(function: Function, hidden: AbstractSet[str]) -> bool:
    """Whether no statement of a trigger function looks at hidden columns of NEW and OLD, but to return the row."""
    for part in parts_of(function):
        plain = part.form == "returned" and part.data.decode().lower().split()[1:] in (["new"], ["old"])
        if not plain and part.form != "target" and _reads(part, hidden, rows_only=True):
            return False
    return True


def _reads(part: Part, hidden: AbstractSet[str], *, rows_only: bool = False) -> bool:
    """Whether a statement names a hidden column, or a whole row that may hold one.

    `rows_only`: only what is written new.x or old.x counts, for the other names are variables.
    """
    found = walk(part.node)
    if found.alone & _ROWS or found.starred & _ROWS:
        return True
    if not rows_only:
        return (
            bool(found.names & hidden)
            or bool(found.starred)
            or any("A_Star" in column["fields"][-1] for column in found.columns)
        )
    return any(
        fields[0].get("String", {}).get("sval") in _ROWS and fields[1].get("String", {}).get("sval") in hidden
        for fields in (column["fields"] for column in found.columns)
        if len(fields) > 1
    )


def _functions(  # noqa: PLR0913, PLR0917  some functions and where they run
    judge: Judge, run: Iterable[Name], shown: AbstractSet[Name], protected: bool, subject: str, verdicts: list[Verdict]
) -> None:
    """Judge functions that a relation runs by other ways than an expression: its view, its rules, types of columns."""
    for function in run:
        written = ".".join(function)
        verdict = judge.verdict(function)
        reason = verdict.reason
        if reason is None and protected and function not in shown and written not in judge.listed:
            reason = "it is handed values that are masked for you"
        if reason is not None:
            raise _refused(f"{subject}function {written}(), which is not allowed: {reason}", _hint(written))
        verdicts.append(verdict)


def _hidden(judge: Judge, relation: Relation) -> frozenset[str]:
    """Names of the columns of a relation that the caller does not see as they are."""
    treatments = judge.world.treatments.get(relation.oid, {})
    return frozenset(name for name, one in treatments.items() if one.hides)


def _all_of(verdicts: list[Verdict], unknown: set[WrittenName], functions: set[WrittenName]) -> bool:
    for verdict in verdicts:
        unknown |= verdict.unknown
        functions |= verdict.unknown_functions
    return any(verdict.changes_names for verdict in verdicts)


def _hint(written: str) -> str:
    return f"An administrator can list {written} in the policies when it is known to be harmless."


def _refused(message: str, hint: str = "Use an account for which no column of it is masked.") -> Refusal:
    return Refusal("42501", message, hint=hint)
