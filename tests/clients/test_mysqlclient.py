"""mysqlclient, MariaDB's client library under Python's DB-API, through Louver, on a real MySQL and a real MariaDB."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from fixtures.mysql_house import MASKED, SCHEMA

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fixtures.mysql_house import MySQLHouse

    Connect = Callable[..., Any]


_AT = dt.datetime.fromisoformat("2026-11-22T01:02:03.000456")


@pytest.fixture
def connect(mysqldb: Any, mysql_bank: MySQLHouse) -> Iterator[Connect]:
    """Give what comes in by mysqlclient, over TLS unless told otherwise; it is closed after the test."""
    opened = []

    def come_in(user: str = "tina", **more: Any) -> Any:
        tls = {"ssl_mode": "REQUIRED", "ssl": {"ca": str(mysql_bank.certificate)}}
        connection = mysqldb.connect(**{**mysql_bank.arguments(user), "charset": "utf8mb4", **tls, **more})
        opened.append(connection)
        return connection

    yield come_in
    for connection in opened:
        connection.close()


def ask(connection: Any, query: str, values: Any = None) -> list[tuple[Any, ...]]:
    """The rows of an answer."""
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return [tuple(row) for row in cursor.fetchall()]


def test_logins(connect: Connect, mysqldb: Any, mysql_bank: MySQLHouse) -> None:
    """It comes in with TLS and without, and not with a wrong password."""
    for more in ({}, {"ssl_mode": "DISABLED", "ssl": None}):
        assert ask(connect(**more), "SELECT phone FROM customers WHERE id = 1") == [("138****5678",)]
    with pytest.raises(mysqldb.OperationalError) as told:
        connect(password="wrong")
    assert told.value.args[0] == 1045


def test_values_of_every_type(connect: Connect) -> None:
    """Each type comes as itself, hidden columns masked, NULL as NULL; the description gives the types."""
    connection = connect()
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM kinds ORDER BY id")
        first, second = cursor.fetchall()
        described = [(name, kind) for name, kind, *_ in cursor.description]
    assert first[:13] == (
        *(1, "138****5678", Decimal(1000), -7, 18446744073709551615, 1.5, "naïve 李", b"\x00\xff'"),
        *('{"a": [1, null]}', "b", "x,y", _AT, dt.date(1980, 1, 2)),
    )
    assert first[13:] == (-dt.timedelta(hours=12, minutes=34, seconds=56, milliseconds=789), 1999, b"\x02\xaa")
    assert second == (2, *[None] * 15)
    clear = connect("anna")
    with clear.cursor() as cursor:
        cursor.execute("SELECT * FROM kinds ORDER BY id")
        assert [(name, kind) for name, kind, *_ in cursor.description] == described
        assert cursor.fetchone()[1:3] == ("13812345678", Decimal("1234.56"))


def test_values_are_put_into_the_text(connect: Connect) -> None:
    """Parameters of each kind are escaped by the driver, and compared with what the caller sees."""
    connection = connect()
    assert ask(connection, "SELECT id FROM customers WHERE phone = %s", ("13812345678",)) == []
    assert ask(connection, "SELECT id FROM customers WHERE phone = %(p)s", {"p": "138****5678"}) == [(1,)]
    odd = ("'; -- \\", b"\x00\xff\\'", Decimal("1.50"), dt.date(2026, 1, 1), None, 'ü"%')
    assert ask(connect(binary_prefix=True), "SELECT %s, HEX(%s), %s, %s, %s, %s FROM customers LIMIT 1", odd) == [
        ("'; -- \\", "00FF5C27", Decimal("1.50"), "2026-01-01", None, 'ü"%')
    ]


def test_many_rows_at_once(connect: Connect, mysqldb: Any) -> None:
    """`executemany` becomes one statement of many rows; counts and ids are the server's."""
    connection = connect(client_flag=mysqldb.constants.CLIENT.FOUND_ROWS)
    with connection.cursor() as cursor:
        rows = [(number, f"1380000{number:04}") for number in range(100, 400)]
        assert cursor.executemany("INSERT INTO customers (id, phone) VALUES (%s, %s)", rows) == 300
        cursor.execute("SELECT count(*), min(phone), max(phone) FROM customers WHERE id >= 100")
        assert cursor.fetchall() == ((300, "138****0100", "138****0399"),)
        assert cursor.execute("INSERT INTO notes (customer) VALUES (1), (2)") == 2
        assert cursor.lastrowid == connection.insert_id() == 1
        assert cursor.execute("UPDATE notes SET body = 'x' WHERE id < 3") == 2
        assert "Rows matched: 2" in connection.info()
        assert cursor.execute("UPDATE notes SET body = 'x' WHERE id < 3") == 2  # rows found, of which none changes
    connection.rollback()
    assert ask(connection, "SELECT count(*) FROM customers") == [(3,)]


def test_transactions(connect: Connect) -> None:
    """Nothing is there before the commit; what the session says of autocommit is the server's."""
    connection, other = connect(), connect("anna")
    assert not connection.get_autocommit()
    ask(connection, "INSERT INTO notes (customer, body) VALUES (1, 'mine')")
    assert ask(other, "SELECT count(*) FROM notes") == [(0,)]
    connection.commit()
    other.rollback()
    assert ask(other, "SELECT body FROM notes") == [("mine",)]
    connection.autocommit(True)
    assert connection.get_autocommit()
    ask(connection, "DELETE FROM notes")
    other.rollback()
    assert ask(other, "SELECT count(*) FROM notes") == [(0,)]
    other.rollback()


def test_errors(connect: Connect, mysqldb: Any) -> None:
    """Errors have the class that their number gives them, do not quote hidden values, and the session goes on."""
    connection = connect(autocommit=True)
    for query, kind, number in (
        ("SELECT nonsense FROM customers", mysqldb.OperationalError, 1054),
        ("SELEC", mysqldb.ProgrammingError, 1064),
        ("SELECT * FROM nowhere", mysqldb.ProgrammingError, 1146),
        ("INSERT INTO customers (id) VALUES (1)", mysqldb.IntegrityError, 1062),
        ("INSERT INTO notes (customer) VALUES (77)", mysqldb.IntegrityError, 1452),
        ("HANDLER customers OPEN", mysqldb.OperationalError, 1142),
    ):
        with pytest.raises(kind) as told:
            ask(connection, query)
        assert told.value.args[0] == number
    assert ask(connection, "SELECT 1") == [(1,)]


def test_several_results(connect: Connect) -> None:
    """Several statements in one text, and a procedure with a result and a parameter that goes out."""
    connection = connect()
    with connection.cursor() as cursor:
        cursor.execute("SELECT phone FROM customers WHERE id = 1; UPDATE notes SET body = ''; SELECT 2")
        found = [cursor.fetchall()]
        while cursor.nextset():
            found.append(cursor.fetchall())
        assert found == [(("138****5678",),), (), ((2,),)]
        cursor.callproc("twice", (21, 0))
        assert cursor.fetchall() == ((21,),)
        while cursor.nextset():
            pass
        cursor.execute("SELECT @_twice_1")
        assert cursor.fetchall() == ((42,),)
        cursor.execute("SET @n = 4; CALL twice(@n, @out); SELECT @n, @out AS `twice`")
        found = []
        while cursor.nextset():
            found.append(cursor.fetchall())
        assert found == [((4,),), (), ((4, 8),)]


def test_rows_that_are_not_buffered(connect: Connect, mysqldb: Any) -> None:
    """A cursor that takes rows as they come, as dictionaries as well."""
    connection = connect()
    with connection.cursor(mysqldb.cursors.SSDictCursor) as cursor:
        cursor.execute("SELECT id, phone FROM customers ORDER BY id")
        assert tuple((row["id"], row["phone"]) for row in cursor) == MASKED
    with connection.cursor(mysqldb.cursors.SSCursor) as cursor:
        cursor.execute("SELECT repeat('x', 10000) FROM customers a, customers b, customers c, customers d, customers e")
        assert len(cursor.fetchone()[0]) == 10000  # and leaves the rest
    assert ask(connection, "SELECT 1") == [(1,)]


def test_values_larger_than_a_packet(connect: Connect) -> None:
    """A value of more than 16 MiB comes in one piece, and goes in one, in the text of who sees everything."""
    connection = connect()
    size = 2**24 + 17
    assert ask(connect("anna"), "SELECT length(%s), phone FROM customers WHERE id = 1", ("x" * size,)) == [
        (size, "13812345678")
    ]
    assert len(ask(connection, f"SELECT repeat('x', {size}) FROM customers WHERE phone = '138****5678'")[0][0]) == size


def test_files_of_the_client(connect: Connect, mysqldb: Any, tmp_path: Path) -> None:
    """A file is loaded into a table that is not protected, and into none that is."""
    file = tmp_path / "notes.txt"
    file.write_text("1\tone\n2\ttwo\n")
    connection = connect(local_infile=1)
    with connection.cursor() as cursor:
        load = f"LOAD DATA LOCAL INFILE '{file}' INTO TABLE"
        assert cursor.execute(f"{load} notes (customer, body)") == 2
        cursor.execute("SELECT body FROM notes ORDER BY customer")
        assert cursor.fetchall() == (("one",), ("two",))
        with pytest.raises(mysqldb.OperationalError) as told:
            cursor.execute(f"{load} customers (id, name)")
        assert told.value.args[0] in {1142, 1235}
    connection.rollback()


def test_the_rest_of_the_interface(connect: Connect, mysqldb: Any) -> None:
    """What the C API offers beside statements."""
    connection = connect()
    connection.ping()
    assert "Uptime" in connection.stat()
    assert isinstance(connection.thread_id(), int)
    assert connection.get_server_info()[0].isdigit()
    connection.select_db("information_schema")
    assert ask(connection, "SELECT DATABASE()") == [("information_schema",)]
    connection.select_db(SCHEMA)
    connection.set_character_set("utf8mb4")
    connection.set_server_option(1)  # MYSQL_OPTION_MULTI_STATEMENTS_OFF
    with pytest.raises(mysqldb.ProgrammingError):
        ask(connection, "SELECT 1; SELECT 2")
    assert ask(connection, "SELECT 3") == [(3,)]
    ask(connection, "SELECT CAST('12x' AS signed)")
    assert connection.warning_count() == 1
    assert [number for _, number, _ in connection.show_warnings()] == [1292]
