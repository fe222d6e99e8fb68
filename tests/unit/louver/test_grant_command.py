"""`louver grant`, run as people run it: who may ask, who decides, and what is said when somebody may not."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer.main

from louver.commands.grant import grant_app
from proxy.identity import add_user

_POLICIES = """version: 1
session:
  purpose: {values: [care]}
dictionary:
  - {column: bank.public.customers.phone, category: phone, level: 3}
  - {column: bank.public.customers.id_card, category: id_card, level: 4}
approvals:
  - {name: managers, when: 'principal.role == "manager"'}
  - {name: on call, columns: {category: phone}, when: 'principal.role == "teller"', break_glass: true}
"""
_PEOPLE = {"tina": "teller", "theo": "teller", "mona": "manager", "mia": "manager"}


def _louver(house: Path, *arguments: object, given: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "louver", *map(str, arguments), "--config", str(house / "louver.yaml")],
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The text of a users file: making verifiers takes a while."""
    path = tmp_path_factory.mktemp("users") / "users.yaml"
    for name, role in _PEOPLE.items():
        add_user(path, name, f"{name}-pw", {"role": role})
    return path.read_text(encoding="utf-8")


@pytest.fixture
def house(tmp_path: Path, people: str) -> Path:
    """A directory with a whole configuration."""
    (tmp_path / "policies.yaml").write_text(_POLICIES, encoding="utf-8")
    (tmp_path / "users.yaml").write_text(people, encoding="utf-8")
    (tmp_path / "louver.yaml").write_text(
        "upstream: {user: service, tls: {mode: disable}}\npolicies: policies.yaml\nusers: users.yaml\ngrants: {file: grants.db}\n",
        encoding="utf-8",
    )
    return tmp_path


def _grant(house: Path, who: str, command: str, *arguments: object, password: str | None = None) -> Any:
    """Run one command as somebody; gives what is printed as JSON, or what is said on standard error."""
    given = f"{who}-pw\n" if password is None else f"{password}\n"
    done = _louver(house, "grant", command, *arguments, "--as", who, "--format", "json", given=given)
    if done.returncode == 0:
        return json.loads(done.stdout)
    assert "Traceback" not in done.stderr, done.stderr
    return done.stderr


def _request(house: Path, who: str, *more: str, columns: str = "category=phone", whom: str = "tina") -> Any:
    fixed = ("--for", whom, "--columns", columns, "--reason", "case 1", "--minutes", "30")
    return _grant(house, who, "request", *fixed, *more)


def test_from_request_to_revocation(house: Path) -> None:
    """A teller asks, a manager agrees, the history says who did what."""
    asked = _request(house, "tina", "--columns", "table=public.customers", "--rows", "id = 4711")
    assert (asked["state"], asked["labels"], asked["rows"]) == ("requested", ["phone 3"], "id = 4711")
    begun = _grant(house, "mona", "approve", 1)
    assert (begun["state"], begun["approvals"]) == ("active", ["mona"])
    listed = json.loads(_louver(house, "grant", "list", "--format", "json").stdout)
    assert [each["grant"] for each in listed] == [1]
    assert _grant(house, "mia", "revoke", 1, "--note", "closed")["state"] == "revoked"
    assert json.loads(_louver(house, "grant", "list", "--format", "json").stdout) == []
    shown = json.loads(_louver(house, "grant", "show", 1, "--format", "json").stdout)
    assert [(each["what"], each["person"]) for each in shown["history"]] == [
        ("requested", "tina"), ("approved", "mona"), ("begun", None), ("revoked", "mia"),
    ]  # fmt: skip
    assert "revoked by mia (closed)" in _louver(house, "grant", "show", 1).stdout


def test_level_four_takes_two_persons(house: Path) -> None:
    """One manager is not enough, nor the same one twice."""
    _request(house, "tina", columns="category=id_card")
    assert _grant(house, "mona", "approve", 1)["state"] == "requested"
    assert "another person" in _grant(house, "mona", "approve", 1)
    assert _grant(house, "mia", "approve", 1)["state"] == "active"


def test_who_may_not_decide(house: Path) -> None:
    """Not who has asked or gets it, not a teller, nobody with a wrong password; giving it back is allowed."""
    _request(house, "mona")
    assert "asked for or get" in _grant(house, "mona", "approve", 1)
    assert "asked for or get" in _grant(house, "tina", "approve", 1)
    assert "no approval lets theo" in _grant(house, "theo", "approve", 1)
    assert "no approval lets theo" in _grant(house, "theo", "deny", 1)
    assert "no approval lets theo" in _grant(house, "theo", "revoke", 1)
    assert "password of mia is not right" in _grant(house, "mia", "approve", 1, password="mona-pw")
    assert "password of nobody is not right" in _grant(house, "nobody", "approve", 1)
    assert _grant(house, "tina", "revoke", 1)["state"] == "revoked"
    assert "grant 1 is revoked" in _grant(house, "mia", "approve", 1)
    assert "there is no grant 2" in _grant(house, "mia", "approve", 2)


def test_break_glass_and_its_review(house: Path) -> None:
    """It begins at once, for oneself and the columns of an approval, and is listed until somebody else has reviewed it."""
    assert _request(house, "tina", "--break-glass")["state"] == "active"
    assert "for oneself only" in _request(house, "theo", "--break-glass")
    assert "no approval lets tina" in _request(house, "tina", "--break-glass", columns="category=id_card")
    _grant(house, "mona", "revoke", 1)
    assert "to be reviewed" in _louver(house, "grant", "list").stdout
    assert "asked for or get" in _grant(house, "tina", "review", 1, "--note", "fine")
    assert not _grant(house, "mona", "review", 1, "--note", "was right")["to_be_reviewed"]
    assert _louver(house, "grant", "list").stdout == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--rows", "id = 1"), "--rows needs the tables"),
        (("--columns", "table=customers", "--rows", "id = 1) OR (true"), "--rows: a parenthesis"),
        (("--columns", "table=customers", "--rows", "id = 1; SELECT 1"), "--rows: "),
        (("--columns", "table=customers", "--rows", "id ="), "--rows: "),
        (("--columns", "table=orders"), "means no column of the dictionary"),
        (("--columns", "kind=phone"), "unknown key `kind`"),
        (("--columns", "phone"), "--columns takes KEY=VALUE"),
        (("--purpose", "fun"), "--purpose: `purpose` takes one of care"),
        (("--minutes", "20000"), "--minutes must be between 1 and 10080"),
        (("--for", "nobody"), "the users file has no user `nobody`"),
        (("--reason", " "), "--reason takes"),
    ],
)
def test_what_cannot_be_asked_for(house: Path, arguments: tuple[str, ...], said: str) -> None:
    """It is said what is wrong, and nothing is kept."""
    assert said in " ".join(_request(house, "tina", *arguments).split())
    assert json.loads(_louver(house, "grant", "list", "--all", "--format", "json").stdout) == []


def test_without_a_file_of_grants(house: Path) -> None:
    """The settings are named."""
    text = (house / "louver.yaml").read_text(encoding="utf-8").replace("grants: {file: grants.db}\n", "")
    (house / "louver.yaml").write_text(text, encoding="utf-8")
    done = _louver(house, "grant", "list")
    assert done.returncode == 1
    assert "has no `grants`" in done.stderr


def test_the_account_of_the_operating_system(house: Path) -> None:
    """Where the settings say so, nobody gives a password, and nobody is somebody else."""
    path = house / "louver.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("{file: grants.db}", "{file: grants.db, login: system}"))
    assert "grants.login: system" in _grant(house, "mona", "approve", 1)


def test_every_command_and_option_is_documented() -> None:
    """docs/grants.md has the commands, and the options of a request, and no others."""
    page = (Path(__file__).parents[3] / "docs" / "grants.md").read_text(encoding="utf-8")
    group = typer.main.get_command(grant_app)
    assert re.findall(r"^\| `louver grant (\w+)` ", page, re.MULTILINE) == list(group.commands)
    options = {option for each in group.commands["request"].params for option in each.opts if option.startswith("--")}
    assert set(re.findall(r"^\| `(--[\w-]+)` ", page, re.MULTILINE)) == options - {"--config", "--format"}
