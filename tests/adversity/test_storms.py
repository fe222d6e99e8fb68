"""Policies that change under load: once a reload is acknowledged, nobody is sent a clear value, and nobody's session breaks without need.

LOUVER_RACE_SECONDS has the storms last longer than the few seconds that they take by themselves.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import psycopg
import pymysql
import pytest
from fixtures.mysql_house import SCHEMA, mysql_house_of
from fixtures.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fixtures.adversity import Stage
    from fixtures.louver import RunningLouver

    from louver.demo.mysql import LocalMySQL

SECONDS = float(os.environ.get("LOUVER_RACE_SECONDS", "2.5"))
NOTHING = "version: 1\n"
MASKED = """
version: 1
dictionary: [{column: "*.*.%s.phone", category: phone, level: 3}]
categories: {phone: full}
"""
CLEAR = MASKED + "rules: [{name: all is clear, columns: {category: phone}, treatment: clear}]\n"
OUTGROWN = "what you may see has changed"


class Weather:
    """Which policies are in force for sure: `number` is that of the masking ones, 0 while it is not certain that they are.

    `certain` counts the answers that came while they were.
    """

    def __init__(self, louver: RunningLouver, table: str) -> None:
        self._louver = louver
        self._table = table
        self.number = self.certain = 0
        self.storm_is_over = threading.Event()

    def blow(self) -> int:
        """Change the policies again and again; how often they masked."""
        end, turns = time.monotonic() + SECONDS, 0
        try:
            while time.monotonic() < end or turns < 3:
                turns += 1
                self._change(MASKED % self._table)
                asked, self.number = self.certain, turns
                with contextlib.suppress(AssertionError):  # a machine may be so busy that nobody gets that far
                    until(lambda asked=asked: self.certain > asked + 9 or self.storm_is_over.is_set(), seconds=1.0)
                self.number = 0
                self._change(NOTHING if turns % 2 else CLEAR % self._table)
                time.sleep(0.02)
        finally:
            self.storm_is_over.set()
        return turns

    def _change(self, policies: str) -> None:
        self._louver.policies.write_text(policies)
        self._louver.hang_up()

    def ask(self, ask: Callable[[], Any]) -> bool:
        """Ask once; whether masking policies were in force all the time. Then no value may have been clear."""
        before = self.number
        found = str(ask())
        certain = before != 0 and before == self.number
        self.certain += certain
        assert not certain or "138" not in found, (before, found)
        return certain


def storm(weather: Weather, clients: list[Callable[[Weather], int]]) -> None:
    """Let everybody ask while the policies change."""
    with ThreadPoolExecutor(len(clients) + 1) as pool:
        turns = pool.submit(weather.blow)
        asking = [pool.submit(client, weather) for client in clients]
        assert turns.result(SECONDS + 60) >= 3
        certain = [each.result(60) for each in asking]
    assert sum(certain) > len(clients), certain  # or nothing was tried


# -- PostgreSQL ------------------------------------------------------------------------------------------------------


@pytest.fixture
def louver(louver_factory: Callable[..., RunningLouver], stage: Stage) -> Iterator[RunningLouver]:
    """A proxy under which policies change."""
    with louver_factory(users={"ann": {"role": "clerk"}}, policies=NOTHING) as running:
        yield running


def by_statements(dsn: str, *, prepare: bool, transaction: bool) -> Callable[[Weather], int]:
    """One statement after the other in one session, which never breaks."""

    def client(weather: Weather) -> int:
        certain = 0
        with psycopg.connect(dsn, autocommit=not transaction) as connection:
            sql = "SELECT phone || '' FROM people WHERE id > %s ORDER BY id"
            while not weather.storm_is_over.is_set():
                certain += weather.ask(lambda: connection.execute(sql, [0], prepare=prepare).fetchall())
                if transaction:
                    certain += weather.ask(lambda: connection.execute("SELECT p FROM people p").fetchall())
                    connection.rollback()
        return certain

    return client


def by_pipelines(dsn: str) -> Callable[[Weather], int]:
    """Many statements under way at once, in one session."""

    def client(weather: Weather) -> int:
        certain = 0
        with psycopg.connect(dsn, autocommit=True) as connection:

            def ask() -> list[Any]:
                with connection.pipeline():
                    cursors = [
                        connection.execute("SELECT phone FROM people ORDER BY id", prepare=n % 2 == 0) for n in range(9)
                    ]
                return [cursor.fetchall() for cursor in cursors]

            while not weather.storm_is_over.is_set():
                certain += weather.ask(ask)
        return certain

    return client


def by_copy(dsn: str) -> Callable[[Weather], int]:
    """COPY TO STDOUT, which has no description that anybody could look at."""

    def client(weather: Weather) -> int:
        certain = 0
        with psycopg.connect(dsn, autocommit=True) as connection, connection.cursor() as cursor:

            def ask() -> bytes:
                with cursor.copy("COPY (SELECT phone FROM people) TO STDOUT") as copy:
                    return b"".join(bytes(piece) for piece in copy)

            while not weather.storm_is_over.is_set():
                certain += weather.ask(ask)
        return certain

    return client


def by_cursors(dsn: str) -> Callable[[Weather], int]:
    """A cursor that is opened under the one, and read under the other: it is refused then, and its session goes on."""

    def client(weather: Weather) -> int:
        certain = 0
        with psycopg.connect(dsn) as connection:
            while not weather.storm_is_over.is_set():
                try:
                    with connection.cursor("c") as cursor:
                        cursor.execute("SELECT phone FROM people ORDER BY id")
                        for _ in range(4):
                            certain += weather.ask(lambda cursor=cursor: cursor.fetchmany(2))
                            time.sleep(0.02)
                except psycopg.errors.FeatureNotSupported:
                    pass
                connection.rollback()
        return certain

    return client


def test_policies_change_under_load(louver: RunningLouver, stage: Stage) -> None:
    """Between no dictionary, one with a rule that shows all, and masks, in every way that a client can ask."""
    dsn = louver.dsn("ann", database=stage.database)
    clients = [
        by_statements(dsn, prepare=False, transaction=False),
        by_statements(dsn, prepare=True, transaction=False),
        by_statements(dsn, prepare=True, transaction=True),
        by_pipelines(dsn),
        by_copy(dsn),
        by_cursors(dsn),
    ]
    storm(Weather(louver, "people"), clients)


# -- MySQL and MariaDB -----------------------------------------------------------------------------------------------


def by_sessions(connect: Callable[[], pymysql.Connection[Any]], sql: str, statements: int) -> Callable[[Weather], int]:
    """Statements in a session, which ends when less is shown than it has seen, and in no other way; then another."""

    def client(weather: Weather) -> int:
        certain = 0
        while not weather.storm_is_over.is_set():
            try:
                with connect() as connection, connection.cursor() as cursor:

                    def ask(cursor: Any = cursor) -> Any:
                        cursor.execute(sql)
                        return cursor.fetchall()

                    for _ in range(statements):
                        certain += weather.ask(ask)
            except pymysql.Error as error:
                if OUTGROWN not in str(error):
                    raise
        return certain

    return client


def test_policies_change_under_load_on_mysql(either: LocalMySQL) -> None:
    """The same on both servers; sessions that have seen more than is shown now are ended, and come again."""
    with mysql_house_of(either, policies=NOTHING) as house:
        clients = [
            by_sessions(lambda: house.connect("tina"), "SELECT phone FROM customers ORDER BY id", 1),
            by_sessions(lambda: house.connect("tina"), "SELECT concat(phone, '') FROM customers", 20),
            by_sessions(lambda: house.connect("tina"), "SELECT * FROM callable", 3),
            by_sessions(lambda: house.connect("tina"), f"SELECT max(phone) FROM {SCHEMA}.customers", 1),
        ]
        storm(Weather(house.louver, "customers"), clients)
