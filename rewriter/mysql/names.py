"""What a written name of a table means on a server: case, the default schema, the server's own schemas.

Owns finding a name in the catalog. May not do: guess; what the snapshot does not hold is reported, not assumed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from rewriter.kept import Kept
from rewriter.model import Name, Refusal
from rewriter.mysql.catalog import Catalog, Table

if TYPE_CHECKING:
    from rewriter.mysql.catalog import Facts

SYSTEM_SCHEMAS: Final = frozenset({"information_schema", "performance_schema", "mysql", "sys"})
"""The server's own schemas. Their names are taken as theirs in whatever case, for information_schema is found in any."""


class Elsewhere(Enum):
    """A name that is no table of the snapshot."""

    SYSTEM = "in one of the server's own schemas"
    UNKNOWN = "to be looked up"
    ABSENT = "a temporary table of the session, or nothing"


Meaning = Table | Elsewhere


@dataclass(frozen=True, slots=True)
class Index:
    """A catalog's tables by their names as the server compares them; `named` are the names alone, in lower case."""

    tables: Mapping[Name, Table]
    named: Mapping[str, tuple[Table, ...]]


def fold(name: str, catalog: Catalog) -> str:
    """A name of a schema, table or alias as the server compares it."""
    return name.lower() if catalog.folds_names else name


def index_of(catalog: Catalog) -> Index:
    """The index of a catalog, kept by identity."""
    return _indexes(catalog)


def meaning_of(schema: str | None, name: str, catalog: Catalog, facts: Facts) -> Meaning:
    """What a table's written name means; raises Refusal 3D000 when there is no default schema."""
    within = schema if schema is not None else facts.schema
    if within is None:
        raise Refusal("3D000", "No database selected", hint="Choose one by USE, or write it before the name.")
    if within.lower() in SYSTEM_SCHEMAS:
        return Elsewhere.SYSTEM
    found = index_of(catalog).tables.get((fold(within, catalog), fold(name, catalog)))
    if found is not None:
        return found
    return Elsewhere.ABSENT if (within, name) in facts.absent else Elsewhere.UNKNOWN


def _make(catalog: Catalog) -> Index:
    tables = {(fold(s, catalog), fold(n, catalog)): table for (s, n), table in catalog.tables.items()}
    named: dict[str, list[Table]] = {}
    for table in catalog.tables.values():
        named.setdefault(table.name.lower(), []).append(table)
    return Index(tables, {name: tuple(found) for name, found in named.items()})


_indexes: Kept[Index] = Kept(_make, 16)
