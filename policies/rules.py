"""One rule: which columns it means, when it applies, what it gives.

Owns the matching of labelled columns, and what a rule says once its condition holds. May not do: read YAML.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from policies.conditions import Condition
from policies.model import Allowance, Mask, OnWrite
from policies.patterns import NamePattern
from policies.rows import RowTemplate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from policies.model import ColumnName, Label

COMPARISONS: Final[Mapping[str, Callable[[int, int], bool]]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
}
"""How a level may be compared; longer signs stand first."""


@dataclass(frozen=True, slots=True)
class LevelTest:
    """`>=3` and the like."""

    comparison: str
    level: int

    def matches(self, level: int) -> bool:
        """Tell whether a column's level meets the test."""
        return COMPARISONS[self.comparison](level, self.level)


@dataclass(frozen=True, slots=True)
class Selector:
    """Which columns a rule means. Every key that is given must match; of a key's values, one."""

    category: tuple[NamePattern, ...] = ()
    level: tuple[LevelTest, ...] = ()
    schema: tuple[NamePattern, ...] = ()
    table: tuple[tuple[NamePattern | None, NamePattern], ...] = ()  # (schema or None, table)
    column: tuple[NamePattern, ...] = ()

    def matches_label(self, label: Label) -> bool:
        """Tell whether columns of this category and level can be meant."""
        return (not self.category or any(pattern.matches(label.category) for pattern in self.category)) and (
            not self.level or any(test.matches(label.level) for test in self.level)
        )

    def matches_name(self, name: ColumnName) -> bool:
        """Tell whether a column of this name can be meant."""
        return (
            (not self.column or any(pattern.matches(name.column) for pattern in self.column))
            and (not self.schema or any(pattern.matches(name.schema) for pattern in self.schema))
            and (not self.table or any(_is_table(name, schema, table) for schema, table in self.table))
        )


def _is_table(name: ColumnName, schema: NamePattern | None, table: NamePattern) -> bool:
    return table.matches(name.relation) and (schema is None or schema.matches(name.schema))


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of the file. `when` None: always. `rows` None: all rows. `line` is where it starts."""

    name: str
    line: int
    columns: Selector
    kind: Literal["clear", "mask", "deny"]
    mask: Mask | None = None
    when: Condition | None = None
    rows: RowTemplate | None = None
    on_write: OnWrite = "preserve"
    search: Allowance | None = None  # values
    join: Allowance | None = None  # executions
    explain: bool = False
