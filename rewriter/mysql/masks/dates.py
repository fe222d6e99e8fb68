"""`year`, `month` and `age_band`: the first day of the span of time that a value lies in.

Timestamps are cut in UTC: cut in the session's zone, a caller could move the zone until the span changes and so find the
day. Dates without a year, or without a month where it is asked for, are hidden entirely.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rewriter.mysql.masks.literals import literal
from rewriter.mysql.masks.target import DATES, hidden, stamp

if TYPE_CHECKING:
    from rewriter.mysql.masks.target import Request

_EPOCH = "TIMESTAMP'1970-01-01 00:00:00'"


def render_year(request: Request) -> str | None:
    """Keep the year of a date, datetime or timestamp; other types do not fit."""
    if request.target.base == "timestamp":
        return _stamp(request, f"MAKEDATE(YEAR({_universal(request)}), 1)")
    return _dated(request, f"YEAR({request.reference})", literal("-01-01"))


def render_month(request: Request) -> str | None:
    """Keep year and month of a date, datetime or timestamp; other types do not fit."""
    value = request.reference
    if request.target.base == "timestamp":
        universal = _universal(request)
        return _stamp(request, f"DATE({universal}) - INTERVAL DAYOFMONTH({universal}) - 1 DAY")
    month = f"CONCAT({literal('-')}, LPAD(MONTH({value}), 2, {literal('0')}), {literal('-01')})"
    return _dated(request, f"YEAR({value})", month, f" OR MONTH({value}) = 0")


def render_age_band(request: Request) -> str | None:
    """Keep the band of years of a date, datetime or timestamp; other types do not fit."""
    years = int(request.parameters["years"])
    if request.target.base == "timestamp":
        year = f"YEAR({_universal(request)})"
        return _stamp(request, f"MAKEDATE(GREATEST(1970, {year} - MOD({year}, {years})), 1)")
    year = f"YEAR({request.reference})"
    return _dated(request, f"GREATEST(1, {year} - MOD({year}, {years}))", literal("-01-01"))


def _universal(request: Request) -> str:
    # the seconds of a timestamp are what is stored, so no zone takes part; 0 is that of the zero timestamp
    return f"({_EPOCH} + INTERVAL FLOOR(UNIX_TIMESTAMP({request.reference})) SECOND)"


def _stamp(request: Request, first: str) -> str:
    return stamp(request.target, f"TIMESTAMPDIFF(SECOND, {_EPOCH}, {first})")


def _dated(request: Request, year: str, rest: str, lacking: str = "") -> str | None:
    target, value = request.target, request.reference
    if target.base not in DATES:
        return None
    kind = "DATE" if target.base == "date" else f"DATETIME({target.modifiers[0] if target.modifiers else 0})"
    # YEAR() reads dates with zeros in them as well; MAKEDATE() would move years before 100
    text = f"CONCAT(LPAD({year}, 4, {literal('0')}), {rest})"
    return f"CASE WHEN YEAR({value}) = 0{lacking} THEN {hidden(target)} ELSE CAST({text} AS {kind}) END"
