"""What is kept of grants, in a file and in a PostgreSQL: its states, who did what, what is counted, and what is refused."""

from __future__ import annotations

import contextlib
import datetime as dt
import sqlite3
import threading
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from fixtures.granting import KeptGrants

from proxy.grants import postgres as in_postgres
from proxy.grants.records import Draft, GrantsUnavailable, WrongState
from proxy.grants.sqlite import open_file
from proxy.grants.store import HOLD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from proxy.grants.store import GrantStore

    Open = Callable[[], contextlib.closing[GrantStore]]

AT = dt.datetime(2026, 11, 20, 9, 30, tzinfo=dt.UTC)
LATER = AT + dt.timedelta(minutes=30)
COLUMNS = {"category": ["phone"], "table": ["people"]}


def draft(**other: Any) -> Draft:
    """What tina asks for."""
    fields = {"principal": "tina", "columns": COLUMNS, "labels": frozenset({("phone", 3)}), "reason": "case 1"}
    return Draft(**{**fields, "minutes": 30, "rows": "id = 1", **other})


DRAFT = draft()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file that is not there yet."""
    return tmp_path / "grants.db"


@pytest.fixture(params=["file", "database"])
def opened(request: pytest.FixtureRequest) -> Open:
    """Give a function that opens the same grants each time."""
    if request.param == "file":
        path = request.getfixturevalue("path")
        return lambda: contextlib.closing(open_file(path))
    return request.getfixturevalue("fresh_grants").open


@pytest.fixture
def store(opened: Open) -> Iterator[GrantStore]:
    """No grants yet."""
    with opened() as found:
        yield found


@pytest.fixture
def file(path: Path) -> Iterator[GrantStore]:
    """A file without grants."""
    with contextlib.closing(open_file(path)) as found:
        yield found


def begin(store: GrantStore, **other: Any) -> int:
    """Ask and approve."""
    number = store.request(draft(**other), "tina", AT)
    assert store.approve(number, "mona", 1, AT)
    return number


def history(store, number):
    """What has happened, and who did it."""
    return [(event.what, event.person) for event in store.history(number)]


def test_the_file_is_its_owners_alone(path, file):
    """It says who may see what, so nobody else reads it."""
    file.request(DRAFT, "tina", AT)
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


def test_what_several_proxies_use_is_added_up(opened):
    """The one that brings it to the limit ends it; a grant of which nothing is left is not ended twice."""
    with opened() as one, opened() as two:
        number = begin(one, row_limit=10)
        one.spend({number: (0, 6)}, AT)
        assert two.find(number).grant.state == "active"
        two.spend({number: (0, 5)}, AT)
        one.spend({number: (0, 1)}, AT)
        kept = one.find(number)
        assert (kept.grant.state, kept.rows_used) == ("used up", 12)
        assert history(two, number)[-2:] == [("begun", None), ("used up", None)]


def test_statements_are_claimed_one_by_one(opened):
    """Proxies that race for the last ones get as many as there are."""
    with opened() as store:
        number = begin(store, statements=20)
    outcomes: list[str] = []

    def race(name: str) -> None:
        with opened() as mine:
            outcomes.extend(mine.claim([number], name, AT) for _ in range(12))

    threads = [threading.Thread(target=race, args=(name,)) for name in ("a", "b", "c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["counted"] * 20 + ["over"] * 16
    with opened() as store:
        kept = store.find(number)
        assert (kept.grant.state, kept.statements_used) == ("used up", 20)


def test_a_grant_of_rows_is_for_one_proxy_at_a_time(store):
    """Until it lets go, or has not been heard of for a while; what it showed is known by then."""
    number = begin(store, row_limit=10)
    assert store.claim([number], "a", AT) == "counted"
    assert store.claim([number], "a", AT) == "counted"
    assert store.claim([number], "b", AT) == "busy"
    assert store.find(number).statements_used == 2
    store.spend({number: (0, 4)}, AT)
    store.release([number], "a", AT)
    assert store.claim([number], "b", AT) == "counted"
    store.hold([number], "a", AT + HOLD)  # is nobody who could
    assert store.claim([number], "a", AT + HOLD / 2) == "busy"
    store.hold([number], "b", AT + HOLD / 2)
    assert store.claim([number], "a", AT + HOLD) == "busy"
    assert store.claim([number], "a", AT + 2 * HOLD) == "counted"
    store.spend({number: (0, 6)}, AT)
    assert store.claim([number], "a", AT) == "over"


def test_two_grants_are_claimed_together_or_not(store):
    """One that is over leaves the other as it was."""
    first, second = begin(store, statements=1), begin(store, statements=5)
    assert store.claim([first, second], "a", AT) == "counted"
    assert store.claim([first, second], "a", AT) == "over"
    assert store.claim([second], "a", LATER) == "over"
    assert [kept.statements_used for kept in store.all()] == [1, 1]


def test_they_are_for_one_protocol(opened):
    """What is approved for one database is not in force in another of another kind."""
    with opened() as store:
        store.serve("postgresql")
        store.serve("postgresql")
    with opened() as store, pytest.raises(GrantsUnavailable, match="are for postgresql, not mysql"):
        store.serve("mysql")


def test_another_connection_is_noticed(opened, store):
    """The version is another when others have changed a grant."""
    before = store.version
    assert store.version == before
    with opened() as other:
        other.request(DRAFT, "tina", AT)
    assert store.version != before


def test_each_trail_gets_every_event_once(store):
    """Proxies that share grants have trails of their own."""
    number = store.request(DRAFT, "tina", AT)
    first = store.unaudited("a")
    assert [event.grant for event in first] == [number]
    store.audited("a", first[-1].id)
    assert store.unaudited("a") == []
    assert store.unaudited("b") == first


def test_all_or_those_in_force(store):
    """Each with who has agreed to it."""
    asked, begun = store.request(DRAFT, "tina", AT), begin(store)
    assert [(kept.grant.id, kept.grant.approvals) for kept in store.all()] == [(asked, ()), (begun, ("mona",))]
    assert [kept.grant.id for kept in store.all(active=True)] == [begun]


def test_events_are_only_added(path, file, fresh_grants):
    """Not even by hand is one changed or taken away."""
    file.request(DRAFT, "tina", AT)
    with fresh_grants.open() as store:
        store.request(DRAFT, "tina", AT)
    for text in ("UPDATE events SET person = 'theo'", "DELETE FROM events"):
        with (
            contextlib.closing(sqlite3.connect(path)) as connection,
            pytest.raises(sqlite3.IntegrityError, match="only"),
        ):
            connection.execute(text)
        with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="only added"):
            fresh_grants.run(text)
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="only added"):
        fresh_grants.run("TRUNCATE events")


def test_a_file_of_a_later_version_or_of_something_else(path, tmp_path):
    """It is not touched."""
    open_file(path).close()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(GrantsUnavailable, match="version 99"):
        open_file(path)
    other = tmp_path / "other"
    other.write_text("no database at all, but long enough to be looked at\n" * 20)
    with pytest.raises(GrantsUnavailable):
        open_file(other)
    with pytest.raises(GrantsUnavailable):
        open_file(tmp_path / "nowhere" / "grants.db")


def test_a_schema_of_a_later_version(fresh_grants: KeptGrants):
    """It is not touched."""
    fresh_grants.open().thing.close()
    fresh_grants.run("INSERT INTO versions VALUES (99)")
    with pytest.raises(GrantsUnavailable, match="version 99"):
        fresh_grants.open()


def test_a_file_of_the_first_version_goes_on(path, file):
    """What was kept by an earlier Louver is brought up to date, with what it holds."""
    number = file.request(draft(statements=2), "tina", AT)
    file.close()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        for text in ("ALTER TABLE grants DROP COLUMN holder", "ALTER TABLE grants DROP COLUMN held_until"):
            connection.execute(text)
        connection.executescript("DROP TABLE served; PRAGMA user_version = 1")
    with contextlib.closing(open_file(path)) as store:
        assert store.approve(number, "mona", 1, AT)
        assert store.claim([number], "a", AT) == "counted"


def test_several_make_the_schema_at_once(fresh_grants: KeptGrants):
    """Proxies that start together wait for each other."""
    faults: list[BaseException] = []

    def start() -> None:
        try:
            fresh_grants.open().thing.close()
        except GrantsUnavailable as error:
            faults.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert fresh_grants.run("SELECT count(*) FROM versions") == [(len(in_postgres._MIGRATIONS),)]


@pytest.mark.parametrize(
    "text",
    [
        "GRANT INSERT ON grants TO PUBLIC",
        "GRANT UPDATE ON revision TO stranger",
        "GRANT CREATE ON SCHEMA {schema} TO stranger",
        "ALTER TABLE grants OWNER TO stranger",
        "ALTER SCHEMA {schema} OWNER TO stranger",
        "CREATE VIEW v AS SELECT 1; ALTER VIEW v OWNER TO stranger",
    ],
)
def test_a_schema_that_others_can_write(fresh_grants: KeptGrants, text: str):
    """Whoever can write grants can show themselves everything, so such a schema is not used."""
    fresh_grants.open().thing.close()
    fresh_grants.run("DO $$ BEGIN CREATE ROLE stranger; EXCEPTION WHEN duplicate_object THEN END $$")
    fresh_grants.run(text.format(schema=fresh_grants.schema))
    with pytest.raises(GrantsUnavailable, match="written by others"):
        fresh_grants.open()


def test_a_grant_that_cannot_be_read(opened, request):
    """One that somebody has spoilt makes all unusable, for what was revoked among them cannot be told either."""
    with opened() as store:
        store.request(DRAFT, "tina", AT)
        spoil = "UPDATE grants SET rows = 'id = 1) OR (true'"
        if "file" in request.node.name:
            with contextlib.closing(sqlite3.connect(request.getfixturevalue("path"))) as connection:
                connection.execute(spoil)
                connection.commit()
        else:
            request.getfixturevalue("fresh_grants").run(spoil)
        with pytest.raises(GrantsUnavailable, match="grant 1"):
            store.all()


def test_a_server_that_goes(fresh_grants: KeptGrants):
    """It is said in our words, and a transaction that was under way leaves nothing."""
    with fresh_grants.open() as store:
        number = begin(store)
        fresh_grants.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'louver grants'"
        )
        with pytest.raises(GrantsUnavailable, match="grants in schema"):
            store.revoke(number, "mona", None, AT)
    with fresh_grants.open() as store:
        assert store.find(number).grant.state == "active"
