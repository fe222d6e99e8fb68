"""NUL and bytes that are no UTF-8 in the strings of a masked caller: each server ends a string where Louver does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pymysql
import pytest

if TYPE_CHECKING:
    from fixtures.mysql_house import MySQLHouse

_COM_QUERY = 3
_FIRST = bytes.fromhex("00 80 81 bf c0 c3 df e0 e6 ed ef f0 f4 f5 fe ff")  # NUL, and the edges of UTF-8
_AFTER = (
    *(b"", b"\\'", b"''", b"\\\\", b"\x80", b"\x80\x80", b"\x80\\'", b"\x9f\x98", b"\xbf''", b'"', b"`", b"/*", b"-- "),
    *(b"\0", b"\0''\0", b"\\\0"),
)


def answer(connection: pymysql.Connection[Any], query: bytes) -> Any:
    """The rows of a query that is sent as it is."""
    connection._execute_command(_COM_QUERY, query)
    connection._read_query_result()
    return connection._result.rows


def test_strings_end_where_the_server_ends_them(mysql_house: MySQLHouse) -> None:
    """Whatever byte stands before a quote, a backslash or another byte, in one of several strings beside a masked column."""
    with mysql_house.connect("tina") as masked, mysql_house.server.connect() as direct:
        for mode in ("", "NO_BACKSLASH_ESCAPES"):
            for connection in (masked, direct):
                answer(connection, b"SET sql_mode = '%s'" % mode.encode())
            after = [each for each in _AFTER if not mode or b"\\'" not in each]
            for first in _FIRST:
                strings = b", ".join(b"HEX(_binary'%c%s')" % (first, each) for each in after)
                expected = answer(direct, b"SELECT %s, 'end'" % strings)
                assert answer(masked, b"SELECT %s, phone FROM customers WHERE id = 1" % strings) == (
                    (*expected[0][:-1], "138****5678"),
                )


@pytest.mark.parametrize("text", [b"SELECT phone AS `\xff` FROM customers", b"SELECT phone /* \xe6 */ FROM customers"])
def test_anywhere_else_they_are_refused(mysql_house: MySQLHouse, text: bytes) -> None:
    """In names and comments nothing but UTF-8 is read."""
    with mysql_house.connect("tina") as connection:
        with pytest.raises(pymysql.MySQLError, match="not valid UTF-8") as told:
            answer(connection, text)
        assert told.value.args[0] == 1300
        assert answer(connection, b"SELECT 1") == ((1,),)


def test_a_binary_value_is_stored_whole(mysql_house: MySQLHouse) -> None:
    """What a driver writes into the text arrives as it was, in a table with hidden columns, too."""
    value = bytes(range(256)) * 4
    with mysql_house.connect("anna") as connection, connection.cursor() as cursor:
        cursor.execute("ALTER TABLE customers ADD photo blob")
    with mysql_house.connect("tina") as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO customers (id, photo) VALUES (5, %s)", (value,))
        cursor.execute("UPDATE customers SET photo = %s WHERE id = 1", (value[::-1],))
        cursor.execute("SELECT id, phone FROM customers WHERE photo = %s", (value,))
        assert cursor.fetchall() == ((5, None),)
    assert mysql_house.real("SELECT photo FROM customers WHERE id IN (1, 5) ORDER BY id") == ((value[::-1],), (value,))
    mysql_house.build()
