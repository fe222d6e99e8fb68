"""What changes for whom between two policy files: the treatment of columns, the rows of tables, how much may be read.

Owns the comparison. May not do: print, read a database.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from policies.expectations import shown_rows
from policies.grants import overlay
from policies.limits import NUMBERS
from policies.model import NO_ROW, ColumnName, Label, Principal
from policies.words import condition, describe, describe_limit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from policies.decide import PolicySet
    from policies.grants import Grant
    from policies.model import Decision, Limit, RowFilter, Session, Treatment
    from policies.patterns import NamePattern


@dataclass(frozen=True, slots=True)
class Difference:
    """What one person gets otherwise: of one column, of the rows of one table, or how much in all.

    `column` is the name of the column or table. `before` and `after` are sentences; `more`: something is shown that was not.
    """

    user: str
    database: str
    column: str
    before: str
    after: str
    more: bool
    what: Literal["column", "rows", "limit"] = "column"

    @property
    def about(self) -> str:
        """What it is about, for people."""
        return {"column": f"{self.database}.{self.column}", "rows": f"rows of {self.column}", "limit": "limit"}[
            self.what
        ]


def differences(
    old: PolicySet, new: PolicySet, people: Iterable[Principal], session: Session, grants: Sequence[Grant] = ()
) -> Iterator[Difference]:
    """Compare what people get of the columns that either dictionary names; a pattern stands for the columns that it means.

    `grants` are those in force, of anybody: with them they get it, under the old policies and the new.
    """
    columns = sorted(_columns(old) | _columns(new), key=str)
    databases = sorted({database for database, _ in columns})
    for person in people:
        for database in databases:
            names = [name for of, name in columns if of == database]
            before, after = (_treatments(policies, person, session, database, names, grants) for policies in (old, new))
            for name in names:
                if _essence(before.get(name)) != _essence(after.get(name)):
                    yield Difference(
                        person.name,
                        database,
                        str(name),
                        _words(name, before.get(name)),
                        _words(name, after.get(name)),
                        _hidden(before.get(name)) > _hidden(after.get(name)),
                    )
        yield from _of_rows(person, *(policies.decide(person, session, {}) for policies in (old, new)))


def _of_rows(person: Principal, old: Decision, new: Decision) -> Iterator[Difference]:
    """Compare which rows of tables there are and how much may be read; a pattern stands for the tables that it means."""
    for schema, table in sorted({_table(*names) for each in (*old.filters, *new.filters) for names in each.tables}):
        before, after = (decision.deciding(schema, table) for decision in (old, new))
        told = _rows(before), _rows(after)
        if told[0] != told[1]:
            more = _left_out(before) > _left_out(after)
            yield Difference(person.name, "*", f"{schema}.{table}".removeprefix("*."), *told, more, "rows")
    if _allowed(old.limit) != _allowed(new.limit):
        told = _limit(old.limit), _limit(new.limit)
        more = any(
            b is not None and (a is None or a > b)
            for b, a in zip(_allowed(old.limit), _allowed(new.limit), strict=True)
        )
        yield Difference(person.name, "*", "", *told, more, "limit")


def _table(schema: NamePattern | None, name: NamePattern) -> tuple[str, str]:
    return "*" if schema is None else schema.written, name.written


def _rows(decided: RowFilter | None) -> str:
    rows = None if decided is None or decided.rows is None or decided.rows.always else decided.rows
    if decided is None or rows is None or not rows.values:
        return shown_rows(decided)
    return f"only rows are there where {condition(rows)}"


def _left_out(decided: RowFilter | None) -> int:
    """How many rows are left out, roughly: 0 none, 1 some, 2 all of them."""
    if decided is None or not decided.hides:
        return 0
    return 2 if decided.rows is None or decided.rows == NO_ROW else 1


def _limit(limit: Limit | None) -> str:
    return "any number of statements and rows" if limit is None else describe_limit(limit)


def _allowed(limit: Limit | None) -> tuple[int | None, ...]:
    """The numbers of a limit, in the order of the file."""
    if limit is None:
        return (None,) * len(NUMBERS)
    return limit.statements_per_hour, limit.rows_per_statement, limit.rows_per_hour


def _columns(policies: PolicySet) -> set[tuple[str, ColumnName]]:
    found = set()
    for entry in policies.dictionary.entries:
        parts = [part.exact or part.glob for part in (entry.database, entry.schema, entry.relation, entry.column)]
        found.add((parts[0], ColumnName(*parts[1:])))
    return found


def _treatments(  # noqa: PLR0913, PLR0917  what a decision takes
    policies: PolicySet,
    person: Principal,
    session: Session,
    database: str,
    names: Iterable[ColumnName],
    grants: Sequence[Grant],
) -> dict[ColumnName, Treatment]:
    labels: dict[ColumnName, Label] = {}
    for name in names:
        label = policies.label(database, name.schema, name.relation, name.column)
        if label is not None:
            labels[name] = label
    decision = policies.decide(person, session, labels)
    at = replace(policies.vocabulary.calendar.local(session), database=database)
    return dict(overlay(decision, grants, person, at).treatments)


def _essence(treatment: Treatment | None) -> object:
    """What a person gets, whatever rule says so."""
    if treatment is None:
        return ("clear", None, None, None)
    rows = treatment.rows
    if treatment.kind == "clear" and rows is None:
        return ("clear", None, None, None)
    return (
        *(treatment.kind, treatment.mask, None if rows is None else (rows.text, rows.written), treatment.fallback),
        *(treatment.search, treatment.join, treatment.on_write, treatment.explain),
    )


def _hidden(treatment: Treatment | None) -> int:
    """How much is hidden, roughly: 0 nothing, 1 on some rows, 2 behind a mask, 3 all of it."""
    if treatment is None or not treatment.hides:
        return 0
    return 1 if treatment.rows is not None else {"clear": 0, "mask": 2, "deny": 3}[treatment.kind]


def _words(name: ColumnName, treatment: Treatment | None) -> str:
    return (
        "is not in the dictionary" if treatment is None else describe(name, treatment).split(f"{name.relation} ", 1)[1]
    )
