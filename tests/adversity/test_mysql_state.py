"""What a MySQL session is in, and those who change it so that a statement is read otherwise than it is ruled."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any, Self

import pymysql
import pytest
from fixtures.louver import running_louver
from fixtures.mysql_house import POLICIES, SCHEMA, MySQLHouse, mysql_house_of
from pymysql.constants import CLIENT

from proxy.mysql.wire import packets
from proxy.mysql.wire.columns import text_row

if TYPE_CHECKING:
    from louver.demo.mysql import LocalMySQL

REAL = b"13812345678"
MASKED = b"138****5678"
PREPARE, EXECUTE, RESET_CONNECTION = 0x16, 0x17, 0x1F
LONG = b"\x03\x00"
CLEAR = POLICIES.replace("{mask: partial, keep_first: 3, keep_last: 4}", "clear").replace(
    "{mask: round, step: 1000}", "clear"
)


class Raw:
    """A client that sends commands as they are, through PyMySQL's socket."""

    def __init__(self, house: MySQLHouse, user: str = "tina", **more: Any) -> None:
        self._connection: Any = house.connect(user, **more)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(pymysql.Error):
            self._connection.close()

    def send(self, payload: bytes) -> list[bytes]:
        """Send a command, and read its answer: an OK packet, the columns and rows of one result, or an error."""
        self._connection._next_seq_id = 0
        self._connection._write_bytes(packets.packet(0, payload))
        answer = [self._read()]
        if answer[0][0] == packets.OK and payload[0] == PREPARE:
            parameters, columns = (int.from_bytes(answer[0][i : i + 2], "little") for i in (7, 5))
            for count in filter(None, (parameters, columns)):
                answer += [self._read() for _ in range(count + 1)]
        elif 0 < answer[0][0] < packets.LOCAL_INFILE:
            ends = 0
            while ends < 2:
                answer.append(self._read())
                if answer[-1][0] == packets.ERR:
                    break
                ends += answer[-1][0] == packets.EOF and len(answer[-1]) < 9
        return answer

    def _read(self) -> bytes:
        header = self._connection._read_bytes(4)
        data: bytes = self._connection._read_bytes(int.from_bytes(header[:3], "little"))
        return data

    def query(self, text: str) -> list[bytes]:
        """Send a text."""
        return self.send(b"\x03" + text.encode())

    def rows(self, text: str) -> list[list[bytes | None]]:
        """The rows of the answer to a text."""
        return [
            text_row(row) for row in self.query(text)[1:] if row[0] < packets.EOF and not row.startswith(b"\x03def")
        ]


def shows(answer: list[bytes]) -> bool:
    """Whether the real value is anywhere in an answer."""
    return any(REAL in packet for packet in answer)


TRICK = 'SELECT "phone" AS x, id FROM customers WHERE id = 1'
"""A text that is a constant, or a column with sql_mode ANSI_QUOTES."""


def test_a_mode_that_is_set_after_a_reset(mysql_house: MySQLHouse) -> None:
    """COM_RESET_CONNECTION takes back what the session is told to report; it is told again."""
    with Raw(mysql_house) as raw:
        assert raw.rows(TRICK) == [[b"phone", b"1"]]
        assert raw.send(bytes([RESET_CONNECTION]))[0][0] == packets.OK
        raw.query(f"USE {SCHEMA}")
        assert raw.rows(TRICK) == [[b"phone", b"1"]]
        raw.query("SET sql_mode = 'ANSI_QUOTES'")
        answer = raw.query(TRICK)
        assert not shows(answer)
        assert any(MASKED in row for row in answer) or answer[-1][0] == packets.ERR


@pytest.mark.parametrize(
    "statement",
    [
        "SET SESSION session_track_system_variables = ''",
        "SET @@session.`session_track_system_variables` = ''",
        "SET @a = 1, session_track_system_variables = 'time_zone'",
    ],
)
def test_a_mode_that_nobody_reports(mysql_house: MySQLHouse, statement: str) -> None:
    """Who turns the reports off is refused, or the state is asked for."""
    with Raw(mysql_house) as raw:
        raw.query(TRICK)
        raw.query(statement)
        raw.query("SET sql_mode = 'ANSI_QUOTES'")
        assert not shows(raw.query(TRICK))


def test_a_character_set_in_which_names_are_others(mysql_house: MySQLHouse) -> None:
    """In swe7 a brace is a letter: a table could be named by a text that looks like ASCII."""
    with Raw(mysql_house) as raw:
        refused = raw.query("SET NAMES swe7")[0][0] == packets.ERR
        assert refused or raw.query("SELECT 1")[0][0] == packets.ERR


def test_a_character_set_of_the_greeting(mysql_house: MySQLHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client can name it there, too."""
    monkeypatch.setattr(pymysql.connections.Connection, "set_character_set", lambda *_: None)
    swe7 = pymysql.charset.Charset(10, "latin1", "swe7_swedish_ci")
    monkeypatch.setattr(pymysql.connections, "charset_by_name", lambda _: swe7)
    with Raw(mysql_house, autocommit=None) as raw:
        (answer,) = raw.query("SELECT 1")
        assert b"utf8mb4" in answer


def prepared(raw: Raw, text: str) -> bytes:
    """The number of a statement that takes no parameters."""
    answer = raw.send(bytes([PREPARE]) + text.encode())
    assert answer[0][0] == packets.OK, answer
    return answer[0][1:5]


def run(raw: Raw, number: bytes) -> list[bytes]:
    """Run a prepared statement."""
    return raw.send(bytes([EXECUTE]) + number + b"\0\1\0\0\0")


def test_prepared_statements_are_masked(mysql_house: MySQLHouse) -> None:
    """As texts are."""
    with Raw(mysql_house) as raw:
        number = prepared(raw, "SELECT phone FROM customers WHERE id = 1")
        answer = run(raw, number)
        assert any(MASKED in row for row in answer)
        assert not shows(answer)


def test_a_prepared_statement_keeps_its_schema(mysql_house: MySQLHouse) -> None:
    """Whatever the session uses since; what is ruled is what it was prepared in."""
    mysql_house.real(f"CREATE DATABASE IF NOT EXISTS {SCHEMA}_elsewhere")
    mysql_house.real(f"CREATE TABLE IF NOT EXISTS {SCHEMA}_elsewhere.customers (id int, phone varchar(20))")
    with Raw(mysql_house) as raw:
        number = prepared(raw, "SELECT phone FROM customers WHERE id = 1")
        raw.query(f"USE {SCHEMA}_elsewhere")
        raw.query("SELECT phone FROM customers")
        assert not shows(run(raw, number))
    mysql_house.real(f"DROP DATABASE {SCHEMA}_elsewhere")


def test_errors_do_not_quote_rows(mysql_house: MySQLHouse) -> None:
    """The number and the key stay."""
    with Raw(mysql_house) as raw:
        (answer,) = raw.query("INSERT INTO customers (id) VALUES (1)")
        assert answer[1:3] == (1062).to_bytes(2, "little")
        assert b"Duplicate entry for key" in answer


def test_policies_that_change_hold_for_what_is_prepared(either: Any) -> None:
    """From the next execution on: it shows no more than the new rules allow, or the session ends."""
    with mysql_house_of(either) as house:
        policies = house.louver.policies
        before = policies.read_text()
        policies.write_text(CLEAR)
        house.louver.hang_up()
        with Raw(house) as raw:
            number = prepared(raw, "SELECT phone FROM customers WHERE id = 1")
            assert shows(run(raw, number))
            policies.write_text(before)
            house.louver.hang_up()
            try:
                answer = run(raw, number)
            except pymysql.Error:
                return
            assert not shows(answer)


def test_keyed_masks_after_a_reset(either: Any) -> None:
    """The session's key is gone with its variables, and is handed over again before anything is masked by it."""
    with mysql_house_of(either) as house:
        house.louver.policies.write_text(
            POLICIES.replace("{mask: partial, keep_first: 3, keep_last: 4}", "{mask: hash}")
        )
        house.louver.hang_up()
        with Raw(house) as raw:
            before = raw.rows("SELECT phone FROM customers WHERE id = 1")
            assert before[0][0] not in {None, REAL, MASKED}
            raw.send(bytes([RESET_CONNECTION]))
            assert raw.rows(f"SELECT phone FROM {SCHEMA}.customers WHERE id = 1") == before


@pytest.mark.parametrize("kind", [6, 9, 13])
def test_a_statement_within_an_attribute(mysql_house: MySQLHouse, monkeypatch: pytest.MonkeyPatch, kind: int) -> None:
    """MySQL reads attributes of some types otherwise than its documentation says: what would run is not what is ruled."""
    monkeypatch.setattr(pymysql.connections.Connection, "set_character_set", lambda *_: None)
    harmless = b"\x14SELECT 1 FROM dual--"
    text = harmless + b" SELECT phone FROM customers"
    with Raw(mysql_house, client_flag=1 << 27, autocommit=None) as raw, contextlib.suppress(pymysql.Error):
        assert not shows(raw.send(b"\x03\x01\x01\x00\x01" + bytes([kind, 0]) + b"\x01n" + text))


def test_a_file_that_turns_into_commands(mysql_house: MySQLHouse) -> None:
    """What is sent as the piece of a file reaches the server as one, or not at all."""
    with Raw(mysql_house, local_infile=True) as raw:
        answer = raw.query("LOAD DATA LOCAL INFILE 'x' INTO TABLE customers")
        if answer[0][0] == packets.LOCAL_INFILE:
            raw._connection._write_bytes(packets.packet(0, b"\x03SELECT phone FROM customers"))
            with contextlib.suppress(pymysql.Error):
                assert not shows([raw._read()])


def thread_of(connection: Any) -> int:
    """The server's number for a session."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT connection_id()")
        (found,) = cursor.fetchone()
    return int(found)


@pytest.mark.parametrize("user", ["tina", "anna"])
@pytest.mark.parametrize("name", ["greeted", "asked", "command"])
def test_one_s_own_queries_are_stopped(mysql_house: MySQLHouse, user: str, name: str) -> None:
    """As clients do it when they are interrupted: by a KILL on another connection, of the number they were greeted with."""
    with mysql_house.connect(user) as slow, mysql_house.connect(user) as other:
        thread = thread_of(slow) if name == "asked" else slow.thread_id()
        slow._execute_command(3, f"SELECT sleep(60), phone, '{user} {name}' FROM customers")
        mysql_house.until_runs(f"%sleep(60)%{user} {name}%")
        if name == "command":
            other._execute_command(0x0C, thread.to_bytes(4, "little"))
            other._read_ok_packet()
        else:
            with other.cursor() as cursor:
                cursor.execute(f"KILL QUERY {thread}")
        begun = time.monotonic()
        with contextlib.suppress(pymysql.Error):
            slow._read_query_result()
        assert time.monotonic() - begun < 30


@pytest.mark.parametrize("user", ["tina", "anna"])
def test_others_sessions_are_not_killed(mysql_house: MySQLHouse, user: str) -> None:
    """Neither by the statement, nor by the command, nor by a prepared one; by neither number, and behind nothing else."""
    others = {"tina": "anna", "anna": "tina"}
    with mysql_house.connect(others[user]) as anna, Raw(mysql_house, user, client_flag=CLIENT.MULTI_STATEMENTS) as raw:
        for thread in (thread_of(anna), anna.thread_id()):
            for payload in (
                b"\x03KILL %d" % thread,
                b"\x0c" + thread.to_bytes(4, "little"),
                b"\x16KILL %d" % thread,
                b"\x16KILL ?",
                b"\x03/* now */ KILL %d" % thread,
                b"\x03# now\nKILL %d" % thread,
                b"\x03/*!50000 KILL %d */" % thread,
                b"\x03SELECT 1 FROM nowhere; KILL %d" % thread,
                b"\x03PREPARE s FROM 'KILL %d'" % thread,
            ):
                assert raw.send(payload)[0][0] == packets.ERR
        thread_of(anna)


def test_nobody_in_particular_is_nobody(own_server: LocalMySQL) -> None:
    """An anonymous account of the database lets any name in: whose rights it would have here, nobody has proved."""
    with (
        running_louver(own_server, policies=POLICIES, protocol="mysql") as louver,
        own_server.connect() as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("CREATE USER ''@'127.0.0.1' IDENTIFIED BY 'anybody'")
        try:
            with (
                pytest.raises(pymysql.Error) as told,
                pymysql.connect(host="127.0.0.1", port=louver.port, user="anna", password="anybody") as client,
            ):
                thread_of(client)
        finally:
            cursor.execute("DROP USER ''@'127.0.0.1'")
        assert told.value.args[0] == 1045
        assert "who this session is" in str(told.value)


def test_what_a_variable_holds_from_before_the_first_label_ends_with_its_session(either: LocalMySQL) -> None:
    """Policies that label columns for the first time end sessions that may have read them: nobody can look into variables."""
    with mysql_house_of(either, policies="version: 1\n") as house, house.connect("tina") as connection:
        with connection.cursor() as cursor:
            cursor.execute("SET @kept = (SELECT phone FROM customers WHERE id = 1)")
        house.louver.policies.write_text(POLICIES)
        house.louver.hang_up()
        with pytest.raises(pymysql.Error), connection.cursor() as cursor:
            cursor.execute("SELECT @kept")
        assert house.ask("tina", "SELECT phone FROM customers WHERE id = 1") == (("138****5678",),)
