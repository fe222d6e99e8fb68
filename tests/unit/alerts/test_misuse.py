"""A made-up day with planted misuse: all of it is found, and nobody else is told of."""

from __future__ import annotations

from pathlib import Path

from benchmarks.alerts import score
from benchmarks.misuse import Traffic


def test_planted_misuse_is_found_and_nothing_else(tmp_path: Path) -> None:
    """Fifteen kinds on one day, after two weeks of ordinary ones; the false alarms of that day are counted, and none."""
    traffic = Traffic(tmp_path / "audit", seed=1, people=12, weeks=2)
    traffic.run()
    found = score(tmp_path / "audit", traffic, 2)
    assert found.missed == ()
    assert len(found.found) == 15
    assert sum(found.false.values()) == 0
    assert sum(found.before.values()) <= 3
    assert found.told == 15
