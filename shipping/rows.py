"""A record as a row of the table `records` in ClickHouse: the columns that audit.tables has, by their types.

Owns the types there, and what becomes of a value that does not fit one: nothing, for `line` has it as it was written. May not do: send.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from audit import tables
from audit.chain import encode

if TYPE_CHECKING:
    from audit.reader import Read

_LIKE: Final = re.compile(rb'"like":([0-9]{1,18})(?:,"hash":"[0-9a-f]{64}")?\}\Z')
_FEW: Final = frozenset(
    {
        "event",
        "principal",
        "on_behalf_of",
        "application",
        "database",
        "database_user",
        "ruling",
        "policy",
        "sqlstate",
        "status",
    }
)
"""Columns with few values, which are kept once."""

_SIMPLE: Final = {"VARCHAR": "String", "JSON": "String", "BIGINT": "Int64", "INTEGER": "Int32", "BOOLEAN": "Bool"}
_BOUNDS: Final = {"BIGINT": 2**63, "INTEGER": 2**31}
_MOMENT: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})T([0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?)Z")
_NO_MOMENT: Final = "1970-01-01 00:00:00"


def type_of(name: str) -> str:
    """Return the type of a column of `records` in ClickHouse."""
    if name == "seq":
        return "Int64"
    if name == "time":
        return "DateTime64(6, 'UTC')"
    made = _type(tables.COLUMNS[name])
    return f"LowCardinality({made})" if name in _FEW else made


def _type(kind: Any) -> str:  # noqa: ANN401  as audit.tables writes it
    if isinstance(kind, dict):
        return f"Tuple({', '.join(f'`{name}` {_type(inner)}' for name, inner in kind.items())})"
    if isinstance(kind, list):
        return f"Array({_type(kind[0])})"
    return f"Nullable({_SIMPLE[kind]})"


def row(trail: str, read: Read) -> dict[str, Any]:
    """Return the row of a record, for JSON; statements are whole, `line` is as it was written."""
    fields = read.fields
    like = _LIKE.search(read.line) if fields.get("event") == "statement" else None
    made = {name: _value(kind, fields.get(name)) for name, kind in tables.COLUMNS.items()}
    moment = _MOMENT.fullmatch(str(fields.get("time")))
    made["time"] = f"{moment[1]} {moment[2]}" if moment else _NO_MOMENT
    made["like"] = int(like[1]) if like else None
    return {"trail": trail, "segment": read.segment, **made, "line": read.line.decode("utf-8", "replace")}


def _value(kind: Any, value: object) -> object:  # noqa: ANN401, PLR0911  as audit.tables writes it; one return for each type
    if isinstance(kind, dict):
        found = value if isinstance(value, dict) else {}
        return {name: _value(inner, found.get(name)) for name, inner in kind.items()}
    if isinstance(kind, list):
        return [_value(kind[0], each) for each in value] if isinstance(value, list) else []
    if value is None:
        return None
    if kind == "JSON":
        return encode(value).decode()
    if kind == "VARCHAR":
        return value if isinstance(value, str) else encode(value).decode()
    if kind == "BOOLEAN":
        return value if isinstance(value, bool) else None
    limit = _BOUNDS.get(kind, 0)
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and -limit <= int(str(value)) < limit else None
