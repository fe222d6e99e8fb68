"""Messages: what is told of an incident, for people and for programs.

Owns the words. What stands in a trail was written by whoever sent it, so every name is made safe to show. May not do: name a value of
a column, or text of a statement; an incident holds neither.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from alerts import lengths
from audit.present import safe

if TYPE_CHECKING:
    from alerts.incidents import Incident, Signal
    from alerts.rules import Calendar

_WHOSE: Final = {"principal": "", "account": "", "trail": "the audit trail", "shape": "a statement"}
_LONGEST: Final = 120
"""Characters of a name; PostgreSQL's have 63, but an application says of itself what it likes."""


def headline(incident: Incident, signal: Signal) -> str:
    """One line: who, and what."""
    return f"{who(incident)}: {signal.says}"


def who(incident: Incident) -> str:
    """Whom or what an incident is about."""
    if incident.by == "trail":
        return _WHOSE["trail"]
    said = _WHOSE.get(incident.by, f"{incident.by} ")
    return f"{said}{_short(incident.subject) or 'nobody'}"


def measured(signal: Signal) -> str:
    """How much there was, and against which limit."""
    match signal.measure:
        case "new":
            return f"{signal.of} {', '.join(map(_short, signal.seen))}"
        case "idle":
            return f"away for {signal.value} days"
        case _:
            if signal.limit <= 1 and signal.measure == "count":
                return ""
            what = {"rows": "rows", "distinct": f"different values of {signal.of}"}.get(signal.measure, "times")
            own = ", by what is usual of them" if signal.usual else ""
            return f"{signal.value} {what} within {lengths.written(signal.within)}, told from {signal.limit} on{own}"


def text(incident: Incident, signal: Signal, calendar: Calendar, done: tuple[str, ...] = ()) -> str:
    """The message for people, some lines."""
    lines = [f"{headline(incident, signal)} ({signal.severity}, incident {incident.number})"]
    fields = {
        "rule": _short(signal.rule),
        "at": calendar.written(incident.last),
        "measured": measured(signal),
        "columns": _joined(incident.columns),
        "databases": _joined(incident.databases),
        "accounts": _joined(incident.accounts),
        "from": _joined(incident.addresses),
        "with": _joined(incident.applications),
        "sessions": _joined(incident.sessions),
        "grants": ", ".join(map(str, incident.grants)),
        "also": _joined([each for each in incident.signals if each != signal.rule]),
        "done": "; ".join(done),
        "records": "{} to {}".format(*incident.records),
    }
    lines += [f"  {name}: {value}" for name, value in fields.items() if value]
    return "\n".join(lines)


def fields(incident: Incident, signal: Signal, calendar: Calendar, done: tuple[str, ...] = ()) -> dict[str, Any]:
    """The same for programs."""
    return {
        "incident": incident.number,
        "rule": signal.rule,
        "severity": signal.severity,
        "subject": {"by": incident.by, "name": _short(incident.subject)},
        "message": headline(incident, signal),
        "at": calendar.written(incident.last),
        "opened": calendar.written(incident.opened),
        "measured": measured(signal),
        "value": signal.value,
        "limit": signal.limit,
        "columns": list(map(_short, incident.columns)),
        "databases": list(map(_short, incident.databases)),
        "accounts": list(map(_short, incident.accounts)),
        "addresses": list(map(_short, incident.addresses)),
        "applications": list(map(_short, incident.applications)),
        "sessions": list(map(_short, incident.sessions)),
        "grants": incident.grants,
        "signals": {_short(each.rule): each.count for each in incident.signals.values()},
        "records": list(incident.records),
        "done": list(done),
    }


def _joined(names: list[str]) -> str:
    return ", ".join(map(_short, names))


def _short(text: str) -> str:
    shown = safe(text)
    return shown if len(shown) <= _LONGEST else shown[: _LONGEST - 1] + "…"
