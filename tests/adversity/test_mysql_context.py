"""What sessions say of themselves on MySQL and MariaDB: declared attributes, and applications that speak for their users."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import mysql.connector
import pymysql
import pytest
from fixtures.mysql_house import SCHEMA, MySQLHouse, mysql_house_of

from audit.reader import records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from louver.demo.mysql import LocalMySQL

POLICIES = f"""
version: 1
session:
  purpose: {{values: [care, marketing]}}
  case: {{type: integer, minimum: 1}}
dictionary:
  - {{column: "*.{SCHEMA}.people.phone", category: phone, level: 3}}
  - {{column: "*.{SCHEMA}.people.card", category: id_card, level: 4}}
rules:
  - {{name: care calls people, columns: {{category: phone}}, when: session.purpose == "care", treatment: clear}}
  - {{name: their own region, columns: {{category: phone}}, when: has(principal.region), rows: "region = {{principal.region}}", treatment: clear}}
  - {{name: one case, columns: {{category: id_card}}, when: session.case != null, rows: "id = {{session.case}}", treatment: clear}}
  - {{name: auditors, columns: {{level: ">=3"}}, when: 'has(principal.role) && principal.role == "auditor"', treatment: clear}}
  - {{name: cards are told apart, columns: {{category: id_card}}, treatment: {{mask: hash}}}}
"""
STATEMENTS = (
    "CREATE TABLE people (id int PRIMARY KEY, region varchar(9), phone varchar(20), card varchar(64))",
    "INSERT INTO people VALUES (1, 'east', '13812345601', 'C1'), (2, 'west', '13899999902', 'C2')",
)
USERS = {
    "app": {"speaks_for": ["t*", "anna"]},
    "tina": {"region": "east"},
    "theo": {"region": "west"},
    "anna": {"role": "auditor"},
    "bob": {"region": "north"},
}
PHONES = "SELECT phone FROM people ORDER BY id"
EAST, WEST = ["13812345601", "138****9902"], ["138****5601", "13899999902"]
CLEAR = ["13812345601", "13899999902"]
MASKED = ["138****5601", "138****9902"]


def by(user: str, text: str = PHONES, **said: str) -> str:
    """A statement that an application sends for somebody."""
    pairs = {"db_driver": "x%20y", "louver_user": user, **{f"louver_{name}": value for name, value in said.items()}}
    return f"{text} /*" + ",".join(f"{key}='{value}'" for key, value in pairs.items()) + "*/"


@pytest.fixture(scope="module")
def house(mysql: LocalMySQL) -> Iterator[MySQLHouse]:
    """A proxy before two people, on each server."""
    with mysql_house_of(mysql, policies=POLICIES, statements=STATEMENTS, users=USERS) as made:
        yield made


@pytest.fixture
def app(house: MySQLHouse) -> Iterator[pymysql.Connection[Any]]:
    """The application's session."""
    with house.connect("app") as connection:
        yield connection


@pytest.fixture
def bob(house: MySQLHouse) -> Iterator[pymysql.Connection[Any]]:
    """The session of one who speaks for himself alone."""
    with house.connect("bob") as connection:
        yield connection


def column(connection: Any, text: str, *, prepared: bool = False) -> list[Any]:
    """The first column of an answer."""
    with connection.cursor(**({"prepared": True} if prepared else {})) as cursor:
        cursor.execute(text)
        return [row[0] for row in cursor.fetchall()]


def run(connection: Any, text: str) -> None:
    """Run a statement that gives no rows."""
    with connection.cursor() as cursor:
        cursor.execute(text)


def test_a_purpose_is_declared_and_taken_back(house: MySQLHouse) -> None:
    """What SET declares holds from the next statement on, until it is set again, taken back or the connection is reset."""
    with mysql.connector.connect(**house.arguments("bob"), autocommit=True) as bob:
        assert column(bob, PHONES) == MASKED
        for declare, expected in (
            ("SET @louver_purpose = 'care'", CLEAR),
            ("set @louver_purpose := 'marketing';", MASKED),
            ("SET @LOUVER_PURPOSE='care'", CLEAR),
            ("SET @louver_purpose = NULL", MASKED),
        ):
            run(bob, declare)
            assert column(bob, PHONES) == expected, declare
            assert column(bob, PHONES, prepared=True) == expected, declare


def test_less_that_is_declared_ends_the_session_or_shows_less(house: MySQLHouse) -> None:
    """A reset connection has declared nothing, so it never shows more than a new one."""
    with mysql.connector.connect(**house.arguments("app"), autocommit=True) as app:
        run(app, "SET @louver_user = 'tina'")
        assert column(app, PHONES) == EAST
        app.cmd_reset_connection()
        assert column(app, PHONES) == MASKED


@pytest.mark.parametrize(
    ("text", "number", "message"),
    [
        ("SET @louver_purpose = 'profit'", 1105, "louver: `purpose` takes one of care, marketing"),
        ("SET @louver_porpose = 'care'", 1105, "there is no attribute porpose to declare. The policies have: case, purpose."),
        ("SET @louver_user = 'tina'", 1142, "bob may not speak for others"),
        ("SET @a = 1, @louver_purpose = 'care'", 1064, "this form of declaring is not understood"),
        ("SET @louver_purpose = 'ca\\re'", 1064, "this form of declaring is not understood"),
        ("SET @louver_purpose = CONCAT('ca', 're')", 1064, "this form of declaring is not understood"),
        ("SET @`louver_purpose` = 'care'", 1064, "this form of declaring is not understood"),
    ],
)  # fmt: skip
def test_what_may_not_be_declared_is_refused(bob: Any, text: str, number: int, message: str) -> None:
    """The reason says what the policies allow, and nothing is shown by it."""
    with pytest.raises(pymysql.MySQLError) as refused:
        run(bob, text)
    assert refused.value.args[0] == number
    assert refused.value.args[1].startswith(message)
    assert column(bob, PHONES) == MASKED


@pytest.mark.parametrize("text", ["SELECT 'care' INTO @louver_purpose", "SELECT @louver_purpose := 'care'"])
def test_a_variable_alone_declares_nothing(bob: Any, text: str) -> None:
    """Only SET declares; whose columns are masked cannot use the variable otherwise."""
    with pytest.raises(pymysql.MySQLError):
        run(bob, text)
    assert column(bob, PHONES) == MASKED


def test_rows_go_by_what_is_declared(bob: Any) -> None:
    """A case opens one row."""
    assert not {"C1", "C2"} & set(column(bob, "SELECT card FROM people ORDER BY id"))
    run(bob, "SET @louver_case = 2")
    first, second = column(bob, "SELECT card FROM people ORDER BY id")
    assert (first != "C1", second) == (True, "C2")


def test_each_statement_may_be_another_ones(house: MySQLHouse) -> None:
    """The comment behind a statement says whose it is; without one it is the application's own."""
    with mysql.connector.connect(**house.arguments("app"), autocommit=True) as app:
        for _ in range(2):
            for text, expected in (
                (by("tina"), EAST),
                (by("theo"), WEST),
                (by("anna"), CLEAR),
                (PHONES, MASKED),
                (by("tina", purpose="care"), CLEAR),
            ):
                assert column(app, text) == expected, text
                assert column(app, text, prepared=True) == expected, text
        tina, theo = app.cursor(prepared=True), app.cursor(prepared=True)
        for _ in range(3):
            for cursor, user, expected in ((tina, "tina", EAST), (theo, "theo", WEST)):
                cursor.execute(by(user))
                assert [row[0] for row in cursor.fetchall()] == expected
    statements = [
        r for r in records(house.louver.audit_directory) if r["event"] == "statement" and r.get("principal") == "app"
    ]
    assert {r["on_behalf_of"] for r in statements} >= {"tina", "theo", "anna", None}
    said = next(r for r in statements if r["on_behalf_of"] == "tina" and r["declared"])
    assert (said["attributes"], said["declared"]) == ({"region": "east"}, {"purpose": "care"})


def test_a_session_speaks_for_one_until_it_says_otherwise(app: Any) -> None:
    """SET @louver_user holds for the session, a comment for its statement."""
    run(app, "SET @louver_user = 'tina'")
    assert column(app, PHONES) == EAST
    assert column(app, by("theo")) == WEST
    assert column(app, PHONES) == EAST
    run(app, "SET @louver_user = NULL")
    assert column(app, PHONES) == MASKED


@pytest.mark.parametrize(
    "text",
    [
        by("bob"),
        by("tom"),
        by("tina", porpose="care"),
        by("tina", purpose="profit"),
        by("anna", PHONES + " /*louver_user='tina'*/"),
        PHONES + " /*louver_user='tina'*/ -- more",
        PHONES + " # /*louver_user='tina'*/ more",
        PHONES + " /*!louver_user='tina'*/",
        by("tina").replace("*/", ",louver%5Fuser='anna'*/"),
    ],
)
def test_who_asks_must_be_plain(app: Any, text: str) -> None:
    """A text that says it twice, or not at its end, may hold what somebody typed: it is refused."""
    with pytest.raises(pymysql.MySQLError):
        run(app, text)
    assert column(app, PHONES) == MASKED


def test_nobody_else_speaks_by_a_comment(bob: Any) -> None:
    """To an account that may speak for nobody a comment is a comment."""
    assert column(bob, by("anna")) == MASKED


def test_each_session_has_what_is_decided_for_its_like(house: MySQLHouse) -> None:
    """What was decided for a session is found again for those of the same person and purpose, and for no other."""
    meant = [
        ("bob", None, MASKED),
        ("bob", "care", CLEAR),
        ("bob", "marketing", MASKED),
        ("tina", None, EAST),
        ("theo", "marketing", WEST),
        ("anna", None, CLEAR),
    ]
    for user, purpose, expected in random.Random(5).sample(meant * 4, 24):
        with house.connect(user) as session:
            if purpose is not None:
                run(session, f"SET @louver_purpose = '{purpose}'")
            assert column(session, PHONES) == expected, (user, purpose)
