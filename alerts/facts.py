"""Facts: what a record of the trail says, in the form that rules look at.

Owns the joining of a statement with its end, as far as rules need both, and nothing of the statement's text but its shape. Pure:
records in, facts out. May not do: read files, know a rule.

What a statement does is a fact twice: `statement` when it is about to leave, `outcome` when it has ended, with its rows. Moments
are microseconds since the epoch.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Final

from audit.scrub import scrub

Fields = dict[str, Any]

RUNNING: Final = 20_000
"""Statements whose end is waited for at most; the oldest are let go. Bounds memory when ends are lost."""

BYTES_A_ROW: Final = 512
"""An answer of few rows counts as one row for each so many bytes: values gathered into one (string_agg) are rows none the less."""

BYTES_UNCOUNTED: Final = 64
"""The same for an answer whose rows nobody has counted, because it was cut off."""

_PORT: Final = re.compile(r":[0-9]+$")
_DIGITS: Final = re.compile(r"[ /_-]*v?[0-9][0-9a-zA-Z.+_-]*")
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND: Final = dt.timedelta(microseconds=1)
_CALLER: Final[tuple[str, ...]] = (
    "on_behalf_of",
    "attributes",
    "address",
    "application",
    "database",
    "relations",
    "columns",
    "ruling",
    "text",
)
"""What the end of a statement has from its beginning."""


@dataclass(frozen=True, slots=True)
class Use:
    """One sensitive column that a statement names, and what the caller gets of it."""

    column: str
    category: str
    level: int
    treatment: str
    mask: str
    rule: str
    search: str
    join: str


@dataclass(frozen=True, slots=True)
class Fact:
    """What happened. `account` is who logged in, or claimed to; `principal` whom it was for. Empty: not known, or not of this kind.

    `rows` count what an answer has given, or a write has changed; `shape` tells statements apart that differ in more than literals,
    and is empty where a statement has none. `grant` is the number of a grant.
    """

    event: str
    seq: int
    at: int
    session: str = ""
    account: str = ""
    principal: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    address: str = ""
    application: str = ""
    database: str = ""
    relations: tuple[str, ...] = ()
    uses: tuple[Use, ...] = ()
    ruling: str = ""
    status: str = ""
    sqlstate: str = ""
    what: str = ""
    shape: str = ""
    rows: int = 0
    grant: int = 0

    @property
    def refused(self) -> str:
        """`true` when it is a refusal."""
        return "true" if self.ruling == "deny" or self.event in {"denial", "login_refused"} else "false"

    @property
    def application_name(self) -> str:
        """The application without its version: each update is not another tool."""
        return _DIGITS.sub("", self.application).strip().lower()

    @property
    def network(self) -> str:
        """The /24 of an IPv4 address, the /64 of an IPv6 one; of anything else the address itself."""
        if self.address.count(".") == 3 and ":" not in self.address:
            return self.address.rpartition(".")[0] + ".0/24"
        parts = self.address.split("%")[0].split(":")
        return ":".join(parts[:4]) + "::/64" if len(parts) > 4 and "" not in parts[:4] else self.address


def moment(text: str) -> int:
    """Return the time of a record as microseconds since the epoch."""
    return (dt.datetime.fromisoformat(text) - _EPOCH) // _MICROSECOND


class Joining:
    """Statements that have begun and not ended, so that their ends say what they were about.

    `running` holds their records, without what no rule looks at, by session and number; it can be saved and given back.
    """

    def __init__(self, running: Mapping[tuple[str, int], Fields] | None = None) -> None:
        self.running: dict[tuple[str, int], Fields] = dict(running or {})
        self._texts: dict[str, str] = {}

    def fact(self, record: Fields) -> Fact | None:
        """What a record says; None of the trail's own book-keeping, and of an end whose beginning is not known."""
        event = record["event"]
        if event == "statement":
            key = (record.get("session") or "", record.get("statement") or 0)
            if len(self.running) >= RUNNING:
                del self.running[next(iter(self.running))]
            kept = {name: record[name] for name in _CALLER if name in record}
            kept["text"] = self._shape(kept.get("text") or "", record.get("fingerprint") or "")
            self.running[key] = kept
            return _fact(record, kept)
        if event == "outcome":
            ended = self.running.pop((record.get("session") or "", record.get("statement") or 0), None)
            return None if ended is None else _fact({**ended, **record}, ended)
        if event in {"started", "recovered"}:
            self.running.clear()  # whoever wrote before is gone: no end will come any more
        return None if event in {"segment", "closed", "text_key"} else _fact(record, {})

    def _shape(self, text: str, fingerprint: str) -> str:
        """What statements have in common that differ in literals alone; empty where there is no literal or parameter.

        It is their fingerprint, which the length of a list, letter case and comments leave as it is; of those that have none, as records of
        before, what their text says.
        """
        found = self._texts.get(text)
        if found is None:
            bare = " ".join(scrub(text).split())
            varies = "?" in bare or "$" in bare
            found = blake2b(bare.encode(errors="replace"), digest_size=8).hexdigest() if varies else ""
            if len(self._texts) >= _SHAPES:
                self._texts.clear()
            self._texts[text] = found
        return fingerprint if found and fingerprint else found


_SHAPES: Final = 2000
"""Texts whose shape is remembered."""


def _fact(record: Fields, kept: Fields) -> Fact:
    account = record.get("principal") or ""
    return Fact(
        event=record["event"],
        seq=record["seq"],
        at=moment(record["time"]),
        session=record.get("session") or "",
        account=account,
        principal=record.get("on_behalf_of") or account,
        attributes=record.get("attributes") or {},
        address=_PORT.sub("", record.get("address") or ""),
        application=record.get("application") or "",
        database=record.get("database") or "",
        relations=tuple(record.get("relations") or ()),
        uses=tuple(_use(each) for each in record["columns"]) if kept and kept.get("columns") else (),
        ruling=record.get("ruling") or "",
        status=record.get("status") or "",
        sqlstate=record.get("sqlstate") or "",
        what=_what(record),
        shape=kept.get("text") or "",
        rows=_rows(record),
        grant=record["grant"] if isinstance(record.get("grant"), int) else 0,
    )


def _use(use: Fields) -> Use:
    return Use(
        column=use.get("column") or "",
        category=use.get("category") or "",
        level=use.get("level") or 0,
        treatment=use.get("treatment") or "",
        mask=use.get("mask") or "",
        rule=use.get("rule") or "",
        search=use.get("search") or "",
        join=use.get("join") or "",
    )


def _what(record: Fields) -> str:
    """Tell apart what records of one event are about."""
    said = record.get("what") or ""
    match record["event"]:
        case "recovered":
            said = "lost" if record.get("missing") or record.get("head_differs") else "resumed"
        case "unrecorded":
            said = "unrecorded"
        case "reloaded" if not record.get("ok"):
            said = f"{said} failed"
        case "login_refused":
            said = "suspended" if " is suspended " in (record.get("reason") or "") else ""
        case "denial" if said == "answer":
            said = "exposed" if "hidden column" in (record.get("reason") or "") else "limit"
    return "unprotected" if record.get("unprotected") else said


def _rows(record: Fields) -> int:
    """How many rows an end stands for."""
    if record["event"] != "outcome" or record.get("status") == "denied":
        return 0
    rows, size = record.get("rows"), record.get("bytes") or 0
    if rows is None:
        return 0 if record.get("status") == "ok" else size // BYTES_UNCOUNTED
    return int(max(rows, size // BYTES_A_ROW))
