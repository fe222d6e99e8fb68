"""Conditions in CEL (github.com/google/cel-spec): compiled and checked at loading, evaluated per decision.

Owns the variables that a condition sees: `principal` is a map, for its attributes are the operator's own; `session.*`
and `column.*` are declared one by one, so that a misspelt one is found before anybody logs in. What a session may declare
is `session.*` too, and null while it is not declared. The library is the only place that knows CEL; its limits (expression
size, recursion, iterations, RE2 for patterns) hold hostile input.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, Any, Final

from cel_expr_python import cel  # type: ignore[import-untyped]  # its stubs come without a py.typed marker

from policies.positions import suggestion
from policies.vocabulary import Vocabulary

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
    "session.time": _TEXT,
    "session.hour": _WHOLE,
    "session.minute": _WHOLE,
    "session.weekday": _WHOLE,
    "session.workday": _BOOL,
    "session.now": cel.Type.TIMESTAMP,
}
_SESSION_FIELDS = tuple(
    (variable, variable.removeprefix("session."))
    for variable in _SESSION
    if variable not in {"session.workday", "session.now"}
)
_COLUMN: Final = {
    "column.category": _TEXT,
    "column.level": _WHOLE,
    "column.schema": _TEXT,
    "column.table": _TEXT,
    "column.name": _TEXT,
}
_STATEMENT: Final = {"statement.kind": _TEXT}
VARIABLES: Final = ("principal", *_SESSION, *_COLUMN, *_STATEMENT)
"""Every variable that a condition may use."""

_PRINCIPAL = {"principal": cel.Type.Map(cel.Type.STRING, cel.Type.DYN)}
_NETWORK = re.compile(r"""\bin_network\(\s*session\.address\s*,\s*"([^"]*)"\s*\)""")
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


@lru_cache(maxsize=1024)
def _network(text: str) -> IPv4Network | IPv6Network:
    return ip_network(text, strict=False)


def _in_network(address: str, network: str) -> bool:
    """Whether an address lies in a network written as CIDR; of different families, no. Raises ValueError."""
    return ip_address(address) in _network(network)


_FUNCTIONS = [
    cel.FunctionDecl(
        "in_network",
        [cel.Overload("in_network_text", return_type=_BOOL, parameters=[_TEXT, _TEXT], impl=_in_network)],
    )
]
_PLAIN = Vocabulary()


@lru_cache(maxsize=64)
def _environment(declared: tuple[str, ...], *, column: bool, statement: bool = True) -> Any:  # noqa: ANN401  the library has no types
    """The variables of conditions, with those that sessions may declare."""
    own = {f"session.{name}": cel.Type.DYN for name in declared}  # null is no text
    more = (_COLUMN if column else {}) | (_STATEMENT if statement else {})
    return cel.NewEnv(variables=_PRINCIPAL | _SESSION | own | more, functions=_FUNCTIONS)


def _check_networks(text: str) -> None:
    """Raise ConditionError for a network that is none: evaluated, it would deny everybody."""
    for match in _NETWORK.finditer(text):
        try:
            _network(match[1])
        except ValueError:
            before = text[: match.start(1)]
            line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
            message = f"`{match[1]}` is no network"
            hint = 'write it as "10.1.0.0/16" or "2001:db8::/32"'
            raise ConditionError((ConditionProblem(line, column, message, hint),)) from None


class Condition:
    """A compiled condition. `per_column`: it looks at the column, so it is evaluated for each one; `per_statement` likewise."""

    __slots__ = ("_program", "per_column", "per_statement", "text")

    def __init__(self, text: str, vocabulary: Vocabulary = _PLAIN) -> None:
        """Compile and check. Raises ConditionError."""
        _check_networks(text)
        self.text = text
        declared = tuple(vocabulary.attributes)
        known = (*VARIABLES, *(f"session.{name}" for name in declared))
        self._program = compiled(text, _environment(declared, column=True), known)
        self.per_column = "column" in text and not _compiles_without(text, declared, column=False)
        self.per_statement = "statement" in text and not _compiles_without(text, declared, statement=False)

    def __repr__(self) -> str:
        return f"Condition({self.text!r})"

    def holds(self, facts: Facts) -> bool:
        """Evaluate. Raises ConditionFailed when an attribute is missing, types do not fit or the result is no boolean."""
        return truth(self._program, facts.activation)


def compiled(text: str, environment: Any, known: tuple[str, ...]) -> Any:  # noqa: ANN401  the library has no types
    """The program of a condition over an environment, whose variables are `known`. Raises ConditionError."""
    if len(text) > MAX_LENGTH:
        message = f"the condition is longer than {MAX_LENGTH} characters"
        raise ConditionError((ConditionProblem(1, 1, message),))
    try:
        program = environment.compile(text)
    except (RuntimeError, TypeError, ValueError) as error:
        raise ConditionError(_problems(str(error), known)) from None
    kind = program.return_type()
    if kind not in (cel.Type.BOOL, cel.Type.DYN):
        message = f"the condition gives {kind.name().lower()}, not true or false"
        raise ConditionError((ConditionProblem(1, 1, message, "compare it with something"),))
    return program


def truth(program: Any, activation: Any) -> bool:  # noqa: ANN401  the library has no types
    """Evaluate. Raises ConditionFailed when an attribute is missing, types do not fit or the result is no boolean."""
    try:
        result = program.eval(activation)
        value = result.value()
    except Exception as error:  # noqa: BLE001  whatever the library raises, the condition has not been evaluated
        raise ConditionFailed(_reason(str(error))) from None
    if isinstance(value, bool):
        return value
    if result.type() == cel.Type.ERROR:
        raise ConditionFailed(_reason(str(value)))
    raise ConditionFailed("the condition gave no true or false")


def _compiles_without(text: str, declared: tuple[str, ...], *, column: bool = True, statement: bool = True) -> bool:
    try:
        _environment(declared, column=column, statement=statement).compile(text)
    except (RuntimeError, TypeError, ValueError):
        return False
    return True


def _problems(message: str, known: tuple[str, ...]) -> tuple[ConditionProblem, ...]:
    found = [_explained(int(line), int(column), text, known) for line, column, text in _ERROR.findall(message)]
    if found:
        # an unknown name makes follow-up errors of its own
        unknown = tuple(problem for problem in found if problem.message.startswith("unknown"))
        return unknown or tuple(found)
    return (ConditionProblem(1, 1, message.partition(" [")[0].removeprefix("INVALID_ARGUMENT: ")),)


def _explained(line: int, column: int, text: str, known: tuple[str, ...]) -> ConditionProblem:
    text = text.removesuffix(" [INVALID_ARGUMENT]").replace(" (in container '')", "")
    if match := _UNDECLARED.match(text):
        name = match[1]
        # the library points at the dot or bracket behind the first part of the name
        start = max(1, column - len(name.partition(".")[0]))
        if name.partition(".")[0] in ("session", "column", "statement", "principal") or "." in name:
            hint = suggestion(name, known) or _fields_hint(name, known)
            return ConditionProblem(line, start, f"unknown variable `{name}`", hint)
        return ConditionProblem(line, column, f"unknown variable or function `{name}`", suggestion(name, known))
    if text.startswith("Syntax error"):
        text = "syntax error" + text.removeprefix("Syntax error").partition(" expecting ")[0].replace("'", "`")
        return ConditionProblem(
            line, column, text.replace("`<EOF>`", "the end"), "see the CEL examples in docs/policies.md"
        )
    return ConditionProblem(line, column, text.replace("'", "`"))


def _fields_hint(name: str, known: tuple[str, ...]) -> str:
    prefix = name.partition(".")[0]
    fields = [variable for variable in known if variable.startswith(f"{prefix}.")]
    return "there are " + ", ".join(f"`{field}`" for field in fields) if fields else "attributes are `principal.NAME`"


_KEY_MISSING = re.compile(r'Key not found in map : "([^"]*)"')


def _reason(message: str) -> str:
    if match := _KEY_MISSING.search(message):
        return f"the principal has no attribute `{match[1]}`; test it with `has(principal.{match[1]})`"
    return message.partition(": ")[2] or message


def plain(value: AttributeValue) -> object:
    """A value as conditions are given it: tuples as lists."""
    return [plain(item) for item in value] if isinstance(value, tuple) else value


class Facts:
    """The variables of one decision, converted once for all its conditions. Raises nothing."""

    __slots__ = ("_declared", "_known", "activation")

    def __init__(self, known: Mapping[str, object], declared: tuple[str, ...] = ()) -> None:
        self._known = known
        self._declared = declared
        self.activation: Any = _environment(declared, column=True).Activation(known)

    @classmethod
    def of(cls, principal: Principal, session: Session, vocabulary: Vocabulary = _PLAIN) -> Facts:
        """Give what is known of the caller and the moment; conditions that look at a column need `of_column`.

        The session's moment must be told in the zone of the vocabulary's calendar.
        """
        attributes = {key: plain(value) for key, value in principal.attributes.items()}
        known: dict[str, object] = {variable: getattr(session, name) for variable, name in _SESSION_FIELDS}
        known["session.workday"] = vocabulary.calendar.works(session)
        known["session.now"] = session.at
        for name in vocabulary.attributes:
            known[f"session.{name}"] = plain(session.declared.get(name))
        return cls({**known, "principal": {**attributes, "name": principal.name}}, tuple(vocabulary.attributes))

    def of_statement(self, kind: str) -> Facts:
        """Give the same with the kind of a statement."""
        return Facts({**self._known, "statement.kind": kind}, self._declared)

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
            },
            self._declared,
        )
