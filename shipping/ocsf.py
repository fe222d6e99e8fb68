"""A record as an event of the Open Cybersecurity Schema Framework, version 1.6.0.

Owns which class and activity a record is, and which attribute says what; all that has no attribute stands under `unmapped`. May not
do: cut (events), send.

    statement, outcome, denial               Datastore Activity (6005); both parts of one have the same metadata.correlation_uid
    session_opened, session_closed, login_refused   Authentication (3002)
    grant                                    User Access Management (3005)
    alert                                    Detection Finding (2004)
    labelled, reloaded                       Entity Management (3004)
    started, stopped                         Application Lifecycle (6002)
    the trail's own, and what is new         Base Event (0)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from audit import present
from shipping.cef import endpoint, milliseconds, uses_of
from shipping.events import ascii_json, cut_of, weight

if TYPE_CHECKING:
    from shipping.events import Fields

VERSION: Final = "1.6.0"

_LARGEST: Final = 2**31  # an integer_t
_OTHER: Final = 99
_SUCCESS, _FAILURE = 1, 2
_ALLOWED, _DENIED, _MODIFIED = 1, 2, 4  # action_id
_SEVERITIES: Final = {1: "Informational", 2: "Low", 3: "Medium", 4: "High", 5: "Critical"}

_ACTIVITIES: Final = (
    (7, ("delete", "truncate", "drop")),
    (2, ("update", "merge")),
    (5, ("insert", "replace", "load", "copy")),
    (6, ("create", "view", "index", "define")),
    (1, ("select", "table", "values", "with")),
    (4, ("explain", "execute", "fetch", "declare", "prepare", "call", "do", "handler", "show")),
)
"""Activities of a datastore, gravest first, by how the kinds of a statement begin."""

_GRANTED: Final = {"approved": 1, "begun": 1, "broken glass": 1, "revoked": 2, "expired": 2, "used up": 2, "denied": 2}


@dataclass(frozen=True, slots=True)
class _Class:
    """A class of events, and what it says beyond what all say."""

    uid: int
    activity: int
    said: dict[str, Any]


def as_ocsf(version: str, trail: str, fields: Fields) -> bytes:
    """Return a record as an event of OCSF, JSON in ASCII; `version` is Louver's."""
    return ascii_json(event_of(version, trail, fields))


def event_of(version: str, trail: str, fields: Fields) -> dict[str, Any]:
    """Return the event of a record."""
    made = _MADE.get(str(fields.get("event")), _base)(fields, version)
    heavy = weight(fields)
    event: dict[str, Any] = {
        "class_uid": made.uid,
        "category_uid": made.uid // 1000,
        "activity_id": made.activity,
        "type_uid": made.uid * 100 + made.activity,
        "time": milliseconds(fields),
        "severity_id": int(heavy),
        "severity": _SEVERITIES[int(heavy)],
        "message": present.what(fields),
        "metadata": _metadata(version, trail, fields),
        **made.said,
    }
    if fields.get("reason"):
        event["status_detail"] = str(fields["reason"])
    if fields.get("sqlstate"):
        event["status_code"] = str(fields["sqlstate"])
    event["unmapped"] = {name: value for name, value in fields.items() if name not in _MAPPED and value is not None}
    return _without_nothing(event)


_MAPPED: Final = frozenset({"seq", "time", "event", "text", "principal", "reason", "sqlstate"})
"""Members of a record that attributes say as they are."""


def _metadata(version: str, trail: str, fields: Fields) -> dict[str, Any]:
    seq = fields.get("seq")
    numbered = isinstance(seq, int) and seq < _LARGEST
    joined = fields.get("session") is not None and fields.get("statement") is not None
    return {
        "version": VERSION,
        "product": _product(version),
        "uid": f"{trail}:{seq}",
        "sequence": seq if numbered else None,
        "log_name": "audit",
        "log_provider": trail,
        "event_code": str(fields.get("event")),
        "original_time": str(fields.get("time")),
        "correlation_uid": f"{fields['session']}:{fields['statement']}" if joined else None,
        "is_truncated": True if cut_of(fields) else None,
        "profiles": ["security_control"],
    }


def _product(version: str) -> dict[str, str]:
    return {"name": "Louver", "vendor_name": "Louver", "version": version}


def _without_nothing(value: dict[str, Any]) -> dict[str, Any]:
    """Leave out the attributes that have no value, at every depth but in what is unmapped."""
    return {
        name: _without_nothing(each) if isinstance(each, dict) and name != "unmapped" else each
        for name, each in value.items()
        if each is not None
    }


def _user(name: object) -> dict[str, Any]:
    return {"name": str(name or "unknown")}


def _actor(fields: Fields) -> dict[str, Any]:
    return {
        "user": _user(fields.get("on_behalf_of") or fields.get("principal")),
        "session": {"uid": str(fields["session"])} if fields.get("session") else None,
        "app_name": str(fields["application"]) if fields.get("application") else None,
        "invoked_by": str(fields.get("principal")) if fields.get("on_behalf_of") else None,
    }


def _source(fields: Fields) -> dict[str, Any]:
    """Return where a caller is; an outcome says it by its session alone."""
    address, port = endpoint(fields.get("address"))
    if address is not None:
        return {"ip": address, "port": port}
    return {"name": str(fields.get("address") or fields.get("session") or "unknown")}


def _database(fields: Fields) -> dict[str, Any] | None:
    return {"name": str(fields["database"]), "type_id": 1, "type": "Relational"} if fields.get("database") else None


def _statement(fields: Fields, _: str) -> _Class:
    ruling = fields.get("ruling")
    relations = fields.get("relations")
    text = fields.get("text")
    said = {
        **_at_the_datastore(fields),
        "table": {"name": str(relations[0])} if isinstance(relations, list) and relations else None,
        "query_info": {"query_string": str(text), "uid": str(fields.get("statement"))} if text else None,
        "action_id": {"pass": _ALLOWED, "rewrite": _MODIFIED, "deny": _DENIED}.get(str(ruling), 0),
        "status_id": _FAILURE if ruling == "deny" else None,
        "observables": [
            {
                "name": "unmapped.columns",
                "type_id": _OTHER,
                "type": str(use.get("treatment")),
                "value": str(use.get("column")),
            }
            for use in uses_of(fields)
        ]
        or None,
    }
    return _Class(6005, _activity(fields.get("kinds")), said)


def _activity(kinds: object) -> int:
    begins = [str(kind).lower() for kind in kinds] if isinstance(kinds, list) else []
    return next((number for number, words in _ACTIVITIES if any(each.startswith(words) for each in begins)), _OTHER)


def _at_the_datastore(fields: Fields) -> dict[str, Any]:
    database = _database(fields)
    bucket = (
        None if database else {"name": str(fields.get("session") or "unknown"), "type_id": _OTHER, "type": "session"}
    )
    return {"actor": _actor(fields), "src_endpoint": _source(fields), "database": database, "databucket": bucket}


def _outcome(fields: Fields, _: str) -> _Class:
    status = fields.get("status")
    duration = fields.get("duration_us")
    said = {
        **_at_the_datastore(fields),
        "activity_name": "Outcome",
        "status_id": _SUCCESS if status == "ok" else _FAILURE,
        "status": str(status),
        "duration": duration // 1000 if isinstance(duration, int) else None,
        "action_id": _DENIED if status == "denied" else _ALLOWED,
    }
    return _Class(6005, _OTHER, said)


def _denial(fields: Fields, _: str) -> _Class:
    said = {"activity_name": str(fields.get("what")), "status_id": _FAILURE, "action_id": _DENIED}
    return _Class(6005, _OTHER, {**_at_the_datastore(fields), **said})


def _login(fields: Fields, _: str) -> _Class:
    refused = fields.get("event") == "login_refused"
    said = {
        "user": _user(fields.get("principal")),
        "actor": _actor(fields),
        "src_endpoint": _source(fields),
        "session": {"uid": str(fields["session"])} if fields.get("session") else None,
        "service": {"name": str(fields.get("database") or "louver")},
        "status_id": _FAILURE if refused else _SUCCESS,
        "action_id": _DENIED if refused else _ALLOWED,
        "is_remote": True,
        "auth_protocol": str(fields["proof"]) if fields.get("proof") else None,
        "auth_protocol_id": _OTHER if fields.get("proof") else None,
    }
    return _Class(3002, 2 if fields.get("event") == "session_closed" else 1, said)


def _grant(fields: Fields, _: str) -> _Class:
    what = str(fields.get("what"))
    labels = fields.get("labels")
    said = {
        "user": _user(fields.get("principal")),
        "actor": {"user": _user(fields.get("person"))} if fields.get("person") else None,
        "activity_name": what,
        "privileges": [str(label) for label in labels] if isinstance(labels, list) and labels else ["grant"],
        "action_id": _DENIED if what == "denied" else _ALLOWED,
    }
    return _Class(3005, _GRANTED.get(what, _OTHER), said)


def _alert(fields: Fields, _: str) -> _Class:
    said = {
        "finding_info": {"uid": str(fields.get("grant") or fields.get("seq")), "title": str(fields.get("what"))},
        "is_alert": True,
        "status_id": 1,
    }
    return _Class(2004, 1, said)


def _entity(fields: Fields, _: str) -> _Class:
    name = fields.get("column") or fields.get("what")
    ok = fields.get("ok") is not False
    said = {
        "entity": {"name": str(name), "type": "column" if fields.get("column") else "configuration", "type_id": _OTHER},
        "actor": _actor(fields) if fields.get("principal") else None,
        "status_id": _SUCCESS if ok else _FAILURE,
    }
    return _Class(3004, 3, said)


def _lifecycle(fields: Fields, version: str) -> _Class:
    return _Class(6002, 3 if fields.get("event") == "started" else 4, {"app": _product(version)})


def _base(_: Fields, __: str) -> _Class:
    return _Class(0, _OTHER, {})


_MADE: Final = {
    "statement": _statement,
    "outcome": _outcome,
    "denial": _denial,
    "session_opened": _login,
    "session_closed": _login,
    "login_refused": _login,
    "grant": _grant,
    "alert": _alert,
    "labelled": _entity,
    "reloaded": _entity,
    "started": _lifecycle,
    "stopped": _lifecycle,
}
