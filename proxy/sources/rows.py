"""What the rows of a query say of a person.

Owns how columns become attributes, the same for every database, and what a query must look like. May not do: ask a database.
"""

from __future__ import annotations

import datetime as dt
import re
import uuid
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from proxy.sources.source import ATTRIBUTE, RESERVED, Attributes, SourceFailed

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from policies.model import AttributeValue

PERSON: Final = re.compile(r"\{name\}")
"""Where the query has the name of the person who is asked for."""

NAME: Final = "name"
"""The column of the answer that says whom the row is about."""

ROWS: Final = 1000
"""Rows that may tell of one person, one for each value of a list: more say that the query asks for everybody."""


def attributes(
    person: str, columns: Sequence[str], rows: Sequence[Sequence[object]], lists: Collection[str]
) -> Attributes | None:
    """What an answer says of `person`; None when no row is about exactly that name. Raises SourceFailed.

    A database compares as its collation does, which may take TINA and tína for tina; rows about another name count for nothing.
    `lists` are the columns whose values become a list, one from each row; all others must agree in all rows. NULL says nothing.
    """
    place = _place_of_name(columns, lists)
    if len(rows) > ROWS:
        raise SourceFailed(f"the query gives more than {ROWS} rows for one person; it must ask for {{name}} alone")
    mine = [row for row in rows if row[place] == person]
    if not mine:
        return None
    found: dict[str, AttributeValue] = {}
    for index, column in enumerate(columns):
        if index == place:
            continue
        values = [each for each in (_value(column, row[index]) for row in mine) if each is not None]
        distinct = tuple({(type(each), each): each for each in values}.values())
        if column in lists:
            found[column] = tuple(flat for each in distinct for flat in (each if isinstance(each, tuple) else (each,)))
        elif len(distinct) > 1:
            raise SourceFailed(f"the rows differ in `{column}`; list it under `lists` when a person has many")
        elif distinct:
            found[column] = distinct[0]
    return MappingProxyType(found)


def _place_of_name(columns: Sequence[str], lists: Collection[str]) -> int:
    """Where the name stands; all columns must be such as rules can name. Raises SourceFailed."""
    if columns.count(NAME) != 1:
        raise SourceFailed("the query must give one column `name`, whom the row is about: SELECT login AS name, ...")
    for column in columns:
        if column != NAME and (column in RESERVED or not ATTRIBUTE.fullmatch(column)):
            raise SourceFailed(f"the query gives a column `{column}`, which cannot be an attribute; name it by AS")
    if len(set(columns)) < len(columns):
        raise SourceFailed("the query gives two columns of one name")
    for column in lists:
        if column not in columns:
            raise SourceFailed(f"`lists` has `{column}`, which the query does not give")
    return columns.index(NAME)


def _value(column: str, value: object) -> AttributeValue:
    """A value of the database as one of a condition. Raises SourceFailed for one that is none."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, list | tuple | set | frozenset):
        return tuple(_value(column, each) for each in value)
    raise SourceFailed(f"`{column}` is of a type that is no attribute ({type(value).__name__}); cast it to text")
