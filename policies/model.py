"""The nouns of deciding: principal, session, label, treatment, decision.

Owns the values that travel between the loader, the conditions, the gate and the rewriter.
May not do: read files, know SQL or a protocol, look at a clock. Everything here is immutable.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from policies.patterns import NamePattern

AttributeValue = str | int | float | bool | tuple["AttributeValue", ...] | None
"""What an attribute of a principal or session may hold; lists become tuples."""


OnWrite = Literal["preserve", "deny", "allow"]
"""What becomes of a value that a caller writes into a column hidden from him.

preserve: a value equal to what he sees leaves the hidden one as it is, any other is stored. deny: a statement that assigns
the column is refused. allow: stored as given.
"""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is asking: the name that logged in and the attributes known of it (role, region, ...)."""

    name: str
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Session:
    """What is known of the connection and the moment; conditions see it as `session`.

    `at` is the moment with its zone: the proxy's, until a policy file names another. `declared` are the attributes that the
    client has declared for itself, such as a purpose.
    """

    database: str
    address: str
    application: str
    database_user: str
    tls: bool
    at: dt.datetime
    declared: Mapping[str, AttributeValue] = field(default_factory=dict)

    @property
    def date(self) -> str:
        """The day, YYYY-MM-DD (ISO 8601)."""
        return self.at.date().isoformat()

    @property
    def time(self) -> str:
        """The time of the day, HH:MM."""
        return f"{self.at:%H:%M}"

    @property
    def hour(self) -> int:
        """0 to 23."""
        return self.at.hour

    @property
    def minute(self) -> int:
        """0 to 59."""
        return self.at.minute

    @property
    def weekday(self) -> int:
        """1 is Monday, 7 is Sunday."""
        return self.at.isoweekday()


@dataclass(frozen=True, slots=True)
class ColumnName:
    """A real column of one database, as its catalog spells it."""

    schema: str
    relation: str
    column: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.relation}.{self.column}"


@dataclass(frozen=True, slots=True)
class Label:
    """What the dictionary says of a column: its category and its level of sensitivity.

    `sources` are the columns that a copy holds values of; none, when the dictionary names the column itself.
    """

    category: str
    level: int
    sources: tuple[ColumnName, ...] = ()


@dataclass(frozen=True, slots=True)
class Mask:
    """A mask by name with its validated parameters, sorted by name so that equal masks compare equal."""

    name: str
    parameters: tuple[tuple[str, str | int | bool], ...] = ()


@dataclass(frozen=True, slots=True)
class RowCondition:
    """A SQL condition over the protected table's own columns, with attributes bound as values.

    `text` is the author's, with each `{principal.x}` replaced by `{0}`, `{1}`, ...; `values` holds the
    attribute values in that order. The rewriter alone turns it into SQL. `written` is the values as Python writes
    them: 1, 1.0 and True are equal to Python but not to SQL, and two conditions that differ so must not compare equal.
    """

    text: str
    values: tuple[AttributeValue, ...] = ()
    written: str = ""

    @property
    def always(self) -> bool:
        """True when every row meets it, as its text says."""
        return not self.values and self.text.strip().lower() == "true"

    def extends(self, other: RowCondition) -> bool:
        """Whether it is `policies.rows.either` of the other one and more."""
        return self.text.startswith(f"({other.text}) OR (") and self.values[: len(other.values)] == other.values


@dataclass(frozen=True, slots=True)
class Allowance:
    """How often something may be done within the last hour, and within the last 24; None: as often as each hour allows."""

    per_hour: int
    per_day: int | None = None

    def within(self, other: Allowance) -> Allowance:
        """What both allow."""
        days = [each for each in (self.per_day, other.per_day) if each is not None]
        return Allowance(min(self.per_hour, other.per_hour), min(days, default=None))


@dataclass(frozen=True, slots=True)
class Treatment:
    """What a caller gets of one column, and the rule that said so.

    kind `clear`: the value itself, or, with `rows`, the value on the rows that meet the condition and
    `fallback` of it on all others. kind `mask`: `mask` of the value everywhere, or, with `rows`, on the rows that
    meet the condition and `fallback` on all others. kind `deny`: a statement that reads the column is refused.
    """

    kind: Literal["clear", "mask", "deny"]
    rule: str
    mask: Mask | None = None
    rows: RowCondition | None = None
    fallback: Mask | None = None  # what rows outside `rows` get: the category's default mask
    search: Allowance | None = (
        None  # values that may be compared with the real ones; None: only masked ones are compared
    )
    join: Allowance | None = None  # executions that may join by the real values; None: only masked ones are joined
    reason: str | None = None  # why a rule that could not be evaluated denies, for the audit and `explain`
    on_write: OnWrite = "preserve"
    explain: bool = False  # plans made from statistics of the real values may be shown
    grants: tuple[int, ...] = ()  # the grants that show more of it than the rules do

    @property
    def treated(self) -> bool:
        """True when something stands for the column where it is read."""
        return self.kind != "clear" or self.rows is not None

    @property
    def hides(self) -> bool:
        """True when the caller does not see every value of the column as it is."""
        return self.kind != "clear" or (self.rows is not None and not self.rows.always)


@dataclass(frozen=True, slots=True)
class RowFilter:
    """What one filter of the policies comes to for a caller: of the `tables` it means, rows that do not meet `rows` are not there.

    `rows` None: it does not hold for this caller, so that a later one decides, and without one no row is there. `reason`: why
    it could not be evaluated; then its tables are closed. `unfit`: why it cannot be applied to one table, by what has become of that.
    `tables` are patterns, (schema or None, table).
    """

    rule: str
    tables: tuple[tuple[NamePattern | None, NamePattern], ...]
    rows: RowCondition | None = None
    reason: str | None = None
    unfit: str | None = None

    @property
    def decides(self) -> bool:
        """True when no later filter of the same table is asked."""
        return self.rows is not None or self.reason is not None

    @property
    def hides(self) -> bool:
        """True when it can leave out rows."""
        return self.rows is None or not self.rows.always

    def means(self, schema: str, table: str) -> bool:
        """Whether a table is among those it means."""
        return any(name.matches(table) and (within is None or within.matches(schema)) for within, name in self.tables)


NO_ROW: Final = RowCondition("false")
"""The condition that no row meets."""


@dataclass(frozen=True, slots=True)
class Limit:
    """How much a caller may read: None, any number. Rows an hour are those that statements have given or changed."""

    rule: str
    statements_per_hour: int | None = None
    rows_per_statement: int | None = None
    rows_per_hour: int | None = None

    @property
    def limits(self) -> bool:
        """True when anything is limited."""
        return any((self.statements_per_hour, self.rows_per_statement, self.rows_per_hour))


@dataclass(frozen=True, slots=True)
class Decision:
    """The caller's world: a treatment for every labelled column of one database, and the filters of rows.

    `policy` is the revision of the policies it was made under. `filters` are asked in order. `limit`: how much is read at most. `kinds`: the decision
    for each kind of statement, where rules ask for that; this one is then for those whose kind is not certain.
    """

    policy: str
    treatments: Mapping[ColumnName, Treatment]
    labels: Mapping[ColumnName, Label]
    filters: tuple[RowFilter, ...] = ()
    limit: Limit | None = None
    kinds: tuple[tuple[str, Decision], ...] = ()

    def of_kind(self, kind: str) -> Decision:
        """The decision for a kind of statement, this one where rules do not ask for it."""
        return next((decision for name, decision in self.kinds if name == kind), self)

    def shows(self, column: ColumnName) -> bool:
        """Whether some statement sees a column clear, be it on some rows."""
        return any(each.treatments[column].kind == "clear" for each in (self, *(each for _, each in self.kinds)))

    @property
    def all_clear(self) -> bool:
        """True when this caller sees every labelled column as it is, and every row."""
        return not any(treatment.treated for treatment in self.treatments.values()) and not self.filters_rows

    @property
    def hides(self) -> bool:
        """True when there is a column of which this caller does not see every value, or a row that is not there."""
        return any(treatment.hides for treatment in self.treatments.values()) or self.filters_rows

    @property
    def filters_rows(self) -> bool:
        """True when there may be a table of which this caller does not see every row."""
        return any(each.hides for each in self.filters)

    def filter_of(self, schema: str, table: str) -> RowFilter | None:
        """The filter of a table by its name: the first that means it and decides; one that leaves no row, where none decides.

        None for a table that no filter means, and for one of which every row is there.
        """
        decided = self.deciding(schema, table)
        return decided if decided is not None and decided.hides else None

    def deciding(self, schema: str, table: str) -> RowFilter | None:
        """The same, with the filter by which every row is there."""
        meant = [each for each in self.filters if each.means(schema, table)]
        decided = next((each for each in meant if each.decides), None)
        return replace(meant[0], rows=NO_ROW) if decided is None and meant else decided

    def hides_the_same(self, other: Decision) -> bool:
        """Whether the caller of another decision gets the very same of every column and row."""
        alike = self.treatments == other.treatments and self.filters == other.filters
        mine, theirs = dict(self.kinds), dict(other.kinds)
        return alike and mine.keys() == theirs.keys() and all(mine[k].hides_the_same(theirs[k]) for k in mine)

    @property
    def grants(self) -> tuple[int, ...]:
        """The grants by which this caller sees more than the rules show, in order."""
        own = {grant for treatment in self.treatments.values() for grant in treatment.grants}
        return tuple(sorted(own.union(*(each.grants for _, each in self.kinds))))
