"""Labels on MySQL and MariaDB: they follow copies and renames, are on the disk before the statement leaves, and outlive everything."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pymysql
import pytest
import yaml
from fixtures.louver import running_louver
from fixtures.waiting import until
from typer.testing import CliRunner

from audit.reader import records
from louver.cli import app

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fixtures.louver import RunningLouver

    from louver.demo.mysql import LocalMySQL

CASES = yaml.safe_load(Path(__file__).with_name("mysql_labels.yaml").read_text(encoding="utf-8"))
BEGIN = f"labels_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
POLICIES = """
version: 1
dictionary:
  - {column: "*.*.people.phone", category: phone, level: 3}
  - {column: "*.*.people.code", category: code, level: 3}
categories: {phone: full, code: full}
rules:
  - {name: bosses see everything, columns: {category: "*"}, when: principal.role == "boss", treatment: clear}
  - {name: agents see phones, columns: {category: phone}, when: principal.role == "agent", treatment: clear}
"""
USERS = {"clerk": {"role": "clerk"}, "boss": {"role": "boss"}, "agent": {"role": "agent"}}
SCHEMA = (
    "CREATE TABLE people (id int PRIMARY KEY, name varchar(20), phone varchar(20), code varchar(20))",
    "INSERT INTO people VALUES (1, 'Ann', '13800000001', 'c1'), (2, 'Bo', '13800000002', 'c2')",
    "CREATE TABLE notes (id int PRIMARY KEY, note varchar(20))",
    "INSERT INTO notes VALUES (1, 'one'), (2, 'two')",
)
MULTI = {"client_flag": pymysql.constants.CLIENT.MULTI_STATEMENTS}


@contextlib.contextmanager
def built(server: LocalMySQL, schema: str, *, other: bool = True) -> Iterator[None]:
    """A schema made directly, and one beside it if it is asked for; both go in the end."""
    with server.connect(None, **MULTI) as connection:
        send(connection, f"DROP DATABASE IF EXISTS {schema}; CREATE DATABASE {schema}; USE {schema}")
        send(connection, ";".join((*SCHEMA, *([f"CREATE DATABASE {schema}_other"] if other else []))))
        yield
        send(connection, f"DROP DATABASE IF EXISTS {schema}; DROP DATABASE IF EXISTS {schema}_other")


def connect(louver: RunningLouver, user: str, schema: str) -> pymysql.Connection[Any]:
    """Come in as one of Louver's users."""
    return pymysql.connect(
        host="127.0.0.1",
        port=louver.port,
        user=user,
        password=louver.passwords[user],
        database=schema,
        autocommit=True,
        read_timeout=60,
        **MULTI,
    )


def send(connection: pymysql.Connection[Any], sql: str) -> tuple[tuple[Any, ...], ...]:
    """Run a text to the end of its last result; the rows of that."""
    with connection.cursor() as cursor:
        cursor.execute(sql)
        rows = cursor.fetchall()
        while cursor.nextset():
            rows = cursor.fetchall()
    return tuple(rows)


def run(louver: RunningLouver, user: str, schema: str, *statements: str) -> tuple[tuple[Any, ...], ...]:
    """The rows of the last of a user's statements, in a session of its own."""
    with connect(louver, user, schema) as connection:
        for sql in statements:
            rows = send(connection, sql)
    return rows


def start(server: LocalMySQL, ledger: Path) -> contextlib.AbstractContextManager[RunningLouver]:
    """A proxy in front of a server with this file of labels."""
    return running_louver(server, policies=POLICIES, users=USERS, protocol="mysql", labels_file=str(ledger))


def labels(louver: RunningLouver) -> dict[str, tuple[str, str, str]]:
    """What `louver labels list` says: column -> (category, why, state)."""
    config = str(louver.directory / "louver.yaml")
    done = CliRunner().invoke(app, ["labels", "list", "-c", config, "-f", "json"], catch_exceptions=False)
    return {each["column"]: (each["category"], each["why"], each["state"]) for each in json.loads(done.stdout)}


def kill(louver: RunningLouver) -> None:
    """End it without a word."""
    os.kill(louver.pid, signal.SIGKILL)
    louver.process.wait()


@pytest.fixture(scope="module")
def house(either: LocalMySQL, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningLouver]:
    """One proxy for all cases, each of which has a schema of its own."""
    with start(either, tmp_path_factory.mktemp("labels") / "labels.jsonl") as louver:
        yield louver


@pytest.mark.parametrize("number", range(len(CASES)), ids=[case["name"] for case in CASES])
def test_labels_follow(house: RunningLouver, either: LocalMySQL, number: int) -> None:
    """What clerk sees after a case is what the labels of the case allow, and boss sees the values."""
    case = CASES[number]
    if case.get("only", either.flavour) != either.flavour:
        return
    schema = f"{BEGIN}_{number}"
    names = {"schema": schema, "other": f"{schema}_other"}

    def named(sql: str) -> str:
        return sql.replace("{schema}", names["schema"]).replace("{other}", names["other"])

    failed = refused = False
    with contextlib.ExitStack() as stack:
        stack.enter_context(built(either, schema, other="{other}" in str(case)))
        sessions: dict[str, pymysql.Connection[Any]] = {}
        for step in case["do"]:
            user, sql = next(iter(step.items())) if isinstance(step, dict) else ("boss", step)
            if user == "direct":
                with either.connect(None, **MULTI) as direct:
                    if "DATABASE" not in sql:
                        direct.select_db(schema)
                    send(direct, named(sql))
                house.hang_up()  # it looks at all definitions again, as it does by itself after a while
                continue
            if user not in sessions:
                sessions[user] = stack.enter_context(connect(house, user, schema))
            try:
                send(sessions[user], named(sql))
            except pymysql.MySQLError as error:
                failed, refused = True, "not available" in str(error)
        assert refused == case.get("refused", False)
        if refused:
            return
        assert failed == case.get("fails", False)
        ask, place = named(case.get("ask", "SELECT line FROM copied")), case.get("column", 0)
        assert run(house, "clerk", schema, ask)[0][place] == case["see"]
        if "boss" in case:
            assert run(house, "boss", schema, ask)[0][place] == case["boss"]


@pytest.fixture
def beginning(either: LocalMySQL, tmp_path: Path) -> Iterator[tuple[str, Any]]:
    """A schema made anew, and what starts a proxy: each has the same file of labels."""
    schema = f"{BEGIN}_alone"
    with built(either, schema):
        yield schema, lambda: start(either, tmp_path / "labels.jsonl")


WAYS = {
    "CREATE TABLE copied AS SELECT id, phone AS line FROM people": "****",
    "CREATE TABLE copied AS SELECT id, REVERSE(phone), name AS line FROM people": "Ann",
    "CREATE TABLE copied AS SELECT id, p AS line FROM (SELECT id, phone AS p FROM people) d": "****",
    "RENAME TABLE people TO copied; ALTER TABLE copied CHANGE phone line varchar(20)": "****",
    "ALTER TABLE people ADD line varchar(20) AS (RIGHT(phone, 4)) STORED, RENAME copied": "****",
    "CREATE TABLE c LIKE people; INSERT INTO c SELECT * FROM people; ALTER TABLE c RENAME COLUMN code TO line, RENAME copied": "****",
}


def test_labels_stay_after_a_crash(either: LocalMySQL, tmp_path: Path) -> None:
    """Killed right after each of the statements: who may not see phones does not see the copy's."""
    with contextlib.ExitStack() as stack:
        schemas = [f"{BEGIN}_crash_{number}" for number in range(len(WAYS))]
        for schema in schemas:
            stack.enter_context(built(either, schema))

        def look(louver: RunningLouver, number: int) -> None:
            asked = "SELECT line FROM copied ORDER BY id"
            assert run(louver, "clerk", schemas[number], asked)[0] == (list(WAYS.values())[number],)
            assert run(louver, "boss", schemas[number], asked)[0] != ("****",)

        for number, way in enumerate(WAYS):
            with start(either, tmp_path / "labels.jsonl") as louver:
                if number:
                    look(louver, number - 1)
                run(louver, "boss", schemas[number], way)
                kill(louver)
        with start(either, tmp_path / "labels.jsonl") as louver:
            look(louver, len(WAYS) - 1)


def test_labels_stay_after_a_restart(either: LocalMySQL, tmp_path: Path, subtests: pytest.Subtests) -> None:
    """The same after a stop as one is wished for, for all ways at once, each in a schema of its own."""
    schemas = {way: f"{BEGIN}_way{number}" for number, way in enumerate(WAYS)}
    with contextlib.ExitStack() as stack:
        for schema in schemas.values():
            stack.enter_context(built(either, schema))
        with start(either, tmp_path / "labels.jsonl") as louver:
            for way, schema in schemas.items():
                run(louver, "boss", schema, way)
            assert louver.stop() == 0
        with start(either, tmp_path / "labels.jsonl") as louver:
            for way, schema in schemas.items():
                with subtests.test(way):
                    assert run(louver, "clerk", schema, "SELECT line FROM copied ORDER BY id")[0] == (WAYS[way],)
                    assert run(louver, "boss", schema, "SELECT line FROM copied ORDER BY id")[0] != ("****",)


def lost(louver: RunningLouver, user: str, schema: str, sql: str) -> None:
    """A statement during which the connection ends."""
    with contextlib.suppress(pymysql.MySQLError):
        run(louver, user, schema, sql)


def until_running(server: LocalMySQL, schema: str, *, running: bool = True) -> None:
    """Wait until the server runs a statement that sleeps in a schema, or none."""
    query = f"SELECT count(*) FROM information_schema.processlist WHERE db = '{schema}' AND info LIKE '%SLEEP(%'"
    with server.connect(None) as direct:
        until(lambda: bool(send(direct, query)[0][0]) is running, "the server sleeps, or does not")


def test_a_crash_between_the_statement_and_its_end(beginning: tuple[str, Any], either: LocalMySQL) -> None:
    """The label is on the disk before the statement leaves, and holds for the table, whoever has made it."""
    schema, house = beginning
    slow = "CREATE TABLE copied AS SELECT id, phone AS line, SLEEP(2) AS s FROM people"
    with house() as louver, contextlib.suppress(pymysql.MySQLError):
        waiting = threading.Thread(target=lost, args=(louver, "boss", schema, slow))
        waiting.start()
        until_running(either, schema)
        kill(louver)
        waiting.join()
    until_running(either, schema, running=False)
    with either.connect(schema) as direct:
        send(direct, "CREATE TABLE IF NOT EXISTS copied AS SELECT id, phone AS line FROM people")
    with house() as louver:
        assert run(louver, "clerk", schema, "SELECT line FROM copied")[0] == ("****",)
        assert labels(louver)[f"{schema}.copied.line"] == ("phone", "copied", "there")


def test_a_client_that_goes_meanwhile_leaves_the_label(beginning: tuple[str, Any], either: LocalMySQL) -> None:
    """What became of the statement is not known, so that the label stays."""
    schema, house = beginning
    with house() as louver:
        boss = connect(louver, "boss", schema)
        boss._execute_command(3, "CREATE TABLE copied AS SELECT id, phone AS line FROM people; SELECT SLEEP(2)")
        until_running(either, schema)
        boss._force_close()
        assert run(louver, "clerk", schema, "SELECT line FROM copied")[0] == ("****",)
        until_running(either, schema, running=False)
        assert run(louver, "clerk", schema, "SELECT line FROM copied")[0] == ("****",)


FILLED = "DROP TABLE copied; CREATE TABLE copied AS SELECT id, phone AS {} FROM people; SELECT SLEEP(2)"
WINDOWS = {
    "the same column": ("line", FILLED.format("line")),
    "another column": ("p", FILLED.format("p")),
    "and goes again": (
        "line",
        f"{FILLED.format('line')}; DROP TABLE copied; CREATE TABLE copied AS SELECT id, code AS line FROM people",
    ),
}


@pytest.mark.parametrize("window", WINDOWS)
def test_what_is_made_anew_is_hidden_before_its_text_has_ended(beginning: tuple[str, Any], window: str) -> None:
    """A table of that name was known and clean; the statement that fills it with phones is one of several, of which one waits."""
    schema, house = beginning
    column, text = WINDOWS[window]
    with house() as louver, connect(louver, "clerk", schema) as clerk:
        run(louver, "boss", schema, "CREATE TABLE copied AS SELECT id, name AS line FROM people")
        assert send(clerk, "SELECT line FROM copied ORDER BY id")[0] == ("Ann",)
        waiting = threading.Thread(target=run, args=(louver, "boss", schema, text))
        waiting.start()
        seen: list[Any] = []
        for _ in range(8):
            time.sleep(0.2)
            try:
                seen += run(louver, "clerk", schema, f"SELECT {column} FROM copied")
                seen += send(clerk, f"SELECT {column} FROM copied")
            except pymysql.MySQLError as error:
                seen.append(str(error))
        waiting.join()
        assert "138" not in str(seen)
        assert run(louver, "clerk", schema, f"SELECT {column} FROM copied")[0] == ("****",)


def test_sessions_that_run_already_know_of_it(beginning: tuple[str, Any]) -> None:
    """What was read or prepared before is ruled again, by text and by a prepared statement."""
    schema, house = beginning
    with house() as louver, connect(louver, "clerk", schema) as clerk, connect(louver, "boss", schema) as boss:
        send(boss, "CREATE TABLE copied AS SELECT id, name AS line FROM people")
        send(clerk, "PREPARE s FROM 'SELECT line FROM copied ORDER BY id'")
        assert send(clerk, "EXECUTE s")[0] == ("Ann",)
        send(boss, "RENAME TABLE copied TO c; ALTER TABLE people RENAME copied, CHANGE phone line varchar(20)")
        seen: list[Any] = []
        for text in ("SELECT line FROM copied ORDER BY id", "EXECUTE s"):
            try:
                seen += send(clerk, text)
            except pymysql.MySQLError as error:
                seen.append(str(error))
        assert "138" not in str(seen)
        assert run(louver, "clerk", schema, "SELECT line FROM copied ORDER BY id")[0] == ("****",)


def test_a_prepared_definition_labels_each_time_it_runs(beginning: tuple[str, Any]) -> None:
    """Under the schema that it was prepared in, whichever is the default when it runs."""
    schema, house = beginning
    with house() as louver, connect(louver, "boss", schema) as boss:
        boss._execute_command(0x16, "CREATE TABLE copied AS SELECT id, phone AS line FROM people")
        number = boss._read_packet().get_all_data()[1:5]
        send(boss, f"USE {schema}_other")
        for _ in range(3):
            boss._execute_command(0x17, number + b"\0" + b"\1\0\0\0")
            boss._read_query_result()
            assert run(louver, "clerk", schema, "SELECT line FROM copied")[0] == ("****",)
            send(boss, f"DROP TABLE {schema}.copied")


def test_a_label_is_listed_recorded_and_dropped(beginning: tuple[str, Any]) -> None:
    """The compliance officer sees what copies there are, who made them from what, and settles them one by one."""
    schema, house = beginning
    copy = "CREATE TABLE copied AS SELECT id, phone AS line, code AS c FROM people"
    line = f"{schema}.moved.line"
    with house() as louver:
        run(louver, "boss", schema, copy, "RENAME TABLE copied TO moved, people TO folks")
        assert run(louver, "clerk", schema, "SELECT line, c FROM moved")[0] == ("****", "****")
        assert labels(louver) == {
            line: ("phone", "copied", "there"),
            f"{schema}.moved.c": ("code", "copied", "there"),
            f"{schema}.folks.phone": ("phone", "renamed", "there"),
            f"{schema}.folks.code": ("code", "renamed", "there"),
        }
        command = [sys.executable, "-m", "louver", "labels", "drop", line, "-d", schema, "-c"]
        done = subprocess.run(
            [*command, str(louver.directory / "louver.yaml")], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        louver.hang_up()
        assert run(louver, "clerk", schema, "SELECT line, c FROM moved")[0] == ("13800000001", "****")
        louver.stop()
        found = [each for each in records(louver.audit_directory) if each["event"] == "labelled"]
    told = {(each["column"], each["why"], *each["sources"], each["principal"], each["database"]) for each in found}
    assert told == {
        (f"{schema}.copied.line", "copied", f"{schema}.people.phone", "boss", schema),
        (f"{schema}.copied.c", "copied", f"{schema}.people.code", "boss", schema),
        (f"{schema}.folks.phone", "renamed", f"{schema}.people.phone", "boss", schema),
        (f"{schema}.folks.code", "renamed", f"{schema}.people.code", "boss", schema),
    }
    with house() as louver:
        assert run(louver, "clerk", schema, "SELECT line, c FROM moved")[0] == ("13800000001", "****")
