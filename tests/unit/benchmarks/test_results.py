"""Ratios are between runs of the same round, and the document has the keys that others read."""

from __future__ import annotations

import pytest

from benchmarks.auditing import section
from benchmarks.large import Transfer
from benchmarks.load import Point, Sample
from benchmarks.memory import Memory
from benchmarks.results import document, nested, paired, projected_ratios, rulings, throughput_ratios, transfer_ratio
from benchmarks.rewriting import Ruled

_ONE, _EIGHT = Point("prepared", 1), Point("prepared", 8)


def _samples() -> list[Sample]:
    """Three rounds; in the second the machine was ten times slower for both."""
    samples = []
    for pace in (1.0, 0.1, 1.0):
        for point in (_ONE, _EIGHT):
            samples.append(Sample("direct", point, 40_000 * pace, None, 40.0))
            samples.append(Sample("pgbouncer", point, 20_000 * pace, 20.0, 60.0))
            samples.append(Sample("allow_all", point, 18_000 * pace, 30.0, 75.0))
            samples.append(Sample("masked", point, 16_000 * pace, 50.0, 80.0))
    return samples


@pytest.mark.parametrize(
    ("values", "bases", "expected"),
    [([9.0, 1.0, 8.0], [10.0, 1.0, 10.0], 0.9), ([1.0], [], None), ([], [], None), ([4.0, 9.0], [2.0], 2.0)],
)
def test_rounds_are_compared_pairwise(values: list[float], bases: list[float], expected: float | None) -> None:
    """The median of the rounds' own ratios, not the ratio of medians; a round of one side alone does not count."""
    assert paired(values, bases) == expected


def test_a_slow_round_changes_no_ratio() -> None:
    """What weighs on all ways alike drops out."""
    assert throughput_ratios(_samples(), "allow_all", "pgbouncer") == {
        _ONE: pytest.approx(0.9),
        _EIGHT: pytest.approx(0.9),
    }
    assert throughput_ratios(_samples(), "masked", "direct")[_ONE] == pytest.approx(0.4)


def test_processor_time_says_what_a_quiet_machine_gives() -> None:
    """With all processors busy the sum of all counts, with few the proxy's own, and one client uses one at a time."""
    busy = projected_ratios(_samples(), "allow_all", "pgbouncer", 2)
    assert busy == {_ONE: pytest.approx(60 / 75), _EIGHT: pytest.approx(60 / 75)}
    spare = projected_ratios(_samples(), "masked", "pgbouncer", 16)
    assert spare == {_ONE: pytest.approx(60 / 80), _EIGHT: pytest.approx(20 / 50)}
    assert projected_ratios(_samples(), "masked", "nobody", 2) == {}


def test_values_nest_by_mode_and_clients() -> None:
    """Every level has its median."""
    values = {_ONE: 0.5, _EIGHT: 0.7, Point("simple", 1): 0.9}
    assert nested(values) == {
        "prepared": {"1": 0.5, "8": 0.7, "median": 0.6},
        "simple": {"1": 0.9, "median": 0.9},
        "median": 0.7,
    }
    assert nested({}) == {}


def test_large_results_compare_throughput() -> None:
    """Twice the seconds is half the throughput."""
    transfers = [Transfer("direct", "copy", 0.5, 100, None), Transfer("allow_all", "copy", 1.0, 100, 0.2)]
    assert transfer_ratio(transfers, "allow_all", "copy") == 0.5
    assert transfer_ratio(transfers, "pgbouncer", "copy") is None


def test_the_document_has_the_keys_that_others_read() -> None:
    """Ratios, throughput, processor time, large results and memory stand where the issue says."""
    transfers = [
        Transfer(leg, kind, seconds, 100, None)
        for kind in ("select", "copy")
        for leg, seconds in (("direct", 0.9), ("pgbouncer", 1.0), ("allow_all", 1.0))
    ]
    memories = [Memory("allow_all", 50.0, 80.0), Memory("masked", 50.0, 90.0)]
    found = document(_samples(), transfers, memories, processors=2)
    assert found["pgbench"]["allow_all_vs_pgbouncer"]["median"] == 0.9
    assert found["pgbench"]["masked_vs_pgbouncer"]["prepared"] == {"1": 0.8, "8": 0.8, "median": 0.8}
    assert found["pgbench"]["tps"]["direct"]["prepared"]["1"] == 40_000
    assert found["pgbench"]["cpu_us_per_transaction"]["masked"]["median"] == 50.0
    assert "direct" not in found["pgbench"]["cpu_us_per_transaction"]
    assert found["large"]["select_vs_direct"] == found["large"]["copy_vs_direct"] == 0.9
    assert found["large"]["pgbouncer_select_vs_direct"] == 0.9
    assert found["memory"]["rss_mb_500_idle"] == 90.0


def test_without_pgbouncer_there_is_a_ratio_against_direct() -> None:
    """The ratio that cannot be had is null, and nothing is put in its place."""
    samples = [sample for sample in _samples() if sample.leg != "pgbouncer"]
    found = document(samples, [], [], processors=2)
    assert found["pgbench"]["allow_all_vs_pgbouncer"] is None
    assert found["pgbench"]["allow_all_vs_direct"]["median"] == 0.45
    assert set(found) == {"pgbench"}


def test_rulings_stand_by_statement() -> None:
    """Each statement has its time, its size and its goal."""
    found = rulings([Ruled("point query", 53, 140.2, 150, "rewrite")])
    assert found == {"point query": {"size": 53, "us": 140.2, "goal_us": 150, "ruling": "rewrite"}}


def test_what_a_trail_leaves_is_told_by_mode_and_clients() -> None:
    """A slow round weighs on both, and the throughput without a trail is the measure."""
    samples = []
    for pace in (1.0, 0.1, 1.0):
        for point in (_ONE, _EIGHT):
            samples.append(Sample("none", point, 20_000 * pace, 20.0, 60.0))
            samples.append(Sample("interval", point, 18_000 * pace, 24.0, 64.0))
    told = section(samples)
    assert told["interval_vs_none"] == {"prepared": {"1": 0.9, "8": 0.9, "median": 0.9}, "median": 0.9}
    assert told["projected_interval_vs_none"]["median"] == pytest.approx(60 / 64, abs=1e-4)
    assert told["tps"]["none"]["prepared"]["8"] == 20_000
