"""All masks by name, and what one makes of a value.

May not do: read files, render SQL.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from policies.masks import (
    address,
    binary,
    chinese_name,
    dates,
    email_address,
    free_text,
    json_paths,
    keyed,
    network,
    numbers,
    partial,
    plain,
    replacing,
    shapes,
)
from policies.masks.schema import Cell
from policies.model import Mask

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from policies.masks.schema import MaskSchema, ParameterValue, Value

SCHEMAS: Final[Mapping[str, MaskSchema]] = MappingProxyType(
    {
        schema.name: schema
        for schema in (
            plain.FULL,
            plain.NULL,
            partial.SCHEMA,
            chinese_name.SCHEMA,
            *shapes.SCHEMAS,
            email_address.SCHEMA,
            address.SCHEMA,
            network.SCHEMA,
            free_text.SCHEMA,
            replacing.SCHEMA,
            json_paths.SCHEMA,
            binary.SCHEMA,
            keyed.HASH,
            keyed.TOKEN,
            keyed.DIGITS,
            numbers.ROUND,
            numbers.BUCKET,
            numbers.NOISE,
            dates.YEAR,
            dates.MONTH,
            dates.AGE_BAND,
            plain.CONSTANT,
        )
    }
)
"""Every mask by its name."""

WHOLE: Final = frozenset({"full", "null", "constant"})
"""Masks that hide an array as one value, so that not even its length is told."""

Item = Any
"""An element of an array, None for NULL, or a list of them: a row."""


def make_mask(name: str, **given: ParameterValue) -> Mask:
    """Build a mask with its defaults filled in. Raises KeyError for unknown names; values are taken as they are."""
    schema = SCHEMAS[name]
    values: dict[str, ParameterValue] = {
        key: parameter.default for key, parameter in schema.parameters.items() if parameter.default is not None
    }
    for key, value in given.items():
        _ = schema.parameters[key]
        values[key] = value
    return Mask(name, tuple(sorted(values.items())))


def mask_words(mask: Mask) -> str:
    """Say what a caller sees: "is shown with the first 3 and last 4 characters"."""
    return SCHEMAS[mask.name].words(dict(mask.parameters))


def show(mask: Mask, value: Value | None, *, length: int | None = None, secret: bytes | None = None) -> Value | None:
    """Give what a caller sees of a value, as the database computes it. NULL is None.

    `length` is that of the column, in characters or bytes; `secret` is the key of keyed masks. Whole numbers are bigints, decimals
    have no bound. Raises KeyNeededError for a keyed mask without a secret, KeyError for a mask that does not exist.
    """
    schema = SCHEMAS[mask.name]
    if value is None or mask.name == "null":
        return None
    cell = Cell(value, dict(mask.parameters), length, secret)
    shown = schema.shown(cell)
    return plain.hidden(cell) if shown is None else shown


def show_array(
    mask: Mask, values: Sequence[Item], *, length: int | None = None, secret: bytes | None = None
) -> list[Item] | None:
    """Give what a caller sees of an array, as the database computes it: each element by itself.

    `values` are elements, or rows of them; all else is as of `show`.
    """
    if mask.name == "null":
        return None
    rows = [row for row in values if isinstance(row, list)]
    elements = [each for row in rows for each in row] if rows else list(values)
    if mask.name in WHOLE or any(isinstance(each, list) for each in elements):
        return []
    return [
        [show(mask, each, length=length, secret=secret) for each in row]
        if isinstance(row, list)
        else show(mask, row, length=length, secret=secret)
        for row in values
    ]
