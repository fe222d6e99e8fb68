"""Conditions in CEL (github.com/google/cel-spec): compiled and checked at loading, evaluated per decision.

Owns the variables that a condition sees: `principal` is a map, for its attributes are the operator's own; `session.*`
and `column.*` are declared one by one, so that a misspelt one is found before anybody logs in. The library is the
only place that knows CEL; its limits (expression size, recursion, iterations, RE2 for patterns) hold hostile input.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from cel_expr_python import cel  # type: ignore[import-untyped]  # its stubs come without a py.typed marker

from policies.positions import suggestion

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policies.model import AttributeValue, ColumnName, Label, Principal, Session

MAX_LENGTH: Final = 4000
"""Characters of one condition; people write some 200."""

_TEXT, _WHOLE, _BOOL = cel.Type.STRING, cel.Type.INT, cel.Type.BOOL
_SESSION: Final = {
    "session.database": _TEXT,
    "session.address": _TEXT,
    "session.application": _TEXT,
    "session.database_user": _TEXT,
    "session.tls": _BOOL,
    "session.date": _TEXT,
    "session.hour": _WHOLE,
    "session.minute": _WHOLE,
    "session.weekday": _WHOLE,
}
_SESSION_FIELDS = tuple((variable, variable.removeprefix("session.")) for variable in _SESSION)
_COLUMN: Final = {
    "column.category": _TEXT,
    "column.level": _WHOLE,
    "column.schema": _TEXT,
    "column.table": _TEXT,
    "column.name": _TEXT,
}
VARIABLES: Final = ("principal", *_SESSION, *_COLUMN)
"""Every variable that a condition may use."""

_PRINCIPAL = {"principal": cel.Type.Map(cel.Type.STRING, cel.Type.DYN)}
_ENVIRONMENT = cel.NewEnv(variables=_PRINCIPAL | _SESSION | _COLUMN)
_WITHOUT_COLUMN = cel.NewEnv(variables=_PRINCIPAL | _SESSION)
_ERROR = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*)")
_UNDECLARED = re.compile(r"undeclared reference to '([^']*)'")


@dataclass(frozen=True, slots=True)
class ConditionProblem:
    """A mistake in a condition; line and column count from 1 within its text."""

    line: int
    column: int
    message: str
    hint: str | None = None


class ConditionError(ValueError):
    """A condition that cannot be compiled, with all its mistakes."""

    def __init__(self, problems: tuple[ConditionProblem, ...]) -> None:
        super().__init__("; ".join(problem.message for problem in problems))
        self.problems = problems


class ConditionFailed(Exception):  # noqa: N818  an answer of evaluation, not a fault of the program
    """A condition could not be evaluated for these facts; the text says why, in words of the condition."""


class Condition:
    """A compiled condition. `per_column`: it looks at the column, so it is evaluated for each one."""

    __slots__ = ("_program", "per_column", "text")

    def __init__(self, text: str) -> None:
        """Compile and check. Raises ConditionError."""
        if len(text) > MAX_LENGTH:
            message = f"the condition is longer than {MAX_LENGTH} characters"
            raise ConditionError((ConditionProblem(1, 1, message),))
        self.text = text
        try:
            self._program = _ENVIRONMENT.compile(text)
        except (RuntimeError, TypeError, ValueError) as error:
            raise ConditionError(_problems(str(error))) from None
        kind = self._program.return_type()
        if kind not in (cel.Type.BOOL, cel.Type.DYN):
            message = f"the condition gives {kind.name().lower()}, not true or false"
            raise ConditionError((ConditionProblem(1, 1, message, "compare it with something"),))
        self.per_column = not _compiles_without_column(text)

    def __repr__(self) -> str:
        return f"Condition({self.text!r})"

    def holds(self, facts: Facts) -> bool:
        """Evaluate. Raises ConditionFailed when an attribute is missing, types do not fit or the result is no boolean."""
        try:
            result = self._program.eval(facts.activation)
            value = result.value()
        except Exception as error:  # noqa: BLE001  whatever the library raises, the rule has not been evaluated
            raise ConditionFailed(_reason(str(error))) from None
        if isinstance(value, bool):
            return value
        if result.type() == cel.Type.ERROR:
            raise ConditionFailed(_reason(str(value)))
        raise ConditionFailed("the condition gave no true or false")


def _compiles_without_column(text: str) -> bool:
    try:
        _WITHOUT_COLUMN.compile(text)
    except (RuntimeError, TypeError, ValueError):
        return False
    return True


def _problems(message: str) -> tuple[ConditionProblem, ...]:
    found = [_explained(int(line), int(column), text) for line, column, text in _ERROR.findall(message)]
    if found:
        # an unknown name makes follow-up errors of its own
        unknown = tuple(problem for problem in found if problem.message.startswith("unknown"))
        return unknown or tuple(found)
    return (ConditionProblem(1, 1, message.partition(" [")[0].removeprefix("INVALID_ARGUMENT: ")),)


def _explained(line: int, column: int, text: str) -> ConditionProblem:
    text = text.removesuffix(" [INVALID_ARGUMENT]").replace(" (in container '')", "")
    if match := _UNDECLARED.match(text):
        name = match[1]
        # the library points at the dot or bracket behind the first part of the name
        start = max(1, column - len(name.partition(".")[0]))
        if name.partition(".")[0] in ("session", "column", "principal") or "." in name:
            hint = suggestion(name, VARIABLES) or _fields_hint(name)
            return ConditionProblem(line, start, f"unknown variable `{name}`", hint)
        return ConditionProblem(line, column, f"unknown variable or function `{name}`", suggestion(name, VARIABLES))
    if text.startswith("Syntax error"):
        text = "syntax error" + text.removeprefix("Syntax error").partition(" expecting ")[0].replace("'", "`")
        return ConditionProblem(
            line, column, text.replace("`<EOF>`", "the end"), "see the CEL examples in docs/policies.md"
        )
    return ConditionProblem(line, column, text.replace("'", "`"))


def _fields_hint(name: str) -> str:
    prefix = name.partition(".")[0]
    fields = [variable for variable in VARIABLES if variable.startswith(f"{prefix}.")]
    return "there are " + ", ".join(f"`{field}`" for field in fields) if fields else "attributes are `principal.NAME`"


_KEY_MISSING = re.compile(r'Key not found in map : "([^"]*)"')


def _reason(message: str) -> str:
    if match := _KEY_MISSING.search(message):
        return f"the principal has no attribute `{match[1]}`; test it with `has(principal.{match[1]})`"
    return message.partition(": ")[2] or message


def _plain(value: AttributeValue) -> object:
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


class Facts:
    """The variables of one decision, converted once for all its conditions. Raises nothing."""

    __slots__ = ("_known", "activation")

    def __init__(self, known: Mapping[str, object]) -> None:
        self._known = known
        self.activation: Any = _ENVIRONMENT.Activation(known)

    @classmethod
    def of(cls, principal: Principal, session: Session) -> Facts:
        """Give what is known of the caller and the moment; conditions that look at a column need `of_column`."""
        attributes = {key: _plain(value) for key, value in principal.attributes.items()}
        known: dict[str, object] = {variable: getattr(session, name) for variable, name in _SESSION_FIELDS}
        return cls({**known, "principal": {**attributes, "name": principal.name}})

    def of_column(self, column: ColumnName, label: Label) -> Facts:
        """Give the same with one column's variables."""
        return Facts(
            {
                **self._known,
                "column.category": label.category,
                "column.level": label.level,
                "column.schema": column.schema,
                "column.table": column.relation,
                "column.name": column.column,
            }
        )
