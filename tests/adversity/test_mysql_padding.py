"""Values of char columns come with their padding under PAD_CHAR_TO_FULL_LENGTH, and would look longer than they are to a mask.

Masks trim them where the mode is on, and nothing that was ruled without it may run with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mysql.connector
import pymysql
import pytest
from fixtures.mysql_house import POLICIES, SCHEMA, MySQLHouse, mysql_house_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from louver.demo.mysql import LocalMySQL

SHORT = "1381"
"""Too short for `partial` to show anything of it, and a text of twenty characters once it is padded."""
STATEMENTS = (
    "CREATE TABLE customers (id int PRIMARY KEY, name varchar(40), phone char(20), fixed char(20) NOT NULL, balance int)",
    f"INSERT INTO customers VALUES (1, 'Zhang Wei', '{SHORT}', '{SHORT}', 1), (2, '李娜', '13987654321', '13987654321', 2), (3, 'Tom', NULL, '', 3)",
    "CREATE VIEW callable AS SELECT id, phone, fixed FROM customers",
)
SHOWN = [("****", "****"), ("139****4321", "139****4321"), (None, "****")]
QUERIES = (
    "SELECT phone, fixed FROM customers ORDER BY id",
    "SELECT concat(phone), concat(fixed) FROM customers ORDER BY id",
    "SELECT phone, fixed FROM callable ORDER BY id",
    "SELECT c.phone, c.fixed FROM customers c LEFT JOIN customers o USING (id) ORDER BY id",
)
PAD = "SET sql_mode = 'PAD_CHAR_TO_FULL_LENGTH'"
OTHERWISE = "SET sql_mode = 'STRICT_TRANS_TABLES'"


@pytest.fixture(scope="module")
def house(either: LocalMySQL) -> Iterator[MySQLHouse]:
    """A house whose phones are of fixed length."""
    label = f'  - {{column: "*.{SCHEMA}.customers.fixed", category: phone, level: 3}}\nrules:'
    with mysql_house_of(either, policies=POLICIES.replace("rules:", label, 1), statements=STATEMENTS) as made:
        yield made


def ask(connection: pymysql.Connection[Any], text: str) -> list[tuple[Any, ...]] | int:
    """The rows of an answer, or the number of its error."""
    with connection.cursor() as cursor:
        try:
            cursor.execute(text)
            return list(cursor.fetchall())
        except pymysql.MySQLError as error:
            return int(error.args[0])


@pytest.mark.parametrize("query", QUERIES)
def test_the_same_is_shown_with_padding_and_without(house: MySQLHouse, query: str) -> None:
    """Whichever mode was first, and when it is taken back."""
    for modes in ((OTHERWISE, PAD, OTHERWISE), (PAD, OTHERWISE, PAD)):
        with house.connect("tina") as tina:
            for mode in modes:
                assert ask(tina, mode) == []
                assert ask(tina, query) == SHOWN, mode


def test_a_mode_of_the_connection(house: MySQLHouse) -> None:
    """It is known before the first statement."""
    with house.connect("tina", init_command=PAD) as tina:
        assert [ask(tina, query) for query in QUERIES] == [SHOWN] * len(QUERIES)


def test_statements_of_the_protocol_are_prepared_again(house: MySQLHouse) -> None:
    """What was ruled without the mode is refused with it."""
    with mysql.connector.connect(**house.arguments("tina"), autocommit=True) as connection:
        with connection.cursor() as cursor, connection.cursor(prepared=True) as prepared:
            cursor.execute(OTHERWISE)
            text = f"{QUERIES[0]} LIMIT 100"  # the driver prepares one text once, and goes by its identity
            prepared.execute(text)
            assert prepared.fetchall() == SHOWN
            cursor.execute(PAD)
            with pytest.raises(mysql.connector.Error) as told:
                prepared.execute(text)
            assert told.value.errno == 1615
        with connection.cursor(prepared=True) as prepared:
            prepared.execute(f"{QUERIES[0]} LIMIT 50")
            assert prepared.fetchall() == SHOWN


def test_statements_of_sql_are_of_the_mode_that_they_were_prepared_under(house: MySQLHouse) -> None:
    """Under another one the server knows none of that name."""
    with house.connect("tina") as tina:
        prepare = f"PREPARE s FROM '{QUERIES[0]}'"
        assert [ask(tina, text) for text in (OTHERWISE, prepare, "EXECUTE s")] == [[], [], SHOWN]
        assert [ask(tina, text) for text in (PAD, "EXECUTE s", prepare, "EXECUTE s")] == [[], 1243, [], SHOWN]


@pytest.mark.parametrize("name", ["sql_mode", "SQL_MODE", "`sql_mode`", "@@sql_mode"])
def test_a_hint_sets_no_mode(house: MySQLHouse, name: str) -> None:
    """MySQL runs one statement under other variables where a hint says so; where it is none, it is a comment."""
    with house.connect("tina") as tina:
        for query in QUERIES:
            hint = f"/*+ SET_VAR(sort_buffer_size = 65536) SET_VAR({name} = 'PAD_CHAR_TO_FULL_LENGTH') */"
            answer = ask(tina, query.replace("SELECT", f"SELECT {hint}"))
            assert answer == (SHOWN if house.server.flavour == "mariadb" else 1142), query
