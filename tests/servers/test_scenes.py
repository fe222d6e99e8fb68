"""The bank's scenes in policies/examples/bank, on real servers: as `louver test` runs them, and through the wire."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pymysql
import pytest
import yaml
from fixtures.louver import running_louver
from fixtures.waiting import until as wait_until

from audit.reader import records
from louver.testing import run
from policies.loader import load_policies
from policies.trials import read_trials

if TYPE_CHECKING:
    from collections.abc import Iterator

    from louver.demo.mysql import LocalMySQL
    from policies.trials import Trial

BANK = Path(__file__).parents[2] / "policies" / "examples" / "bank"
SCENES = sorted(path.name.removesuffix(".test.yaml") for path in BANK.glob("*.test.yaml"))
NAME = "scenes"


def trials(scene: str) -> list[Trial]:
    """The tests of a scene that have a query and do not care for the time."""
    path = BANK / f"{scene}.test.yaml"
    found = read_trials(path.read_text(), str(path), load_policies(BANK / f"{scene}.yaml")).trials
    timed = {each["name"] for each in yaml.safe_load(path.read_text())["tests"] if "at" in each.get("session", {})}
    return [trial for trial in found if trial.query is not None and trial.name not in timed and not trial.grants]


@contextlib.contextmanager
def louver_of(server: Any, scene: str, **settings: Any) -> Iterator[Any]:
    """A proxy under a scene's policies; its people are the users, with what the scene's users file adds."""
    people = yaml.safe_load((BANK / f"{scene}.test.yaml").read_text())["people"]
    users_file = BANK / f"{scene}.users.yaml"
    added = yaml.safe_load(users_file.read_text())["users"] if users_file.exists() else {}
    users = {name: {**attributes, **added.get(name, {})} for name, attributes in people.items()}
    policies = (BANK / f"{scene}.yaml").read_text().replace("[dictionary.yaml]", f"[{BANK / 'dictionary.yaml'}]")
    with running_louver(server, policies=policies, users=users, notices=False, **settings) as louver:
        yield louver


@pytest.fixture(scope="module")
def bank(postgres: Any) -> Any:
    """A PostgreSQL with the bank's tables."""
    postgres.create_database(NAME)
    postgres.run_sql((BANK / "bank.sql").read_text(), NAME)
    return postgres


@pytest.fixture(scope="module")
def mysql_bank(mysql: LocalMySQL) -> LocalMySQL:
    """The same on a MySQL and a MariaDB."""
    mysql.create_schema(NAME)
    with mysql.connect(NAME) as connection, connection.cursor() as cursor:
        for statement in filter(str.strip, (BANK / "bank.sql").read_text().split(";")):
            cursor.execute(statement)
        connection.commit()
    return mysql


def test_there_are_scenes() -> None:
    """Each scene has policies, tests and a place in the list."""
    assert set(SCENES) == {"approval", "purposes", "regions", "roles", "speaking", "trading", "wealth"}
    listed = (BANK / "README.md").read_text()
    assert all(f"[{scene}.yaml]({scene}.yaml)" in listed for scene in SCENES)


@pytest.mark.parametrize("scene", SCENES)
def test_louver_test_passes_on_postgresql(bank: Any, scene: str) -> None:
    """What the tests of the scene expect of columns and queries is so."""
    with louver_of(bank, scene) as louver:
        results = run(BANK / f"{scene}.test.yaml", str(louver.directory / "louver.yaml"), NAME)
    assert results
    assert [(result.name, result.failures) for result in results if not result.passed or not result.asked] == []


@pytest.mark.parametrize("scene", SCENES)
def test_louver_test_passes_on_mysql(mysql_bank: LocalMySQL, scene: str) -> None:
    """The same policies and the same tests hold on MySQL and MariaDB, to the letter."""
    with louver_of(mysql_bank, scene, protocol="mysql") as louver:
        results = run(BANK / f"{scene}.test.yaml", str(louver.directory / "louver.yaml"), NAME)
    assert [(result.name, result.failures) for result in results if not result.passed or not result.asked] == []


@pytest.mark.parametrize("scene", SCENES)
def test_a_client_of_postgresql_sees_the_same(bank: Any, scene: str) -> None:
    """What `louver test` says is what a driver gets, prepared or not."""
    with louver_of(bank, scene) as louver:
        for trial in trials(scene):
            with psycopg.connect(louver.dsn(trial.principal.name, database=NAME), autocommit=True) as client:
                for name, value in trial.session.declared.items():
                    client.execute(f"SET louver.{name} = '{value}'")
                for prepare in (False, True):
                    if trial.refused is not None:
                        with pytest.raises(psycopg.Error, match=trial.refused):
                            client.execute(trial.query, prepare=prepare)
                        continue
                    rows = client.execute(trial.query, prepare=prepare).fetchall()
                    assert tuple(tuple(map(str, row)) for row in rows) == trial.rows, trial.name


@pytest.mark.parametrize("scene", SCENES)
def test_a_client_of_mysql_sees_the_same(mysql_bank: LocalMySQL, scene: str) -> None:
    """The same through the other wire."""
    with louver_of(mysql_bank, scene, protocol="mysql") as louver:
        for trial in trials(scene):
            who = {"user": trial.principal.name, "password": louver.passwords[trial.principal.name]}
            with pymysql.connect(host="127.0.0.1", port=louver.port, database=NAME, **who) as client:
                cursor = client.cursor()
                for name, value in trial.session.declared.items():
                    cursor.execute(f"SET @louver_{name} = '{value}'")
                if trial.refused is not None:
                    with pytest.raises(pymysql.MySQLError, match=trial.refused):
                        cursor.execute(trial.query)
                    continue
                cursor.execute(trial.query)
                assert tuple(tuple(map(str, row)) for row in cursor.fetchall()) == trial.rows, trial.name


def test_an_application_speaks_for_its_tellers(bank: Any) -> None:
    """One account sends the same statement for two tellers, and each gets what is his."""
    query = "SELECT name FROM customers ORDER BY id"
    with (
        louver_of(bank, "speaking") as louver,
        psycopg.connect(louver.dsn("counter", database=NAME), autocommit=True) as client,
    ):
        for _ in range(2):
            for trial in trials("speaking")[:2]:
                rows = client.execute(f"{query} /*louver_user='{trial.principal.name}'*/").fetchall()
                assert tuple(rows) == trial.rows


def grant(louver: Any, user: str, *arguments: str) -> Any:
    """What `louver grant` says to somebody; None when it refuses."""
    done = subprocess.run(
        [sys.executable, "-m", "louver", "grant", *arguments, "--as", user, "--format", "json"],
        input=f"{louver.passwords[user]}\n",
        env={**os.environ, "LOUVER_CONFIG": str(louver.directory / "louver.yaml")},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return json.loads(done.stdout) if done.returncode == 0 else None


def test_a_manager_lifts_the_mask_for_one_customer(bank: Any) -> None:
    """The teller asks, the manager of another branch cannot agree, her own does; one customer is shown, and the audit says by which grant."""
    masked = [("1****01",), ("1****02",), ("1****03",)]
    what = ("--columns", "category=phone", "--columns", "table=public.customers", "--rows", "id = 1")
    with louver_of(bank, "approval", grants={"file": "grants.db"}) as louver:
        with psycopg.connect(louver.dsn("tina", database=NAME), autocommit=True) as tina:

            def phones() -> list[Any]:
                return tina.execute("SELECT phone FROM customers ORDER BY id", prepare=True).fetchall()

            def until(expected: list[Any]) -> None:
                wait_until(lambda: phones() == expected, phones)

            assert phones() == masked
            asked = grant(
                louver, "tina", "request", "--for", "tina", *what, "--reason", "calls back", "--minutes", "30"
            )
            number = str(asked["grant"])
            assert grant(louver, "tina", "approve", number) is None
            assert grant(louver, "carl", "approve", number) is None
            assert phones() == masked
            assert grant(louver, "mona", "approve", number)["state"] == "active"
            until([("13812345601",), *masked[1:]])
            assert grant(louver, "mona", "revoke", number)["state"] == "revoked"
            until(masked)
        marked = [r for r in records(louver.audit_directory) if r["event"] == "statement" and r.get("grants")]
        assert marked
        assert all(record["principal"] == "tina" for record in marked)


def test_a_preview_tells_no_words_of_the_database_about_masked_columns(bank: Any) -> None:
    """An error of the database can quote a hidden value, so its number alone is told."""
    sql = "SELECT CAST(phone AS int) FROM customers"
    with louver_of(bank, "roles") as louver:
        done = subprocess.run(
            [sys.executable, "-m", "louver", "preview", "--as", "lola", "-d", NAME, sql],
            env={**os.environ, "LOUVER_CONFIG": str(louver.directory / "louver.yaml")},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert done.returncode == 1
    assert "the database could not run it (error 22P02)" in done.stderr
    assert not re.search(r"138\d{8}", done.stderr + done.stdout)
