"""MySQL and MariaDB sessions under adversity: cut off, over a limit, unrecorded, behind a server that goes away."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pymysql
import pytest
from fixtures.mysql_house import SCHEMA, MySQLHouse, mysql_house_of
from fixtures.waiting import until

from louver.demo.mysql import LocalMySQL, find

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fixtures.louver import RunningLouver

BROUGHT = Path(__file__).parents[2] / "build" / "servers"


QUERIES = {
    "running": "SELECT sleep(600)",
    "reading": "SELECT repeat('x', 100000) FROM customers a, customers b, customers c, customers d, customers e",
}


def descriptors(louver: RunningLouver) -> int:
    """How many descriptors the proxy holds."""
    return len(list(Path(f"/proc/{louver.pid}/fd").iterdir()))


def until_alone(house: MySQLHouse) -> None:
    """Wait until the server has no session of the bank's schema; it is asked by one session, which is not one of those."""
    query = "SELECT id, command, time, state, left(info, 80) FROM information_schema.processlist WHERE db = %s AND id <> connection_id()"
    with house.server.connect() as connection, connection.cursor() as cursor:

        def there() -> tuple[tuple[Any, ...], ...]:
            cursor.execute(query, [SCHEMA])
            return tuple(cursor.fetchall())

        until(lambda: not there(), lambda: f"the server's sessions end: {there()}, {house.louver.log}")


def watched(house: MySQLHouse) -> bool:
    """Whether Louver has its own connection to the server by now; without sessions it is the only one."""
    holds = []
    for each in Path(f"/proc/{house.louver.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed since it was listed
            holds.append(str(each.readlink()))
    remote = f"0100007F:{house.server.port:04X}"
    table = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any(row[2] == remote and row[3] == "01" and f"socket:[{row[9]}]" in holds for row in table)


@pytest.mark.parametrize("user", ["tina", "anna"])
@pytest.mark.parametrize("when", ["idle", "running", "reading"])
def test_a_client_that_vanishes_frees_both_sides(mysql_house: MySQLHouse, user: str, when: str) -> None:
    """Whatever it was doing, its descriptors are given back, and the server's session ends."""
    mysql_house.ask(user, "SELECT phone FROM customers")
    until_alone(mysql_house)
    until(lambda: watched(mysql_house), "Louver has a connection of its own")
    before = descriptors(mysql_house.louver)
    connection = mysql_house.connect(user)
    if when != "idle":
        connection._execute_command(3, QUERIES[when])
    if when == "reading":
        connection._sock.recv(1000)
    connection._sock.shutdown(socket.SHUT_RDWR)
    until_alone(mysql_house)
    until(lambda: descriptors(mysql_house.louver) <= before, "the descriptors are given back")
    connection._force_close()


@pytest.mark.parametrize("said", [b"\x00", b"GET / HTTP/1.1\r\n\r\n", b"\xff\xff\xff\x01" + bytes(100), bytes(4)])
def test_garbage_ends_that_connection_alone(mysql_house: MySQLHouse, said: bytes) -> None:
    """In place of a login's answer it is an error or an end; who is in does not notice."""
    with mysql_house.connect("anna") as connection, connection.cursor() as cursor:
        with socket.create_connection(("127.0.0.1", mysql_house.louver.port), timeout=20) as plain:
            plain.recv(4096)
            plain.sendall(said)
            plain.shutdown(socket.SHUT_WR)
            while plain.recv(4096):
                pass
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)
    assert "Traceback" not in mysql_house.louver.log


@pytest.mark.parametrize(
    "said", [b"\x05\x00\x00\x07\x03SEL", b"\x00\x00\x00\x00", b"\x01\x00\x00\x00\x12", b"\x01\x00\x00\x00\xf0"]
)
def test_packets_out_of_order_or_refused_end_or_refuse_no_more_than_that(mysql_house: MySQLHouse, said: bytes) -> None:
    """A command that is not known or must not pass is refused, a broken packet ends the session, with words for either."""
    with contextlib.closing(mysql_house.connect("tina")) as connection, contextlib.suppress(OSError):
        connection._sock.sendall(said)
        connection._sock.settimeout(20)
        answer = connection._sock.recv(4096)
        assert answer[4] == 0xFF
        assert b"louver" in answer or b"out of order" in answer
    assert mysql_house.ask("tina", "SELECT 1") == ((1,),)


def test_a_graceful_end_waits_for_transactions(either: LocalMySQL) -> None:
    """Told to stop, it ends idle sessions with a word, and lets one in a transaction come to its end."""
    with mysql_house_of(either, drain_seconds=60) as house:
        idle, busy = house.connect("anna"), house.connect("anna", autocommit=False)
        cursor = busy.cursor()
        cursor.execute("INSERT INTO customers (id, name) VALUES (7, 'in time')")
        os.kill(house.louver.pid, signal.SIGTERM)
        until(lambda: "Traceback" in house.louver.log or _ended(idle), "the idle session is ended")
        cursor.execute("SELECT name FROM customers WHERE id = 7")
        assert cursor.fetchone() == ("in time",)
        busy.commit()
        until(lambda: house.louver.process.poll() is not None, f"it ends with the last transaction: {house.louver.log}")
        assert house.real("SELECT name FROM customers WHERE id = 7") == (("in time",),)
        assert "Traceback" not in house.louver.log
        for connection in (idle, busy):
            connection._force_close()


def _ended(connection: pymysql.Connection[Any]) -> bool:
    """Whether the other end has closed a connection that nobody uses."""
    connection._sock.settimeout(0.01)
    try:
        said = connection._sock.recv(4096)
    except TimeoutError:
        return False
    assert not said or (said[5:7] == (1053).to_bytes(2, "little") and b"shutting down" in said)
    return True


def test_limits_are_told(either: LocalMySQL) -> None:
    """One too many of a user, and one too many in all, are told which limit there is; a free place is given again."""
    limits = {"connections": 3, "connections_per_user": 2, "login_seconds": 20.0}
    with mysql_house_of(either, limits=limits) as house:
        with house.connect("anna"), house.connect("anna"):
            with pytest.raises(pymysql.MySQLError, match="the limit is 2 for user 'anna'"):
                house.connect("anna")
            with house.connect("tina"), pytest.raises(pymysql.MySQLError, match="the limit is 3 in all"):
                house.connect("tina")
        until(lambda: _comes_in(house), "a place is free again")


def _comes_in(house: MySQLHouse) -> bool:
    try:
        house.connect("anna").close()
    except pymysql.MySQLError:
        return False
    return True


def insert_until_refused(connection: pymysql.Connection[Any]) -> None:
    """Run statements, each with its record."""
    with connection.cursor() as cursor:
        for number in range(100, 10_000):
            cursor.execute(f"INSERT INTO customers (id, name) VALUES ({number}, 'audited')")


def test_a_trail_that_cannot_grow_refuses_statements_and_the_proxy_lives(either: LocalMySQL) -> None:
    """Past a file size limit every statement and login is refused, nothing runs unrecorded, nothing crashes."""
    command = ("/bin/sh", "-c", 'ulimit -f 40; exec "$@"', "sh")  # blocks of 512 bytes in sh: 20 kB
    with mysql_house_of(either, command=command) as house:
        with house.connect("anna") as connection, pytest.raises(pymysql.MySQLError, match="audit"):
            insert_until_refused(connection)
        ran = int(house.real("SELECT count(*) FROM customers WHERE name = 'audited'")[0][0])
        trail = b"".join(path.read_bytes() for path in sorted(house.louver.audit_directory.glob("*.jsonl")))
        assert 0 < ran <= trail.count(b'"event":"statement"')
        with pytest.raises(pymysql.MySQLError):
            house.connect("anna")
        assert house.louver.process.poll() is None
        assert "Traceback" not in house.louver.log


@pytest.fixture(params=["mariadb", "mysql"])
def mortal(request: pytest.FixtureRequest) -> Iterator[LocalMySQL]:
    """A server of one's own, to be ended."""
    program = find(request.param, BROUGHT)
    assert program is not None, "make servers"
    with LocalMySQL.start(request.param, program) as server:
        yield server


def ask_until_it_ends(connection: pymysql.Connection[Any]) -> None:
    """Run statements for a while."""
    with connection.cursor() as cursor:
        for _ in range(600):
            cursor.execute("SELECT 1")
            time.sleep(0.1)


def test_a_server_that_goes_away_ends_its_sessions_and_is_told(mortal: LocalMySQL) -> None:
    """Sessions end with their server; the next login is told that it cannot be reached, and Louver goes on."""
    with mysql_house_of(mortal) as house:
        connection = house.connect("anna")
        ending = threading.Thread(target=mortal.stop)
        ending.start()
        with pytest.raises(pymysql.MySQLError):
            ask_until_it_ends(connection)
        ending.join()
        with pytest.raises(pymysql.MySQLError, match="cannot reach the database"):
            house.connect("tina")
        assert house.louver.process.poll() is None
        assert "Traceback" not in house.louver.log
