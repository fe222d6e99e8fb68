"""The key of keyed masks in sessions of MySQL and MariaDB: it comes with the session, is shown to nobody, and comes again."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import mysql.connector
import pymysql
import pytest
from fixtures.mysql_house import POLICIES, mysql_house_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fixtures.mysql_house import MySQLHouse

    from louver.demo.mysql import LocalMySQL

HASHED = POLICIES.replace("{mask: partial, keep_first: 3, keep_last: 4}", "{mask: hash}")
PHONE = "SELECT phone FROM customers WHERE id = 1"


@pytest.fixture(scope="module")
def house(either: LocalMySQL) -> Iterator[MySQLHouse]:
    """A proxy under whose policy phones are hashed."""
    assert HASHED != POLICIES
    with mysql_house_of(either, policies=HASHED) as made:
        yield made


def test_every_session_shows_the_same_hash(house: MySQLHouse) -> None:
    """It is no value, no other row's hash, and it joins."""
    ((first,),), ((again,),) = house.ask("tina", PHONE), house.ask("tina", PHONE)
    assert first == again
    assert re.fullmatch("[0-9a-f]{20}", first)
    assert house.ask("tina", "SELECT count(DISTINCT phone) FROM customers") == ((2,),)
    found = house.ask("tina", "SELECT a.id FROM customers a JOIN customers b ON a.phone = b.phone ORDER BY a.id")
    assert found == ((1,), (2,))


def test_a_session_that_is_reset_gets_the_key_again(house: MySQLHouse) -> None:
    """Its variables are gone, that of the key among them, and the next statement shows the same as before."""
    expected = house.ask("tina", PHONE)[0]
    with mysql.connector.connect(**house.arguments("tina")) as connection:
        for _ in range(3):
            with connection.cursor() as cursor:
                cursor.execute(PHONE)
                assert cursor.fetchone() == expected
            connection.reset_session()


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT @louver_key",
        "SELECT @LOUVER_KEY_1",
        "SET @louver_key = 'x'",
        "SELECT @`louver_key_2` := 1",
        "SELECT * FROM performance_schema.user_variables_by_thread",
        "SELECT * FROM information_schema.user_variables",
    ],
)
def test_nobody_reads_or_sets_it(house: MySQLHouse, statement: str) -> None:
    """Its variable has a name that nobody can guess, and none that begins like it may be named."""
    with house.connect("tina") as connection, connection.cursor() as cursor, pytest.raises(pymysql.MySQLError) as told:
        cursor.execute(statement)
    assert told.value.args[0] in {1142, 1143, 1235, 1109, 1146}


def test_the_key_is_in_no_plan_and_no_record(house: MySQLHouse) -> None:
    """Neither EXPLAIN nor the trail holds it: only its fingerprint stands in a statement."""
    house.ask("tina", PHONE)
    secret = (house.louver.directory / "secret").read_text().strip()
    for path in house.louver.audit_directory.glob("*.jsonl"):
        text = path.read_text()
        assert secret not in text
        assert not re.search("[0-9a-f]{256}", text)
