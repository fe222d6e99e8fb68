"""The grants in force: who has which, and counting them down."""

import asyncio
import datetime as dt

import pytest

from policies.grants import Grant
from policies.loader import parse_policies, read_columns
from policies.model import ColumnName, Label, Principal, Session
from proxy.grants.granted import Granted

NOW = dt.datetime(2026, 11, 20, 9, 30, tzinfo=dt.UTC)
SESSION = Session("bank", "10.1.2.3", "psql", "app", False, NOW)
LABELS = {ColumnName("public", "people", "phone"): Label("phone", 3)}
TINA = Principal("tina")


def grant(number=1, **other):
    """A grant of phones to tina, for an hour."""
    fields = {
        "id": number,
        "principal": "tina",
        "columns": read_columns({"category": ["phone"]}, ("phone",)),
        "labels": frozenset({("phone", 3)}),
        "rows": None,
        "database": None,
        "purpose": None,
        "reason": "case",
        "requested_by": "tina",
        "requested_at": NOW,
        "minutes": 60,
        "state": "active",
        "starts": NOW,
        "ends": NOW + dt.timedelta(hours=1),
    }
    return Grant(**{**fields, **other})


@pytest.fixture
def granted():
    """None yet; what was told of changes is in `told`."""
    found = Granted()
    found.told = []
    found.changed = lambda: found.told.append(True)
    return found


def shown(granted, principal=TINA):
    """The grants by which somebody sees phones."""
    decision = parse_policies("version: 1\n").decide(principal, SESSION, LABELS)
    return granted.lay_over(decision, principal, SESSION).grants


async def run(granted, *numbers):
    """Claim and spend one execution, as the shell of a session does."""
    if granted.unpaid(numbers):
        await granted.claim(numbers)
    return granted.spend(numbers)


def test_only_changes_are_told(granted):
    """Every caller decides again at each, so what is used of a grant is none."""
    granted.replace([(grant(), 0, 0)])
    granted.replace([(grant(), 5, 7)])
    assert len(granted.told) == 1
    assert shown(granted) == (1,)
    assert shown(granted, Principal("theo")) == ()
    granted.replace([])
    assert len(granted.told) == 2
    assert shown(granted) == ()


async def test_statements_are_counted_down(granted):
    """The last one may run, and from then on it is as if there were no grant."""
    granted.replace([(grant(statements=3), 1, 0)])
    assert await run(granted, 1) is None
    assert await run(granted, 1) is None
    assert len(granted.told) == 2
    assert shown(granted) == ()
    refusal = await run(granted, 1)
    assert (refusal.sqlstate, refusal.message) == ("53400", "grant 1 is over")
    assert granted.take_used() == {}


async def test_a_statement_under_two_grants_counts_for_both_or_none(granted):
    """One that may not run is not counted."""
    granted.replace([(grant(1, statements=1), 0, 0), (grant(2), 0, 0)])
    assert await run(granted, 1, 2) is None
    assert await run(granted, 1, 2) is not None
    assert granted.take_used() == {2: (1, 0)}


@pytest.mark.parametrize(
    ("outcome", "said"), [("over", "is over"), ("busy", "another proxy"), ("unreachable", "cannot be written down")]
)
async def test_what_is_not_counted_elsewhere_does_not_run(granted, outcome, said):
    """Nor does an execution that nobody has asked to be counted."""

    async def claiming(numbers):
        assert numbers == (1,)
        return outcome

    granted.claiming = claiming
    granted.replace([(grant(1, row_limit=9), 0, 0), (grant(2), 0, 0)])
    assert granted.spend((1, 2)) is not None
    assert said in (await run(granted, 1, 2)).message
    assert granted.take_used() == {}


async def test_a_claim_is_for_one_execution_and_kept_for_the_next(granted):
    """One that was skipped leaves what was counted for it; a grant that is gone leaves nothing."""
    granted.replace([(grant(statements=3), 0, 0)])
    assert granted.unpaid((1,))
    await granted.claim((1,))
    assert not granted.unpaid((1,))
    granted.replace([(grant(statements=3), 1, 0)])
    assert granted.spend((1,)) is None
    assert granted.unpaid((1,))
    await granted.claim((1,))
    granted.replace([])
    granted.replace([(grant(statements=3), 2, 0)])
    assert granted.unpaid((1,))


async def test_others_are_kept_from_a_grant_of_rows_while_it_is_used(granted):
    """From the claim to the end of the execution; a session whose wait is cut short keeps nobody."""
    granted.replace([(grant(row_limit=9), 0, 0)])
    assert granted.take_claimed() == ((), ())
    assert await run(granted, 1) is None
    assert granted.take_claimed() == ((1,), ())
    granted.finished((1,), "ok", b"3", 100)
    taken = granted.take_claimed()
    assert taken == ((), (1,))
    assert granted.take_claimed() == ((), ())
    granted.claimed(taken)  # could not be told
    assert granted.take_claimed() == ((), (1,))

    async def never(_):
        raise asyncio.CancelledError

    granted.claiming = never
    with pytest.raises(asyncio.CancelledError):
        await granted.claim((1,))
    assert granted.take_claimed() == ((), (1,))


def test_nothing_runs_when_nobody_has_looked_for_too_long():
    """A process that was stopped for a while knows of no revocation in it."""
    moment = [10.0]
    granted = Granted(lambda: moment[0])
    granted.replace([(grant(), 0, 0)])
    granted.hold_until(12.0)
    assert granted.spend((1,)) is None
    moment[0] = 12.5
    assert granted.spend((1,)).sqlstate == "53400"
    granted.hold_until(15.0)
    assert granted.spend((1,)) is None


def test_a_grant_that_is_gone_lets_nothing_run(granted):
    """A ruling can be older than the end of its grant."""
    assert granted.spend((1,)) is not None
    assert granted.spend(()) is None


@pytest.mark.parametrize(
    ("status", "rows", "sent", "counted"),
    [
        ("ok", b"7", 700, 7),
        ("suspended", b"5", 100, 5),
        ("ok", b"", 700, 0),
        ("error", b"", 1600, 100),
        ("cancelled", b"", 160, 10),
        ("lost", b"", 15, 0),
    ],
)
def test_rows_are_counted(granted, status, rows, sent, counted):
    """As the server tells them; of what ends otherwise, one for each 16 bytes of the answer."""
    granted.replace([(grant(row_limit=1000), 0, 0)])
    granted.finished((1,), status, rows, sent)
    assert granted.take_used().get(1, (0, 0)) == (0, counted)


def test_what_is_not_written_yet_counts_when_grants_are_read_again(granted):
    """Between taking and saving more is used; nothing is counted twice or forgotten."""
    granted.replace([(grant(row_limit=40), 0, 0)])
    granted.finished((1,), "ok", b"10", 0)
    taken = granted.take_used()
    granted.finished((1,), "ok", b"10", 0)
    granted.saved(taken)
    granted.replace([(grant(row_limit=40), 1, 10)])
    assert granted.take_used() == {1: (0, 10)}
    granted.finished((1,), "ok", b"19", 0)
    assert shown(granted) == (1,)
    granted.finished((1,), "ok", b"1", 0)
    assert shown(granted) == ()


def test_when_something_begins_or_ends(granted):
    """The next turn is the next begin or end; one whose time is over is due."""
    later = grant(2, starts=NOW + dt.timedelta(minutes=5), ends=NOW + dt.timedelta(minutes=6))
    granted.replace([(grant(), 0, 0), (later, 0, 0)])
    assert granted.next_turn(NOW) == NOW + dt.timedelta(minutes=5)
    assert granted.next_turn(NOW + dt.timedelta(minutes=5)) == NOW + dt.timedelta(minutes=6)
    assert granted.next_turn(NOW + dt.timedelta(hours=2)) is None
    assert not granted.any_due(NOW + dt.timedelta(minutes=5))
    assert granted.any_due(NOW + dt.timedelta(minutes=6))
