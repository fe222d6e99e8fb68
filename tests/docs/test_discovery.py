"""docs/discovery.md says what the code says; its figures are held by tests/discovery."""

from __future__ import annotations

import re
from pathlib import Path

from louver.console import Exit
from louver.discovery.bounds import CHARACTERS, WHOLE_BYTES, Bounds
from policies.discovery.lexicon import ENGLISH
from policies.discovery.recognise import THRESHOLD
from policies.discovery.standards import load_pack, pack_names
from policies.entries import KEYS
from policies.positions import compose

_DOCUMENT = (Path(__file__).parents[2] / "docs" / "discovery.md").read_text(encoding="utf-8")


def _rows(heading: str) -> list[list[str]]:
    found = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", _DOCUMENT, re.MULTILINE | re.DOTALL)
    assert found is not None
    lines = [line for line in found[1].splitlines() if line.startswith("|")][2:]
    return [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in lines]


def test_every_category_is_listed() -> None:
    """And no other: writers of packs and rules look here."""
    (listed,) = re.findall(r"^Categories: (.*?)\.", _DOCUMENT, re.MULTILINE | re.DOTALL)
    assert re.findall(r"`(\w+)`", listed) == sorted(ENGLISH)


def test_the_packs_are_listed_with_their_titles() -> None:
    """Each pack that comes along."""
    titles = {row[0]: row[1] for row in _rows("Standards")}
    assert set(titles) == set(pack_names())
    for name in pack_names():
        assert titles[name].startswith(load_pack(name).title) or load_pack(name).title in titles[name]


def test_the_bounds_are_those_of_the_code() -> None:
    """Defaults of the options, and what of a value is read."""
    given = {row[2]: row[1] for row in _rows("What it asks of the database")}
    bounds = Bounds()
    assert given["--rows"] == str(bounds.rows)
    assert given["--bytes"] == f"{bounds.table_bytes // 2**20} MiB"
    assert float(given["--timeout"]) == bounds.seconds
    assert float(given["--pause"]) == bounds.pause
    assert f"the first {CHARACTERS} characters" in _DOCUMENT
    assert f"values over {WHOLE_BYTES // 1024} KiB" in _DOCUMENT
    assert f"{THRESHOLD} and more is proposed" in _DOCUMENT


def test_the_exit_codes_are_those_of_the_command() -> None:
    """Each that the table names exists."""
    codes = re.findall(r"^\| (\d) \|", _DOCUMENT, re.MULTILINE)
    assert [int(code) for code in codes] == [Exit.OK, Exit.PROBLEMS, Exit.USAGE, Exit.CHANGED]


def test_the_entry_of_the_page_is_one() -> None:
    """Its keys are those of a dictionary."""
    (block,) = re.findall(r"```yaml\n(version: 1\ndictionary:\n.*?)```", _DOCUMENT, re.DOTALL)
    root, problems = compose(block, "docs")
    assert root is not None
    assert problems == ()
    (entry,) = root.value["dictionary"].value.value  # type: ignore[index, union-attr]
    assert set(entry.value) <= set(KEYS)
