"""Charts: figures as shapes, to be drawn as SVG by the templates.

Owns the arithmetic of axes, bars and cells. A library was not taken: see docs/decisions/0024. Pure; texts stay as they are, for the
templates escape them.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import floor, log10
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

WIDTH: Final = 720
_LEFT: Final = 44
_TOP: Final = 10
_HEIGHT: Final = 170
_AXIS: Final = 22
_ROW: Final = 22
_STEPS: Final = 5
"""Shades of a heat map."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A rectangle with what it says when it is pointed at; `kind` is the class that gives its colour."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    title: str


@dataclass(frozen=True, slots=True)
class Label:
    """A text at a place; `anchor` start, middle or end."""

    x: float
    y: float
    text: str
    anchor: str = "middle"


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing of so many units of width and height. `lines` are the heights of rules across it."""

    width: float
    height: float
    shapes: tuple[Shape, ...]
    labels: tuple[Label, ...]
    lines: tuple[float, ...]
    left: float
    says: str


def nice(most: float) -> tuple[float, ...]:
    """Return the marks of an axis from 0 on that ends at or above `most`, at most six of them, in steps of 1, 2 or 5 times a power of ten."""
    if most <= 0:
        return (0.0, 1.0)
    rough = most / 4
    power = 10.0 ** floor(log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    step = max(step, 1.0)
    count = int(-(-most // step))
    return tuple(step * each for each in range(count + 1))


def short(value: float) -> str:
    """Return a number in few letters: 950, 1.2k, 15k, 3M."""
    for size, sign in ((1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")):
        if value >= size:
            digits = f"{value / size:.1f}" if value < 10 * size else f"{value / size:.0f}"
            return digits.removesuffix(".0") + sign
    return f"{value:g}"


def columns(names: Sequence[str], series: Mapping[str, Sequence[float]], says: str) -> Chart:
    """Draw stacked columns, one for each name; `series` are the parts of each, from below, by their classes."""
    totals = [sum(values) for values in zip(*series.values(), strict=True)] if series else []
    marks = nice(max(totals, default=0))
    scale = (_HEIGHT - _TOP) / marks[-1]
    pitch = (WIDTH - _LEFT) / max(1, len(names))
    bar = min(pitch * 0.72, 36.0)
    shapes = []
    for at, name in enumerate(names):
        foot = float(_HEIGHT)
        for kind, values in series.items():
            height = values[at] * scale
            if height > 0:
                foot -= height
                x = _LEFT + at * pitch + (pitch - bar) / 2
                shapes.append(Shape(_r(x), _r(foot), _r(bar), _r(height), kind, f"{name}: {values[at]:,.0f} {kind}"))
    every = max(1, -(-len(names) // 10))
    under = [
        Label(_r(_LEFT + (at + 0.5) * pitch), _HEIGHT + 15, name[-5:])
        for at, name in enumerate(names)
        if at % every == 0
    ]
    lines = tuple(_r(_HEIGHT - mark * scale) for mark in marks)
    beside = [Label(_LEFT - 6, _r(line + 3.5), short(mark), "end") for line, mark in zip(lines, marks, strict=True)]
    return Chart(WIDTH, _HEIGHT + _AXIS, tuple(shapes), (*under, *beside), lines, _LEFT, says)


def heat(rows: Sequence[str], names: Sequence[str], value: Callable[[str, str], float], says: str) -> Chart:
    """Draw a cell for each row and name, in one of five shades by its share of the greatest value."""
    left = 150.0
    pitch = (WIDTH - left) / max(1, len(names))
    most = max((value(row, name) for row in rows for name in names), default=0)
    shapes = []
    for at, row in enumerate(rows):
        for place, name in enumerate(names):
            count = value(row, name)
            shade = 0 if not count else min(_STEPS, 1 + int(_STEPS * count / most))
            title = f"{row}, {name}: {count:,.0f}"
            shapes.append(
                Shape(_r(left + place * pitch), at * _ROW, _r(max(1.0, pitch - 2)), _ROW - 2, f"heat-{shade}", title)
            )
    every = max(1, -(-len(names) // 10))
    height = len(rows) * _ROW
    labels = [Label(left - 8, at * _ROW + 14, _cut(row), "end") for at, row in enumerate(rows)]
    under = [
        Label(_r(left + (at + 0.5) * pitch), height + 14, name[-5:]) for at, name in enumerate(names) if at % every == 0
    ]
    return Chart(WIDTH, height + _AXIS, tuple(shapes), (*labels, *under), (), left, says)


def _cut(text: str, most: int = 22) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _r(value: float) -> float:
    return round(value, 1)
