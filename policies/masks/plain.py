"""`full`, `null` and `constant`: what shows nothing of the value."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final
from uuid import UUID

from policies.masks.schema import CHARACTER, Example, MaskSchema, Parameter, parameters

if TYPE_CHECKING:
    from policies.masks.schema import Cell, Value

MAX_CONSTANT: Final = 1000
"""Characters of a `constant`; it stands in the SQL of every statement."""
_FIRST: Final = date(1970, 1, 1)


def hidden(cell: Cell) -> Value:  # noqa: PLR0911  one for each type
    """Give the constant of the value's type."""
    match cell.value:
        case str():
            return cell.pad
        case bytes():
            return b""
        case UUID():
            return UUID(int=0)
        case datetime():
            return datetime(1970, 1, 1, tzinfo=UTC if cell.value.tzinfo else None)
        case date():
            return _FIRST
        case Decimal():
            return Decimal(0).quantize(cell.value) if cell.value.is_finite() else Decimal(0)
        case bool():
            return False
        case _:
            return type(cell.value)(0)


def _constant(cell: Cell) -> Value | None:
    if not isinstance(cell.value, str):
        return None
    value = cell.parameters["value"]
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if cell.length is None else text[: cell.length]


FULL: Final = MaskSchema(
    "full",
    "hides the value behind a constant of its type, whatever the value is",
    parameters(character=CHARACTER),
    lambda _: "is hidden entirely",
    hidden,
    Example("13812345678"),
    fits="all types",
)
NULL: Final = MaskSchema(
    "null",
    "gives NULL",
    parameters(),
    lambda _: "is shown as NULL",
    lambda _: None,
    Example("13812345678"),
    fits="all types",
)
CONSTANT: Final = MaskSchema(
    "constant",
    "shows one value that the policy gives",
    parameters(value=Parameter("value", None, "the value shown: text, a whole number or a boolean", 0, MAX_CONSTANT)),
    lambda given: f"is shown as the constant `{given['value']}`",
    _constant,
    Example("13812345678", {"value": "hidden"}),
    fits="all types that can hold it",
)
