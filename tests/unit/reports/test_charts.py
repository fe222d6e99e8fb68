"""Charts: every figure is drawn at its height, within the drawing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports import charts


@pytest.mark.parametrize(
    ("most", "marks"),
    [
        (0, (0, 1)),
        (1, (0, 1)),
        (3, (0, 1, 2, 3)),
        (9, (0, 5, 10)),
        (100, (0, 50, 100)),
        (15_700, (0, 5000, 10_000, 15_000, 20_000)),
    ],
)
def test_axes_have_round_marks(most, marks):
    """Steps of 1, 2 or 5."""
    assert charts.nice(most) == marks


@given(st.integers(1, 10**12))
def test_axes_reach_their_data(most):
    """The last mark is the first at or above the greatest value; there are six at most."""
    marks = charts.nice(most)
    assert marks[-2] < most <= marks[-1]
    assert len(marks) <= 6


@pytest.mark.parametrize(
    ("value", "said"),
    [(0, "0"), (950, "950"), (1200, "1.2k"), (5000, "5k"), (15_400, "15k"), (3_000_000, "3M"), (2.5e9, "2.5G")],
)
def test_numbers_in_few_letters(value, said):
    """Of axes and large figures."""
    assert charts.short(value) == said


@given(
    st.integers(1, 60).flatmap(
        lambda size: st.tuples(*(st.lists(st.integers(0, 10**7), min_size=size, max_size=size) for _ in range(2)))
    )
)
def test_columns_are_as_high_as_their_figures(parts):
    """The heights of a column's parts are in proportion to all other heights; nothing leaves the drawing."""
    masked, clear = parts
    chart = charts.columns([f"2026-05-{day:02}" for day in range(len(masked))], {"masked": masked, "clear": clear}, "x")
    assert sum(value > 0 for value in masked + clear) == len(chart.shapes)
    marks = charts.nice(max(map(sum, zip(masked, clear, strict=True))))
    full = max(chart.lines) - min(chart.lines)
    for shape in chart.shapes:
        value = int(shape.title.split(": ")[1].split()[0].replace(",", ""))
        assert abs(shape.height - full * value / marks[-1]) <= 0.06
        assert shape.y >= 0
        assert shape.x + shape.width <= chart.width


def test_heat_has_a_cell_for_each_day_and_five_shades():
    """Nothing is its own shade, the greatest value the darkest."""
    counts = {("a", "1"): 0, ("a", "2"): 1, ("b", "1"): 50, ("b", "2"): 100}
    chart = charts.heat(["a", "b"], ["1", "2"], lambda row, name: counts[row, name], "x")
    assert [shape.kind for shape in chart.shapes] == ["heat-0", "heat-1", "heat-3", "heat-5"]
    assert chart.shapes[3].title == "b, 2: 100"
