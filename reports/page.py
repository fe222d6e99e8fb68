"""A report as files: one HTML page that stands by itself, the figures of each chart and table as CSV, and all of it as JSON.

Owns the look, and the writing. What stands in a trail was written by whoever sent the SQL: templates escape everything, control characters
and those that turn text around are shown as escapes, cells are made harmless for spreadsheets, and the page itself allows no
script, no style but its own and no request. May not do: compute figures.
"""

from __future__ import annotations

import base64
import csv
import json
import os
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from audit import present
from reports import charts
from reports.signals import signals

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from reports.charts import Chart
    from reports.figures import Figures, Table
    from reports.signals import Signal

PAGE: Final = "index.html"
DATA: Final = "report.json"
CLEAR_VIEWS: Final = "clear-views.csv"

_SHOWN: Final = 40
"""Rows of a table on the page; all stand in its CSV file."""
_AREAS: Final = 16
_WORDS: Final = {
    "answered": "rows", "rows_answered": "rows", "clear_values": "clear values", "masked_values": "masked values",
    "first_time": "first", "last_time": "last", "mean_ms": "mean ms", "median_ms": "median ms", "longest_ms": "longest ms",
    "approved_by": "approved by", "asked_at": "asked", "begun_at": "began", "ended_at": "end", "reviewed_by": "reviewed by",
    "people_clear": "people clear", "usual": "usual rows", "relation": "table", "ok": "loaded",
}  # fmt: skip
"""What a column is called on the page, where that is not its name."""
LEFT_OUT: Final = {
    "clear-views-by-authority": ("category", "unit", "first_time"),
    "new-clear-views": ("category", "unit"),
    "grants": ("asked_at", "ended_at", "first_time", "last_time"),
    "alerts": ("missing",),
}
"""Columns that stand in the files alone, where a table would be too wide for eyes."""
_NUMBERS: Final = int | float | Decimal


@dataclass(frozen=True, slots=True)
class Fact:
    """A large figure of the value page, what it is, and how it was counted."""

    figure: str
    name: str
    how: str


def text(value: object) -> str:
    """Return a value as the page shows it: safe text, thousands apart, times to the minute."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float | Decimal):
        return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M")
    return present.safe(str(value))


def heading(table: Table) -> list[str]:
    """Return what the columns of a table are called for people."""
    return [_word(name) for name in table.heading]


def render(figures: Figures, made: datetime) -> str:
    """Return the page; `made` is now."""
    environment = Environment(
        loader=PackageLoader("reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"text": text, "word": _word}
    environment.tests["numeric"] = lambda value: isinstance(value, _NUMBERS) and not isinstance(value, bool)
    environment.tests["moment"] = lambda value: isinstance(value, date)
    style = files("reports").joinpath("templates", "style.css").read_text(encoding="utf-8")
    found = signals(figures)
    return environment.get_template("page.html.j2").render(
        style=style,
        style_hash=base64.b64encode(sha256(style.encode()).digest()).decode(),
        made=made.astimezone(UTC).replace(tzinfo=None),
        period=figures.period,
        figures=figures,
        tables=figures.tables,
        signals=found,
        counts={grade: sum(each.grade == grade for each in found) for grade in ("now", "soon", "know")},
        charts=_charts(figures),
        facts=facts(figures),
        shown=_SHOWN,
        left_out=LEFT_OUT,
        clear_views=CLEAR_VIEWS,
    )


def write(where: Path, figures: Figures, clear_views: Iterable[Sequence[Any]], made: datetime) -> list[Path]:
    """Write a report into a directory, made if it is not there; return its files. Raises OSError.

    Who may not read the trail may not read its report: the files are their owner's alone.
    """
    where.mkdir(mode=0o700, parents=True, exist_ok=True)
    written = [_write(where / PAGE, render(figures, made)), _write(where / DATA, data(figures, made))]
    written += [_write_rows(where / f"{table.name}.csv", [table.heading, *table.rows]) for table in _all(figures)]
    written.append(_write_rows(where / CLEAR_VIEWS, clear_views))
    return written


def data(figures: Figures, made: datetime) -> str:
    """Return the report as JSON: totals, signals, and each table as a list of objects. Times are UTC."""
    said = {
        "made": _moment(made.astimezone(UTC)),
        "period": {"since": _moment(figures.period.since), "until": _moment(figures.period.until)},
        "records": {"first": figures.trail[0], "last": figures.trail[1]},
        "totals": dict(figures.totals),
        "protection": dict(figures.protection),
        "signals": [_signal(each) for each in signals(figures)],
        "tables": {table.name: list(table.dicts()) for table in _all(figures)},
    }
    return json.dumps(said, ensure_ascii=False, indent=1, default=_plain) + "\n"


def facts(figures: Figures) -> tuple[Fact, ...]:
    """Return what the page of value shows."""
    totals, protection = figures.totals, figures.protection
    values = int(protection["masked_values"] + protection["clear_values"])
    share = f"{100 * int(protection['masked_values']) / values:.1f} %" if values else "none"
    found = [
        Fact(
            charts.short(int(protection["masked_values"])),
            "values masked",
            "rows of each answer times its masked columns, at most",
        ),
        Fact(share, "of sensitive values masked", "masked of all that was shown, clear or masked"),
        Fact(text(protection["masked_statements"]), "statements masked", f"of {totals['statements']:,} in all"),
        Fact(text(totals["denied"]), "statements refused", "before they reached the database"),
        Fact(text(totals["people"]), "people", f"{protection['people']:,} of them asked for sensitive columns"),
        Fact(
            text(protection["columns"]),
            "sensitive columns asked for",
            f"tables {protection['tables']:,}, databases {totals['databases']:,}, applications {totals['applications']:,}",
        ),
    ]
    if figures.coverage is not None:
        entries = figures.coverage.entries
        accepted = sum(entries.column("accepted"))
        waiting = sum(entries.column("proposed"))
        found.append(Fact(text(accepted), "entries of the dictionary", f"accepted; waiting for a review: {waiting:,}"))
        for name, every, classified, _ in figures.coverage.databases.rows:
            part = f"{100 * classified / every:.1f} %" if every else "none"
            found.append(Fact(part, f"of columns classified in {present.safe(name)}", f"{classified:,} of {every:,}"))
    return tuple(found)


def _charts(figures: Figures) -> dict[str, Chart]:
    days = [str(day) for day in figures.period.days]
    by_day = {str(row["day"]): row for row in figures.tables["days"].dicts()}

    def series(name: str) -> list[float]:
        return [float(by_day[day][name]) if day in by_day else 0.0 for day in days]

    found = {
        "days": charts.columns(
            days,
            {"masked": series("masked"), "clear": series("clear"), "denied": series("denied")},
            "Statements by day on masked and on clear columns, and those refused",
        )
    }
    for name, of in (("unit-days", "unit"), ("category-days", "category"), ("table-days", "table")):
        found[name] = _heat(figures.tables[name], of, days)
    busiest = _heat(figures.tables["person-days"], "person", days, "answered")
    return {**found, "person-days": busiest}


def _heat(table: Table, of: str, days: Sequence[str], measure: str = "statements") -> Chart:
    """Draw the busiest of something, day by day."""
    counts: dict[str, dict[str, float]] = {}
    for row in table.dicts():
        counts.setdefault(text(row[of]) or "not known", {})[str(row["day"])] = float(row[measure])
    busiest = sorted(counts, key=lambda name: (-sum(counts[name].values()), name))[:_AREAS]
    return charts.heat(busiest, days, lambda name, day: counts[name].get(day, 0.0), table.title)


def _all(figures: Figures) -> list[Table]:
    more = [figures.coverage.entries, figures.coverage.databases] if figures.coverage is not None else []
    return [*figures.tables.values(), *more]


def _word(name: str) -> str:
    return _WORDS.get(name, name.replace("_", " "))


def _signal(signal: Signal) -> Mapping[str, str]:
    return {name: getattr(signal, name) for name in ("grade", "kind", "who", "when", "what", "look")}


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return int(value) if value == int(value) else float(value)
    return _moment(value) if isinstance(value, datetime) else str(value)


def _moment(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _cell(value: object) -> str:
    if isinstance(value, datetime):
        return _moment(value)
    if isinstance(value, _NUMBERS | date):
        return str(value)
    return present.cell(value)


def _open(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def _write(path: Path, said: str) -> Path:
    with os.fdopen(_open(path), "w", encoding="utf-8", newline="\n") as file:
        file.write(said)
    return path


def _write_rows(path: Path, rows: Iterable[Sequence[Any]]) -> Path:
    with os.fdopen(_open(path), "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([_cell(value) for value in row] for row in rows)
    return path
