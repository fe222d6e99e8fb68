"""Open files: the limit is raised as far as it goes, and connections that do not fit into it are told."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from louver import descriptors

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The process's limits, last one in force, in place of the system's."""
    kept = [(1024, 1064)]
    monkeypatch.setattr(resource, "getrlimit", lambda _: kept[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda _, both: kept.append(both))
    return kept


def test_the_limit_is_raised_to_the_hard_one(limits: list[tuple[int, int]]) -> None:
    """Once is enough: at the hard limit nothing is set any more."""
    descriptors.raise_limit()
    descriptors.raise_limit()
    assert limits == [(1024, 1064), (1064, 1064)]


def test_a_system_that_refuses_keeps_its_limit(limits: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be raised does not keep the proxy from starting."""

    def refuse(_: int, __: tuple[int, int]) -> None:
        raise ValueError("not allowed to raise maximum limit")

    monkeypatch.setattr(resource, "setrlimit", refuse)
    descriptors.raise_limit()
    assert limits == [(1024, 1064)]


@pytest.mark.usefixtures("limits")
def test_connections_that_do_not_fit_are_told_with_what_would() -> None:
    """Each connection takes two, 64 are for the rest: 500 fit into 1064, 501 do not."""
    assert descriptors.shortage(500) is None
    told = descriptors.shortage(501)
    assert told is not None
    assert "takes 1066 open files, and this process may have 1064" in told
    assert "lower limits.connections to 500" in told


def test_without_a_limit_everything_fits(limits: list[tuple[int, int]]) -> None:
    """An unlimited process is never short."""
    limits.append((1024, resource.RLIM_INFINITY))
    assert descriptors.shortage(1_000_000) is None


def test_check_warns_of_connections_that_do_not_fit(tmp_path: Path) -> None:
    """`louver check` says it beside its result, to people and to programs; it is no mistake of the configuration."""
    (tmp_path / "policies.yaml").write_text("version: 1\n", encoding="utf-8")
    settings = "upstream: {user: service, tls: {mode: disable}}\nlogin: relay\npolicies: policies.yaml\n"
    (tmp_path / "louver.yaml").write_text(settings + "limits: {connections: 300}\n", encoding="utf-8")
    under = ["/bin/sh", "-c", 'ulimit -n 400; exec "$@"', "sh", sys.executable, "-m", "louver", "check"]
    for form in ("text", "json"):
        done = subprocess.run(
            [*under, "--config", tmp_path / "louver.yaml", "--format", form], capture_output=True, text=True, check=True
        )
        warned = done.stderr if form == "text" else "".join(json.loads(done.stdout)["warnings"])
        assert "lower limits.connections to 168" in warned
