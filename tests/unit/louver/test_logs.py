"""The operational log: commands that speak for themselves silence it, and only as long as they run."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from louver.cli import app
from louver.logs import silence

if TYPE_CHECKING:
    from pathlib import Path


def test_silence_ends(caplog: pytest.LogCaptureFixture) -> None:
    """With what it was for, whatever comes of that."""
    log = logging.getLogger("anything")
    with contextlib.suppress(ValueError), silence():
        log.error("unheard")
        raise ValueError
    log.error("heard")
    assert [record.message for record in caplog.records] == ["heard"]


@pytest.mark.parametrize(
    "command", [("diff", "absent.yaml", "absent.yaml", "--users", "absent.yaml"), ("preview", "--as", "tina", "t")]
)
def test_a_command_leaves_the_log_as_it_was(command: tuple[str, ...], tmp_path: Path) -> None:
    """A program that runs one goes on after it."""
    done = CliRunner().invoke(app, list(command), env={"LOUVER_CONFIG": str(tmp_path / "absent.yaml")})
    assert done.exit_code != 0
    assert logging.root.manager.disable == logging.NOTSET
