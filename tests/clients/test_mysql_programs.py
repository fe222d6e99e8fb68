"""The command line clients of MySQL and MariaDB through Louver, in batch and typed into, on a real server of either kind."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pexpect
import pymysql
import pytest
from brought.__main__ import PLACE
from fixtures.mysql_house import SCHEMA

from louver.demo.mysql import Flavour, find_client

if TYPE_CHECKING:
    from fixtures.mysql_house import MySQLHouse


@pytest.fixture(params=["mariadb", "mysql"])
def program(request: pytest.FixtureRequest) -> Path:
    """Give the client of either kind, for either server."""
    flavour: Flavour = request.param
    found = find_client(flavour, PLACE)
    assert found is not None, f"these tests need {flavour}'s command line client: `make servers` fetches it"
    return found


def arguments(house: MySQLHouse, user: str, *more: str) -> list[str]:
    """What the client is called with."""
    place = (
        "-h",
        "127.0.0.1",
        "-P",
        str(house.louver.port),
        f"--user={user}",
        f"--password={house.louver.passwords[user]}",
    )
    return ["--no-defaults", *place, "--default-character-set=utf8mb4", *more, SCHEMA]


def batch(program: Path, house: MySQLHouse, user: str, text: str, *more: str) -> str:
    """What the client prints of a text; raises AssertionError with what it complains of."""
    command = [str(program), *arguments(house, user, *more)]
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_batch_is_masked(mysql_house: MySQLHouse, program: Path) -> None:
    """Statements from a file answer with what the caller may see, in a table or without."""
    text = "SELECT id, name, phone FROM customers ORDER BY id;\nSELECT count(*) AS n FROM customers;\n"
    assert batch(program, mysql_house, "tina", text).splitlines() == [
        "id\tname\tphone",
        "1\tZhang Wei\t138****5678",
        "2\t李娜\t139****4321",
        "3\tTom\tNULL",
        "n",
        "3",
    ]
    assert "| 138****5678 |" in batch(program, mysql_house, "tina", "SELECT phone FROM customers;", "--table")
    assert "13812345678" in batch(program, mysql_house, "anna", "SELECT phone FROM customers;")


def test_the_clients_own_questions_are_answered(mysql_house: MySQLHouse, program: Path) -> None:
    """What describes tables and the server, as people type it."""
    said = batch(program, mysql_house, "tina", "SHOW TABLES; DESCRIBE customers; SHOW CREATE TABLE customers;")
    assert "callable\n" in said
    assert "varchar(20)" in said
    assert "CREATE TABLE `customers`" in said


class Terminal:
    """The client in a terminal."""

    def __init__(self, program: Path, house: MySQLHouse, user: str) -> None:
        environment: Any = {**os.environ, "TERM": "dumb", "MYSQL_HISTFILE": "/dev/null", "LANG": "C.UTF-8"}
        self.child: pexpect.spawn[str] = pexpect.spawn(
            str(program), arguments(house, user, "--prompt=ready> "), encoding="utf-8", timeout=60, env=environment
        )
        self.child.expect("ready> ")

    def say(self, line: str) -> str:
        """Type a line and give what comes before the next prompt."""
        self.child.sendline(line)
        self.child.expect("ready> ")
        return str(self.child.before)

    def close(self) -> None:
        """Leave."""
        self.child.sendline("exit")
        self.child.expect(pexpect.EOF)
        self.child.close()


def test_typed_into(mysql_house: MySQLHouse, program: Path) -> None:
    """Completion reads the tables, statements are masked, mistakes are told, `use` and `status` work."""
    terminal = Terminal(program, mysql_house, "tina")
    assert "138****5678" in terminal.say("SELECT phone FROM customers WHERE id = 1;")
    assert "1054" in terminal.say("SELECT nonsense FROM customers;")
    assert "Database changed" in terminal.say(f"use {SCHEMA}")
    assert "138****5678" in terminal.say("select phone from customers\\G")
    terminal.close()


def test_ctrl_c_stops_what_is_running(mysql_house: MySQLHouse, program: Path) -> None:
    """The client comes in a second time and kills its own query, and nobody else's."""
    terminal = Terminal(program, mysql_house, "tina")
    other = mysql_house.connect("anna")
    other._execute_command(3, "SELECT sleep(4)")
    terminal.child.sendline("SELECT sleep(60) FROM customers WHERE id = 1;")
    mysql_house.until_runs("%sleep(60)%")
    begun = time.monotonic()
    terminal.child.sendintr()
    terminal.child.expect("ready> ")
    assert time.monotonic() - begun < 30
    assert "138****5678" in terminal.say("SELECT phone FROM customers WHERE id = 1;")
    terminal.close()
    assert other._read_query_result() or other._result is not None
    other.close()


def test_nobody_kills_another_ones_session(mysql_house: MySQLHouse) -> None:
    """KILL takes the number of a session of one's own, as the client or the server numbers it, and no other."""
    with (
        mysql_house.connect("tina") as tina,
        mysql_house.connect("anna") as anna,
        mysql_house.connect("tina") as second,
    ):
        theirs = [anna.thread_id(), mysql_house.ask("anna", "SELECT CONNECTION_ID()")[0][0]]
        with tina.cursor() as cursor:
            for number in (*theirs, 1, 99999999):
                with pytest.raises(pymysql.OperationalError, match="no session of yours"):
                    cursor.execute(f"KILL {number}")
            with pytest.raises(pymysql.MySQLError, match="the number of one session"):
                cursor.execute("KILL (SELECT 1)")
            cursor.execute(f"KILL CONNECTION {second.thread_id()}")
            cursor.execute("SELECT 1")
        with anna.cursor() as cursor:
            cursor.execute("SELECT 1")
            with pytest.raises(pymysql.OperationalError, match="no session of yours"):
                cursor.execute(f"kill query {tina.thread_id()}")
        with pytest.raises(pymysql.MySQLError), second.cursor() as cursor:
            cursor.execute("SELECT 1")
