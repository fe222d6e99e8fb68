"""`search: exact` on MySQL and MariaDB: what is found by real values, what keeps its masked meaning, how often one may ask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mysql.connector
import pymysql
import pytest
from fixtures.mysql_house import SCHEMA, MySQLHouse, mysql_house_of
from pymysql.constants import CLIENT

from audit.reader import records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from louver.demo.mysql import LocalMySQL

POLICIES = f"""
version: 1
dictionary:
  - {{column: "*.{SCHEMA}.people.phone", category: phone, level: 3}}
  - {{column: "*.{SCHEMA}.people.badge", category: badge, level: 3}}
  - {{column: "*.{SCHEMA}.people.card", category: id_card, level: 4}}
rules:
  - name: clerks find people by phone
    columns: {{category: phone}}
    when: principal.name == "tina"
    treatment: {{mask: partial, keep_first: 3, keep_last: 2}}
    search: {{exact: {{per_hour: LIMIT}}}}
  - name: clerks find badges
    columns: {{category: badge}}
    when: principal.name == "tina"
    treatment: {{mask: round, step: 1000}}
    search: exact
  - {{name: auditors see everything, columns: {{category: [phone, badge, id_card]}}, when: principal.name == "anna", treatment: clear}}
"""
STATEMENTS = (
    "CREATE TABLE people (id int PRIMARY KEY, name varchar(20), phone varchar(20), badge int, card varchar(9), KEY (phone), KEY (phone, card))",
    "CREATE TABLE calls (id int PRIMARY KEY, person int, phone varchar(20))",
    """INSERT INTO people VALUES (1, 'Ann', '13812345601', 4711, 'C1'), (2, 'Bob', '13899999902', 4200, 'C2'),
      (3, 'Cid', '13812345601', NULL, 'C3'), (4, 'Dan', NULL, 4711, NULL)""",
    "INSERT INTO calls VALUES (1, 1, '13812345601'), (2, 2, '13899999902')",
    "CREATE VIEW folk AS SELECT id, phone FROM people",
)
ANN = "13812345601"
EXACT = [
    f"SELECT id FROM people WHERE phone = '{ANN}' ORDER BY id",
    f'SELECT id FROM people p WHERE p.phone = "{ANN}" AND id > 0 ORDER BY id',
    f"SELECT id FROM people WHERE (phone = '{ANN}') AND name > '' ORDER BY id",
    f"SELECT id FROM people WHERE phone IN ('{ANN}', 'x') ORDER BY id",
    f"SELECT p.id FROM people p JOIN calls c ON c.person = 1 WHERE p.phone = '{ANN}' ORDER BY 1",
    f"SELECT p.id FROM people p LEFT JOIN calls c ON c.person = p.id WHERE p.phone = '{ANN}' ORDER BY 1",
    f"SELECT p.id FROM calls c, people p WHERE p.phone = '{ANN}' AND c.id = 1 ORDER BY 1",
    f"WITH w AS (SELECT id FROM people WHERE phone = '{ANN}') SELECT id FROM w ORDER BY id",
    f"SELECT id FROM people WHERE id IN (SELECT id FROM people WHERE phone = '{ANN}') ORDER BY id",
    f"SELECT id FROM people WHERE phone = '{ANN}' UNION SELECT id FROM people WHERE phone = '13899999902' ORDER BY id",
    f"SELECT id FROM people WHERE phone = '{ANN}' ORDER BY id FOR UPDATE",
    "SELECT id FROM people WHERE badge = 4711 ORDER BY id",
    f"SELECT id FROM people WHERE badge IN (4711, 4200) AND phone = '{ANN}'",
    f"SELECT id FROM people WHERE phone = '{ANN}' GROUP BY id HAVING COUNT(*) = 1 ORDER BY id LIMIT 5",
]
MASKED = [
    f"SELECT id FROM people WHERE phone = '{ANN}' OR 0",
    f"SELECT id FROM people WHERE NOT phone <> '{ANN}'",
    f"SELECT id FROM people WHERE (phone = '{ANN}') IS TRUE",
    f"SELECT id FROM people WHERE phone = LOWER('{ANN}')",
    f"SELECT id FROM people WHERE phone = '{ANN}' COLLATE utf8mb4_bin",
    f"SELECT id FROM people WHERE phone = '{ANN[:5]}' '{ANN[5:]}'",
    f"SELECT id FROM people WHERE phone = {ANN}",
    f"SELECT id FROM people WHERE badge = '4711' AND phone = {ANN}",
    "SELECT id FROM people WHERE badge = 4711.0",
    "SELECT id FROM people WHERE badge = 0x1267",
    f"SELECT id FROM people WHERE phone = _utf8mb4'{ANN}'",
    f"SELECT id FROM people WHERE phone = N'{ANN}'",
    f"SELECT id FROM people WHERE phone = X'{ANN.encode().hex()}'",
    f"SELECT id FROM people WHERE phone = '\\{ANN}'",
    f"SELECT id FROM people WHERE phone = '{ANN}' XOR 0",
    f"SELECT id FROM people WHERE phone = '{ANN}' || 0",
    f"SELECT id FROM people WHERE phone LIKE '{ANN}'",
    f"SELECT id FROM people WHERE phone <=> '{ANN}'",
    f"SELECT id FROM people WHERE phone >= '{ANN}' AND phone <= '{ANN}'",
    f"SELECT id FROM people WHERE phone BETWEEN '{ANN}' AND '{ANN}'",
    f"SELECT id FROM people WHERE phone REGEXP '{ANN}'",
    f"SELECT id FROM people WHERE phone = '{ANN}' = 1",
    f"SELECT id FROM people WHERE (phone, 1) = ('{ANN}', 1)",
    f"SELECT id FROM people WHERE phone IN (SELECT '{ANN}')",
    f"SELECT id FROM people WHERE phone NOT IN ('x') AND phone = CONCAT('{ANN}')",
    f"SELECT id, phone FROM people GROUP BY id, phone HAVING phone = '{ANN}'",
    f"SELECT id FROM (SELECT * FROM people) p WHERE phone = '{ANN}'",
    f"SELECT id FROM folk WHERE phone = '{ANN}'",
    f"SELECT p.id FROM calls c LEFT JOIN people p ON c.person = p.id WHERE p.phone = '{ANN}'",
    f"SELECT p.id FROM people p RIGHT JOIN calls c ON c.person = p.id WHERE p.phone = '{ANN}'",
    f"SELECT c.id FROM calls c JOIN people p ON p.phone = '{ANN}'",
    "SELECT p.id FROM people p, calls c WHERE p.phone = c.phone",
    f"SELECT id FROM people WHERE CASE WHEN phone = '{ANN}' THEN 1 END",
    "SELECT id FROM people WHERE card = 'C1'",
    f"SELECT id FROM people WHERE EXISTS (SELECT 1 FROM calls c WHERE people.phone = '{ANN}')",
]


@pytest.fixture(scope="module")
def house(either: LocalMySQL) -> Iterator[MySQLHouse]:
    """Give a house whose tina searches often."""
    with mysql_house_of(either, policies=POLICIES.replace("LIMIT", "1000")) as made:
        _fill(made)
        yield made


def _fill(house: MySQLHouse) -> None:
    with house.server.connect(SCHEMA) as connection, connection.cursor() as cursor:
        for statement in STATEMENTS:
            cursor.execute(statement)


@pytest.mark.parametrize("text", EXACT)
def test_an_equality_with_a_constant_finds_the_real_value(house: MySQLHouse, text: str) -> None:
    """The rows are those of the real database."""
    expected = house.real(text)
    assert expected
    assert house.ask("tina", text) == expected


@pytest.mark.parametrize("text", MASKED)
def test_any_other_condition_sees_masked_values(house: MySQLHouse, text: str) -> None:
    """What is no plain conjunct with constants finds nothing by a real value, or is refused."""
    try:
        rows = house.ask("tina", text)
    except pymysql.MySQLError as error:
        assert error.args[0] in {1142, 1235}, error  # noqa: PT017  either end is right
    else:
        assert not rows


def test_what_is_found_is_shown_masked(house: MySQLHouse) -> None:
    """The whole row, its JSON and its order are masked although it was found by its real value."""
    found = house.ask("tina", "SELECT id, name, phone FROM people WHERE phone = %s ORDER BY phone, id", ANN)
    assert found == ((1, "Ann", "138****01"), (3, "Cid", "138****01"))
    text = house.ask("tina", "SELECT JSON_OBJECT('p', phone, 'c', card) FROM people WHERE phone = %s", ANN)
    assert ANN not in str(text)
    assert "C1" not in str(text)


@pytest.mark.parametrize(
    ("text", "values", "found"),
    [
        ("SELECT id FROM people WHERE phone = ? ORDER BY id", (ANN,), [(1,), (3,)]),
        ("SELECT ?, id FROM people WHERE phone = ? AND name = ? ORDER BY id", ("a", ANN, "Cid"), [("a", 3)]),
        ("SELECT id FROM people WHERE phone IN (?, ?) AND id > ? ORDER BY id", (ANN, "13899999902", 1), [(2,), (3,)]),
        (
            "SELECT id FROM people WHERE name = ? AND phone = ?",
            ("Ann", ANN),
            [],
        ),  # in their order the first is the name
        ("SELECT c.id FROM people p, calls c WHERE c.phone = ? AND p.phone = ?", (ANN, ANN), []),
        ("SELECT id FROM people WHERE badge = ?", (4711,), []),  # its type is not known when it is prepared
        ("SELECT id FROM people WHERE phone = ?", (0,), []),  # a text is not compared as a number
        ("SELECT id FROM people WHERE phone = ?", (int(ANN),), [(1,), (3,)]),
    ],
)
def test_parameters_are_values(house: MySQLHouse, text: str, values: tuple[Any, ...], found: list[Any]) -> None:
    """Prepared statements search, too, as long as the order of their parameters stays."""
    with mysql.connector.connect(**house.arguments("tina")) as connection, connection.cursor(prepared=True) as cursor:
        for _ in range(2):
            cursor.execute(text, values)
            assert sorted(cursor.fetchall()) == found


def test_the_budget_is_counted_by_execution(either: LocalMySQL) -> None:
    """Each execution counts, prepared or not, and each value of a list; over the limit it is refused, and audited as exact."""
    with mysql_house_of(either, policies=POLICIES.replace("LIMIT", "6")) as house:
        _fill(house)
        with mysql.connector.connect(**house.arguments("tina")) as connection:
            with connection.cursor(prepared=True) as cursor:
                for _ in range(3):
                    cursor.execute("SELECT id FROM people WHERE phone = ?", (ANN,))
                    assert cursor.fetchall()
            assert house.ask("tina", f"SELECT id FROM people WHERE phone IN ('{ANN}', 'x')")
            assert house.ask("tina", f"SELECT id FROM people WHERE phone = '{ANN}'")
            with pytest.raises(pymysql.MySQLError, match="search") as told:
                house.ask("tina", f"SELECT id FROM people WHERE phone = '{ANN}'")
            assert told.value.args[0] == 1226
            with connection.cursor(prepared=True) as cursor, pytest.raises(mysql.connector.Error) as again:
                cursor.execute("SELECT id FROM people WHERE phone = ?", (ANN,))
            assert again.value.errno == 1226
        assert house.ask("tina", "SELECT COUNT(*) FROM people") == ((4,),)
        with (
            house.connect("tina", client_flag=CLIENT.MULTI_STATEMENTS) as connection,
            connection.cursor() as cursor,
            pytest.raises(pymysql.MySQLError),
        ):
            cursor.execute(f"SELECT 1 FROM people; SELECT id FROM people WHERE phone = '{ANN}'")
        searched = [
            column
            for record in records(house.louver.audit_directory)
            if record["event"] == "statement"
            for column in record.get("columns", ())
            if column.get("search") == "exact"
        ]
        assert searched
        assert {column["column"].rsplit(".", 1)[1] for column in searched} == {"phone"}
