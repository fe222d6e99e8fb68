"""Who has asked for a customer: what statements name is found by its keyed hash, however a driver sends it, and never stands in the trail."""

from __future__ import annotations

import asyncio
import json
import struct
from typing import TYPE_CHECKING, Any

import asyncpg
import psycopg
import pytest
from fixtures.louver import running_louver
from fixtures.mysql_house import SCHEMA, MySQLHouse
from fixtures.waiting import recorded
from typer.testing import CliRunner

from audit.values import ValueKey
from louver.cli import app
from louver.secret import load_secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fixtures.adversity import Stage
    from fixtures.louver import RunningLouver

USERS = {"bob": {"role": "boss"}, "tina": {"role": "teller"}}
UNHEARD_OF = 471_108_150_000_000
"""A number that stands in the digits of no hash, time or port by chance: fifteen digits, of which the first nine stay."""


@pytest.fixture(scope="module")
def louver(louver_factory: Callable[..., RunningLouver], stage: Stage) -> Iterator[RunningLouver]:
    """A proxy before a small table of people."""
    with louver_factory(policies=stage.policies, users=USERS) as running:
        yield running


def named(louver: RunningLouver, value: str) -> int:
    """In how many statements a value was named, by the hashes of their records."""
    wanted = ValueKey(load_secret(louver.directory / "secret")).digest(value.encode())
    return sum(wanted in each.get("hashes", ()) for each in recorded(louver, "statement"))


def trail(louver: RunningLouver) -> bytes:
    """All that the trail says."""
    return b"".join(path.read_bytes() for path in sorted(louver.audit_directory.glob("*.jsonl")))


WAYS: dict[str, Callable[[psycopg.Connection[Any], int], Any]] = {
    "text": lambda client, value: client.execute(f"select phone from people where id = {value}"),
    "text of another": lambda client, value: client.execute(f"select phone from people where name = '{value}'"),
    "list": lambda client, value: client.execute(f"select phone from people where id in (1, 2, {value}) -- it's"),
    "parameter": lambda client, value: client.execute("select phone from people where id = %s", [value]),
    "prepared": lambda client, value: client.execute("select phone from people where id = %s", [value], prepare=True),
    "text parameter": lambda client, value: client.execute("select phone from people where name = %s", [str(value)]),
    "binary": lambda client, value: client.execute("select phone from people where id = %b", [value]),
    "copy": lambda client, value: list(
        client.cursor().copy(f"copy (select phone from people where id = {value}) to stdout").__enter__()
    ),
}


@pytest.mark.parametrize("user", ["bob", "tina"])
@pytest.mark.parametrize("way", WAYS)
def test_what_is_named_is_found(louver: RunningLouver, stage: Stage, way: str, user: str) -> None:
    """Each time, by whoever sees the column masked or clear; the value itself is nowhere."""
    value = UNHEARD_OF + 100 * list(WAYS).index(way) + len(user)
    with psycopg.connect(louver.dsn(user, database=stage.database), autocommit=True) as client:
        for _ in range(2):
            WAYS[way](client, value)
    assert named(louver, str(value)) == 2
    assert str(value).encode() not in trail(louver)


def test_asyncpg_is_found(louver: RunningLouver, stage: Stage) -> None:
    """Its parameters are binary, and of types that it asks for first."""

    async def ask() -> None:
        client = await asyncpg.connect(louver.dsn("bob", database=stage.database))
        await client.fetch("select phone from people where id = $1", 81234)
        await client.fetch("select phone from people where name = $1", "Li 81235")
        await client.close()

    asyncio.run(ask())
    assert named(louver, "81234") == 1
    assert named(louver, "Li 81235") == 1
    (whole,) = asked_with(louver, "81234")
    (text,) = asked_with(louver, "Li 81235")
    assert (whole["parameters"], text["parameters"]) == (["integer"], ["text"])  # as the server has told them


@pytest.mark.parametrize("user", ["bob", "tina"])
def test_types_stand_beside_the_hashes(louver: RunningLouver, stage: Stage, user: str) -> None:
    """As the client has told them with each execution, NULL or not; a later one of the same shape has its own."""
    number = 82000 + len(user)
    with psycopg.connect(louver.dsn(user, database=stage.database), autocommit=True) as client:
        query = "select phone from people where id = %s or name = %s or length(name) = any(%s)"
        for values in ([number, "Li", [1, 2]], [number, None, [70_000_000_000]]):
            client.execute(query, values)
        client.execute(f"select phone from people where id = {number}")
    first, second, third = asked_with(louver, str(number))
    assert first["parameters"] == ["integer", "unknown", "smallint[]"]
    assert second["parameters"] == ["integer", "unknown", "bigint[]"]
    assert "parameters" not in third


def asked_with(louver: RunningLouver, value: str) -> list[dict[str, Any]]:
    """The records of the statements that named a value, as the command gives them."""
    config = str(louver.directory / "louver.yaml")
    found = CliRunner().invoke(app, ["audit", "search", "--value", value, "--config", config, "--format", "json"])
    assert found.exit_code == 0, found.output
    return [json.loads(line) for line in found.stdout.splitlines()]


def test_other_statements_keep_none(louver: RunningLouver, stage: Stage) -> None:
    """What is over no labelled column is nobody's."""
    with psycopg.connect(louver.dsn("bob", database=stage.database), autocommit=True) as client:
        client.execute("select id from people where id = 91111")
        client.execute("select 91111")
        client.execute("select id from big where id = %s", [91111])
    assert named(louver, "91111") == 0


def test_lists_are_cut(louver: RunningLouver, stage: Stage) -> None:
    """A hundred values of a statement are kept, of a list of a thousand the first ones."""
    with psycopg.connect(louver.dsn("bob", database=stage.database), autocommit=True) as client:
        client.execute(f"select phone from people where id in ({', '.join(map(str, range(50000, 51000)))})")
    assert named(louver, "50099") == 1
    assert named(louver, "50100") == 0


def test_a_large_parameter_passes(louver: RunningLouver, stage: Stage) -> None:
    """One of megabytes is not gathered, and goes to the server as ever."""
    with psycopg.connect(louver.dsn("bob", database=stage.database), autocommit=True) as client:
        query = "select phone, length(%s::text) from people where id = %s"
        assert client.execute(query, ["x" * 3_000_000, 1]).fetchone() == ("13800000001", 3_000_000)


def test_a_hostile_bind_is_the_servers_to_refuse(louver: RunningLouver, stage: Stage) -> None:
    """Counts and lengths that are not so end nothing but the statement."""
    with psycopg.connect(louver.dsn("bob", database=stage.database), autocommit=True) as client:
        client.execute("select 1")
        for bad in (struct.pack("!hh", 30000, 1), struct.pack("!hhhi", 1, 7, 1, 1 << 30), b"\0\0", b""):
            other = psycopg.pq.PGconn.connect(louver.dsn("bob", database=stage.database).encode())
            assert other.status == psycopg.pq.ConnStatus.OK
            import socket  # noqa: PLC0415

            raw = socket.fromfd(other.socket, socket.AF_INET, socket.SOCK_STREAM)
            raw.settimeout(20)
            parse = b"\0select phone from people where id = $1\0\0\0"
            bind = b"\0\0" + bad
            raw.sendall(
                b"P" + struct.pack("!i", len(parse) + 4) + parse + b"B" + struct.pack("!i", len(bind) + 4) + bind
            )
            raw.sendall(b"S\0\0\0\4")
            said = b""
            while b"Z\0\0\0\5" not in said:
                more = raw.recv(65536)
                assert more
                said += more
            assert b"SERROR" in said
            raw.close()
            other.finish()
        assert client.execute("select 1").fetchone() == (1,)


def test_the_command_finds_it(louver: RunningLouver, stage: Stage) -> None:
    """`louver audit search --value` takes the secret from the settings; another secret finds nothing."""
    with psycopg.connect(louver.dsn("bob", database=stage.database), autocommit=True) as client:
        client.execute("select phone from people where id = 94711")
    recorded(louver, "outcome")
    config = str(louver.directory / "louver.yaml")
    found = CliRunner().invoke(app, ["audit", "search", "--value", "94711", "--config", config, "--format", "json"])
    assert found.exit_code == 0, found.output
    assert found.stdout.count("\n") == 1
    assert '"principal":"bob"' in found.stdout.replace(": ", ":")
    nothing = CliRunner().invoke(app, ["audit", "search", "--value", "94712", "--config", config])
    assert nothing.exit_code == 1
    found = CliRunner().invoke(
        app,
        [
            "audit",
            "sql",
            f"select count(*) from statements where list_contains(hashes, '{ValueKey(b'x' * 32).digest(b'94711')}')",
            "--config",
            config,
        ],
    )
    assert found.stdout.split() == ["count_star()", "0"]


def test_none_are_kept_where_that_is_wanted(postgres: Any, stage: Stage) -> None:
    """With `audit.values: none` nothing is hashed."""
    with running_louver(postgres, policies=stage.policies, users=USERS, audit={"values": "none"}) as other:
        with psycopg.connect(other.dsn("bob", database=stage.database), autocommit=True) as client:
            client.execute("select phone from people where id = 5")
            client.execute("select phone from people where id = %s", [5])
        assert all("hashes" not in each for each in recorded(other, "statement", count=2))


@pytest.mark.parametrize("user", ["anna", "tina"])
def test_on_mysql_too(mysql_house: MySQLHouse, user: str) -> None:
    """In text, and in the binary form of prepared statements of two drivers: numbers, texts, dates."""
    import mysql.connector  # noqa: PLC0415

    louver = mysql_house.louver
    base = UNHEARD_OF + 10 * ord(user[0])
    mysql_house.ask(user, f"select phone from customers where id = {base}")
    mysql_house.ask(user, f'select phone from customers where name = "{base + 1}"')
    assert named(louver, str(base)) == 1
    assert named(louver, str(base + 1)) == 1
    arguments = mysql_house.arguments(user)
    with (
        mysql.connector.connect(**arguments, use_pure=True, autocommit=True) as client,
        client.cursor(prepared=True) as cursor,
    ):
        for _ in range(3):
            cursor.execute(
                "select phone from customers where id = ? or name = ? or born = ? or balance = ?",
                (base + 2, f"Li {base + 3}", "1980-01-02", 1.5),
            )
            cursor.fetchall()
    assert named(louver, str(base + 2)) == 3
    types = [each["parameters"] for each in asked_with(louver, str(base + 2))]
    assert types == [["bigint unsigned", "char", "char", "double"]] * 3  # as this driver sends them
    assert named(louver, f"Li {base + 3}") == 3
    assert str(base).encode() not in trail(louver)
    assert SCHEMA.encode() in trail(louver)
