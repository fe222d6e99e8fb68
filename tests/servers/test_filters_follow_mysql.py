"""Filters follow what they mean on MySQL and MariaDB: by the statements that rename tables and columns, for names are all there is."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pymysql
import pytest
import yaml
from fixtures.louver import running_louver

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fixtures.louver import RunningLouver

    from louver.demo.mysql import LocalMySQL

CASES = yaml.safe_load(Path(__file__).with_name("filters_follow.yaml").read_text(encoding="utf-8"))["mysql"]
BEGIN = f"f{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
POLICIES = """
version: 1
filters:
  - {name: own region, tables: ["f*.people", "f*.parts"], when: principal.role == "clerk", rows: "region = {principal.region}"}
  - {name: everybody, tables: ["f*.people", "f*.parts", "f*.free"], rows: "true"}
"""
USERS = {"clerk": {"role": "clerk", "region": "south"}, "boss": {"role": "boss"}}
SCHEMA = (
    "CREATE TABLE people (id int, name varchar(20), region varchar(20), home varchar(20))",
    "INSERT INTO people VALUES (1, 'Ann', 'north', 'south'), (2, 'Bo', 'south', 'north'), (3, 'Cy', 'south', 'south')",
    "CREATE TABLE archive (id int, name varchar(20), region varchar(20), home varchar(20))",
    "INSERT INTO archive VALUES (4, 'Dee', 'north', 'south'), (5, 'Eli', 'south', 'north')",
    "CREATE TABLE parts (id int, name varchar(20), region varchar(20)) PARTITION BY RANGE (id) (PARTITION p1 VALUES LESS THAN (9))",
    "INSERT INTO parts VALUES (1, 'Ann', 'north'), (1, 'Bo', 'south')",
    "CREATE TABLE part_one (id int, name varchar(20), region varchar(20))",
    "CREATE VIEW seen AS SELECT name FROM people",
)


def connect(louver: RunningLouver, user: str, schema: str) -> pymysql.Connection[Any]:
    """Come in as one of Louver's users."""
    how = {"host": "127.0.0.1", "port": louver.port, "user": user, "password": louver.passwords[user]}
    return pymysql.connect(**how, database=schema, autocommit=True, read_timeout=60)


def seen(louver: RunningLouver, schema: str, query: str) -> list[str] | str:
    """The names that the clerk finds in one of the tables; the error when he is refused."""
    with connect(louver, "clerk", schema) as connection, connection.cursor() as cursor:
        try:
            cursor.execute(query.replace("HERE", schema))
        except pymysql.MySQLError as error:
            return str(error)
        return sorted(row[0] for row in cursor.fetchall())


@pytest.fixture(scope="module")
def build(either: LocalMySQL) -> Iterator[Any]:
    """What makes the schema of a case; all go in the end."""
    names: set[str] = set()

    def made(schema: str) -> str:
        with either.connect(None) as connection, connection.cursor() as cursor:
            for name in (schema, f"x_{schema}"):
                names.add(name)
                cursor.execute(f"DROP DATABASE IF EXISTS {name}")
                cursor.execute(f"CREATE DATABASE {name}")
            cursor.execute(f"USE {schema}")
            for statement in SCHEMA:
                cursor.execute(statement)
        return schema

    yield made
    with either.connect(None) as connection, connection.cursor() as cursor:
        for name in names:
            cursor.execute(f"DROP DATABASE IF EXISTS {name}")


def changed(louver: RunningLouver, schema: str, text: str) -> None:
    """Have an administrator change something through Louver."""
    with connect(louver, "boss", schema) as connection, connection.cursor() as cursor:
        for statement in text.split(";"):
            cursor.execute(statement.replace("HERE", schema).strip())


def proxy(server: LocalMySQL, ledger: Path) -> Any:
    """A proxy that has this file of labels."""
    return running_louver(server, policies=POLICIES, users=USERS, protocol="mysql", labels_file=str(ledger))


@pytest.fixture(scope="module")
def louver(either: LocalMySQL, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningLouver]:
    """One proxy for all cases."""
    with proxy(either, tmp_path_factory.mktemp("following") / "labels.jsonl") as running:
        yield running


@pytest.mark.parametrize("number", range(len(CASES)), ids=lambda number: CASES[number]["do"][:70])
def test_what_is_renamed_stays_filtered(louver: RunningLouver, build: Any, number: int) -> None:
    """From the next statement on."""
    case, schema = CASES[number], build(f"{BEGIN}_{number}")
    changed(louver, schema, case["do"])
    found = seen(louver, schema, case["ask"])
    if "refused" in case:
        assert isinstance(found, str), found
        assert case["refused"] in found
    else:
        assert found == case["seen"]


def test_it_stays_so_after_a_crash(either: LocalMySQL, build: Any, tmp_path: Path) -> None:
    """What follows is on the disk before the statement leaves."""
    schema = build(f"{BEGIN}_crash")
    ledger = tmp_path / "labels.jsonl"
    with proxy(either, ledger) as louver:
        changed(louver, schema, "ALTER TABLE people CHANGE region place varchar(20), RENAME clients")
        os.kill(louver.pid, signal.SIGKILL)
        louver.process.wait()
    with proxy(either, ledger) as louver:
        assert seen(louver, schema, "SELECT name FROM clients") == ["Bo", "Cy"]
        assert louver.stop() == 0
