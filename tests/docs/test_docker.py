"""The container files fit the project: what they copy, run and mount exists."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import yaml

from louver.settings import Listen

_ROOT = Path(__file__).parents[2]
_DOCKERFILE = (_ROOT / "docker" / "Dockerfile").read_text(encoding="utf-8")
_COMPOSE = yaml.safe_load((_ROOT / "docker" / "compose.yaml").read_text(encoding="utf-8"))


def test_everything_that_the_image_copies_exists() -> None:
    """Each source of COPY is in the project, and every package of ours is copied."""
    sources = [
        word for line in re.findall(r"^COPY (?!--from)(.*)$", _DOCKERFILE, re.MULTILINE) for word in line.split()[:-1]
    ]
    assert all((_ROOT / source).exists() for source in sources)
    assert {"policies", "rewriter", "proxy", "audit", "louver"} <= set(sources)


def test_the_image_runs_without_rights_on_the_documented_port() -> None:
    """The last user is no name that could be root's, and the port is the default of the settings."""
    users = re.findall(r"^USER (\S+)$", _DOCKERFILE, re.MULTILINE)
    assert int(users[-1]) > 0
    assert f"EXPOSE {Listen().port}" in _DOCKERFILE


def test_the_composition_holds_together() -> None:
    """Services wait for services that exist, volumes are declared, the files' module is there, nothing is public."""
    services = _COMPOSE["services"]
    for service in services.values():
        assert set(service.get("depends_on", {})) <= set(services)
        for volume in service.get("volumes", []):
            assert volume.split(":")[0] in _COMPOSE["volumes"]
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:")
    assert importlib.util.find_spec(services["files"]["entrypoint"][2]) is not None
