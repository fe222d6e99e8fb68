"""A record in the Common Event Format of ArcSight (version 0 of its implementation standard), one line of text.

Owns which key says what, and the escaping. May not do: cut (events), send.
"""

from __future__ import annotations

from datetime import datetime
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from audit import present
from audit.present import safe
from shipping.events import Weight, cut_of, weight

if TYPE_CHECKING:
    from shipping.events import Fields

_SEVERITY: Final = {Weight.INFORMATIONAL: 2, Weight.LOW: 4, Weight.MEDIUM: 6, Weight.HIGH: 8, Weight.CRITICAL: 10}


def as_cef(version: str, trail: str, fields: Fields) -> bytes:
    """Return a record as a message of CEF; `version` is Louver's."""
    event = str(fields.get("event"))
    said = str(fields.get("what") or fields.get("ruling") or fields.get("status") or "")
    name = f"{event.replace('_', ' ')}: {said}" if said else event.replace("_", " ")
    head = ("CEF:0", "Louver", "Louver", version, event, name, str(_SEVERITY[weight(fields)]))
    pairs = _pairs(trail, fields, event)
    extension = " ".join(f"{key}={_value(value)}" for key, value in pairs.items() if _says(value))
    return ("|".join([head[0], *map(_header, head[1:])]) + "|" + extension).encode()


def _pairs(trail: str, fields: Fields, event: str) -> dict[str, object]:
    """Return what the extension says, by key."""
    address, port = endpoint(fields.get("address"))
    pairs: dict[str, object] = {
        "rt": milliseconds(fields),
        "externalId": fields.get("seq"),
        "deviceExternalId": trail,
        "cat": event,
        "suser": fields.get("principal") or fields.get("person"),
        "duser": fields.get("on_behalf_of"),
        "src": address,
        "spt": port,
        "shost": fields.get("address") if address is None else None,
        "requestClientApplication": fields.get("application"),
        "act": fields.get("ruling") or fields.get("what"),
        "outcome": fields.get("status"),
        "reason": fields.get("reason"),
        "msg": present.what(fields),
    }
    uses = "; ".join(f"{use.get('column')}: {use.get('treatment')} ({use.get('rule')})" for use in uses_of(fields))
    relations = fields.get("relations")
    labelled = {
        "cs1": ("database", fields.get("database")),
        "cs2": ("tables", ", ".join(map(str, relations)) if isinstance(relations, list) else None),
        "cs3": ("sensitive columns", uses),
        "cs4": ("session", fields.get("session")),
        "cs5": ("SQLSTATE", fields.get("sqlstate")),
        "cs6": ("cut", ", ".join(cut_of(fields))),
        "cn1": ("rows", fields.get("rows")),
        "cn2": ("statement", fields.get("statement")),
        "cn3": ("duration in microseconds", fields.get("duration_us")),
    }
    for key, (label, value) in labelled.items():
        if _says(value):
            pairs[f"{key}Label"] = label
            pairs[key] = value
    return pairs


def uses_of(fields: Fields) -> list[Fields]:
    """Return the sensitive columns that a statement names."""
    columns = fields.get("columns")
    return [use for use in columns if isinstance(use, dict)] if isinstance(columns, list) else []


def milliseconds(fields: Fields) -> int:
    """Return the moment of a record in milliseconds since the epoch, 0 when it says none."""
    try:
        return int(datetime.fromisoformat(str(fields.get("time"))).timestamp() * 1000)
    except (ValueError, OverflowError):
        return 0


def endpoint(address: object) -> tuple[str | None, int | None]:
    """Return the IP address and the port of an address as records have it; None for what it does not say."""
    host, _, port = str(address).rpartition(":")
    for candidate, said in ((str(address), ""), (host, port)):
        try:
            found = str(ip_address(candidate.removeprefix("[").removesuffix("]")))
        except ValueError:
            continue
        return found, int(said) if said.isdigit() and int(said) < 2**16 else None
    return None, None


def _says(value: object) -> bool:
    return value is not None and value != ""


def _header(text: str) -> str:
    return safe(text).replace("\\", "\\\\").replace("|", "\\|")


def _value(value: object) -> str:
    return safe(str(value)).replace("\\", "\\\\").replace("=", "\\=")
