"""Suites of others run by their own settings, wherever they are unpacked."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from conformance.leg import set_apart

if TYPE_CHECKING:
    from pathlib import Path


def test_a_suite_does_not_run_by_the_settings_of_who_runs_it(tmp_path: Path) -> None:
    """Unpacked below a project whose settings another pytest does not know, it runs; its own settings stay."""
    (tmp_path / "pyproject.toml").write_text('[tool.pytest.ini_options]\naddopts = "--strict-config"\nunheard = "of"\n')
    suite = tmp_path / "build" / "suite"
    suite.mkdir(parents=True)
    (suite / "test_it.py").write_text("def test_it(): pass\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    assert subprocess.run(command, cwd=suite, capture_output=True, check=False).returncode != 0
    set_apart(suite)
    assert subprocess.run(command, cwd=suite, capture_output=True, check=False).returncode == 0
    (suite / "pytest.ini").write_text("[pytest]\naddopts = -v\n")
    set_apart(suite)
    assert "-v" in (suite / "pytest.ini").read_text()
