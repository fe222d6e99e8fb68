"""Filters: which rows of a table a caller has at all, as the policy file says it under `filters`.

Owns the keys of a filter, what the filters come to for one caller, and which columns they have to follow. A table that any filter means is filtered: the first one
that means it and holds decides which rows there are, and where none holds there are none. A filter that cannot be evaluated
closes its tables. May not do: know a catalog; the rewriters find the tables that are meant.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from policies.conditions import Condition, ConditionFailed
from policies.model import ColumnName, Label, RowFilter
from policies.patterns import NamePattern
from policies.rows import BindingError, RowTemplate
from policies.selecting import tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from policies.conditions import Facts
    from policies.model import Principal, Session
    from policies.positions import Checker, Node

KEYS: Final = ("name", "description", "tables", "when", "rows")
"""The keys of a filter."""

FOLLOWED: Final = "filtered"
"""The category by which a column of a filtered table is followed; no rule ever sees it."""


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter of the file. `tables` are (schema or None, table); `when` None: it holds for everybody. `line` is where it starts."""

    name: str
    line: int
    tables: tuple[tuple[NamePattern | None, NamePattern], ...]
    rows: RowTemplate
    when: Condition | None = None

    def decide(self, known: Facts, principal: Principal, session: Session) -> RowFilter:
        """What it comes to for one caller; raises nothing."""
        try:
            if self.when is not None and not self.when.holds(known):
                return RowFilter(self.name, self.tables)
            return RowFilter(self.name, self.tables, self.rows.bind(principal, session))
        except (ConditionFailed, BindingError) as error:
            return RowFilter(self.name, self.tables, reason=str(error))


class FilteredColumns:
    """Every column of every table that a filter means, labelled with its own name, so that filters follow as labels do.

    It stands where the dictionary stands for labels.
    """

    def __init__(self, filters: Iterable[Filter]) -> None:
        self._tables = [each.tables for each in filters]
        self._meant: dict[tuple[str, str], bool] = {}

    def label(self, database: str, schema: str, relation: str, column: str) -> Label | None:  # noqa: ARG002  filters name none
        """The label of a column, which is from itself; None when no filter means its table."""
        name = (schema, relation)
        meant = self._meant.get(name)
        if meant is None:
            # MySQL may write names in either case; what PostgreSQL tells apart is then followed, too, by a filter that is not its own
            meant = self._meant[name] = self._means(*name) or self._means(schema.lower(), relation.lower())
        return Label(FOLLOWED, 1, (ColumnName(schema, relation, column),)) if meant else None

    def _means(self, schema: str, relation: str) -> bool:
        return any(
            name.matches(relation) and (within is None or within.matches(schema))
            for tables in self._tables
            for within, name in tables
        )


def read_filters(
    node: Node,
    checker: Checker,
    condition: Callable[[Node], Condition | None],
    row_template: Callable[[Node], RowTemplate | None],
) -> tuple[Filter, ...]:
    """Read the section; mistakes go to the checker. `condition` and `row_template` read `when` and `rows`."""
    found: list[Filter] = []
    lines: dict[str, int] = {}
    for item in checker.items(node, "`filters`"):
        fields = checker.fields(item, "a filter", KEYS, ("name", "tables", "rows"))
        if "description" in fields:
            checker.text(fields["description"], "`description`")
        name = checker.text(fields["name"], "`name`") if "name" in fields else None
        meant = tables(fields["tables"], "`tables`", checker) if "tables" in fields else ()
        rows = row_template(fields["rows"]) if "rows" in fields else None
        when = condition(fields["when"]) if "when" in fields else None
        if when is not None and (when.per_column or when.per_statement):
            what = "column" if when.per_column else "statement"
            hint = "a filter is about whole rows, and the same for every statement"
            checker.problem(fields["when"], f"`when` of a filter cannot look at `{what}`", hint)
        if name is None or rows is None or not meant:
            continue
        name = name.strip()
        if name in lines:
            message = f"filter `{name}` stands twice; the first is in line {lines[name]}"
            checker.problem(item, message, "the audit tells filters apart by name")
        lines.setdefault(name, item.line)
        found.append(Filter(name, item.line, meant, rows, when))
    return tuple(found)


def for_caller(
    filters: Iterable[Filter], known: Facts, principal: Principal, session: Session
) -> tuple[RowFilter, ...]:
    """What all filters come to for one caller, in the order of the file, without those that say nothing.

    One that does not hold says only that its tables are filtered; so it is left out where another of the same tables holds.
    """
    decided = [each.decide(known, principal, session) for each in filters]
    closing = {each.tables for each in decided if each.decides}
    return tuple(each for each in decided if each.decides or each.tables not in closing)
