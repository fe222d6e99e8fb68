"""`constant`: one value that the policy gives.

The value is checked against the column's type here, for a cast that fails would break every statement that reads the
column. What does not fit is hidden entirely.
"""

from __future__ import annotations

import json
import re
import uuid
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Final

from rewriter.postgres.masks.literals import literal, typed, unless_null
from rewriter.postgres.masks.target import FLOATS, INTEGERS, TEXTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rewriter.postgres.masks.target import Request, Target

_FLOAT_LIMIT = Decimal("1e37")  # fits float4 and float8
_MAX_DIGITS = 100


def render_constant(request: Request) -> str | None:
    """Show the policy's value in the column's type, text cut to its length."""
    value = request.parameters["value"]
    text = str(value).lower() if isinstance(value, bool) else str(value)
    base = request.target.base
    if base in TEXTS:
        return unless_null(
            request.reference, literal(text if request.target.length is None else text[: request.target.length])
        )
    read = _READERS.get(base)
    shown = read(text, request.target) if read else None
    return None if shown is None else unless_null(request.reference, typed(shown, base))


def _integer(text: str, target: Target) -> str | None:
    if not re.fullmatch(r"[-+]?\d{1,19}", text, re.ASCII):
        return None
    limit = 2 ** INTEGERS[target.base]
    return str(int(text)) if -limit <= int(text) < limit else None


def _decimal(text: str, target: Target) -> str | None:
    if len(text) > _MAX_DIGITS or not text.isascii():
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    if not number.is_finite() or abs(number) >= _FLOAT_LIMIT or "_" in text:
        return None
    if target.base not in FLOATS and target.modifiers:
        precision, scale = (*target.modifiers, 0)[:2]
        # half a unit of the last place less, for the server rounds
        if scale < 0 or abs(number) >= Decimal(10) ** (precision - scale) - Decimal(10) ** -scale / 2:
            return None
    return f"{number:f}"


def _boolean(text: str, _: Target) -> str | None:
    return text if text in ("true", "false") else None


def _date(text: str, target: Target) -> str | None:
    try:
        day = date.fromisoformat(text).isoformat()
    except ValueError:
        return None
    return f"{day} 00:00:00+00" if target.base == "timestamptz" else day


def _json(text: str, _: Target) -> str | None:
    try:
        json.loads(text)
    except ValueError:
        return None
    # NaN is JSON to Python alone; \u0000 and lone surrogates are not text to jsonb
    return None if re.search(r"NaN|Infinity|\\u(0000|[dD][89abAB])", text) else text


def _uuid(text: str, _: Target) -> str | None:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        return None


_READERS: Final[Mapping[str, Callable[[str, Target], str | None]]] = {
    **dict.fromkeys(INTEGERS, _integer),
    **dict.fromkeys(("numeric", *FLOATS), _decimal),
    **dict.fromkeys(("date", "timestamp", "timestamptz"), _date),
    **dict.fromkeys(("json", "jsonb"), _json),
    "bool": _boolean,
    "uuid": _uuid,
}
"""How a constant is read for a type that is not text; None when it does not fit."""
