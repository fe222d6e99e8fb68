"""Ways to learn of rows that are filtered away: the twins that differ in such rows alone answer the same, as if there were none."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from bypass.test_statements import refused, tell, unordered
from noninterference.wire import SYNC, bind, describe, execute, parse, query

if TYPE_CHECKING:
    from fixtures.twins import Twins
    from noninterference.wire import Answer

CASES: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "filters.yaml").read_text())


def ways(case: dict[str, Any]) -> dict[str, list[list[bytes]]]:
    """The messages of each way to send a case."""
    texts = case.get("steps") or [case["sql"]]
    found = {"simple": [[query(text)] for text in texts]}
    if not any("STDIN" in text or "STDOUT" in text for text in texts):
        found["extended"] = [[parse(text), bind(), describe("P"), execute(), SYNC] for text in texts]
    return found


def plain(answers: list[Answer], sql: str) -> list[Any]:
    """What a client sees, in no order where none is asked for."""
    return [(sorted(a.rows, key=repr) if "ORDER BY" not in sql else a.rows, a.tags, a.sqlstates) for a in answers]


@pytest.mark.parametrize("case", CASES, ids=lambda case: (case.get("sql") or case["steps"][-1])[:70].strip())
def test_rows_that_are_filtered_away_are_not_there(filter_twins: Twins, case: dict[str, Any]) -> None:
    """The trick works straight; through Louver both twins answer the same bytes, those of a database without the rows."""
    sql = case.get("sql") or case["steps"][-1]
    for way, steps in ways(case).items():
        if case.get("real", True):
            straight = [tell(filter_twins.wire(world), steps) for world in ("a", "b")]
            assert unordered(straight[0], sql) != unordered(straight[1], sql), way
        a, b = (tell(filter_twins.wire(world, "clerk"), steps) for world in ("a", "b"))
        assert [sorted(map(repr, x.messages)) for x in a] == [sorted(map(repr, x.messages)) for x in b], way
        raw = b"\n".join(answer.raw for answer in a).replace(sql.encode(), b"")
        assert b"SENTINEL" not in raw
        assert not a[-1].ended, way
        assert ("refused" if refused(a) else "shown") == case["ends"].replace("unknown", "shown"), a
        if case["ends"] == "shown" and "searched" not in case:
            assert plain(a, sql) == plain(tell(filter_twins.wire("m"), steps), sql), way
