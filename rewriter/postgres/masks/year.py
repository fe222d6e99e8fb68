"""`year`: 1 January of the value's year.

Timestamps with time zone are cut in UTC: cut in the session's zone, a caller could move the zone until the year changes and so
find the day. Infinite dates, and years that the type cannot begin, are hidden entirely.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rewriter.postgres.masks.literals import call, literal, operate, typed
from rewriter.postgres.masks.target import DATES, hidden

if TYPE_CHECKING:
    from rewriter.postgres.masks.target import Request

_BEGIN = "4712-01-01 00:00:00+00 BC"  # dates begin on 4714-11-24 BC (manual, table 8.9); zones take a day more


def render_year(request: Request) -> str | None:
    """Keep the year of a date or timestamp; other types do not fit."""
    base = request.target.base
    if base not in DATES:
        return None
    value = request.reference
    outside = f"{operate(value, '<', typed(_BEGIN, base))} OR {operate(value, '=', typed('infinity', base))}"
    if base == "date":
        # not by way of a timestamp, which ends in 294276 where a date ends in 5874897
        year = f"{call('extract', literal('year'), value)}::pg_catalog.int4"
        first = call("make_date", year, "1", "1")
    elif base == "timestamp":
        first = call("date_trunc", literal("year"), value)
    else:
        first = call("date_trunc", literal("year"), value, literal("UTC"))
    # this way round NULL takes the branch that is NULL for NULL
    return f"CASE WHEN {outside} THEN {hidden(request.target)} ELSE {first} END"
