"""Grants: what one person may see for a time beyond what the rules show, because others have agreed to it.

Owns the grant, which columns it can mean, and laying grants over a decision. A grant only ever shows more: whoever has none, and
every column and row that none means, has what the rules give. May not do: I/O, clocks, SQL; know who may approve.
"""

from __future__ import annotations

import datetime as dt
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from policies.masks import DEFAULT_MASK
from policies.model import RowCondition, Treatment
from policies.rows import EVERY_ROW, BindingError, RowTemplate, either
from policies.rules import Selector

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policies.dictionary import Dictionary
    from policies.model import ColumnName, Decision, Label, Principal, Session
    from policies.patterns import NamePattern

GrantState = Literal["requested", "active", "denied", "revoked", "expired", "used up"]
"""Where a grant stands: asked for, in force from `starts` to `ends`, or over, and how it came to that."""

PURPOSE: Final = "purpose"
"""The attribute of a session by which it declares the purpose that a grant may ask for."""

MAX_MINUTES: Final = 7 * 24 * 60
"""How long a grant may last: what is needed longer is a rule."""

_REMEMBERED: Final = 256
"""Decisions with grants kept, so that equal ones are the same object; few people have any at a time."""


@dataclass(frozen=True, slots=True)
class Grant:
    """One grant. `columns` are shown to `principal`, as far as their labels are among `labels`, (category, level) each.

    `labels` is what the approvers have agreed to: a column that gets another category or level later is not meant any more.
    `rows` None: on all rows; `database` None: in every one; `purpose` None: for any. `minutes` is how long it lasts from
    `starts` on; `statements` and `row_limit` how many of each it serves, None for any number. `approvals` are those who have
    agreed. Times are in UTC. A grant with `break_glass` began without approval, and is to be reviewed.
    """

    id: int
    principal: str
    columns: Selector
    labels: frozenset[tuple[str, int]]
    rows: RowTemplate | None
    database: str | None
    purpose: str | None
    reason: str
    requested_by: str
    requested_at: dt.datetime
    minutes: int
    state: GrantState
    approvals: tuple[str, ...] = ()
    starts: dt.datetime | None = None
    ends: dt.datetime | None = None
    statements: int | None = None
    row_limit: int | None = None
    break_glass: bool = False
    reviewed: bool = False

    def holds(self, principal: Principal, session: Session) -> bool:
        """Whether it is in force for a person in a session at its moment."""
        return (
            self.state == "active"
            and self.principal == principal.name
            and self.starts is not None
            and self.ends is not None
            and self.starts <= session.at < self.ends
            and self.database in {None, session.database}
            and self.purpose in {None, session.declared.get(PURPOSE)}
        )

    def means(self, column: ColumnName, label: Label) -> bool:
        """Whether a column is among those that it shows."""
        return (
            (label.category, label.level) in self.labels
            and self.columns.matches_label(label)
            and self.columns.matches_name(column)
        )


def labels_meant(columns: Selector, dictionary: Dictionary) -> frozenset[tuple[str, int]]:
    """The labels, as (category, level), of the dictionary's entries that columns of a grant may have theirs by.

    What nobody has reviewed is meant only when its category is named.
    """
    found = set()
    for entry in dictionary.entries:
        if entry.label is None or not columns.matches_label(entry.label):
            continue
        if (
            _meet(columns.schema, entry.schema)
            and _meet(columns.column, entry.column)
            and (
                not columns.table
                or any(
                    _may_be_equal(table, entry.relation) and (schema is None or _may_be_equal(schema, entry.schema))
                    for schema, table in columns.table
                )
            )
        ):
            found.add((entry.label.category, entry.label.level))
    if dictionary.masks_all:
        unreviewed = dictionary.label("", "", "", "")
        if unreviewed is not None and columns.category and columns.matches_label(unreviewed):
            found.add((unreviewed.category, unreviewed.level))
    return frozenset(found)


def _meet(patterns: tuple[NamePattern, ...], other: NamePattern) -> bool:
    return not patterns or any(_may_be_equal(pattern, other) for pattern in patterns)


def _may_be_equal(one: NamePattern, other: NamePattern) -> bool:
    """Whether a name can match both; of two with wildcards, that is taken for granted."""
    if one.exact is not None:
        return other.matches(one.exact)
    return other.exact is None or one.matches(other.exact)


def overlay(decision: Decision, grants: Sequence[Grant], principal: Principal, session: Session) -> Decision:
    """What a person sees with grants. Those that do not hold at the session's moment change nothing.

    Granted columns are clear, on the grant's rows, and elsewhere what they would be without it. Where that cannot be said in one
    treatment, they are hidden in full elsewhere. A grant whose rows ask for an attribute that is missing does not hold.
    """
    return _laid_over(decision, _bound(grants, principal, session))


class Overlays:
    """Lays grants over decisions, and remembers: the same decision and the same grants give the same object."""

    def __init__(self) -> None:
        # with the decision that went in, so that its id stays its own
        self._made: OrderedDict[object, tuple[Decision, Decision]] = OrderedDict()

    def apply(self, decision: Decision, grants: Sequence[Grant], principal: Principal, session: Session) -> Decision:
        """`overlay`, remembered."""
        bound = _bound(grants, principal, session)
        if not bound:
            return decision
        key = (id(decision), bound)
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = (decision, _laid_over(decision, bound))
            if len(self._made) > _REMEMBERED:
                self._made.popitem(last=False)
        else:
            self._made.move_to_end(key)
        return made[1]


def _bound(grants: Sequence[Grant], principal: Principal, session: Session) -> tuple[tuple[Grant, RowCondition], ...]:
    """The grants that hold, each with its rows."""
    found = []
    for grant in grants:
        if grant.holds(principal, session):
            try:
                rows = EVERY_ROW if grant.rows is None else grant.rows.bind(principal, session)
            except BindingError:
                continue
            found.append((grant, rows))
    return tuple(found)


def _laid_over(decision: Decision, bound: tuple[tuple[Grant, RowCondition], ...]) -> Decision:
    if not bound:
        return decision
    treatments = dict(decision.treatments)
    for column, label in decision.labels.items():
        for grant, rows in bound:
            if grant.means(column, label):
                treatments[column] = _granted(treatments[column], grant.id, rows)
    kinds = tuple((kind, _laid_over(each, bound)) for kind, each in decision.kinds)
    return replace(decision, treatments=treatments, kinds=kinds)


def _granted(treatment: Treatment, grant: int, rows: RowCondition) -> Treatment:
    """A treatment with a grant. Even where it hides nothing any more it has rows, so that statements are read and marked."""
    if not treatment.hides:
        return treatment
    name = f"grant {grant}"
    match treatment.kind:
        case "clear":
            assert treatment.rows is not None
            return replace(
                treatment,
                rule=f"{treatment.rule} or {name}",
                rows=either(treatment.rows, rows),
                grants=(*treatment.grants, grant),
            )
        case "mask" if treatment.rows is None:
            fallback, on_write = treatment.mask, treatment.on_write
        case "mask":
            fallback, on_write = DEFAULT_MASK, treatment.on_write
        case _:
            fallback, on_write = DEFAULT_MASK, "deny"
    # what is found or joined by its real value has one mask on all rows; with a grant it is found by what is shown
    return Treatment(
        "clear", name, rows=rows, fallback=fallback, on_write=on_write, explain=treatment.explain, grants=(grant,)
    )
