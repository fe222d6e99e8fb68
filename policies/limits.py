"""Limits: how much a caller may read, as the policy file says it under `limits`.

Owns the keys of a limit, and which one a caller has: the first that holds. What cannot be evaluated before it may have been meant, so
the least of all is taken. May not do: count.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from policies.conditions import Condition, ConditionFailed
from policies.model import Limit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from policies.conditions import Facts
    from policies.positions import Checker, Node

NUMBERS: Final = ("statements_per_hour", "rows_per_statement", "rows_per_hour")
"""The numbers of a limit."""

KEYS: Final = ("name", "description", "when", *NUMBERS)
"""The keys of a limit."""

MOST: Final = 1_000_000_000
"""The highest number that a limit takes: what is more is none."""


@dataclass(frozen=True, slots=True)
class LimitRule:
    """A limit of the file. `when` None: it holds for everybody. `line` is where it starts."""

    line: int
    limit: Limit
    when: Condition | None = None

    def holds(self, known: Facts) -> bool | None:
        """Whether it is a caller's; None when that cannot be told."""
        try:
            return self.when is None or self.when.holds(known)
        except ConditionFailed:
            return None


def read_limits(node: Node, checker: Checker, condition: Callable[[Node], Condition | None]) -> tuple[LimitRule, ...]:
    """Read the section; mistakes go to the checker. `condition` reads `when`."""
    found: list[LimitRule] = []
    for item in checker.items(node, "`limits`"):
        fields = checker.fields(item, "a limit", KEYS, ("name",))
        if "description" in fields:
            checker.text(fields["description"], "`description`")
        name = checker.text(fields["name"], "`name`") if "name" in fields else None
        when = condition(fields["when"]) if "when" in fields else None
        if when is not None and (when.per_column or when.per_statement):
            what = "column" if when.per_column else "statement"
            hint = "a limit is the same for every column and statement"
            checker.problem(fields["when"], f"`when` of a limit cannot look at `{what}`", hint)
        numbers = [checker.integer(fields[key], f"`{key}`", 1, MOST) if key in fields else None for key in NUMBERS]
        if name is None:
            continue
        if any(each.limit.rule == name.strip() for each in found):
            checker.problem(item, f"limit `{name.strip()}` stands twice", "what is used is counted by name")
        found.append(LimitRule(item.line, Limit(name.strip(), *numbers), when))
    return tuple(found)


def limit_of(limits: Iterable[LimitRule], known: Facts) -> Limit | None:
    """The limit of a caller, None without one: the first that holds, and the least of all that could not be evaluated before it."""
    found: list[Limit] = []
    for each in limits:
        holds = each.holds(known)
        if holds is not False:
            found.append(each.limit)
        if holds:
            break
    made = Limit(
        found[0].rule if found else "",
        _least(each.statements_per_hour for each in found),
        _least(each.rows_per_statement for each in found),
        _least(each.rows_per_hour for each in found),
    )
    return made if made.limits else None


def _least(numbers: Iterable[int | None]) -> int | None:
    return min((number for number in numbers if number is not None), default=None)
