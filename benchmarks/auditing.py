"""`python -m benchmarks.auditing`: what the audit trail costs. pgbench -S through Louver with a trail, and without one.

Owns the ways that are compared: a trail made durable each second (the default), the same with hashes of the values that statements name, and with
those of what answers showed, too; one made durable before each statement leaves; and none, which is a trail whose open segment was
removed, with `audit.unavailable: pass`. They take turns, round after round. `python -m benchmarks` runs the default and none, as its part `trail`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import sys
import time
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from audit import segments
from benchmarks import load, results
from benchmarks.stage import POSTGRES, BenchError, Leg, fill, is_compiled, open_louver
from louver.demo.host import ServerUnavailable
from louver.demo.postgres import LocalPostgres

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

WAYS = {
    "none": ("{unavailable: pass, sync: none}", False),
    "interval": ("{sync: interval}", False),
    "values": ("{sync: interval}", True),
    "shown": ("{sync: interval, shown: 1000}", True),
    "always": ("{sync: always}", False),
}
"""The settings of the audit by way, and whether there is a secret."""

GOAL = 0.9
"""Throughput with a trail that is made durable each second over that without one, as a median."""

JUDGED = ("interval", "values")

PROCESSORS = 2
"""For which the throughput that the processor time allows is told."""

_NOTICED_SECONDS = 2.5  # the proxy looks after its trail each second


def main() -> int:
    """Run the whole; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.auditing", description=__doc__)
    parser.add_argument("--seconds", type=int, default=3, help="of one pgbench run (3)")
    parser.add_argument("--rounds", type=int, default=5, help="how often each point is measured (5)")
    parser.add_argument("--clients", type=int, nargs="*", default=[1, 8, 32], help="clients at the same time (1 8 32)")
    parser.add_argument("--ways", nargs="*", choices=WAYS, default=[*WAYS], help=f"beside none, of {', '.join(WAYS)}")
    parser.add_argument("--json", action="store_true", help="print the samples as JSON, too")
    chosen = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 120, highlight=False)
    points = [load.Point(mode, clients) for mode in ("simple", "prepared") for clients in chosen.clients]
    ways = [name for name in WAYS if name == "none" or name in chosen.ways]
    try:
        samples = measure(points, chosen.seconds, chosen.rounds, ways)
    except (BenchError, ServerUnavailable) as error:
        console.print(f"bench: {error}", style="red", markup=False)
        return 1
    console.print(table(samples, points))
    console.print(processor_table(samples, points))
    if not is_compiled():
        console.print("not compiled (`make compiled`): the trail weighs less beside slower code", style="yellow")
    console.print(f"load average: {' '.join(f'{each:.1f}' for each in os.getloadavg())}")
    if chosen.json:
        sys.stdout.write(
            json.dumps([(each.leg, each.point.mode, each.point.clients, each.tps) for each in samples]) + "\n"
        )
    return 0


def measure(
    points: Sequence[load.Point],
    seconds: int,
    rounds: int,
    ways: Sequence[str],
    tell: Callable[[str, int], None] = lambda _what, _runs: None,
) -> list[load.Sample]:
    """Run pgbench over each way in turn, and `tell` before each run what it is, and how many there are. Raises BenchError, ServerUnavailable."""
    samples: list[load.Sample] = []
    with contextlib.ExitStack() as stack:
        postgres = stack.enter_context(LocalPostgres.start(settings=POSTGRES))
        password = secrets.token_urlsafe(16)
        fill(postgres, password)
        opened = partial(open_louver, postgres, password, masked=False)
        legs = [stack.enter_context(opened(name=n, audit=WAYS[n][0], secret=WAYS[n][1])) for n in ways]
        _take_away(next(leg for leg in legs if leg.name == "none"))
        pgbench = postgres.bin / "pgbench"
        logins = {leg.name: load.login(pgbench, leg) for leg in legs}
        for number in range(rounds):
            turn = number % len(legs)
            for point in points:
                for leg in (*legs[turn:], *legs[:turn]):
                    tell(f"trail {leg.name}, {point.mode}, {point.clients} clients", rounds * len(points) * len(legs))
                    samples.append(load.run(pgbench, leg, point, seconds, logins[leg.name]))
    return samples


def section(samples: Sequence[load.Sample]) -> dict[str, Any]:
    """Return the section `trail` of the document: transactions a second by way, and with the default trail those of none."""
    ways = dict.fromkeys(sample.leg for sample in samples)
    return {
        "interval_vs_none": results.nested(results.throughput_ratios(samples, "interval", "none")),
        "projected_interval_vs_none": results.nested(results.projected_ratios(samples, "interval", "none", PROCESSORS)),
        "tps": {way: results.nested(results.medians(samples, way, lambda sample: sample.tps)) for way in ways},
    }


def _take_away(leg: Leg) -> None:
    """Remove the segment that a proxy writes, and wait until it has seen that."""
    assert leg.trail is not None
    for _, path in segments.segments(leg.trail):
        path.unlink()
    time.sleep(_NOTICED_SECONDS)


def table(samples: Sequence[load.Sample], points: Sequence[load.Point]) -> Table:
    """Show transactions a second, and what of them is left with a trail."""
    ways = list(dict.fromkeys(sample.leg for sample in samples))
    shown = Table(title="pgbench -S, transactions a second by what is done about the trail", title_justify="left")
    trails = [name for name in ways if name != "none"]
    for name in ("mode", "clients", *ways, *(f"{name}\nof none" for name in trails)):
        shown.add_column(name, justify="left" if name == "mode" else "right")
    tps = {name: results.medians(samples, name, lambda sample: sample.tps) for name in ways}
    ratios = {name: results.throughput_ratios(samples, name, "none") for name in trails}
    for point in points:
        cells = [f"{tps[name][point]:,.0f}" for name in ways]
        shown.add_row(point.mode, str(point.clients), *cells, *(f"{ratios[name][point]:.2f}" for name in ratios))
    shown.add_section()
    shown.add_row("median", "", *("" for _ in ways), *(_judged(name, ratios[name].values()) for name in trails))
    return shown


def processor_table(samples: Sequence[load.Sample], points: Sequence[load.Point]) -> Table:
    """Show the proxy's processor time for one transaction, and what throughput all of the processor time allows.

    Other work on the machine weighs less on that than on the clock.
    """
    ways = list(dict.fromkeys(sample.leg for sample in samples))
    shown = Table(
        title="processor time of the proxy for each, µs; throughput that it allows on two processors, of none",
        title_justify="left",
    )
    trails = [name for name in ways if name != "none"]
    for name in ("mode", "clients", *ways, *(f"{name}\nof none" for name in trails)):
        shown.add_column(name, justify="left" if name == "mode" else "right")
    spent = {name: results.medians(samples, name, lambda sample: sample.cpu_us) for name in ways}
    ratios = {name: results.projected_ratios(samples, name, "none", PROCESSORS) for name in trails}
    for point in points:
        cells = [f"{spent[name][point]:.1f}" for name in ways]
        shown.add_row(point.mode, str(point.clients), *cells, *(f"{ratios[name][point]:.2f}" for name in ratios))
    shown.add_section()
    shown.add_row("median", "", *("" for _ in ways), *(_judged(name, ratios[name].values()) for name in trails))
    return shown


def _judged(name: str, ratios: Iterable[float]) -> str:
    """The median of a way's ratios, beside the goal if there is one."""
    reached = median(ratios)
    if name not in JUDGED:
        return f"{reached:.2f}"
    return f"[{'green' if reached >= GOAL else 'yellow'}]{reached:.2f}[/] (goal {GOAL})"


if __name__ == "__main__":
    sys.exit(main())
