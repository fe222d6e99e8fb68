"""`join: exact` on MySQL and MariaDB: which conditions join by real values, that nothing but the equality is told, and how often one may ask.

Two schemas hold other real values with the same equalities: whatever is told beyond these would tell them apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mysql.connector
import pymysql
import pytest
from fixtures.mysql_house import SCHEMA, MySQLHouse, mysql_house_of

from audit.reader import records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from louver.demo.mysql import LocalMySQL

LEFT, RIGHT = (f"{SCHEMA}_left", f"{SCHEMA}_right")
JOINED = ("people", "calls", "many", "odd", "leaf")
POLICIES = f"""
version: 1
dictionary:
  - {{column: "*.*.people.phone", category: phone, level: 3}}
  - {{column: "*.*.people.card", category: card, level: 3}}
  - {{column: "*.*.people.score", category: score, level: 3}}
  - {{column: "*.*.people.rate", category: score, level: 3}}
  - {{column: "*.*.calls.phone", category: phone, level: 3}}
  - {{column: "*.*.calls.card", category: phone, level: 3}}
  - {{column: "*.*.calls.score", category: score, level: 3}}
  - {{column: "*.*.calls.rate", category: score, level: 3}}
  - {{column: "*.*.many.score", category: score, level: 3}}
  - {{column: "*.*.odd.*", category: phone, level: 3}}
  - {{column: "*.*.leaf.phone", category: phone, level: 3}}
  - {{column: "*.*.mine.phone", category: phone, level: 3}}
rules:
  - name: anna sees everything
    columns: {{category: "*"}}
    when: principal.name == "anna"
    treatment: clear
  - name: clerks join people and calls
    columns: {{table: [{", ".join(f"{schema}.{table}" for schema in (LEFT, RIGHT) for table in JOINED)}]}}
    treatment: {{mask: full}}
    on_write: deny
    join: {{exact: {{per_hour: LIMIT}}}}
"""
TABLES = (
    "CREATE TABLE people (id int PRIMARY KEY, name varchar(20), phone varchar(20), card text, score int, rate decimal(12,3), KEY (phone))",
    "CREATE TABLE calls (id int PRIMARY KEY, person int, phone varchar(30), card text, score bigint unsigned, rate decimal(12,1))",
    """CREATE TABLE odd (id int PRIMARY KEY, day date, code varchar(20) COLLATE utf8mb4_bin, made varchar(20) AS (CONCAT(code, 'x')),
      much longtext, kind enum('a','b'))""",
    "CREATE TABLE root (phone varchar(20) PRIMARY KEY)",
    "CREATE TABLE leaf (id int PRIMARY KEY, phone varchar(20), FOREIGN KEY (phone) REFERENCES root (phone) ON UPDATE CASCADE)",
    "CREATE TABLE guesses (id int AUTO_INCREMENT PRIMARY KEY, phone varchar(20), score int)",
    "CREATE TABLE mine (phone varchar(20))",
    "CREATE TABLE many (id int PRIMARY KEY, score int)",
    "CREATE VIEW folk AS SELECT id, phone FROM people",
    "CREATE VIEW tapes AS SELECT id, phone AS number FROM calls",
)
ROWS = """
INSERT INTO people VALUES (1, 'Ann', 'A', 'A', 11, 11), (2, 'Bob', 'B', 'B', 22, 22), (3, 'Cid', 'A', 'A', 11, 11),
  (4, 'Dan', NULL, NULL, NULL, NULL), (5, 'Eva', 'C', 'C', 33, 33);
INSERT INTO calls VALUES (1, 1, 'A', 'A', 11, 11), (2, 2, 'B', 'B', 22, 22), (3, 9, 'D', 'D', 44, 44), (4, 9, NULL, NULL, NULL, NULL);
INSERT INTO guesses (phone, score) VALUES ('13812345601', 1), ('13812345601', 2);
INSERT INTO mine VALUES ('13812345601');
INSERT INTO many WITH RECURSIVE g (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM g WHERE n < 100) SELECT n, (n * 7919) % 1009 FROM g
"""
VALUES = {
    LEFT: {
        "A": "13812345601",
        "B": "13899999902",
        "C": "13812345603",
        "D": "1",
        "11": "4711",
        "22": "7",
        "33": "0",
        "44": "5",
    },
    RIGHT: {
        "A": "zz",
        "B": "a long one, and so",
        "C": "b",
        "D": "ä/b",
        "11": "1",
        "22": "2147483",
        "33": "5",
        "44": "6",
    },
}
EXACT = [
    "SELECT p.id, c.id FROM people p JOIN calls c ON p.phone = c.phone ORDER BY 1, 2",
    "SELECT p.id, c.id FROM people p, calls c WHERE c.phone = p.phone AND p.id > 0 ORDER BY 1, 2",
    "SELECT people.id, calls.id FROM people INNER JOIN calls ON (people.phone = calls.phone) ORDER BY 1, 2",
    "SELECT p.id, c.id FROM people p LEFT JOIN calls c ON p.phone = c.phone AND p.id = p.id ORDER BY 1, 2",
    "SELECT p.id, c.id FROM people p RIGHT JOIN calls c ON p.phone=c.phone ORDER BY 1, 2",
    "SELECT p.id, c.id, d.id FROM people p JOIN (calls c LEFT JOIN calls d ON c.phone = d.phone) ON p.phone = d.phone ORDER BY 1, 2, 3",
    "SELECT p.id, c.id, d.id FROM people p JOIN calls c ON p.phone = c.phone LEFT JOIN calls d ON c.phone = d.phone ORDER BY 1, 2, 3",
    "SELECT p.id, c.id FROM people p STRAIGHT_JOIN calls c ON p.phone = c.phone WHERE p.name > '' ORDER BY 1, 2",
    "SELECT a.id, b.id FROM people a JOIN people b ON a.phone = b.phone AND a.id < b.id",
    "SELECT p.id, c.id FROM people p JOIN calls c ON p.score = c.score AND p.phone = c.phone ORDER BY 1, 2",
    "SELECT p.id, c.id FROM people p JOIN calls c ON p.rate = c.rate ORDER BY 1, 2",
    "SELECT count(*) FROM people p JOIN calls c ON p.phone = c.phone",
    "SELECT p.name, count(*) FROM people p JOIN calls c ON p.phone = c.phone GROUP BY p.name HAVING count(*) > 0 ORDER BY 1 LIMIT 9",
    "SELECT p.id FROM people p WHERE EXISTS (SELECT 1 FROM calls c JOIN people q ON q.phone = c.phone WHERE q.id = p.id) ORDER BY 1",
    "WITH w AS (SELECT p.id FROM people p JOIN calls c ON p.phone = c.phone) SELECT id FROM w ORDER BY id",
    "SELECT t.*, g.score FROM (SELECT p.id FROM people p JOIN calls c ON p.phone = c.phone) t, guesses g ORDER BY 1, 2",
    "SELECT p.id FROM people p JOIN calls c ON p.phone = c.phone UNION SELECT c.id FROM calls c JOIN people p ON c.score = p.score ORDER BY 1",
    "SELECT `P`.id, c.id FROM people `P` JOIN calls c ON `P`.`phone`=c.PHONE ORDER BY 1, 2",
    "SELECT p.id FROM people p JOIN calls c ON p.phone = c.phone ORDER BY p.id FOR UPDATE",
    "SELECT p.id, CONCAT_WS('-', p.name, c.id) FROM people p JOIN calls c ON p.phone = c.phone AND c.id = 2",
    "SELECT /*!40101 p.id, */ c.id FROM people p JOIN calls c /* on */ ON p.phone /*!40101 = */ c.phone ORDER BY 1, 2",
]
HOSTILE = [
    # what is compared is shown by no name or star
    "SELECT p.*, c.id FROM people p JOIN calls c ON p.phone = c.phone ORDER BY 1, 2",
    "SELECT * FROM people p JOIN calls c ON p.phone = c.phone",
    "SELECT p.louver_join1 FROM people p JOIN calls c ON p.phone = c.phone",
    "SELECT louver_join1 FROM people p JOIN calls c ON p.phone = c.phone",
    "SELECT p.id FROM people p JOIN calls c ON p.phone = c.phone ORDER BY `louver_join1`",
    "SELECT p.id FROM people p JOIN calls c ON p.phone = c.phone WHERE p.louver_join2 > ''",
    "SELECT p.id FROM people p JOIN calls c ON p.phone = c.phone JOIN guesses USING (louver_join1)",
    "SELECT * FROM people p NATURAL JOIN calls c",
    "SELECT p.id, c.id FROM people p NATURAL JOIN guesses g JOIN calls c ON p.phone = c.phone",
    "SELECT id FROM people JOIN calls USING (phone)",
    "SELECT (SELECT MAX(x.phone) FROM (SELECT p.*) x) FROM people p JOIN calls c ON p.phone = c.phone",
    "SELECT EXISTS (SELECT * FROM people p JOIN calls c ON p.phone = c.phone AND c.id = 3)",
    "CREATE TEMPORARY TABLE taken AS SELECT p.* FROM people p JOIN calls c ON p.phone = c.phone",
    "SELECT p.id FROM people p JOIN calls c ON p.phone = c.phone PROCEDURE ANALYSE()",
    # other comparisons
    "SELECT p.id, c.id FROM people p JOIN calls c ON p.phone < c.phone",
    "SELECT p.id, c.id FROM people p JOIN calls c ON p.phone <> c.phone",
    "SELECT p.id, c.id FROM people p JOIN calls c ON p.phone <=> c.phone",
    "SELECT p.id, c.id FROM people p JOIN calls c ON p.phone >= c.phone AND p.phone <= c.phone",
    "SELECT p.id, c.id FROM people p JOIN calls c ON p.phone LIKE c.phone",
    "SELECT p.id, c.id FROM people p JOIN calls c ON CONCAT(p.phone) = c.phone",
    "SELECT p.id, c.id FROM people p JOIN calls c ON p.phone = c.phone COLLATE utf8mb4_bin",
    "SELECT p.id, c.id FROM people p JOIN calls c ON BINARY p.phone = c.phone",
    "SELECT p.id, c.id FROM people p JOIN calls c ON p.phone = c.phone OR p.id = c.id",
    "SELECT p.id, c.id FROM people p JOIN calls c ON p.phone = c.phone XOR p.id = c.id",
    "SELECT p.id, c.id FROM people p JOIN calls c ON p.phone = c.phone || p.id = c.id",
    "SELECT p.id, c.id FROM people p JOIN calls c ON p.phone = c.phone = 1",
    "SELECT p.id, c.id FROM people p JOIN calls c ON 1 = p.phone = c.phone",
    "SELECT p.id, c.id FROM people p JOIN calls c ON p.phone = c.phone IS TRUE",
    "SELECT p.id, c.id FROM people p JOIN calls c ON NOT p.phone = c.phone",
    "SELECT p.id, c.id FROM people p JOIN calls c ON ! p.phone = c.phone",
    "SELECT p.id, c.id FROM people p JOIN calls c ON - p.score = c.score",
    "SELECT p.id, c.id FROM people p JOIN calls c ON p.score = c.score + 1",
    "SELECT p.id, c.id FROM people p JOIN calls c ON p.score = c.score IN (0)",
    "SELECT p.id, c.id FROM people p JOIN calls c ON p.score = c.score BETWEEN 0 AND 1",
    "SELECT p.id, c.id FROM people p JOIN calls c ON (p.phone, 1) = (c.phone, 1)",
    "SELECT p.id, c.id FROM people p JOIN calls c ON CASE WHEN p.phone = c.phone THEN true END",
    "SELECT p.id, c.id, p.phone = c.phone, p.phone < c.phone FROM people p, calls c",
    "SELECT p.id, c.id FROM people p, calls c HAVING p.id = c.id",
    "SELECT max(p.phone), group_concat(c.phone) FROM people p JOIN calls c ON p.phone = c.phone",
    "SELECT p.id FROM people p JOIN calls c ON p.phone = c.phone AND EXTRACTVALUE(1, CONCAT('~', p.phone))",
    "SELECT p.phone + 0 FROM people p JOIN calls c ON p.phone = c.phone",
    "SELECT p.id FROM people p WHERE p.phone IN (SELECT c.phone FROM calls c)",
    "SELECT p.id FROM people p WHERE EXISTS (SELECT 1 FROM calls c WHERE c.phone = p.phone)",
    "SELECT p.phone FROM people p INTERSECT SELECT c.phone FROM calls c",
    "SELECT p.id, c.id FROM people p JOIN calls c ON p.phone = c.card",
    "SELECT p.id, c.id FROM people p JOIN calls c ON p.card = c.card",
    # dictionaries
    "SELECT p.id FROM people p JOIN guesses g ON p.phone = g.phone",
    "SELECT p.id FROM people p, (SELECT '13812345601' AS phone) g WHERE p.phone = g.phone",
    "WITH g AS (SELECT '13812345601' AS phone) SELECT p.id FROM people p JOIN g ON p.phone = g.phone",
    "WITH calls AS (SELECT '13812345601' AS phone) SELECT p.id FROM people p JOIN calls g ON p.phone = g.phone",
    "SELECT p.id FROM people p, JSON_TABLE('[\"13812345601\"]', '$[*]' COLUMNS (phone varchar(20) PATH '$')) g WHERE p.phone = g.phone",
    "SELECT p.id FROM people p JOIN mine m ON p.phone = m.phone",
    "SELECT p.id FROM people p JOIN folk f ON p.phone = f.phone AND p.id <> f.id",
    "SELECT p.id FROM people p JOIN leaf g ON p.phone = g.phone",
    "INSERT INTO calls VALUES (9, 9, '13812345601', NULL, NULL, NULL)",
    "INSERT INTO calls (id, phone) SELECT 9, '13812345601'",
    "REPLACE INTO calls (id, phone) VALUES (3, '13812345601')",
    "INSERT INTO calls SET id = 9, phone = '13812345601'",
    "UPDATE calls SET phone = '13812345601' WHERE id = 3",
    "UPDATE calls SET phone = phone",
    "INSERT INTO tapes VALUES (9, '13812345601') -- calls",
    "INSERT INTO tapes (id) VALUES (3) ON DUPLICATE KEY UPDATE number = '13812345601' -- calls",
    "UPDATE tapes SET number = '13812345601' WHERE id = 3 -- calls",
    "UPDATE tapes t JOIN guesses g ON g.id = 1 SET t.number = g.phone -- calls",
    "REPLACE INTO tapes VALUES (3, '13812345601') -- calls",
    "UPDATE calls c JOIN guesses g ON g.id = 1 SET c.phone = g.phone",
    "INSERT INTO calls (id) VALUES (1) ON DUPLICATE KEY UPDATE phone = '13812345601'",
    "ALTER TABLE calls ALTER phone SET DEFAULT '13812345601'",
    "CREATE TEMPORARY TABLE calls (id int, phone varchar(20))",
    "CREATE TEMPORARY TABLE {s}.calls (id int, phone varchar(20))",
    "CREATE TABLE IF NOT EXISTS calls LIKE guesses",
    "CREATE TRIGGER t BEFORE INSERT ON calls FOR EACH ROW SET NEW.phone = '13812345601'",
    "CREATE PROCEDURE hide() CREATE TEMPORARY TABLE calls (id int, phone varchar(20))",
    "RENAME TABLE guesses TO calls",
    "ALTER TABLE guesses RENAME calls",
    "DROP DATABASE {s}",
    "DROP SCHEMA IF EXISTS `{s}`",
    "LOAD DATA LOCAL INFILE 'x' INTO TABLE calls",
    # writes and plans are answered on masked values
    "UPDATE guesses g JOIN people p JOIN calls c ON p.phone = c.phone SET g.score = 0 WHERE c.id = 3 AND p.id = 5",
    "DELETE g FROM guesses g JOIN people p JOIN calls c ON p.phone = c.phone WHERE c.id = 3 AND p.id = 5",
    "INSERT INTO guesses (score) SELECT p.id FROM people p JOIN calls c ON p.phone = c.phone",
    "PREPARE s FROM 'SELECT p.id FROM people p JOIN calls c ON p.phone = c.phone'",
    "EXPLAIN SELECT p.id FROM people p JOIN calls c ON p.phone = c.phone",
]
UNFIT = [
    ("SELECT a.id FROM odd a JOIN odd b ON a.day = b.day", "the type date"),
    ("SELECT a.id FROM odd a JOIN odd b ON a.kind = b.kind", "the type enum"),
    ("SELECT a.id FROM odd a JOIN odd b ON a.much = b.much", "the type longtext"),
    ("SELECT a.id FROM odd a JOIN odd b ON a.made = b.made", "computed"),
    ("SELECT a.id FROM odd a JOIN people b ON a.code = b.phone", "collations"),
    ("SELECT p.id FROM people p JOIN calls c ON p.score = c.rate", "different types"),
    ("SELECT p.id FROM people p JOIN leaf g ON p.phone = g.phone", "follows"),
]


def fill(server: LocalMySQL) -> None:
    """Make the two schemas."""
    for schema, values in VALUES.items():
        server.create_schema(schema)
        text = ROWS
        for name, value in values.items():
            text = text.replace(f"'{name}'", f"'{value}'")
            text = text.replace(f" {name},", f" {value},").replace(f" {name})", f" {value})")
        with server.connect(schema) as connection, connection.cursor() as cursor:
            for statement in (*TABLES, *text.split(";")):
                cursor.execute(statement)


@pytest.fixture(scope="module")
def house(either: LocalMySQL) -> Iterator[MySQLHouse]:
    """A Louver that lets tina join often."""
    fill(either)
    with mysql_house_of(either, policies=POLICIES.replace("LIMIT", "100000")) as made:
        yield made
    for schema in VALUES:
        with either.connect(None) as connection, connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {schema}")


@pytest.fixture(scope="module")
def clerks(house: MySQLHouse) -> Iterator[dict[str, pymysql.Connection[Any]]]:
    """A clerk's sessions with the two schemas."""
    made = {schema: come(house, schema, autocommit=False) for schema in VALUES}
    yield made
    for connection in made.values():
        connection.close()


def come(house: MySQLHouse, schema: str, **more: Any) -> pymysql.Connection[Any]:
    """A session of tina's with one of the schemas."""
    return pymysql.connect(
        **{**house.arguments("tina"), "database": schema, "autocommit": True, "read_timeout": 20, **more}
    )


def answer(client: pymysql.Connection[Any], text: str) -> Any:
    """The rows and the count, or what the error says, and whether there are warnings."""
    schema = client.db.decode() if isinstance(client.db, bytes) else str(client.db)
    try:
        with client.cursor() as cursor:
            count = cursor.execute(text.replace("{s}", schema))
            return list(cursor.fetchall()), count, cursor.warning_count > 0
    except pymysql.MySQLError as error:
        return error.args[0], str(error.args[1]).replace(schema, "{s}")
    finally:
        client.rollback()


@pytest.mark.parametrize("text", EXACT)
def test_an_equality_of_two_columns_joins_by_real_values(house: MySQLHouse, text: str) -> None:
    """The rows are those of the real databases, by text and prepared, twice."""
    for schema in VALUES:
        with house.server.connect(schema) as owner:
            expected = answer(owner, text)
        assert expected[0], expected
        with come(house, schema) as clerk:
            assert answer(clerk, text) == expected
        with (
            mysql.connector.connect(**{**house.arguments("tina"), "database": schema}) as connection,
            connection.cursor(prepared=True) as cursor,
        ):
            for _ in range(2):
                cursor.execute(text)
                assert list(cursor.fetchall()) == expected[0]


@pytest.mark.parametrize("text", [*EXACT, *HOSTILE])
def test_nothing_but_the_equality_is_told(clerks: dict[str, pymysql.Connection[Any]], text: str) -> None:
    """Rows, counts, warnings and errors are the same over other real values."""
    answers = []
    for clerk in clerks.values():
        found = answer(clerk, text)
        rows = found[0]
        if (
            isinstance(rows, list) and "ORDER BY" not in text
        ):  # the hash gives them an order of its own, which means nothing
            rows.sort(key=repr)
        answers.append(found)
    assert answers[0] == answers[1]
    for value in (value for values in VALUES.values() for value in values.values()):
        assert len(value) < 3 or value not in str(answers) or value in text


@pytest.mark.parametrize(
    "text", [text for text in HOSTILE if " g ON p" in text or " g WHERE p" in text or " m ON p" in text]
)
def test_guesses_find_nothing(clerks: dict[str, pymysql.Connection[Any]], text: str) -> None:
    """A caller's own values are never joined with hidden ones, whatever table they stand in."""
    assert not isinstance(answer(clerks[LEFT], text)[0], list) or answer(clerks[LEFT], text)[0] == []


@pytest.mark.parametrize(
    "text", [text for text in HOSTILE if "calls" in text and not text.startswith(("SELECT", "WITH"))]
)
def test_no_way_fills_a_joined_column(clerks: dict[str, pymysql.Connection[Any]], text: str) -> None:
    """Writes and definitions that would put values into it, or something else in its table's place, are refused or masked."""
    first = answer(clerks[LEFT], text)[0]
    assert first in (1142, 1143, 1235) or text.startswith(
        ("UPDATE guesses", "DELETE g", "INSERT INTO guesses", "CREATE TEMPORARY TABLE taken", "PREPARE")
    )


@pytest.mark.parametrize(("text", "reason"), UNFIT)
def test_a_column_that_cannot_be_joined_is_told(
    clerks: dict[str, pymysql.Connection[Any]], text: str, reason: str
) -> None:
    """Where a rule allows a join and the columns do not, the statement is refused and says why; a masked join is not passed for it."""
    number, message = answer(clerks[LEFT], text)
    assert number == 1142
    assert "cannot be joined by their real values" in message
    assert reason in message


def test_the_order_of_a_join_is_not_that_of_real_values(
    house: MySQLHouse, clerks: dict[str, pymysql.Connection[Any]]
) -> None:
    """Whatever the server joins by, its order is that of a keyed hash at the most."""
    text = "SELECT a.id FROM many a JOIN many b ON a.score = b.score"
    by_value = [row[0] for row in _rows(house, LEFT, "SELECT id FROM many ORDER BY score")]
    found = [row[0] for row in answer(clerks[LEFT], text)[0]]
    assert sorted(found) == sorted(by_value)
    assert found != by_value


def _rows(house: MySQLHouse, schema: str, text: str) -> list[Any]:
    with house.server.connect(schema) as connection:
        return list(answer(connection, text)[0])


def test_what_is_joined_is_shown_masked(clerks: dict[str, pymysql.Connection[Any]]) -> None:
    """Rows that are found by real values show what the caller may see."""
    found = answer(
        clerks[LEFT], "SELECT p.id, p.phone, c.phone FROM people p JOIN calls c ON p.phone = c.phone WHERE p.id = 2"
    )
    assert found[0] == [(2, "****", "****")]


def test_joins_are_counted_and_audited(either: LocalMySQL) -> None:
    """Each execution counts one for each column that is joined, prepared or not; over the limit it is refused; the trail says exact."""
    fill(either)
    text = "SELECT p.id FROM people p JOIN calls c ON p.phone = c.phone"
    with mysql_house_of(either, policies=POLICIES.replace("LIMIT", "3")) as house:
        arguments = {**house.arguments("tina"), "database": LEFT}
        with come(house, LEFT) as clerk:
            with mysql.connector.connect(**arguments) as connection, connection.cursor(prepared=True) as cursor:
                for _ in range(2):
                    cursor.execute(text)
                    cursor.fetchall()
            number, message = answer(clerk, "SELECT 1 FROM people p JOIN people q ON p.phone = q.phone")
            assert (number, "your 3 joins an hour" in message) == (1226, True)
            assert len(answer(clerk, text)[0]) == 3
            assert answer(clerk, text)[0] == 1226
        audited = [r for r in records(house.louver.audit_directory) if r["event"] == "statement" and r.get("columns")]
    assert {(use["column"], use.get("join")) for use in audited[0]["columns"]} == {
        (f"{LEFT}.people.phone", "exact"),
        (f"{LEFT}.calls.phone", "exact"),
    }
