"""A burst is one message, windows are right whatever the order, and a restart at any record is no restart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.alerts.conftest import Stream, book, use

from alerts.loader import parse_rules
from alerts.rules import MINUTE
from alerts.store import State, StateUnavailable
from alerts.watching import Watching
from alerts.windows import PARTS, Usual, Window

if TYPE_CHECKING:
    from collections.abc import Iterable

STANDARD = "version: 1\ntimezone: Asia/Shanghai\nstandard: true\n"
DENIED = "  - {name: refused, events: [statement], when: {ruling: deny}, count: 5, within: 10m, severity: high}"


def told(watching: Watching, records: Iterable[dict[str, Any]]) -> list[tuple[int, str, str]]:
    """Incident, rule and text of what is told."""
    return [(each.incident, each.rule, each.text) for record in records for each in watching.feed(record)]


@given(st.integers(5, 300), st.floats(0.01, 1.5))
def test_a_burst_is_one_message(size: int, gap: float) -> None:
    """Of n refusals within the window there is one message, whatever n is, and the incident counts the rest."""
    stream = Stream()
    watching = Watching(book(DENIED))
    burst = [each for number in range(size) for each in stream.asked(number * gap, ruling="deny", status="denied")]
    assert len(told(watching, burst)) == 1
    (incident,) = watching.incidents.open.values()
    assert incident.signals["refused"].count == size - 4


def test_what_comes_after_a_quiet_while_is_told_again() -> None:
    """An hour after the last refusal the same is another incident; half an hour after it, the same one."""
    stream = Stream()
    watching = Watching(book(DENIED))
    bursts = [
        each
        for start in (0, 1800, 1800 + 3700)
        for number in range(6)
        for each in stream.asked(start + number, ruling="deny")
    ]
    assert [number for number, _, _ in told(watching, bursts)] == [1, 2]


def test_a_second_kind_of_misuse_joins_the_incident_and_is_told() -> None:
    """One subject, one incident, one message for each rule."""
    stream = Stream()
    rules = DENIED + "\n  - {name: night, events: [statement], when: {treatment: clear}, severity: critical}"
    records = [each for number in range(6) for each in stream.asked(number, ruling="deny")] + stream.asked(9, use())
    found = told(Watching(book(rules)), records)
    assert [(number, rule) for number, rule, _ in found] == [(1, "refused"), (1, "night")]
    assert "also: refused" in found[1][2]


@given(
    st.lists(st.tuples(st.integers(0, 40 * MINUTE), st.integers(1, 50)), min_size=1, max_size=60), st.integers(1, 20)
)
def test_windows_hold_what_happened_lately(events: list[tuple[int, int]], minutes: int) -> None:
    """A window holds everything of its length, and nothing that is older by more than a part of it."""
    within = minutes * MINUTE
    window = Window()
    done: list[tuple[int, int]] = []
    for at, amount in sorted(events):
        done.append((at, amount))
        value = window.add(at, within, amount)
        least = sum(a for when, a in done if when > at - within)
        most = sum(a for when, a in done if when > at - within - 2 * (within // PARTS))
        assert least <= value <= most


@given(st.lists(st.tuples(st.integers(0, 40 * MINUTE), st.sampled_from("abcdef")), min_size=1, max_size=60))
def test_different_values_are_counted_once(events: list[tuple[int, str]]) -> None:
    """As often as they come within the window."""
    window = Window()
    done: list[tuple[int, str]] = []
    for at, value in sorted(events):
        done.append((at, value))
        assert window.meet(at, 10 * MINUTE, [value]) == len({v for when, v in done if when > at - 10 * MINUTE})


def test_days_above_the_limit_teach_no_more_than_the_limit(make_book: Callable[[str], Any]) -> None:
    """Whoever takes ten times as much for a week does not make that usual at once."""
    (rule,) = make_book("  - bulk-export").rules
    usual = Usual()
    for day in range(1, 8):
        usual.note(day, day, 100, rule.baseline, 0.0)
    assert usual.limit(8, rule.baseline) == 300
    for day in range(8, 12):
        usual.note(day, day, 1000, rule.baseline, usual.limit(day, rule.baseline))
    assert usual.limit(12, rule.baseline) == 300
    assert usual.limit(60, rule.baseline) == 0


def _day(stream: Stream) -> list[dict[str, Any]]:
    """A day on which five rules have something to tell, with statements that overlap."""
    records = [
        stream.opened(0),
        *(each for number in range(25) for each in stream.asked(number, ruling="deny", status="denied")),
    ]
    masked = use(treatment="mask", search="exact")
    pairs = [stream.asked(60 + number, masked, rows=0) for number in range(20)]
    records += [pair[0] for pair in pairs] + [pair[1] for pair in pairs]
    records += stream.asked(13 * 3600, use())
    records += [stream.refused(14 * 3600 + number) for number in range(12)]
    records += stream.asked(15 * 3600, use(), rows=5000)
    return records


def test_a_restart_at_any_record_is_no_restart(tmp_path: Path) -> None:
    """The watching is saved and read again after each record: the same is told, and what is waiting is what was told."""
    records = _day(Stream())
    rulebook = parse_rules(STANDARD, "alerts.yaml")
    expected = told(Watching(rulebook), records)
    assert len(expected) >= 5
    got = []
    state = State.open(tmp_path / "alerts" / "state.db")
    state.begin(0)
    for record in records:
        watching, learned = state.load(rulebook)
        messages = watching.feed(record, silent=record["seq"] <= learned)
        state.save(watching, messages)
        got += [(each.incident, each.rule, each.text) for each in messages]
    assert got == expected
    assert [(each.incident, each.rule) for each in state.waiting(0)] == [(number, rule) for number, rule, _ in expected]
    assert state.load(rulebook)[0].place == records[-1]["seq"]
    state.close()


def test_a_crash_before_the_state_is_saved_repeats_the_records_and_no_message(tmp_path: Path) -> None:
    """What was not saved was not told either."""
    records = _day(Stream())
    rulebook = parse_rules(STANDARD, "alerts.yaml")
    state = State.open(tmp_path / "state.db")
    state.begin(0)
    half = len(records) // 2
    watching, _ = state.load(rulebook)
    state.save(watching, [each for record in records[:half] for each in watching.feed(record)])
    for record in records[half : half + 10]:  # and the process is gone
        watching.feed(record)
    watching, _ = state.load(rulebook)
    rest = [record for record in records if record["seq"] > watching.place]
    state.save(watching, [each for record in rest for each in watching.feed(record)])
    whole = told(Watching(rulebook), records)
    assert [(each.incident, each.rule) for each in state.waiting(0)] == [(number, rule) for number, rule, _ in whole]
    state.close()


def test_what_was_learned_silently_is_usual_and_not_told() -> None:
    """A trail that is there already teaches, and tells nothing."""
    stream = Stream()
    watching = Watching(book("  - bulk-export"))
    for day in range(10):
        for record in stream.asked(day * 86_400, use(), rows=2000):
            assert watching.feed(record, silent=True) == []
    assert told(watching, stream.asked(11 * 86_400, use(), rows=2000)) == []


def test_the_state_is_of_its_owner_alone_and_of_this_version(tmp_path: Path) -> None:
    """Nobody else reads what people do; a file of a later program is left alone."""
    state = State.open(tmp_path / "state.db")
    assert (tmp_path / "state.db").stat().st_mode & 0o777 == 0o600
    state._rows("PRAGMA user_version = 99")
    state.close()
    with pytest.raises(StateUnavailable, match="later Louver"):
        State.open(tmp_path / "state.db")


def test_messages_are_safe_to_show() -> None:
    """A name with an escape sequence and a line end stays on its line; a number that stands in a statement is in no message."""
    stream = Stream()
    rules = "  - {name: all, events: [statement], when: {treatment: clear}}"
    evil = "x\x1b[2J\nrule: nothing\u202e"
    secret = "SELECT '13812345678'"
    watching = Watching(book(rules))
    ((_, _, text),) = told(watching, stream.asked(0, use(), principal=evil, application=evil, text=secret))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert not any(line.startswith("rule:") for line in text.splitlines())
    assert "13812345678" not in text


def test_old_cells_are_forgotten() -> None:
    """Windows of who has not come for long take no room."""
    stream = Stream()
    watching = Watching(book(DENIED))
    told(watching, stream.asked(0, ruling="deny", principal="old"))
    told(watching, stream.asked(50 * 86_400, ruling="deny"))
    assert [who for _, _, who in watching.engine.cells] == ["tina"]
    assert [who for _, _, who in watching.gone] == ["old"]
