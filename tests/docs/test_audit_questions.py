"""The ten questions of docs/audit.md give the answers that the page shows, asked of the trail of one week in a small bank."""

from __future__ import annotations

import datetime as dt
import os
import re
import shlex
import sys
from pathlib import Path

import pytest
from fixtures.bank_week import NOW
from rich.console import Console
from typer.testing import CliRunner

from louver import entries
from louver.cli import app
from louver.commands import audit, proof, report

_PAGE = Path(__file__).parents[2] / "docs" / "audit.md"
_WIDTH = 118


def _shown() -> dict[str, str]:
    """Each command with its output, as the page has them."""
    (section,) = re.findall(
        r"^## Ten questions\n(.*?)(?=^## )", _PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    return dict(re.findall(r"```console\n\$ (louver audit .*?)\n(.*?)\n```", section, re.DOTALL))


class _Moment(dt.datetime):
    """A clock that stands."""

    @classmethod
    def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:
        return NOW.astimezone(tz)


def _ask(command: str, trail: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run a command as it stands there, on a terminal."""
    terminal = Console(force_terminal=True, color_system=None, width=_WIDTH, soft_wrap=True, highlight=False)
    for module in (entries, proof):
        monkeypatch.setattr(module, "out", terminal)
    for module in (audit, report):
        monkeypatch.setattr(module, "datetime", _Moment)
    monkeypatch.chdir(trail.parent)
    words = shlex.split(command)[1:]
    done = CliRunner().invoke(app, [*words[:2], "--directory", str(trail), *words[2:]])
    assert done.exit_code == 0, f"{command}: {done.stderr}"
    return "\n".join(line.rstrip() for line in done.stdout.splitlines()).strip("\n")


def test_there_are_ten() -> None:
    """At least."""
    assert len(_shown()) >= 10


@pytest.mark.parametrize("command", _shown())
def test_the_page_shows_what_the_command_answers(
    command: str, bank_week: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Line by line. LOUVER_WRITE_PAGE=1 writes the answers into the page, to be read by somebody."""
    answer = _ask(command, bank_week, monkeypatch)
    if os.environ.get("LOUVER_WRITE_PAGE"):
        text = _PAGE.read_text(encoding="utf-8")
        _PAGE.write_text(
            text.replace(f"{command}\n{_shown()[command]}\n```", f"{command}\n{answer}\n```"), encoding="utf-8"
        )
    assert answer == _shown()[command], f"LOUVER_WRITE_PAGE=1 {sys.executable} -m pytest {Path(__file__).name}"
