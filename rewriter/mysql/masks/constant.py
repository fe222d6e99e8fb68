"""`constant`: one value that the policy gives.

The value is checked against the column's type here, for a cast that fails would break every statement that reads the
column. What does not fit is hidden entirely.
"""

from __future__ import annotations

import calendar
import json
import re
import uuid
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Final

from rewriter.mysql.masks.literals import literal
from rewriter.mysql.masks.target import FLOATS, INTEGERS, decimal, moment, stamp

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rewriter.mysql.masks.target import Request, Target

_FLOAT_LIMIT = Decimal("1e37")  # fits float and double
_MAX_DIGITS = 60  # a decimal holds 65
_LAST_SECOND = 2**31 - 1  # of a timestamp
_YEARS = range(1901, 2156)  # of the type YEAR
_BOOLEANS = {"true": "1", "false": "0"}


def render_constant(request: Request) -> str | None:
    """Show the policy's value in the column's type, text cut to its length."""
    target, value = request.target, request.parameters["value"]
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if target.is_text:
        return literal(text if target.length is None else text[: target.length], target.character_set)
    read = _READERS.get(target.base)
    return read(text, target) if read else None


def _integer(text: str, target: Target) -> str | None:
    if target.base == "tinyint" and target.modifiers == (1,):  # what BOOLEAN is
        text = _BOOLEANS.get(text, text)
    if not re.fullmatch(r"[-+]?\d{1,20}", text, re.ASCII):
        return None
    least, greatest = target.range
    number = str(int(text))
    if not least <= int(text) <= greatest:
        return None
    return target.number(number) if target.unsigned else number


def _number(text: str, target: Target) -> str | None:
    if len(text) > _MAX_DIGITS or not text.isascii() or "_" in text:
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    if not number.is_finite() or abs(number) >= _FLOAT_LIMIT or (target.unsigned and number < 0):
        return None
    if target.base in FLOATS:
        return f"CAST({number:E} AS {target.base.upper()})" if number else "0e0"
    precision, scale = target.size
    # half a unit of the last place less, for the server rounds
    if abs(number) >= Decimal(10) ** (precision - scale) - Decimal(10) ** -scale / 2:
        return None
    return decimal(target, f"{number:f}")


def _date(text: str, target: Target) -> str | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    if target.base == "date":
        return f"DATE'{day.isoformat()}'"
    if target.base == "datetime":
        return moment(target, f"{day.isoformat()} 00:00:00")
    seconds = calendar.timegm(day.timetuple())
    return stamp(target, str(seconds)) if 0 <= seconds <= _LAST_SECOND else None


def _year(text: str, _: Target) -> str | None:
    return text if re.fullmatch(r"\d{4}", text, re.ASCII) and int(text) in _YEARS else None


def _json(text: str, target: Target) -> str | None:
    try:
        json.loads(text)
        text.encode("utf-8")
    except ValueError:
        return None
    # NaN is JSON to Python alone; a lone surrogate is not text to the server
    if re.search(r"NaN|Infinity|\\u[dD][89abAB]", text):
        return None
    return f"CAST({literal(text)} AS JSON)" if target.character_set is None else literal(text, target.character_set)


def _uuid(text: str, _: Target) -> str | None:
    try:
        return literal(str(uuid.UUID(text)))
    except ValueError:
        return None


def _member(text: str, target: Target) -> str | None:
    return literal(text, target.character_set) if text in target.members else None


_READERS: Final[Mapping[str, Callable[[str, Target], str | None]]] = {
    **dict.fromkeys(INTEGERS, _integer),
    **dict.fromkeys(("decimal", *FLOATS), _number),
    **dict.fromkeys(("date", "datetime", "timestamp"), _date),
    **dict.fromkeys(("enum", "set"), _member),
    "json": _json,
    "uuid": _uuid,
    "year": _year,
}
"""How a constant is read for a type that is not text; None when it does not fit."""
