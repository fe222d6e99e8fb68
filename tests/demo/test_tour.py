"""The demo as a visitor runs it, and its own checking of what it shows."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from fixtures.waiting import until

from louver.demo.bank import make_bank
from louver.demo.tour import Step, faults, scenes

if TYPE_CHECKING:
    from collections.abc import Iterator


def test_the_tour_shows_what_it_should_and_ends_with_0() -> None:
    """`louver demo --once` runs through, plain in a pipe, and says that its answers are right."""
    done = subprocess.run(
        [sys.executable, "-m", "louver", "demo", "--once"], capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    assert "answers are all as they should be" in done.stdout
    assert "\x1b" not in done.stdout
    for person in ("teller", "manager", "auditor", "bi"):
        assert f"psql as {person}" in done.stdout


@pytest.fixture
def _interruptible() -> Iterator[None]:
    """Let what is started take SIGINT, which a shell has its background jobs, tests among them, ignore."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_interruptible")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_demo_stays_until_it_is_told_to_end(number: signal.Signals) -> None:
    """After the tour it prints working connection lines; Ctrl-C or SIGTERM ends everything it started."""
    with subprocess.Popen([sys.executable, "-m", "louver", "demo"], stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        try:
            lines = iter(demo.stdout.readline, "")
            line = next(line.strip() for line in lines if "psql" in line and "postgresql://auditor:" in line)
            psql, url = line.replace("'", "").split()
            asked = [psql, "-X", "-A", "-t", "-d", url, "-c", "SELECT count(*) FROM customers"]
            assert subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip() == "200"
            config = next(line for line in lines if "audit tail" in line).split()[-1]
            assert Path(config).exists()
            demo.send_signal(number)
            rest = demo.stdout.read()
        finally:
            demo.terminate()  # a failure would leave it, and wait for it
    assert "Gone" in rest
    assert demo.returncode == 0
    assert not Path(config).parent.exists()
    assert subprocess.run(asked, capture_output=True, check=False).returncode != 0


def test_a_killed_demo_leaves_nothing() -> None:
    """After kill -9 the proxy and the database end by themselves and their directories are gone."""
    with subprocess.Popen([sys.executable, "-m", "louver", "demo"], stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        lines = iter(demo.stdout.readline, "")
        url = next(line.replace("'", "").split()[1] for line in lines if "postgresql://auditor:" in line)
        config = Path(next(line for line in lines if "audit tail" in line).split()[-1])
        upstream = re.search(r"ca: (.*)/server.crt", config.read_text(encoding="utf-8"))
        assert upstream is not None
        demo.kill()
    until(lambda: not config.parent.exists() and not Path(upstream[1]).exists(), "the directories go")
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", int(url.split(":")[-1].split("/")[0]))) != 0


@pytest.mark.parametrize(
    ("step", "text", "status", "fault"),
    [
        (Step("teller", shows=("a",)), "b", 0, "should be shown"),
        (Step("teller", hides=("13912345678",)), "phone: 139123\n   45678", 0, "should be hidden"),
        (Step("teller", hides=("13912345678",)), "139\x1b[1m12345678", 0, "should be hidden"),
        (Step("teller"), "", 1, "failed"),
        (Step("teller", succeeds=False), "", 0, "should have failed"),
    ],
)
def test_a_wrong_answer_is_a_fault(step: Step, text: str, status: int, fault: str) -> None:
    """What is missing, what leaks (even broken over lines or coloured) and a wrong ending are all reported."""
    found = list(faults(step, text, status))
    assert len(found) == 1
    assert fault in found[0]


def test_right_answers_have_no_fault() -> None:
    """A step whose words are all there, and none that should not, is fine."""
    assert not list(faults(Step("teller", shows=("139",), hides=("13912345678",)), "139****5678", 0))


def test_every_clear_value_of_the_first_scene_is_hidden_from_someone() -> None:
    """The tour checks the teller's and the analyst's answers against the bank's real values."""
    bank = make_bank()
    first = scenes(bank)[0]
    hidden = {step.user: step.hides for step in first.steps}
    for customer, account in ((bank.customers[0], bank.accounts[0]), (bank.customers[1], bank.accounts[1])):
        assert {str(customer[6]), str(account[2])} <= set(hidden["teller"])
        assert {str(customer[3]), str(customer[4]), str(customer[6]), str(account[2])} <= set(hidden["bi"])
    assert not hidden["auditor"]
