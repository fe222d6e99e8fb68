"""Weeks of a bank's audit trail and one recorded day with misuse planted in it: the same for the same seed.

Owns who asks what and when: people who work by day, some by night, an application, a month's end, mistyped passwords; and what is
planted. Written by the trail itself. May not do: look for it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from audit import chain, record
from audit.record import Caller, ColumnUse, Judgement
from audit.writer import Trail

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ZONE: Final = timedelta(hours=8)
"""The bank is in Shanghai, which has no summer time."""

DAY: Final = datetime(2026, 9, 30, tzinfo=UTC)
"""The recorded day, local: the end of a month and of a quarter."""

WEEKS: Final = 5
_SECOND: Final = 1_000_000_000
_MOVES: Final = 0.005
"""How often a teller sits at another desk for a day, which is new to the trail, and no misuse."""
_COVERS: Final = 0.05
"""How often a manager takes the place of who works at night."""


@dataclass(frozen=True, slots=True)
class Planted:
    """One planted misuse: the ready-made rule that is meant to find it, and whom."""

    rule: str
    subject: str


@dataclass(order=True, slots=True)
class _Event:
    """What happens at a moment, in seconds of local time since the epoch."""

    at: float
    order: int
    do: Callable[[], object] = field(compare=False)


def _use(column: str, category: str, level: int, treatment: str, search: str | None = None) -> ColumnUse:
    mask = None if treatment == "clear" else "partial"
    return ColumnUse(
        f"public.customers.{column}", category, level, treatment, mask, f"{category} {treatment}", None, search
    )  # type: ignore[arg-type]  # clear or mask


def _plan(text: str, *uses: ColumnUse, kind: str = "SelectStmt") -> Judgement:
    ruling = "rewrite" if any(use.treatment != "clear" for use in uses) else "pass"
    return Judgement((kind,), text, None, ("public.customers",), uses, ruling, "p1", 1)  # type: ignore[arg-type]  # of these


NAME: Final = _use("name", "name", 2, "clear")
CLEAR: Final = _use("phone", "phone", 3, "clear")
MASKED: Final = _use("phone", "phone", 3, "mask")
EXACT: Final = _use("id_card", "id_card", 4, "mask", "exact")
LOOK: Final = _plan("SELECT name, phone FROM customers WHERE id = ?", NAME, MASKED)
LIST: Final = _plan("SELECT name, phone FROM customers WHERE branch = ? ORDER BY id", NAME, MASKED)
FIND: Final = _plan("SELECT name, id_card FROM customers WHERE id_card = ?", NAME, EXACT)
CALL: Final = _plan("SELECT name, phone FROM customers WHERE id = ?", NAME, CLEAR)
EXPORT: Final = _plan(
    "COPY (SELECT name, phone FROM customers WHERE opened >= ?) TO STDOUT", NAME, CLEAR, kind="CopyStmt"
)
POLL: Final = _plan("SELECT id, amount FROM orders WHERE state = $1")
REFUSED: Final = Judgement((), "SELECT id_card FROM customers", None, (), (), "deny", "p1", 1, "not for you", "42501")


class _Session:
    """One session, written as the proxy would."""

    def __init__(self, traffic: Traffic, caller: Caller) -> None:
        self._traffic = traffic
        self._caller = caller
        self._count = 0
        self._told: dict[str, tuple[int, bytes]] = {}
        traffic.write(record.session_opened(caller, tls=True, login="own", proof="password", origins={}))

    def ask(self, plan: Judgement, rows: int) -> None:
        """One statement, and its end."""
        self._count += 1
        traffic, name = self._traffic, f"{plan.text}{plan.ruling}{plan.columns}"
        segment, like = self._told.get(name, (0, b""))
        if segment == traffic.trail.segment:
            traffic.write(record.statement(like, self._count))
        else:
            seq = traffic.write(record.statement(record.statement_prefix(self._caller, plan), self._count))
            self._told[name] = traffic.trail.segment, record.statement_like(self._caller, seq)
        denied = plan.ruling == "deny"
        ended = record.outcome_prefix(self._caller)
        traffic.write(
            record.outcome(
                ended,
                self._count,
                "denied" if denied else "ok",
                rows=b"" if denied else b"%d" % rows,
                bytes_=40 * rows,
                duration_us=900,
                sqlstate="42501" if denied else "",
            )
        )

    def close(self) -> None:
        """Its end."""
        self._traffic.write(record.session_closed(self._caller, reason="bye", statements=self._count, duration_us=1))


class Traffic:
    """All of it. `people` is how many tellers there are; the others follow from it."""

    def __init__(self, directory: Path, seed: int = 1, people: int = 40, weeks: int = WEEKS) -> None:
        self._choices = random.Random(seed)
        self._weeks = weeks
        self._tellers = [f"teller{number:02}" for number in range(people)]
        self._analysts = [f"analyst{number}" for number in range(max(3, people // 8))]
        self._clock = 0.0
        self._number = 0
        self.statements = 0
        self.planted: list[Planted] = []
        self.trail = Trail.open(directory, fsync="none", clock=lambda: int(self._clock * _SECOND))
        self._events: list[_Event] = []

    def write(self, body: bytes) -> int:
        """Append one record, a block of its own."""
        seq = self.trail.append(body)
        self.trail.flush()
        self.statements += body.startswith(b'"event":"statement"')
        return seq

    def run(self) -> None:
        """Write every day, the recorded one last."""
        for back in range(7 * self._weeks, -1, -1):
            day = DAY - timedelta(days=back)
            if back == 7 * self._weeks:
                self._day_long_ago(day - timedelta(days=80))
            self._ordinary(day)
            if back == 0:
                self._plant(day)
            for event in sorted(self._events):
                self._clock = event.at
                event.do()
            self._events.clear()
        self.trail.close()

    # -- how days are made -----------------------------------------------------------------------------------------

    def _at(self, day: datetime, hour: float, do: Callable[[], object]) -> None:
        moment = (day - ZONE).timestamp() + hour * 3600
        self._events.append(_Event(moment, len(self._events), do))

    def _caller(self, who: str, address: str | None = None, tool: str | None = None) -> Caller:
        self._number += 1
        role = who.rstrip("0123456789")
        place = address or f"10.1.{len(role)}.{sum(map(ord, who)) % 200 + 10}"
        program = tool or {"teller": "Branch 4.2.1", "analyst": "DBeaver 24.1", "app": "orders"}.get(role, "psql")
        return Caller(
            f"s-{self._number}", who, f"{place}:{40000 + self._number % 20000}", program, "bank", "svc", {"role": role}
        )

    def _work(
        self, day: datetime, who: str, hours: tuple[float, float], plans: list[tuple[Judgement, int]], **caller: str
    ) -> None:
        """A session from one hour to another, with its statements spread by chance."""
        held: list[_Session] = []
        self._at(day, hours[0], lambda: held.append(_Session(self, self._caller(who, **caller))))
        for plan, rows in plans:
            when = self._choices.uniform(hours[0] + 0.001, hours[1])
            self._at(day, when, lambda plan=plan, rows=rows: held[0].ask(plan, rows))  # type: ignore[misc]  # defaults of a lambda

        def end() -> None:
            held[0].close()

        self._at(day, hours[1] + 0.001, end)

    def _refused(self, day: datetime, hour: float, who: str, address: str) -> None:
        caller = Caller("", who, f"{address}:50000", "", "bank", "")
        self._at(
            day,
            hour,
            lambda: self.write(record.login_refused(caller, reason="wrong password", sqlstate="28P01")),
        )

    def _ordinary(self, day: datetime) -> None:
        chance = self._choices
        ends_month = (day + timedelta(days=1)).day == 1
        weekend = day.isoweekday() > 5
        for who in () if weekend else self._tellers:
            if chance.random() < 0.1:
                continue  # ill, or on leave
            begins, ends = chance.uniform(8.2, 9.2), chance.uniform(16.5, 18.5)
            if chance.random() < 0.2:
                for attempt in range(chance.randrange(1, 4)):
                    self._refused(
                        day, begins - 0.02 + attempt * 0.004, who, self._caller(who).address.partition(":")[0]
                    )
            looks = chance.randrange(20, 90) * (2 if ends_month else 1)
            plans = [(LOOK, 1)] * looks + [(LIST, chance.randrange(5, 40))] * chance.randrange(3)
            plans += [(FIND, int(chance.random() < 0.9)) for _ in range(chance.randrange(5, 40))]
            plans += [(REFUSED, 0)] * chance.choice((0, 0, 0, 1, 2, 4))
            moved = {"address": f"10.1.6.{chance.randrange(10, 250)}"} if chance.random() < _MOVES else {}
            self._work(day, who, (begins, ends), plans, **moved)
        for who in () if weekend else self._analysts:
            exports = [
                (EXPORT, chance.randrange(100, 900)) for _ in range(chance.randrange(2, 5) * (2 if ends_month else 1))
            ]
            self._work(day, who, (9.0, chance.uniform(17, 19.5)), [*exports, *[(LOOK, 1)] * chance.randrange(10, 60)])
        for who in () if weekend else ("manager0", "manager1"):
            self._work(day, who, (8.5, 18.0), [(CALL, 1)] * chance.randrange(10, 40))
        covers = (
            chance.random() < _COVERS
        )  # calling customers at night is the work of one, and sometimes of another one
        self._work(day, "manager0" if covers else "oncall0", (21.0, 23.9), [(CALL, 1)] * chance.randrange(3, 25))
        self._work(day, "app", (0.1, 23.9), [(POLL, chance.randrange(20)) for _ in range(600)])

    def _day_long_ago(self, day: datetime) -> None:
        self._work(day, "auditor0", (9.0, 17.0), [(CALL, 1)] * 20)

    # -- what is planted -------------------------------------------------------------------------------------------

    def _plant(self, day: datetime) -> None:
        for rule, subject in self._plants(day):
            self.planted.append(Planted(rule, subject))

    def _plants(self, day: datetime) -> Iterator[tuple[str, str]]:
        chance = self._choices
        some = chance.sample(self._tellers, 8)
        self._work(day, "manager1", (2.1, 2.4), [(CALL, 1)] * 6)
        yield "clear-at-night", "manager1"
        self._work(day, self._analysts[0], (19.6, 19.8), [(EXPORT, 40_000)])
        yield "bulk-export", self._analysts[0]
        self._work(day, some[0], (10.0, 17.0), [(LOOK, 400)] * 30)  # slowly, and of names alone
        yield "bulk-export", some[0]
        self._work(day, some[1], (11.0, 11.1), [(REFUSED, 0)] * 30)
        yield "many-denials", some[1]
        self._work(day, some[2], (13.0, 13.1), [(FIND, 0)] * 40)
        yield "exact-misses", some[2]
        self._work(day, some[3], (14.0, 14.15), [(FIND, 1)] * 160)
        yield "exact-searches", some[3]
        self._work(day, some[4], (15.0, 15.06), [(LOOK, 1)] * 250)
        yield "changing-literals", some[4]
        self._work(day, "app", (4.0, 4.2), [(POLL, 5)] * 3, address="10.9.8.7")
        yield "new-address", "app"
        self._work(day, some[5], (12.0, 12.2), [(LOOK, 1)] * 5, tool="sqlmap 1.8")
        yield "new-tool", some[5]
        self._work(day, "auditor0", (10.5, 10.7), [(CALL, 1)] * 3)
        yield "dormant-account", "auditor0"
        self._at(day, 10.6, lambda: self.write(_broken_glass(some[6])))
        yield "break-glass", some[6]
        caller = self._caller(some[7])
        seen = "the server named the hidden column public.customers.phone as the origin of a result"
        self._at(day, 16.0, lambda: self.write(record.denial(caller, what="answer", reason=seen, sqlstate="42501")))
        yield "unprotected", some[7]
        for number in range(60):
            self._refused(day, 3.0 + number * 0.002, f"user{number % 12}", "10.66.6.6")
        yield "brute-force", "10.66.6.6"
        for number in range(15):
            self._refused(day, 22.0 + number * 0.008, "root", f"10.77.7.{number + 1}")
        yield "guessed-account", "root"
        self._at(day, 23.95, lambda: self.write(chain.recovered((), 3, head_differs=False)))
        yield "damaged-trail", ""


def _broken_glass(who: str) -> bytes:
    return record.grant(
        grant=7,
        what="broken glass",
        person=who,
        at="2026-09-30T02:36:00+00:00",
        note="fraud",
        principal=who,
        columns={"category": ["phone"]},
        labels=["phone 3"],
        rows=None,
        database=None,
        purpose=None,
        reason="fraud",
        ends=None,
    )
