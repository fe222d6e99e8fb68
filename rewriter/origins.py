"""Origins: how filters of rows follow tables and columns that have other names than when the policy file was written.

Owns which tables a table comes from, by the labels that have followed its columns, and what a filter of such a table comes to.
May not do: know a catalog of any kind, remember anything.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from policies.filters import FOLLOWED
from policies.rows import both
from rewriter.conditions import ConditionError, condition_columns, condition_names
from rewriter.model import Origin

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from policies.model import ColumnName, Decision, Label, RowCondition, RowFilter
    from rewriter.model import Name

_PLACED: Final = re.compile(rb" \$(\d+) ")  # as `condition_names` writes them


def origins(labels: Mapping[ColumnName, Label]) -> dict[Name, tuple[Origin, ...]]:
    """The origins of each table, where they are more than its own names; `labels` are those that filters follow by."""
    found: dict[Name, dict[Name, dict[str, set[str]]]] = {}
    for column, label in labels.items():
        table = found.setdefault((column.schema, column.relation), {})
        for source in label.sources:
            columns = table.setdefault((source.schema, source.relation), {})
            if len(label.sources) == 1 and label.category == FOLLOWED:
                columns.setdefault(source.column, set()).add(column.column)
    followed: dict[Name, tuple[Origin, ...]] = {}
    for name, tables in found.items():
        known = tuple(Origin(*table, _renamed(columns)) for table, columns in sorted(tables.items()))
        more = tuple(each for each in known if (each.schema, each.table) != name or each.columns)
        if more:
            followed[name] = more
    return followed


def _renamed(columns: Mapping[str, set[str]]) -> tuple[tuple[str, str | None], ...]:
    """What columns are called now that are called otherwise. What has moved counts before what has come under its name since."""
    found: list[tuple[str, str | None]] = []
    for column, now in sorted(columns.items()):
        moved = now - {column}
        if moved:
            found.append((column, moved.pop() if len(moved) == 1 else None))
    return tuple(found)


def filters_of(
    decision: Decision, name: Name, known: Iterable[Origin], *, folds: bool = False
) -> tuple[RowFilter, ...]:
    """All filters that a row of a table has to meet: of its name, and of those of its origins.

    `folds`: a name that no filter means is also looked for in lower case.
    """
    origins_of = {(each.schema, each.table): each for each in known}
    found: dict[RowFilter, None] = {}
    for each in {name: None, **dict.fromkeys(origins_of)}:
        filtered = decision.filter_of(*each)
        if filtered is None and folds:
            filtered = decision.filter_of(each[0].lower(), each[1].lower())
        if filtered is not None:
            found[_fitted(filtered, origins_of.get(each))] = None
    return tuple(found)


def all_of(filters: Sequence[RowFilter]) -> RowFilter:
    """One filter that leaves the rows which each of several leaves; one that closes the table closes it."""
    made = filters[0]
    for each in filters[1:]:
        if made.rows is None:
            return made
        if each.rows is None:
            return each
        made = replace(made, rule=f"{made.rule}, {each.rule}", rows=both(made.rows, each.rows))
    return made


def _fitted(filtered: RowFilter, origin: Origin | None) -> RowFilter:
    """A filter as it holds under the names that columns have now."""
    if filtered.rows is None or origin is None or not origin.columns:
        return filtered
    now = dict(origin.columns)
    try:
        looked_at = condition_columns(filtered.rows) & now.keys()
        lost = sorted(column for column in looked_at if now[column] is None)
        if lost:
            return replace(filtered, rows=None, unfit=f'it is not certain what has become of its column "{lost[0]}"')
        names = {column: name for column in looked_at if (name := now[column]) is not None}
        return replace(filtered, rows=renamed(filtered.rows, names)) if names else filtered
    except ConditionError as error:
        return replace(filtered, rows=None, unfit=str(error))


def renamed(condition: RowCondition, names: Mapping[str, str]) -> RowCondition:
    """A condition with other names of some of its columns. Raises ConditionError where that cannot be done."""
    text, places = condition_names(condition)
    for start, end, name in sorted(places, reverse=True):
        if name in names:
            quoted = '"' + names[name].replace('"', '""') + '"'
            text = text[:start] + quoted.encode() + text[end:]
    made = replace(condition, text=_PLACED.sub(lambda match: b"{%d}" % (int(match[1]) - 1), text).decode())
    if condition_columns(made) != {names.get(name, name) for name in condition_columns(condition)}:
        raise ConditionError("its condition cannot be written with the names that columns have now")
    return made
