"""Grants in a PostgreSQL that several proxies share: in force at each within a second, counted by all, and gone without it."""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
import time
from typing import TYPE_CHECKING, Any

import psycopg
import pymysql
import pytest
from fixtures.granting import end_all
from fixtures.mysql_house import SCHEMA, mysql_house_of
from fixtures.waiting import granted, recorded
from fixtures.waiting import until as wait_until

from proxy.grants.records import Draft

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fixtures.granting import KeptGrants

    from louver.demo.mysql import LocalMySQL
    from proxy.grants.store import GrantStore

POLICIES = """
version: 1
dictionary:
  - {column: "*.*.people.phone", category: phone, level: 3}
rules:
  - {name: phones, columns: {category: phone}, treatment: {mask: partial, keep_first: 3, keep_last: 4}}
"""
USERS = {"tina": {"role": "teller"}}
PHONES = "SELECT phone FROM people ORDER BY id"
MASKED = ["138****5601", "138****9902"]
CLEAR = ["13812345601", "13899999902"]


@pytest.fixture(scope="module")
def proxies(louver_factory: Callable[..., Any], postgres: Any, kept_grants: KeptGrants) -> Iterator[list[Any]]:
    """Two proxies before one database, which share their grants."""
    postgres.create_database("sharing")
    postgres.run_sql(
        "CREATE TABLE people (id int PRIMARY KEY, phone text);"
        "INSERT INTO people VALUES (1, '13812345601'), (2, '13899999902'); GRANT ALL ON people TO public",
        "sharing",
    )
    how = {"policies": POLICIES, "users": USERS, "notices": False, "grants": kept_grants.section}
    with louver_factory(**how) as one, louver_factory(**how) as two:
        yield [one, two]


@pytest.fixture
def store(proxies: list[Any], kept_grants: KeptGrants) -> Iterator[GrantStore]:
    """The grants; all that are active are revoked afterwards."""
    with kept_grants.open() as opened:
        yield opened
        end_all(opened, *proxies)


@pytest.fixture
def tinas(proxies: list[Any]) -> Iterator[list[psycopg.Connection[Any]]]:
    """Tina's session at each proxy."""
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(psycopg.connect(each.dsn("tina", database="sharing"), autocommit=True))
            for each in proxies
        ]


def now() -> dt.datetime:
    """The moment."""
    return dt.datetime.now(dt.UTC)


def give(store: GrantStore, schema: str = "public", **other: Any) -> int:
    """Ask and approve."""
    columns = {"category": ["phone"], "table": [f"{schema}.people"]}
    number = store.request(Draft("tina", columns, frozenset({("phone", 3)}), "case 1", 5, **other), "tina", now())
    assert store.approve(number, "mona", 1, now())
    return number


def seen(connection: Any, text: str = PHONES) -> list[Any]:
    """The first column of an answer."""
    with connection.cursor() as cursor:
        cursor.execute(text)
        return [row[0] for row in cursor.fetchall()]


def until(connection: Any, expected: list[Any]) -> float:
    """Wait until the phones are so; gives how long it took."""
    start = time.monotonic()
    wait_until(lambda: seen(connection) == expected, lambda: seen(connection))
    return time.monotonic() - start


def test_a_grant_is_in_force_in_running_sessions_of_every_proxy(store: GrantStore, tinas: list[Any]) -> None:
    """Within a second, and so is its revocation; most are told at once."""
    took: list[float] = []
    while len(took) < 12 or sorted(took)[len(took) // 2] >= 0.4:
        assert len(took) < 60, took
        assert [seen(tina) for tina in tinas] == [MASKED, MASKED]
        number = give(store)
        took += [until(tina, CLEAR) for tina in tinas]
        store.revoke(number, "mona", None, now())
        took += [until(tina, MASKED) for tina in tinas]


def test_proxies_that_race_show_no_more_statements_than_granted(
    proxies: list[Any], store: GrantStore, tinas: list[Any]
) -> None:
    """What one has used the other cannot use."""
    number = give(store, statements=15)
    for tina in tinas:
        until(tina, CLEAR)
    have = store.find(number).statements_used
    shown: list[list[Any]] = []

    def race(dsn: str) -> None:
        with psycopg.connect(dsn, autocommit=True) as connection:
            for _ in range(12):
                with contextlib.suppress(
                    psycopg.errors.ConfigurationLimitExceeded,
                    psycopg.errors.InsufficientPrivilege,
                    psycopg.errors.FeatureNotSupported,  # what it may see has changed since it was prepared
                ):
                    shown.append(seen(connection))

    threads = [threading.Thread(target=race, args=(each.dsn("tina", database="sharing"),)) for each in proxies * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(rows == CLEAR for rows in shown) == 15 - have
    assert all(rows in (CLEAR, MASKED) for rows in shown)
    kept = store.find(number)
    assert (kept.grant.state, kept.statements_used) == ("used up", 15)


def test_a_grant_of_rows_is_used_at_one_proxy_at_a_time(
    proxies: list[Any], kept_grants: KeptGrants, store: GrantStore, tinas: list[Any]
) -> None:
    """The other waits until it is known what was shown, and is refused when that takes too long."""
    number = give(store, row_limit=6)
    one, two = tinas
    until(one, CLEAR)
    until(two, CLEAR)
    free = f"SELECT count(*) FROM grants WHERE id = {number} AND held_until::timestamptz > now()"
    wait_until(lambda: kept_grants.run(free) == [(0,)], "the other has told what it has shown, and lets go of it")
    slow = threading.Thread(target=seen, args=(one, "SELECT phone, pg_advisory_lock_shared(1) FROM people"))
    with psycopg.connect(kept_grants.postgres.dsn("sharing")) as holder:
        holder.execute("SELECT pg_advisory_xact_lock(1)")
        slow.start()
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        wait_until(lambda: holder.execute(waiting).fetchone() == (1,), "it answers")
        with pytest.raises(psycopg.errors.ConfigurationLimitExceeded, match="another proxy answers"):
            seen(two)
    slow.join()
    granted(proxies[1], number, "used up")
    assert seen(two) == MASKED  # all six have been shown


def test_every_trail_has_every_event(proxies: list[Any], store: GrantStore, tinas: list[Any]) -> None:
    """Whichever proxy a grant was used at."""
    number = give(store)
    until(tinas[0], CLEAR)
    store.revoke(number, "mona", "done", now())
    for each in proxies:
        granted(each, number, "revoked")
        events = [record["what"] for record in recorded(each, "grant", lambda record: record["grant"] == number)]
        assert events == ["requested", "approved", "begun", "revoked"]


def test_a_lost_connection_is_made_again(kept_grants: KeptGrants, store: GrantStore, tinas: list[Any]) -> None:
    """What was in force stays so meanwhile, and what changes then is known soon after."""
    number = give(store)
    until(tinas[0], CLEAR)
    kept_grants.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'louver grants'"
        f" AND pid <> {store._tables.rows('SELECT pg_backend_pid() AS pid')[0]['pid']}"
    )
    for _ in range(30):
        assert seen(tinas[0]) == CLEAR
        time.sleep(0.02)
    store.revoke(number, "mona", None, now())
    for tina in tinas:
        until(tina, MASKED)


def test_without_the_database_no_grant_holds_for_long(
    proxies: list[Any], kept_grants: KeptGrants, tinas: list[Any]
) -> None:
    """Five seconds after it was read last nobody knows whether it was revoked; when it can be read again it is in force again."""
    with kept_grants.open() as store:
        give(store, rows="id = 2")
        limited = give(store, rows="id = 1", statements=100)
    until(tinas[0], CLEAR)
    start = time.monotonic()
    kept_grants.postgres.run_sql("ALTER DATABASE kept ALLOW_CONNECTIONS false")
    try:
        kept_grants.postgres.run_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'louver grants'"
        )

        def told() -> str | list[Any]:
            try:
                return seen(tinas[0])
            except (psycopg.errors.ConfigurationLimitExceeded, psycopg.errors.FeatureNotSupported) as error:
                return str(error)

        wait_until(lambda: f"{limited} has a limit" in told(), "a limit cannot be counted")
        wait_until(lambda: told() == MASKED, "nothing holds")
        assert time.monotonic() - start > 3.0
        proxies[0].wait_for_log(lambda text: "no grant holds" in text)
    finally:
        kept_grants.postgres.run_sql("ALTER DATABASE kept ALLOW_CONNECTIONS true")
    until(tinas[0], CLEAR)
    with kept_grants.open() as again:
        for kept in again.all(active=True):
            again.revoke(kept.grant.id, "mona", None, now())


def test_proxies_of_mysql_share_them_too(either: LocalMySQL, fresh_grants: KeptGrants) -> None:
    """In force in a running session of each, counted by both; grants of another protocol are not for them."""
    statements = (
        "CREATE TABLE people (id int PRIMARY KEY, phone varchar(20))",
        "INSERT INTO people VALUES (1, '13812345601'), (2, '13899999902')",
    )
    how = {"policies": POLICIES, "users": USERS, "notices": False, "grants": fresh_grants.section}
    with (
        mysql_house_of(either, statements=statements, **how) as one,
        mysql_house_of(either, statements=statements, **how) as two,
        fresh_grants.open() as store,
    ):
        with one.connect("tina") as first, two.connect("tina") as second:
            assert seen(first) == seen(second) == MASKED
            number = give(store, SCHEMA, statements=3)
            until(first, CLEAR)
            until(second, CLEAR)
            assert store.find(number).statements_used == 2
            assert seen(first) == CLEAR
            with pytest.raises(pymysql.Error):
                seen(second)
        assert store.find(number).grant.state == "used up"
