"""How far a dictionary reaches, for reports: its entries, and the columns of databases that are looked at.

Owns the counting. May not do: read settings, show anything.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from louver import mysql, postgres
from policies.dictionary import UNREVIEWED
from policies.model import ColumnName
from proxy.ledger import Ledger
from proxy.mysql.catalogs import SERVER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from louver.configuration import Parts
    from policies.decide import PolicySet
    from policies.model import Label

_TABLES: Final = frozenset("rpvmf") | {"table", "view"}  # not sequences

Counted = tuple[str, int, int, int]
"""A database, its columns, those that are classified, and those of which nobody has said anything."""


def entries(policies: PolicySet) -> Iterator[tuple[str, int, str]]:
    """Give category, level and state of each entry of the dictionary; one that calls its column harmless has no category."""
    for entry in policies.dictionary.every:
        label = entry.label
        yield (label.category, label.level, entry.state) if label else ("not sensitive", 0, entry.state)


async def columns(parts: Parts, databases: Iterable[str]) -> list[Counted]:
    """Count the columns of databases. Raises LedgerUnavailable, and what reading the catalog raises."""
    return [
        await (_of_mysql if parts.settings.protocol == "mysql" else _of_postgres)(parts, name) for name in databases
    ]


async def _of_postgres(parts: Parts, database: str) -> Counted:
    catalogs = postgres.catalogs(parts, Ledger.read(parts.settings.labels_file))
    known = catalogs.known(database)
    await catalogs.refresh(known, force=True)
    found = [
        ColumnName(relation.schema, relation.name, column.name)
        for relation in known.catalog.relations.values()
        if relation.kind in _TABLES
        for column in relation.columns
    ]
    return _count(parts.policies, database, found, known.labels)


async def _of_mysql(parts: Parts, database: str) -> Counted:
    catalogs = mysql.catalogs(parts, Ledger.read(parts.settings.labels_file))
    known = catalogs.known(SERVER)
    await catalogs.refresh(known, force=True)
    found = [
        ColumnName(table.schema, table.name, column.name)
        for table in known.catalog.tables.values()
        if table.schema == database and table.kind in _TABLES
        for column in table.columns
    ]
    return _count(parts.policies, database, found, known.labels)


def _count(policies: PolicySet, database: str, found: list[ColumnName], labels: Mapping[ColumnName, Label]) -> Counted:
    counts: defaultdict[str, int] = defaultdict(int)
    for name in found:
        label = labels.get(name)
        if label is not None and label.category != UNREVIEWED.category:
            counts["classified"] += 1
        elif policies.dictionary.entry(database, name.schema, name.relation, name.column) is None:
            counts["unreviewed"] += 1
    return database, len(found), counts["classified"], counts["unreviewed"]
