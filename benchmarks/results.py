"""From samples to ratios, and to the document that build/bench.json holds.

A ratio compares runs of the same round, which ran one after the other, and the median over the rounds is taken: what
else the machine does at that minute weighs on both. Pure: no clock, no process, no file.
"""

from __future__ import annotations

from dataclasses import asdict
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from benchmarks.large import Transfer
    from benchmarks.load import Point, Sample
    from benchmarks.memory import Memory
    from benchmarks.rewriting import Ruled

GOALS: Mapping[str, float] = {
    "allow_all_vs_pgbouncer": 0.80,
    "masked_vs_pgbouncer": 0.75,
    "select_vs_direct": 0.85,
    "copy_vs_direct": 0.85,
    "rss_mb_500_idle": 100.0,
}
"""What is to be reached: at least, for the ratios; at most, for the memory. Masked counts in extended and prepared."""


def paired(values: Sequence[float], bases: Sequence[float]) -> float | None:
    """Return the median over the rounds of value / base; None without a round that has both."""
    ratios = [value / base for value, base in zip(values, bases, strict=False)]
    return median(ratios) if ratios else None


def by_point(samples: Iterable[Sample], leg: str, value: Callable[[Sample], float | None]) -> dict[Point, list[float]]:
    """Return the values of one leg, round after round, by point; those that are None are left out."""
    found: dict[Point, list[float]] = {}
    for sample in samples:
        taken = value(sample) if sample.leg == leg else None
        if taken is not None:
            found.setdefault(sample.point, []).append(taken)
    return found


def throughput_ratios(samples: Sequence[Sample], leg: str, base: str) -> dict[Point, float]:
    """Return throughput of `leg` over that of `base` for every point that both have."""
    own = by_point(samples, leg, lambda sample: sample.tps)
    other = by_point(samples, base, lambda sample: sample.tps)
    ratios = {point: paired(values, other.get(point, [])) for point, values in own.items()}
    return {point: ratio for point, ratio in ratios.items() if ratio is not None}


def projected(samples: Sequence[Sample], leg: str, processors: int) -> dict[Point, float]:
    """Return the throughput that the processor time allows on so many processors with nothing else to do.

    Either all processors are busy (as many as there are clients, at most), or the proxy's one is.
    """
    everything = medians(samples, leg, lambda sample: sample.all_us)
    proxy = medians(samples, leg, lambda sample: sample.cpu_us)
    return {
        point: 1e6 * min(min(processors, point.clients) / everything[point], 1 / max(proxy.get(point, 0.0), 1e-3))
        for point in everything
    }


def projected_ratios(samples: Sequence[Sample], leg: str, base: str, processors: int) -> dict[Point, float]:
    """Return projected throughput of `leg` over that of `base` for every point that both have."""
    own, other = projected(samples, leg, processors), projected(samples, base, processors)
    return {point: value / other[point] for point, value in own.items() if point in other}


def medians(samples: Sequence[Sample], leg: str, value: Callable[[Sample], float | None]) -> dict[Point, float]:
    """Return the median over the rounds by point."""
    return {point: median(values) for point, values in by_point(samples, leg, value).items()}


def nested(values: Mapping[Point, float]) -> dict[str, Any]:
    """Return {mode: {clients: value, "median": ...}, "median": ...} for the document."""
    document: dict[str, Any] = {}
    for point, value in values.items():
        document.setdefault(point.mode, {})[str(point.clients)] = round(value, 4)
    for mode in document.values():
        mode["median"] = round(median(mode.values()), 4)
    if values:
        document["median"] = round(median(values.values()), 4)
    return document


def transfer_ratio(transfers: Sequence[Transfer], leg: str, kind: str) -> float | None:
    """Return the throughput of large results over `leg` in parts of the direct way's."""
    own = [transfer.seconds for transfer in transfers if transfer.leg == leg and transfer.kind == kind]
    direct = [transfer.seconds for transfer in transfers if transfer.leg == "direct" and transfer.kind == kind]
    return paired(direct, own)


def document(
    samples: Sequence[Sample], transfers: Sequence[Transfer], memories: Sequence[Memory], *, processors: int
) -> dict[str, dict[str, Any]]:
    """Return what was measured as sections of the JSON document; what was not measured has no section.

    `processors` is what projections are for.
    """
    sections: dict[str, dict[str, Any]] = {}
    if samples:
        sections["pgbench"] = _pgbench(samples, processors)
    if transfers:
        sections["large"] = _large(transfers)
    if memories:
        sections["memory"] = {
            "rss_mb_500_idle": round(max(memory.idle_mb for memory in memories), 1),
            "legs": [asdict(memory) for memory in memories],
        }
    return sections


def rulings(ruled: Iterable[Ruled]) -> dict[str, Any]:
    """Return the section `rewriter`: by statement, its bytes, the microseconds of its ruling, and the goal where one is set."""
    return {each.name: {key: value for key, value in asdict(each).items() if key != "name"} for each in ruled}


def _pgbench(samples: Sequence[Sample], processors: int) -> dict[str, Any]:
    legs = dict.fromkeys(sample.leg for sample in samples)
    section: dict[str, Any] = {}
    for base in ("pgbouncer", "direct"):
        for leg in ("allow_all", "masked"):
            section[f"{leg}_vs_{base}"] = nested(throughput_ratios(samples, leg, base)) if base in legs else None
            expected = nested(projected_ratios(samples, leg, base, processors)) if base in legs else None
            section[f"projected_{leg}_vs_{base}"] = expected
    section["tps"] = {leg: nested(medians(samples, leg, lambda sample: sample.tps)) for leg in legs}
    section["cpu_us_per_transaction"] = {
        leg: nested(medians(samples, leg, lambda sample: sample.cpu_us)) for leg in legs if leg != "direct"
    }
    section["cpu_us_per_transaction_in_all"] = {
        leg: nested(medians(samples, leg, lambda sample: sample.all_us)) for leg in legs
    }
    return section


def _large(transfers: Sequence[Transfer]) -> dict[str, Any]:
    section: dict[str, Any] = {}
    runs = dict.fromkeys((transfer.leg, transfer.kind) for transfer in transfers)
    seconds: dict[str, dict[str, float]] = {}
    for leg, kind in runs:
        taken = median(t.seconds for t in transfers if (t.leg, t.kind) == (leg, kind))
        seconds.setdefault(leg, {})[kind] = round(taken, 4)
        ratio = transfer_ratio(transfers, leg, kind)
        if leg != "direct" and ratio is not None:
            section[f"{kind}_vs_direct" if leg == "allow_all" else f"{leg}_{kind}_vs_direct"] = round(ratio, 4)
    section["seconds"] = seconds
    section["megabytes"] = {t.kind: round(t.bytes / 1e6, 1) for t in transfers if t.leg == "direct"}
    return section
