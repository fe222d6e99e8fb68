"""Grants on MySQL and MariaDB: in force in running sessions within a second; their end ends the sessions that had them."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import mysql.connector
import pymysql
import pytest
from fixtures.granting import end_all
from fixtures.mysql_house import SCHEMA, MySQLHouse, mysql_house_of
from fixtures.waiting import granted, recorded

from audit.reader import records
from proxy.grants.records import Draft
from proxy.grants.sqlite import open_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from louver.demo.mysql import LocalMySQL
    from proxy.grants.store import GrantStore

POLICIES = f"""
version: 1
dictionary:
  - {{column: "*.{SCHEMA}.people.phone", category: phone, level: 3}}
rules:
  - {{name: phones, columns: {{category: phone}}, treatment: {{mask: partial, keep_first: 3, keep_last: 4}}}}
"""
STATEMENTS = (
    "CREATE TABLE people (id int PRIMARY KEY, phone varchar(20))",
    "INSERT INTO people VALUES (1, '13812345601'), (2, '13899999902')",
)
USERS = {"tina": {"role": "teller"}, "theo": {"role": "teller"}}
PHONES = "SELECT phone FROM people ORDER BY id"
MASKED = ["138****5601", "138****9902"]
ONE_CLEAR = ["13812345601", "138****9902"]
CLEAR = ["13812345601", "13899999902"]


@pytest.fixture(scope="module")
def house(either: LocalMySQL) -> Iterator[MySQLHouse]:
    """A proxy before two people, on each server, with a file of grants."""
    with mysql_house_of(
        either, policies=POLICIES, statements=STATEMENTS, users=USERS, notices=False, grants={"file": "grants.db"}
    ) as made:
        yield made


@pytest.fixture
def store(house: MySQLHouse) -> Iterator[GrantStore]:
    """The file of grants; all that are active are revoked afterwards."""
    with contextlib.closing(open_file(house.louver.directory / "grants.db")) as opened:
        yield opened
        end_all(opened, house.louver)


def now() -> dt.datetime:
    """The moment."""
    return dt.datetime.now(dt.UTC)


def give(
    house: MySQLHouse, store: GrantStore, *, rows: str | None = "id = 1", seconds: float = 300.0, **other: Any
) -> int:
    """Ask and approve, and wait until it is in force, or over; it ends after some seconds."""
    at = now() - dt.timedelta(minutes=5) + dt.timedelta(seconds=seconds)
    columns = {"category": ["phone"], "table": [f"{SCHEMA}.people"]}
    asked = Draft("tina", columns, frozenset({("phone", 3)}), "case 1", 5, rows=rows, **other)
    number = store.request(asked, "tina", at)
    assert store.approve(number, "mona", 1, at)
    recorded(house.louver, "grant", lambda each: each["grant"] == number and each["what"] in {"begun", "expired"})
    return number


def seen(connection: Any, text: str = PHONES) -> list[Any]:
    """The first column of an answer."""
    with connection.cursor() as cursor:
        cursor.execute(text)
        return [row[0] for row in cursor.fetchall()]


@pytest.mark.parametrize("rows", ["id = 1", None])
def test_it_begins_in_a_running_session_and_ends_it(house: MySQLHouse, store: GrantStore, rows: str | None) -> None:
    """What the session has in variables and temporary tables was shown by the grant, so it goes on with a new connection."""
    with house.connect("tina") as tina, house.connect("theo") as theo:
        assert seen(tina) == MASKED
        number = give(house, store, rows=rows)
        assert seen(tina) == (CLEAR if rows is None else ONE_CLEAR)
        assert seen(theo) == MASKED
        store.revoke(number, "mona", None, now())
        granted(house.louver, number, "revoked")
        with pytest.raises(pymysql.Error):
            seen(tina)
        assert seen(theo) == MASKED
    with house.connect("tina") as tina:
        assert seen(tina) == MASKED


def test_prepared_statements_and_cursors_end_with_it(house: MySQLHouse, store: GrantStore) -> None:
    """Neither shows a clear value after the end."""
    arguments = house.arguments("tina")
    for seconds in (2.0, 4.0, 8.0, 16.0, 32.0):  # again, and longer, where it was over before it was looked at
        ends = store.find(give(house, store, rows=None, seconds=seconds)).grant.ends
        assert ends is not None
        end = ends.timestamp()
        connection = mysql.connector.connect(
            host=arguments["host"], port=arguments["port"], user="tina", password=arguments["password"], database=SCHEMA
        )
        with contextlib.closing(connection):
            cursor = connection.cursor(prepared=True)
            try:
                cursor.execute(PHONES)
                shown = [row[0] for row in cursor.fetchall()]
            except mysql.connector.Error:
                if time.time() < end:
                    raise
                continue
            if time.time() >= end:
                continue
            assert shown == CLEAR
            time.sleep(max(0.0, end - time.time()) + 0.01)
            with pytest.raises(mysql.connector.Error):
                cursor.execute(PHONES)
            return
    pytest.fail("no time is enough")


def test_statements_are_counted_and_marked(house: MySQLHouse, store: GrantStore) -> None:
    """The last statement is answered, and each is named in the trail."""
    number = give(house, store, statements=2)
    with house.connect("tina") as tina:
        assert seen(tina) == ONE_CLEAR
        assert seen(tina, "SELECT id FROM people ORDER BY id") == [1, 2]
        assert seen(tina) == ONE_CLEAR
        with pytest.raises(pymysql.Error):
            seen(tina)
    granted(house.louver, number, "used up")
    assert store.find(number).grant.state == "used up"
    found = list(records(house.louver.audit_directory))
    marked = [each for each in found if each["event"] == "statement" and number in each.get("grants", ())]
    assert {each["text"] for each in marked} == {PHONES}


def test_preview_shows_what_is_granted(house: MySQLHouse, store: GrantStore) -> None:
    """As the proxy would."""
    give(house, store)
    done = subprocess.run(
        [sys.executable, "-m", "louver", "preview", "--as", "tina", "-d", SCHEMA, "--format", "json", PHONES],
        env={**os.environ, "LOUVER_CONFIG": str(house.louver.directory / "louver.yaml")},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert [row[0] for row in json.loads(done.stdout)["rows"]] == ONE_CLEAR
