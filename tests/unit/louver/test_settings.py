"""The settings file: what it gives, and where its mistakes are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from louver.settings import SettingsError, all_keys, load_settings, parse_settings

if TYPE_CHECKING:
    from pathlib import Path

_LEAST = "upstream: {user: service}\npolicies: policies.yaml\nusers: users.yaml\n"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "policies.yaml").write_text("version: 1\n", encoding="utf-8")
    (tmp_path / "tls.pem").write_text("", encoding="utf-8")
    (tmp_path / "password").write_text("from the file\n", encoding="utf-8")
    return tmp_path


def _problems(text: str, directory: Path, environment: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        parse_settings(text, file="louver.yaml", directory=directory, environment=environment or {})
    return [str(problem) for problem in caught.value.problems]


def test_the_least_file_gives_the_defaults(directory: Path) -> None:
    """Three keys are enough; paths are relative to the file's directory."""
    settings = parse_settings(_LEAST, file="louver.yaml", directory=directory)
    assert settings.policies == directory / "policies.yaml"
    assert settings.users == directory / "users.yaml"
    assert settings.audit.directory == directory / "audit"
    assert (settings.login, settings.on_failure, settings.listen.host) == ("own", "deny", "127.0.0.1")
    assert settings.upstream.tls.mode == "verify-full"


def test_a_full_file_is_read(directory: Path) -> None:
    """Every section's values arrive in the settings, defaults fill what a section leaves out."""
    text = """
listen: {host: 0.0.0.0, port: 5433}
tls: {certificate: tls.pem, key: tls.pem, required: true}
upstream:
  host: db.example
  user: service
  password: "p w"
  connect_seconds: 2.5
  tls: {mode: verify-ca, ca: tls.pem}
login: relay
policies: policies.yaml
audit: {sync: always, segment_bytes: 1000000}
limits: {connections: 10, connections_per_user: 10, idle_seconds: 600}
timezone: Asia/Shanghai
log: {format: json}
"""
    settings = parse_settings(text, file="louver.yaml", directory=directory)
    assert settings.listen.port == 5433
    assert settings.tls is not None
    assert settings.tls.required
    assert settings.upstream.password == "p w"
    assert settings.upstream.tls.ca == directory / "tls.pem"
    assert settings.audit.sync == "always"
    assert settings.audit.directory == directory / "audit"
    assert settings.limits.idle_seconds == 600
    assert settings.timezone == "Asia/Shanghai"


def test_all_mistakes_are_reported_at_once_with_their_places(directory: Path) -> None:
    """A file with several mistakes gives each with line and column, and a suggestion where one is near."""
    text = """upstream: {user: service, prot: 1}
policies: missing.yaml
listen: {port: 70000}
login: rely
users: users.yaml
limits: {login_seconds: soon}
"""
    problems = _problems(text, directory)
    assert [problem.split(" ")[0] for problem in problems] == [
        "louver.yaml:1:27:",
        "louver.yaml:2:11:",
        "louver.yaml:3:16:",
        "louver.yaml:4:8:",
        "louver.yaml:6:25:",
    ]
    assert "did you mean `port`?" in problems[0]
    assert "did you mean `relay`?" in problems[3]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("policies: policies.yaml\nusers: u\n", "needs the key `upstream`"),
        ("upstream: {user: s}\npolicies: policies.yaml\n", "`login: own` needs `users`"),
        (_LEAST + "on_failure: pass\n", "is not available in this version"),
        (_LEAST + "audit: {shown: 1000000}\n", "`audit.shown` must be between 0 and 10000"),
        (_LEAST + "timezone: Mars/Olympus\n", "`Mars/Olympus` is no time zone"),
        (_LEAST + "limits: {connections: 5, connections_per_user: 6}\n", "is more than `limits.connections` (5)"),
        (_LEAST + "limits: {statement_bytes: 1024}\n", "`limits.analysed_bytes` is more than"),
        (_LEAST.replace("{user: service}", "{user: s, tls: {key: tls.pem}}"), "go together"),
        (_LEAST.replace("{user: service}", "{user: s, password: a, password_env: B}"), "are both given"),
        (_LEAST.replace("{user: service}", "{user: s, password_env: NOT_SET}"), "no variable `NOT_SET`"),
    ],
)
def test_a_mistake_is_named(text: str, message: str, directory: Path) -> None:
    """Each mistake that spans keys has a message that says what to do."""
    assert any(message in problem for problem in _problems(text, directory))


@pytest.mark.parametrize(
    ("source", "expected"), [("password_file: password", "from the file"), ("password_env: PW", "from env")]
)
def test_the_password_comes_from_where_it_lies(source: str, expected: str, directory: Path) -> None:
    """A file's one line or a variable of the environment gives the service account's password."""
    text = _LEAST.replace("{user: service}", f"{{user: s, {source}}}")
    settings = parse_settings(text, file="louver.yaml", directory=directory, environment={"PW": "from env"})
    assert settings.upstream.password == expected
    assert expected not in repr(settings)


def test_a_file_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    """A missing file is reported like every other mistake."""
    with pytest.raises(SettingsError, match="cannot read the file"):
        load_settings(tmp_path / "nowhere.yaml")


def test_every_key_says_what_it_takes() -> None:
    """No key is without a kind; numbers have limits and a unit, choices have their words."""
    for name, key, _ in all_keys():
        assert key.kind != "section", name
        assert (key.kind in {"integer", "number"}) == (key.maximum > 0), name
        assert bool(key.choices) == (key.kind == "choice" or (key.kind == "texts" and not key.unit)), name
        assert key.unit or key.choices or key.kind in {"boolean", "secret"}, name


@pytest.mark.parametrize(("audit", "line"), [("{statement_text: encrypted}", 4), ("{text_key: tls.pem}", 4)])
def test_encrypted_texts_and_their_key_go_together(directory: Path, audit: str, line: int) -> None:
    """A key without the setting would look as if texts were sealed; the setting without a key can seal nothing."""
    (problem,) = _problems(f"{_LEAST}audit: {audit}\n", directory)
    assert problem.startswith(f"louver.yaml:{line}:")
    assert "go together" in problem
    both = f"{_LEAST}audit: {{statement_text: encrypted, text_key: tls.pem}}\n"
    assert parse_settings(both, file="louver.yaml", directory=directory).audit.text_key == (directory / "tls.pem",)
    several = f"{_LEAST}audit: {{statement_text: encrypted, text_key: [tls.pem, tls.pem]}}\n"
    assert (
        parse_settings(several, file="louver.yaml", directory=directory).audit.text_key == (directory / "tls.pem",) * 2
    )
    (problem,) = _problems(f"{_LEAST}audit: {{statement_text: encrypted, text_key: [tls.pem, none.pem]}}\n", directory)
    assert "names no file" in problem
