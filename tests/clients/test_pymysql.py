"""PyMySQL through Louver, on a real MySQL and a real MariaDB: what is masked, what passes, what is recorded."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pymysql
import pymysql.cursors
import pytest
from fixtures.mysql_house import MASKED, SCHEMA

if TYPE_CHECKING:
    from fixtures.mysql_house import MySQLHouse


def records(house: MySQLHouse) -> list[dict[str, Any]]:
    """The trail so far."""
    lines: list[dict[str, Any]] = []
    for path in sorted(house.louver.audit_directory.glob("*.jsonl")):
        lines += [json.loads(line) for line in path.read_text().splitlines()]
    return lines


def test_a_masked_caller_gets_masked_values(mysql_house: MySQLHouse) -> None:
    """In rows, aggregates and views the masked value stands for the real one."""
    assert mysql_house.ask("tina", "SELECT id, phone FROM customers ORDER BY id") == MASKED
    assert mysql_house.ask("tina", "SELECT max(phone) FROM customers") == (("139****4321",),)
    assert mysql_house.ask("tina", "SELECT * FROM callable ORDER BY id") == MASKED[:2]
    assert mysql_house.ask("tina", "SELECT id FROM customers WHERE phone = '13812345678'") == ()
    assert mysql_house.ask("tina", "SELECT id FROM customers WHERE phone LIKE %s", "138%") == ((1,),)


def test_masks_are_told_as_columns(mysql_house: MySQLHouse) -> None:
    """Result columns have the names and the table that the server tells of them itself, also where a mask stands for one."""
    queries = (
        "SELECT id, phone, Balance, `phone` AS p FROM customers ORDER BY id",
        f"SELECT c.Phone, born FROM {SCHEMA}.customers AS c WHERE c.id = 1",
    )
    for query in queries:
        told = []
        with mysql_house.connect("tina") as louver, mysql_house.server.connect(SCHEMA) as server:
            for connection in (louver, server):
                connection.query(query)
                fields = connection._result.fields  # type: ignore[union-attr]  # of a SELECT
                told.append([(f.name, f.org_name, f.table_name, f.org_table) for f in fields])
        assert told[0] == told[1]


@pytest.mark.parametrize("charset", ["utf8mb4", "latin1"])
def test_masks_are_as_long_as_their_columns(mysql_house: MySQLHouse, charset: str) -> None:
    """Who makes room for a value by what is announced has it for the mask's, too; and no other type, as far as clients see one."""
    query = "SELECT phone FROM customers"
    with mysql_house.connect("tina") as louver, mysql_house.server.connect(SCHEMA) as server:
        for connection in (louver, server):
            connection.query(f"SET character_set_results = {charset}")
            connection.query(query)
        (masked,), (plain,) = (c._result.fields for c in (louver, server))  # type: ignore[union-attr]  # of a SELECT
    assert (masked.type_code, masked.length, masked.charsetnr) == (plain.type_code, plain.length, plain.charsetnr)


def test_who_may_see_everything_does(mysql_house: MySQLHouse) -> None:
    """The same statement answers with the real values."""
    assert mysql_house.ask("anna", "SELECT id, phone FROM customers WHERE id = 1") == ((1, "13812345678"),)


def test_large_results_come_whole(mysql_house: MySQLHouse) -> None:
    """Rows of more than a buffer, and one of more than 16 MiB, pass as they are, with a driver that buffers or not."""
    query = "SELECT a.id * 100 + b.id, repeat('x', 20000) FROM customers a, customers b, customers c, customers d"
    assert len(mysql_house.ask("tina", query)) == 81
    size = 2**24 + 1000
    with mysql_house.server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"SET GLOBAL max_allowed_packet = {2**26}")
    with mysql_house.connect("tina", cursorclass=pymysql.cursors.SSCursor) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT id, repeat('y', {size}) FROM customers WHERE id < 3 ORDER BY id")
        assert [(row[0], len(row[1])) for row in cursor] == [(1, size), (2, size)]


def test_statements_of_more_than_a_packet(mysql_house: MySQLHouse) -> None:
    """A text of more than 16 MiB runs for who sees everything, and is refused for who does not; both go on."""
    size = 2**24 + 1000
    with mysql_house.server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"SET GLOBAL max_allowed_packet = {2**26}")
    for filler in ("x", "李", "\\0"):
        value = filler * (size // len(filler.encode()))
        with mysql_house.connect("anna", max_allowed_packet=2**26) as connection, connection.cursor() as cursor:
            cursor.execute(f"SELECT length('{value}'), phone FROM customers WHERE id = 1")
            assert cursor.fetchone() == (len(value.encode()) // (2 if filler == "\\0" else 1), "13812345678")
            cursor.execute("SELECT 1")
            assert cursor.fetchone() == (1,)
    with mysql_house.connect("tina", max_allowed_packet=2**26) as connection, connection.cursor() as cursor:
        with pytest.raises(pymysql.MySQLError, match="the statement is longer than 1048576 bytes"):
            cursor.execute(f"SELECT length('{value}'), phone FROM customers WHERE id = 1")
        cursor.execute("SELECT phone FROM customers WHERE id = 1")
        assert cursor.fetchone() == ("138****5678",)


def test_statements_over_the_limit(mysql_house: MySQLHouse) -> None:
    """One over `limits.statement_bytes` is refused whoever sends it, and the session goes on, though the server would end it."""
    with mysql_house.connect("anna", max_allowed_packet=2**28) as connection, connection.cursor() as cursor:
        with pytest.raises(pymysql.MySQLError, match="longer than louver reads") as told:
            cursor.execute(f"SELECT length('{'x' * 2**26}')")
        assert told.value.args[0] == 1153
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)


def test_errors_are_the_servers(mysql_house: MySQLHouse) -> None:
    """A mistake of the client's is told by the server itself, and the session goes on."""
    with mysql_house.connect("tina") as connection, connection.cursor() as cursor:
        with pytest.raises(pymysql.OperationalError) as told:
            cursor.execute("SELECT nonsense FROM customers")
        assert told.value.args[0] == 1054
        cursor.execute("SELECT count(*) FROM customers")
        assert cursor.fetchone() == (3,)


def test_a_refusal_says_why_and_the_session_goes_on(mysql_house: MySQLHouse) -> None:
    """What cannot be ruled is refused with an error of the server's kind."""
    with mysql_house.connect("tina") as connection, connection.cursor() as cursor:
        with pytest.raises(pymysql.OperationalError, match="HANDLER is not available to you") as told:
            cursor.execute("HANDLER customers OPEN")
        assert told.value.args[0] == 1142
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)


def test_a_masked_value_written_back_changes_nothing(mysql_house: MySQLHouse) -> None:
    """Who reads a masked row and saves it leaves the real value as it was; what he does not see is not overwritten."""
    with mysql_house.connect("tina") as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE customers SET phone = '138****5678', name = 'Zhang W.' WHERE id = 1")
        with pytest.raises(pymysql.MySQLError, match="is written back as you see it, or not at all"):
            cursor.execute("UPDATE customers SET phone = '13500001111' WHERE id = 2")
        cursor.execute("INSERT INTO customers (id, phone) VALUES (4, '13500001111')")
    assert mysql_house.real("SELECT name, phone FROM customers WHERE id <> 3 ORDER BY id") == (
        ("Zhang W.", "13812345678"),
        ("李娜", "13987654321"),
        (None, "13500001111"),
    )
    mysql_house.build()


def test_transactions_are_the_servers(mysql_house: MySQLHouse) -> None:
    """What is rolled back is not there, what is committed is."""
    with mysql_house.connect("anna", autocommit=False) as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO customers (id, name) VALUES (10, 'gone')")
        connection.rollback()
        cursor.execute("INSERT INTO customers (id, name) VALUES (11, 'stays')")
        connection.commit()
    assert mysql_house.real("SELECT id FROM customers WHERE id > 9") == ((11,),)
    mysql_house.build()


def test_every_statement_is_recorded_with_its_columns(mysql_house: MySQLHouse) -> None:
    """The trail names the caller, the rule and the treatment, and holds no literal and no value."""
    mysql_house.ask("tina", "SELECT phone FROM customers WHERE name = 'Nobody Knows'")
    text = "SELECT phone FROM customers WHERE name = ?"
    found = [record for record in records(mysql_house) if record.get("text") == text][-1]
    assert (found["principal"], found["database_user"], found["ruling"]) == ("tina", "root", "rewrite")
    assert [(each["column"], each["rule"]) for each in found["columns"]] == [
        (f"{SCHEMA}.customers.phone", "phones are recognised")
    ]
    assert not any("Nobody Knows" in json.dumps(record) for record in records(mysql_house))


def test_a_session_reads_by_its_schema(mysql_house: MySQLHouse) -> None:
    """After USE, by statement or by command, a bare name means the table of the other schema, and is masked all the same."""
    with mysql_house.connect("tina") as connection, connection.cursor() as cursor:
        connection.select_db("information_schema")
        cursor.execute(f"SELECT phone FROM {SCHEMA}.customers WHERE id = 1")
        assert cursor.fetchone() == ("138****5678",)
        cursor.execute(f"USE {SCHEMA}")
        cursor.execute("SELECT phone FROM customers WHERE id = 1")
        assert cursor.fetchone() == ("138****5678",)
