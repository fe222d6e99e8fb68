"""One look at a database: its catalog, then a sample of each table, one after the other, to what is proposed.

Owns the order and the pauses. Samples are forgotten as soon as their table is recognised. May not do: print, write files.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol

from louver.discovery.mysql import MySQLLook
from louver.discovery.postgres import PostgresLook
from policies.discovery.listing import Proposal
from policies.discovery.recognise import recognise
from policies.discovery.standards import Pack, grade

if TYPE_CHECKING:
    from collections.abc import Mapping

    from louver.discovery.bounds import Bounds
    from louver.discovery.target import Target
    from policies.discovery.contents import Sample
    from policies.discovery.model import ScannedTable


_NOTHING: Final[tuple[Mapping[str, Sample], int, str]] = ({}, 0, "catalogs only")


class Watch(Protocol):
    """Is told how far a look is."""

    def __call__(self, done: int, tables: int, table: str) -> None:
        """`done` of `tables`; the next is `table`, or empty at the end."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a look gave: the tables, with how many rows were read or why none, and one proposal for each column."""

    tables: tuple[ScannedTable, ...]
    proposals: tuple[Proposal, ...]


async def look(  # noqa: PLR0913  what a look is made of
    target: Target,
    bounds: Bounds,
    packs: tuple[Pack, ...],
    *,
    schemas: tuple[str, ...] = (),
    views: bool = False,
    watch: Watch = lambda done, tables, table: None,  # noqa: ARG005
) -> Look:
    """Look at a database. Raises OSError and the errors of asyncpg and PyMySQL where it cannot be reached or its catalog not be read."""
    opened = PostgresLook(target, bounds) if target.protocol == "postgresql" else MySQLLook(target, bounds)
    seen: list[ScannedTable] = []
    proposals: list[Proposal] = []
    async with opened as connection:
        tables = await connection.tables(schemas, views=views)
        for number, table in enumerate(tables):
            watch(number, len(tables), f"{table.schema}.{table.name}")
            samples, sampled, unread = _NOTHING if bounds.catalogs_only else await connection.sample(table)
            seen.append(replace(table, sampled=sampled, unread=unread))
            found = {finding.column.name: finding for finding in recognise(table, samples)}
            for column in table.columns:
                finding = found.get(column.name)
                proposals.append(Proposal(column, finding, grade(finding.category, packs) if finding else None))
            if bounds.pause:
                await asyncio.sleep(bounds.pause)
        watch(len(tables), len(tables), "")
    return Look(tuple(seen), tuple(proposals))
