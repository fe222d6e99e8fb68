"""The engine: records in, findings out.

Owns the cells of all rules, and which of them have changed since they were saved. Pure: the time is that of the records. May not do:
tell anybody, read or write files.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from alerts.facts import Fact, Joining
from alerts.rules import DAY, Calendar, Rule
from alerts.windows import Seen, Usual, Window

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from alerts.facts import Fields
    from alerts.rules import Rulebook

Cell = Window | Seen | Usual
Key = tuple[str, str, str]
"""A cell's: the rule's state, what kind of cell (w, s, u), by whom."""

KINDS: Final[dict[str, type[Cell]]] = {"w": Window, "s": Seen, "u": Usual}
KEPT: Final = 400 * DAY
"""How long a cell is kept that nothing has touched, at the least: somebody may come back after a year."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule has met what it is for: `value` of its measure, against a `limit`; `seen` are the values that were new."""

    rule: Rule
    fact: Fact
    value: int
    limit: int
    usual: bool = False  # the limit is the principal's own
    seen: tuple[str, ...] = ()

    @property
    def subject(self) -> tuple[str, str]:
        """Whom or what an incident is about."""
        return (self.rule.by[0], value_of(self.fact, self.rule.by[0])) if self.rule.by else ("trail", "")


class Engine:
    """All rules of a book over one stream of records."""

    def __init__(
        self,
        book: Rulebook,
        cells: Mapping[Key, Cell] | None = None,
        running: Mapping[tuple[str, int], Fields] | None = None,
        now: int = 0,
    ) -> None:
        self.book = book
        self.calendar = Calendar(book.timezone)
        self.joining = Joining(running)
        self.cells: dict[Key, Cell] = dict(cells or {})
        self.dirty: set[Key] = set()
        self.now = now
        self._by_event: dict[str, list[Rule]] = {}
        for rule in book.rules:
            for event in sorted(rule.events):
                self._by_event.setdefault(event, []).append(rule)

    def feed(self, record: Fields) -> list[Finding]:
        """Take one record of the trail, in the trail's order."""
        fact = self.joining.fact(record)
        if fact is None:
            return []
        self.now = max(self.now, fact.at)  # clocks are set back; windows do not run backwards
        found = []
        for rule in self._by_event.get(fact.event, ()):
            if rule.when.holds(fact, self.calendar) and not (
                rule.unless is not None and rule.unless.holds(fact, self.calendar)
            ):
                finding = self._measure(rule, fact)
                if finding is not None:
                    found.append(finding)
        return found

    def forget(self, keep: int = KEPT) -> list[Key]:
        """Drop the cells of rules that are no more, and those that nothing has touched for long; gives their keys."""
        states = {}
        for rule in self.book.rules:
            days = 0 if rule.baseline is None else rule.baseline.days * DAY
            states[rule.state] = max(2 * rule.within, days, keep if rule.measure.kind == "idle" else 0)
        gone = [key for key, cell in self.cells.items() if cell.last < self.now - states.get(key[0], -self.now)]
        for key in gone:
            del self.cells[key]
            self.dirty.discard(key)
        return gone

    def _cell(self, rule: Rule, kind: str, by: str) -> Cell:
        key = (rule.state, kind, by)
        cell = self.cells.get(key)
        if cell is None:
            cell = self.cells[key] = KINDS[kind]()
        self.dirty.add(key)
        return cell

    def _measure(self, rule: Rule, fact: Fact) -> Finding | None:
        keys = [value_of(fact, name) for name in rule.by]
        if "" in keys:  # nobody, or a statement without a literal: these have nothing in common
            return None
        by = "\x1f".join(keys)
        measure = rule.measure
        if measure.kind in {"new", "idle"}:
            seen = self._cell(rule, "s", by)
            assert isinstance(seen, Seen)
            if measure.kind == "idle":
                days = seen.idle(self.now) // DAY
                return Finding(rule, fact, days, rule.within // DAY) if days * DAY >= rule.within else None
            found = seen.new(self.now, rule.within, measure.learn, values_of(fact, measure.of, rule))
            return Finding(rule, fact, len(found), 1, seen=tuple(found)) if found else None
        window = self._cell(rule, "w", by)
        assert isinstance(window, Window)
        if measure.kind == "distinct":
            value = window.meet(self.now, rule.within, values_of(fact, measure.of, rule))
        else:
            value = window.add(self.now, rule.within, fact.rows if measure.kind == "rows" else 1)
        limit, own = float(measure.limit), False
        if rule.baseline is not None:
            usual = self._cell(rule, "u", fact.principal)
            assert isinstance(usual, Usual)
            day = self.calendar.local(self.now)[0]
            unusual = usual.limit(day, rule.baseline)
            own = unusual > limit
            limit = max(limit, unusual)
            usual.note(self.now, day, value, rule.baseline, limit if unusual else 0.0)
        return Finding(rule, fact, value, round(limit), own) if value >= limit else None


def value_of(fact: Fact, name: str) -> str:
    """What a fact has under one of `rules.KEYS`."""
    if name == "application":
        return fact.application_name
    return str(getattr(fact, name))


def values_of(fact: Fact, name: str, rule: Rule) -> Iterable[str]:
    """What a fact has under one of `rules.COUNTED`; of its columns those that the rule means."""
    match name:
        case "column" | "category":
            return sorted({getattr(use, name) for use in fact.uses if rule.when.meets(use)})
        case "relation":
            return fact.relations
        case _:
            value = value_of(fact, name)
            return (value,) if value else ()
