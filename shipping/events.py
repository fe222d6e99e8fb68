"""A record as an event of its own for a SIEM: how grave it is, and its shape as JSON; what is too long is cut, and it says so.

Owns severity and length. Nothing is in an event that is not in the record; `trail` and `seq` tell one event from all others. May
not do: send.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from enum import IntEnum
from typing import Any, Final

Fields = dict[str, Any]

Shape = Callable[[str, Fields], bytes]
"""Turns a record of a trail, which is named, into a message."""

_KEPT: Final = frozenset({"seq", "time", "event", "hash", "cut"})
_LEAST: Final = 64
"""Characters by which a text is shortened at least, so that shortening ends soon."""


class Weight(IntEnum):
    """How grave an event is; the values are those of `severity_id` in OCSF."""

    INFORMATIONAL = 1
    LOW = 2
    MEDIUM = 3
    HIGH = 4
    CRITICAL = 5


def weight(fields: Fields) -> Weight:
    """Return how grave a record is: alerts and damage first, then what was refused, then what failed."""
    event = fields.get("event")
    if event == "alert" or (event == "recovered" and (fields.get("missing") or fields.get("head_differs"))):
        return Weight.CRITICAL
    if event in {"reloaded", "recovered"} and fields.get("ok") is not True:
        return Weight.HIGH
    refused = event in {"login_refused", "denial"} or fields.get("ruling") == "deny"
    if refused or (event == "grant" and fields.get("what") == "broken glass"):
        return Weight.MEDIUM
    if event == "outcome" and fields.get("status") != "ok":
        return Weight.LOW
    return Weight.INFORMATIONAL


def as_json(trail: str, fields: Fields) -> bytes:
    """Return a record as a JSON object on one line, in ASCII, with the trail's name as its first member."""
    return ascii_json({"trail": trail, **fields})


def ascii_json(value: object) -> bytes:
    """Return a value as JSON of printable ASCII alone: what a receiver of syslog takes for text, whatever it thinks of UTF-8."""
    return json.dumps(value, separators=(",", ":")).replace("\x7f", "\\u007f").encode("ascii")


def fitted(shape: Shape, trail: str, fields: Fields, limit: int) -> bytes:
    """Return a message of `limit` bytes at most: the longest members of the record are shortened or left out, as `cut` says."""
    message = shape(trail, fields)
    while len(message) > limit:
        shorter = _shorter(fields, len(message) - limit)
        if shorter is None:
            break
        fields = shorter
        message = shape(trail, fields)
    return message


def cut_of(fields: Fields) -> list[str]:
    """Return the names of the members that were shortened or left out."""
    cut = fields.get("cut")
    return [str(name) for name in cut] if isinstance(cut, list) else []


def _shorter(fields: Fields, excess: int) -> Fields | None:
    """Return a record whose longest member is shorter; None when there is nothing to be shortened."""
    sizes = {name: len(ascii_json(value)) for name, value in fields.items() if name not in _KEPT and value}
    if not sizes:
        return None
    name = max(sizes, key=lambda each: sizes[each])
    value = fields[name]
    kept: object = None
    if isinstance(value, str):
        share = max(0.0, 1 - (excess + _LEAST) / sizes[name])
        kept = value[: min(int(len(value) * share), max(0, len(value) - _LEAST))]
    cut = cut_of(fields)
    return {**fields, name: kept, "cut": cut if name in cut else [*cut, name]}
