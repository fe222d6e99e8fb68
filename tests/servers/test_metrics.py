"""Metrics, health and readiness of a running proxy, before PostgreSQL, MySQL and MariaDB."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
import pymysql
import pytest
from fixtures.mysql_house import SCHEMA, mysql_house_of
from fixtures.waiting import recorded, until
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_families
from prometheus_client.parser import text_string_to_metric_families as plain_families

from louver.demo.postgres import LocalPostgres

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fixtures.louver import RunningLouver

    from louver.demo.mysql import LocalMySQL

POLICIES = """
version: 1
dictionary:
  - {column: "*.*.people.phone", category: phone, level: 3}
  - {column: "*.*.people.card", category: card, level: 4}
rules:
  - {name: phones of tellers, columns: {category: phone}, treatment: {mask: full}}
  - {name: cards of nobody, columns: {category: card}, treatment: deny}
"""
TABLE = (
    "CREATE TABLE people (id int PRIMARY KEY, phone varchar(20), card varchar(20))",
    "INSERT INTO people VALUES (1, '13812345678', 'C1')",
)
USERS = {"tina_of_the_tellers": {"role": "teller"}}
TINA = "tina_of_the_tellers"
METRICS = {"port": 0}


@dataclass(frozen=True, slots=True)
class Watched:
    """The endpoint of a proxy."""

    louver: RunningLouver

    @property
    def port(self) -> int:
        """Where it is."""
        found = re.search(r"metrics at http://127\.0\.0\.1:(\d+)/metrics", self.louver.log)
        assert found is not None
        return int(found[1])

    def get(self, path: str, **headers: str) -> tuple[int, str]:
        """The status and the text of an answer."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def metrics(self) -> dict[tuple[str, ...], float]:
        """Every number, by name and values of labels."""
        status, text = self.get("/metrics")
        assert status == 200
        return {
            (sample.name, *sample.labels.values()): sample.value
            for family in plain_families(text)
            for sample in family.samples
        }

    def until(self, *name: str, least: float = 1.0) -> float:
        """Wait until a number is so large: what ends a statement comes after its answer."""
        return until(lambda: (found := self.metrics()[name]) >= least and found, f"{name} is {least}")

    def ready(self) -> bool:
        """What /readyz says."""
        return self.get("/readyz")[0] == 200


@pytest.fixture(scope="module")
def bank(postgres: LocalPostgres) -> LocalPostgres:
    """A database with somebody in it."""
    postgres.create_database("metered")
    postgres.run_sql(";".join((*TABLE, "GRANT ALL ON people TO public")), "metered")
    return postgres


@pytest.fixture
def watched(louver_factory: Callable[..., Any], bank: LocalPostgres) -> Iterator[Watched]:
    """A proxy whose numbers begin at nothing."""
    with louver_factory(policies=POLICIES, users=USERS, metrics=METRICS, notices=False) as louver:
        yield Watched(louver)


def connect(louver: RunningLouver) -> psycopg.Connection[Any]:
    """Tina's session."""
    return psycopg.connect(louver.dsn(TINA, database="metered"), autocommit=True, application_name="secret_application")


def check_numbers(watched: Watched, *, text: int) -> None:
    """What one session with five statements has left behind."""
    watched.until("louver_statement_seconds_count", least=5)
    numbers = watched.metrics()
    assert numbers["louver_statements_total", "select", "rewrite"] == 2
    assert numbers["louver_statements_total", "unknown", "deny"] == 1
    assert numbers["louver_statement_ends_total", "denied"] == 1
    assert numbers["louver_statement_ends_total", "error"] == 1
    assert sum(value for name, value in numbers.items() if name[0] == "louver_statement_ends_total") == 5
    assert numbers["louver_sessions_opened_total",] >= 1
    assert numbers["louver_sessions_limit",] == 500
    assert numbers["louver_logins_refused_total", "credentials"] == 1
    assert numbers["louver_added_seconds_count",] >= 5
    assert 0 < numbers["louver_added_seconds_sum",] < numbers["louver_added_seconds_count",] * 10
    assert numbers["louver_statement_seconds_bucket", "+Inf"] == 5
    assert numbers["louver_plans_total", "text"] + numbers["louver_plans_total", "shape"] >= text
    assert numbers["louver_audit_records_total",] > 10
    assert numbers["louver_audit_available",] == 1
    assert numbers["louver_audit_unwritten_records",] == 0
    assert numbers["louver_rows_total",] == 1


def test_statements_and_sessions_are_counted(watched: Watched) -> None:
    """By kind and ruling, ends by status; sessions as they come and go; what is written is durable soon."""
    assert watched.metrics()["louver_statements_total", "select", "rewrite"] == 0
    with connect(watched.louver) as tina:
        assert watched.metrics()["louver_sessions",] == 1
        for number in (1, 2):
            tina.execute(f"SELECT phone FROM people WHERE id = {number}", prepare=False)
        for text in ("SELECT card FROM people", "SELECT 1/0", "SET work_mem = '5MB'"):
            with contextlib.suppress(psycopg.Error):
                tina.execute(text, prepare=False)
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(watched.louver.dsn(TINA, "wrong", "metered"))
    until(lambda: watched.metrics()["louver_logins_refused_total", "credentials"] == 1)
    check_numbers(watched, text=1)
    assert watched.metrics()["louver_statements_total", "setting", "pass"] == 1
    until(lambda: watched.metrics()["louver_sessions",] == 0, "the session ends")
    until(lambda: watched.metrics()["louver_audit_undurable_records",] == 0, "the trail is on the disk")
    assert watched.metrics()["louver_audit_lag_seconds",] == 0


def test_statements_and_sessions_of_mysql_are_counted(either: LocalMySQL) -> None:
    """The same numbers by the other protocol."""
    with mysql_house_of(either, policies=POLICIES, statements=TABLE, users=USERS, metrics=METRICS) as house:
        watched = Watched(house.louver)
        with house.connect(TINA, autocommit=None) as tina, tina.cursor() as cursor:
            before = watched.until("louver_statement_seconds_count", least=0)
            assert watched.metrics()["louver_sessions",] == 1
            for text in (
                "SELECT phone FROM people WHERE id = 1",
                "SELECT phone FROM people WHERE id = 2",
                "SELECT card FROM people",
                "SELECT nothing",
            ):
                with contextlib.suppress(pymysql.MySQLError):
                    cursor.execute(text)
            watched.until("louver_statement_seconds_count", least=before + 4)
        with pytest.raises(pymysql.MySQLError):
            pymysql.connect(**{**house.arguments(TINA), "password": "wrong"})
        until(lambda: watched.metrics()["louver_logins_refused_total", "credentials"] == 1)
        numbers = watched.metrics()
        assert numbers["louver_statements_total", "select", "rewrite"] == 2
        assert numbers["louver_statements_total", "unknown", "deny"] == 1
        assert numbers["louver_statement_ends_total", "denied"] == 1
        assert numbers["louver_statement_ends_total", "error"] == 1
        assert numbers["louver_added_seconds_count",] >= 4
        until(lambda: watched.metrics()["louver_upstream_up",] == 1, "the database answers")
        assert watched.ready()
        assert SCHEMA not in watched.get("/metrics")[1]


def test_no_name_that_somebody_has_chosen_is_shown(watched: Watched) -> None:
    """Neither of people and applications, nor of what they ask for, nor what they write."""
    with connect(watched.louver) as tina:
        for text in (
            "SELECT phone FROM people",
            "SELECT secret_column FROM secret_table",
            "secret_statement",
            "CREATE TEMP TABLE secret (i int)",
        ):
            with contextlib.suppress(psycopg.Error):
                tina.execute(text)
        text = watched.get("/metrics")[1] + watched.get("/readyz")[1]
    for name in (TINA, "secret", "people", "metered", "phone", "tellers", "13812345678"):
        assert name not in text


def test_both_forms_of_exposition(watched: Watched) -> None:
    """As text for whoever asks for nothing, as OpenMetrics for who asks for that."""
    plain = watched.get("/metrics")[1]
    strict = watched.get("/metrics", Accept="application/openmetrics-text; version=1.0.0")[1]
    assert strict.endswith("# EOF\n")
    names = {family.name for family in open_families(strict)}
    assert {family.name for family in plain_families(plain)} == {
        "louver_info" if each == "louver" else each for each in names
    }


def test_other_paths_and_other_methods(watched: Watched) -> None:
    """There are three paths, and nothing can be changed."""
    assert watched.get("/")[0] == 404
    assert watched.get("/metrics/../readyz")[0] == 404
    for method, status in (("HEAD", 200), ("POST", 501), ("DELETE", 501)):
        with socket.create_connection(("127.0.0.1", watched.port), 30) as client:
            client.sendall(f"{method} /healthz HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            said = b"".join(iter(lambda: client.recv(4096), b""))
        assert said.startswith(b"HTTP/1.0 %d" % status)
        assert said.endswith(b"\r\n\r\n") == (method == "HEAD")


def test_who_asks_slowly_holds_up_nothing(watched: Watched) -> None:
    """Connections that say nothing take the places, not the event loop; they are closed, and there is place again."""
    address = ("127.0.0.1", watched.port)
    with contextlib.ExitStack() as stack, connect(watched.louver) as tina:
        silent = [stack.enter_context(socket.create_connection(address, 30)) for _ in range(20)]
        silent[0].sendall(b"GET /metr")
        begun = time.monotonic()
        for _ in range(50):
            assert tina.execute("SELECT count(*) FROM people").fetchone() == (1,)
        assert time.monotonic() - begun < 5
        for each in silent:  # the first eight after five seconds, the others at once
            assert each.recv(100) == b""
    assert watched.get("/healthz") == (200, "ok\n")


def test_ready_is_who_can_work(watched: Watched) -> None:
    """From when the database has answered; not any more when it is told to stop, while it goes on for those who are in."""
    until(watched.ready)
    assert watched.get("/readyz")[1] == "listening: ok\naudit: ok\ndatabase: ok\n"
    assert watched.metrics()["louver_ready",] == 1
    with connect(watched.louver) as tina, tina.transaction():
        tina.execute("SELECT 1")
        os.kill(watched.louver.pid, signal.SIGTERM)
        until(lambda: not watched.ready(), "it drains")
        assert watched.get("/readyz") == (503, "listening: no\naudit: ok\ndatabase: ok\n")
        assert watched.get("/healthz")[0] == 200
        assert tina.execute("SELECT 1").fetchone() == (1,)
    assert watched.louver.process.wait(30) == 0


def test_a_database_that_goes_makes_unready(louver_factory: Callable[..., Any]) -> None:
    """It is alive all the same, and the log says once what has happened."""
    with LocalPostgres.start() as server, louver_factory(users=USERS, server=server, metrics=METRICS) as louver:
        watched = Watched(louver)
        until(watched.ready)
        server.stop()
        until(lambda: not watched.ready(), "it is noticed")
        assert watched.get("/readyz")[1].endswith("database: no\n")
        assert watched.get("/healthz")[0] == 200
        numbers = watched.metrics()
        assert (numbers["louver_upstream_up",], numbers["louver_ready",]) == (0, 0)
        assert numbers["louver_upstream_failures_total",] >= 1
        louver.wait_for_said("the database does not answer")
        assert louver.log.count("the database does not answer") == 1


def ask_until_refused(client: psycopg.Connection[Any]) -> None:
    """Run statements, each with its record."""
    for number in range(10_000):
        client.execute(f"SELECT {number}")


def test_a_trail_that_cannot_be_written_makes_unready(louver_factory: Callable[..., Any], bank: LocalPostgres) -> None:
    """No record, no statement: clients are better sent elsewhere."""
    command = ("/bin/sh", "-c", 'ulimit -f 40; exec "$@"', "sh")  # blocks of 512 bytes in sh: 20 kB
    with louver_factory(policies=POLICIES, users=USERS, command=command, metrics=METRICS) as louver:
        watched = Watched(louver)
        until(watched.ready)
        with connect(louver) as tina, pytest.raises(psycopg.OperationalError, match="audit"):
            ask_until_refused(tina)
        until(lambda: not watched.ready(), "it is noticed")
        assert "audit: no\n" in watched.get("/readyz")[1]
        numbers = watched.metrics()
        assert numbers["louver_audit_available",] == 0
        assert numbers["louver_audit_failures_total",] >= 1
        assert numbers["louver_audit_unwritten_records",] >= 1
        assert watched.get("/healthz")[0] == 200


def test_policies_with_a_mistake_are_told_of(watched: Watched) -> None:
    """The ones before stay in force, so it is ready all the same."""
    until(watched.ready)
    watched.louver.policies.write_text("version: 1\nrulez: []\n")
    watched.louver.hang_up()
    numbers = watched.metrics()
    assert numbers["louver_policies_current",] == 0
    assert numbers["louver_policies_reloads_total", "failed"] >= 1  # it may have seen for itself that they have changed
    assert watched.ready()
    watched.louver.policies.write_text(POLICIES)
    watched.louver.hang_up()
    until(lambda: watched.metrics()["louver_policies_current",] == 1)


def test_what_was_too_much_is_counted(louver_factory: Callable[..., Any], bank: LocalPostgres) -> None:
    """One session too many, and an answer with more rows than a limit allows."""
    limits = "limits: [{name: short, rows_per_statement: 1}]\n"
    with louver_factory(
        policies=POLICIES + limits, users=USERS, metrics=METRICS, limits={"connections": 2, "connections_per_user": 1}
    ) as louver:
        watched = Watched(louver)
        with connect(louver) as tina:
            with pytest.raises(psycopg.OperationalError, match="the limit is 1"):
                connect(louver)
            assert watched.metrics()["louver_logins_refused_total", "limit"] == 1
            with pytest.raises(psycopg.Error):
                tina.execute("SELECT * FROM generate_series(1, 5)").fetchall()
        recorded(louver, "denial")
        assert watched.metrics()["louver_answers_cut_off_total", "rows"] == 1


def test_a_port_that_is_taken_is_said(louver_factory: Callable[..., Any], bank: LocalPostgres) -> None:
    """Before anybody could connect."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(AssertionError, match=f"cannot listen on 127.0.0.1:{port} for metrics"):
            louver_factory(users=USERS, metrics={"port": port})
