"""The throw-away MySQL and MariaDB: they work, they are private, and they never outlive those who use them."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pymysql
import pytest
from brought.__main__ import PLACE
from fixtures.waiting import until

from louver.demo.annex import open_annex, perform, scene
from louver.demo.bank import make_bank
from louver.demo.host import ServerUnavailable, port_taken
from louver.demo.mysql import LocalMySQL, find

if TYPE_CHECKING:
    pass

_CHILD = """
import sys, time
from pathlib import Path
from louver.demo.mysql import LocalMySQL
server = LocalMySQL.start("mariadb", Path(sys.argv[1]))
print(server.port, server.directory, flush=True)
time.sleep(600)
"""


def _mariadb() -> Path:
    program = find("mariadb", PLACE)
    assert program is not None
    return program


def test_a_schema_is_made_and_answers_over_verified_tls(either: LocalMySQL, schema: str) -> None:
    """A created schema takes logins over TLS that verifies against the server's certificate, in utf8mb4."""
    with either.connect(schema, ssl={"ca": str(either.certificate)}) as connection, connection.cursor() as cursor:
        cursor.execute("SHOW STATUS LIKE 'Ssl_cipher'")
        row = cursor.fetchone()
        cursor.execute("SELECT DATABASE(), @@character_set_database, CONCAT('\u5f20', '\u4e09')")
        assert cursor.fetchone() == (schema, "utf8mb4", "\u5f20\u4e09")
    assert row is not None
    assert row[1]


def test_the_server_is_the_one_that_was_asked_for(mariadb: LocalMySQL, mysql: LocalMySQL) -> None:
    """Each says its own product, and a version that is read right."""
    for server, word in ((mariadb, True), (mysql, False)):
        with server.connect() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT VERSION()")
            row = cursor.fetchone()
        assert row is not None
        assert ("MariaDB" in row[0]) is word
        assert row[0].startswith(".".join(map(str, server.version)))
    assert mysql.version >= (8, 0, 0)


def test_a_wrong_password_is_refused(either: LocalMySQL) -> None:
    """The password is needed, loopback or not, and nobody else can log in."""
    for user, password in (("root", "wrong"), ("root", ""), ("", ""), ("mysql", "")):
        with pytest.raises(pymysql.OperationalError, match="Access denied"):
            either.connect(user=user, password=password)


def test_a_bad_setting_says_so() -> None:
    """A server that does not start gives its own words."""
    with pytest.raises(ServerUnavailable, match="no-such-setting"):
        LocalMySQL.start("mariadb", _mariadb(), settings={"no-such-setting": "1"})


def test_settings_reach_the_server_and_its_end_leaves_nothing() -> None:
    """An option is in force, and after the end neither a listener nor a file is left."""
    with LocalMySQL.start("mariadb", _mariadb(), settings={"lower-case-table-names": "1"}) as server:
        with server.connect() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT @@lower_case_table_names")
            assert cursor.fetchone() == (1,)
        directory = server.directory
    assert not port_taken(server.port)
    assert not directory.exists()


def test_the_server_dies_with_a_killed_parent() -> None:
    """However the process ends that has started it, the server ends, and its directory is gone."""
    with subprocess.Popen([sys.executable, "-c", _CHILD, _mariadb()], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        port, directory = child.stdout.readline().split()
        assert port_taken(int(port))
        os.kill(child.pid, signal.SIGKILL)
    until(lambda: not port_taken(int(port)) and not Path(directory).exists())


def test_a_program_that_the_environment_names_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """LOUVER_MARIADB is taken as it is; without it the one that was brought or installed is found."""
    monkeypatch.setenv("LOUVER_MARIADB", "/nowhere/mariadbd")
    assert find("mariadb") == Path("/nowhere/mariadbd")


def test_the_annex_answers_as_the_tour(either: LocalMySQL) -> None:
    """The bank on either server, behind a Louver of its own: each person sees what the policy says, and a wrong answer is told."""
    program = find(either.flavour, PLACE)
    assert program is not None
    bank = make_bank()
    with open_annex(bank, either.flavour, program) as annex:
        shown = scene(bank, annex)
        answers = list(perform(annex, shown))
        assert [(answer.step.user, answer.faults) for answer in answers] == [
            (user, ()) for user in ("teller", "manager", "auditor", "bi")
        ]
        assert annex.title in shown.title
        wrong = dataclasses.replace(shown.steps[0], user="auditor")
        (answer,) = perform(annex, dataclasses.replace(shown, steps=(wrong,)))
        assert any("should be hidden, and was shown" in fault for fault in answer.faults)
