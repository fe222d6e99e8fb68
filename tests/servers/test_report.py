"""A report of what real clients did through Louver, on PostgreSQL, MySQL and MariaDB: it holds exactly those statements and rows."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import psycopg
import pymysql
import pytest
from fixtures.louver import running_louver
from fixtures.mysql_house import SCHEMA, mysql_house_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fixtures.louver import RunningLouver

    from louver.demo.mysql import LocalMySQL
    from louver.demo.postgres import LocalPostgres

POLICIES = """
version: 1
dictionary:
  - {{column: "{place}.people.phone", category: phone, level: 3}}
  - {{column: "{place}.people.salary", category: salary, level: 4}}
  - {{column: "{place}.people.nick", category: name, level: 2, state: proposed}}
unreviewed: show
rules:
  - {{name: root sees all, columns: {{level: ">=1"}}, when: 'principal.role == "all"', treatment: clear}}
  - {{name: nobody sees salaries, columns: {{category: salary}}, treatment: deny}}
  - {{name: auditors see phones, columns: {{category: phone}}, when: 'principal.role == "auditor"', treatment: clear}}
  - {{name: phones are cut, columns: {{category: phone}}, treatment: {{mask: partial, keep_first: 3, keep_last: 4}}}}
"""
USERS = {
    "tina": {"role": "teller", "unit": "north"},
    "ada": {"role": "auditor", "unit": "audit"},
    "root": {"role": "all", "unit": "audit"},
}
TABLES = (
    "CREATE TABLE people (id int PRIMARY KEY, phone varchar(20), salary int, nick varchar(20))",
    "INSERT INTO people VALUES (1, '13812345601', 10, 'a'), (2, '13899999902', 20, 'b'), (3, '13777777703', 30, 'c')",
    "CREATE VIEW contacts AS SELECT id, phone AS mobile FROM people",
    "CREATE TABLE notes (id int PRIMARY KEY)",
    "INSERT INTO notes VALUES (1), (2)",
)
ASKED = (
    ("tina", "SELECT phone FROM people"),
    ("tina", "SELECT phone FROM people WHERE id > 1"),
    ("tina", "SELECT salary FROM people"),
    ("tina", "SELECT id FROM notes"),
    ("ada", "SELECT id, phone FROM people"),
    ("root", "SELECT salary FROM people WHERE id < 3"),
    ("root", "SELECT id, mobile FROM contacts"),
    ("root", "SELECT count(*) FROM people"),
)


def report_of(louver: RunningLouver, database: str, ask: Callable[[str, str], int]) -> tuple[dict[str, Any], Path]:
    """Ask everything, end the proxy, and write a report with the database looked at; its JSON, and where it is."""
    answered = [ask(who, sql) for who, sql in ASKED]
    assert answered == [3, 2, -1, 2, 3, 2, 3, 1]
    with pytest.raises((psycopg.OperationalError, pymysql.OperationalError)):
        ask("mallory", "SELECT 1")
    assert louver.stop() == 0
    output = louver.directory / "report"
    where = ["--config", str(louver.directory / "louver.yaml"), "--output", str(output)]
    command = [sys.executable, "-m", "louver", "audit", "report", *where, "--database", database, "--since", "1h"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads((output / "report.json").read_text()), output


def holds_what_was_done(said: dict[str, Any], output: Path, table: str, database: str) -> None:
    """The figures are those of ASKED."""
    tables = said["tables"]
    asked = [row for row in tables["people"] if row["person"] in USERS]
    seen = {row["person"]: [row[name] for name in ("unit", "statements", "clear", "masked", "denied")] for row in asked}
    assert seen == {"tina": ["north", 3, 0, 2, 1], "ada": ["audit", 1, 1, 0, 0], "root": ["audit", 2, 2, 0, 0]}
    assert [said["protection"][name] for name in ("masked_values", "clear_values", "people")] == [5, 8, 3]
    assert {(row["category"], row["statements"]) for row in tables["categories"]} == {("phone", 4), ("salary", 2)}
    assert [(row["table"], row["people"]) for row in tables["tables"]] == [(table, 3)]
    views = list(csv.DictReader(io.StringIO((output / "clear-views.csv").read_text())))
    names = ("person", "column", "authority", "answered")
    by_root = [tuple(view[name] for name in names) for view in views if view["person"] == "root"]
    assert by_root == [
        ("root", f"{table}.salary", "root sees all", "2"),
        ("root", f"{table}.phone", "root sees all", "3"),  # through a view, under another name
    ]
    (view,) = (view for view in views if view["person"] == "ada")
    assert [view[name] for name in ("person", "column", "authority", "answered")] == [
        "ada",
        f"{table}.phone",
        "auditors see phones",
        "3",
    ]
    denied = {(row["kind"], row["who"]): row["times"] for row in tables["denials"]}
    assert denied == {("statement", "tina"): 1, ("login", "mallory"): 1}
    assert {row["relation"] for row in tables["unclassified-tables"]} >= {table.replace("people", "notes")}
    assert tables["policy-changes"][0]["event"] == "started"
    assert tables["policy-changes"][0]["revision"] == tables["policies"][0]["policy"]
    assert tables["coverage"] == [{"database": database, "columns": 7, "classified": 2, "unreviewed": 5}]
    assert {row["category"]: (row["accepted"], row["proposed"]) for row in tables["dictionary"]} == {
        "name": (0, 1), "phone": (1, 0), "salary": (1, 0),
    }  # fmt: skip
    assert [signal["kind"] for signal in said["signals"]] == ["dictionary"]
    page = (output / "index.html").read_text()
    assert "auditors see phones" in page
    assert "13812345601" not in page


def test_what_psycopg_did(postgres: LocalPostgres) -> None:
    """By the extended protocol, on PostgreSQL."""
    postgres.create_database("reporting")
    postgres.run_sql("; ".join((*TABLES, "GRANT ALL ON ALL TABLES IN SCHEMA public TO public")), "reporting")
    policies = POLICIES.format(place="reporting.public")
    with running_louver(postgres, policies=policies, users=USERS, notices=False) as louver:

        def ask(who: str, sql: str) -> int:
            with psycopg.connect(louver.dsn(who, f"{who}-secret", "reporting")) as connection:
                try:
                    return len(connection.execute(sql, prepare=True).fetchall())
                except psycopg.errors.InsufficientPrivilege:
                    return -1

        said, output = report_of(louver, "reporting", ask)
        holds_what_was_done(said, output, "public.people", "reporting")


def test_what_pymysql_did(either: LocalMySQL) -> None:
    """On MySQL and MariaDB."""
    policies = POLICIES.format(place=f"*.{SCHEMA}")
    with mysql_house_of(either, policies=policies, statements=TABLES, users=USERS, notices=False) as house:

        def ask(who: str, sql: str) -> int:
            arguments = house.arguments("tina") | {"user": who, "password": f"{who}-secret"}
            with pymysql.connect(**arguments, autocommit=True) as connection, connection.cursor() as cursor:
                try:
                    return int(cursor.execute(sql))
                except pymysql.err.OperationalError as error:
                    return -1 if error.args[0] in {1142, 1143} else -2

        said, output = report_of(house.louver, SCHEMA, ask)
        holds_what_was_done(said, output, f"{SCHEMA}.people", SCHEMA)
