"""Which columns a rule, an approval or a grant means: the keys of `columns`, read into a selector; and which tables a filter means.

Owns these keys. May not do: match anything.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from policies.entries import MAX_LEVEL
from policies.patterns import NamePattern, PatternError, read_pattern, read_patterns
from policies.positions import suggestion
from policies.rules import COMPARISONS, LevelTest, Selector

if TYPE_CHECKING:
    from collections.abc import Collection

    from policies.positions import Checker, Node

COLUMNS: Final = ("category", "level", "schema", "table", "column")
"""The keys of `columns`."""


def selector(node: Node, categories: Collection[str], checker: Checker) -> Selector:
    """Read the columns that a rule means, of a dictionary with these categories; mistakes go to the checker."""
    fields = checker.fields(node, "`columns`", COLUMNS)
    if isinstance(node.value, dict) and not node.value:
        checker.problem(node, "`columns` is empty", 'to mean every labelled column, write {category: "*"}')
    return Selector(
        category=_categories(fields["category"], categories, checker) if "category" in fields else (),
        level=_levels(fields["level"], checker) if "level" in fields else (),
        schema=_names(fields["schema"], "`schema`", checker) if "schema" in fields else (),
        table=tables(fields["table"], "`table`", checker) if "table" in fields else (),
        column=_names(fields["column"], "`column`", checker) if "column" in fields else (),
    )


def _categories(node: Node, categories: Collection[str], checker: Checker) -> tuple[NamePattern, ...]:
    found: list[NamePattern] = []
    for item in _some(node, "`category`", checker):
        text = checker.text(item, "`category`")
        if text is None:
            continue
        glob = "*" in text or "?" in text
        pattern = NamePattern(None, text) if glob else NamePattern(text, "")
        if not any(pattern.matches(category) for category in categories):
            checker.problem(item, f"no column has the category `{text}`", suggestion(text, categories))
        found.append(pattern)
    return tuple(found)


def _levels(node: Node, checker: Checker) -> tuple[LevelTest, ...]:
    tests: list[LevelTest] = []
    for item in _some(node, "`level`", checker):
        text = str(item.value) if isinstance(item.value, str | int) else ""
        match = re.fullmatch(rf"\s*({'|'.join(COMPARISONS)})?\s*([1-{MAX_LEVEL}])\s*", text)
        if match and not isinstance(item.value, bool):
            tests.append(LevelTest(match[1] or "=", int(match[2])))
        else:
            checker.problem(item, f"`level` must be a level from 1 to {MAX_LEVEL}, or a comparison", 'such as ">=3"')
    return tuple(tests)


def _names(node: Node, what: str, checker: Checker) -> tuple[NamePattern, ...]:
    return tuple(p for item in _some(node, what, checker) for p in patterns(item, what, 1, "a name", checker))


def tables(node: Node, what: str, checker: Checker) -> tuple[tuple[NamePattern | None, NamePattern], ...]:
    """Read tables, (schema or None, table) each, as `what` is called; mistakes go to the checker."""
    found: list[tuple[NamePattern | None, NamePattern]] = []
    for item in _some(node, what, checker):
        text = checker.text(item, what)
        if text is None:
            continue
        try:
            found.append((None, read_pattern(text)))
        except PatternError:
            names = patterns(item, what, 2, "`table` or `schema.table`", checker)
            if names:
                found.append((names[0], names[1]))
    return tuple(found)


def _some(node: Node, what: str, checker: Checker) -> tuple[Node, ...]:
    items = checker.one_or_more(node)
    if not items:
        checker.problem(node, f"{what} is an empty list, which matches nothing")
    return items


def patterns(node: Node, what: str, count: int, shape: str, checker: Checker) -> tuple[NamePattern, ...]:
    """Read a dotted name of `count` parts, none when it is no such; mistakes go to the checker."""
    text = checker.text(node, what)
    if text is None:
        return ()
    try:
        return read_patterns(text, count, shape)
    except PatternError as error:
        checker.problem(node, str(error))
        return ()
