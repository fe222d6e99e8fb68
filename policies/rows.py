"""Row conditions: a SQL condition with `{principal.x}` and `{session.x}` in it.

Owns the placeholders and the lexical rules that make it safe to bind values into the text later. May not do: judge
the SQL; the rewriter parses it and proves that it reads nothing but the table's own columns.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from policies.model import RowCondition

if TYPE_CHECKING:
    from collections.abc import Collection

    from policies.model import AttributeValue, Principal, Session

MAX_LENGTH: Final = 4000
"""Characters of one row condition."""

SESSION_FIELDS: Final = (
    "database",
    "address",
    "application",
    "database_user",
    "tls",
    "date",
    "time",
    "hour",
    "minute",
    "weekday",
)

EVERY_ROW: Final = RowCondition("true")
"""The condition that every row meets."""

_NUMBERED = re.compile(r"\{(\d+)\}")  # nothing else of a bound condition has braces
_TOKEN = re.compile(
    r"""(?P<placeholder>\{(?P<owner>[A-Za-z_]+)\.(?P<name>[A-Za-z_][A-Za-z0-9_]*)\})
      | (?P<string>'(?:[^'{}\\]|'')*')
      | (?P<identifier>"(?:[^"{}\\]|"")*")
      | (?P<plain>(?:[^{}'"\\;$/-]|/(?!\*)|-(?!-))+)""",
    re.VERBOSE,
)


class RowsError(ValueError):
    """A row condition that cannot be used; `offset` is the character where it goes wrong, from 0."""

    def __init__(self, message: str, offset: int, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset
        self.hint = hint


class BindingError(LookupError):
    """An attribute that a row condition binds is missing, or holds what is no value of SQL."""


@dataclass(frozen=True, slots=True)
class RowTemplate:
    """A row condition before its values are known. `text` has `{0}`, `{1}`, ... for `placeholders` (owner, name)."""

    source: str
    text: str
    placeholders: tuple[tuple[str, str], ...]

    def bind(self, principal: Principal, session: Session) -> RowCondition:
        """Give the condition for one caller. Raises BindingError."""
        values = tuple(_value(owner, name, principal, session) for owner, name in self.placeholders)
        return RowCondition(self.text, values, repr(values))


def _value(owner: str, name: str, principal: Principal, session: Session) -> AttributeValue:
    if owner == "session":
        if name in SESSION_FIELDS:
            value: AttributeValue = getattr(session, name)
            return value
        if session.declared.get(name) is None:
            raise BindingError(f"the session has not declared `{name}`, which `rows` needs")
        return session.declared[name]
    if name == "name":
        return principal.name
    if name not in principal.attributes:
        raise BindingError(f"the principal has no attribute `{name}`, which `rows` needs")
    if not _is_value(principal.attributes[name]):
        raise BindingError(f"the attribute `{name}` of the principal cannot stand in `rows`")
    return principal.attributes[name]


def _is_value(value: object) -> bool:
    if isinstance(value, tuple):
        return all(_is_value(item) for item in value)
    return value is None or isinstance(value, str | int | float)


def read_rows(source: str, declared: Collection[str] = ()) -> RowTemplate:
    """Read a row condition; `declared` are the attributes that sessions may declare. Raises RowsError.

    Refused: placeholders within quotes, where a value would end up inside a literal; other braces, comments,
    dollar quotes, backslashes and semicolons, with which text could change what the quotes around it mean.
    """
    if len(source) > MAX_LENGTH:
        raise RowsError(f"the condition is longer than {MAX_LENGTH} characters", 0)
    parts: list[str] = []
    plain: list[tuple[int, str]] = []
    placeholders: list[tuple[str, str]] = []
    position = 0
    while position < len(source):
        match = _TOKEN.match(source, position)
        if match is None:
            raise _refused(source, position)
        if match["placeholder"]:
            placeholder = (match["owner"], match["name"])
            _check(placeholder, position, (*SESSION_FIELDS, *declared))
            _check_neighbours(source, match.start(), match.end())
            if placeholder not in placeholders:
                placeholders.append(placeholder)
            parts.append(f"{{{placeholders.index(placeholder)}}}")
        else:
            parts.append(match[0])
            if match["plain"]:
                plain.append((position, match[0]))
        position = match.end()
    _check_parentheses(source, plain)
    return RowTemplate(source, "".join(parts), tuple(placeholders))


def either(one: RowCondition, other: RowCondition) -> RowCondition:
    """The condition that holds where one of two holds."""
    return EVERY_ROW if one.always or other.always else _joined(one, "OR", other)


def both(one: RowCondition, other: RowCondition) -> RowCondition:
    """The condition that holds where each of two holds."""
    return _joined(one, "AND", other)


def _joined(one: RowCondition, word: str, other: RowCondition) -> RowCondition:
    first = len(one.values)
    shifted = _NUMBERED.sub(lambda found: f"{{{int(found[1]) + first}}}", other.text)
    values = (*one.values, *other.values)
    return RowCondition(f"({one.text}) {word} ({shifted})", values, repr(values))


def _check_parentheses(source: str, plain: list[tuple[int, str]]) -> None:
    """Refuse a condition that is none by itself, but would be one between the parentheses of others."""
    depth = 0
    for start, text in plain:
        for offset, sign in enumerate(text):
            depth += (sign == "(") - (sign == ")")
            if depth < 0:
                raise RowsError("a parenthesis is closed that was not opened", start + offset)
    if depth:
        raise RowsError("a parenthesis is not closed", len(source))


def _check(placeholder: tuple[str, str], position: int, known: Collection[str]) -> None:
    owner, name = placeholder
    if owner not in ("principal", "session"):
        raise RowsError(f"unknown placeholder `{{{owner}.{name}}}`", position, "use `{principal.x}` or `{session.x}`")
    if owner == "session" and name not in known:
        fields = ", ".join(f"`{field}`" for field in known)
        raise RowsError(f"the session has no `{name}`", position, f"it has {fields}")


def _check_neighbours(source: str, start: int, end: int) -> None:
    """Refuse what would grow together with the literal that takes the placeholder's place: `E{...}`, `{...}{...}`."""
    for neighbour, position in ((source[start - 1 : start], start), (source[end : end + 1], end)):
        if neighbour and (neighbour.isalnum() or neighbour in "_&'\"{}-/" or ord(neighbour) > 127):
            raise RowsError("a placeholder must stand alone", position, "put spaces around it")


def _refused(source: str, position: int) -> RowsError:
    match source[position]:
        case "'" | '"' as quote:
            inside = source[position + 1 :].partition(quote)[0]
            if "{" in inside:
                hint = "write the placeholder without quotes: its value is bound as one"
                return RowsError("a placeholder or brace stands within quotes", position, hint)
            if "\\" in inside:
                return RowsError("a backslash cannot stand in a row condition", position)
            return RowsError(f"the quote {quote} is not closed", position)
        case "{" | "}":
            return RowsError(
                "a brace is not part of a placeholder", position, "placeholders are `{principal.x}` and `{session.x}`"
            )
        case "-" | "/":
            return RowsError("a comment cannot stand in a row condition", position)
        case other:
            return RowsError(f"`{other}` cannot stand in a row condition", position)
