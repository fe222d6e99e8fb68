"""`year`, `month` and `age_band`: the beginning of the span of time that a date lies in."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Final

from policies.masks.schema import Example, MaskSchema, Parameter, Value, parameters

if TYPE_CHECKING:
    from collections.abc import Callable

    from policies.masks.schema import Cell


def _on(first: Callable[[date, Cell], tuple[int, int]]) -> Callable[[Cell], Value | None]:
    def shown(cell: Cell) -> date | None:
        value = cell.value
        if isinstance(value, datetime):
            universal = value.astimezone(UTC) if value.tzinfo else value
            return datetime(*first(universal, cell), 1, tzinfo=universal.tzinfo)
        return date(*first(value, cell), 1) if isinstance(value, date) else None

    return shown


def _band(value: date, cell: Cell) -> tuple[int, int]:
    return max(1, value.year - value.year % cell.number("years")), 1


_FITS = "date, timestamp, with and without time zone"
YEAR: Final = MaskSchema(
    "year",
    "keeps the year of a date or timestamp (in UTC) and makes it 1 January",
    parameters(),
    lambda _: "is shown with its year only",
    _on(lambda value, _: (value.year, 1)),
    Example(date(1985, 3, 2)),
    fits=_FITS,
)
MONTH: Final = MaskSchema(
    "month",
    "keeps year and month of a date or timestamp (in UTC) and makes it the first day",
    parameters(),
    lambda _: "is shown with its year and month only",
    _on(lambda value, _: (value.year, value.month)),
    Example(date(1985, 3, 2)),
    fits=_FITS,
)
AGE_BAND: Final = MaskSchema(
    "age_band",
    "keeps the band of years that a date or timestamp (in UTC) lies in and makes it the first day",
    parameters(years=Parameter("integer", 10, "years in a band; bands begin with years that it divides", 2, 100)),
    lambda given: f"is shown as the first day of its {given['years']} years",
    _on(_band),
    Example(date(1985, 3, 2)),
    fits=_FITS,
)
