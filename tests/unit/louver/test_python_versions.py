"""Nothing in the source needs more than the oldest Python that is promised, which Debian 12 has: 3.11.2."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[3]
_SOURCES = [p for name in ("policies", "rewriter", "proxy", "audit", "louver") for p in (_ROOT / name).rglob("*.py")]


@pytest.mark.parametrize("source", _SOURCES, ids=lambda path: str(path.relative_to(_ROOT)))
def test_no_possessive_groups(source: Path) -> None:
    """Python before 3.11.5 matches possessive and atomic groups wrongly (gh-106052), without an error."""
    found = re.findall(r"\)[*+?]\+|\)\{+\d*,?\d*\}+\+|\(\?>", source.read_text(encoding="utf-8"))
    assert not found
