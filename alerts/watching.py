"""Watching: records in, what is to be told and done out.

Owns putting engine and incidents together, and what has to be saved so that a restart neither misses nor repeats. Pure: the time is
that of the records. May not do: tell, act, read or write files.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from alerts import messages
from alerts.engine import Engine
from alerts.incidents import Incidents
from alerts.rules import DAY, SEVERITIES, Response

if TYPE_CHECKING:
    from alerts.facts import Fields
    from alerts.incidents import Incident
    from alerts.rules import Rule, Rulebook


@dataclass(frozen=True, slots=True)
class Order:
    """Something that the proxy is to do: to a `principal`, and for `end_session` to a `session` of whoever's it is."""

    response: Response
    principal: str
    session: str


@dataclass(frozen=True, slots=True)
class Told:
    """What is to be told once: of which incident, to which channels, as text and as fields; and what is to be done."""

    incident: int
    rule: str
    severity: str
    at: int
    headline: str
    text: str
    fields: dict[str, Any]
    channels: tuple[str, ...]
    orders: tuple[Order, ...]
    spared: tuple[Order, ...]


class Watching:
    """All rules over one stream, from the record behind `place` on. `touched` are the incidents that are not saved as they are."""

    def __init__(
        self, book: Rulebook, engine: Engine | None = None, incidents: Incidents | None = None, place: int = 0
    ) -> None:
        self.book = book
        self.engine = engine or Engine(book)
        self.incidents = incidents or Incidents(book.quiet)
        self.place = place
        self.touched: dict[int, Incident] = {}
        self.gone: list[tuple[str, str, str]] = []
        self._swept = 0

    def feed(self, record: Fields, *, silent: bool = False) -> list[Told]:
        """Take one record; `silent`: learn from it what is usual, and tell nothing."""
        self.place = max(self.place, record["seq"])
        found = self.engine.feed(record)
        now = self.engine.now
        told: list[Told] = []
        if not silent:
            if found or self.incidents.open:
                self._close(now)
            for finding in found:
                incident, news = self.incidents.add(finding, now)
                self.touched[incident.number] = incident
                orders = self._orders(finding.rule, incident, finding.fact.session) if news else ((), ())
                told += [self._told(finding.rule, incident, now, *orders)] if news else []
        if now - self._swept > DAY:
            self._swept = now
            self.gone += self.engine.forget()
        return told

    def idle(self, now: int) -> None:
        """All is read at a moment: close the incidents to which nothing comes any more."""
        self._close(now)

    def use(self, book: Rulebook) -> None:
        """Go on by other rules; what was counted by those that are the same still counts."""
        before = self.engine
        self.engine = Engine(book, before.cells, before.joining.running, before.now)
        self.engine.dirty = before.dirty
        self.book = book
        self.incidents.quiet = book.quiet

    def _close(self, now: int) -> None:
        for incident in self.incidents.close_quiet(now):
            self.touched[incident.number] = incident

    def _orders(self, rule: Rule, incident: Incident, session: str) -> tuple[tuple[Order, ...], tuple[Order, ...]]:
        """What is to be done, and what would be, but for whom the file spares."""
        orders = tuple(Order(response, incident.subject, session) for response in rule.respond)
        spared = any(pattern.matches(incident.subject) for pattern in self.book.spare)
        return ((), orders) if spared else (orders, ())

    def _told(
        self, rule: Rule, incident: Incident, now: int, orders: tuple[Order, ...], spared: tuple[Order, ...]
    ) -> Told:
        signal = incident.signals[rule.name]
        done = (
            *(f"{each.response.kind} ordered" for each in orders),
            *(f"{each.response.kind} spared" for each in spared),
        )
        calendar = self.engine.calendar
        channels = tuple(
            channel.name
            for channel in self.book.channels
            if (rule.notify is None or channel.name in rule.notify)
            and SEVERITIES.index(rule.severity) >= SEVERITIES.index(channel.severity)
        )
        return Told(
            incident=incident.number,
            rule=rule.name,
            severity=rule.severity,
            at=now,
            headline=messages.headline(incident, signal),
            text=messages.text(incident, signal, calendar, done),
            fields=messages.fields(incident, signal, calendar, done),
            channels=channels,
            orders=orders,
            spared=spared,
        )
