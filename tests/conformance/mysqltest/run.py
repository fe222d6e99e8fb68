"""The run: three servers of one kind, Louver before the third, the statements of one test file after the other.

Owns the processes, the sessions, what is put right between files, and the results. May not do: judge an answer.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pymysql

from conformance import leg
from conformance.mysqltest import script
from conformance.mysqltest.answers import judge
from conformance.mysqltest.backdoor import Backdoor
from conformance.mysqltest.wire import QUERY, Answer, Packets, packet, read_answer
from louver.demo.mysql import LocalMySQL

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from conformance.mysqltest.backdoor import Session
    from louver.demo.mysql import Flavour

IDENTITY: Final = """\
version: 1
dictionary:
  - {column: "*.*.*.*", category: everything, level: 1}
rules:
  - {name: every row is shown, columns: {category: everything}, rows: "true", treatment: clear, explain: allow}
"""
"""Every column is labelled and shown on the rows where TRUE holds: each reference is substituted, no value changes. Plans may be seen."""

SUITES: Final = {
    "mariadb": ("main", "suite/*/"),
    "mysql": ("t", "suite/*/t"),
}
_OTHERS: Final = re.compile(
    r"suite/(rpl|binlog|galera|wsrep|federated|mariabackup|encryption|perfschema|multi_source|plugins|storage_engine|stress|large"
    r"|ndb|group_replication|clone|auth_sec|component|x/|router|thread_pool|secondary|connection|keyring|innodb_undo|innodb_zip"
    r"|s3|atomic|mtr|unit|client|test_service|service|lock_order|multi_factor|interactive|network|query_rewrite|special|audit|archive"
    r"|json_ndb|gcol_ndb|max_parts|funcs_2|handler)"
)
"""Suites of what no session does alone: replication, plugins that are not there, the server's own files."""

_SERVICE: Final = "louver_service"
_PASSWORD: Final = "conformance"
_SECONDS: Final = 20.0  # a statement that takes longer waits for another session
_SETTINGS: Final = {"innodb-flush-method": "nosync", "character-set-server": "utf8mb4", "max-connections": "60"}
_LEFT_OUT: Final = re.compile(
    r"\s*(shutdown|restart|kill|(un)?install|clone|change\s+(master|replication)|(start|stop|reset)\s|purge|flush\s+tables\b.*\bread"
    r"|lock\s+(instance|tables?\s+mysql)|set\s+password|alter\s+instance|backup|binlog|xa\s+|help|import"
    r"|drop\s+(database|schema)\s+(if\s+exists\s+)?`?(mysql|sys)\b|(create|alter|drop|rename)\s+user|revoke\s+all|flush\s+privileges)"
    r"|.*\bmysql\s*\.\s*(user|db|global_priv|proc|func|plugin|servers|event|tables_priv|columns_priv|role_edges|default_roles)\b"
    r"|.*\b(sleep|benchmark|get_lock|master_pos_wait|wait_for_executed_gtid_set|source_pos_wait)\s*\("
    r"|.*\b(debug|debug_sync|debug_dbug|read_only|super_read_only|offline_mode|init_connect|default_authentication|require_secure"
    r"|max_connections|max_user_connections|connect_timeout|interactive_timeout|wait_timeout|net_read_timeout|general_log|slow_query_log"
    r"|secure_auth|old_passwords|partial_revokes|mandatory_roles|innodb_force|innodb_fast_shutdown|server_id|gtid|event_scheduler"
    r"|keyring|password|skip_name|lower_case_table_names|max_statement_time|max_execution_time)\b\s*:?=",
    re.IGNORECASE | re.DOTALL,
)
"""What would end or lock the servers, or change who may come in; and what takes its time."""
_DEFINES: Final = re.compile(r"\s*(create|alter|drop|rename|truncate)\b", re.IGNORECASE)
_SETS: Final = re.compile(r"\s*set\b", re.IGNORECASE)
_NUDGE: Final = "DROP TABLE IF EXISTS test.louver_was_told_nothing"
"""Makes Louver look at the catalog again."""
_NO_WARNINGS: Final = re.compile(r"\s*(show\s+(count|warnings|errors)|get\s|explain|analyze|desc)", re.IGNORECASE)


def files(root: Path, flavour: Flavour) -> list[str]:
    """The names of the test files that are run, below `root`, the directory mysql-test."""
    found = [path for pattern in SUITES[flavour] for below in root.glob(pattern) for path in below.rglob("*.test")]
    names = sorted({str(path.relative_to(root)) for path in found})
    return [name for name in names if not _OTHERS.search(name)]


def run(root: Path, flavour: Flavour, program: Path, results: Path, names: Sequence[str]) -> Iterator[str]:
    """Run files; gives the name of each when it has been run.

    Leaves `results`/NAME.jsonl with one line for each statement; a file that has it is not run again.
    """
    wanted = [name for name in names if not place(results, name).exists()]
    if not wanted:
        return
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(LocalMySQL.start(flavour, program, settings=_SETTINGS)) for _ in range(3)]
        for server in servers:
            _prepare(server)
        backdoor = Backdoor(servers[2].port, _SERVICE)
        stack.callback(backdoor.close)
        port = stack.enter_context(leg.louver(servers[2], IDENTITY, port=backdoor.port, service=_SERVICE))
        keepers = [_Keeper(server) for server in servers]
        for name in wanted:
            found = script.read(root / name, root)
            for keeper in keepers:
                keeper.tidy()
            lines = list(_file(found, servers, port, backdoor))
            lines.append({"outcome": "left out", "class": "", "text": "", "counts": dict(found.left_out)})
            target = place(results, name)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text("".join(json.dumps({"file": name, **line}) + "\n" for line in lines), encoding="utf-8")
            yield name


def place(results: Path, name: str) -> Path:
    """Where the results of a file are."""
    return results / f"{name.removesuffix('.test').replace('/', '.')}.jsonl"


def _prepare(server: LocalMySQL) -> None:
    with server.connect() as connection, connection.cursor() as cursor:
        for user in ("root", _SERVICE):
            cursor.execute(f"CREATE USER IF NOT EXISTS {user}@'%' IDENTIFIED BY '{_PASSWORD}'")
            cursor.execute(f"ALTER USER {user}@'%' IDENTIFIED BY '{_PASSWORD}'")
            cursor.execute(f"GRANT ALL ON *.* TO {user}@'%' WITH GRANT OPTION")
    server.password = _PASSWORD


class _Keeper:
    """Puts a server right between files: schemas and global variables are as they were."""

    def __init__(self, server: LocalMySQL) -> None:
        self._connection = server.connect(charset="utf8mb4")
        self._variables = dict(self._ask("SHOW GLOBAL VARIABLES"))
        self._schemas = {name for (name,) in self._ask("SHOW DATABASES")} - {"test"}

    def _ask(self, text: str) -> tuple[tuple[Any, ...], ...]:
        with self._connection.cursor() as cursor:
            cursor.execute(text)
            return tuple(cursor.fetchall())

    def tidy(self) -> None:
        """End all other sessions of clients, drop what they have made, set what they have set."""
        for number, user, *_ in self._ask("SHOW PROCESSLIST"):
            if user == "root" and number != self._connection.thread_id():
                with contextlib.suppress(pymysql.MySQLError):
                    self._ask(f"KILL {number}")
        with contextlib.suppress(pymysql.MySQLError):
            self._ask("UNLOCK TABLES")
        for (name,) in self._ask("SHOW DATABASES"):
            if name not in self._schemas:
                with contextlib.suppress(pymysql.MySQLError):  # a file that a statement has left in it
                    self._ask("DROP DATABASE `{}`".format(name.replace("`", "``")))
        for name, value in self._ask("SHOW GLOBAL VARIABLES"):
            before = self._variables.get(name)
            if value != before and before is not None:
                shown = before if re.fullmatch(r"-?\d+(\.\d+)?", before) else pymysql.converters.escape_string(before)
                shown = shown if shown is before and before[:1].isdigit() else f"'{shown}'"
                with contextlib.suppress(pymysql.MySQLError):
                    self._ask(f"SET GLOBAL {name} = {shown}")
        self._ask("CREATE DATABASE IF NOT EXISTS test CHARACTER SET utf8mb4")


class Leg:
    """A session of one server, direct or through Louver, logged in by PyMySQL. Raises OSError and EOFError when it is lost."""

    def __init__(self, server: LocalMySQL, port: int) -> None:
        self._connection = pymysql.connect(
            host="127.0.0.1",
            port=port,
            user="root",
            password=_PASSWORD,
            database="test",
            charset="utf8mb4",
            autocommit=None,
            client_flag=1 << 16,  # several statements in one text
            read_timeout=_SECONDS,
        )
        self._connection.ping(reconnect=False)
        self._socket: socket.socket = self._connection._sock
        self._file = self._connection._rfile
        self._packets = Packets(self._read)

    def _read(self, length: int) -> bytes:
        data = self._file.read(length)
        if data is None or len(data) < length:
            raise EOFError
        return bytes(data)

    def ask(self, text: str) -> Answer:
        """Send a text and read its answer."""
        self._socket.sendall(packet(QUERY + text.encode()))
        return read_answer(self._packets, ends_in_ok=False, decline=lambda n: self._socket.sendall(packet(b"", n)))

    def close(self) -> None:
        """End the session."""
        self._connection._force_close()


def _file(
    found: script.Script, servers: list[LocalMySQL], port: int, backdoor: Backdoor
) -> Iterator[dict[str, object]]:
    """Run the statements of one file; gives a line for each."""
    legs = [Leg(server, at) for server, at in zip(servers, (servers[0].port, servers[1].port, port), strict=True)]
    session = backdoor.latest
    assert session is not None
    try:
        legs[2].ask(_NUDGE)
        for number, text in enumerate(found.statements):
            if _LEFT_OUT.match(text):
                found.left_out["of the server's own life, or slow"] += 1
                continue
            try:
                yield _statement(text, legs, session)
            except (OSError, EOFError, pymysql.MySQLError) as error:
                found.left_out["behind a lost session"] += len(found.statements) - number
                yield {"outcome": "lost", "class": repr(error), "text": text[:2000]}
                return
    finally:
        for each in legs:
            each.close()


def _statement(text: str, legs: list[Leg], session: Session) -> dict[str, object]:
    session.refused = False
    answers = [each.ask(text) for each in legs]
    refused = session.refused
    if not refused and answers[0].warnings and not any(each.error for each in answers) and not _NO_WARNINGS.match(text):
        answers = [
            replace(answer, shown=each.ask("SHOW WARNINGS").results[0][1])
            for answer, each in zip(answers, legs, strict=True)
        ]
    outcome, kind = judge(text, *answers, refused=refused)
    line: dict[str, object] = {"outcome": outcome, "class": kind, "text": text[:4000]}
    if outcome in {"differs", "refused"} or (outcome == "failed" and kind != "alike"):
        line["direct"], line["louver"] = (repr(answers[at])[:3000] for at in (0, 2))
    if refused:
        _bring_into_step(text, legs, session)
    return line


def _bring_into_step(text: str, legs: list[Leg], session: Session) -> None:
    """Run what Louver has refused; what it must not know of the session, take back from the others."""
    if not _SETS.match(text):
        session.run(text)
        if _DEFINES.match(text):
            legs[2].ask(_NUDGE)
        return
    modes = session.run("SELECT @@SESSION.sql_mode").results[0][1][0][1:].decode()
    session.run(text)
    now = session.run("SELECT @@SESSION.sql_mode, @@SESSION.character_set_client").results[0][1][0]
    if modes.encode() not in now or b"utf8" not in now:
        for each in (legs[0], legs[1]):
            each.ask("SET NAMES utf8mb4")
            each.ask(f"SET SESSION sql_mode = '{modes}'")
        session.run("SET NAMES utf8mb4")
        session.run(f"SET SESSION sql_mode = '{modes}'")
