"""`louver audit report`, as a person runs it."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from audit import record
from audit.writer import Trail
from louver.commands.audit import audit_app

POLICIES = """version: 1
dictionary:
  - {column: bank.public.customers.phone, category: phone, level: 3}
  - {column: bank.public.customers.name, category: name, level: 2, state: proposed}
  - {column: bank.public.customers.id, category: none}
"""


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A directory with settings, policies and a trail in which Tina has read a masked phone number."""
    (tmp_path / "policies.yaml").write_text(POLICIES)
    (tmp_path / "users.yaml").write_text("")
    (tmp_path / "louver.yaml").write_text(
        "upstream: {user: svc, password_env: HOME}\npolicies: policies.yaml\nusers: users.yaml\naudit: {directory: audit}\n"
    )
    tina = record.Caller("s1", "tina", "10.0.0.7:1", "psql", "bank", "svc", {"team": "east", "unit": "other"})
    use = record.ColumnUse("public.customers.phone", "phone", 3, "mask", "partial", "tellers")
    masked = record.Judgement(("SelectStmt",), "SELECT ?", None, ("public.customers",), (use,), "rewrite", "p", 1)
    with_trail = Trail.open(tmp_path / "audit")
    with_trail.append(record.statement(record.statement_prefix(tina, masked), 1))
    with_trail.append(record.outcome(record.outcome_prefix(tina), 1, "ok", rows=b"2", duration_us=9))
    with_trail.close()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments):
    """Run the command."""
    return CliRunner().invoke(audit_app, ["report", *map(str, arguments)])


def test_a_report_is_written(house):
    """By the settings that lie here: with the page, the figures, and what the dictionary says."""
    done = run("--output", "out/may", "--unit", "branch", "--unit", "team")
    assert (done.exit_code, done.stdout.split()[0]) == (0, "out/may/index.html"), done.stderr
    said = json.loads((house / "out/may/report.json").read_text())
    assert said["totals"]["statements"] == 1
    assert said["tables"]["units"][0]["unit"] == "east"
    assert said["tables"]["dictionary"] == [
        {"category": "name", "level": 2, "accepted": 0, "proposed": 1, "rejected": 0},
        {"category": "not sensitive", "level": 0, "accepted": 1, "proposed": 0, "rejected": 0},
        {"category": "phone", "level": 3, "accepted": 1, "proposed": 0, "rejected": 0},
    ]
    assert "values masked" in (house / "out/may/index.html").read_text()
    assert run("--output", "out/may").exit_code == 0  # again, over the one before


def test_a_report_of_a_trail_alone(house):
    """--directory needs no settings; --policies names a dictionary."""
    assert run("--directory", "audit", "--output", "plain").exit_code == 0
    assert "made without the policies" in (house / "plain/index.html").read_text()
    assert run("--directory", "audit", "--policies", "policies.yaml", "--output", "plain").exit_code == 0
    assert "made without the policies" not in (house / "plain/index.html").read_text()


def test_one_table_is_shown(house):
    """In every format; for eyes in the words of the page, for programs by the names of the files; none is exit code 1."""
    shown = run("--only", "people").stdout.splitlines()
    assert shown[0].split("\t")[:4] == ["person", "unit", "people", "statements"]
    assert shown[0].split("\t")[-1] == "masked values"
    assert shown[1].split("\t")[:4] == ["tina", "other", "1", "1"]
    (row,) = [json.loads(line) for line in run("--only", "categories", "--format", "json").stdout.splitlines()]
    assert (row["category"], row["masked_values"]) == ("phone", 2)
    assert run("--only", "days", "--format", "csv").stdout.startswith("day,statements,")
    assert run("--only", "grants").exit_code == 1


def test_a_period_without_records_is_exit_code_one(house):
    """The page is written, and it is said that nothing stands in it."""
    done = run("--directory", "audit", "--since", "2020-01-01", "--until", "2020-02-01", "--output", "old")
    assert done.exit_code == 1
    assert "nothing of that in the trail from 2020-01-01 until 2020-02-01" in done.stderr
    assert (house / "old/index.html").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--output", "x", "--since", "soon"], "is no time"),
        (["--output", "x", "--since", "today", "--until", "yesterday"], "is not before"),
        (["--output", "x", "--unit", "a'b"], "name of an attribute"),
        (["--output", "users.yaml"], "users.yaml cannot be written"),
        (["--output", "x", "--directory", "nowhere"], "no audit trail"),
        (["--output", "x", "--directory", "audit", "--database", "bank"], "needs the settings"),
        (["--output", "x", "--policies", "users.yaml"], "users.yaml"),
        ([], "give --output"),
        (["--output", "x", "--only", "grants"], "give --output"),
        (["--only", "colours"], "--only takes one of alerts, bursts"),
    ],
)
def test_wrong_use_is_exit_code_two(house, arguments, message):
    """It is said what is wrong, and nothing is written."""
    done = run(*arguments)
    assert done.exit_code == 2
    assert message in done.stderr
    assert not (house / "x").exists()
