"""Incidents: findings about one subject, grouped, so that a burst is one message.

Owns what opens an incident, what joins it, and when something is told. Pure: moments are given. May not do: tell.

The first finding of a rule opens an incident of its subject, or joins the one that is open, and is told. All further findings of
that rule are counted, until nothing has come to the incident for `quiet`; then it is closed, and what comes later is another one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from alerts.rules import SEVERITIES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from alerts.engine import Finding

_NAMED: Final = 20
"""Columns, sessions and the like that an incident names; the trail has them all."""


class Signal(msgspec.Struct):
    """What one rule has found in an incident: how often, when first and last, and the most that there was against which limit."""

    rule: str
    says: str
    severity: str
    count: int = 0
    first: int = 0
    last: int = 0
    value: int = 0
    limit: int = 0
    measure: str = "count"
    of: str = ""
    within: int = 0
    usual: bool = False
    seen: list[str] = []


class Incident(msgspec.Struct):
    """What has happened around one subject. Moments are microseconds since the epoch; `records` the first and last seq."""

    number: int
    by: str
    subject: str
    opened: int
    last: int
    records: tuple[int, int]
    signals: dict[str, Signal] = {}
    sessions: list[str] = []
    accounts: list[str] = []
    addresses: list[str] = []
    applications: list[str] = []
    databases: list[str] = []
    columns: list[str] = []
    grants: list[int] = []
    closed: bool = False

    @property
    def severity(self) -> str:
        """The highest of its signals."""
        return max((signal.severity for signal in self.signals.values()), key=SEVERITIES.index, default="low")


class Incidents:
    """The open incidents. `number` is that of the last one so far."""

    def __init__(self, quiet: int, open_: Iterable[Incident] = (), number: int = 0) -> None:
        self.quiet = quiet
        self.open = {(each.by, each.subject): each for each in open_}
        self.number = number

    def add(self, finding: Finding, now: int) -> tuple[Incident, bool]:
        """Take a finding; gives its incident, and whether that is to be told."""
        by, subject = finding.subject
        incident = self.open.get((by, subject))
        if incident is not None and now - incident.last > self.quiet:
            incident.closed = True
            incident = None
        seq = finding.fact.seq
        if incident is None:
            self.number += 1
            incident = Incident(self.number, by, subject, now, now, (seq, seq))
            self.open[by, subject] = incident
        incident.last = now
        incident.records = (incident.records[0], seq)
        rule = finding.rule
        signal = incident.signals.get(rule.name)
        news = signal is None
        if signal is None:
            signal = incident.signals[rule.name] = Signal(rule.name, rule.says, rule.severity, first=now)
            signal.measure, signal.of, signal.within = rule.measure.kind, rule.measure.of, rule.within
        signal.count += 1
        signal.last = now
        if finding.value >= signal.value:
            signal.value, signal.limit, signal.usual = finding.value, finding.limit, finding.usual
        _name(signal.seen, finding.seen)
        _describe(incident, finding)
        return incident, news

    def close_quiet(self, now: int) -> list[Incident]:
        """Close those to which nothing has come for long; gives them."""
        over = [incident for incident in self.open.values() if now - incident.last > self.quiet]
        for incident in over:
            incident.closed = True
            del self.open[incident.by, incident.subject]
        return over


def _describe(incident: Incident, finding: Finding) -> None:
    fact = finding.fact
    _name(incident.sessions, (fact.session,))
    _name(incident.addresses, (fact.address,))
    _name(incident.applications, (fact.application,))
    _name(incident.databases, (fact.database,))
    if fact.event != "login_refused":  # what stands there may be a password, typed into the wrong field
        _name(incident.accounts, (fact.account,))
    _name(incident.columns, sorted({use.column for use in fact.uses if finding.rule.when.meets(use)}))
    if fact.grant and fact.grant not in incident.grants and len(incident.grants) < _NAMED:
        incident.grants.append(fact.grant)


def _name(names: list[str], more: Iterable[str]) -> None:
    for each in more:
        if each and each not in names and len(names) < _NAMED:
            names.append(each)
