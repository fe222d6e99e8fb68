"""`louver serve` and `louver explain` as they run: starting, refusing to start, reloading, ending."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import psycopg
import pytest
from fixtures.waiting import until
from typer.testing import CliRunner

from audit.reader import records
from louver.cli import app
from louver.demo.stage import Stage, open_stage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """Give the demo's database and proxy."""
    with open_stage() as stage:
        yield stage


def _louver(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "louver", *map(str, arguments)], capture_output=True, text=True, check=False, timeout=60
    )


def _another(stage: Stage, directory: Path, *, port: int, audit: str) -> Path:
    """Write the stage's settings anew with another port and trail."""
    text = stage.config.read_text(encoding="utf-8")
    text = text.replace(f"port: {stage.port}}}", f"port: {port}}}").replace("directory: audit", f"directory: {audit}")
    for name in ("louver.crt", "louver.key", "service-password", "users.yaml", "policies.yaml", "secret"):
        text = text.replace(f": {name}", f": {stage.directory / name}")
    config = directory / "louver.yaml"
    config.write_text(text, encoding="utf-8")
    return config


def _phone(stage: Stage, user: str) -> str:
    with psycopg.connect(stage.url(user)) as connection:
        row = connection.execute("SELECT phone FROM customers WHERE id = 1").fetchone()
    assert row is not None
    return str(row[0])


def test_a_port_in_use_is_said(stage: Stage, tmp_path: Path) -> None:
    """A second proxy on the same port ends with 1 and names the address."""
    config = _another(stage, tmp_path, port=stage.port, audit=str(tmp_path / "audit"))
    done = _louver("serve", "--config", config)
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{stage.port}" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_trail_in_use_is_said(stage: Stage, tmp_path: Path) -> None:
    """Two proxies never write one trail."""
    config = _another(stage, tmp_path, port=0, audit=str(stage.directory / "audit"))
    done = _louver("serve", "--config", config)
    assert done.returncode == 1
    assert "is being written by process" in done.stderr


def test_sigterm_ends_with_0_and_closes_the_trail(stage: Stage, tmp_path: Path) -> None:
    """A proxy that is told to stop says so in its trail, which is then complete."""
    config = _another(stage, tmp_path, port=0, audit=str(tmp_path / "audit"))
    config.write_text(config.read_text(encoding="utf-8") + "log: {format: json}\n", encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, "-m", "louver", "serve", "--config", config], stderr=subprocess.PIPE, text=True
    ) as proxy:
        assert proxy.stderr is not None
        first = json.loads(proxy.stderr.readline())
        assert first["message"].startswith("listening on 127.0.0.1:")
        port = int(first["message"].split(" for ")[0].rsplit(":", 1)[1])
        with socket.create_connection(("127.0.0.1", port), 30):
            pass
        proxy.send_signal(signal.SIGTERM)
        assert proxy.wait(60) == 0
    events = [record["event"] for record in records(tmp_path / "audit")]
    assert "started" in events
    assert "stopped" in events
    assert _louver("audit", "verify", "--directory", tmp_path / "audit").returncode == 0


def test_sighup_reloads_policies_and_keeps_the_old_ones_on_a_mistake(stage: Stage) -> None:
    """New policies hold for the next statement; a file with a mistake changes nothing."""
    policies = stage.directory / "policies.yaml"
    original = policies.read_text(encoding="utf-8")
    masked = _phone(stage, "teller")
    assert "*" in masked
    try:
        policies.write_text(original.replace("keep_last: 4", "keep_last: 2"), encoding="utf-8")
        _reload(stage)
        until(lambda: _phone(stage, "teller") == masked[:-4] + masked[-2:])
        policies.write_text("version: 7\n", encoding="utf-8")
        _reload(stage)
        told = lambda: [each for each in records(stage.directory / "audit") if each.get("what") == "policies"]  # noqa: E731
        until(lambda: told() and not told()[-1]["ok"], "the mistake is noticed")
        assert _phone(stage, "teller") == masked[:-4] + masked[-2:]
    finally:
        policies.write_text(original, encoding="utf-8")
        _reload(stage)
    until(lambda: _phone(stage, "teller") == masked)


def _reload(stage: Stage) -> None:
    """Send SIGHUP to the proxy itself, which holds the lock of its trail."""
    pid = int((stage.directory / "audit" / "lock").read_text(encoding="ascii"))
    subprocess.run(["kill", "-HUP", str(pid)], check=True)


@pytest.mark.parametrize(
    ("user", "sql", "verdict", "words"),
    [
        ("teller", "SELECT phone FROM customers", "rewritten", "tellers recognise a phone number and a card"),
        ("teller", "SELECT count(*) FROM branches", "unchanged", ""),
        ("teller", "SELECT salary FROM employees", "refused", "salaries are nobody's business"),
        ("teller", "SELECT * FROM no_such_table", "refused", "no_such_table"),
        ("teller", "SELECT FROM WHERE", "refused", "syntax error"),
        ("auditor", "SELECT * FROM customers", "unchanged", "as it is"),
        ("manager", "", "world", "on rows where region = 'east'"),
    ],
)
def test_explain_says_what_the_proxy_would_do(stage: Stage, user: str, sql: str, verdict: str, words: str) -> None:
    """The verdict, the rule and the SQL are those of the proxy; JSON holds them all."""
    where = ["explain", "--config", str(stage.config), "--as", user, "-d", "bank"]
    done = CliRunner().invoke(app, [*where, "-f", "json", sql])
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    assert answer["verdict"] == verdict
    assert words in json.dumps(answer, ensure_ascii=False)
    assert (answer["sent"] is None) == (verdict in {"refused", "world"})
    assert words in CliRunner().invoke(app, [*where, sql]).stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--as", "nobody", "-d", "bank"], "nothing is known of a user `nobody`"),
        (["--as", "teller", "-d", "nothing"], "cannot read `nothing`"),
    ],
)
def test_explain_says_what_it_cannot_do(stage: Stage, arguments: list[str], message: str) -> None:
    """Unknown users and databases end with 1 and a message, not a traceback."""
    done = _louver("explain", "--config", stage.config, *arguments, "SELECT 1")
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
