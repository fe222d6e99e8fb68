"""Filters follow what they mean: a table that has another name, or whose columns have, keeps the rows hidden that it has hidden."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import yaml
from fixtures.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fixtures.louver import RunningLouver

    from louver.demo.postgres import LocalPostgres

CASES = yaml.safe_load(Path(__file__).with_name("filters_follow.yaml").read_text(encoding="utf-8"))["postgres"]
DATABASE = "following"
POLICIES = """
version: 1
filters:
  - {name: own region, tables: ["f*.people", "f*.parts"], when: principal.role == "clerk", rows: "region = {principal.region}"}
  - {name: everybody, tables: ["f*.people", "f*.parts", "f*.free"], rows: "true"}
"""
USERS = {"clerk": {"role": "clerk", "region": "south"}, "boss": {"role": "boss"}}
SCHEMA = """
CREATE TABLE people (id int, name text, region text, home text);
INSERT INTO people VALUES (1, 'Ann', 'north', 'south'), (2, 'Bo', 'south', 'north'), (3, 'Cy', 'south', 'south');
CREATE TABLE archive (id int, name text, region text, home text);
INSERT INTO archive VALUES (4, 'Dee', 'north', 'south'), (5, 'Eli', 'south', 'north');
CREATE TABLE parts (id int, name text, region text) PARTITION BY LIST (id);
CREATE TABLE part_one PARTITION OF parts FOR VALUES IN (1);
INSERT INTO parts VALUES (1, 'Ann', 'north'), (1, 'Bo', 'south');
CREATE VIEW seen AS SELECT name FROM people;
"""
Names = list[str] | str


def made(postgres: LocalPostgres) -> None:
    """A schema for each case and way, each with the same tables."""
    postgres.run_sql(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
    postgres.create_database(DATABASE)
    for number in range(len(CASES)):
        for way in ("past", "by"):
            schema = f"f{way}{number}"
            postgres.run_sql(
                f"CREATE SCHEMA {schema}; CREATE SCHEMA more_{schema}; SET search_path TO {schema}; {SCHEMA}", DATABASE
            )


def seen(louver: RunningLouver, schema: str, query: str) -> Names:
    """The names that the clerk finds in one of the tables; the error when he is refused."""
    with psycopg.connect(louver.dsn("clerk", database=DATABASE), autocommit=True) as connection:
        connection.execute(f"SET search_path TO {schema}")
        try:
            return sorted(row[0] for row in connection.execute(query.replace("HERE", schema)).fetchall())
        except psycopg.errors.InsufficientPrivilege as error:
            return str(error)


def expected(case: dict[str, Any], found: Names) -> bool:
    """Whether what is seen is what the case expects."""
    return isinstance(found, str) and case["refused"] in found if "refused" in case else found == case["seen"]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The settings of a proxy; each that has them has the same file of labels."""
    ledger = tmp_path_factory.mktemp("following") / "labels.jsonl"
    return {"policies": POLICIES, "users": USERS, "labels_file": str(ledger)}


@pytest.fixture(scope="module")
def louver(louver_factory: Any, postgres: LocalPostgres, settings: dict[str, Any]) -> Iterator[RunningLouver]:
    """A proxy that has seen the tables as they were, past which a hostile administrator has then changed them."""
    made(postgres)
    with louver_factory(**settings) as running:
        assert seen(running, "fpast0", "SELECT name FROM people") == ["Bo", "Cy"]
        for number, case in enumerate(CASES):
            schema = f"fpast{number}"
            text = case["do"].replace("HERE", schema)
            postgres.run_sql(f"SET search_path TO {schema}; {text}", DATABASE)
        yield running


@pytest.mark.parametrize("number", range(len(CASES)), ids=lambda number: CASES[number]["do"][:70])
def test_what_is_renamed_past_louver_stays_filtered(louver: RunningLouver, number: int) -> None:
    """The database tells by its numbers what has become of a table and its columns, and is asked every second."""
    case = CASES[number]
    look = lambda: seen(louver, f"fpast{number}", case["ask"])  # noqa: E731
    until(lambda: expected(case, look()), look)


@pytest.mark.parametrize("number", range(len(CASES)), ids=lambda number: CASES[number]["do"][:70])
def test_what_is_renamed_through_louver_stays_filtered(louver: RunningLouver, number: int) -> None:
    """From the next statement on."""
    schema = f"fby{number}"
    with psycopg.connect(louver.dsn("boss", database=DATABASE), autocommit=True) as connection:
        connection.execute(f"SET search_path TO {schema}")
        for statement in CASES[number]["do"].split(";"):
            connection.execute(statement.replace("HERE", schema))
    found = seen(louver, schema, CASES[number]["ask"])
    assert expected(CASES[number], found), found


def test_it_stays_so_after_a_restart_until_it_is_dropped(
    louver: RunningLouver, louver_factory: Any, settings: dict[str, Any]
) -> None:
    """Louver remembers on the disk; `louver labels` shows it, and an administrator settles it."""
    louver.stop()
    with louver_factory(**settings) as again:
        for number, case in enumerate(CASES):
            found = seen(again, f"fpast{number}", case["ask"])
            assert expected(case, found), found
        config = again.directory / "louver.yaml"
        listed = subprocess.run(
            [sys.executable, "-m", "louver", "labels", "list", "-c", config], capture_output=True, text=True, check=True
        )
        assert "fpast0.clients.region\tfiltered 1\trenamed from fpast0.people.region" in listed.stdout
        subprocess.run([sys.executable, "-m", "louver", "labels", "drop", "fpast0.clients", "-c", config], check=True)
        again.hang_up()
        until(lambda: seen(again, "fpast0", "SELECT name FROM clients") == ["Ann", "Bo", "Cy"], "it is settled")


def test_a_rename_in_an_open_transaction_opens_nothing(
    louver_factory: Any, postgres: LocalPostgres, settings: dict[str, Any]
) -> None:
    """Neither for the one who renames, nor while it is rolled back."""
    made(postgres)
    with louver_factory(**settings) as running, psycopg.connect(running.dsn("clerk", database=DATABASE)) as connection:
        connection.execute("SET search_path TO fby0")
        for statement in ("ALTER TABLE people RENAME TO mine", "ALTER TABLE people RENAME region TO place"):
            found: Names
            try:
                connection.execute(statement)
                name = "mine" if "mine" in statement else "people"
                found = sorted(row[0] for row in connection.execute(f"SELECT name FROM {name}").fetchall())
            except psycopg.errors.InsufficientPrivilege:
                found = ["Bo", "Cy"]
            connection.rollback()
            connection.execute("SET search_path TO fby0")
            assert found == ["Bo", "Cy"]
