"""What of a period needs a person's eye: the figures, judged.

Owns what counts as a signal, how urgent it is, and where to look further. Pure. May not do: compute figures.
"""

from __future__ import annotations

import datetime as dt
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reports.figures import Figures

Grade = Literal["now", "soon", "know"]
"""Look at it now; look at it this week; know that it is so."""

_ORDER = {"now": 0, "soon": 1, "know": 2}
_MANY = 20  # alerts are named each
_FEW = 5  # of one kind are named each; what is more is counted
_EXPOSED = "the server named the hidden column"  # what the record of an answer says that was cut off for it


@dataclass(frozen=True, slots=True)
class Signal:
    """One thing to look at: of what kind, who or what it is about, when, in words what happened, and the command that shows more."""

    grade: Grade
    kind: str
    who: str
    when: str
    what: str
    look: str


def signals(figures: Figures) -> tuple[Signal, ...]:
    """Return what needs an eye, the most urgent first."""
    found = [
        *_grants(figures), *_alerts(figures), *_policies(figures), *_unusual(figures), *_new_views(figures), *_bursts(figures),
        *_labelled(figures), *_coverage(figures), *_without_end(figures),
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda each: _ORDER[each.grade]))


def _grants(figures: Figures) -> Iterator[Signal]:
    for row in figures.tables["grants"].dicts():
        if "broke the glass" not in row["approved_by"]:
            continue
        begun = row["begun_at"]
        if row["reviewed_by"] and isinstance(begun, dt.datetime) and begun < figures.period.since:
            continue
        number = row["grant"]
        reviewed = f"reviewed by {row['reviewed_by']}" if row["reviewed_by"] else "nobody has reviewed it"
        what = f"grant {number} for {row['meant']}: {row['reason']}; {reviewed}; {row['statements']} statements"
        grade: Grade = "know" if row["reviewed_by"] else "now"
        yield Signal(
            grade, "glass broken", row["person"], _moment(row["begun_at"]), what, _search("--rule", f"grant {number}")
        )


def _alerts(figures: Figures) -> Iterator[Signal]:
    rows = list(figures.tables["alerts"].dicts())
    for row in rows[-_MANY:]:
        yield from _alert(row)
    if len(rows) > _MANY:
        yield Signal("soon", "alerts", "", "", f"{len(rows) - _MANY} earlier ones stand in alerts.csv", "")


def _alert(row: Mapping[str, Any]) -> Iterator[Signal]:
    when, look = _moment(row["time"]), _sql(f"SELECT line FROM records WHERE seq = {row['seq']}")
    who, reason = row["principal"] or "", row["reason"] or ""
    if row["event"] == "recovered":
        ended = "it had ended without closing the trail"
        yield Signal("soon", "trail recovered", "the proxy", when, ended, "louver audit verify")
    elif row["event"] == "unrecorded":
        what = f"{row['missing']} records could not be written: what they would have said is lost"
        yield Signal("now", "not recorded", "the proxy", when, what, look)
    elif row["event"] == "denial":
        grade: Grade = "now" if _EXPOSED in reason else "soon"
        yield Signal(grade, "answer cut off", who, when, reason, look)
    elif row["event"] == "response":
        yield Signal("know", f"response {row['what']}", who, when, reason, look)
    elif row["what"] != "broken glass":
        yield Signal("now", f"alert: {row['what']}", who, when, reason, look)


def _policies(figures: Figures) -> Iterator[Signal]:
    for row in figures.tables["policy-changes"].dicts():
        if row["ok"] is False:
            what = f"{row['what']} did not load, the old ones stay in force: {row['reason']}"
            yield Signal("now", "policies refused", "", _moment(row["time"]), what, "louver check")


def _unusual(figures: Figures) -> Iterator[Signal]:
    table = figures.tables["unusual-days"]
    for row in list(table.dicts())[: 2 * _FEW]:
        what = f"{row['answered']} rows with sensitive columns, on a usual day {row['usual']:g}"
        look = _search(
            "--user", row["person"], "--since", str(row["day"]), "--until", str(row["day"] + dt.timedelta(days=1))
        )
        yield Signal("now", "unusual day", row["person"], str(row["day"]), what, look)
    if len(table.rows) > 2 * _FEW:
        what = f"{len(table.rows) - 2 * _FEW} more unusual days stand in the list below"
        yield Signal("soon", "unusual day", "", "", what, "")


def _new_views(figures: Figures) -> Iterator[Signal]:
    rows = sorted(figures.tables["new-clear-views"].dicts(), key=lambda each: each["first_time"], reverse=True)
    for row in rows[: 2 * _FEW]:
        leave = f", approved by {row['approved_by']}" if row["approved_by"] else ""
        what = f"{row['column']} clear for the first time in four weeks, by {row['authority']}{leave}"
        look = _search("--user", row["person"], "--column", row["column"], "--treatment", "clear")
        yield Signal("soon", "new clear view", row["person"], _moment(row["first_time"]), what, look)
    if len(rows) > 2 * _FEW:
        yield Signal("soon", "new clear view", "", "", f"{len(rows) - 2 * _FEW} more stand in new-clear-views.csv", "")


def _bursts(figures: Figures) -> Iterator[Signal]:
    rows = list(figures.tables["bursts"].dicts())
    for row in rows[:_FEW]:
        hour = _moment(row["hour"])
        asked = (
            ("--event", "login_refused", "--address")
            if row["kind"] == "logins refused"
            else ("--ruling", "deny", "--user")
        )
        what = f"{row['times']} {row['kind']} within an hour"
        yield Signal("now", row["kind"], row["who"], hour, what, _search(*asked, row["who"]))
    if len(rows) > _FEW:
        yield Signal(
            "soon", "bursts", "", "", f"{len(rows) - _FEW} more hours with ten or more refusals stand in bursts.csv", ""
        )


def _labelled(figures: Figures) -> Iterator[Signal]:
    for row in figures.tables["labelled"].dicts():
        by = f" by {row['principal']}" if row["principal"] else ""
        what = f"{row['column']} has become {row['category']}, level {row['level']}: {row['why']}{by}"
        yield Signal("soon", "new sensitive column", row["database"], _moment(row["time"]), what, "louver labels list")


def _coverage(figures: Figures) -> Iterator[Signal]:
    if figures.coverage is None:
        return
    waiting = sum(figures.coverage.entries.column("proposed"))
    if waiting:
        what = f"entries of the dictionary that wait for somebody to review them: {waiting}"
        yield Signal("soon", "dictionary", "", "", what, "louver discover accept")


def _without_end(figures: Figures) -> Iterator[Signal]:
    count = figures.totals["without_end"]
    if count:
        what = f"{count} statements have no end in the trail: they were running, or the proxy died under them"
        yield Signal(
            "know",
            "without an end",
            "",
            "",
            what,
            _sql("SELECT * FROM statements WHERE status IS NULL AND ruling <> 'deny'"),
        )


def _moment(when: object) -> str:
    return str(when).replace("T", " ")[:16]


def _search(*options: str) -> str:
    """Return a command to be pasted into a shell: names are quoted, for others have chosen them."""
    return shlex.join(("louver", "audit", "search", *options))


def _sql(query: str) -> str:
    return f'louver audit sql "{query}"'
