"""What changes for whom between two policy files: pairs of a person and a column whose treatment is not the same.

Owns the comparison. May not do: print, read a database.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from policies.grants import overlay
from policies.model import ColumnName, Label, Principal
from policies.words import describe

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from policies.decide import PolicySet
    from policies.grants import Grant
    from policies.model import Session, Treatment


@dataclass(frozen=True, slots=True)
class Difference:
    """One column that one person sees otherwise. `before` and `after` are sentences; `more`: something is shown that was not."""

    user: str
    database: str
    column: str
    before: str
    after: str
    more: bool


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
