"""`year`: 1 January of the value's year.

Timestamps are cut in UTC: cut in the session's zone, a caller could move the zone until the year changes and so find the
day. Dates without a year are hidden entirely.
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
    target, value = request.target, request.reference
    if target.base not in DATES:
        return None
    if target.base == "timestamp":
        # the seconds of a timestamp are what is stored, so no zone takes part; 0 is that of the zero timestamp
        universal = f"{_EPOCH} + INTERVAL FLOOR(UNIX_TIMESTAMP({value})) SECOND"
        return stamp(target, f"TIMESTAMPDIFF(SECOND, {_EPOCH}, MAKEDATE(YEAR({universal}), 1))")
    kind = "DATE" if target.base == "date" else f"DATETIME({target.modifiers[0] if target.modifiers else 0})"
    # YEAR() reads dates with zeros in them as well; MAKEDATE() would move years before 100
    text = f"CONCAT(LPAD(YEAR({value}), 4, {literal('0')}), {literal('-01-01')})"
    return f"CASE WHEN YEAR({value}) = 0 THEN {hidden(target)} ELSE CAST({text} AS {kind}) END"
