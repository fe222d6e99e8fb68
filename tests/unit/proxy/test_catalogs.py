"""The snapshots of databases: when they are read, who waits, and labels that stay with their column."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest

from policies.loader import parse_policies
from policies.model import ColumnName, Label
from proxy.catalogs import CatalogUnavailable
from proxy.postgres.catalogs import PostgresCatalogs
from rewriter.postgres.catalog import Catalog, Column, Relation

LABELLED = 'version: 1\ndictionary:\n  - {column: "bank.public.people.phone", category: phone, level: 3}\n'
OTHER = LABELLED.replace("people.phone", "people.name")
PHONE = ColumnName("public", "people", "phone")


def people(*columns: str, name: str = "people", schema: str = "public") -> Relation:
    """The table with OID 1."""
    made = tuple(Column(column, number, "pg_catalog.text", "text") for number, column in enumerate(columns, 1))
    return Relation(1, schema, name, "r", made)


class Database:
    """What is read, when, and by which clock."""

    def __init__(self, policies: str = LABELLED) -> None:
        self.relations = [people("phone", "name")]
        self.began: list[float] = []
        self.error: BaseException | None = None
        self.now = 50.0
        self.gap: asyncio.Event | None = None
        self.catalogs = PostgresCatalogs(
            parse_policies(policies, file="p"), self.read, clock=lambda: self.now, sleep=self.sleep
        )
        self.known = self.catalogs.known("bank")

    async def read(self, database: str, revision: int) -> Catalog:
        """Read a snapshot; `gap` holds it up."""
        self.began.append(self.now)
        if self.gap is not None:
            await self.gap.wait()
        if self.error is not None:
            raise self.error
        relations = {relation.oid: relation for relation in self.relations}
        return Catalog(database, revision, relations, {(r.schema, r.name): oid for oid, r in relations.items()})

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""
        await asyncio.sleep(0)
        self.now += seconds


async def test_a_database_is_read_once_for_all_who_need_it() -> None:
    """Sessions that come at the same time share one reading."""
    database = Database()
    assert database.known.stale
    await asyncio.gather(*(database.catalogs.refresh(database.known) for _ in range(5)))
    assert len(database.began) == 1
    assert database.catalogs.known("bank") is database.known
    assert database.known.labels == {PHONE: Label("phone", 3)}


async def test_without_a_dictionary_nothing_is_read() -> None:
    """A policy that labels nothing needs no catalog, nor does DDL make it need one."""
    database = Database("version: 1\n")
    database.catalogs.changed("bank")
    await database.catalogs.refresh(database.known)
    assert not database.known.stale
    assert database.began == []


async def test_an_unchanged_database_keeps_its_snapshot() -> None:
    """A second reading that finds the same leaves catalog and generation, and with them every plan."""
    database = Database()
    await database.catalogs.refresh(database.known)
    catalog, generation = database.known.catalog, database.known.generation
    database.catalogs.changed("bank")
    await database.catalogs.refresh(database.known)
    assert len(database.began) == 2
    assert database.known.catalog is catalog
    assert database.known.generation == generation


async def test_a_changed_database_gets_a_revision_of_its_own() -> None:
    """What differs is a new snapshot with a greater revision, and every world is decided again."""
    database = Database()
    await database.catalogs.refresh(database.known)
    revision, generation = database.known.catalog.revision, database.known.generation
    database.relations = [people("phone")]
    database.catalogs.changed("bank")
    await database.catalogs.refresh(database.known)
    assert database.known.catalog.revision > revision
    assert database.known.generation > generation


@pytest.mark.parametrize(
    ("relation", "column"),
    [
        (people("mobile", "name"), ColumnName("public", "people", "mobile")),
        (people("phone", "name", name="persons"), ColumnName("public", "persons", "phone")),
        (people("phone", "name", schema="old"), ColumnName("old", "people", "phone")),
    ],
)
async def test_a_label_follows_its_column(relation: Relation, column: ColumnName) -> None:
    """Renaming the column, the table or its schema sheds no label."""
    database = Database()
    await database.catalogs.refresh(database.known)
    database.relations = [relation]
    await database.catalogs.refresh(database.known, force=True)
    assert database.known.labels == {column: Label("phone", 3)}


async def test_new_policies_label_anew() -> None:
    """A reload labels what the snapshot holds and moves every caller on; a first dictionary wants the snapshot read."""
    database = Database()
    await database.catalogs.refresh(database.known)
    generation = database.known.generation
    database.catalogs.policies_changed(parse_policies(OTHER, file="p"))
    assert ColumnName("public", "people", "name") in database.known.labels
    assert database.known.generation > generation


async def test_ddl_that_ends_during_a_reading_is_not_missed() -> None:
    """The snapshot may be of before it, so it is stale again."""
    database = Database()
    database.gap = asyncio.Event()
    reading = asyncio.create_task(database.catalogs.refresh(database.known))
    await asyncio.sleep(0)
    database.catalogs.changed("bank")
    database.gap.set()
    await reading
    assert database.known.stale


@pytest.mark.parametrize("again", [False, True], ids=["the first reading", "a later one"])
async def test_nothing_is_ruled_by_a_snapshot_while_the_next_is_read(*, again: bool) -> None:
    """Who comes meanwhile waits: what was known before is of before the change, or nothing at all."""
    database = Database()
    if again:
        await database.catalogs.refresh(database.known)
        database.catalogs.changed("bank")
    database.gap = asyncio.Event()
    reading = asyncio.create_task(database.catalogs.refresh(database.known))
    await asyncio.sleep(0)
    assert database.known.stale
    database.gap.set()
    await reading
    assert not database.known.stale


async def test_a_reading_that_nobody_has_to_wait_for() -> None:
    """A snapshot that is read again for a name that it lacks is good for everybody else meanwhile."""
    database = Database()
    await database.catalogs.refresh(database.known)
    database.gap = asyncio.Event()
    reading = asyncio.create_task(database.catalogs.catch_up(database.known))
    for _ in range(10):
        await asyncio.sleep(0)
    assert len(database.began) == 2
    assert not database.known.stale
    database.gap.set()
    await reading
    assert not database.known.stale


@pytest.mark.parametrize("error", [OSError("away"), TimeoutError(), ValueError("odd")])
async def test_a_failed_reading_is_told_and_tried_again(error: Exception) -> None:
    """Nothing is ruled by a snapshot that is not there; the next who needs it tries again."""
    database = Database()
    database.error = error
    for _ in range(2):
        with pytest.raises(CatalogUnavailable):
            await database.catalogs.refresh(database.known)
        assert database.known.stale
    database.error = None
    await database.catalogs.refresh(database.known)
    assert not database.known.stale


async def test_an_abandoned_reading_leaves_the_snapshot_stale() -> None:
    """A client that goes away while its catalog is read does not pass for one that has read it."""
    database = Database()
    database.gap = asyncio.Event()
    reading = asyncio.create_task(database.catalogs.refresh(database.known))
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert database.known.stale


async def test_catching_up_reads_at_most_once_a_second() -> None:
    """However many have found something new, a reading begins a second after the last, and one serves all of them."""
    database = Database()
    await database.catalogs.refresh(database.known)
    await asyncio.gather(*(database.catalogs.catch_up(database.known) for _ in range(5)))
    for _ in range(3):
        await database.catalogs.catch_up(database.known)
    gaps = [after - before for before, after in zip(database.began, database.began[1:], strict=False)]
    assert 2 <= len(database.began) <= 6
    assert min(gaps) >= 1.0


async def test_catching_up_at_rest_does_not_wait() -> None:
    """When the last reading is long ago the next begins at once."""
    database = Database()
    await database.catalogs.refresh(database.known)
    database.now += 100
    await database.catalogs.catch_up(database.known)
    assert database.began == [50.0, 150.0]


async def test_one_database_does_not_hold_up_another() -> None:
    """The second is each database's own."""
    database = Database()
    await database.catalogs.catch_up(database.known)
    await database.catalogs.catch_up(database.catalogs.known("shop"))
    assert database.began == [50.0, 50.0]


async def test_a_partition_keeps_its_labels_when_it_is_detached() -> None:
    """What a relation shared with a labelled parent stays labelled without it, under another name, too; the rest is not."""
    database = Database()
    child = dataclasses.replace(people("phone", "name", "note", name="people_1"), oid=2, parents=(1,))
    database.relations.append(child)
    await database.catalogs.refresh(database.known)
    assert database.known.labels == {PHONE: Label("phone", 3)}
    database.relations[1] = dataclasses.replace(child, name="kept", parents=())
    await database.catalogs.refresh(database.known, force=True)
    assert database.known.labels == {PHONE: Label("phone", 3), ColumnName("public", "kept", "phone"): Label("phone", 3)}
