"""Alerts over the real wire: a client misbehaves through Louver, and the webhook hears of it, once."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING, Any

import psycopg
import pymysql
import pytest
from fixtures.alerting import Hook, a_hook, alerts, following, until
from fixtures.louver import running_louver
from fixtures.mysql_house import SCHEMA, mysql_house_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fixtures.louver import RunningLouver

    from louver.demo.mysql import LocalMySQL

POLICIES = """
version: 1
dictionary:
  - {{column: "{database}.{schema}.people.phone", category: phone, level: 3}}
rules:
  - {{name: managers, columns: {{level: ">=1"}}, when: 'has(principal.role) && principal.role == "manager"', treatment: clear}}
"""
RULES = """
version: 1
notify:
  - {{name: soc, webhook: {{url: "{url}"}}}}
rules:
  - {{name: looks, description: looks at phones, events: [statement], when: {{treatment: clear, column: people.phone}}, count: 3, within: 10m}}
  - {{kind: brute-force, count: 5}}
  - {{kind: bulk-export, rows: 50, baseline: false}}
"""
USERS = {"mona": {"role": "manager"}, "tina": {"role": "teller"}, "theo": {"role": "teller"}}
ROWS = 60


def rules(directory: Path, hook: Hook) -> str:
    """The file of rules, with the webhook in it."""
    path = directory / "alerts.yaml"
    path.write_text(RULES.format(url=hook.url), encoding="utf-8")
    return str(path)


@pytest.fixture(scope="module")
def house(postgres: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningLouver, Hook]]:
    """A proxy before a table of sixty people, and a webhook."""
    postgres.create_database("alerting")
    table = f"CREATE TABLE people AS SELECT i AS id, '138' || (10000000 + i) AS phone FROM generate_series(1, {ROWS}) i"
    postgres.run_sql(f"{table}; GRANT ALL ON people TO public", "alerting")
    with a_hook() as hook:
        named = rules(tmp_path_factory.mktemp("rules"), hook)
        policies = POLICIES.format(database="alerting", schema="public")
        with running_louver(postgres, policies=policies, users=USERS, notices=False, alerts={"rules": named}) as louver:
            yield louver, hook


def asked(hook: Hook, rule: str, name: str) -> list[dict[str, Any]]:
    """The messages of a rule about somebody; one that was sent twice is one."""
    found = {each["id"]: each for each in hook.messages if each["rule"] == rule and each["subject"]["name"] == name}
    return list(found.values())


def test_a_burst_is_one_message_with_what_one_has_to_know(house: tuple[RunningLouver, Hook]) -> None:
    """Thirty looks at clear phones by psycopg: one message, which names people, columns and sessions, and no phone."""
    louver, hook = house
    config = louver.directory / "louver.yaml"
    with following(config), psycopg.connect(louver.dsn("mona", database="alerting"), autocommit=True) as mona:
        for number in range(1, 31):
            assert mona.execute(f"SELECT phone FROM people WHERE id = {number}").fetchone() == (
                f"138{10000000 + number}",
            )
        (told,) = until(lambda: asked(hook, "looks", "mona"))
        assert told["message"] == "mona: looks at phones"
        assert told["columns"] == ["public.people.phone"]
        mona.execute("SELECT phone FROM people").fetchall()
        (bulk,) = until(lambda: asked(hook, "bulk-export", "mona"))
        assert (bulk["incident"], bulk["value"] >= ROWS) == (told["incident"], True)
        assert len(asked(hook, "looks", "mona")) == 1
    assert not any(b"138%d" % (10_000_000 + number) in body for _, body in hook.got for number in range(1, 31))
    (incident,) = [
        json.loads(line) for line in alerts(config, "list", "--format", "json").splitlines() if '"mona"' in line
    ]
    assert incident["found"].startswith("looks 29")


def test_a_masked_caller_is_not_told_of(house: tuple[RunningLouver, Hook]) -> None:
    """Tina asks as often, and sees masks. That the alerts have read it shows by what comes behind it: wrong passwords."""
    louver, hook = house
    with following(louver.directory / "louver.yaml"):
        with psycopg.connect(louver.dsn("tina", database="alerting"), autocommit=True) as tina:
            for _ in range(10):
                tina.execute("SELECT phone FROM people WHERE id = 1").fetchall()
        for _ in range(6):
            with pytest.raises(psycopg.OperationalError):
                psycopg.connect(louver.dsn("theo", password="wrong", database="alerting"))
        until(lambda: asked(hook, "brute-force", "127.0.0.1"))
    assert asked(hook, "looks", "tina") == []


def test_killed_at_any_moment_nothing_is_missed_and_nothing_told_twice(
    house: tuple[RunningLouver, Hook], postgres: Any
) -> None:
    """The process is killed three times while statements come; each principal's burst is one message in the end."""
    louver, hook = house
    config = louver.directory / "louver.yaml"
    hook.got.clear()
    for turn in range(3):
        with following(config) as process:
            with psycopg.connect(
                louver.dsn("mona", database="alerting"), autocommit=True, application_name=f"turn {turn}"
            ) as mona:
                for number in range(1, 40):
                    mona.execute("SELECT phone FROM people WHERE id = %s", (number,))
                    if number == 20:
                        os.kill(process.pid, signal.SIGKILL)
            process.wait(20)
    with following(config):
        for _ in range(6):
            with pytest.raises(psycopg.OperationalError):
                psycopg.connect(louver.dsn("tina", password="wrong", database="alerting"))
        until(lambda: "looks 146" in alerts(config, "list"))  # 29, and 3 times 39
    assert asked(hook, "looks", "mona") == []  # told before, and it is the same incident


def test_replay_says_what_was_told(house: tuple[RunningLouver, Hook]) -> None:
    """The same rules over the same trail."""
    louver, _ = house
    config = louver.directory / "louver.yaml"
    told = [json.loads(line) for line in alerts(config, "replay", "--since", "1d", "--format", "json").splitlines()]
    assert [(each["rule"], each["what"]) for each in told[:2]] == [
        ("looks", "mona: looks at phones"),
        ("bulk-export", "mona: was given unusually many rows of clear values"),
    ]


def test_on_mysql_and_mariadb(either: LocalMySQL, tmp_path: Path, hook: Hook) -> None:
    """PyMySQL's statements, rows and failed logins are told as psycopg's are."""
    values = ", ".join(f"({number}, '138{10000000 + number}')" for number in range(1, ROWS + 1))
    statements = ("CREATE TABLE people (id int PRIMARY KEY, phone varchar(20))", f"INSERT INTO people VALUES {values}")
    policies = POLICIES.format(database="*", schema=SCHEMA)
    with mysql_house_of(
        either,
        policies=policies,
        statements=statements,
        users=USERS,
        notices=False,
        alerts={"rules": rules(tmp_path, hook)},
    ) as made:
        louver = made.louver
        who = {"host": "127.0.0.1", "port": louver.port, "database": SCHEMA}
        with following(louver.directory / "louver.yaml"):
            with (
                pymysql.connect(**who, user="mona", password=louver.passwords["mona"]) as mona,
                mona.cursor() as cursor,
            ):
                for number in range(1, 11):
                    cursor.execute(f"SELECT phone FROM people WHERE id = {number}")
                    assert cursor.fetchall() == ((f"138{10000000 + number}",),)
                (told,) = until(lambda: asked(hook, "looks", "mona"))
                cursor.execute("SELECT phone FROM people")
                (bulk,) = until(lambda: asked(hook, "bulk-export", "mona"))
            assert (told["columns"], bulk["value"]) == ([f"{SCHEMA}.people.phone"], ROWS + 10)
            for _ in range(6):
                with pytest.raises(pymysql.OperationalError):
                    pymysql.connect(**who, user="theo", password="wrong")
            until(lambda: asked(hook, "brute-force", "127.0.0.1"))
    assert len(asked(hook, "looks", "mona")) == 1
