"""`limits`: what is counted for whom, over sessions, and how an answer is cut off, on PostgreSQL, MySQL and MariaDB."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pymysql
import pytest
from fixtures.louver import running_louver
from fixtures.mysql_house import MySQLHouse, mysql_house_of
from fixtures.waiting import recorded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fixtures.adversity import Stage
    from fixtures.louver import RunningLouver

    from louver.demo.mysql import LocalMySQL

POLICIES = """
version: 1
dictionary: [{column: "*.*.people.phone", category: phone, level: 3}]
rules: [{name: others see phones, columns: {category: phone}, when: principal.name != "masked", treatment: clear}]
limits:
  - {name: none for the boss, when: principal.role == "boss"}
  - {name: few statements, when: principal.role == "few", statements_per_hour: 3}
  - {name: few rows an hour, when: principal.role == "rows", rows_per_hour: 10}
  - {name: short answers, when: principal.role == "short", rows_per_statement: 5}
"""
USERS: dict[str, dict[str, Any]] = {
    "boss": {"role": "boss"},
    "few": {"role": "few"},
    "rows": {"role": "rows"},
    "short": {"role": "short"},
    "masked": {"role": "short"},
    "nobody": {},
    "app": {"role": "rows", "speaks_for": ["rows"]},
}


@pytest.fixture
def louver(stage: Stage) -> Iterator[RunningLouver]:
    """Give a proxy whose counts begin anew."""
    with running_louver(stage.postgres, policies=POLICIES, users=USERS) as louver:
        yield louver


def connect(louver: RunningLouver, user: str) -> psycopg.Connection:
    """A session of somebody."""
    return psycopg.connect(louver.dsn(user, database="adversity"), autocommit=True)


def test_statements_are_counted_over_sessions(louver: RunningLouver) -> None:
    """What steers a session is free; the fourth statement in an hour is refused, prepared or not, and others go on."""
    with connect(louver, "few") as one, connect(louver, "few") as two:
        for _ in range(4):
            one.execute("SET application_name = 'x'")
        one.execute("BEGIN")
        one.execute("SELECT 1")
        one.execute("COMMIT")
        two.execute("SELECT id FROM people WHERE id = %s", [1], prepare=True)
        two.execute("SELECT id FROM people WHERE id = %s", [2], prepare=True)
        for session in (one, two):
            with pytest.raises(psycopg.errors.ConfigurationLimitExceeded) as refused:
                session.execute("SELECT id FROM people WHERE id = %s", [3])
            assert 'your 3 statements an hour by limit "few statements" are used up' in str(refused.value)
        one.execute("SHOW application_name")
    with connect(louver, "boss") as other:
        for _ in range(9):
            other.execute("SELECT 1")
    denied = recorded(louver, "outcome", lambda each: (each["principal"], each["status"]) == ("few", "denied"), count=2)
    assert len(denied) == 2


def test_rows_are_counted_for_whom_they_were_asked(louver: RunningLouver) -> None:
    """An account's own statement ends while the one behind it is somebody else's already."""
    with connect(louver, "app") as app:
        with app.pipeline():
            own = app.execute("SELECT g, pg_sleep(0.02) FROM generate_series(1, 20) g")
            app.execute("SELECT 1 /*louver_user='rows'*/")
        assert len(own.fetchall()) == 20
        assert app.execute("SELECT 2 /*louver_user='rows'*/").fetchall() == [(2,)]
        with pytest.raises(psycopg.errors.ConfigurationLimitExceeded):
            app.execute("SELECT 3")


def test_rows_an_hour_are_counted_when_they_have_come(louver: RunningLouver) -> None:
    """One statement may go over; the next is refused, in every session."""
    with connect(louver, "rows") as one, connect(louver, "rows") as two:
        assert len(one.execute("SELECT * FROM people").fetchall()) == 9
        assert len(two.execute("SELECT * FROM people LIMIT 4").fetchall()) == 4
        for session in (one, two):
            with pytest.raises(psycopg.errors.ConfigurationLimitExceeded, match="10 rows an hour"):
                session.execute("SELECT 1")


def whole(session: psycopg.Connection, sql: str) -> None:
    """Fetch all of an answer."""
    if sql.startswith("COPY"):
        with session.cursor().copy(sql) as copy:
            list(copy)
    else:
        session.execute(sql)


@pytest.mark.parametrize("user", ["short", "masked"])
@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id FROM people",
        "SELECT id FROM people LIMIT 6",
        "SELECT 1 UNION ALL SELECT generate_series(1, 5)",
        "SELECT repeat('x', 100000) FROM generate_series(1, 200)",
        "COPY people TO STDOUT",
    ],
)
def test_a_long_answer_is_cut_off(louver: RunningLouver, user: str, sql: str) -> None:
    """Five rows come, the sixth ends the session, and what it has changed is undone."""
    with connect(louver, user) as session:
        assert len(session.execute("SELECT id FROM people LIMIT 5").fetchall()) == 5
        session.execute("BEGIN")
        session.execute("CREATE TABLE left_behind (id int)")
        with pytest.raises(psycopg.Error) as cut:
            whole(session, sql)
        assert "more than 5 rows" in str(cut.value)
        assert session.closed
    with connect(louver, "boss") as other:
        assert other.execute("SELECT to_regclass('left_behind')").fetchone() == (None,)
        assert len(other.execute("SELECT id FROM people").fetchall()) == 9
    recorded(louver, "denial", lambda each: "more than 5 rows" in each["reason"])


def test_a_limit_that_cannot_be_evaluated_holds(louver: RunningLouver) -> None:
    """Whoever lacks the attribute that all ask for has the least that any of them allows."""
    with connect(louver, "nobody") as session, pytest.raises(psycopg.Error, match="more than 5 rows"):
        session.execute("SELECT id FROM people")
    with connect(louver, "nobody") as session:
        session.execute("SELECT 1")
        session.execute("SELECT 1")
        with pytest.raises(psycopg.Error, match="3 statements an hour"):
            session.execute("SELECT 1")


@pytest.fixture
def house(either: LocalMySQL) -> Iterator[MySQLHouse]:
    """Give the same before MySQL and MariaDB."""
    users = {**USERS, "tina": {}, "anna": {}}
    statements = (
        "CREATE TABLE people (id int PRIMARY KEY, phone varchar(20))",
        *[f"INSERT INTO people VALUES ({i}, '138{i}')" for i in range(1, 10)],
    )
    with mysql_house_of(either, policies=POLICIES, users=users, statements=statements) as house:
        yield house


def test_limits_on_mysql(house: MySQLHouse) -> None:
    """The same counts, and the same end of an answer that is too long."""
    with house.connect("few") as one, house.connect("few") as two:
        cursor = one.cursor()
        for text in ("SET @a = 1", "SELECT 1", "SELECT id FROM people WHERE id = 1"):
            cursor.execute(text)
        two.cursor().execute("SELECT 2")
        for session in (one, two):
            with pytest.raises(pymysql.err.Error, match="3 statements an hour"):
                session.cursor().execute("SELECT 3")
        one.cursor().execute("SHOW TABLES")
    assert len(house.ask("rows", "SELECT * FROM people")) == 9
    assert len(house.ask("rows", "SELECT * FROM people LIMIT 4")) == 4
    with pytest.raises(pymysql.err.Error, match="10 rows an hour"):
        house.ask("rows", "SELECT 1")
    for user in ("short", "masked"):
        for text in (
            "SELECT id FROM people",
            "SELECT phone FROM people UNION ALL SELECT 1",
            "SELECT REPEAT('x', 100000) FROM people p, people q",
        ):
            with house.connect(user) as session, session.cursor() as cursor:
                cursor.execute("SELECT id FROM people LIMIT 5")
                assert len(cursor.fetchall()) == 5
                with pytest.raises(pymysql.err.Error, match="more than 5 rows"):
                    cursor.execute(text)
    assert len(house.ask("boss", "SELECT * FROM people")) == 9
