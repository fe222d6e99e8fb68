"""pgbench's read-only transaction (-S) over one leg: throughput, and the proxy's processor time for each transaction.

Owns the command line of pgbench and the reading of what it prints. May not do: choose what is measured.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.processes import all_seconds, processor_seconds, settle
from benchmarks.stage import BenchError

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.stage import Leg

MODES = ("simple", "extended", "prepared")
CLIENTS = (1, 8, 32)

_COUNT = re.compile(r"^number of transactions actually processed: (\d+)", re.MULTILINE)
_FAILED = re.compile(r"^number of failed transactions: (\d+)", re.MULTILINE)
_TPS = re.compile(r"^tps = ([0-9.]+) \(without initial connection time\)", re.MULTILINE)
_LOGINS = 32
_SLACK_SECONDS = 60.0  # logins of 32 clients on a loaded machine, above the time of the measurement itself


@dataclass(frozen=True, slots=True)
class Point:
    """What is measured: a query mode of pgbench and a number of clients."""

    mode: str
    clients: int


@dataclass(frozen=True, slots=True)
class Sample:
    """One run over one leg.

    Processor time for one transaction in microseconds, logins left out: `cpu_us` of the proxy, None without one;
    `all_us` of client, proxy and server.
    """

    leg: str
    point: Point
    tps: float
    cpu_us: float | None
    all_us: float


@dataclass(frozen=True, slots=True)
class Used:
    """Processor time in seconds: of the proxy (0 without one), and of client, proxy and server."""

    proxy: float
    everything: float


def parse_output(text: str) -> tuple[int, float]:
    """Return (transactions, transactions a second) from what pgbench 14 and later prints.

    Raises BenchError when transactions failed, none were made, or a number is missing.
    """
    count, tps, failed = _COUNT.search(text), _TPS.search(text), _FAILED.search(text)
    if count is None or tps is None:
        raise BenchError(f"pgbench's result cannot be read:\n{text.strip()[-800:]}")
    if int(count[1]) == 0 or (failed is not None and int(failed[1]) > 0):
        raise BenchError(f"pgbench reports failed or no transactions:\n{text.strip()[-800:]}")
    return int(count[1]), float(tps[1])


def login(pgbench: Path, leg: Leg) -> Used:
    """Return the processor time of one login, which `run` leaves out.

    One transaction for each of 32 clients hides behind their logins. The second time counts, for a pooler has its
    connections to the server from then on. Raises BenchError.
    """
    used = Used(0.0, 0.0)
    for _ in range(2):
        before = _used(leg)
        _pgbench(pgbench, leg, Point("simple", _LOGINS), "--transactions=1")
        after = _used(leg)
        used = Used((after.proxy - before.proxy) / _LOGINS, (after.everything - before.everything) / _LOGINS)
    return used


def run(pgbench: Path, leg: Leg, point: Point, seconds: int, login: Used) -> Sample:
    """Run pgbench -S for `seconds`; `login` is what one login takes. Raises BenchError."""
    before = _used(leg)
    transactions, tps = _pgbench(pgbench, leg, point, f"--time={seconds}", seconds)
    after = _used(leg)
    proxy = after.proxy - before.proxy - login.proxy * point.clients
    everything = after.everything - before.everything - login.everything * point.clients
    leg.prune()
    cpu_us = None if leg.pid is None else proxy * 1e6 / transactions
    return Sample(leg.name, point, tps, cpu_us, everything * 1e6 / transactions)


def _used(leg: Leg) -> Used:
    settle()
    return Used(processor_seconds(leg.pid) if leg.pid is not None else 0.0, all_seconds())


def _pgbench(pgbench: Path, leg: Leg, point: Point, end: str, seconds: int = 0) -> tuple[int, float]:
    """Run pgbench until `end`, which takes `seconds`; return (transactions, transactions a second)."""
    command: list[str | Path] = [pgbench, "--select-only", "--no-vacuum", f"--protocol={point.mode}"]
    command += [f"--client={point.clients}", f"--jobs={min(point.clients, 2)}", end]
    what = f"pgbench over {leg.title} ({point.mode}, {point.clients} clients)"
    try:
        done = subprocess.run(
            command,
            env=leg.environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds + _SLACK_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise BenchError(f"{what} did not end") from None
    if done.returncode:
        raise BenchError(f"{what} failed: {done.stderr.strip()[-800:]}")
    return parse_output(done.stdout)
