"""The documents point at what exists: files, sections, commands, make targets."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import typer.main

from louver.cli import app

_ROOT = Path(__file__).parents[2]
_DOCUMENTS = [*sorted(_ROOT.glob("*.md")), *sorted((_ROOT / "docs").rglob("*.md"))]


def _anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", _DOCUMENTS, ids=lambda path: str(path.relative_to(_ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    """Every relative link of a document names a file that exists, and a heading of it."""
    text = re.sub(r"```.*?```", "", document.read_text(encoding="utf-8"), flags=re.DOTALL)
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (document.parent / name) if name else document
        if not path.exists() or (anchor and anchor not in _anchors(path)):
            broken.append(target)
    assert not broken


@pytest.mark.parametrize("document", _DOCUMENTS, ids=lambda path: str(path.relative_to(_ROOT)))
def test_named_source_files_exist(document: Path) -> None:
    """A source file that a document names, by its path in the project, is there."""
    named = set(
        re.findall(
            r"`((?:policies|rewriter|proxy|audit|louver|tests|docker|benchmarks)/[\w/.]+\.\w+)`",
            document.read_text(encoding="utf-8"),
        )
    )
    assert not sorted(name for name in named if not (_ROOT / name).exists())


def test_commands_of_the_documents_exist() -> None:
    """Every `louver ...` at a prompt is a command that exists, with options that it has."""
    command = typer.main.get_command(app)
    for document in _DOCUMENTS:
        for line in re.findall(r"^\$ louver (.*)$", document.read_text(encoding="utf-8"), re.MULTILINE):
            words = line.split(" #")[0].split()
            current = command
            while hasattr(current, "commands") and words and not words[0].startswith("-"):
                name = words.pop(0)
                assert name in current.commands, f"{document.name}: louver {line}"
                current = current.commands[name]
            known = {option for parameter in current.params for option in parameter.opts}
            for word in words:
                if re.fullmatch(r"--?[a-z][a-z-]*", word):
                    assert word in known | {"--help"}, f"{document.name}: louver {line}: {word}"


def test_make_targets_of_the_documents_exist() -> None:
    """Every `make target` in code is one that the Makefile has."""
    targets = set(re.findall(r"^([a-z]+):", (_ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for document in _DOCUMENTS:
        for target in re.findall(r"(?:`|^\$ )make ([a-z]+)", document.read_text(encoding="utf-8"), re.MULTILINE):
            assert target in targets, f"{document.name}: make {target}"


def test_make_help_lists_every_target() -> None:
    """`make help` is the default and names every target with what it does."""
    shown = subprocess.run(["make", "-s"], cwd=_ROOT, capture_output=True, text=True, check=True).stdout
    for target in ("demo", "test", "check", "bench", "fuzz"):
        assert re.search(rf"make {target} +\S", shown)
