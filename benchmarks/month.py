"""A month of a bank's audit trail, made up: the same for the same seed.

Owns who asks what and when. Written by the trail itself, so that it verifies. May not do: measure.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from audit import record
from audit.record import Caller, ColumnUse, Judgement
from audit.writer import Trail

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DAYS: Final = 30
BEGIN: Final = datetime(2026, 5, 1, tzinfo=UTC)
_DAY: Final = 86_400_000_000_000
_STATEMENTS: Final = 40
"""Statements of a session, on average."""

_COLUMNS: Final = {
    "customers": (("name", "name", 2), ("phone", "phone", 3), ("id_card", "id_card", 4), ("email", "email", 2)),
    "accounts": (("number", "bank_card", 4), ("balance", "amount", 3)),
    "orders": (),
    "employees": (("salary", "amount", 3), ("phone", "phone", 3)),
}
_SHAPES: Final = 25
"""Statements that each table is asked, by their texts."""


def write(directory: Path, count: int, seed: int = 1, progress: Callable[[int], object] = lambda _: None) -> None:
    """Write a trail of about `count` records into a directory that has none."""
    clock = [int(BEGIN.timestamp()) * 1_000_000_000]
    trail = Trail.open(directory, fsync="none", clock=lambda: clock[0])
    choices = random.Random(seed)
    step = DAYS * _DAY // count
    month = _Month(choices)
    written = 0
    number = 0
    while written < count:
        number += 1
        caller, plans = month.session(number)
        trail.append(record.session_opened(caller, tls=True, login="own", proof="password", origins={}))
        outcome = record.outcome_prefix(caller)
        told: dict[int, tuple[int, bytes]] = {}
        size = max(1, round(choices.expovariate(1 / _STATEMENTS)))
        for statement in range(1, size + 1):
            clock[0] += 2 * step
            which = choices.randrange(len(plans))
            segment, like = told.get(which, (0, b""))
            if segment == trail.segment:
                trail.append(record.statement(like, statement))
            else:
                seq = trail.append(record.statement(record.statement_prefix(caller, plans[which]), statement))
                told[which] = trail.segment, record.statement_like(caller, seq)
            trail.flush()
            status, state = ("denied", "42501") if plans[which].ruling == "deny" else ("ok", "")
            rows = b"%d" % choices.randrange(50) if status == "ok" else b""
            took = choices.randrange(200, 20_000)
            trail.append(
                record.outcome(outcome, statement, status, rows=rows, bytes_=900, duration_us=took, sqlstate=state)
            )
        trail.append(record.session_closed(caller, reason="terminated", statements=size, duration_us=1))
        trail.flush()
        written += 2 * size + 2
        progress(written)
    trail.close()


class _Month:
    """Who works in the bank, and what they ask."""

    def __init__(self, choices: random.Random) -> None:
        self._choices = choices
        self._people = [
            (f"teller-{n}", {"role": "teller", "unit": f"branch {n % 12}"}, "counter") for n in range(180)
        ] + [(f"analyst-{n}", {"role": "analyst", "unit": "risk"}, "DBeaver") for n in range(20)]
        self._plans = {
            (role, table, shape): _plan(role, table, shape)
            for role in ("teller", "analyst")
            for table in _COLUMNS
            for shape in range(_SHAPES)
        }

    def session(self, number: int) -> tuple[Caller, list[Judgement]]:
        """Give a caller, and the plans of what he asks."""
        name, attributes, application = self._choices.choice(self._people)
        address = f"10.{number % 7}.{self._choices.randrange(250)}.9:4{number % 10000:04d}"
        caller = Caller(f"{number:08x}", name, address, application, "bank", "louver", attributes)
        asked = self._choices.sample(sorted(_COLUMNS), 2)
        shapes = self._choices.sample(range(_SHAPES), 6)
        return caller, [self._plans[attributes["role"], table, shape] for table in asked for shape in shapes]


def _plan(role: str, table: str, shape: int) -> Judgement:
    columns = tuple(
        ColumnUse(
            f"public.{table}.{name}",
            category,
            level,
            "clear" if role == "teller" and category == "name" else "mask",
            None if role == "teller" and category == "name" else "partial",
            f"{role}s and {category}",
        )
        for name, category, level in _COLUMNS[table][: 1 + shape % 4]
    )
    names = ", ".join(use.column.rpartition(".")[2] for use in columns) or "id"
    text = f"SELECT {names} FROM {table} WHERE branch = ? AND id > ? ORDER BY id LIMIT ? /* page {shape} */"
    denied = role == "analyst" and table == "employees" and shape % 5 == 0
    return Judgement(
        ("SelectStmt",),
        text,
        text.replace(table, f"(SELECT * FROM {table}) AS {table}") if columns else None,
        (f"public.{table}",),
        columns,
        "deny" if denied else "rewrite" if columns else "pass",
        "a41f",
        7,
        "no analyst reads of employees" if denied else None,
        "42501" if denied else None,
    )
