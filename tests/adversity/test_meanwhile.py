"""Definitions that others change through Louver while a statement is under way: what the server reads is what was ruled.

A statement waits behind a lock, or has not been parsed yet, when a name that stands in it is given another meaning.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import asyncpg
import psycopg
import pytest
from fixtures.meanwhile import CLEAR, SHOW, SWAP, UNDO, Visitors, again, answer, is_cut_off, sent, waiting
from fixtures.waiting import until

from proxy.postgres.introspection import read_catalog_on

if TYPE_CHECKING:
    from louver.demo.postgres import LocalPostgres

SECONDS = float(os.environ.get("LOUVER_RACE_SECONDS", "2.5"))
"""How long the tests that only run for a while do so; set it to run them for longer."""
SHOW_ODD = SHOW.replace("memos", '"a-b"')


@pytest.mark.parametrize(
    ("who", "definitions", "ask"),
    [
        ("clerk", (SHOW,), "SELECT line || '' FROM memos"),
        ("clerk", (SHOW,), "SELECT line || '' FROM lines"),
        ("clerk", (SHOW,), "SELECT line || '' FROM U&\"memo\\0073\""),
        ("clerk", (SHOW_ODD,), "SELECT line || '' FROM \"a-b\""),
        ("clerk", (SHOW_ODD,), "SELECT line || '' FROM c$d"),
        ("clerk", ("DROP VIEW memos CASCADE", SHOW), "SELECT line || '' FROM memos"),
        ("boss", SWAP, "SELECT name || '' FROM people"),
        (
            "boss",
            (
                "ALTER TABLE notes RENAME TO old",
                "ALTER TABLE people RENAME TO notes",
                "ALTER TABLE notes RENAME phone TO memo",
            ),
            "SELECT memo || '' FROM notes",
        ),
    ],
)
@pytest.mark.parametrize("prepare", [False, True])
def test_a_statement_that_waits_for_a_definition_shows_nothing_of_it(  # noqa: PLR0917  what is tried
    visitors: Visitors, straight: Any, who: str, definitions: tuple[str, ...], ask: str, prepare: bool
) -> None:
    """It was ruled by what was there before; one caller with two sessions can do that alone."""

    def attempt() -> None:
        changing, asking = visitors(who, autocommit=False), visitors()
        asking.execute(ask, prepare=prepare)
        for definition in definitions:
            changing.execute(definition)
        with changing, ThreadPoolExecutor(1) as pool:
            found = sent(straight, asking, ask, pool)
            changing.commit()
            answered = found.result(30)
        assert is_cut_off(answered), answered

    again(visitors, attempt)
    assert not any(value in str(answer(visitors(), ask)) for value in CLEAR)


def test_what_is_undone_before_anybody_looks_is_not_taken_for_unchanged(visitors: Visitors, straight: Any) -> None:
    """Three sessions in a row for one lock: a definition, a statement that reads it, and the definition as it was before."""
    ask = "SELECT line || '' FROM memos"

    def attempt() -> None:
        showing, asking, undoing = visitors(autocommit=False), visitors(), visitors()
        asking.execute(ask)
        showing.execute(SHOW)
        with showing, ThreadPoolExecutor(2) as pool:
            found = sent(straight, asking, ask, pool)
            undone = pool.submit(answer, undoing, UNDO)
            until(lambda: waiting(straight, "%OR REPLACE%"))
            showing.commit()
            answered = found.result(30)
            undone.result(30)
        assert is_cut_off(answered), answered

    again(visitors, attempt)


def test_a_lock_on_another_table_holds_a_statement_while_a_view_is_replaced(visitors: Visitors, straight: Any) -> None:
    """The definition has ended long before the statement is read."""
    holding, changing, asking = visitors("boss", autocommit=False), visitors(), visitors()
    ask = "SELECT line || '' FROM gate RIGHT JOIN memos ON true"
    asking.execute(ask)
    holding.execute("LOCK TABLE gate IN ACCESS EXCLUSIVE MODE")
    with holding, ThreadPoolExecutor(1) as pool:
        found = sent(straight, asking, ask, pool)
        changing.execute(SHOW)
        changing.execute("SELECT 1")
        holding.rollback()
        answered = found.result(30)
    assert is_cut_off(answered), answered


def test_a_function_that_runs_late_reads_no_name_that_was_given_away(visitors: Visitors, straight: Any) -> None:
    """What it reads is looked up as it runs, behind rows that the client has already."""
    changing, asking = visitors(), visitors()
    assert asking.execute("SELECT memo_of(1)").fetchall() == [("first",)]
    ask = "SELECT repeat('x', 9000) UNION ALL SELECT memo_of(1) FROM pg_sleep(1.5)"
    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(answer, asking, ask)
        sleeping = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
        until(lambda: straight.execute(sleeping).fetchone()[0], "it sleeps")
        changing.execute("ALTER TABLE notes RENAME TO old")
        changing.execute("CREATE VIEW notes AS SELECT id, phone AS memo FROM people")
        answered = found.result(30)
    assert isinstance(answered, psycopg.OperationalError), answered  # in the midst of a row


def test_a_statement_prepared_by_sql_is_read_anew_behind_a_lock(visitors: Visitors, straight: Any) -> None:
    """The server does so by itself, and nobody else sees its text."""

    def attempt() -> None:
        changing, asking = visitors(autocommit=False), visitors()
        asking.execute("PREPARE s AS SELECT line || '' FROM memos")
        assert asking.execute("EXECUTE s").fetchall() == [("first",), ("second",)]
        changing.execute(SHOW)
        with changing, ThreadPoolExecutor(1) as pool:
            found = sent(straight, asking, "EXECUTE s", pool)
            changing.commit()
            answered = found.result(30)
        assert is_cut_off(answered), answered

    again(visitors, attempt)


def test_a_definition_in_the_midst_of_a_text_counts_at_once(visitors: Visitors) -> None:
    """It is committed long before its text has come to its end."""
    changing, asking = visitors("boss"), visitors()
    ask = "SELECT line || '' FROM memos"
    asking.execute(ask)

    def counts() -> bool:
        answered = answer(asking, ask)
        assert not any(value in str(answered) for value in CLEAR), answered
        return is_cut_off(answered) or "****" in str(answered)  # the catalog may have been read in between

    with ThreadPoolExecutor(1) as pool:
        changed = pool.submit(answer, changing, f"{SHOW}; COMMIT; SELECT pg_sleep(120)")
        try:
            until(counts, "the definition counts")
            assert not changed.done()
        finally:
            changing.cancel_safe()
        changed.result(30)


@pytest.mark.parametrize("hold", [False, True])
def test_who_leaves_at_once_has_changed_it_all_the_same(visitors: Visitors, straight: Any, hold: bool) -> None:
    """The server carries out what it was sent, and nobody is told of its end."""
    asking = visitors()
    ask = "SELECT line || '' FROM memos"
    asking.execute(ask)
    for _ in range(5):
        leaving = visitors()
        with straight.transaction():
            if hold:
                straight.execute("LOCK TABLE memos IN ROW EXCLUSIVE MODE")
            leaving.pgconn.send_query(SHOW.encode())
            leaving.pgconn.flush()
            time.sleep(0.02)
            leaving.pgconn.finish()
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            answered = answer(asking, ask)
            assert not any(value in str(answered) for value in CLEAR), answered
            if asking.closed:
                asking = visitors()
        straight.execute(UNDO)
        time.sleep(0.05)


def test_others_are_not_disturbed(visitors: Visitors, straight: Any) -> None:
    """Who reads something else goes on, and who has locked what he reads before it could be changed gets his answer."""
    changing, others = visitors("boss"), [visitors(), visitors(autocommit=False), visitors()]
    stop = threading.Event()

    def change() -> int:
        count = 0
        while not (count and stop.is_set()):
            changing.execute("CREATE TABLE made AS SELECT id, memo FROM notes")
            changing.execute("CREATE TEMP TABLE mine AS SELECT id FROM people")
            changing.execute("CREATE OR REPLACE VIEW far AS SELECT id FROM made")
            changing.execute("DROP TABLE mine")
            changing.execute("DROP VIEW far")
            changing.execute("DROP TABLE made")
            count += 1
        return count

    def read(session: psycopg.Connection[Any]) -> int:
        count = 0
        while not (count and stop.is_set()):
            assert session.execute("SELECT line || '' FROM memos").fetchall() == [("first",), ("second",)]
            assert session.execute("SELECT phone, name FROM people").fetchall() == [("****", "Ann"), ("****", "Bo")]
            count += 1
        return count

    with ThreadPoolExecutor(4) as pool:
        working = [pool.submit(change), *(pool.submit(read, other) for other in others)]
        time.sleep(SECONDS)
        stop.set()
        for each in working:
            each.result(60)


def test_a_catalog_is_read_while_definitions_come_and_go(postgres: LocalPostgres) -> None:
    """The server looks definitions up as they are now, in a snapshot of a moment ago: what is gone by then makes a reading begin anew."""
    postgres.create_database("coming_and_going")
    dsn = postgres.dsn("coming_and_going")
    stop = threading.Event()

    def define() -> None:
        with psycopg.connect(dsn, autocommit=True) as connection:
            while not stop.is_set():
                connection.execute(
                    "CREATE TABLE t (a int CHECK (abs(a) < 9), b text DEFAULT lower('X')); CREATE VIEW v AS SELECT a FROM t;"
                    "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT a FROM t; END; CREATE INDEX ON t (abs(a))"
                )
                connection.execute("DROP TABLE t CASCADE")

    async def read() -> int:
        connection = await asyncpg.connect(dsn)
        count, end = 0, time.monotonic() + SECONDS
        try:
            while not count or time.monotonic() < end:
                await read_catalog_on(connection, 1)
                count += 1
        finally:
            await connection.close()
        return count

    with ThreadPoolExecutor(2) as pool:
        defining = [pool.submit(define)]
        try:
            assert asyncio.run(read()) > 0
        finally:
            stop.set()
        for each in defining:
            each.result(30)


def test_a_client_that_reads_later_is_shown_nothing_of_what_is_gone_again(visitors: Visitors, straight: Any) -> None:
    """Its answer lies in a socket until the view that it has read is dropped, and the catalog knows of no such name any more."""
    holding, changing, asking, other = visitors("boss", autocommit=False), visitors(), visitors(), visitors()
    ask = "SELECT line || '' FROM gate RIGHT JOIN memos ON true"
    asking.execute(ask)
    holding.execute("LOCK TABLE gate IN ACCESS EXCLUSIVE MODE")
    changing.execute("DROP VIEW lines")
    low = asking.pgconn
    low.enter_pipeline_mode()
    low.nonblocking = 1
    for sql in ("SELECT repeat('x', 1000) FROM generate_series(1, 3000)", ask):
        low.send_query_params(sql.encode(), None)
        low.pipeline_sync()
    while low.flush():
        time.sleep(0.01)
    until(lambda: waiting(straight, "%|| '' FROM%"))
    changing.execute(SHOW)
    holding.rollback()
    until(lambda: not waiting(straight, "%|| '' FROM%"))
    changing.execute("DROP VIEW memos")
    assert isinstance(answer(other, "SELECT 1 FROM memos"), psycopg.errors.UndefinedTable)  # it is known by now
    found = b""
    low.nonblocking = 0
    for _ in range(6):
        result = low.get_result()
        if result is not None and result.ntuples:
            found += result.get_value(0, 0) or b""
    assert not any(value.encode() in found for value in CLEAR), found[-100:]
