import dataclasses
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from audit import record, search
from audit.search import CriterionError, Entry

NOW = datetime(2027, 1, 15, 9, 30, tzinfo=UTC)


def read(body, seq, when="2027-01-15T08:00:00.000000Z"):
    return {"seq": seq, "time": when, **json.loads(b"{" + body + b"}")}


@pytest.fixture
def records(caller, judgement):
    """Two sessions: a masked read, a denied one, a failing one, a still running one, and a refused login."""
    other = dataclasses.replace(caller, session="s2", principal="Bo", address="192.168.1.9:1", database="shop")
    denied = dataclasses.replace(
        judgement,
        text="SELECT * FROM hr.staff",
        rewritten=None,
        columns=(),
        relations=("hr.staff",),
        ruling="deny",
        sqlstate="42501",
    )
    plain = dataclasses.replace(judgement, text="SELECT 1", rewritten=None, columns=(), relations=(), ruling="pass")
    bodies = [
        record.session_opened(caller, tls=True, login="own", proof="password", origins={}),
        record.statement(record.statement_prefix(caller, judgement), 1),
        record.statement(record.statement_prefix(other, denied), 1),
        record.outcome(record.outcome_prefix(other), 1, "denied", sqlstate="42501", duration_us=4),
        record.outcome(record.outcome_prefix(caller), 1, "ok", rows=b"2", duration_us=9),
        record.statement(record.statement_prefix(caller, plain), 2),
        record.outcome(record.outcome_prefix(caller), 2, "error", sqlstate="22012", duration_us=9),
        record.login_refused(other, reason="wrong password", sqlstate="28P01"),
        record.statement(record.statement_prefix(other, plain), 2),
    ]
    return [read(body, seq, f"2027-01-15T08:00:{seq:02d}.000000Z") for seq, body in enumerate(bodies, 1)]


def seqs(entries):
    return [entry.record["seq"] for entry in entries]


def test_statements_come_with_their_outcomes_in_order(records):
    """Entries come in the order of their records, each statement with the outcome of its own session and number."""
    found = list(search.join(records))
    assert seqs(found) == [1, 2, 3, 6, 8, 9]
    assert [entry.status for entry in found] == ["", "ok", "denied", "error", "", "open"]
    assert found[1].outcome["rows"] == 2


def test_a_restart_ends_the_waiting(records):
    """When the proxy starts anew, statements without an outcome are given and take no later outcome."""
    started = {"seq": 10, "time": "2027", "event": "started"}
    late = read(b'"event":"outcome","session":"s2","statement":2,"status":"ok"', 11)
    found = list(search.join([*records, started, late]))
    assert found[-2].outcome is None


def test_waiting_is_bounded(records, monkeypatch):
    """A statement that never ends does not hold back what comes after it for ever."""
    monkeypatch.setattr(search, "WAITING", 3)
    running = records[-1]
    others = [{"seq": seq, "time": "2027", "event": "stopped"} for seq in range(10, 14)]
    stream = search.join(iter([running, *others]))
    assert next(stream) == Entry(running)


def test_live_entries_wait_two_ticks(records):
    """As they come, statements are given with a prompt outcome at once, without one after two ticks, and late ones alone."""
    statement, late = records[5], records[6]
    prompt = list(search.live([records[1], records[4]]))
    assert [(entry.record["seq"], entry.status) for entry in prompt] == [(2, "ok")]
    slow = list(search.live([statement, None, None, late]))
    assert [(entry.record["event"], entry.status) for entry in slow] == [("statement", "open"), ("outcome", "")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", NOW),
        ("Today", NOW.replace(hour=0, minute=0)),
        ("yesterday", datetime(2027, 1, 14, tzinfo=UTC)),
        ("2h", NOW - timedelta(hours=2)),
        ("90 s", NOW - timedelta(seconds=90)),
        ("4w", NOW - timedelta(weeks=4)),
        ("2026-12-31", datetime(2026, 12, 31, tzinfo=UTC)),
        ("2026-12-31T08:15", datetime(2026, 12, 31, 8, 15, tzinfo=UTC)),
        ("2026-12-31 08:15:01.5", datetime(2026, 12, 31, 8, 15, 1, 500_000, tzinfo=UTC)),
        ("2026-12-31T08:15+08:00", datetime(2026, 12, 31, 0, 15, tzinfo=UTC)),
        ("2026-12-31T08:15:00Z", datetime(2026, 12, 31, 8, 15, tzinfo=UTC)),
    ],
)
def test_moments_are_understood(text, expected):
    """Each form of a time becomes the point in UTC that it means, written as in the records."""
    assert search.moment(text, NOW) == expected.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def test_now_may_come_from_any_zone():
    """Today is the day in UTC, wherever the clock stands."""
    east = NOW.astimezone(timezone(timedelta(hours=23)))
    assert search.moment("today", east) == "2027-01-15T00:00:00.000000Z"


@pytest.mark.parametrize("text", ["", "soon", "2h ago", "2026-13-01", "999999w", "31.12.2026", "-2h", "2026-02-30"])
def test_what_is_no_time_is_said(text):
    """A time that cannot be understood is refused with the forms that can."""
    with pytest.raises(CriterionError, match="is no time: give 2026-01-31"):
        search.moment(text, NOW)
