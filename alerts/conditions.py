"""Reading conditions: the keys of `when` and `unless`.

Owns what each key takes. May not do: decide (rules).
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Final

from alerts.rules import Attribute, Condition, Hours, Names, Range
from policies.patterns import NamePattern

if TYPE_CHECKING:
    from policies.positions import Checker, Node

_NAMES: Final = ("principal", "account", "application", "database", "ruling", "status", "sqlstate", "what")
_DOTTED: Final = {"relation": "relations"}
_OF_USE: Final = ("category", "treatment", "mask", "rule", "search", "join")
_WORDS: Final = {
    "ruling": ("pass", "rewrite", "deny"),
    "status": ("ok", "error", "denied", "cancelled", "skipped", "lost"),
    "treatment": ("clear", "mask", "deny"),
    "search": ("exact",),
    "join": ("exact",),
}
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOURS: Final = re.compile(r"([01]?[0-9]|2[0-4]):([0-5][0-9]) ?- ?([01]?[0-9]|2[0-4]):([0-5][0-9])")
_RANGE: Final = re.compile(r"(>=|<=|>|<)? ?([0-9]{1,12})")
_MOST: Final = 10**12

KEYS: Final = (
    *_NAMES,
    "address",
    *_DOTTED,
    "column",
    *_OF_USE,
    "level",
    "rows",
    "hours",
    "days",
    "attributes",
    "refused",
)
"""What can be asked."""

_EMPTY: Final = Condition()


def read_condition(checker: Checker, node: Node | None, what: str) -> Condition:
    """Read a condition; None asks nothing. Mistakes go to the checker."""
    if node is None:
        return _EMPTY
    fields = checker.fields(node, what, KEYS)
    names: list[Names] = []
    uses: list[Names] = []
    networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = []
    for key, value in fields.items():
        if key in _NAMES or key in _OF_USE:
            (names if key in _NAMES else uses).append(Names(key, _patterns(checker, value, key)))
        elif key in _DOTTED or key == "column":
            dotted = tuple(each for one in _patterns(checker, value, key) for each in (one, _from_the_right(one)))
            (uses if key == "column" else names).append(Names(_DOTTED.get(key, key), dotted))
        elif key == "address":
            _addresses(checker, value, names, networks)
        elif key == "refused":
            said = checker.boolean(value, "`refused`")
            names.append(Names("refused", (NamePattern(str(said).lower(), ""),)))
    return Condition(
        names=tuple(names),
        networks=tuple(networks),
        attributes=_attributes(checker, fields["attributes"]) if "attributes" in fields else (),
        rows=_range(checker, fields["rows"], "rows") if "rows" in fields else None,
        hours=_hours(checker, fields["hours"]) if "hours" in fields else None,
        days=_days(checker, fields["days"]) if "days" in fields else frozenset(),
        uses=tuple(uses),
        level=_range(checker, fields["level"], "level") if "level" in fields else None,
    )


def pattern(text: str) -> NamePattern:
    """A name as it is, or with `*` and `?`."""
    return NamePattern(None, text) if "*" in text or "?" in text else NamePattern(text, "")


def _from_the_right(one: NamePattern) -> NamePattern:
    """The same name behind a schema: `customers.phone` is public.customers.phone, too."""
    return NamePattern(None, f"*.{one.written}")


def _patterns(checker: Checker, node: Node, key: str) -> tuple[NamePattern, ...]:
    found = []
    for item in checker.one_or_more(node):
        words = _WORDS.get(key)
        text = checker.choice(item, f"`{key}`", words) if words else checker.text(item, f"`{key}`")
        if text is not None:
            found.append(pattern(text))
    return tuple(found)


def _addresses(
    checker: Checker,
    node: Node,
    names: list[Names],
    networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network],
) -> None:
    """Networks, as 10.1.0.0/16, or addresses with `*`."""
    patterns = []
    for item in checker.one_or_more(node):
        text = checker.text(item, "`address`")
        if text is None:
            continue
        try:
            networks.append(ipaddress.ip_network(text))
        except ValueError as error:
            if "/" in text:
                checker.problem(item, f"`{text}` is no network: {error}", "write one as 10.1.0.0/16")
            else:
                patterns.append(pattern(text))
    if patterns and networks:
        checker.problem(node, "`address` takes networks, or names with `*`, not both")
    if patterns:
        names.append(Names("address", tuple(patterns)))


def _attributes(checker: Checker, node: Node) -> tuple[Attribute, ...]:
    found = []
    for name, entry in checker.mapping(node, "`attributes`").items():
        values = []
        for item in checker.one_or_more(entry.value):
            if isinstance(item.value, str | int | float | bool):
                values.append(str(item.value).lower() if isinstance(item.value, bool) else str(item.value))
            else:
                checker.problem(item, f"attribute `{name}` must be text, a number, true or false, not {item.kind}")
        found.append(Attribute(name, tuple(values)))
    return tuple(found)


def _range(checker: Checker, node: Node, key: str) -> Range | None:
    text = str(node.value) if isinstance(node.value, str | int) and not isinstance(node.value, bool) else ""
    found = _RANGE.fullmatch(text.strip())
    if found is None:
        checker.problem(node, f"`{key}` must be a number, or a comparison with one", 'write 3, ">=3" or "<1000"')
        return None
    number = int(found[2])
    match found[1]:
        case ">=":
            return Range(key, number, _MOST)
        case ">":
            return Range(key, number + 1, _MOST)
        case "<=":
            return Range(key, 0, number)
        case "<":
            return Range(key, 0, number - 1)
        case _:
            return Range(key, number, number)


def _hours(checker: Checker, node: Node) -> Hours | None:
    text = checker.text(node, "`hours`")
    found = None if text is None else _HOURS.fullmatch(text.strip())
    if found is not None:
        begins, ends = int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4])
        if begins != ends and max(begins, ends) <= 24 * 60:
            return Hours(begins, ends)
    if text is not None:
        checker.problem(node, f"`{text}` are no hours", 'write "20:00-07:00"; the time zone is that of the file')
    return None


def _days(checker: Checker, node: Node) -> frozenset[int]:
    found: set[int] = set()
    for item in checker.one_or_more(node):
        text = checker.text(item, "`days`") or ""
        first, dash, last = text.lower().partition("-")
        if first not in _DAYS or (dash and last not in _DAYS):
            checker.problem(item, f"`{text}` is no day", "write mon, tue, wed, thu, fri, sat, sun, or mon-fri")
            continue
        begin, end = _DAYS.index(first), _DAYS.index(last) if dash else _DAYS.index(first)
        found.update(day % 7 + 1 for day in range(begin, end + (7 if end < begin else 0) + 1))
    return frozenset(found)
