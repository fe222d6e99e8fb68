"""`year`, `month` and `age_band`: the first day of the span of time that a value lies in.

Timestamps with time zone are cut in UTC: cut in the session's zone, a caller could move the zone until the span changes and so
find the day. Infinite dates, and those before the first whole span, are hidden entirely.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from rewriter.postgres.masks.literals import call, literal, operate, typed
from rewriter.postgres.masks.target import DATES, hidden

if TYPE_CHECKING:
    from rewriter.postgres.masks.target import Request

_BEGIN = "4712-01-01 00:00:00+00 BC"  # dates begin on 4714-11-24 BC (manual, table 8.9); zones take a day more
_FIRST = "0001-01-01 00:00:00+00"  # years before it are counted backwards


def render_year(request: Request) -> str | None:
    """Keep the year of a date or timestamp; other types do not fit."""
    return _cut(request, "year")


def render_month(request: Request) -> str | None:
    """Keep year and month of a date or timestamp; other types do not fit."""
    return _cut(request, "month")


def render_age_band(request: Request) -> str | None:
    """Keep the band of years of a date or timestamp; other types do not fit."""
    base, value = request.target.base, request.reference
    if base not in DATES:
        return None
    years = int(request.parameters["years"])
    local = call("timezone", literal("UTC"), value) if base == "timestamptz" else value
    year = _part("year", local)
    begin = operate(year, "-", call("mod", year, str(years)))
    first = operate(begin, "+", f"(CASE WHEN {operate(begin, '=', '0')} THEN 1 ELSE 0 END)")  # there is no year 0
    shown = call("make_date", first, "1", "1")
    if base != "date":
        shown = call("make_timestamp", first, "1", "1", "0", "0", "0")
    if base == "timestamptz":
        shown = call("timezone", literal("UTC"), shown)
    return _within(request, _FIRST, shown)


def _cut(request: Request, unit: Literal["year", "month"]) -> str | None:
    base, value = request.target.base, request.reference
    if base not in DATES:
        return None
    if base == "date":
        # not by way of a timestamp, which ends in 294276 where a date ends in 5874897
        month = _part("month", value) if unit == "month" else "1"
        first = call("make_date", _part("year", value), month, "1")
    elif base == "timestamp":
        first = call("date_trunc", literal(unit), value)
    else:
        first = call("date_trunc", literal(unit), value, literal("UTC"))
    return _within(request, _BEGIN, first)


def _part(unit: str, value: str) -> str:
    return f"{call('extract', literal(unit), value)}::pg_catalog.int4"


def _within(request: Request, begin: str, shown: str) -> str:
    base, value = request.target.base, request.reference
    outside = f"{operate(value, '<', typed(begin, base))} OR {operate(value, '=', typed('infinity', base))}"
    # this way round NULL takes the branch that is NULL for NULL
    return f"CASE WHEN {outside} THEN {hidden(request.target)} ELSE {shown} END"
