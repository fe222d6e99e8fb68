"""Measures: what stands in the file, what is in force, and what the trail is told."""

from __future__ import annotations

import asyncio
import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from audit.reader import records
from audit.writer import Trail
from policies.loader import parse_policies
from policies.model import ColumnName, Label, Principal, Session
from proxy.measures.inforce import InForce
from proxy.measures.records import MeasuresUnavailable, NoSuchMeasure
from proxy.measures.store import FILE, MeasureStore
from proxy.measures.watch import MeasureWatch

NOW = dt.datetime(2026, 5, 4, 12, 0, tzinfo=dt.UTC)
POLICIES = """
version: 1
dictionary:
  - {column: "*.public.t.phone", category: phone, level: 3}
  - {column: "*.public.t.card", category: id_card, level: 4}
  - {column: "*.public.t.name", category: name, level: 2}
rules:
  - {name: cards, columns: {category: id_card}, treatment: deny}
  - {name: names, columns: {category: name}, treatment: clear}
  - {name: phones, columns: {category: phone}, treatment: {mask: partial, keep_first: 3, keep_last: 4}, search: exact, on_write: deny}
"""


def test_the_same_order_is_one_measure(tmp_path: Path) -> None:
    """An order may arrive twice; its origin tells."""
    store = MeasureStore.open(tmp_path)
    first = store.begin("suspend", "tina", NOW, seconds=60, origin="a:1:0")
    assert store.begin("suspend", "tina", NOW, seconds=60, origin="a:1:0") == first
    store.tell("alert", {"what": "x", "reason": "y"}, "a:1")
    store.tell("alert", {"what": "x", "reason": "y"}, "a:1")
    assert [each.event for each in store.unaudited("t")] == ["response", "alert"]
    store.audited("t", store.unaudited("t")[-1].id)
    assert store.unaudited("t") == []
    store.close()


def test_measures_end_on_time_and_are_lifted_once(tmp_path: Path) -> None:
    """What is over cannot be lifted; each end is told."""
    store = MeasureStore.open(tmp_path)
    short = store.begin("suspend", "tina", NOW, seconds=60)
    long = store.begin("tighten", "tina", NOW, by="root", reason="case 81")
    store.end_due(NOW + dt.timedelta(seconds=59))
    assert [each.id for each in store.all(active=True)] == [short, long]
    store.end_due(NOW + dt.timedelta(seconds=60))
    with pytest.raises(NoSuchMeasure):
        store.lift(short, "root", "why", NOW + dt.timedelta(seconds=60))
    assert store.lift(long, "root", "agreed", NOW).reason == "case 81"
    assert store.all(active=True) == []
    told = [(each.fields["what"], each.fields["person"], each.fields["reason"]) for each in store.unaudited("t")]
    assert told == [("begun", None, ""), ("begun", "root", "case 81"), ("over", None, ""), ("lifted", "root", "agreed")]
    store.close()


def test_the_file_is_of_its_owner_alone(tmp_path: Path) -> None:
    """Whoever could write it could let himself in again."""
    MeasureStore.open(tmp_path / "alerts").close()
    assert (tmp_path / "alerts").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "alerts" / FILE).stat().st_mode & 0o777 == 0o600


def test_tightened_masks_show_nothing_and_loosen_nothing(tmp_path: Path) -> None:
    """Clear and partly shown columns are masked in full, denied ones stay denied, searches by real values end; the same object each time."""
    policies = parse_policies(POLICIES, file="p")
    labels = {
        ColumnName("public", "t", "phone"): Label("phone", 3),
        ColumnName("public", "t", "card"): Label("id_card", 4),
        ColumnName("public", "t", "name"): Label("name", 2),
    }
    decision = policies.decide(Principal("tina"), Session("bank", "", "", "", False, NOW), labels)
    store = MeasureStore.open(tmp_path)
    store.begin("tighten", "tina", NOW)
    force = InForce()
    heard: list[Any] = []
    force.changed = heard.append
    force.replace(store.all(active=True))
    assert [each.kind for each in heard[0]] == ["tighten"]
    tight = force.lay_over(decision, "tina")
    found = {
        column.column: (each.kind, each.mask and each.mask.name, each.search, each.on_write)
        for column, each in tight.treatments.items()
    }
    assert found == {
        "phone": ("mask", "full", None, "deny"),
        "card": ("deny", None, None, "preserve"),
        "name": ("mask", "full", None, "preserve"),
    }
    assert force.lay_over(decision, "tina") is tight
    assert force.lay_over(decision, "theo") is decision
    force.replace(())
    assert force.lay_over(decision, "tina") is decision
    store.close()


def test_the_longest_suspension_counts(tmp_path: Path) -> None:
    """One that ends sooner does not let anybody in."""
    store = MeasureStore.open(tmp_path)
    store.begin("suspend", "tina", NOW, seconds=7200)
    store.begin("suspend", "tina", NOW, seconds=60)
    force = InForce()
    force.replace(store.all(active=True))
    assert force.suspended("tina") == "louver: tina is suspended until 2026-05-04 14:00:00 UTC (measure 1)"
    store.begin("suspend", "tina", NOW)
    force.replace(store.all(active=True))
    assert force.suspended("tina") == "louver: tina is suspended until an administrator lifts that (measure 3)"
    assert force.suspended("theo") is None
    store.close()


def test_a_file_that_cannot_be_read_lets_nobody_in_again(tmp_path: Path) -> None:
    """What was in force stays so, and what is ordered meanwhile is in force once it can be read; the trail has it all, once."""
    directory, broken = tmp_path / "alerts", [False]
    trail = Trail.open(tmp_path / "audit", fsync="none")
    store = MeasureStore.open(directory)
    store.begin("suspend", "tina", NOW, seconds=600)

    def opened() -> MeasureStore:
        if broken[0]:
            raise MeasuresUnavailable("gone")
        return MeasureStore.open(directory)

    async def follow() -> None:
        force = InForce()
        watch = MeasureWatch(opened, force, trail, "t", lambda: NOW)
        watch.begin()
        assert force.suspended("tina") is not None
        await watch.look()
        broken[0] = True
        watch._store.close()  # type: ignore[union-attr]  # as a disk that is gone
        await watch.look()
        await watch.look()
        assert force.suspended("tina") is not None
        store.lift(1, "root", "agreed", NOW)
        store.begin("suspend", "theo", NOW)
        broken[0] = False
        for _ in range(3):
            await watch.look()
        assert (force.suspended("tina"), force.suspended("theo") is not None) == (None, True)
        running = asyncio.ensure_future(watch.run())
        await asyncio.sleep(0)
        running.cancel()
        await asyncio.wait([running])

    asyncio.run(follow())
    store.close()
    trail.close()
    told = [(each["what"], each["principal"]) for each in records(tmp_path / "audit") if each["event"] == "response"]
    assert told == [("begun", "tina"), ("lifted", "tina"), ("begun", "theo")]
