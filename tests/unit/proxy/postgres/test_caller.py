"""One caller's world: when it is found again, what is asked of the session's server, and when the catalog is read."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest

from policies.loader import parse_policies
from policies.model import AttributeValue, Principal, Session
from policies.patterns import NamePattern
from policies.vocabulary import Vocabulary
from proxy.catalogs import CatalogUnavailable
from proxy.context import Context
from proxy.identity import Users
from proxy.people import People
from proxy.postgres.caller import Caller, Unsettled
from proxy.postgres.catalogs import PostgresCatalogs
from proxy.postgres.gate import PostgresGate
from rewriter.keys import key_material
from rewriter.postgres.catalog import Catalog, Column, Relation

if TYPE_CHECKING:
    from collections.abc import Mapping

POLICIES = """
version: 1
dictionary:
  - {column: "*.*.*.phone", category: phone, level: 3}
rules:
  - {name: bosses see phones, columns: {category: phone}, when: principal.role == "boss", treatment: clear}
  - {name: by night nothing, columns: {category: phone}, when: session.hour < 6, treatment: deny}
  - {name: others see stars, columns: {category: phone}, treatment: {mask: full}}
"""
HASHED = POLICIES.replace("mask: full", "mask: hash")
TEXT = ("pg_catalog.text", "text")
PATH = [["path", "pg_catalog", "1", *[None] * 6], ["path", "public", "2", *[None] * 6]]


def table(oid: int, name: str, *columns: str) -> Relation:
    """A table of text columns in public."""
    return Relation(oid, "public", name, "r", tuple(Column(c, n, *TEXT) for n, c in enumerate(columns, 1)))


def looked_up(written: str, relation: Relation | None) -> list[list[str | None]]:
    """What the server answers to a look-up of an unqualified name."""
    if relation is None:
        return [["relation", None, written, *[None] * 6]]
    oid = str(relation.oid)
    return [
        ["relation", None, written, oid, relation.schema, relation.name, relation.kind, None, None],
        *[
            ["column", oid, column.name, str(column.number), *TEXT, "false", None, "false"]
            for column in relation.columns
        ],
    ]


class House:
    """The database, its clock, and one caller in front of it. `committed` all sessions see, `own` this session alone."""

    def __init__(self, role: AttributeValue = "clerk", policies: str = POLICIES) -> None:
        self.committed = {"people": table(1, "people", "id", "phone")}
        self.own: dict[str, Relation] = {}
        self.asked: list[str] = []
        self.keys: list[tuple[str, ...]] = []
        self.reads = 0
        self.failing = False
        self.now = 1000.0
        self.slept = 0.0
        self.hour = 12
        loaded = parse_policies(policies, file="policies.yaml")
        self.catalogs = PostgresCatalogs(loaded, self.read, clock=lambda: self.now, sleep=self.sleep)
        self.gate = PostgresGate(loaded, key_material(b"s" * 32))
        context = Context(Principal("ann", {"role": role}), self.moment, People(Users.none()), Vocabulary)
        self.caller = Caller(context, self.gate, self.catalogs)

    def moment(self) -> Session:
        """What conditions look at."""
        return Session("bank", "192.0.2.1", "psql", "app", True, dt.datetime(2026, 7, 1, self.hour, tzinfo=dt.UTC))

    async def read(self, database: str, revision: int) -> Catalog:
        """Read the catalog of what is committed."""
        self.reads += 1
        if self.failing:
            raise OSError("the database is away")
        relations = {relation.oid: relation for relation in self.committed.values()}
        return Catalog(database, revision, relations, {(r.schema, r.name): oid for oid, r in relations.items()})

    async def sleep(self, seconds: float) -> None:
        """Let the time pass."""
        self.slept += seconds
        self.now += seconds

    async def ask(self, text: str, *values: str) -> list[list[str | None]]:
        """Answer as the session's server."""
        if values:
            self.keys.append(values)
            return [[None]]
        self.asked.append(text)
        rows = [list(row) for row in PATH]
        everything: Mapping[str, Relation] = {**self.committed, **self.own}
        for name in ("people", "orders", "nobody", "renamed", "people_pkey"):
            if f"'{name}'" in text:
                rows += looked_up(name, everything.get(name))
        return rows

    async def settled(self) -> House:
        """Find the caller's world."""
        await self.caller.settle(self.ask, names_stale=True)
        return self

    async def rule(self, text: bytes) -> bytes:
        """The text that leaves, or the message of the refusal."""
        ruling = self.caller.find(text) or await self.caller.look_up(self.ask, text)
        return ruling.plan.error if ruling.plan.verdict == "deny" else ruling.text or text


async def test_a_caller_begins_in_no_world_and_finds_one_once() -> None:
    """Nothing is current before the catalog is read; then it is, and settling again reads nothing."""
    house = House()
    assert not house.caller.current
    assert not house.caller.renew()
    await house.settled()
    assert house.caller.current
    assert house.caller.guarded
    await house.caller.settle(house.ask, names_stale=False)
    assert (house.reads, len(house.asked)) == (1, 1)


async def test_who_sees_everything_is_asked_no_names() -> None:
    """A caller with nothing hidden costs his server no question, and his statements leave as they are."""
    house = await House("boss").settled()
    assert not house.caller.guarded
    assert await house.rule(b"select phone from nobody") == b"select phone from nobody"
    assert house.asked == []


async def test_names_that_have_gone_stale_are_asked_again() -> None:
    """After SET search_path and its like the meaning of names comes from the server anew."""
    house = await House().settled()
    await house.settled()
    assert len(house.asked) == 2


async def test_the_key_is_given_once_and_again_when_it_may_be_gone() -> None:
    """Only a keyed mask sends the key; with names gone stale it may have been rolled back, so it is sent again."""
    assert (await House().settled()).keys == []
    house = await House(policies=HASHED).settled()
    assert len(house.keys) == 1
    await house.caller.settle(house.ask, names_stale=False)
    assert len(house.keys) == 1
    await house.settled()
    assert len(house.keys) == 2


async def test_time_changes_the_world_without_a_question() -> None:
    """When a condition on the hour begins to hold, the next world denies; nothing is read or asked for it."""
    house = await House().settled()
    before = house.caller.world
    house.hour = 3
    house.catalogs.time_passed()
    assert not house.caller.current
    assert house.caller.renew()
    assert house.caller.world is not before
    assert house.caller.world.epoch != before.epoch
    assert b"42501" in await house.rule(b"select phone from people")
    assert (house.reads, len(house.asked)) == (1, 1)


async def test_ddl_makes_the_world_wait_for_the_catalog() -> None:
    """After DDL nothing is renewed by what is known; settling reads the catalog, and labels cover the new table."""
    house = await House().settled()
    house.committed["orders"] = table(2, "orders", "phone")
    house.catalogs.changed("bank")
    assert not house.caller.current
    assert not house.caller.renew()
    await house.caller.settle(house.ask, names_stale=False)
    assert b'"phone"' in await house.rule(b"select phone from orders")
    assert house.reads == 2


async def test_a_new_dictionary_masks_an_unchanged_database() -> None:
    """A column that a reload labels is masked from the next statement on, though the catalog is found as it was."""
    house = await House(policies=POLICIES.replace("*.*.*.phone", "*.*.*.email")).settled()
    assert await house.rule(b"select phone from people") == b"select phone from people"
    new = parse_policies(POLICIES, file="policies.yaml")
    house.gate.policies = new
    house.catalogs.policies_changed(new)
    assert not house.caller.current
    await house.settled()
    assert b'FROM "public"."people"' in await house.rule(b"select phone from people")


async def test_a_catalog_that_cannot_be_read_leaves_the_caller_without_a_world() -> None:
    """The failure is told, and the caller stays where no statement is ruled until it can be read."""
    house = House()
    house.failing = True
    with pytest.raises(CatalogUnavailable):
        await house.settled()
    assert not house.caller.current
    house.failing = False
    assert (await house.settled()).caller.current


async def test_names_that_the_server_does_not_know_read_no_catalog() -> None:
    """A caller who makes names up costs one question on his own session each, never a reading of the catalog."""
    house = await House().settled()
    for _ in range(10):
        assert b"42P01" in await house.rule(b"select * from nobody")
    assert house.reads == 1
    assert house.slept == 0


async def test_what_is_missing_now_may_exist_later() -> None:
    """That a name is unknown holds for one statement; once somebody has created the table it is read, masked."""
    house = await House().settled()
    assert b"42P01" in await house.rule(b"select phone from orders")
    house.committed["orders"] = table(2, "orders", "phone")
    house.now += 60
    assert b'FROM "public"."orders"' in await house.rule(b"select phone from orders")
    assert house.reads == 2


async def test_a_table_of_others_is_ruled_by_the_catalog_however_soon() -> None:
    """A found table that the snapshot lacks is read with the catalog, which alone knows its triggers and policies.

    Within the same second that waits, so that statements cannot make Louver read the catalog without end.
    """
    house = await House().settled()
    house.committed["orders"] = table(2, "orders", "id")
    assert await house.rule(b"select id from orders") == b"select id from orders"
    assert (house.reads, house.slept) == (2, 1.0)
    assert house.caller.world.catalog.names["public", "orders"] == 2


async def test_tables_of_an_open_transaction_are_ruled_by_the_look_up() -> None:
    """What only the session itself sees stays unknown to the catalog, which is read once to make sure of that."""
    house = await House().settled()
    house.now += 60
    house.own["orders"] = table(3, "orders", "id")
    assert await house.rule(b"select orders.id from orders") == b"select orders.id from orders"
    assert (house.reads, house.slept) == (2, 0)
    for number in range(5):
        text = b"select orders.id from orders where id = 'a%d'" % number
        assert await house.rule(text) == text
    assert (house.reads, len(house.asked)) == (2, 3)


async def test_a_table_committed_during_the_look_up_is_not_taken_for_the_sessions_own() -> None:
    """Found only after the catalog was read, it is looked for in another catalog, which masks it."""
    house = await House().settled()
    house.now += 60
    house.own["orders"] = table(3, "orders", "id")
    read = house.read

    async def read_and_commit(database: str, revision: int) -> Catalog:
        catalog = await read(database, revision)
        house.committed["renamed"] = table(4, "renamed", "phone")
        return catalog

    house.catalogs._read = read_and_commit
    leaving = await house.rule(b"select renamed.phone from orders, renamed")
    assert b'FROM "public"."renamed"' in leaving
    assert house.reads == 3


async def test_a_renamed_table_is_read_under_its_new_name() -> None:
    """A table found under another name than the snapshot's makes it be read again: the label follows the column."""
    house = await House().settled()
    house.committed = {"renamed": table(1, "renamed", "id", "number")}
    house.now += 60
    assert b'FROM "public"."renamed"' in await house.rule(b"select number from renamed")
    assert house.reads == 2


async def test_what_no_catalog_lists_reads_none() -> None:
    """An index can be found but not selected from; naming it costs no reading."""
    house = await House().settled()
    house.own["people_pkey"] = Relation(9, "public", "people_pkey", "i", ())
    await house.rule(b"select * from people_pkey")
    assert house.reads == 1


async def test_the_nameless_world_knows_no_name() -> None:
    """In a failed transaction nothing can be looked up: every relation is unknown there, ROLLBACK is not."""
    house = await House().settled()
    world = house.caller.nameless_world()
    assert world.guarded
    assert house.gate.rule(world, b"rollback").plan.verdict == "pass"
    with pytest.raises(Exception, match="people"):
        house.gate.rule(world, b"select * from people")


async def test_policies_that_change_while_names_are_asked_are_those_that_rule() -> None:
    """The decision made before the question is not taken for the one of now: the world is found again."""
    house = House()
    harder = parse_policies(POLICIES.replace("{mask: full}", "deny"), file="policies.yaml")

    async def ask(text: str, *values: str) -> list[list[str | None]]:
        if len(house.asked) == 0:
            house.gate.policies = harder
            house.catalogs.policies_changed(harder)
        return await house.ask(text, *values)

    await house.caller.settle(ask, names_stale=True)
    assert house.caller.current
    assert b"permission denied for column public.people.phone" in await house.rule(b"select phone from people")


async def test_policies_that_change_while_a_name_is_looked_up_are_those_that_rule() -> None:
    """The same where a statement names what is not known yet."""
    house = await House().settled()
    harder = parse_policies(POLICIES.replace("{mask: full}", "deny"), file="policies.yaml")

    async def remember() -> None:
        if house.gate.policies is not harder:
            house.gate.policies = harder
            house.catalogs.policies_changed(harder)

    house.catalogs.remember = remember  # type: ignore[method-assign]
    assert b"permission denied for column public.people.phone" in await house.rule(b"select phone from people, nobody")
    assert house.caller.current


async def test_a_world_that_never_holds_still_is_not_ruled_by() -> None:
    """When policies change at every look, nothing is ruled by half of one and half of another."""
    house = House()

    async def remember() -> None:
        house.catalogs.time_passed()

    house.catalogs.remember = remember  # type: ignore[method-assign]
    with pytest.raises(Unsettled):
        await house.settled()
    assert not house.caller.current


class _People:
    """Two people, for whom ann may speak."""

    revision = 1

    def refresh(self) -> None:
        """Nothing changes."""

    async def meet(self, person: str) -> None:
        """Everybody is known."""

    def hold(self, name: str) -> None:
        """Nobody is forgotten."""

    release = hold

    def attributes(self, name: str, brought: object = None) -> dict[str, str]:
        """Everybody has a role by the first letter of the name."""
        return {"role": "boss" if name.startswith("b") else "clerk"}

    def suspended(self, name: str) -> str | None:
        return None

    def speaks_for(self, account: str) -> tuple[NamePattern, ...]:
        """For everybody."""
        return (NamePattern(None, "*"),) if account == "ann" else ()


async def test_who_is_spoken_for_again_is_not_decided_for_again() -> None:
    """Going to and fro between two people costs two decisions, for each of which the moment is asked; what has moved on is decided again."""
    house = House()
    asked: list[str] = []

    def moment() -> Session:
        asked.append(context.identity.principal.name)
        return house.moment()

    context = Context(Principal("ann", {"role": "clerk"}), moment, _People(), Vocabulary)
    caller = Caller(context, house.gate, house.catalogs)
    asked.clear()
    await caller.settle(house.ask, names_stale=True)
    worlds = []
    for name in ("bo", "cid", "bo", "cid", "bo"):
        context.hear(f"SELECT 1 /*louver_user='{name}'*/".encode())
        assert not caller.current
        if not caller.renew():
            await caller.settle(house.ask, names_stale=False)
        assert caller.current
        worlds.append(caller.world)
    assert worlds[0] is worlds[2] is worlds[4]
    assert worlds[1] is worlds[3]
    assert worlds[0].decision is not worlds[1].decision
    assert asked == ["ann", "bo", "cid"]
    house.catalogs.time_passed()
    assert not caller.current
    assert caller.renew()
    assert asked == ["ann", "bo", "cid", "bo"]
