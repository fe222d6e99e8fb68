"""`python -m benchmarks`: measure all, print the tables, write build/bench.json.

Owns the plan of what is run in which order: all ways take their turn at each point, in several rounds, each round
beginning with another way, so that what else the machine does meets all of them alike.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import signal
import sys
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks import auditing, large, load, memory, mysql, report, results, rewriting
from benchmarks.stage import COMPILED, BenchError, is_compiled, open_stage
from louver.demo.host import ServerUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benchmarks.stage import Leg, Stage

    Step = tuple[str, Callable[[], None]]

T = TypeVar("T")

OUTPUT = Path("build/bench.json")
PARTS = (*load.MODES, "large", "memory", "rewriter", "mysql", "trail")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be measured: the parts, seconds of each pgbench run, rounds of pgbench and of large results."""

    parts: tuple[str, ...]
    clients: tuple[int, ...]
    seconds: int
    rounds: int
    large_rounds: int


@dataclass(slots=True)
class Measured:
    """What has been measured so far, in the order in which it was."""

    samples: list[load.Sample] = field(default_factory=list)
    transfers: list[large.Transfer] = field(default_factory=list)
    memories: list[memory.Memory] = field(default_factory=list)
    rulings: list[rewriting.Ruled] = field(default_factory=list)
    logins: dict[str, load.Used] = field(default_factory=dict)  # processor time of one, by leg


def main() -> int:
    """Run the whole; return the exit code."""
    plan, output = _arguments()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ended from outside, it cleans up all the same
    console = Console(width=None if sys.stdout.isatty() else 100, highlight=False)
    load_before = os.getloadavg()
    try:
        memory.allow_files()
        console.print("Starting PostgreSQL and the proxies, filling 1,000,000 accounts ...")
        with open_stage() as stage:
            measured = measure(plan, stage, console)
        sysbench = measure_mysql(plan, console) if "mysql" in plan.parts else None
        trail = measure_trail(plan, console) if "trail" in plan.parts else None
    except (BenchError, ServerUnavailable) as error:
        console.print(f"bench: {error}", style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        return 130
    for table in _tables(measured, stage.legs):
        console.print(table)
    for note in stage.notes:
        console.print(note, style="yellow")
    facts = {**_machine(stage), "load_average_before": load_before, "load_average_after": os.getloadavg()}
    sections = results.document(measured.samples, measured.transfers, measured.memories, processors=_processors())
    settings = {"seconds": plan.seconds, "rounds": plan.rounds, "large_rounds": plan.large_rounds, "scale": 10}
    if "pgbench" in sections:
        logins = {leg: round(used.proxy * 1e3, 2) for leg, used in measured.logins.items() if leg != "direct"}
        sections["pgbench"]["cpu_ms_per_login"] = logins
    if measured.rulings:
        sections["rewriter"] = results.rulings(measured.rulings)
    if sysbench is not None:
        sections["sysbench"] = sysbench
    if trail is not None:
        sections["trail"] = trail
    document = {"machine": facts, "settings": settings, **sections, "notes": stage.notes}
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    console.print(f"Written to {output}.")
    return 0


def measure(plan: Plan, stage: Stage, console: Console) -> Measured:
    """Run everything that is planned. Raises BenchError."""
    measured = Measured()
    # memory first: what a proxy has freed after heavy traffic still counts as resident
    steps = [*_memory(plan, stage, measured), *_pgbench(plan, stage, measured), *_large(plan, stage, measured)]
    if "rewriter" in plan.parts:
        steps.append(
            ("rewriter", lambda: measured.rulings.extend(rewriting.rulings(COMPILED if is_compiled() else None)))
        )
    with _progress(console) as progress:
        task = progress.add_task("", total=len(steps))
        for leg in stage.legs:
            large.check(leg)
        for description, step in steps:
            progress.update(task, description=description)
            step()
            progress.advance(task)
    return measured


def measure_mysql(plan: Plan, console: Console) -> dict[str, Any] | None:
    """Run sysbench over each way in turn; its section of the document, None when a program is missing. Raises BenchError."""
    with mysql.open_stage() as stage:
        if stage is None:
            console.print(mysql.NOT_INSTALLED, style="yellow")
            return None
        points = [(mode, clients) for mode in mysql.MODES for clients in plan.clients]
        samples: list[mysql.Sample] = []
        with _progress(console) as progress:
            task = progress.add_task("", total=plan.rounds * len(points) * len(stage.ways))
            for number in range(plan.rounds):
                for mode, clients in points:
                    for way in _turned(stage.ways, number):
                        progress.update(task, description=f"sysbench {mode}, {clients} clients: {way.title}")
                        samples.append(mysql.run(stage, way, mode, clients, plan.seconds))
                        progress.advance(task)
        console.print(mysql.table(samples, stage))
        return mysql.section(samples, stage.title)


def measure_trail(plan: Plan, console: Console) -> dict[str, Any]:
    """Run pgbench through Louver with its trail and without; the section of the document. Raises BenchError, ServerUnavailable."""
    points = [load.Point(mode, clients) for mode in ("simple", "prepared") for clients in plan.clients]
    with _progress(console) as progress:
        task = progress.add_task("trail", total=None)

        def tell(what: str, runs: int) -> None:
            progress.update(task, description=what, total=runs, advance=1)

        samples = auditing.measure(points, plan.seconds, plan.rounds, ("none", "interval"), tell)
    console.print(auditing.table(samples, points))
    return auditing.section(samples)


def _memory(plan: Plan, stage: Stage, measured: Measured) -> Iterator[Step]:
    def step(leg: Leg) -> None:
        measured.memories.append(memory.measure(leg))

    if "memory" in plan.parts:
        for leg in stage.legs:
            if leg.name in {"allow_all", "masked"}:
                yield f"memory: {leg.title}", partial(step, leg)


def _pgbench(plan: Plan, stage: Stage, measured: Measured) -> Iterator[Step]:
    def log_in(leg: Leg) -> None:
        measured.logins[leg.name] = load.login(stage.pgbench, leg)

    def step(leg: Leg, point: load.Point) -> None:
        login = measured.logins[leg.name]
        measured.samples.append(load.run(stage.pgbench, leg, point, plan.seconds, login))

    points = [load.Point(mode, clients) for mode in load.MODES if mode in plan.parts for clients in plan.clients]
    if points:
        for leg in stage.legs:
            yield f"logins: {leg.title}", partial(log_in, leg)
    for number in range(plan.rounds):
        for point in points:
            for leg in _turned(stage.legs, number):
                yield f"{point.mode}, {point.clients} clients: {leg.title}", partial(step, leg, point)


def _large(plan: Plan, stage: Stage, measured: Measured) -> Iterator[Step]:
    def step(leg: Leg, kind: str) -> None:
        measured.transfers.append(large.fetch(leg, kind))

    for number in range(plan.large_rounds if "large" in plan.parts else 0):
        for kind in large.STATEMENTS:
            for leg in _turned(stage.legs, number):
                # COPY of a table with masked columns is another statement once it is rewritten: not compared
                if kind != "copy" or leg.name != "masked":
                    yield f"large {kind}: {leg.title}", partial(step, leg, kind)


def _progress(console: Console) -> Progress:
    """A bar of the runs that are behind us."""
    columns = (TextColumn("{task.description:<44}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True)


def _turned(legs: Sequence[T], number: int) -> list[T]:
    """The legs, beginning with another one in each round."""
    shift = number % len(legs)
    return [*legs[shift:], *legs[:shift]]


def _tables(measured: Measured, legs: Sequence[Leg]) -> Iterator[Any]:
    if measured.samples:
        yield report.throughput_table(measured.samples, legs)
        yield report.processor_table(measured.samples, legs, _processors())
    if measured.transfers:
        yield report.large_table(measured.transfers, legs)
    if measured.rulings:
        yield report.rulings_table(measured.rulings)
    if measured.memories:
        yield report.memory_table(measured.memories, legs)


def _processors() -> int:
    """Processors that we may use."""
    return len(os.sched_getaffinity(0))


def _machine(stage: Stage) -> dict[str, Any]:
    """What the numbers depend on."""
    model = ""
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return {
        "time": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "processor": model or platform.machine(),
        "processors": _processors(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "louver": version("louver"),
        "louver_compiled": is_compiled(),
        "postgres": stage.postgres_version,
        "pgbouncer": stage.pgbouncer_version,
    }


def _arguments() -> tuple[Plan, Path]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two rounds of 1 s instead of three of 3 s")
    parser.add_argument("--only", action="append", choices=PARTS, metavar="PART", help=f"one of {', '.join(PARTS)}")
    parser.add_argument("--clients", action="append", type=int, choices=load.CLIENTS, help="only so many clients")
    parser.add_argument("--seconds", type=int, help="seconds of each pgbench run")
    parser.add_argument("--rounds", type=int, help="rounds of pgbench")
    parser.add_argument("--output", type=Path, default=OUTPUT, help=f"where the JSON goes ({OUTPUT})")
    given = parser.parse_args()
    plan = Plan(
        tuple(given.only or PARTS),
        tuple(given.clients or load.CLIENTS),
        given.seconds or (1 if given.quick else 3),
        given.rounds or (2 if given.quick else 3),
        3 if given.quick else 7,
    )
    return plan, given.output


if __name__ == "__main__":
    sys.exit(main())
