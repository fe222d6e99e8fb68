"""Rules: what of the trail somebody is to be told, and from how much on.

Owns the parts of a rule and what a condition means. Immutable, pure. May not do: read YAML (loader), count (windows).
"""

from __future__ import annotations

import datetime as dt
import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal
from zoneinfo import ZoneInfo

from policies.patterns import NamePattern

if TYPE_CHECKING:
    from alerts.facts import Fact, Use

Severity = Literal["low", "medium", "high", "critical"]
SEVERITIES: Final[tuple[Severity, ...]] = ("low", "medium", "high", "critical")
"""From what can wait for a day to what cannot wait for a minute."""

ResponseKind = Literal["end_session", "suspend", "tighten"]

MINUTE: Final = 60_000_000
"""Microseconds, as are all lengths of time here."""
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

KEYS: Final = ("principal", "account", "address", "network", "application", "session", "database", "shape")
"""What can be counted by."""

COUNTED: Final = (
    "address",
    "network",
    "application",
    "database",
    "principal",
    "account",
    "relation",
    "column",
    "category",
    "shape",
    "session",
)
"""Of what different ones can be counted, or one never seen before be noticed."""

_SLOT: Final = 15 * MINUTE
"""Offsets of time zones change at multiples of this."""
_SLOTS: Final = 4096


@dataclass(frozen=True, slots=True)
class Names:
    """A field that is to have one of these names."""

    field: str
    patterns: tuple[NamePattern, ...]

    def meets(self, value: str) -> bool:
        """Whether a value is one of them."""
        return any(pattern.matches(value) for pattern in self.patterns)


@dataclass(frozen=True, slots=True)
class Range:
    """A number that is to lie between two, both included."""

    field: str
    least: int
    most: int


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute of the person that is to have, or to hold among others, one of these values, written as text."""

    name: str
    values: tuple[str, ...]

    def meets(self, value: object) -> bool:
        """Whether a value is one of them, or holds one."""
        held = value if isinstance(value, list | tuple) else (value,)
        return any(_written(each) in self.values for each in held)


def _written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@dataclass(frozen=True, slots=True)
class Hours:
    """A time of the day, from a minute up to another one; over midnight when the second is the smaller one."""

    begins: int
    ends: int

    def hold(self, minute: int) -> bool:
        """Whether a minute of the day lies within."""
        if self.begins <= self.ends:
            return self.begins <= minute < self.ends
        return minute >= self.begins or minute < self.ends


class Calendar:
    """Local time of moments, remembered by the quarter of an hour."""

    def __init__(self, zone: str) -> None:
        self.zone = zone
        self._zone = ZoneInfo(zone)
        self._known: dict[int, tuple[int, int, int]] = {}

    def local(self, at: int) -> tuple[int, int, int]:
        """Give the day (its ordinal), the day of the week (1 is Monday) and the minute of the day."""
        slot, rest = divmod(at, _SLOT)
        found = self._known.get(slot)
        if found is None:
            when = dt.datetime.fromtimestamp(slot * _SLOT / 1_000_000, self._zone)
            if len(self._known) >= _SLOTS:
                self._known.clear()
            found = self._known[slot] = (when.toordinal(), when.isoweekday(), when.hour * 60 + when.minute)
        return found[0], found[1], found[2] + rest // MINUTE

    def written(self, at: int) -> str:
        """A moment for people: local, to the second, with its offset."""
        return dt.datetime.fromtimestamp(at // 1_000_000, self._zone).isoformat(sep=" ")


@dataclass(frozen=True, slots=True)
class Condition:
    """What a fact has to meet, all of it. What is asked of a column, `uses`, must be met by one and the same column."""

    names: tuple[Names, ...] = ()
    networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = ()
    attributes: tuple[Attribute, ...] = ()
    rows: Range | None = None
    hours: Hours | None = None
    days: frozenset[int] = frozenset()
    uses: tuple[Names, ...] = ()
    level: Range | None = None

    @property
    def of_uses(self) -> bool:
        """Whether anything is asked of a column."""
        return bool(self.uses) or self.level is not None

    def holds(self, fact: Fact, calendar: Calendar) -> bool:
        """Whether a fact meets it."""
        for names in self.names:
            value = getattr(fact, names.field)
            if not (any(map(names.meets, value)) if isinstance(value, tuple) else names.meets(value)):
                return False
        if self.rows is not None and not self.rows.least <= fact.rows <= self.rows.most:
            return False
        if self.attributes and not all(
            each.name in fact.attributes and each.meets(fact.attributes[each.name]) for each in self.attributes
        ):
            return False
        if self.networks and not _within(fact.address, self.networks):
            return False
        if self.hours is not None or self.days:
            _, weekday, minute = calendar.local(fact.at)
            if (self.days and weekday not in self.days) or (self.hours is not None and not self.hours.hold(minute)):
                return False
        return not self.of_uses or any(map(self.meets, fact.uses))

    def meets(self, use: Use) -> bool:
        """Whether one column meets what is asked of a column."""
        if self.level is not None and not self.level.least <= use.level <= self.level.most:
            return False
        return all(names.meets(getattr(use, names.field)) for names in self.uses)


def _within(address: str, networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return any((mapped or parsed) in network for network in networks)


@dataclass(frozen=True, slots=True)
class Measure:
    """What is counted, and from which number on it is told.

    count: facts. rows: their rows. distinct: different values `of` something. new: a value `of` something that was not seen in
    `within`, by whom has been known for `learn` at least. idle: nothing at all for `within` before.
    """

    kind: Literal["count", "rows", "distinct", "new", "idle"]
    limit: int = 1
    of: str = ""
    learn: int = 0


@dataclass(frozen=True, slots=True)
class Baseline:
    """Only what is `times` as much as on a usual day, by the principal's own last `days`; until `known` of them had any, by the limit alone."""

    times: float = 3.0
    days: int = 30
    known: int = 5


@dataclass(frozen=True, slots=True)
class Response:
    """What the proxy is to do at once; `lasts` is for how long, 0 for what is done once."""

    kind: ResponseKind
    lasts: int = 0


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `events` are those that it looks at; `by` is what it counts by, whose first is what an incident is about.

    Rules of one `name` are told as one: a ready-made kind may look in several ways. `notify` None: everybody.
    """

    name: str
    kind: str
    says: str
    severity: Severity
    events: frozenset[str]
    when: Condition
    measure: Measure
    by: tuple[str, ...]
    within: int
    baseline: Baseline | None = None
    unless: Condition | None = None
    notify: tuple[str, ...] | None = None
    respond: tuple[Response, ...] = ()

    @property
    def state(self) -> str:
        """What its counts are kept under: another number of the same measure goes on with them."""
        measure = f"{self.measure.kind}.{self.measure.of}.{'+'.join(sorted(self.events))}"
        return f"{self.name}#{measure}#{'+'.join(self.by)}#{self.within}"


@dataclass(frozen=True, slots=True)
class Rulebook:
    """The rules of one file. `quiet` is for how long nothing must happen before the same is told again."""

    rules: tuple[Rule, ...]
    timezone: str
    quiet: int
    channels: tuple[Channel, ...] = ()
    spare: tuple[NamePattern, ...] = ()


@dataclass(frozen=True, slots=True)
class Channel:
    """Where messages go: `options` are those of its `kind`; only what is of this `severity` or a higher one."""

    name: str
    kind: Literal["webhook", "email", "syslog"]
    severity: Severity
    options: tuple[tuple[str, str | int | bool | tuple[str, ...]], ...]
