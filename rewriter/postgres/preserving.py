"""What is assigned to a column whose hidden value must survive: the old value when the new one is what the caller sees.

Owns the SQL around the client's expression, in two parts, for the expression itself stays in the text. It stands in a
subquery of its own, so that it is computed once and its names mean what they meant.
May not do: decide which columns are treated so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rewriter.postgres.conditions import quote_identifier
from rewriter.postgres.masks.literals import literal
from rewriter.postgres.masks.target import TEXTS, target_of

if TYPE_CHECKING:
    from rewriter.postgres.catalog import Column

_COMPARED = frozenset(
    {
        *(
            "int2",
            "int4",
            "int8",
            "numeric",
            "float4",
            "float8",
            "oid",
            "money",
            "bool",
            "date",
            "timestamp",
            "timestamptz",
        ),
        *(
            "time",
            "timetz",
            "interval",
            "bytea",
            "uuid",
            "jsonb",
            "inet",
            "cidr",
            "macaddr",
            "macaddr8",
            "bit",
            "varbit",
        ),
        *("pg_lsn", "int4range", "int8range", "numrange", "tsrange", "tstzrange", "daterange"),
    }
)
"""Types whose own = is the right comparison; values of all others are compared as text."""

_MODIFIERS = re.compile(r'((?:"(?:[^"]|"")+"|\w+)\.(?:"(?:[^"]|"")+"|\w+))\([-0-9, ]*\)')
MARKER = "louver: "
"""How the text of an error begins that a guard provokes; the session puts its own error in its place."""


@dataclass(frozen=True, slots=True)
class Guard:
    """A column that may only keep its value. `reason` is told; `unless` are SQL conditions under which it may change."""

    reason: str
    unless: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Around:
    """The text before and after an expression."""

    before: str
    after: str

    @property
    def whole(self) -> str:
        """The text around a placeholder, for the proof."""
        return f"{self.before}$1{self.after}"


def around(column: Column, alias: str, shown: str, guard: Guard | None) -> Around:
    """What makes an expression keep the column's value when it equals `shown`, what the caller sees of it.

    `alias` is the target's. With a guard any other value is an error. The value is converted to the column's type without
    its length, so that the assignment checks that as ever; a domain's checks are left to the assignment, too.
    """
    own = "louver_new" if alias != "louver_new" else "louver_value"
    old = f"{quote_identifier(alias)}.{quote_identifier(column.name)}"
    value = f"{own}.v"
    arms = f"WHEN {_same(column, value, f'{own}.m')} THEN {old}"
    rest = f" ELSE {value}"
    if guard is not None:
        if guard.unless is not None:
            conditions = " AND ".join(f"({condition}) IS TRUE" for condition in guard.unless)
            arms += f" WHEN {conditions} THEN {value}"
        # a column in it, for the planner computes what is constant, and so would fail at once
        told = literal(f"{MARKER}{column.name} must keep its value, because {guard.reason}")
        provoked = f"pg_catalog.concat({told}, pg_catalog.left(({old})::pg_catalog.text, 0))"
        rest = f" WHEN ({provoked})::pg_catalog.int4 IS NULL THEN {old} END"
    else:
        rest += " END"
    before = f"(SELECT CASE {arms}{rest} FROM (SELECT CAST(("  # noqa: S608  our own text, and proved after the edit
    return Around(before, _ending(column, shown, own))


def plain_type(column: Column) -> str:
    """A column's type without its length, so that what is assigned is checked by that as ever."""
    return _MODIFIERS.sub(r"\1", target_of(column).cast)


def _ending(column: Column, shown: str, own: str) -> str:
    return f") AS {plain_type(column)}) AS v, {shown} AS m) AS {own})"


def _same(column: Column, one: str, other: str) -> str:
    """Whether two values are equal, NULLs included; never NULL."""
    base = target_of(column).base
    if base in _COMPARED:
        return f"COALESCE({one} OPERATOR(pg_catalog.=) {other}, {one} IS NULL AND {other} IS NULL)"
    first, second = f"{one}::pg_catalog.text", f"{other}::pg_catalog.text"
    collated = f'({first} COLLATE pg_catalog."C")'
    equal = f"{collated} OPERATOR(pg_catalog.=) {second}"
    if base in TEXTS:
        return f"COALESCE({equal}, {one} IS NULL AND {other} IS NULL)"
    return f"COALESCE({equal}, {first} IS NULL AND {second} IS NULL)"
