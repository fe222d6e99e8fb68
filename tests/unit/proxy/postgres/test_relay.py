"""The shell around one session: who is read when, what is sent in which order, and how everything ends."""

from __future__ import annotations

import asyncio
import datetime as dt
import errno
import os
from typing import TYPE_CHECKING, Any

import pytest

from audit.record import Caller as Who
from audit.record import Judgement
from audit.writer import Trail
from policies.loader import parse_policies
from policies.model import Decision, Principal, Session
from policies.vocabulary import Vocabulary
from proxy.context import Context
from proxy.identity import Users
from proxy.outbox import Outbox
from proxy.people import People
from proxy.plans import Plan
from proxy.postgres.caller import Caller
from proxy.postgres.catalogs import PostgresCatalogs, PostgresKnown
from proxy.postgres.gate import PostgresGate
from proxy.postgres.relay import PostgresRelay
from proxy.postgres.wire.provocations import Refusals
from proxy.postgres.wire.session import PostgresSession
from proxy.recording import Recorder
from proxy.relay import Opening
from proxy.side import Side
from rewriter.postgres.catalog import Catalog, Column, Relation

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from proxy.changes import Change
    from proxy.relay import Relay

PLAIN = "version: 1\n"
MASKED = """
version: 1
dictionary: [{column: "*.*.*.phone", category: phone, level: 3}]
rules: [{name: stars, columns: {category: phone}, treatment: {mask: full}}]
"""
UNKNOWN = Plan("pass", 0, Decision("", {}, {}), Judgement((), "", None, (), (), "pass", "", 0), uses_made=True)
PEOPLE = Relation(1, "public", "people", "r", (Column("phone", 1, "pg_catalog.text", "text"),))


class Wire(asyncio.Transport):
    """One leg: keeps what is written and whether it is read."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.reading = True
        self.closed = False

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Keep the protocol."""
        self.protocol = protocol

    def write(self, data: Any) -> None:
        """Keep the bytes."""
        self.written += data

    def pause_reading(self) -> None:
        """Remember."""
        self.reading = False

    def resume_reading(self) -> None:
        """Remember."""
        self.reading = True

    def is_closing(self) -> bool:
        """Whether it was closed."""
        return self.closed

    def close(self) -> None:
        """Remember."""
        self.closed = True

    def get_write_buffer_size(self) -> int:
        """All has left."""
        return 0

    def take(self) -> bytes:
        """What was written since the last time."""
        data, self.written = self.written, b""
        return data


class Told(PostgresCatalogs):
    """Catalogs that count how often they are told of a change."""

    told = 0

    def published(self, known: PostgresKnown, changes: Iterable[Change]) -> None:
        """Count."""
        self.told += 1
        super().published(known, changes)


class House:
    """A relay with all its parts, between two wires."""

    def __init__(self, directory: Path, wire: Any, policies: str = PLAIN) -> None:
        self.wire = wire
        self.reading: asyncio.Event | None = None
        self.ended: list[bool] = []
        loaded = parse_policies(policies, file="p")
        self.trail = Trail.open(directory)
        self.client, self.server = Wire(), Wire()
        gate = PostgresGate(loaded, None)
        moment = Session("bank", "192.0.2.1", "psql", "app", True, dt.datetime(2026, 7, 1, 12, tzinfo=dt.UTC))
        self.catalogs = Told(loaded, self.read)
        context = Context(Principal("ann"), lambda: moment, People(Users.none()), Vocabulary)
        caller = Caller(context, gate, self.catalogs)
        opening = Opening(
            recorder=Recorder(self.trail, Who("run-1", "ann", "192.0.2.1", "psql", "bank", "app", {})),
            outbox=Outbox(self.trail, asyncio.get_running_loop()),
            context=context,
            ended=self.end,
            again=lambda login: login.close(),
        )
        self.relay = PostgresRelay(
            self.client,
            self.server,
            opening,
            (b"", b"", b""),
            session=PostgresSession(UNKNOWN, Refusals(b"long", b"call", b"changed", b"reshaped"), 1_000_000),
            caller=caller,
            gate=gate,
            catalogs=self.catalogs,
        )
        self.relay.begin()

    async def read(self, database: str, revision: int) -> Catalog:
        """Read the catalog, once it may be read."""
        if self.reading is not None:
            await self.reading.wait()
        return Catalog(database, revision, {1: PEOPLE}, {("public", "people"): 1})

    def end(self, _: Relay, cancel: bool) -> None:
        """The session has ended."""
        self.ended.append(cancel)

    @property
    def ddl(self) -> int:
        """How often others were told that definitions have changed."""
        return self.catalogs.told

    def ask(self, line: str) -> None:
        """Bytes of the client."""
        self.relay.client_received(self.wire.client(line))

    def answer(self, line: str) -> None:
        """Bytes of the server."""
        self.relay.server_received(self.wire.server(line))

    def names(self) -> bytes:
        """The server's answer to what names mean: the search path is public."""
        row = b"\0\x09" + b"".join(
            b"\xff\xff\xff\xff" if v is None else len(v).to_bytes(4, "big") + v
            for v in (b"path", b"public", b"1", *[None] * 6)
        )
        row = b"D" + (len(row) + 4).to_bytes(4, "big") + row
        return self.wire.server("1 2") + row + self.wire.server("C(SELECT 1) 3 3 Z(I)")


async def turn() -> None:
    """Let everything run that can."""
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture
async def house(tmp_path: Path, wire: Any) -> Any:
    """A session of a caller who sees everything."""
    made = House(tmp_path / "audit", wire)
    await turn()
    yield made
    made.trail.close()


@pytest.fixture
async def masked(tmp_path: Path, wire: Any) -> Any:
    """A session of a masked caller, whose catalog is not read yet."""
    made = House(tmp_path / "audit", wire, MASKED)
    made.reading = asyncio.Event()
    yield made
    made.relay.client_lost()
    await turn()
    made.trail.close()


async def test_a_statement_and_its_answer(house: House) -> None:
    """The statement leaves behind its record, the answer at once."""
    house.ask("Q(select 1)")
    assert house.server.take() == b""
    await turn()
    assert house.server.take() == house.wire.client("Q(select 1)")
    house.answer("T(a) D(1) C(SELECT 1) Z(I)")
    assert house.client.take() == house.wire.server("T(a) D(1) C(SELECT 1) Z(I)")


async def test_what_follows_a_statement_does_not_overtake_it(house: House) -> None:
    """Data without a record of its own waits for the statement before it; alone it leaves at once."""
    house.ask("Q(copy t from stdin)")
    house.ask("d(1)")
    await turn()
    assert house.server.take() == house.wire.client("Q(copy t from stdin) d(1)")
    house.ask("d(2)")
    assert house.server.take() == house.wire.client("d(2)")


async def test_without_a_record_a_statement_does_not_leave(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the trail cannot be written the session ends and the client is told; the server gets no statement."""
    real = os.write
    monkeypatch.setattr(os, "write", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
    house.ask("Q(select 1)")
    await turn()
    monkeypatch.setattr(os, "write", real)
    assert b"select" not in house.server.take()
    assert b"58030" in house.client.take()
    assert len(house.ended) == 1


async def test_a_masked_statement_waits_for_the_catalog_and_the_names(masked: House) -> None:
    """Nothing of it leaves before both are known; then it leaves rewritten, and what came behind it follows."""
    masked.ask("Q(select phone from people)")
    masked.ask("Q(select 2)")
    await turn()
    assert masked.server.take() == b""
    assert masked.reading is not None
    masked.reading.set()
    await turn()
    asked = masked.server.take()
    assert b"current_schemas" in asked
    assert b"people" not in asked
    masked.relay.server_received(masked.names())
    await turn()
    sent = masked.server.take()
    assert b'FROM "public"."people"' in sent
    assert sent.endswith(masked.wire.client("Q(select 2)"))
    assert masked.client.take() == b""


async def test_a_copy_that_never_comes_to_be_remembered_is_refused(
    masked: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While labels change faster than they are written, what copies labelled columns does not go off for ever."""
    monkeypatch.setattr(PostgresCatalogs, "dirty", property(lambda _: True))
    masked.ask("Q(create table copy as select phone from people)")
    assert masked.reading is not None
    masked.reading.set()
    await turn()
    masked.relay.server_received(masked.names())
    await turn()
    await turn()
    sent = masked.server.take()
    assert b"copy" not in sent
    assert b"louver.refused" in sent
    assert masked.ended == []


async def test_a_client_that_sends_on_while_it_waits_is_read_no_more(masked: House) -> None:
    """Behind a waiting statement some hundred kilobytes are held, then the client has to wait."""
    masked.ask("Q(select phone from people)")
    masked.ask("d(" + "x" * 200_000 + ")")
    assert masked.client.reading
    masked.ask("d(" + "x" * 100_000 + ")")
    assert not masked.client.reading


async def test_a_client_that_leaves_while_it_waits_leaves_nothing_behind(masked: House) -> None:
    """The look-up ends with it, and the statement never leaves."""
    masked.ask("Q(select phone from people)")
    await turn()
    masked.relay.client_lost()
    assert masked.reading is not None
    masked.reading.set()
    await turn()
    assert masked.server.written == masked.wire.client("X")
    assert len(masked.ended) == 1


async def test_who_does_not_take_his_bytes_holds_up_the_other(house: House) -> None:
    """A client that reads slowly stops the reading of the server, and the other way round; each until it catches up."""
    for slow, other in ((house.client, house.server), (house.server, house.client)):
        protocol = slow.protocol
        assert isinstance(protocol, Side)
        protocol.pause_writing()
        assert not other.reading
        protocol.resume_writing()
        assert other.reading


async def test_ddl_is_told_when_its_transaction_has_ended(house: House) -> None:
    """The catalog is read anew after COMMIT, not before: until then nobody else sees a change."""
    house.ask("Q(begin)")
    house.answer("C(BEGIN) Z(T)")
    house.ask("Q(create table t (a int))")
    house.answer("C(CREATE TABLE) Z(T)")
    assert house.ddl == 0
    house.ask("Q(commit)")
    house.answer("C(COMMIT) Z(I)")
    assert house.ddl == 1


async def test_ddl_in_a_pipeline_is_told_when_its_sync_has_committed_it(house: House) -> None:
    """It is answered long before: a catalog that is read then holds what was there before."""
    house.ask("P(,create table t (a int)) B(,) E(,0) H")
    await turn()
    house.answer("1 2 C(CREATE TABLE)")
    assert house.ddl == 0
    house.ask("S")
    house.answer("Z(I)")
    assert house.ddl == 1


async def test_ddl_of_a_client_that_has_left_is_told_when_the_server_has_come_to_its_end(house: House) -> None:
    """Its connection is left to the server until then, and what is answered on it goes nowhere."""
    house.ask("Q(create table t (a int))")
    await turn()
    house.relay.client_lost()
    assert house.client.closed
    assert not house.server.closed
    assert house.server.take().endswith(house.wire.client("X"))
    house.answer("C(CREATE TABLE) Z(I)")
    assert house.ddl == 0
    house.relay.server_lost()
    assert house.ddl == 1
    assert house.ended == [True]


async def test_a_violation_of_either_side_ends_both(tmp_path: Path, wire: Any) -> None:
    """The client gets 08P01 and nothing of the message; both connections close, and that is told once."""
    for number, broken in enumerate(("client_received", "server_received")):
        house = House(tmp_path / str(number), wire)
        getattr(house.relay, broken)(b"\x99\0\0\0\4")
        house.relay.client_lost()
        house.relay.server_lost()
        assert b"08P01" in house.client.take()
        assert house.client.closed
        assert house.server.closed
        assert house.ended == [False]
        house.trail.close()


@pytest.mark.parametrize(("line", "cancel"), [("", False), ("Q(select pg_sleep(60))", True)])
async def test_what_a_vanished_client_left_running_is_cancelled(house: House, line: str, cancel: bool) -> None:
    """The server is asked to stop what nobody waits for any more; an idle session just ends."""
    if line:
        house.ask(line)
        await turn()
    house.relay.client_lost()
    assert house.ended == [cancel]
    assert house.server.take().endswith(house.wire.client("X"))


async def test_a_vanished_server_is_told_once(tmp_path: Path, wire: Any) -> None:
    """The client hears 08006 from us, unless the server has said goodbye itself or the client has."""
    for number, (last, told) in enumerate((("", True), ("E(57P01,FATAL bye)", False))):
        house = House(tmp_path / str(number), wire)
        if last:
            house.answer(last)
        house.relay.server_lost()
        assert (b"08006" in house.client.take()) is told
        house.trail.close()
    house = House(tmp_path / "terminated", wire)
    house.ask("X")
    house.relay.server_lost()
    assert house.client.take() == b""
    house.trail.close()


async def test_draining_waits_for_the_end_of_the_transaction(house: House) -> None:
    """A session in a transaction goes on to its end; an idle one ends at once."""
    house.ask("Q(begin)")
    house.answer("C(BEGIN) Z(T)")
    house.relay.drain()
    assert house.ended == []
    house.ask("Q(commit)")
    house.answer("C(COMMIT) Z(I)")
    assert house.ended == [False]
    assert b"57P01" in house.client.take()


async def test_idle_is_who_is_owed_nothing(house: House) -> None:
    """A session for which the server works is not idle, however long that takes; one that was answered begins anew."""
    begin = house.relay.idle_since()
    await asyncio.sleep(0.02)
    assert house.relay.idle_since() == begin
    house.ask("Q(select pg_sleep(60))")
    for _ in range(2):
        await asyncio.sleep(0.02)
        now = house.relay.idle_since()
        assert now > begin
        begin = now
    house.answer("C(SELECT 1) Z(I)")
    answered = house.relay.idle_since()
    assert answered >= begin
    await asyncio.sleep(0.02)
    assert house.relay.idle_since() == answered
