"""The command line: help, exit codes, users, secrets and checks, run as a person runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from proxy.identity import Users

if TYPE_CHECKING:
    from pathlib import Path

_POLICIES = """version: 1
dictionary:
  - {column: bank.public.customers.phone, category: phone, level: 3}
rules:
  - name: tellers
    columns: {category: phone}
    treatment: {mask: hash}
"""


def _louver(*arguments: object, given: str = "", cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "louver", *map(str, arguments)],
        input=given,
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        timeout=60,
    )


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """Give a directory with a whole configuration in it."""
    (tmp_path / "policies.yaml").write_text(_POLICIES, encoding="utf-8")
    (tmp_path / "louver.yaml").write_text(
        "upstream: {user: service, tls: {mode: disable}}\npolicies: policies.yaml\nusers: users.yaml\n"
        "secret_file: secret\n",
        encoding="utf-8",
    )
    _louver("user", "add", "tina", "--config", tmp_path / "louver.yaml", given="pw\n")
    _louver("secret", tmp_path / "secret")
    return tmp_path


def test_help_comes_at_once_and_names_every_command() -> None:
    """`louver --help` lists the commands without loading what they need."""
    before = os.times()
    done = _louver("--help")
    assert done.returncode == 0
    for command in (
        "serve",
        "check",
        "explain",
        "discover",
        "preview",
        "test",
        "user",
        "audit",
        "labels",
        "masks",
        "demo",
        "secret",
        "version",
    ):
        assert f" {command} " in done.stdout
    after = os.times()
    assert after.children_user - before.children_user < 2  # seconds of a processor, however busy the machine is
    loaded = subprocess.run(
        [
            sys.executable,
            "-c",
            "import louver.cli, sys; print('asyncio' in sys.modules, 'cryptography' in sys.modules)",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert loaded.stdout.split() == ["False", "False"]


@pytest.mark.parametrize(
    "command",
    [
        "serve",
        "check",
        "explain",
        "discover",
        "preview",
        "test",
        "diff",
        "schema",
        "user add",
        "user list",
        "demo",
        "secret",
        "version",
    ],
)
def test_every_command_explains_itself(command: str) -> None:
    """Each command has a help text of more than its options."""
    done = _louver(*command.split(), "--help")
    assert done.returncode == 0
    assert "Usage:" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["nothing"],
        ["check", "--format", "xml"],
        ["user", "add", "x"],
        ["explain", "SELECT 1"],
        ["demo", "--port", "-1"],
    ],
)
def test_a_wrong_call_ends_with_2(arguments: list[str], tmp_path: Path) -> None:
    """Whoever calls a command wrongly gets exit code 2 and nothing on standard output."""
    done = _louver(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr


def test_a_user_is_added_with_roles_and_attributes(tmp_path: Path) -> None:
    """Options become attributes, numbers stay numbers, and the password itself is nowhere in the file."""
    file = tmp_path / "users.yaml"
    arguments = ["--role", "teller", "-r", "cashier", "-a", "clearance=3", "-a", "region=east", "-a", "code='007'"]
    done = _louver("user", "add", "tina", *arguments, "--users", file, given="open sesame\n")
    assert done.returncode == 0, done.stderr
    user = Users.load(file).find("tina")
    assert user is not None
    assert user.verifier is not None
    assert user.attributes == {
        "role": "teller",
        "roles": ("teller", "cashier"),
        "clearance": 3,
        "region": "east",
        "code": "007",
    }
    assert "sesame" not in file.read_text(encoding="utf-8")
    assert _louver("user", "add", "tina", "--users", file, given="x\n").returncode == 1
    listed = _louver("user", "list", "--users", file)
    assert listed.stdout.split("\t")[:2] == ["tina", "password"]
    assert "roles=[teller, cashier]" in listed.stdout
    assert json.loads(_louver("user", "list", "--users", file, "-f", "json").stdout)[0]["clearance"] == 3


def test_an_empty_password_is_refused(tmp_path: Path) -> None:
    """Nothing is written for a user without a password, unless that is asked for."""
    file = tmp_path / "users.yaml"
    assert _louver("user", "add", "tina", "--users", file, given="\n").returncode == 1
    assert not file.exists()
    assert _louver("user", "add", "tina", "--users", file, "--no-password").returncode == 0


def test_a_sound_configuration_passes(house: Path) -> None:
    """`check` reads every file and says in a line what there is."""
    done = _louver("check", "--config", house / "louver.yaml")
    assert done.returncode == 0, done.stderr
    assert "1 dictionary entries, 1 rules" in done.stdout
    assert "1 users; login: own" in done.stdout


def test_mistakes_of_all_files_are_reported_at_once(house: Path) -> None:
    """`check` goes on after the first file that is wrong, and tells programs line and column."""
    (house / "policies.yaml").write_text(_POLICIES.replace("mask: hash", "mask: hsah"), encoding="utf-8")
    (house / "users.yaml").write_text("users: {tina: {password: secret}}\n", encoding="utf-8")
    (house / "secret").chmod(0o644)
    done = _louver("check", "--config", house / "louver.yaml", "--format", "json")
    assert done.returncode == 1
    answer = json.loads(done.stdout)
    places = [(problem.get("line"), problem.get("column")) for problem in answer["problems"]]
    assert not answer["ok"]
    assert places == [(7, 23), (1, 26), (None, None)]
    assert "did you mean `hash`?" in answer["problems"][0]["hint"]
    plain = _louver("check", "--config", house / "louver.yaml")
    assert "policies.yaml:7:23" in plain.stderr
    assert "3 mistakes" in plain.stderr


def test_a_keyed_mask_needs_a_secret(house: Path) -> None:
    """Policies that hash are refused when no secret file is named."""
    text = (house / "louver.yaml").read_text(encoding="utf-8").replace("secret_file: secret\n", "")
    (house / "louver.yaml").write_text(text, encoding="utf-8")
    done = _louver("check", "--config", house / "louver.yaml")
    assert done.returncode == 1
    assert "needs a secret" in done.stderr


def test_a_policy_file_is_checked_alone(house: Path) -> None:
    """`check --policies` needs no settings; a file without mistakes ends with 0, one with mistakes with 1."""
    assert _louver("check", "--policies", house / "policies.yaml").returncode == 0
    (house / "policies.yaml").write_text("version: 2\n", encoding="utf-8")
    done = _louver("check", "--policies", house / "policies.yaml")
    assert done.returncode == 1
    assert "policies.yaml:1:10" in done.stderr


def test_the_version_is_the_installed_one() -> None:
    """`version` prints the distribution's version."""
    assert _louver("version").stdout.startswith("louver 0.")


def test_tests_of_policies_pass_or_say_what_is_wrong(tmp_path: Path) -> None:
    """The exit code and the words tell; a directory means all of its test files."""
    (tmp_path / "policies.yaml").write_text(
        "version: 1\ndictionary: [{column: '*.*.*.phone', category: phone, level: 3}]\n"
        "rules: [{name: r, columns: {level: 3}, treatment: {mask: full}}]\n"
    )
    tests = "version: 1\npolicies: policies.yaml\ntests:\n  - {name: t, as: {role: x}, columns: {a.b.c.phone: %s}}\n"
    (tmp_path / "a.test.yaml").write_text(tests % "mask")
    done = _louver("test", tmp_path)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "1 tests, 0 failed")
    (tmp_path / "b.test.yaml").write_text(tests % "clear")
    done = _louver("test", tmp_path)
    assert done.returncode == 1
    assert "a.b.c.phone: it is shown by full (character: *), by `r`" in done.stdout
    assert "2 tests, 1 failed" in done.stdout
    (tmp_path / "b.test.yaml").write_text("version: 1\n")
    done = _louver("test", tmp_path, "--format", "json")
    assert done.returncode == 1
    assert "no policies are named" in json.loads(done.stdout)["problems"][0]
    assert _louver("test", tmp_path / "nothing").returncode == 1


def test_what_changes_for_whom_is_listed(tmp_path: Path) -> None:
    """Each user and column whose treatment differs has a line, and where more is shown than before, it says so."""
    rules = "version: 1\ndictionary: [{column: b.public.people.phone, category: phone, level: 3}, {column: '*.*.*.pin', category: pin, level: 5}]\nrules:\n"
    clerk = "  - {name: clerks, columns: {category: phone}, when: principal.role == 'clerk', treatment: %s}\n"
    (tmp_path / "old.yaml").write_text(rules + clerk % "deny")
    (tmp_path / "new.yaml").write_text(rules + clerk % "clear")
    (tmp_path / "users.yaml").write_text("users: {ann: {role: clerk}, bob: {role: boss}}\n")
    done = _louver("diff", tmp_path / "old.yaml", tmp_path / "new.yaml", "--users", tmp_path / "users.yaml")
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "MORE\tann\tb.public.people.phone\tmay not be read, by rule `clerks`\tis shown as it is, by rule `clerks`"
    ]
    done = _louver("diff", tmp_path / "old.yaml", tmp_path / "old.yaml", "--users", tmp_path / "users.yaml")
    assert (done.returncode, done.stdout.strip()) == (0, "nobody sees anything otherwise")
    done = _louver(
        "diff", tmp_path / "new.yaml", tmp_path / "old.yaml", "--users", tmp_path / "users.yaml", "-f", "json"
    )
    assert [(each["user"], each["more"]) for each in json.loads(done.stdout)] == [("ann", False)]
    assert _louver("diff", tmp_path / "none", tmp_path / "old.yaml", "--users", tmp_path / "users.yaml").returncode == 1


def test_whose_rows_and_limits_change_is_listed(tmp_path: Path) -> None:
    """Each table of which somebody has other rows, and each other limit, has a line."""
    text = "version: 1\nfilters: [{name: f, tables: %s, when: \"principal.role == 'clerk'\", rows: %s}, {name: g, tables: %s, rows: 'true'}]\n"
    rows = '"region = {principal.region}"'
    limit = "limits: [{name: l, when: \"principal.role == 'clerk'\", rows_per_hour: %s}]\n"
    (tmp_path / "old.yaml").write_text(text % ("people", rows, "people") + limit % 10)
    (tmp_path / "new.yaml").write_text(text % ("people", "'true'", '[people, s."more"]'.replace('"', "")) + limit % 20)
    (tmp_path / "users.yaml").write_text("users: {ann: {role: clerk, region: o'x}, bob: {role: boss}}\n")
    users = ("--users", tmp_path / "users.yaml")
    done = _louver("diff", tmp_path / "old.yaml", tmp_path / "new.yaml", *users)
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "MORE\tann\trows of people\tonly rows are there where region = 'o''x'\tall rows are there",
        "MORE\tann\tlimit\tat most 10 rows an hour, by limit `l`\tat most 20 rows an hour, by limit `l`",
    ]
    done = _louver("diff", tmp_path / "new.yaml", tmp_path / "old.yaml", *users, "-f", "json")
    told = [(each["user"], each["what"], each["column"], each["more"]) for each in json.loads(done.stdout)]
    assert told == [("ann", "rows", "people", False), ("ann", "limit", "", False)]
