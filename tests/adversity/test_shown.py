"""Who has seen a customer: values in answers that showed a labelled column are found by their hashes, however they came; what is not kept is said."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import asyncpg
import mysql.connector
import psycopg
import pytest
from fixtures.mysql_house import SCHEMA, mysql_house_of
from fixtures.waiting import recorded
from typer.testing import CliRunner

from audit.values import ValueKey
from louver.cli import app
from louver.secret import load_secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fixtures.adversity import Stage
    from fixtures.louver import RunningLouver
    from fixtures.mysql_house import MySQLHouse

    from louver.demo.mysql import LocalMySQL

    Client = psycopg.Connection[Any]

MOST = 12
USERS = {"bob": {"role": "boss"}, "tina": {"role": "teller"}}
SOME = "select id, name, phone from people where id between 3 and 4 order by id"


@pytest.fixture(scope="module")
def louver(louver_factory: Callable[..., RunningLouver], stage: Stage) -> Iterator[RunningLouver]:
    """A proxy that keeps a dozen values of an answer."""
    with louver_factory(policies=stage.policies, users=USERS, audit={"shown": MOST}) as running:
        yield running


class Asked:
    """What the trail says of the answers of one session, which is told by its application."""

    def __init__(self, louver: RunningLouver, application: str) -> None:
        (opened,) = recorded(louver, "session_opened", lambda each: each["application"] == application)
        session = opened["session"]
        recorded(louver, "session_closed", lambda each: each["session"] == session)
        ended = recorded(louver, "outcome", lambda each: each["session"] == session)
        self.outcomes = [each for each in ended if "shown" in each]
        self.hashes = {each for outcome in self.outcomes for each in outcome["shown"]}
        self.origins = {each for outcome in self.outcomes for each in outcome["shown_of"]}
        self.whole = bool(self.outcomes) and all(outcome["listed"] for outcome in self.outcomes)
        self._key = ValueKey(load_secret(louver.directory / "secret"))

    def __contains__(self, value: str) -> bool:
        return self._key.digest(value.encode()) in self.hashes


def plain(client: Client) -> None:
    """One simple or extended query, as psycopg likes."""
    client.execute(SOME).fetchall()


def several(client: Client) -> None:
    """Two statements in one text."""
    client.execute(f"select 1; {SOME}")


def binary(client: Client) -> None:
    """Values in their binary forms."""
    client.cursor(binary=True).execute(SOME).fetchall()


def prepared(client: Client) -> None:
    """Prepared once, run twice."""
    for _ in range(2):
        client.execute(SOME, prepare=True).fetchall()


def pipeline(client: Client) -> None:
    """Sent with others, before anything is answered."""
    with client.pipeline():
        client.execute("select 1")
        client.execute(SOME)
        client.execute("select id from big")


def cursor(client: Client) -> None:
    """A cursor that SQL has declared."""
    with client.transaction(), client.cursor("of_the_server") as named:
        named.itersize = 1
        named.execute(SOME).fetchall()


def stored(client: Client) -> None:
    """A statement that SQL has prepared."""
    client.execute(f"prepare mine as {SOME}")
    client.execute("execute mine")


def returning(client: Client) -> None:
    """Rows that are changed and returned."""
    with client.transaction(force_rollback=True):
        client.execute("update people set name = name where id between 3 and 4 returning id, name, phone")


WAYS = {each.__name__: each for each in (plain, several, binary, prepared, pipeline, cursor, stored, returning)}


@pytest.mark.parametrize("way", WAYS)
def test_rows_are_found_by_what_stood_in_them(louver: RunningLouver, stage: Stage, way: str) -> None:
    """Numbers and texts, whichever way they came, and where they come from; others are not."""
    where = louver.dsn("bob", database=stage.database)
    with psycopg.connect(where, autocommit=True, application_name=way) as client:
        WAYS[way](client)
    asked = Asked(louver, way)
    assert all(value in asked for value in ("3", "4", "name3", "13800000003", "13800000004"))
    assert not any(value in asked for value in ("2", "5", "name2", "13800000002", "13800000005"))
    assert asked.origins == {"public.people.id", "public.people.name", "public.people.phone"}
    assert asked.whole


def test_a_prepared_statement_may_be_asked_in_either_form(louver: RunningLouver, stage: Stage) -> None:
    """Text and binary by turns, of the same prepared statement: each is spelled as it came, described or not."""
    where = louver.dsn("bob", database=stage.database)
    with psycopg.connect(where, autocommit=True, application_name="forms") as client:
        for number, binary in enumerate((False, True, False, True, True), 3):
            cursor = client.cursor(binary=binary)
            cursor.execute("select id, phone from people where id = %s", [number], prepare=True)
            assert cursor.fetchall() == [(number, f"1380000000{number}")]
    asked = Asked(louver, "forms")
    assert asked.whole
    assert all(f"{number}" in asked and f"1380000000{number}" in asked for number in range(3, 8))
    assert len(asked.hashes) == 10
    assert all(each["shown_of"] == ["public.people.id", "public.people.phone"] for each in asked.outcomes)


def test_asyncpg_is_found(louver: RunningLouver, stage: Stage) -> None:
    """All it reads is binary, and it asks what columns there are long before; a cursor of the protocol's gives a row at a time."""
    shapes = (
        "select id::bigint as id, phone, date '1980-02-03' as born, 12345.60::numeric as amount, 0.00012::numeric as little, "
        "120000000::numeric as round, -7::int2 as less, '6f1a3a4e-0d7a-4f0b-9d5e-0123456789ab'::uuid as code, "
        "name::varchar(20)::name as called, true as yes, 1.5::float8 as part, now() as moment from people where id = 7"
    )

    async def ask() -> None:
        client = await asyncpg.connect(
            louver.dsn("bob", database=stage.database), server_settings={"application_name": "asyncpg"}
        )
        for _ in range(2):
            await client.fetch(shapes)
        async with client.transaction():
            reading = await client.cursor("select phone from people where id > $1 order by id", 7)
            assert (await reading.fetchrow())["phone"] == "13800000008"
        await client.close()

    asyncio.run(ask())
    asked = Asked(louver, "asyncpg")
    code = "6f1a3a4e-0d7a-4f0b-9d5e-0123456789ab"
    for value in ("7", "13800000007", "1980-02-03", "12345.60", "0.00012", "120000000", "-7", code, "name7"):
        assert value in asked, value
    assert "13800000008" in asked
    assert "13800000009" not in asked
    assert asked.whole


LACKING = {
    "too many": "select id, phone from people",
    "a copy": "copy (select phone from people where id = 3) to stdout",
    "a document": "select json_agg(phone) from people where id = 3",
    "a list": "select array_agg(phone) from people where id = 3",
    "a row": "select people from people where id = 3",
    "a long text": "select repeat(phone, 20) from people where id = 3",
}


@pytest.mark.parametrize("what", LACKING)
def test_what_is_not_kept_is_said(louver: RunningLouver, stage: Stage, what: str) -> None:
    """Of too many rows, and of values that may hold several, the trail says that they are not all there."""
    where = louver.dsn("bob", database=stage.database)
    with psycopg.connect(where, autocommit=True, application_name=what) as client, client.cursor() as asking:
        if LACKING[what].startswith("copy"):
            with asking.copy(LACKING[what]) as copied:
                assert b"".join(bytes(each) for each in copied) == b"13800000003\n"
        else:
            assert asking.execute(LACKING[what]).fetchall()
    asked = Asked(louver, what)
    assert not asked.whole
    assert len(asked.hashes) == (MOST if what == "too many" else 0)


def test_what_shows_nothing_leaves_nothing(louver: RunningLouver, stage: Stage) -> None:
    """A masked caller's answers are not looked at, nor are those without a labelled column, however privileged the caller."""
    for user, text in (("tina", SOME), ("bob", "select id, name from people"), ("bob", "select count(*) from big")):
        with psycopg.connect(louver.dsn(user, database=stage.database), application_name=f"{user} {text}") as client:
            client.execute(text)
        assert Asked(louver, f"{user} {text}").outcomes == []


def test_answers_pass_unchanged(louver: RunningLouver, stage: Stage) -> None:
    """Rows of all sizes, and more than one look at them; a row of megabytes passes and is said to be missing."""
    where = louver.dsn("bob", database=stage.database)
    for size in (0, 1, 100, 70_000, 1_500_000):
        text = f"select id, repeat('x', {size}) || right(phone, 1) from people order by id limit 3"
        expected = [(number, "x" * size + str(number)) for number in (1, 2, 3)]
        for mode in (False, True):
            with psycopg.connect(where, autocommit=True, application_name=f"size {size} {mode}") as client:
                assert client.cursor(binary=mode).execute(text).fetchall() == expected
            asked = Asked(louver, f"size {size} {mode}")
            assert asked.whole is (size <= 100)
            assert ("3" in asked) is (size < 1_000_000)


def test_it_is_found_by_the_command(louver_factory: Callable[..., RunningLouver], stage: Stage, tmp_path: Any) -> None:
    """By the value, in open and in compacted segments; and which answers are not listed."""
    with louver_factory(policies=stage.policies, users=USERS, audit={"shown": MOST}) as louver:
        config = ["--config", str(louver.directory / "louver.yaml")]

        def search(*arguments: str) -> list[str]:
            found = CliRunner().invoke(app, ["audit", "search", *arguments, *config, "--format", "json"])
            assert found.exit_code in {0, 1}, found.output
            return [json.loads(line)["text"] for line in found.stdout.splitlines()]

        with psycopg.connect(louver.dsn("bob", database=stage.database), autocommit=True) as client:
            client.execute(SOME)
            client.execute("select id, phone from people")
            client.execute("select phone from people where id = 8")
        recorded(louver, "session_closed")
        assert search("--shown", "13800000008") == ["select phone from people where id = ?"]
        said = CliRunner().invoke(app, ["audit", "search", "--shown", "13800000008", *config]).stderr
        assert "1 other statement showed something clear in rows that are not all listed" in " ".join(said.split())
        assert search("--unlisted") == ["select id, phone from people"]
        louver.stop()
        before = [search("--shown", "13800000008"), search("--unlisted"), search("--shown", "none of these")]
        compacted = CliRunner().invoke(app, ["audit", "compact", *config])
        assert compacted.exit_code == 0, compacted.output
        assert [search("--shown", "13800000008"), search("--unlisted"), search("--shown", "none of these")] == before
        verified = CliRunner().invoke(app, ["audit", "verify", *config])
        assert verified.exit_code == 0, verified.output


# -- MySQL and MariaDB -------------------------------------------------------------------------------------------------

MULTI_STATEMENTS = 1 << 16
ROWS = "SELECT id, name, phone, born, balance FROM customers WHERE id < 3 ORDER BY id"


@pytest.fixture(scope="module")
def house(either: LocalMySQL) -> Iterator[MySQLHouse]:
    """A proxy that keeps a dozen values of an answer, before either server."""
    with mysql_house_of(either, audit={"shown": MOST}) as made:
        yield made


@pytest.mark.parametrize("way", ["text", "several", "prepared", "twice"])
def test_rows_are_found_on_mysql(house: MySQLHouse, way: str) -> None:
    """In text and in binary, of a cursor, and in the second of two results."""
    name = {"program_name": f"{way} {house.server.flavour}"}
    if way in {"text", "several"}:
        with house.connect("anna", client_flag=MULTI_STATEMENTS, **name) as client, client.cursor() as cursor:
            cursor.execute(ROWS if way == "text" else f"SELECT 1; {ROWS}")
            assert way == "text" or cursor.nextset()
            assert len(cursor.fetchall()) == 2
    else:
        arguments = {**house.arguments("anna"), "conn_attrs": name, "autocommit": True}
        with mysql.connector.connect(**arguments, use_pure=True) as client, client.cursor(prepared=True) as cursor:
            for _ in range(2 if way == "twice" else 1):
                cursor.execute(ROWS)
                assert len(cursor.fetchall()) == 2
    asked = Asked(house.louver, name["program_name"])
    assert all(each in asked for each in ("1", "2", "13812345678", "李娜", "1980-01-02", "99999.99"))
    assert not any(each in asked for each in ("3", "Tom"))
    assert asked.origins == {f"{SCHEMA}.customers.{each}" for each in ("id", "name", "phone", "born", "balance")}
    assert asked.whole


def test_rows_of_a_cursor_are_found_on_mysql(house: MySQLHouse) -> None:
    """They come one by one, each in an answer of its own, without a word of what their columns are."""
    name = f"cursor {house.server.flavour}"
    prepare, execute, fetch, read_only = 0x16, 0x17, 0x1C, b"\1"
    with house.connect("anna", program_name=name) as client:

        def packets_to_end() -> list[bytes]:
            found = []
            while not (packet := client._read_packet()).is_eof_packet():
                found.append(packet.get_all_data())
            return found

        client._execute_command(prepare, ROWS)
        number = client._read_packet().get_all_data()[1:5]
        assert len(packets_to_end()) == 5
        client._execute_command(execute, number + read_only + b"\1\0\0\0")
        assert len(packets_to_end()) == 6  # the number of columns, and what they are
        client._execute_command(fetch, number + b"\1\0\0\0")
        assert len(packets_to_end()) == 1
    asked = Asked(house.louver, name)
    assert all(each in asked for each in ("1", "13812345678", "1980-01-02", "1234.56"))
    assert not any(each in asked for each in ("2", "13987654321"))
    assert f"{SCHEMA}.customers.phone" in asked.origins
    assert asked.whole


MYSQL_LACKING = {
    "too many": "SELECT a.id * 100 + b.id * 10 + c.id, a.phone FROM customers a, customers b, customers c",
    "a document": "SELECT JSON_ARRAYAGG(phone) FROM customers",
    "a long text": "SELECT REPEAT(phone, 20) FROM customers WHERE id = 1",
    "bytes": "SELECT CAST(phone AS BINARY) FROM customers WHERE id = 1",
}


@pytest.mark.parametrize("what", MYSQL_LACKING)
def test_what_is_not_kept_is_said_on_mysql(house: MySQLHouse, what: str) -> None:
    """Of too many rows, and of values that may hold several."""
    name = f"{what} {house.server.flavour}"
    with house.connect("anna", program_name=name) as client, client.cursor() as cursor:
        cursor.execute(MYSQL_LACKING[what])
        assert cursor.fetchall()
    assert not Asked(house.louver, name).whole


def test_what_shows_nothing_leaves_nothing_on_mysql(house: MySQLHouse) -> None:
    """A masked caller's answers are not looked at."""
    name = f"masked {house.server.flavour}"
    with house.connect("tina", program_name=name) as client, client.cursor() as cursor:
        cursor.execute(ROWS)
    assert Asked(house.louver, name).outcomes == []


def test_answers_pass_unchanged_on_mysql(house: MySQLHouse) -> None:
    """Rows of all sizes, in several packets and several reads."""
    beyond_a_packet = () if house.server.flavour == "mariadb" else (17_000_000,)  # more than its max_allowed_packet
    for size in (0, 100, 70_000, 1_500_000, *beyond_a_packet):
        name = f"size {size} {house.server.flavour}"
        with house.connect("anna", program_name=name) as client, client.cursor() as cursor:
            cursor.execute(
                f"SELECT id, CONCAT(REPEAT('x', {size}), RIGHT(phone, 1)) FROM customers WHERE id < 3 ORDER BY id"
            )
            found = [(number, text[-1:], len(text)) for number, text in cursor.fetchall()]
        assert found == [(1, "8", size + 1), (2, "1", size + 1)]
        asked = Asked(house.louver, name)
        assert asked.whole is (size <= 100)
        assert ("2" in asked) is (size < 1_000_000)
