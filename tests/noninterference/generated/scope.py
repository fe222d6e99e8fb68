"""What is in scope at a point of a generated statement: sources with their typed columns.

Owns the tables of the bank as the generator knows them. Kinds: n number, t text, d date, b truth, s moment, j JSON, x bytes; the last two are asked for
in whole rows and by themselves only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Columns = tuple[tuple[str, str], ...]
"""(name, kind) of each column."""


def columns(text: str) -> Columns:
    """`n:id t:name` as columns."""
    return tuple((word[2:], word[0]) for word in text.split())


TABLES: dict[str, Columns] = {
    "customers": columns("n:id n:branch_id t:region t:name t:phone t:email t:id_card d:birth_date t:address d:since"),
    "accounts": columns("n:id n:customer_id t:card_number t:kind n:balance d:opened"),
    "employees": columns("n:id n:branch_id t:name t:job t:phone t:email d:birth_date n:salary d:hired"),
    "transactions": columns("n:id n:account_id s:booked n:amount t:kind t:merchant"),
    "members": columns(
        "n:id n:person t:called t:mobile t:idno t:passport t:bank t:home t:host t:remark t:staff t:kept x:photo n:income d:joined d:birth "
        "j:profile t:pseudonym t:digits n:worth"
    ),
    "branches": columns("n:id t:name t:city t:region t:address d:opened"),
    "notes": columns("n:id n:customer_id t:body d:made"),
    "guesses": columns("t:t n:n d:d"),
    "customer_directory": columns("n:id t:name t:phone t:region d:birth_date"),
    "rich": columns("n:id n:customer_id n:balance t:name"),
    "rich_directory": columns("n:id t:who t:phone n:balance"),
    "by_region": columns("t:region n:customers d:oldest t:last_phone"),
    "mine": columns("n:id n:branch_id t:name t:job t:phone t:email d:birth_date n:salary d:hired"),
}
"""Tables and views of the bank."""

PROTECTED = ("customers", "accounts", "employees", "transactions", "members")
"""Tables with labelled columns."""

ALL = ("customers", "accounts", "customers", "employees", "transactions", "members", *TABLES)
"""What a FROM picks from: the tables with much in them more often."""


@dataclass(frozen=True, slots=True)
class Schema:
    """What a generator makes statements over. `picked`: what a FROM picks from, the plainest first; `protected`: with labelled columns.

    `pairs` are tables joined by shared columns, `written` those that are written beside the protected ones, `deleted` the one whose
    rows may go, `inserts` tables with what is inserted, in which {query} is a text.
    """

    tables: Mapping[str, Columns]
    picked: tuple[str, ...]
    protected: tuple[str, ...]
    pairs: tuple[tuple[str, str], ...]
    written: tuple[str, ...]
    deleted: str
    inserts: tuple[tuple[str, str], ...]


BANK = Schema(
    TABLES,
    ALL,
    PROTECTED,
    (("customers", "branches"), ("accounts", "customers"), ("accounts", "notes"), ("employees", "branches")),
    ("notes", "branches"),
    "transactions",
    (
        ("notes", "SELECT 100, 1, ({query}), date '2025-01-01'"),
        ("notes", "SELECT id + 100, id, name || phone, birth_date FROM customers"),
        ("transactions", "SELECT 9001, 1, timestamptz '2026-01-01', 5, 'dining', left(({query}), 9)"),
        ("accounts", "VALUES (901, 1, left(({query}), 9), 'current', 12.5, date '2025-01-01')"),
        ("branches", "SELECT id + 100, name, city, region, address, opened FROM branches"),
    ),
)
"""The demo bank."""

EXAMPLES = Schema(
    {
        "customers": columns("n:id t:name t:phone t:id_card t:email t:region n:balance"),
        "accounts": columns("n:id n:customer_id t:card_number t:currency n:amount"),
    },
    ("customers", "accounts"),
    ("customers", "accounts"),
    (("customers", "accounts"), ("accounts", "customers")),
    (),
    "accounts",
    (
        ("accounts", "VALUES (901, 1, left(({query}), 9), 'CNY', 12.5)"),
        ("customers", "SELECT id + 100, left(name, 9), phone, id_card, email, region, balance FROM customers"),
        ("accounts", "SELECT id + 100, id, left(phone, 9), 'EUR', balance FROM customers"),
    ),
)
"""The bank of the example policies."""


@dataclass(frozen=True, slots=True)
class Source:
    """One item of a FROM by its alias. `row`: the alias stands for whole rows of a table or subquery."""

    alias: str
    columns: Columns
    row: bool = True

    def of(self, kind: str) -> list[str]:
        """Qualified columns of a kind."""
        return [f"{self.alias}.{name}" for name, each in self.columns if each == kind]


@dataclass(frozen=True, slots=True)
class Scope:
    """Sources that expressions may name, the innermost query's first; `outer` are those of queries around it."""

    sources: tuple[Source, ...]
    outer: tuple[Source, ...] = ()

    def of(self, kind: str) -> list[str]:
        """Columns of a kind, those of outer queries last."""
        return [column for source in (*self.sources, *self.outer) for column in source.of(kind)]

    def own(self, kind: str) -> list[str]:
        """Columns of a kind of this query's own sources."""
        return [column for source in self.sources for column in source.of(kind)]

    def inner(self, *sources: Source) -> Scope:
        """The scope of a query within an expression."""
        return Scope(sources, (*self.sources, *self.outer))

    @property
    def rows(self) -> list[Source]:
        """Sources whose alias is a whole row."""
        return [source for source in self.sources if source.row]
