"""Louver's memory with many idle connections, each of which has run a statement.

Owns the connections while it measures. May not do: choose what is measured.
"""

from __future__ import annotations

import resource
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg.pq import ExecStatus

from benchmarks.large import connect
from benchmarks.processes import resident_megabytes
from benchmarks.stage import BenchError

if TYPE_CHECKING:
    from psycopg.pq.abc import PGconn

    from benchmarks.stage import Leg

IDLE = 500
_FILES = 2 * IDLE + 200  # the proxy holds two sockets for each connection
_SETTLE_SECONDS = 1.5  # more than one tick of the proxy


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident memory of one proxy in MB (1,000,000 bytes): before the connections, and while they idle."""

    leg: str
    start_mb: float
    idle_mb: float


def allow_files() -> None:
    """Raise this process's limit of open files, which its children inherit. Raises BenchError when it may not."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < _FILES:
        raise BenchError(f"{IDLE} connections need {_FILES} open files, the hard limit is {hard} (ulimit -Hn)")
    if soft != resource.RLIM_INFINITY and soft < _FILES:
        resource.setrlimit(resource.RLIMIT_NOFILE, (_FILES, hard))


def measure(leg: Leg) -> Memory:
    """Open 500 connections, run a statement on each, and read the memory of the proxy. Raises BenchError."""
    assert leg.pid is not None
    start = resident_megabytes(leg.pid)
    connections: list[PGconn] = []
    try:
        for _ in range(IDLE):
            connection = connect(leg)
            connections.append(connection)
            if connection.exec_(b"SELECT abalance FROM pgbench_accounts WHERE aid = 1").status != ExecStatus.TUPLES_OK:
                raise BenchError(f"{leg.title}: {connection.get_error_message()}")
        time.sleep(_SETTLE_SECONDS)
        idle = resident_megabytes(leg.pid)
    finally:
        for connection in connections:
            connection.finish()
    return Memory(leg.name, start, idle)
