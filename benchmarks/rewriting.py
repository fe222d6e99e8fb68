"""What a ruling costs by itself: processor time to read, decide, edit and prove, by statement; no server, no network.

`python -m benchmarks.rewriting` prints it as JSON. The statements are those that people and programs send, by size, and those
that somebody would send to hold up everybody else. May not do: be part of a test; limits are tested as counts.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from time import process_time_ns
from typing import TYPE_CHECKING

from policies.loader import parse_policies
from policies.model import ColumnName, Decision, Label, Mask, Treatment
from proxy.postgres.gate import PostgresGate
from rewriter.keys import key_material
from rewriter.postgres.catalog import Catalog, Column, Names, Relation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from proxy.postgres.gate import PostgresWorld

_ROUNDS_NS = 100_000_000
"""Processor time spent on each statement, at least; the shortest of its runs counts."""

_TEXT = ("pg_catalog.text", "text")
_INT = ("pg_catalog.int4", "int4")
_PHONE = ColumnName("public", "customers", "phone")


@dataclass(frozen=True, slots=True)
class Ruled:
    """One statement: its name, its bytes, the microseconds a ruling takes, the goal or None, and what was ruled."""

    name: str
    size: int
    us: float
    goal_us: float | None
    ruling: str


@dataclass(frozen=True, slots=True)
class _Case:
    name: str
    text: str
    goal_us: float | None = None
    cached: bool = False  # the plan of its shape is at hand


def rulings(compiled: Path | None) -> list[Ruled]:
    """Measure in a process of its own, which takes the packages from `compiled` when there is native code."""
    # -P: else the sources in the working directory would be found before the native code
    path = [str(compiled)] if compiled else []
    environment = {"PYTHONPATH": os.pathsep.join([*path, str(Path(__file__).parents[1])])}
    command = [sys.executable, "-P", "-m", "benchmarks.rewriting"]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return [Ruled(**ruled) for ruled in json.loads(done.stdout)]


def _cases() -> Iterator[_Case]:
    point = "SELECT id, name, phone FROM customers WHERE id = 4711"
    joined = "SELECT c.name, c.phone, o.total FROM customers c JOIN orders o ON o.customer = c.id WHERE o.total > 100"
    yield _Case("point query, masked", point, goal_us=150)
    yield _Case("point query, nothing protected", "SELECT total FROM orders WHERE id = 4711", goal_us=20)
    yield _Case("point query, masked, shape at hand", point, goal_us=15, cached=True)
    yield _Case("join, masked", joined)
    yield _Case("report of 20 joined parts, masked", " UNION ALL ".join([joined] * 20))
    for rows in (10, 1_000, 20_000):
        values = ", ".join(f"({n}, {n * 7 % 100}, 'memo number {n}')" for n in range(rows))
        yield _Case(f"INSERT of {rows:,} rows", f"INSERT INTO orders (id, customer, memo) VALUES {values}")
    for ids in (100, 100_000):
        yield _Case(f"IN list of {ids:,}, masked", f"{point} OR id IN ({', '.join(map(str, range(ids)))})")
    worst = 50_000.0
    yield _Case("hostile: 100,000 parentheses", "SELECT " + "(" * 100_000 + "1" + ")" * 100_000, worst)
    yield _Case(
        "hostile: 3,000 parentheses", "SELECT " + "(" * 3_000 + "phone" + ")" * 3_000 + " FROM customers", worst
    )
    yield _Case("hostile: 400,000 operators", "SELECT 1" + "+1" * 400_000, worst)
    yield _Case("hostile: 9,000 operators", "SELECT phone FROM customers WHERE id = 1" + "+1" * 9_000, worst)
    yield _Case("hostile: 100,000 casts", "SELECT 1" + "::int" * 100_000, worst)
    yield _Case("hostile: 20,000 UNIONs", "SELECT 1" + " UNION SELECT 1" * 20_000, worst)
    yield _Case("hostile: 300 UNIONs", " UNION ".join(["SELECT phone FROM customers"] * 300), worst)
    yield _Case("hostile: date(date(date(...", "SELECT " + "date(" * 2_000 + "1" + ")" * 2_000, worst)
    yield _Case("hostile: array[array[array[...", "SELECT " + "array[" * 5_000 + "1" + "]" * 5_000, worst)
    yield _Case("hostile: 1 MB of quotes", "SELECT '" + "''" * 480_000 + "' FROM customers", worst)
    yield _Case("hostile: 1 MB of comments", "SELECT 1 " + "/**/" * 240_000 + " FROM customers", worst)
    yield _Case("hostile: 100,000 plus signs", "SELECT " + "+" * 100_000 + "1 FROM customers", worst)
    yield _Case("hostile: 10,000 runs of 60 signs", "SELECT 1" + (" -- " + "-" * 60 + "\n") * 10_000, worst)
    yield _Case(
        "hostile: 49,000 odd constants", "SELECT phone FROM customers WHERE id IN (" + "E'',E''," * 24_500 + "1)", worst
    )
    yield _Case(
        "hostile: 240,000 odd constants", "SELECT phone FROM customers WHERE id IN (" + "E''," * 240_000 + "1)", worst
    )


def _world(gate: PostgresGate) -> PostgresWorld:
    customers = Relation(
        1, "public", "customers", "r", (Column("id", 1, *_INT), Column("name", 2, *_TEXT), Column("phone", 3, *_TEXT))
    )
    columns = (
        Column("id", 1, *_INT),
        Column("customer", 2, *_INT),
        Column("total", 3, *_INT),
        Column("memo", 4, *_TEXT),
    )
    orders = Relation(2, "public", "orders", "r", columns)
    names = {("public", "customers"): 1, ("public", "orders"): 2}
    catalog = Catalog("bench", 1, {1: customers, 2: orders}, names, builtins=frozenset({"date"}))
    mask = Treatment("mask", "tellers", mask=Mask("full"))
    decision = Decision("p1", {_PHONE: mask}, {_PHONE: Label("phone", 3)})
    return gate.world(decision, catalog, Names(("pg_catalog", "public")), None)


def _shortest(run: Callable[[], object]) -> float:
    """Microseconds of processor time of the shortest run."""
    spent, shortest = 0, sys.maxsize
    while spent < _ROUNDS_NS:
        began = process_time_ns()
        run()
        taken = process_time_ns() - began
        spent, shortest = spent + max(taken, 1_000), min(shortest, taken)
    return shortest / 1000


def main() -> None:
    """Measure every case and print them."""
    gate = PostgresGate(parse_policies("version: 1\n", file="none"), key_material(b"k" * 32))
    world = _world(gate)
    gc.freeze()
    measured = []
    for case in _cases():
        text = case.text.encode()
        ruling = gate.rule(world, text).plan
        us = _shortest((lambda: world.plans.find(text)) if case.cached else (lambda: gate.rule(world, text)))  # noqa: B023
        said = ruling.judgement.sqlstate or ruling.verdict
        measured.append(asdict(Ruled(case.name, len(text), round(us, 1), case.goal_us, said)))
    json.dump(measured, sys.stdout)


if __name__ == "__main__":
    main()
