"""What was prepared and runs later on MySQL and MariaDB: under another sql_mode, other definitions, other policies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mysql.connector
import pymysql
import pytest
from fixtures.mysql_house import POLICIES, SCHEMA, MySQLHouse, mysql_house_of
from fixtures.waiting import until

from audit.reader import records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from louver.demo.mysql import LocalMySQL

REAL = "13812345678"
SEARCHING = POLICIES.replace("keep_last: 4}", "keep_last: 4}\n    search: exact", 1)
COPY = 'UPDATE customers c JOIN tt t ON t.id = c.id SET c.name = "phone" WHERE t.id = '
"""Of a string, or under ANSI_QUOTES of the real value: the table that is written cannot be substituted."""
AGAIN = ["SET sql_mode = 'ANSI_QUOTES'", "ALTER TABLE tt ADD COLUMN x int"]
"""What has MySQL read a prepared text again, under the mode of now."""


@pytest.fixture
def house(either: LocalMySQL) -> Iterator[MySQLHouse]:
    """A house made anew for each test."""
    with mysql_house_of(either, policies=SEARCHING) as made:
        yield made


def ask(connection: pymysql.Connection[Any], *texts: str) -> list[Any]:
    """The rows of each answer, or the number of its error."""
    answers: list[Any] = []
    for text in texts:
        with connection.cursor() as cursor:
            try:
                cursor.execute(text)
                answers.append(list(cursor.fetchall()))
            except pymysql.MySQLError as error:
                answers.append(error.args[0])
    return answers


def test_a_statement_of_the_protocol_is_not_read_again_under_another_mode(house: MySQLHouse) -> None:
    """It is refused when the mode has changed what texts say, and runs again when that is as before; other modes are no matter."""
    with mysql.connector.connect(**house.arguments("tina"), autocommit=True) as connection:
        with connection.cursor() as cursor:
            cursor.execute("CREATE TEMPORARY TABLE tt (id int)")
            cursor.execute("INSERT INTO tt VALUES (1)")
        text = COPY + "?"  # the driver prepares one text once, and goes by its identity
        with connection.cursor(prepared=True) as prepared, connection.cursor() as cursor:
            prepared.execute(text, (1,))
            cursor.execute("SET sql_mode = 'STRICT_TRANS_TABLES'")
            prepared.execute(text, (1,))
            for each in AGAIN:
                cursor.execute(each)
            with pytest.raises(mysql.connector.Error, match="prepare the statement again") as told:
                prepared.execute(text, (1,))
            assert told.value.errno == 1615
            assert REAL not in str(house.real("SELECT name FROM customers"))
            cursor.execute("SET sql_mode = ''")
            prepared.execute(text, (1,))
    assert house.real("SELECT name FROM customers WHERE id = 1") == (("phone",),)


def test_sql_prepares_what_is_substituted(house: MySQLHouse) -> None:
    """PREPARE of a protected table's reading, or of its writing, runs masked; its record tells the columns."""
    with house.connect("tina") as tina:
        answers = ask(
            tina,
            "PREPARE s FROM 'SELECT id, phone FROM customers WHERE id < ? ORDER BY id'",
            "SET @n = 3",
            "EXECUTE s USING @n",
            "PREPARE t FROM 'UPDATE customers SET phone = ? WHERE id = ?'",
            "SET @new = '138****5678', @id = 1",
            "EXECUTE t USING @new, @id",
            "SET @new = '1'",
            "EXECUTE t USING @new, @id",
            "DEALLOCATE PREPARE s",
            "EXECUTE s USING @n",
        )
    assert answers[2] == [(1, "138****5678"), (2, "139****4321")]
    assert answers[5:8] == [[], [], 1690]
    assert answers[8:] == [[], 1243]
    assert house.real("SELECT phone FROM customers WHERE id = 1") == ((REAL,),)
    audited = [
        r for r in records(house.louver.audit_directory) if r["event"] == "statement" and r["kinds"] == ["PREPARE"]
    ]
    assert [column["column"] for column in audited[0]["columns"]] == [f"{SCHEMA}.customers.phone"]


def test_sql_prepares_no_search(house: MySQLHouse) -> None:
    """What runs later is counted by nobody, so that it finds masked values only."""
    found = f"SELECT id FROM customers WHERE phone = ''{REAL}''"
    with house.connect("tina") as tina:
        assert ask(tina, found.replace("''", "'")) == [[(1,)]]
        assert ask(tina, f"PREPARE s FROM '{found}'", "EXECUTE s") == [[], []]


@pytest.mark.parametrize(
    "again",
    [AGAIN, ["SET sql_mode = 'ANSI_QUOTES'", "ALTER TABLE tt ADD COLUMN x int", "ALTER TABLE tt DROP COLUMN x"]],
)
def test_sql_statements_are_not_read_again_under_another_mode(house: MySQLHouse, again: list[str]) -> None:
    """Under another mode the server knows none of that name."""
    with house.connect("tina") as tina:
        ask(tina, "CREATE TEMPORARY TABLE tt (id int)", "INSERT INTO tt VALUES (1)", f"PREPARE s FROM '{COPY}1'")
        assert ask(tina, "EXECUTE s", *again, "EXECUTE s")[-1] == 1243
        assert REAL not in str(house.real("SELECT name FROM customers"))
        assert ask(tina, "SET sql_mode = ''", "EXECUTE s") == [[], []]


def test_sql_statements_are_of_the_definitions_that_they_were_ruled_under(house: MySQLHouse) -> None:
    """A view that has become another is not read by what was prepared before; prepared again, it is."""
    with house.connect("anna") as anna, house.connect("tina") as tina:
        ask(anna, "CREATE VIEW harmless AS SELECT 1 AS phone")
        prepare = "PREPARE s FROM 'SELECT * FROM harmless'"
        until(lambda: ask(tina, prepare, "EXECUTE s") == [[], [(1,)]], "the view is known")
        ask(anna, "CREATE OR REPLACE VIEW harmless AS SELECT phone FROM customers WHERE id = 1")
        assert ask(tina, "EXECUTE s") == [1243]
        assert ask(tina, prepare, "EXECUTE s") == [[], [("138****5678",)]]


def test_sql_statements_stay_while_nothing_is_otherwise(house: MySQLHouse) -> None:
    """Policies that are read again and say the same, and time that passes, end nothing; nor where the session has tables of its own."""
    with house.connect("tina") as tina:
        ask(tina, "CREATE TEMPORARY TABLE tt (id int)", "SELECT * FROM tt", f"PREPARE s FROM '{COPY}1'")
        house.louver.hang_up()
        assert ask(tina, "SELECT * FROM tt", "EXECUTE s") == [[], []]


def test_sql_statements_do_not_outlive_their_policies(house: MySQLHouse) -> None:
    """After a reload that shows more, too, the text has to be prepared again."""
    with house.connect("tina") as tina:
        prepare = "PREPARE s FROM 'SELECT phone FROM customers WHERE id = 1'"
        assert ask(tina, prepare, "EXECUTE s")[1] == [("138****5678",)]
        house.louver.policies.write_text(POLICIES.replace("{mask: round, step: 1000}", "clear"))
        house.louver.hang_up()
        assert ask(tina, "EXECUTE s") == [1243]
        assert ask(tina, prepare, "EXECUTE s")[1] == [("138****5678",)]
