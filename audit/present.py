"""Records as text: columns for a table, cells for a spreadsheet, JSON lines; safe wherever they are shown.

Owns what a reader sees of an entry, and the escaping. What stands in a record was written by whoever sent the SQL: it
can hold terminal escape sequences, line breaks, text that turns its direction, and spreadsheet formulas. May not do:
colours, widths, files.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from audit.chain import encode

if TYPE_CHECKING:
    from audit.search import Entry

_SPACES = re.compile(r"[ \t\r\n\f\v]+")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")

CSV_COLUMNS = (
    "seq", "time", "event", "principal", "attributes", "address", "application", "database", "database_user",
    "session", "statement", "ruling", "status", "sqlstate", "rows", "bytes", "duration_us", "kinds", "relations",
    "columns", "text", "rewritten", "reason", "policy", "catalog", "fingerprint",
)  # fmt: skip
"""The columns of the CSV form; part of the interface, new ones are added at the end."""


def safe(text: str) -> str:
    """Return text on one line, with every character that acts on a terminal written as an escape (ESC as x1b)."""
    line = _SPACES.sub(" ", text).strip()
    return line if line.isprintable() else "".join(c if c.isprintable() else _escaped(ord(c)) for c in line)


def _escaped(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def cell(value: object) -> str:
    """Return a value as a spreadsheet cell: safe text that no spreadsheet takes for a formula."""
    if value is None:
        return ""
    text = safe(str(value))
    return "'" + text if text.startswith(_FORMULA) and not isinstance(value, int) else text


def csv_row(entry: Entry) -> list[str]:
    """Return an entry as cells in the order of CSV_COLUMNS."""
    merged = {
        **entry.record,
        **_of_outcome(entry),
        "status": entry.status,
        "columns": "; ".join(map(_use, _uses(entry.record))),
    }
    for name in ("kinds", "relations"):
        merged[name] = ", ".join(map(str, entry.record.get(name) or ()))
    if "attributes" in merged:
        merged["attributes"] = encode(merged["attributes"]).decode()
    if entry.record["event"] != "statement":
        merged["text"] = what(entry.record)
    return [cell(merged.get(name)) for name in CSV_COLUMNS]


def json_line(entry: Entry) -> str:
    """Return an entry as one line of JSON: its record, and the outcome of a statement under `outcome`."""
    if entry.record["event"] != "statement":
        return encode(entry.record).decode()
    return encode({**entry.record, "status": entry.status, "outcome": entry.outcome}).decode()


def _of_outcome(entry: Entry) -> dict[str, Any]:
    outcome = entry.outcome or {}
    found: dict[str, Any] = {
        name: outcome[name] for name in ("rows", "bytes", "duration_us", "sqlstate") if name in outcome
    }
    if found.get("sqlstate") is None:
        found.pop("sqlstate", None)  # a denial's own stands in the record
    return found


TABLE_COLUMNS = ("seq", "time (UTC)", "who", "ruling", "end", "rows", "ms", "sensitive columns", "what")
_USES_AT = TABLE_COLUMNS.index("sensitive columns")


def table_row(entry: Entry) -> list[str]:
    """Return an entry as cells in the order of TABLE_COLUMNS, each safe on a terminal."""
    record, outcome = entry.record, entry.outcome or {}
    duration = outcome.get("duration_us", record.get("duration_us"))
    cells = (
        record.get("seq"),
        str(record.get("time", "")).replace("T", " ")[:23],
        record.get("principal"),
        record.get("ruling") or record.get("event"),
        " ".join(str(part) for part in (entry.status, outcome.get("sqlstate") or record.get("sqlstate")) if part),
        outcome.get("rows"),
        f"{duration / 1000:.1f}" if isinstance(duration, int | float) else None,
        None,  # the columns, one a line, below
        what(record),
    )
    shown = [safe("" if part is None else str(part)) for part in cells]
    shown[_USES_AT] = "\n".join(safe(_use(use)) for use in _uses(record))
    return shown


def plain_row(entry: Entry) -> str:
    """Return an entry as one line of tab-separated cells, for pipes."""
    return "\t".join(safe(part) for part in table_row(entry))


def _uses(record: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the sensitive columns that a statement reads; a grant has `columns` of its own, which say what it means."""
    return record.get("columns") or [] if record.get("event") == "statement" else []


def _use(use: dict[str, Any]) -> str:
    treatment = use.get("treatment")
    how = use.get("mask") if treatment == "mask" and use.get("mask") else treatment
    rows = " on some rows" if use.get("rows") else ""
    return f"{use.get('column')}: {how}{rows} ({use.get('rule')})"


def what(record: dict[str, Any]) -> str:
    """Return in words what a record says beyond who and when; for a statement its text."""
    event = record.get("event")
    if event == "statement":
        reason = record.get("reason")
        return str(record.get("text") or "") + (f" -- {reason}" if reason else "")
    names = _SAID.get(str(event))
    if names is None:
        names = tuple(name for name in record if name not in _COMMON)
    return ", ".join(f"{name} {_said(record.get(name))}" for name in names if record.get(name) not in (None, "", []))


def _said(value: object) -> str:
    return value if isinstance(value, str) else encode(value).decode()


_COMMON = frozenset({"hash", "seq", "time", "event", "session", "principal"})
_SAID = {
    "session_opened": ("address", "application", "database", "database_user", "login", "proof", "tls"),
    "session_closed": ("reason", "statements"),
    "login_refused": ("address", "application", "database", "reason", "sqlstate"),
    "denial": ("what", "reason"),
    "cancel": ("address", "session", "ok"),
    "outcome": ("statement", "status", "sqlstate", "rows"),
}
