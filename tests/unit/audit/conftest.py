"""What the tests of the trail share: callers, rulings, and small trails."""

from collections.abc import Callable
from pathlib import Path

import pytest

from audit import record, segments
from audit.blocks import Line
from audit.writer import Trail

START = 1_800_000_000_000_000_000  # nanoseconds: 2027-01-15T08:00:00Z


class Clock:
    """A clock that moves a millisecond whenever it is read."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> int:
        self.now += 1_000_000
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock of its own for each test."""
    return Clock()


@pytest.fixture
def caller() -> record.Caller:
    """Tina, a teller."""
    return record.Caller("s1", "tina", "10.0.0.7:40112", "psql", "bank", "svc", {"role": "teller", "roles": ("a", "b")})


@pytest.fixture
def judgement() -> record.Judgement:
    """A statement that reads one masked and one clear column."""
    phone = record.ColumnUse("public.customers.phone", "phone", 3, "mask", "partial", "tellers", None)
    name = record.ColumnUse("public.customers.name", "name", 2, "clear", None, "names are open", "region = {0}")
    return record.Judgement(
        kinds=("SelectStmt",),
        text="SELECT phone FROM customers WHERE id = ?",
        rewritten="SELECT phone FROM (SELECT ...) AS customers WHERE id = ?",
        relations=("public.customers",),
        columns=(phone, name),
        ruling="rewrite",
        policy="p1",
        catalog=7,
    )


@pytest.fixture
def make_trail(tmp_path: Path, clock: Clock) -> Callable[..., Path]:
    """Write a closed trail of so many records and give its directory."""

    def make(count: int = 10, segment_bytes: int = 1200) -> Path:
        directory = tmp_path / "audit"
        trail = Trail.open(directory, segment_bytes=segment_bytes, clock=clock)
        for number in range(count):
            trail.append(record.stopped(reason=f"reason {number}"))
            trail.flush()
        trail.close()
        return directory

    return make


@pytest.fixture
def read_lines() -> Callable[[Path], list[Line]]:
    """Give all lines of a trail as they lie, as a list to tamper with."""

    def read(directory: Path) -> list[Line]:
        found = []
        for number, path in segments.segments(directory):
            for count, data in enumerate(path.read_bytes().splitlines(keepends=True), 1):
                found.append(Line(number, count, data.removesuffix(b"\n"), data.endswith(b"\n")))
        return found

    return read
