"""Policies that change while sessions are open."""

from __future__ import annotations

import contextlib
import os
import re
import signal
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CLEAR_ALL = """
version: 1
dictionary:
  - {column: adversity.public.people.phone, category: phone, level: 3}
rules:
  - {name: all is clear, columns: {category: phone}, treatment: clear}
"""
DENY = CLEAR_ALL.replace("treatment: clear", "treatment: deny").replace("all is clear", "nobody")
QUERY = "select phone from people where id = %s"
PHONE = "13800000001"


@pytest.fixture
def louver(louver_factory: Callable[..., Any]) -> Iterator[Any]:
    """A proxy whose rules begin with everything clear."""
    with louver_factory(users={"ann": {"role": "clerk"}}, policies=CLEAR_ALL) as running:
        yield running


@contextlib.contextmanager
def session(louver: Any, **options: Any) -> Iterator[psycopg.Connection[Any]]:
    """A session of ann's."""
    with psycopg.connect(louver.dsn("ann", database="adversity"), autocommit=True, **options) as connection:
        yield connection


def change(louver: Any, policies: str) -> None:
    """Put other rules in force."""
    louver.policies.write_text(policies)
    louver.hang_up()


def phone(client: psycopg.Connection[Any], *, prepare: bool) -> str:
    """The first phone as the session sees it."""
    return client.execute(QUERY, [1], prepare=prepare).fetchone()[0]


def test_a_changed_file_is_read_by_itself(louver: Any, stage: Any) -> None:
    """Nobody has to say so; a broken file is told once, with its place, and leaves the rules as they are."""
    with session(louver) as client:
        assert phone(client, prepare=True) == PHONE
        louver.policies.write_text(CLEAR_ALL + "nonsense: 1\n")
        louver.wait_for_log(lambda text: "policies not reloaded" in text)
        assert phone(client, prepare=True) == PHONE
        louver.policies.write_text(stage.policies)
        louver.wait_for_log(lambda text: "policies reloaded" in text)
        assert phone(client, prepare=True) != PHONE
    assert louver.log.count("policies not reloaded") == 1
    louver.wait_for_said(f"{louver.policies}:7:1")


@pytest.mark.parametrize("prepare", [False, True])
def test_new_rules_hold_from_the_next_statement_on(louver: Any, stage: Any, prepare: bool) -> None:
    """Open sessions see the new rules at once, statements that they have prepared before included; and back again."""
    with session(louver) as client:
        for _ in range(2):
            assert phone(client, prepare=prepare) == PHONE
        change(louver, stage.policies)
        for _ in range(2):
            assert set(phone(client, prepare=prepare)) == {"*"}
        change(louver, DENY)
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="nobody"):
            phone(client, prepare=prepare)
        change(louver, CLEAR_ALL)
        assert phone(client, prepare=prepare) == PHONE


def test_the_proxy_says_how_often_plans_are_found(louver: Any, stage: Any) -> None:
    """On SIGUSR1 it logs its sessions, and how many statements had their plan at hand, by text or by shape."""
    with session(louver) as client:
        for number in range(20):
            client.execute(f"select name from people where id = {number}", prepare=False)
            client.execute("select count(*) from people", prepare=False)
        os.kill(louver.pid, signal.SIGUSR1)
        louver.wait_for_log(lambda text: "plans: " in text)
    said = re.search(
        r"(\d+) sessions; plans: (\d+) statements, [\d.]+ % found: (\d+) by text, (\d+) by shape", louver.log
    )
    assert said is not None
    sessions, asked, by_text, by_shape = map(int, said.groups())
    assert sessions >= 1
    assert by_text >= 19
    assert by_shape >= 19
    assert asked >= by_text + by_shape + 2


def test_new_rules_hold_within_a_transaction(louver: Any, stage: Any) -> None:
    """A transaction that is open when the rules change sees the new ones, and so does one that has failed."""
    with session(louver) as client:
        client.execute("begin")
        assert phone(client, prepare=True) == PHONE
        change(louver, stage.policies)
        assert set(phone(client, prepare=True)) == {"*"}
        with pytest.raises(psycopg.errors.UndefinedColumn):
            client.execute("select none from people")
        change(louver, CLEAR_ALL)
        change(louver, stage.policies)
        with pytest.raises(psycopg.errors.InFailedSqlTransaction):
            phone(client, prepare=True)
        client.execute("rollback")
        assert set(phone(client, prepare=True)) == {"*"}


def test_a_transaction_that_has_failed_ends_in_order_under_stricter_rules(louver: Any, stage: Any) -> None:
    """Of one from whom nothing was hidden, too: what ends it needs no name."""
    change(louver, CLEAR_ALL)
    with session(louver) as client:
        client.execute("begin")
        with pytest.raises(psycopg.errors.UndefinedColumn):
            client.execute("select none from people")
        change(louver, stage.policies)
        with pytest.raises(psycopg.errors.InFailedSqlTransaction):
            phone(client, prepare=False)
        client.execute("rollback")
        assert set(phone(client, prepare=False)) == {"*"}


@pytest.mark.parametrize("how", ["server cursor", "cursor", "prepared by SQL", "bound by name"])
def test_what_was_opened_under_old_rules_shows_nothing_under_new_ones(louver: Any, stage: Any, how: str) -> None:
    """A cursor and a statement made by SQL PREPARE give no clear value once the rules are stricter."""
    with session(louver) as client:
        client.execute("begin")
        pgconn = client.pgconn
        if how == "server cursor":
            named = psycopg.ServerCursor(client, "c")
            named.execute("select phone from people order by id")
            assert named.fetchone() == (PHONE,)
        elif how == "cursor":
            client.execute("declare c cursor for select phone from people order by id")
            assert client.execute("fetch c").fetchone() == (PHONE,)
        else:
            client.execute("prepare p as select phone from people order by id")
            assert client.execute("execute p").fetchone() == (PHONE,)
        change(louver, stage.policies)
        try:
            if how == "server cursor":
                rows = named.fetchmany(2)
            elif how == "cursor":
                rows = client.execute("fetch c").fetchall()
            elif how == "prepared by SQL":
                rows = client.execute("execute p").fetchall()
            else:
                result = pgconn.exec_prepared(b"p", [])
                rows = [(result.get_value(row, 0).decode(),) for row in range(result.ntuples)]
        except psycopg.errors.FeatureNotSupported:
            rows = []
        finally:
            client.rollback()
            if how == "server cursor":
                named.close()
        assert all(set(row[0]) == {"*"} for row in rows), rows


def test_a_policy_file_with_a_mistake_keeps_the_old_rules(louver: Any, stage: Any) -> None:
    """The log says what is wrong and where; sessions go on under the rules that were in force."""
    with session(louver) as client:
        change(louver, stage.policies)
        assert set(phone(client, prepare=True)) == {"*"}
        change(louver, "version: 1\nrulez: []\n")
        louver.wait_for_said("policies not reloaded")
        louver.wait_for_said("policies.yaml:2:1")
        assert set(phone(client, prepare=True)) == {"*"}
    with session(louver) as client:
        assert set(phone(client, prepare=False)) == {"*"}


def test_new_rules_wait_for_a_catalog_that_cannot_be_read(louver: Any, stage: Any) -> None:
    """While the catalog cannot be read nothing passes under the old rules, prepared statements in a pipeline included."""
    with session(louver) as client:
        assert phone(client, prepare=True) == PHONE
        stage.postgres.run_sql("alter database adversity with allow_connections false")
        try:
            change(louver, stage.policies)
            results: list[Any] = []
            with contextlib.suppress(psycopg.Error), client.pipeline():
                first = client.execute("select 7")
                cursors = [client.execute(QUERY, [1], prepare=True) for _ in range(3)]
                for cursor in (first, *cursors):
                    with contextlib.suppress(psycopg.Error):
                        results += cursor.fetchall()
            assert (PHONE,) not in results
            with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
                phone(client, prepare=True)
        finally:
            stage.postgres.run_sql("alter database adversity with allow_connections true")
        assert set(phone(client, prepare=True)) == {"*"}
