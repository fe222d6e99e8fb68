"""`json`: chosen members of a JSON document hidden; what is no object, or cannot be read, is hidden entirely.

All is decided on the value as it was, so that each path is written once. MariaDB keeps JSON as it was written: a document in which a name
on the way stands twice, or some name may stand in escapes, is hidden entirely, for only the first in plain letters would be replaced.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from policies.masks.json_paths import TEXT, paths_of
from rewriter.mysql.masks.literals import literal, utf8
from rewriter.mysql.masks.patterns import holds
from rewriter.mysql.masks.target import hidden

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rewriter.mysql.masks.target import Request

_BLANKS: Final[Mapping[str, object]] = {
    "NULL": None, "BOOLEAN": False, "OBJECT": {}, "ARRAY": [],
    **dict.fromkeys(("INTEGER", "UNSIGNED INTEGER", "DOUBLE", "DECIMAL"), 0),
    **dict.fromkeys(("STRING", "DATE", "TIME", "DATETIME", "BLOB", "BIT", "OPAQUE"), TEXT),
}  # fmt: skip
"""What takes the place of a member, by the type that JSON_TYPE() tells; nothing does of one that is not listed, which becomes null."""

_ESCAPED: Final = r"\\u00[2-7]"
"""A plain character in escaped form, by which a name may stand in another spelling than its path's."""


def render_json(request: Request) -> str | None:
    """Hide members; other types do not fit."""
    target, value = request.target, request.reference
    if target.base != "json":
        return None
    nothing = hidden(target)
    shown = value
    blanks = f"_utf8mb4 {utf8(json.dumps(_BLANKS))}"
    for path in paths_of(request.parameters):
        place = _place(value, path)
        quoted = f"CONCAT(_utf8mb4 {utf8('$.' + chr(34))}, JSON_TYPE(JSON_EXTRACT({value}, {place})), _utf8mb4 {utf8(chr(34))})"
        shown = f"JSON_REPLACE({shown}, {place}, JSON_EXTRACT({blanks}, {quoted}))"
    cases = [f"WHEN JSON_TYPE({value}) <> {literal('OBJECT')} THEN {nothing}"]
    if target.character_set is not None:
        cases.insert(0, f"WHEN NOT JSON_VALID({value}) OR {holds(value, _ESCAPED)} THEN {nothing}")
        ways = dict.fromkeys(path[: depth + 1] for path in paths_of(request.parameters) for depth in range(len(path)))
        twice = (
            f"JSON_CONTAINS_PATH(JSON_REMOVE({value}, {_keys(way)}), {literal('one')}, {_keys(way)})" for way in ways
        )
        cases += [f"WHEN {found} THEN {nothing}" for found in twice]
    return f"CASE {' '.join(cases)} ELSE {shown} END"


def _place(value: str, path: tuple[str, ...]) -> str:
    """Give the path, or as much of it as leads through objects and to what is none."""
    cases = []
    for depth in range(1, len(path)):
        way = _keys(path[:depth])
        cases.append(
            f"WHEN COALESCE(JSON_TYPE(JSON_EXTRACT({value}, {way})), {literal('')}) <> {literal('OBJECT')} THEN {way}"
        )
    return f"CASE {' '.join(cases)} ELSE {_keys(path)} END" if cases else _keys(path)


def _keys(path: tuple[str, ...]) -> str:
    return f"_utf8mb4 {utf8('$' + ''.join(f'.{chr(34)}{key}{chr(34)}' for key in path))}"
