"""`json`: chosen members of a JSON object hidden, the rest as it is.

Owns what a path is and what takes a member's place. Where an array or a plain value stands in a path's way, all of it is hidden: what
is behind it could not be told from what the path means.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from policies.masks.schema import Example, MaskSchema, Parameter, parameters

if TYPE_CHECKING:
    from policies.masks.schema import Cell, Parameters

TEXT: Final = "****"
"""What stands for a text; other types have their empty value, so that programs still read them."""
MAX_PATHS: Final = 20
_MAX_DEPTH = 6
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


def paths_of(given: Parameters) -> tuple[tuple[str, ...], ...]:
    """Give the members that are hidden, each as the names on the way to it."""
    return tuple(tuple(path.removeprefix("$.").split(".")) for path in str(given["paths"]).split("\n"))


def _problem(given: Parameters) -> str | None:
    for path in paths_of(given):
        if not all(_KEY.fullmatch(key) for key in path):
            return f"`{'.'.join(path)}` is no path: write names with points between them, such as `customer.phone`"
        if len(path) > _MAX_DEPTH:
            return f"`{'.'.join(path)}` goes deeper than {_MAX_DEPTH} names"
    return None


def _blank(value: Any) -> Any:  # noqa: ANN401  what JSON holds
    match value:
        case None:
            return None
        case str():
            return TEXT
        case bool():
            return False
        case int() | float():
            return 0
        case dict():
            return {}
    return []


def _hide(value: dict[str, Any], path: tuple[str, ...]) -> None:
    for place, key in enumerate(path):
        found = value.get(key)
        if found is None:
            return
        if place == len(path) - 1 or not isinstance(found, dict):
            value[key] = _blank(found)
            return
        value = found


def _shown(cell: Cell) -> str | None:
    if not isinstance(cell.value, str):
        return None
    try:
        value = json.loads(cell.value)
    except (ValueError, RecursionError):
        return "{}"
    if not isinstance(value, dict):
        return "{}"
    for path in paths_of(cell.parameters):
        _hide(value, path)
    return json.dumps(value, ensure_ascii=False)


SCHEMA: Final = MaskSchema(
    "json",
    "hides chosen members of a JSON object",
    parameters(paths=Parameter("texts", None, "the members hidden, such as `phone` or `customer.phone`", 1, MAX_PATHS)),
    lambda given: f"is shown without {', '.join('.'.join(path) for path in paths_of(given))}",
    _shown,
    fits="json, jsonb",
    example=Example('{"id": 7, "customer": {"phone": "13812345678"}}', {"paths": "customer.phone"}),
    problem=_problem,
)
