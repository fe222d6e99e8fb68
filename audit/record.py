"""What an audit record says: its fields, and one builder per event.

Owns the names of events and fields. May not do: look at a clock (the trail stamps seq and time), scrub, know SQL or the
policies' own types.

Each builder returns a *body*: members of a JSON object on one line, for `Trail.append`. Fields by event, in order:

every record      seq, time (UTC, ISO 8601, microseconds), event; hash in the last record of a block
caller fields     session (unique id), principal (who logged in), on_behalf_of (whom it speaks for, null: nobody), attributes (of
                  whom it is ruled for), declared (what the session says of itself), address, application, database,
                  database_user
started           proxy (its name), version, address, policy, config
stopped           reason
reloaded          what (policies, users, certificates, catalog, settings), ok, revision, reason
session_opened    caller fields, proxy (its name), tls, login (relay, own), proof (how it was proved who it is: password, token, certificate, ldap; database:
                  by the database), origins (from where each attribute is)
session_closed    session, principal, reason, statements, duration_us
login_refused     caller fields, reason, sqlstate
statement         statement (number within the session), caller fields, kinds, text, fingerprint (of its shape, see
                  audit.fingerprint; null: not known), rewritten (null: sent as it came),
                  relations, columns, grants (their numbers), filters, ruling (pass, rewrite, deny), policy, catalog, reason, sqlstate
                  hashes (of one over labelled columns: keyed hashes of its literals and parameters, see audit.values)
                  parameters (of such a one: the types of its parameters, by name, in their order)
                  sealed: the text as it was sent, for the auditor alone (with statement_text: encrypted; see audit.sealing)
                  each column: column, category, level, treatment (clear, mask, deny), mask, rule, rows, search, join;
                  of a refused statement those that it would have read, all with treatment deny, and the rule there is for each
                  or: statement, hashes, parameters, session, like (and its own text or sealed): all else is as in record `like`, an earlier one of the same segment
outcome           session, principal, statement, status (ok, error, denied, cancelled, skipped, lost), sqlstate, rows, bytes,
                  duration_us
                  of one that shows a labelled column as it is: shown (keyed hashes of values in its rows, see audit.values), shown_of (columns that they
                  come from, as far as known), listed (whether every row is in there)
labelled          database, column, category, level, why (renamed, detached, copied), sources (the columns it has it from),
                  principal (who copied): a column has got a label by what happened to it
grant             grant (its number), what (requested, approved, denied, revoked, broken glass, begun, expired, used up, reviewed),
                  person (who did it, null: time), at, note, principal (who gets it), columns (by key), labels (category and
                  level, each), rows, database, purpose, reason, ends
alert             what, grant, reason: somebody is to look at it now; of the alerts: incident, severity, channels (to which it is told)
response          response (its number), what (begun, done, over, lifted), kind (end_session, suspend, tighten), principal (to whom),
                  target (the session that ends), ends, rule, incident, person (who did it, null: the alerts, or time), reason
retired           segments (removed because they are old: first and last of each run), before (when they had been closed), held (the
                  segments that are as old and are kept by a hold)
denial            caller fields, what, reason, sqlstate: something other than a statement was refused
cancel            session and principal (whose statement was to be stopped by PostgreSQL's cancel request; null: the key was nobody's), address (who
                  asked), ok (whether it was passed on)
text_key          key, reader, wrapped: the key of the texts that are sealed from here on, for its reader; in each segment anew
                  others: the same key for each other reader, if there are any (reader, wrapped)
segment, closed, recovered, unrecorded: the trail's own, see audit.chain

A statement and its outcome are joined by (session, statement). The statement record is written before the statement
leaves; one without an outcome was still running, or the proxy died: then it counts as `lost`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from audit.chain import encode, members

Ruling = Literal["pass", "rewrite", "deny"]

EVENTS = (
    "started", "stopped", "reloaded", "session_opened", "session_closed", "login_refused",
    "statement", "outcome", "labelled", "grant", "alert", "response", "retired", "denial", "cancel",
    "segment", "closed", "recovered", "unrecorded", "text_key",
)  # fmt: skip
"""Every event that can stand in a trail."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is at the other end of a session. `session` must be unique over all sessions of all runs."""

    session: str
    principal: str
    address: str
    application: str
    database: str
    database_user: str
    attributes: Mapping[str, Any] = field(default_factory=dict)
    on_behalf_of: str | None = None
    declared: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ColumnUse:
    """One sensitive column that a statement reads, and what the caller gets of it by which rule.

    `column` is schema.relation.column; `rows` the author's text of a row condition, without values, or None.
    `search` is "exact" when a condition on it was answered on the real value, `join` when it was joined by the real value.
    """

    column: str
    category: str | None
    level: int | None
    treatment: Literal["clear", "mask", "deny"]
    mask: str | None
    rule: str
    rows: str | None = None
    search: str | None = None
    join: str | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """All that a plan's ruling says, the same for every statement that shares the plan.

    `text` is None when each statement brings its own (the setting to record texts whole); `fingerprint` is its shape's, None
    when that is not known; `rewritten` is None when the
    statement is sent as it came. `policy` and `catalog` are the revisions the ruling was made under. `reason` and
    `sqlstate` say why a statement was denied. `grants` are those without which it would show less,
    `filters` those that leave out rows, (relation, name of the filter).
    """

    kinds: tuple[str, ...]
    text: str | None
    rewritten: str | None
    relations: tuple[str, ...]
    columns: tuple[ColumnUse, ...]
    ruling: Ruling
    policy: str
    catalog: int
    reason: str | None = None
    sqlstate: str | None = None
    grants: tuple[int, ...] = ()
    filters: tuple[tuple[str, str], ...] = ()
    fingerprint: str | None = None

    @property
    def shows(self) -> bool:
        """Whether some labelled column is shown as it is, be it in some rows alone."""
        return any(use.treatment == "clear" or use.rows is not None for use in self.columns)


def _caller(caller: Caller) -> dict[str, Any]:
    return {
        "session": caller.session,
        "principal": caller.principal,
        "on_behalf_of": caller.on_behalf_of,
        "attributes": dict(caller.attributes),
        "declared": dict(caller.declared),
        "address": caller.address,
        "application": caller.application,
        "database": caller.database,
        "database_user": caller.database_user,
    }


def started(*, version: str, address: str, policy: str, config: str, proxy: str | None = None) -> bytes:
    """Say that the proxy of this name listens. `config` is the path of its settings, `policy` the revision of its policies."""
    fields = {"version": version, "address": address, "policy": policy, "config": config}
    return members({"event": "started", "proxy": proxy, **fields})


def stopped(*, reason: str) -> bytes:
    """Say that the proxy ends, in order."""
    return members({"event": "stopped", "reason": reason})


def reloaded(*, what: str, ok: bool, revision: str | None = None, reason: str | None = None) -> bytes:
    """Say that policies, users, certificates, settings or the catalog were read anew; when not `ok`, the old ones stay in force."""
    return members({"event": "reloaded", "what": what, "ok": ok, "revision": revision, "reason": reason})


def session_opened(  # noqa: PLR0913  what there is to say
    caller: Caller,
    *,
    tls: bool,
    login: Literal["relay", "own"],
    proof: str,
    origins: Mapping[str, str],
    proxy: str | None = None,
) -> bytes:
    """Say that a caller has logged in at the proxy of this name, by which proof, and from where each attribute is known."""
    how = {"proxy": proxy, "tls": tls, "login": login, "proof": proof, "origins": dict(origins)}
    return members({"event": "session_opened", **_caller(caller), **how})


def session_closed(caller: Caller, *, reason: str, statements: int, duration_us: int) -> bytes:
    """Say that a session has ended, whoever ended it."""
    return members(
        {
            "event": "session_closed",
            "session": caller.session,
            "principal": caller.principal,
            "reason": reason,
            "statements": statements,
            "duration_us": duration_us,
        }
    )


def login_refused(caller: Caller, *, reason: str, sqlstate: str) -> bytes:
    """Say that a login failed; `caller` says who it claimed to be."""
    return members({"event": "login_refused", **_caller(caller), "reason": reason, "sqlstate": sqlstate})


def labelled(  # noqa: PLR0913  what there is to say
    *, database: str, column: str, category: str, level: int, why: str, sources: list[str], principal: str | None
) -> bytes:
    """Say that a column has got a label, by being renamed or detached, or because labelled columns were copied into it."""
    fields = {"event": "labelled", "database": database, "column": column, "category": category, "level": level}
    return members({**fields, "why": why, "sources": sources, "principal": principal})


def grant(  # noqa: PLR0913  what there is to say
    *,
    grant: int,
    what: str,
    person: str | None,
    at: str,
    note: str | None,
    principal: str,
    columns: Mapping[str, list[str]],
    labels: list[str],
    rows: str | None,
    database: str | None,
    purpose: str | None,
    reason: str,
    ends: str | None,
) -> bytes:
    """Say what has become of a grant; `at` is when, which may be long before the record."""
    fields = {"event": "grant", "grant": grant, "what": what, "person": person, "at": at, "note": note}
    meant = {"principal": principal, "columns": dict(columns), "labels": labels, "rows": rows, "database": database}
    return members({**fields, **meant, "purpose": purpose, "reason": reason, "ends": ends})


def alert(  # noqa: PLR0913  what there is to say
    *,
    what: str,
    reason: str,
    grant: int | None = None,
    incident: int | None = None,
    severity: str | None = None,
    channels: list[str] | None = None,
) -> bytes:
    """Say that somebody is to look at something now: a rule has found it, and channels are told, or a glass was broken."""
    fields: dict[str, object] = {"event": "alert", "what": what, "grant": grant, "reason": reason}
    if incident is not None:
        fields |= {"incident": incident, "severity": severity, "channels": channels or []}
    return members(fields)


def response(  # noqa: PLR0913  what there is to say
    *,
    response: int,
    what: str,
    kind: str,
    principal: str,
    target: str | None,
    ends: str | None,
    rule: str | None,
    incident: int | None,
    person: str | None,
    reason: str,
) -> bytes:
    """Say what has become of a response: something that is done to a principal at once, by the alerts or by a person."""
    fields = {
        "event": "response",
        "response": response,
        "what": what,
        "kind": kind,
        "principal": principal,
        "target": target,
    }
    return members({**fields, "ends": ends, "rule": rule, "incident": incident, "person": person, "reason": reason})


def retired(*, segments: list[tuple[int, int]], before: str, held: list[int]) -> bytes:
    """Say that segments are removed which were closed before a moment, and which of that age are held."""
    return members({"event": "retired", "segments": segments, "before": before, "held": held})


def denial(caller: Caller, *, what: str, reason: str, sqlstate: str) -> bytes:
    """Say that something other than a statement was refused, such as a function call or a replication start."""
    return members({"event": "denial", **_caller(caller), "what": what, "reason": reason, "sqlstate": sqlstate})


def cancel(whose: Caller | None, *, address: str, known: bool) -> bytes:
    """Say that somebody at this address has asked to stop what a session runs; not `known`: with a key that is nobody's."""
    session, principal = (None, None) if whose is None else (whose.session, whose.principal)
    fields = {"session": session, "principal": principal, "address": address, "ok": known}
    return members({"event": "cancel", **fields})


def statement_prefix(caller: Caller, judgement: Judgement) -> bytes:
    """Render all that a session's statements of one plan have in common, to be written once; see `statement`."""
    fields = _caller(caller)
    fields["kinds"] = judgement.kinds
    if judgement.text is not None:
        fields["text"] = judgement.text
    fields["fingerprint"] = judgement.fingerprint
    fields["rewritten"] = judgement.rewritten
    fields["relations"] = judgement.relations
    fields["columns"] = [asdict(use) for use in judgement.columns]
    fields["grants"] = judgement.grants
    fields["filters"] = [{"relation": relation, "rule": rule} for relation, rule in judgement.filters]
    fields["ruling"] = judgement.ruling
    fields["policy"] = judgement.policy
    fields["catalog"] = judgement.catalog
    fields["reason"] = judgement.reason
    fields["sqlstate"] = judgement.sqlstate
    return members(fields)


def values(digests: list[str], types: bytes = b"") -> bytes:
    """Render the keyed hashes of the values that one statement names, and its parameters' types (proxy.types), to stand before its prefix."""
    hashes = b'"hashes":["%b"],' % '","'.join(digests).encode() if digests else b""  # hexadecimal digits
    return b'%b"parameters":[%b],' % (hashes, types) if types else hashes


def statement_like(caller: Caller, seq: int) -> bytes:
    """Render what stands for it all in the session's later statements of that plan: record `seq` has said it."""
    return members({"session": caller.session, "like": seq})


def statement(prefix: bytes, number: int) -> bytes:
    """Say the ruling on one statement, the `number`th of its session; `prefix` from statement_prefix or statement_like."""
    return b'"event":"statement","statement":%d,%b' % (number, prefix)


def statement_with_text(prefix: bytes, number: int, text: str) -> bytes:
    """Say the same for a judgement without text, with the statement's own, whole."""
    return b'"event":"statement","statement":%d,"text":%b,%b' % (number, encode(text), prefix)


def statement_sealed(prefix: bytes, number: int, sealed: bytes) -> bytes:
    """Say the same with the statement's own text, sealed; `sealed` from audit.sealing."""
    return b'"event":"statement","statement":%d,"sealed":"%b",%b' % (number, sealed, prefix)


def text_key(*, key: str, reader: str, wrapped: str, others: Sequence[tuple[str, str]] = ()) -> bytes:
    """Tell the data key of texts to be sealed, as its reader alone can unwrap it; `others` are further readers, with what each can unwrap."""
    fields: dict[str, object] = {"event": "text_key", "key": key, "reader": reader, "wrapped": wrapped}
    if others:
        fields["others"] = [{"reader": each, "wrapped": own} for each, own in others]
    return members(fields)


def outcome_prefix(caller: Caller) -> bytes:
    """Render all of an outcome record that is constant for a session; see `outcome`."""
    return b'"event":"outcome",' + members({"session": caller.session, "principal": caller.principal})


def outcome(  # noqa: PLR0913  one call per statement: a record object for its arguments would cost as much again
    prefix: bytes,
    number: int,
    status: str,
    *,
    rows: bytes = b"",
    bytes_: int | None = None,
    duration_us: int,
    sqlstate: str = "",
    shown: bytes = b"",
) -> bytes:
    """Say how statement `number` ended; `prefix` from outcome_prefix, `status` one of those above.

    `rows` are the digits of the count in the command tag (b"": it has none), `bytes_` what the server sent in answer,
    `duration_us` from the ruling to the end of the answer in microseconds, `shown` is from the function of that name.
    """
    return b'%b,"statement":%d,"status":"%b","sqlstate":%b,"rows":%b,"bytes":%b,"duration_us":%d%b' % (
        prefix,
        number,
        status.encode(),
        encode(sqlstate) if sqlstate else b"null",
        rows or b"null",
        b"null" if bytes_ is None else b"%d" % bytes_,
        duration_us,
        shown,
    )


def shown(hashes: Iterable[str], origins: Iterable[str], *, listed: bool) -> bytes:
    """Render what the rows of an answer have shown, to stand at the end of its outcome."""
    listing = '","'.join(hashes).encode()  # hexadecimal digits
    return b',"shown":[%b],"shown_of":%b,"listed":%b' % (
        b'"%b"' % listing if listing else b"",
        encode(list(origins)),
        b"true" if listed else b"false",
    )
