"""The file of grants: its states, who did what, and what it refuses."""

import contextlib
import datetime as dt
import sqlite3

import pytest

from proxy.grant_store import Draft, GrantStore, GrantsUnavailable, WrongState

AT = dt.datetime(2026, 11, 20, 9, 30, tzinfo=dt.UTC)
LATER = AT + dt.timedelta(minutes=30)
DRAFT = Draft(
    "tina", {"category": ["phone"], "table": ["people"]}, frozenset({("phone", 3)}), "case 1", 30, rows="id = 1"
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "grants.db"


@pytest.fixture
def store(path):
    with contextlib.closing(GrantStore.open(path)) as opened:
        yield opened


def history(store, number):
    """What has happened, and who did it."""
    return [(event.what, event.person) for event in store.history(number)]


def test_the_file_is_its_owners_alone(path, store):
    """It says who may see what, so nobody else reads it."""
    store.request(DRAFT, "tina", AT)
    assert {each.stat().st_mode & 0o777 for each in path.parent.iterdir()} == {0o600}


def test_from_request_to_end(store):
    """It is in force from the approval on, for as long as was asked."""
    number = store.request(DRAFT, "tina", AT - dt.timedelta(hours=1))
    assert store.find(number).grant.state == "requested"
    assert store.all(active=True) == []
    assert store.approve(number, "mona", 1, AT)
    (kept,) = store.all(active=True)
    assert (kept.grant.starts, kept.grant.ends, kept.grant.approvals) == (AT, LATER, ("mona",))
    assert kept.grant.rows.source == "id = 1"
    assert kept.columns == DRAFT.columns
    store.end_due(LATER - dt.timedelta(microseconds=1))
    assert store.find(number).grant.state == "active"
    store.end_due(LATER)
    assert store.find(number).grant.state == "expired"
    assert history(store, number) == [("requested", "tina"), ("approved", "mona"), ("begun", None), ("expired", None)]


def test_two_persons(store):
    """The first approval does not begin it, and one person does not make two."""
    number = store.request(DRAFT, "tina", AT)
    assert not store.approve(number, "mona", 2, AT)
    with pytest.raises(WrongState, match="another person"):
        store.approve(number, "mona", 2, AT)
    assert store.approve(number, "mia", 2, AT)
    assert store.find(number).grant.approvals == ("mona", "mia")


def test_what_is_over_stays_over(store):
    """Denied, revoked and expired grants are not approved, denied or revoked again."""
    denied, revoked, expired = (store.request(DRAFT, "tina", AT) for _ in range(3))
    store.deny(denied, "mona", "no case", AT)
    for number in (revoked, expired):
        store.approve(number, "mona", 1, AT)
    store.revoke(revoked, "mona", None, AT)
    store.end_due(LATER)
    for number in (denied, revoked, expired, 99):
        with pytest.raises(WrongState):
            store.approve(number, "mia", 1, AT)
        with pytest.raises(WrongState):
            store.deny(number, "mia", None, AT)
        with pytest.raises(WrongState):
            store.revoke(number, "mia", None, AT)
    assert store.all(active=True) == []


def test_broken_glass_is_reviewed_once(store):
    """It is in force at once and stays open for review after its end; what was approved has nothing to be reviewed."""
    number = store.break_glass(DRAFT, "tina", AT)
    assert store.find(number).grant.ends == LATER
    store.end_due(LATER)
    assert not store.find(number).grant.reviewed
    store.review(number, "mona", "was right", LATER)
    assert store.find(number).grant.reviewed
    approved = store.request(DRAFT, "tina", AT)
    for other in (number, approved):
        with pytest.raises(WrongState):
            store.review(other, "mona", "again", LATER)
    assert history(store, number) == [("broken glass", "tina"), ("expired", None), ("reviewed", "mona")]


@pytest.mark.parametrize(("limit", "used"), [({"statements": 3}, (3, 0)), ({"row_limit": 10}, (1, 12))])
def test_a_limit_ends_it(path, limit, used):
    """Two proxies that share the file add up what they count."""
    with contextlib.closing(GrantStore.open(path)) as one, contextlib.closing(GrantStore.open(path)) as two:
        fields = {name: getattr(DRAFT, name) for name in DRAFT.__dataclass_fields__}
        number = one.request(Draft(**{**fields, **limit}), "tina", AT)
        one.approve(number, "mona", 1, AT)
        one.spend({number: (used[0] - 1, 0)}, AT)
        assert two.find(number).grant.state == "active"
        two.spend({number: (1, used[1])}, AT)
        kept = one.find(number)
        assert (kept.grant.state, kept.statements_used, kept.rows_used) == ("used up", *used)


def test_another_connection_is_noticed(path, store):
    """The version grows with what others write."""
    before = store.version
    assert store.version == before
    with contextlib.closing(GrantStore.open(path)) as other:
        other.request(DRAFT, "tina", AT)
    assert store.version != before


def test_events_are_only_added(path, store):
    """Not even by hand is one changed or taken away."""
    store.request(DRAFT, "tina", AT)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        for text in ("UPDATE events SET person = 'theo'", "DELETE FROM events"):
            with pytest.raises(sqlite3.IntegrityError, match="only added"):
                connection.execute(text)


def test_each_trail_gets_every_event_once(store):
    """Proxies that share the file have trails of their own."""
    number = store.request(DRAFT, "tina", AT)
    first = store.unaudited("a")
    assert [event.grant for event in first] == [number]
    store.audited("a", first[-1].id)
    assert store.unaudited("a") == []
    assert store.unaudited("b") == first


def test_a_file_of_a_later_version_or_of_something_else(path, tmp_path):
    """It is not touched."""
    GrantStore.open(path).close()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(GrantsUnavailable, match="version 99"):
        GrantStore.open(path)
    other = tmp_path / "other"
    other.write_text("no database at all, but long enough to be looked at\n" * 20)
    with pytest.raises(GrantsUnavailable):
        GrantStore.open(other)
    with pytest.raises(GrantsUnavailable):
        GrantStore.open(tmp_path / "nowhere" / "grants.db")


def test_a_grant_that_cannot_be_read(path, store):
    """One that somebody has spoilt makes the file unusable, for what was revoked in it cannot be told either."""
    store.request(DRAFT, "tina", AT)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE grants SET rows = 'id = 1) OR (true'")
        connection.commit()
    with pytest.raises(GrantsUnavailable, match="grant 1"):
        store.all()
