"""`statement.kind` in rules: clear in a SELECT, masked in a COPY or a copy, and the least where the kind is not certain."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import psycopg
import pymysql
import pytest
from fixtures.louver import running_louver
from fixtures.mysql_house import MySQLHouse, mysql_house_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fixtures.adversity import Stage
    from fixtures.louver import RunningLouver

    from louver.demo.mysql import LocalMySQL

POLICIES = """
version: 1
dictionary: [{column: "*.*.people.phone", category: phone, level: 3}]
rules:
  - {name: on the screen, columns: {category: phone}, when: statement.kind == "select", treatment: clear}
  - {name: nothing in bulk, columns: {category: phone}, when: statement.kind == "copy" && principal.role == "clerk", treatment: deny}
  - {name: stars elsewhere, columns: {category: phone}, treatment: {mask: full}}
"""
USERS: dict[str, dict[str, Any]] = {"clerk": {"role": "clerk"}, "boss": {"role": "boss"}}
REAL, STARS = "13800000001", "****"


@pytest.fixture(scope="module")
def louver(stage: Stage) -> Iterator[RunningLouver]:
    """Give a proxy with rules by kind."""
    with running_louver(stage.postgres, policies=POLICIES, users=USERS) as louver:
        yield louver


@pytest.fixture
def session(louver: RunningLouver) -> Iterator[psycopg.Connection]:
    """Give a transaction of the boss that is rolled back."""
    with psycopg.connect(louver.dsn("boss", database="adversity")) as session:
        yield session
        session.rollback()


SELECTED = [
    "SELECT phone FROM people WHERE id = 1",
    "WITH a AS (SELECT * FROM people) SELECT phone FROM a WHERE id = 1",
    "SELECT phone FROM people WHERE phone = '13800000001'",
    "TABLE people ORDER BY id LIMIT 1",
]


@pytest.mark.parametrize("sql", SELECTED)
def test_a_select_shows_it(session: psycopg.Connection, sql: str) -> None:
    """As a simple query, prepared by the protocol, and again under the same plan."""
    for _ in range(2):
        assert session.execute(sql).fetchone()[-1] == REAL
        assert session.execute(sql, prepare=True).fetchone()[-1] == REAL
        assert session.execute(sql, binary=True).fetchone()[-1] == REAL


@pytest.mark.parametrize(
    "steps",
    [
        ["DECLARE c CURSOR FOR SELECT phone FROM people WHERE id = 1", "FETCH c"],
        ["PREPARE q AS SELECT phone FROM people WHERE id = 1", "EXECUTE q"],
        ["CREATE TEMP TABLE made AS SELECT * FROM people", "SELECT phone FROM made WHERE id = 1"],
        ["SELECT * INTO TEMP made FROM people", "SELECT phone FROM made WHERE id = 1"],
        [
            "CREATE TEMP TABLE made (phone text)",
            "INSERT INTO made SELECT phone FROM people WHERE id = 1",
            "SELECT phone FROM made",
        ],
        ["WITH a AS (DELETE FROM big RETURNING 1) SELECT phone FROM people WHERE id = 1"],
        ["UPDATE people SET name = phone WHERE id = 1 RETURNING phone"],
        ["UPDATE people SET name = phone WHERE id = 1", "SELECT name FROM people WHERE id = 1"],
        ["DELETE FROM people WHERE id = 1 RETURNING phone"],
    ],
    ids=lambda steps: steps[0][:40],
)
def test_nothing_else_does(session: psycopg.Connection, steps: list[str]) -> None:
    """What is kept, stored, written or not certain is masked, and so it stays when it is read."""
    for step in steps[:-1]:
        session.execute(step)
    assert session.execute(steps[-1]).fetchone()[-1] == STARS


def test_copies_are_masked_or_denied(louver: RunningLouver) -> None:
    """Each by its own rule; and a SELECT of the same session before and after is clear."""
    with psycopg.connect(louver.dsn("boss", database="adversity"), autocommit=True) as boss:
        assert boss.execute(SELECTED[0]).fetchone() == (REAL,)
        for sql in ("COPY people TO STDOUT", "COPY (SELECT * FROM people WHERE id = 1) TO STDOUT"):
            with boss.cursor().copy(sql) as copy:
                told = b"".join(bytes(line) for line in copy)
            assert STARS.encode() in told
            assert b"1380000" not in told
        assert boss.execute(SELECTED[0]).fetchone() == (REAL,)
    with psycopg.connect(louver.dsn("clerk", database="adversity"), autocommit=True) as clerk:
        assert clerk.execute(SELECTED[0]).fetchone() == (REAL,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="nothing in bulk"):
            clerk.execute("COPY people TO STDOUT")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="nothing in bulk"):
            clerk.execute("WITH a AS (DELETE FROM big RETURNING 1) SELECT phone FROM people")


def test_what_a_function_changes_is_known_to_what_is_masked(louver: RunningLouver, stage: Stage) -> None:
    """A SELECT that is clear may move the search path; what is masked afterwards is found where the name now leads."""
    with psycopg.connect(stage.dsn, autocommit=True) as admin:
        admin.execute("CREATE SCHEMA IF NOT EXISTS decoy")
        admin.execute("CREATE TABLE IF NOT EXISTS decoy.people (id int, name text, phone text)")
        admin.execute(
            "CREATE OR REPLACE FUNCTION moves(text) RETURNS text LANGUAGE sql AS $$ SELECT set_config('search_path', $1, false) $$"
        )
        admin.execute("GRANT ALL ON SCHEMA decoy TO public; GRANT ALL ON decoy.people TO public")
    with psycopg.connect(louver.dsn("boss", database="adversity"), autocommit=True) as boss:
        boss.execute("SET search_path = decoy, public")
        assert boss.execute("SELECT phone FROM people WHERE id = 1").fetchone() is None
        boss.execute("SELECT moves('public')")
        with boss.cursor().copy("COPY people TO STDOUT") as copy:
            assert b"1380000" not in b"".join(bytes(line) for line in copy)


@pytest.fixture(scope="module")
def house(either: LocalMySQL) -> Iterator[MySQLHouse]:
    """Give the same before MySQL and MariaDB."""
    statements = (
        "CREATE TABLE people (id int PRIMARY KEY, name varchar(20), phone varchar(20))",
        f"INSERT INTO people VALUES (1, 'Ann', '{REAL}')",
        "CREATE TABLE made (phone varchar(20))",
    )
    with mysql_house_of(
        either, policies=POLICIES, users={**USERS, "tina": {}, "anna": {}}, statements=statements
    ) as house:
        yield house


def test_kinds_on_mysql(house: MySQLHouse) -> None:
    """Clear in a SELECT in either protocol; masked where it is stored, and where the kind is not certain."""
    with house.connect("boss", autocommit=False) as session, session.cursor() as cursor:

        def told(*steps: str) -> Any:
            for step in steps:
                cursor.execute(step)
            return cursor.fetchone()[0]

        for _ in range(2):
            assert told("SELECT phone FROM people WHERE id = 1") == REAL
            assert told(f"SELECT phone FROM people WHERE phone = '{REAL}'") == REAL
            assert told("INSERT INTO made SELECT phone FROM people", "SELECT phone FROM made") == STARS
            assert told("DELETE FROM made", "SELECT 1") == 1
            assert told("PREPARE q FROM 'SELECT phone FROM people'", "EXECUTE q") == STARS
            assert told("SET @a = (SELECT phone FROM people)", "SELECT @a") == STARS
            assert told("UPDATE people SET name = phone", "SELECT name FROM people") == STARS
            session.rollback()
    with house.connect("boss") as session, session.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE kept SELECT phone FROM people")
        cursor.execute("SELECT phone FROM kept")
        assert cursor.fetchone() == (STARS,)
        with pytest.raises(pymysql.err.Error):
            cursor.execute("EXPLAIN SELECT phone FROM people")


def test_prepared_by_the_protocol_on_mysql(house: MySQLHouse) -> None:
    """A driver's prepared statement has the kind of its text."""
    import mysql.connector  # noqa: PLC0415  its import takes long

    with mysql.connector.connect(**house.arguments("boss")) as session, session.cursor(prepared=True) as cursor:
        for _ in range(2):
            cursor.execute("SELECT phone FROM people WHERE id = %s", (1,))
            assert cursor.fetchall() == [(REAL,)]


def test_another_table_ends_no_session_on_mysql(house: MySQLHouse) -> None:
    """What is new in the catalog hides nothing that a session has seen, by any kind."""
    with house.connect("boss") as session, session.cursor() as cursor:
        cursor.execute("SELECT phone FROM people")
        assert cursor.fetchone() == (REAL,)
        house.real("CREATE DATABASE IF NOT EXISTS other")
        try:
            house.real("CREATE TABLE other.people (phone varchar(20))")
            house.real("INSERT INTO other.people VALUES ('5')")
            deadline = time.monotonic() + 30
            while cursor.execute("SELECT concat(phone) FROM other.people") and cursor.fetchone() != ("5",):
                assert time.monotonic() < deadline
            cursor.execute("CREATE TEMPORARY TABLE copied SELECT phone FROM other.people")
            cursor.execute("SELECT phone FROM copied")
            assert cursor.fetchone() == (STARS,)
        finally:
            house.real("DROP DATABASE other")
