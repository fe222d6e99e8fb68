"""The `calendar` and `session` sections of a policy file, read into its vocabulary.

Owns their keys. May not do: know conditions or rules.
"""

from __future__ import annotations

import datetime as dt
import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from policies.vocabulary import MAX_DECLARED, RESERVED, Attribute, Calendar, matches

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policies.positions import Checker, Node

CALENDAR: Final = ("timezone", "holidays", "workdays")
ATTRIBUTE: Final = ("description", "type", "values", "pattern", "minimum", "maximum")
"""The keys of the two sections."""

_KINDS: Final = ("text", "integer", "boolean")
_FITTING: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {"text": frozenset({"values", "pattern"}), "integer": frozenset({"minimum", "maximum"}), "boolean": frozenset()}
)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")  # folded alike by both databases, and a name of CEL
_WIDEST: Final = 10**18


def read_calendar(node: Node, checker: Checker) -> Calendar:
    """Read `calendar`; mistakes go to the checker."""
    fields = checker.fields(node, "`calendar`", CALENDAR)
    zone = _zone(fields["timezone"], checker) if "timezone" in fields else None
    holidays = _days(fields["holidays"], "`holidays`", checker) if "holidays" in fields else frozenset[str]()
    workdays = _days(fields["workdays"], "`workdays`", checker) if "workdays" in fields else frozenset[str]()
    for day in sorted(holidays & workdays):
        checker.problem(fields["workdays"], f"{day} is a holiday and a workday")
    return Calendar(zone, holidays, workdays)


def _zone(node: Node, checker: Checker) -> ZoneInfo | None:
    name = checker.text(node, "`timezone`")
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        checker.problem(node, f"`{name}` is no time zone", "write it as `Asia/Shanghai` or `Europe/Zurich`")
        return None


def _days(node: Node, what: str, checker: Checker) -> frozenset[str]:
    """The days of a list, of which each may be one day or `first..last`."""
    days: set[str] = set()
    for item in checker.items(node, what):
        text = checker.text(item, what)
        if text is None:
            continue
        first, _, last = text.partition("..")
        try:
            day, end = (dt.date.fromisoformat(part.strip()) for part in (first, last or first))
        except ValueError:
            checker.problem(item, f"`{text}` is no day", "write 2026-10-01, or 2026-10-01..2026-10-07")
            continue
        if not 0 <= (end - day).days < 366:
            checker.problem(item, f"`{text}` must go forward, by less than a year")
            continue
        days.update((day + dt.timedelta(each)).isoformat() for each in range((end - day).days + 1))
    return frozenset(days)


def read_attributes(node: Node, checker: Checker) -> Mapping[str, Attribute]:
    """Read `session`: what sessions may declare; mistakes go to the checker."""
    found: dict[str, Attribute] = {}
    for name, entry in checker.mapping(node, "`session`").items():
        if not _NAME.fullmatch(name):
            checker.problem(
                entry.key,
                f"`{name}` cannot be declared",
                "use up to 40 small letters, digits and `_`, and begin with a letter",
            )
        elif name in RESERVED:
            checker.problem(
                entry.key, f"sessions have `{name}` already", f"call it otherwise, for example `own_{name}`"
            )
        else:
            attribute = _attribute(name, entry.value, checker)
            if attribute is not None:
                found[name] = attribute
    return MappingProxyType(found)


def _attribute(name: str, node: Node, checker: Checker) -> Attribute | None:
    fields = checker.fields(node, f"`session.{name}`", ATTRIBUTE)
    if "description" in fields:
        checker.text(fields["description"], "`description`")
    kind = checker.choice(fields["type"], "`type`", _KINDS) if "type" in fields else "text"
    if kind is None:
        return None
    for key in ("values", "pattern", "minimum", "maximum"):
        if key in fields and key not in _FITTING[kind]:
            checker.problem(fields[key], f"`{key}` does not go with the type {kind}")
    bounds = {
        key: checker.integer(fields[key], f"`{key}`", -_WIDEST, _WIDEST)
        for key in ("minimum", "maximum")
        if key in fields
    }
    values = _values(fields["values"], checker) if "values" in fields else ()
    pattern = _pattern(fields["pattern"], checker) if "pattern" in fields else None
    return Attribute(name, kind, values, pattern, bounds.get("minimum"), bounds.get("maximum"))  # type: ignore[arg-type]  # checked by choice


def _values(node: Node, checker: Checker) -> tuple[str, ...]:
    found = []
    for item in checker.items(node, "`values`"):
        text = checker.text(item, "`values`")
        if text is not None and len(text) > MAX_DECLARED:
            checker.problem(item, f"a value has at most {MAX_DECLARED} characters")
        elif text is not None:
            found.append(text)
    if isinstance(node.value, tuple) and not node.value:
        checker.problem(node, "`values` is an empty list, so that nothing could be declared")
    return tuple(found)


def _pattern(node: Node, checker: Checker) -> str | None:
    text = checker.text(node, "`pattern`")
    if text is None:
        return None
    try:
        matches(text, "")
    except ValueError as error:
        checker.problem(node, f"`pattern` is no regular expression: {error}")
        return None
    return text
