"""What tests of policies expect of the rows of tables and of how much may be read.

Owns these expectations: their keys in a test file, and the check of a decision against them. May not do: I/O, deciding.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from policies.limits import MOST, NUMBERS
from policies.patterns import PatternError, read_patterns
from policies.words import describe_limit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policies.model import Decision, Limit, RowFilter
    from policies.positions import Checker, Node

TABLE: Final = ("rows", "filter")
LIMIT: Final = ("name", *NUMBERS)
"""The keys of what is expected of a table, and of a limit."""

ROWS: Final = ("all", "none", "refused")
"""What may be expected of a table in one word."""

_PLACEHOLDER: Final = re.compile(r"\{(?:principal|session)\.\w+\}")


@dataclass(frozen=True, slots=True)
class ExpectedRows:
    """The rows that a table is expected to have; None where nothing is. `rows` is the author's text, `shown` one of `ROWS`."""

    written: str
    schema: str
    table: str
    shown: str | None = None
    rows: str | None = None
    rule: str | None = None

    def differs(self, decision: Decision) -> str | None:
        """Say in what the rows are not those that are expected; None when they are."""
        return next(self._differences(decision), None)

    def _differences(self, decision: Decision) -> Iterator[str]:
        decided = decision.deciding(self.schema, self.table)
        told = f"{self.written}: {shown_rows(decided)}" + (f", by `{decided.rule}`" if decided else "")
        if self.shown is not None and self.shown != _kind(decided):
            yield told
        if self.rows is not None:
            found = None if decided is None or decided.rows is None else decided.rows
            if found is None or plain(found.text) != plain(self.rows):
                yield told
        if self.rule is not None and (decided is None or decided.rule != self.rule):
            yield told


@dataclass(frozen=True, slots=True)
class ExpectedLimit:
    """How much is expected to be allowed. `limited` False: no limit; `numbers` are those that are written."""

    limited: bool
    name: str | None = None
    numbers: tuple[tuple[str, int], ...] = ()

    def differs(self, limit: Limit | None) -> str | None:
        """Say which limit there is instead; None when it is the one that is expected."""
        told = "limit: any number of statements and rows" if limit is None else f"limit: {describe_limit(limit)}"
        if (limit is not None) != self.limited:
            return told
        named = self.name is None or (limit is not None and limit.rule == self.name)
        return None if named and all(_number(limit, key) == number for key, number in self.numbers) else told


def shown_rows(decided: RowFilter | None) -> str:
    """Which rows of a table there are, in words; None: no filter means it."""
    match _kind(decided):
        case "all":
            return "all rows are there"
        case "none":
            return "no row is there"
        case "refused":
            return f"it may not be read ({decided.reason if decided else ''})"
        case _:
            return f"only rows are there where {decided.rows.text if decided and decided.rows else ''}"


def plain(condition: str) -> str:
    """A row condition with its spaces as one and its placeholders numbered, as they are once it is bound."""
    seen: list[str] = []

    def number(match: re.Match[str]) -> str:
        if match[0] not in seen:
            seen.append(match[0])
        return f"{{{seen.index(match[0])}}}"

    return " ".join(_PLACEHOLDER.sub(number, condition).split())


def read_tables(node: Node, checker: Checker) -> tuple[ExpectedRows, ...]:
    """Read what is expected of tables; mistakes go to the checker."""
    found = []
    for written, entry in checker.mapping(node, "`tables`").items():
        try:
            names = [part.exact for part in read_patterns(written, 2, "`schema.table`") if part.exact is not None]
        except PatternError as error:
            checker.problem(entry.key, str(error))
            continue
        if len(names) < 2:
            checker.problem(entry.key, "a test names one table, without wildcards")
            continue
        schema, table = names
        value = entry.value
        if isinstance(value.value, str):
            found.append(ExpectedRows(written, schema, table, checker.choice(value, f"`{written}`", ROWS)))
            continue
        fields = checker.fields(value, f"`{written}`", TABLE)
        texts = {key: checker.text(fields[key], f"`{key}`") for key in TABLE if key in fields}
        if not texts and isinstance(value.value, Mapping):
            checker.problem(
                value, f"nothing is expected of `{written}`", "say `rows`, `filter`, or one of all, none, refused"
            )
        found.append(ExpectedRows(written, schema, table, None, texts.get("rows"), texts.get("filter")))
    return tuple(found)


def read_limit(node: Node, checker: Checker) -> ExpectedLimit:
    """Read what is expected of how much may be read; mistakes go to the checker."""
    if isinstance(node.value, str):
        checker.choice(node, "`limit`", ("none",))
        return ExpectedLimit(limited=False)
    fields = checker.fields(node, "`limit`", LIMIT)
    name = checker.text(fields["name"], "`name`") if "name" in fields else None
    numbers = [(key, checker.integer(fields[key], f"`{key}`", 1, MOST)) for key in NUMBERS if key in fields]
    return ExpectedLimit(True, name, tuple((key, number) for key, number in numbers if number is not None))


def _kind(decided: RowFilter | None) -> str:
    if decided is None or (decided.rows is not None and decided.rows.always):
        return "all"
    if decided.reason is not None:
        return "refused"
    return "none" if decided.rows is None or plain(decided.rows.text) == "false" else "some"


def _number(limit: Limit | None, key: str) -> int | None:
    if limit is None:
        return None
    numbers = {
        "statements_per_hour": limit.statements_per_hour,
        "rows_per_statement": limit.rows_per_statement,
        "rows_per_hour": limit.rows_per_hour,
    }
    return numbers[key]
