"""docs/statements-mysql.md against the table of the code: each names every kind of statement, under the same treatment."""

from __future__ import annotations

import re
from pathlib import Path

from rewriter.mysql.kinds import KINDS

PAGE = Path(__file__).parent.parent.parent / "docs" / "statements-mysql.md"
TREATMENTS = {
    "query": "what they read is substituted",
    "explain": "the statement inside is substituted",
    "call": "examined, passes as it is",
    "load": "examined, passes as it is",
    "prepare": "the statement inside is substituted",
    "run": "examined, passes as it is",
    "forget": "examined, passes as it is",
    "use": "examined, passes as it is",
    "definition": "examined, passes as it is",
    "setting": "passes but for what is listed above",
    "show": "passes but for what is listed above",
    "pass": "passes",
    "refuse": "refused",
}
"""How the page calls each way of the code."""


def test_the_page_and_the_code_have_the_same_kinds_of_statements() -> None:
    """A kind added to one of them, or treated in another way, has to be so in the other."""
    section = PAGE.read_text().split("### All kinds\n")[1].split("\n### ")[0]
    rows = re.findall(r"^\| ([^|]+) \| (`.+`) \|$", section, re.MULTILINE)
    written = {treatment: set(re.findall(r"`([^`]+)`", kinds)) for treatment, kinds in rows}
    known: dict[str, set[str]] = {}
    for kind in KINDS.values():
        known.setdefault(TREATMENTS[kind.way], set()).add(kind.label)
    assert written == known
