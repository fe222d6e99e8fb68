"""Ways to learn of rows that are filtered away, on MySQL and MariaDB: the twins that differ in such rows alone answer the same."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from fixtures.twins_filtered_mysql import FilteredTwins

CASES: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "filters_mysql.yaml").read_text())
REFUSALS = frozenset({1142, 1143, 1064})


@pytest.mark.parametrize("case", CASES, ids=lambda case: (case.get("sql") or case["steps"][-1])[:70].strip())
def test_rows_that_are_filtered_away_are_not_there(filtered_twins: FilteredTwins, case: dict[str, Any]) -> None:
    """The trick works straight; through Louver both twins answer the same, as a database without the rows does."""
    steps = case.get("steps") or [case["sql"]]
    elsewhere = case.get("mariadb") if filtered_twins.house.server.flavour == "mariadb" else None
    if case.get("real", True) and elsewhere is None:
        straight = [filtered_twins.tell(world, steps, straight=True) for world in ("a", "b")]
        assert straight[0] != straight[1]
    a, b = (filtered_twins.tell(world, steps) for world in ("a", "b"))
    assert a == b
    said = repr(a)
    for step in steps:
        said = said.replace(step, "")
    assert "SENTINEL" not in said or any("SENTINEL" in step for step in steps)
    refused = a[-1][0] == "error" and a[-1][1] in REFUSALS
    assert ("refused" if refused else "shown") == (elsewhere or case["ends"]), a
    if case["ends"] == "shown" and "searched" not in case:
        assert plain(a) == plain(filtered_twins.tell("m", steps, straight=True))


def plain(answers: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Answers without the words of errors, in which Louver leaves out values."""
    return [answer[:2] if answer[0] == "error" else answer for answer in answers]
