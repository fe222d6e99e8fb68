"""What the tests of reports share: trails written by the trail itself, and a report of one."""

from __future__ import annotations

import datetime as dt
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from audit import reader
from audit.writer import Trail
from reports import figures
from reports.figures import Period

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

BEGIN = dt.datetime(2026, 5, 1, tzinfo=dt.UTC)
MAY = Period(dt.datetime(2026, 5, 1), dt.datetime(2026, 6, 1))  # noqa: DTZ001  as DuckDB's timestamps are


def write(directory: Path, bodies: Iterable[tuple[dt.datetime, bytes]]) -> Path:
    """Write records, each at its moment."""
    now = [0]
    trail = None
    for moment, body in bodies:
        now[0] = round(moment.timestamp() * 1_000_000) * 1000
        trail = trail or Trail.open(directory, fsync="none", clock=lambda: now[0])
        trail.append(body)
        trail.flush()
    trail = trail or Trail.open(directory, fsync="none", clock=lambda: round(BEGIN.timestamp()) * 1_000_000_000)
    trail.close()
    return directory


@contextmanager
def opened(directory: Path, period: Period = MAY, units: tuple[str, ...] = ("unit",)) -> Iterator[figures.Trail]:
    """Open a trail for a report."""
    with figures.opened([path for _, path in reader.existing(directory)], period, units) as trail:
        yield trail


@pytest.fixture
def figures_of(tmp_path: Path) -> Callable[..., figures.Figures]:
    """Write records and give the figures of May 2026."""

    def make(*bodies: tuple[dt.datetime, bytes], coverage: figures.Coverage | None = None) -> figures.Figures:
        with opened(write(tmp_path / "audit", bodies)) as trail:
            return figures.gather(trail, coverage)

    return make
