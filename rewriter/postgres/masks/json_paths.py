"""`json`: chosen members of a json or jsonb hidden; what is no object, or cannot be read as jsonb, is hidden entirely.

All is decided on the value as it was, so that each path is written once.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from policies.masks.json_paths import TEXT, paths_of
from rewriter.postgres.masks.literals import call, cast, literal, operate, typed
from rewriter.postgres.masks.patterns import matches
from rewriter.postgres.masks.target import hidden

if TYPE_CHECKING:
    from rewriter.postgres.masks.target import Request

_BLANKS: Final = {"string": TEXT, "number": 0, "boolean": False, "null": None, "array": [], "object": {}}
"""What takes the place of a member, by the type that jsonb_typeof() tells."""
_UNREADABLE: Final = r"\\u0000|\\u[dD][89a-fA-F]|[eE][+-]?[0-9]{4}"
"""What a json may hold and a jsonb may not: NUL, halves of characters (whole ones in two halves are taken for such), vast numbers."""
_LONGEST = 100_000  # bytes of a json: a number in it has fewer digits than a numeric takes
_NOT_ASCII = r"\\u[^0]|\\u0[^0]|\\u00[89a-fA-F]"


def render_json(request: Request) -> str | None:
    """Hide members; other types do not fit."""
    base, value = request.target.base, request.reference
    if base not in ("json", "jsonb"):
        return None
    nothing = hidden(request.target)
    document = value if base == "jsonb" else cast(cast(value, "pg_catalog.text"), "pg_catalog.jsonb")
    shown = document
    for path in paths_of(request.parameters):
        place = _place(document, path)
        kind = call("jsonb_typeof", operate(document, "#>", place))
        blank = operate(typed(json.dumps(_BLANKS), "jsonb"), "->", kind)
        shown = call("jsonb_set", shown, place, f"COALESCE({blank}, {typed('null', 'jsonb')})", "false")
    cases = [f"WHEN {operate(call('jsonb_typeof', document), '<>', literal('object'))} THEN {nothing}"]
    if base == "json":
        text = cast(value, "pg_catalog.text")
        foreign = operate(call("getdatabaseencoding"), "<>", literal("UTF8"))
        unreadable = (
            f"{operate(call('octet_length', text), '>', str(_LONGEST))} OR {matches(text, _UNREADABLE)} "
            f"OR ({foreign} AND {matches(text, _NOT_ASCII)})"
        )
        cases.insert(0, f"WHEN {unreadable} THEN {nothing}")
        shown = cast(shown, "pg_catalog.json")
    return f"CASE {' '.join(cases)} ELSE {shown} END"


def _place(document: str, path: tuple[str, ...]) -> str:
    """Give the path, or as much of it as leads through objects and to what is none."""
    cases = []
    for depth in range(1, len(path)):
        way = _keys(path[:depth])
        kind = f"COALESCE({call('jsonb_typeof', operate(document, '#>', way))}, {literal('')})"
        cases.append(f"WHEN {operate(kind, '<>', literal('object'))} THEN {way}")
    return f"(CASE {' '.join(cases)} ELSE {_keys(path)} END)" if cases else _keys(path)


def _keys(path: tuple[str, ...]) -> str:
    elements = ",".join(f'"{key}"' for key in path)
    return f"({literal('{' + elements + '}')}::pg_catalog.text[])"
