"""A client that becomes another one on its connection (COM_CHANGE_USER), as connection pools have it, on real servers."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from typing import TYPE_CHECKING, Any

import mysql.connector
import pytest
from fixtures.louver import running_louver
from fixtures.mysql_house import POLICIES, SCHEMA, MySQLHouse, build_bank, mysql_house_of
from fixtures.waiting import until

from audit import reader
from louver.demo.certificate import make_certificate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from louver.demo.mysql import LocalMySQL

PHONE = "SELECT phone FROM customers WHERE id = 1"


def one(connection: Any, query: str) -> Any:
    """The one value of an answer."""
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()[0][0]


def run(connection: Any, *queries: str) -> None:
    """Run statements that have no rows."""
    with connection.cursor() as cursor:
        for query in queries:
            cursor.execute(query)


def recorded(house: MySQLHouse, count: int, *events: str) -> list[dict[str, Any]]:
    """The last records of these events, once there are so many of them; what ends a session is written after it."""
    found: list[dict[str, Any]] = []

    def there() -> bool:
        found[:] = [record for record in reader.records(house.louver.audit_directory) if record["event"] in events]
        return len(found) >= count

    until(there, lambda: found)
    return found[-count:]


@contextlib.contextmanager
def connected(house: MySQLHouse, user: str, **more: Any) -> Iterator[Any]:
    """Come in by MySQL Connector/Python."""
    connection = mysql.connector.connect(**{**house.arguments(user), "use_pure": True, **more})
    try:
        yield connection
    finally:
        with contextlib.suppress(mysql.connector.Error):
            connection.close()


@pytest.fixture(scope="module")
def house(either: LocalMySQL) -> Iterator[MySQLHouse]:
    """Give a house of Louver's own users in front of one server, then of the other."""
    with mysql_house_of(either) as made:
        yield made


@pytest.mark.parametrize("encrypted", [True, False])
def test_who_it_is_now_decides_what_is_seen(house: MySQLHouse, *, encrypted: bool) -> None:
    """tina's columns are masked, anna's are not, on one connection; prepared statements are as the new user's."""
    with connected(house, "tina", ssl_disabled=not encrypted) as connection:
        for user, shown in (("anna", "13812345678"), ("tina", "138****5678"), ("tina", "138****5678")):
            connection.cmd_change_user(user, house.louver.passwords[user], SCHEMA)
            assert one(connection, PHONE) == shown
            with connection.cursor(prepared=True) as cursor:
                cursor.execute("SELECT phone FROM customers WHERE id = %s", (1,))
                assert cursor.fetchall() == [(shown,)]


def test_nothing_of_the_session_is_left(house: MySQLHouse) -> None:
    """Variables, temporary tables, open transactions and locks are gone when the answer comes."""
    with connected(house, "anna") as connection, connected(house, "anna", autocommit=True) as other:
        run(
            connection,
            "SET @seen = (SELECT phone FROM customers WHERE id = 1)",
            "CREATE TEMPORARY TABLE kept AS SELECT phone FROM customers",
            "DO GET_LOCK('change_user', 0)",
            "START TRANSACTION",
            "UPDATE customers SET name = 'changed' WHERE id = 1",
        )
        connection.cmd_change_user("tina", house.louver.passwords["tina"], SCHEMA)
        assert one(other, "SELECT name FROM customers WHERE id = 1 FOR UPDATE NOWAIT") == "Zhang Wei"
        assert one(other, "SELECT IS_FREE_LOCK('change_user')") == 1
        assert one(connection, "SELECT @seen") is None
        with pytest.raises(mysql.connector.Error, match="kept"):
            one(connection, "SELECT * FROM kept")


def test_both_are_recorded(either: LocalMySQL) -> None:
    """The audit has a session of each, from its opening to its end."""
    with mysql_house_of(either) as house:
        with connected(house, "tina") as connection:
            connection.cmd_change_user("anna", house.louver.passwords["anna"], SCHEMA)
            one(connection, PHONE)
        records = recorded(house, 4, "session_opened", "session_closed")
    assert [(record["event"], record["principal"]) for record in records] == [
        ("session_opened", "tina"),
        ("session_closed", "tina"),
        ("session_opened", "anna"),
        ("session_closed", "anna"),
    ]
    assert records[1]["reason"] == "the client changed its user"


def test_who_cannot_prove_it_is_turned_away(house: MySQLHouse) -> None:
    """The connection ends, as it does with the server itself, and the audit knows of it."""
    with connected(house, "tina") as connection:
        with pytest.raises(mysql.connector.Error, match="Access denied for user 'anna'"):
            connection.cmd_change_user("anna", "wrong", SCHEMA)
        with pytest.raises(mysql.connector.Error):
            one(connection, PHONE)
    refused = recorded(house, 1, "login_refused")[0]
    assert (refused["principal"], refused["reason"]) == ("anna", "wrong password")


@pytest.mark.parametrize("alone", [True, False])
def test_who_changes_while_louver_ends_is_told_to_go(either: LocalMySQL, *, alone: bool) -> None:
    """Its new session is idle, so it ends at once, with a word; nobody waits for it."""
    with mysql_house_of(either, drain_seconds=60) as house, contextlib.ExitStack() as stack:
        changing = stack.enter_context(connected(house, "tina"))
        run(changing, "START TRANSACTION")
        if not alone:
            other = stack.enter_context(connected(house, "anna"))
            run(other, "START TRANSACTION")
        os.kill(house.louver.pid, signal.SIGTERM)
        until(lambda: not _listens(house), "it takes no more connections")
        with pytest.raises(mysql.connector.Error) as told:  # the driver itself asks something behind the change
            changing.cmd_change_user("anna", house.louver.passwords["anna"], SCHEMA)
        assert told.value.errno == 1053
        if not alone:
            assert house.louver.process.poll() is None
            run(other, "COMMIT")
        assert house.louver.process.wait(30) == 0
        assert "Traceback" not in house.louver.log


def _listens(house: MySQLHouse) -> bool:
    """Whether connections are taken."""
    try:
        socket.create_connection((house.louver.host, house.louver.port)).close()
    except ConnectionError:
        return False
    return True


def test_the_databases_own_users_change_too(either: LocalMySQL, tmp_path: Path) -> None:
    """In `relay` the database checks the new one's password, by the method that its account has."""
    clear, masked = (f"{name}_{SCHEMA}" for name in ("clear", "masked"))
    method = "VIA mysql_native_password USING PASSWORD(%s)" if either.flavour == "mariadb" else "IDENTIFIED BY %s"
    with either.connect() as direct, direct.cursor() as cursor:
        for name in (clear, masked):
            cursor.execute(f"DROP USER IF EXISTS {name}")
            cursor.execute(f"CREATE USER {name} {method.replace('VIA', 'IDENTIFIED VIA')}", (f"{name}'s",))
            cursor.execute(f"GRANT SELECT ON {SCHEMA}.* TO {name}")
    policies = POLICIES.replace("anna", clear)
    build_bank(either)
    files = make_certificate(tmp_path)
    tls = {"certificate": str(files.certificate), "key": str(files.key)}
    with running_louver(either, policies=policies, protocol="mysql", tls=tls) as louver:
        way: dict[str, Any] = {"host": "127.0.0.1", "port": louver.port, "database": SCHEMA, "use_pure": True}
        with mysql.connector.connect(**way, user=masked, password=f"{masked}'s") as connection:
            assert one(connection, PHONE) == "138****5678"
            connection.cmd_change_user(clear, f"{clear}'s", SCHEMA)
            assert one(connection, PHONE) == "13812345678"
            assert one(connection, "SELECT USER()").startswith(f"{clear}@")
            connection.cmd_change_user(masked, f"{masked}'s", SCHEMA)
            assert one(connection, PHONE) == "138****5678"
            with pytest.raises(mysql.connector.Error, match="Access denied"):
                connection.cmd_change_user(clear, "wrong", SCHEMA)
