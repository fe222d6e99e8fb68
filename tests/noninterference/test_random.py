"""Random queries: the twins answer alike, byte for byte, and as the masked world does.

LOUVER_FUZZ_N sets how many, LOUVER_FUZZ_SEED which; the last line says how many ran, differed and were refused.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, seed, settings
from noninterference.grammar import queries
from noninterference.test_statements import compare, tell
from noninterference.wire import query

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fixtures.twins import Twins

EXAMPLES = int(os.environ.get("LOUVER_FUZZ_N", "150"))
SEED = int(os.environ.get("LOUVER_FUZZ_SEED") or "0")


@pytest.fixture(scope="module")
def tally(request: pytest.FixtureRequest) -> Iterator[Counter[str]]:
    """Give a count of what became of each query; it is printed at the end."""
    counts: Counter[str] = Counter()
    yield counts
    ran = counts["ran"]
    line = f"noninterference: {ran} ran, {counts['differed']} differed, {counts['refused']} refused, {counts['failed']} failed alike"
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print(f"\n{line} (seed {SEED})")  # noqa: T201  the result of a long run


@seed(SEED)
@settings(
    max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck), print_blob=False
)
@given(sql=queries())
def test_random_queries_tell_nothing(twins: Twins, tally: Counter[str], sql: str) -> None:
    """Any query is answered alike by the twins, and as the masked world answers it, or is refused."""
    tally["ran"] += 1
    tally["differed"] += 1
    a, b = (tell(twins.wire(world, "clerk"), [query(sql)])[0] for world in ("a", "b"))
    assert a == b
    world = tell(twins.wire("m"), [query(sql)])[0]
    stands = compare(a, world, ordered=False)
    assert stands in {"same", "refused"} or (a.sqlstates and world.sqlstates)
    tally["differed"] -= 1
    tally["refused"] += stands == "refused"
    tally["failed"] += bool(a.sqlstates) and stands != "refused"
