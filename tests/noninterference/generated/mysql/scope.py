"""The tables and views of the twins as the generator knows them, and what is in scope at a point of a statement.

Kinds: n number, t text, d date, s moment, h time of day, j JSON, r bytes, b truth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from noninterference.generated.scope import EXAMPLES as _EXAMPLES
from noninterference.generated.scope import Columns, Scope, Source, columns

PEOPLE = columns(
    "n:id t:city n:grp t:name t:ssn t:pin n:salary n:score n:big n:ratio d:born s:seen s:moved j:doc n:vip t:mood r:raw "
    "h:wakes t:email t:phone t:note t:nick t:ref"
)
TABLES: dict[str, Columns] = {
    "people": PEOPLE,
    "accounts": columns("n:id n:person t:kind n:balance t:card"),
    "events": columns("n:id d:day t:card n:amount"),
    "cards": columns("n:id n:holder t:number"),
    "members": columns(
        "n:id n:person t:called t:mobile t:idno t:passport t:bank t:home t:host t:remark t:staff t:kept r:photo n:income d:joined d:birth "
        "j:profile t:pseudonym t:digits n:worth"
    ),
    "secrets": columns("n:id t:label"),
    "orders": columns("n:id n:person n:total t:memo"),
    "guess": columns("t:v n:n d:d"),
    "people_view": columns("n:id t:code n:salary"),
    "people_view_view": columns("t:c n:id"),
    "people_oslo": columns("n:id t:name n:salary t:city"),
    "people_rich": columns("n:id t:name t:card n:balance"),
    "people_sums": columns("n:grp n:s t:m"),
    "people_invoker": columns("n:id t:ssn"),
    "order_view": columns("n:id t:memo"),
}
"""Tables and views of the twins; what is denied is left out."""

TABLED = ("people", "accounts", "people", "events", "cards", "members", "orders", "guess")
"""Those that are no views."""

PROTECTED = ("people", "accounts", "events", "cards", "members")
"""Tables with masked columns, none of them denied."""

CONDITIONED = ("people_oslo", "people_rich", "order_view")
"""Views with conditions of their own."""

WRITTEN = ("people_view", "people_oslo", "people_invoker", "order_view")
"""Views that are written like the tables behind them."""

STARRED = frozenset(TABLES) - {"secrets"}
"""Of which a caller may have all columns."""

ALL = ("people", "accounts", "people", "orders", "members", "people", "events", *TABLES)
"""What a FROM picks from: the tables with much in them more often."""


@dataclass(frozen=True, slots=True)
class Schema:
    """What queries are made over. `picked`: what a FROM picks from, the plainest first; `tabled`: those that are no views.

    `starred`: of which a caller may have all columns; `pairs` are joined by shared columns, `indexes` named in hints, `covered` is a table
    whose name a CTE takes, `looked_up` a table with a number, a text and another text.
    """

    tables: Mapping[str, Columns]
    picked: tuple[str, ...]
    tabled: tuple[str, ...]
    starred: frozenset[str]
    pairs: tuple[tuple[str, str], ...]
    indexes: Mapping[str, Sequence[str]]
    covered: str
    looked_up: tuple[str, str, str, str]


TWINS = Schema(
    TABLES,
    ALL,
    TABLED,
    STARRED,
    (
        ("people", "orders"),
        ("accounts", "orders"),
        ("people", "people_view"),
        ("events", "cards"),
        ("accounts", "people_oslo"),
        ("orders", "order_view"),
    ),
    {"people": ("ssn", "salary", "born", "PRIMARY"), "accounts": ("card", "PRIMARY"), "orders": ("PRIMARY",)},
    "cards",
    ("people", "score", "name", "ssn"),
)
"""The twins of the fixed statements."""

EXAMPLES = Schema(
    _EXAMPLES.tables,
    ("customers", "accounts"),
    ("customers", "accounts"),
    frozenset(("customers", "accounts")),
    (("customers", "accounts"), ("accounts", "customers")),
    {"customers": ("PRIMARY",), "accounts": ("PRIMARY",)},
    "accounts",
    ("customers", "balance", "name", "phone"),
)
"""The bank of the example policies."""

__all__ = [
    "ALL",
    "EXAMPLES",
    "PEOPLE",
    "PROTECTED",
    "STARRED",
    "TABLED",
    "TABLES",
    "TWINS",
    "WRITTEN",
    "Columns",
    "Schema",
    "Scope",
    "Source",
    "columns",
]
