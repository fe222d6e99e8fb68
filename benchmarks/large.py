"""Large results over one leg, with a client that costs next to nothing: it receives, and looks at the end only.

libpq logs in; then the statement is written to the socket and the answer read into one buffer, so that what is
measured is the server and the proxy. May not do: choose what is measured.
"""

from __future__ import annotations

import os
import re
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg import pq
from psycopg.pq import ConnStatus, ExecStatus

from benchmarks.processes import processor_seconds
from benchmarks.stage import MASKED_PROOF, PROOF, ROWS, BenchError

if TYPE_CHECKING:
    from psycopg.pq.abc import PGconn

    from benchmarks.stage import Leg

STATEMENTS = {
    "select": "SELECT aid, bid, abalance, filler FROM pgbench_accounts",
    "copy": "COPY pgbench_accounts TO STDOUT",
}
"""1,000,000 rows each, about 124 MB as rows and 98 MB as COPY."""

_BUFFER_BYTES = 256 * 1024
_SECONDS = 120.0  # without one byte: then something hangs
# CommandComplete, then ReadyForQuery outside a transaction: how the answer to one statement ends (manual, 55.7)
_END = re.compile(rb"C\x00\x00\x00.(?:SELECT|COPY) ([0-9]+)\x00Z\x00\x00\x00\x05I\Z", re.DOTALL)
_TAIL = 64


@dataclass(frozen=True, slots=True)
class Transfer:
    """One large result: seconds from the statement to its end, bytes received, the proxy's processor seconds."""

    leg: str
    kind: str
    seconds: float
    bytes: int
    cpu_seconds: float | None


def connect(leg: Leg) -> PGconn:
    """Log in. Raises BenchError."""
    connection = pq.PGconn.connect(leg.conninfo())
    if connection.status != ConnStatus.OK:
        raise BenchError(f"cannot connect over {leg.title}: {connection.get_error_message()}")
    return connection


def check(leg: Leg) -> None:
    """See that the leg shows what it should: the balance of account 1, rounded where it is masked."""
    connection = connect(leg)
    try:
        result = connection.exec_(b"SELECT abalance FROM pgbench_accounts WHERE aid = 1")
        if result.status != ExecStatus.TUPLES_OK:
            raise BenchError(f"{leg.title}: {connection.get_error_message()}")
        seen = int(result.get_value(0, 0) or b"0")
    finally:
        connection.finish()
    expected = MASKED_PROOF if leg.name == "masked" else PROOF
    if seen != expected:
        raise BenchError(f"{leg.title} shows a balance of {seen}; it should show {expected}")


def fetch(leg: Leg, kind: str) -> Transfer:
    """Receive one large result. Raises BenchError when it does not end as it should."""
    connection = connect(leg)
    statement = STATEMENTS[kind].encode() + b"\0"
    view = memoryview(bytearray(_BUFFER_BYTES))
    try:
        with socket.socket(fileno=os.dup(connection.socket)) as stream:
            stream.settimeout(_SECONDS)
            before = processor_seconds(leg.pid) if leg.pid is not None else 0.0
            start = time.perf_counter()
            stream.sendall(b"Q" + (len(statement) + 4).to_bytes(4, "big") + statement)
            total, tail = 0, b""
            while (end := _END.search(tail)) is None:
                size = stream.recv_into(view)
                if size == 0 or (total == 0 and view[0] == ord("E")):
                    raise BenchError(f"{kind} over {leg.title} failed: {bytes(view[:size])[:500]!r}")
                total += size
                tail = (tail + bytes(view[max(0, size - _TAIL) : size]))[-_TAIL:]
            seconds = time.perf_counter() - start
    except TimeoutError:
        raise BenchError(f"{kind} over {leg.title} stopped in the middle") from None
    finally:
        connection.finish()
    if int(end[1]) != ROWS:
        raise BenchError(f"{kind} over {leg.title} gave {int(end[1])} rows of {ROWS}")
    used = None if leg.pid is None else processor_seconds(leg.pid) - before
    return Transfer(leg.name, kind, seconds, total, used)
