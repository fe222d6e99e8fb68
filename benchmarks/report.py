"""The tables on the terminal. May not do: measure or compute more than what a cell shows."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from benchmarks import results

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from benchmarks.large import Transfer
    from benchmarks.load import Point, Sample
    from benchmarks.memory import Memory
    from benchmarks.rewriting import Ruled
    from benchmarks.stage import Leg

_COMPARED = {"allow_all": "allow-all", "masked": "masked"}
"""The two ways through Louver, with their short names."""


def throughput_table(samples: Sequence[Sample], legs: Sequence[Leg]) -> Table:
    """Show transactions a second and the ratios against PgBouncer, or direct without it, by mode and clients."""
    base = _base(legs)
    table = Table(title="pgbench -S: transactions a second, medians of the rounds", title_justify="left")
    _point_columns(table)
    for leg in legs:
        table.add_column(leg.title.replace(", ", "\n"), justify="right")
    for name in _COMPARED.values():
        table.add_column(f"{name}\nof {base.title}", justify="right")
    tps = {leg.name: results.medians(samples, leg.name, lambda sample: sample.tps) for leg in legs}
    ratios = {name: results.throughput_ratios(samples, name, base.name) for name in _COMPARED}
    for point in _rows(table, samples):
        cells = [f"{values[point]:,.0f}" for values in tps.values()]
        judged = [_judged(ratios[name].get(point), _goal(name, base.name, point)) for name in _COMPARED]
        table.add_row(point.mode, str(point.clients), *cells, *judged)
    table.add_section()
    table.add_row("median", "", *[""] * len(legs), *[_judged(_median(ratios[name]), None) for name in _COMPARED])
    return table


def rulings_table(ruled: Iterable[Ruled]) -> Table:
    """Show the processor time of single rulings, by statement."""
    table = Table(title="The rewriter: processor time of one ruling, microseconds", title_justify="left")
    for name in ("statement", "bytes", "time", "goal", "ruling"):
        table.add_column(name, justify="left" if name in {"statement", "ruling"} else "right")
    for each in ruled:
        met = each.goal_us is None or each.us <= each.goal_us
        goal = "" if each.goal_us is None else f"{each.goal_us:,.0f}"
        time = Text(f"{each.us:,.1f}", style="" if met else "yellow")
        table.add_row(each.name, f"{each.size:,}", time, goal, each.ruling)
    return table


def processor_table(samples: Sequence[Sample], legs: Sequence[Leg], processors: int) -> Table:
    """Show processor time for each transaction, which other work on the machine hardly changes, and what it allows."""
    base = _base(legs)
    table = Table(
        title="Processor time, microseconds a transaction: proxy / proxy, client and server", title_justify="left"
    )
    _point_columns(table)
    for leg in legs:
        table.add_column(leg.title.replace(", ", "\n"), justify="right")
    for name in _COMPARED.values():
        table.add_column(f"{name}\nof {base.title}\nprojected*", justify="right")
    everything = {leg.name: results.medians(samples, leg.name, lambda sample: sample.all_us) for leg in legs}
    proxy = {leg.name: results.medians(samples, leg.name, lambda sample: sample.cpu_us) for leg in legs}
    ratios = {name: results.projected_ratios(samples, name, base.name, processors) for name in _COMPARED}
    for point in _rows(table, samples):
        cells = [
            f"{proxy[leg.name].get(point, 0.0):.0f} / {values[point]:.0f}"
            for leg, values in zip(legs, everything.values(), strict=True)
        ]
        judged = [_judged(ratios[name].get(point), _goal(name, base.name, point)) for name in _COMPARED]
        table.add_row(point.mode, str(point.clients), *cells, *judged)
    table.add_section()
    table.add_row("median", "", *[""] * len(legs), *[_judged(_median(ratios[name]), None) for name in _COMPARED])
    table.caption = f"* throughput that this time allows on {processors} processors with nothing else to do"
    return table


def large_table(transfers: Sequence[Transfer], legs: Sequence[Leg]) -> Table:
    """Show the large results."""
    table = Table(title="1,000,000 rows: medians of the rounds", title_justify="left")
    for column in ("", "way"):
        table.add_column(column)
    for column in ("seconds", "MB/s", "of direct", "CPU s"):
        table.add_column(column, justify="right")
    for kind in dict.fromkeys(transfer.kind for transfer in transfers):
        for leg in legs:
            own = [transfer for transfer in transfers if (transfer.leg, transfer.kind) == (leg.name, kind)]
            if not own:
                continue
            seconds = median(transfer.seconds for transfer in own)
            cpu = [transfer.cpu_seconds for transfer in own if transfer.cpu_seconds is not None]
            goal = results.GOALS[f"{kind}_vs_direct"] if leg.name == "allow_all" else None
            table.add_row(
                kind,
                leg.title,
                f"{seconds:.3f}",
                f"{own[0].bytes / seconds / 1e6:,.0f}",
                "" if leg.name == "direct" else _judged(results.transfer_ratio(transfers, leg.name, kind), goal),
                f"{median(cpu):.2f}" if cpu else "",
            )
        table.add_section()
    return table


def memory_table(memories: Sequence[Memory], legs: Sequence[Leg]) -> Table:
    """Show the resident memory."""
    table = Table(title="Memory of the proxy, MB resident", title_justify="left")
    table.add_column("way")
    table.add_column("before", justify="right")
    table.add_column("500 idle connections", justify="right")
    titles = {leg.name: leg.title for leg in legs}
    for memory in memories:
        style = "green" if memory.idle_mb <= results.GOALS["rss_mb_500_idle"] else "red"
        table.add_row(titles[memory.leg], f"{memory.start_mb:.1f}", Text(f"{memory.idle_mb:.1f}", style))
    return table


def _base(legs: Sequence[Leg]) -> Leg:
    """What throughput is compared with."""
    return next((leg for leg in legs if leg.name == "pgbouncer"), legs[0])


def _point_columns(table: Table) -> None:
    table.add_column("mode")
    table.add_column("clients", justify="right")


def _rows(table: Table, samples: Sequence[Sample]) -> Iterator[Point]:
    """Yield each point once, and draw a line between modes."""
    previous = ""
    for point in dict.fromkeys(sample.point for sample in samples):
        if previous and previous != point.mode:
            table.add_section()
        previous = point.mode
        yield point


def _goal(leg: str, base: str, point: Point) -> float | None:
    """What the ratio should be at least; there is no goal without PgBouncer, nor for masked texts that change."""
    if base != "pgbouncer" or (leg == "masked" and point.mode == "simple"):
        return None
    return results.GOALS[f"{leg}_vs_pgbouncer"]


def _median(ratios: Mapping[Point, float]) -> float | None:
    return median(ratios.values()) if ratios else None


def _judged(ratio: float | None, goal: float | None) -> Text:
    """A ratio, green when it reaches its goal and red when it does not."""
    if ratio is None:
        return Text("")
    if goal is None:
        return Text(f"{ratio:.2f}")
    return Text(f"{ratio:.2f}", "green" if ratio >= goal else "red")
