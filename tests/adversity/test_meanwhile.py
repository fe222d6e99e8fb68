"""Definitions that others change through Louver while a statement is under way: what the server reads is what was ruled.

A statement waits behind a lock, or has not been parsed yet, when a name that stands in it is given another meaning.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import asyncpg
import psycopg
import pytest
from fixtures.waiting import until

from proxy.postgres.introspection import read_catalog_on

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fixtures.louver import RunningLouver

    from louver.demo.postgres import LocalPostgres

POLICIES = """
version: 1
dictionary:
  - {column: "*.*.people.phone", category: phone, level: 3}
categories: {phone: full}
rules:
  - {name: boss sees all, columns: {category: "*"}, when: principal.name == "boss", treatment: clear}
"""
SCHEMA = """
DROP SCHEMA public CASCADE; CREATE SCHEMA public;
CREATE TABLE people (id int PRIMARY KEY, name text, phone text);
INSERT INTO people VALUES (1, 'Ann', '13800000001'), (2, 'Bo', '13800000002');
CREATE TABLE notes (id int PRIMARY KEY, memo text);
INSERT INTO notes VALUES (1, 'first'), (2, 'second');
CREATE TABLE gate (id int);
CREATE VIEW memos AS SELECT id, memo AS line FROM notes;
CREATE VIEW lines AS SELECT id, line FROM memos;
CREATE VIEW "a-b" AS SELECT id, memo AS line FROM notes;
CREATE VIEW c$d AS SELECT id, line FROM "a-b";
CREATE FUNCTION memo_of(int) RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT memo FROM notes WHERE id = $1); END';
"""
SECONDS = float(os.environ.get("LOUVER_RACE_SECONDS", "2.5"))
"""How long the tests that only run for a while do so; set it to run them for longer."""
CLEAR = ("13800000001", "13800000002")
SHOW = "CREATE OR REPLACE VIEW memos AS SELECT id, phone AS line FROM people"
SHOW_ODD = SHOW.replace("memos", '"a-b"')
UNDO = "CREATE OR REPLACE VIEW memos AS SELECT id, memo AS line FROM notes"
SWAP = (
    "ALTER TABLE people RENAME phone TO x",
    "ALTER TABLE people RENAME name TO phone",
    "ALTER TABLE people RENAME x TO name",
)


@pytest.fixture(scope="module")
def running(louver_factory: Callable[..., RunningLouver], postgres: LocalPostgres) -> Iterator[RunningLouver]:
    """A Louver by which clerk sees no phone, and boss sees all."""
    postgres.create_database("meanwhile")
    with louver_factory(users={"clerk": {"role": "clerk"}, "boss": {}}, policies=POLICIES) as louver:
        yield louver


class Visitors:
    """Opens sessions by Louver, and ends them together: what one of them has locked stands in the way of all."""

    def __init__(self, running: RunningLouver) -> None:
        self._running = running
        self._opened: list[psycopg.Connection[Any]] = []

    def __call__(self, who: str = "clerk", **options: Any) -> psycopg.Connection[Any]:
        """A session of somebody's."""
        dsn = self._running.dsn(who, database="meanwhile")
        self._opened.append(psycopg.connect(dsn, prepare_threshold=None, **{"autocommit": True, **options}))
        return self._opened[-1]

    def leave(self) -> None:
        """End them all."""
        while self._opened:
            self._opened.pop().close()


@pytest.fixture
def come(running: RunningLouver) -> Iterator[Visitors]:
    """Give what opens a session of somebody's, by Louver, on tables that are as new."""
    visitors = Visitors(running)
    visitors("boss").execute(SCHEMA)  # by Louver, which would not know of it at once
    yield visitors
    visitors.leave()


@pytest.fixture
def house(postgres: LocalPostgres) -> Iterator[psycopg.Connection[Any]]:
    """A session straight on the server, that sees who waits."""
    with psycopg.connect(postgres.dsn("meanwhile"), autocommit=True) as connection:
        yield connection


def waiting(house: psycopg.Connection[Any], like: str) -> bool:
    """Whether a statement whose text is so waits for a lock."""
    sql = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE %s"
    return bool(house.execute(sql, [like]).fetchone()[0])


def locks(house: psycopg.Connection[Any]) -> bool:
    """Whether a session has locked anything against being looked at."""
    return bool(house.execute("SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock'").fetchone()[0])


def sent(
    house: psycopg.Connection[Any], asking: psycopg.Connection[Any], ask: str, pool: ThreadPoolExecutor
) -> Future[Any]:
    """Have a statement asked that waits for a lock on the server.

    Louver looks every two seconds for what was changed around it, as by the tests themselves; what it cannot read then, because it is
    locked, is refused, and the test tried again.
    """
    found = pool.submit(answer, asking, ask)
    until(lambda: found.done() or waiting(house, "%|| '' FROM%") or waiting(house, "EXECUTE s"), ask)
    if found.done():
        assert isinstance(found.result(), psycopg.errors.InsufficientPrivilege), found.result()
        raise Locked
    return found


class Locked(Exception):  # noqa: N818  a state of the test
    """The catalog was read while the test held a lock."""


def again(come: Visitors, attempt: Callable[[], None]) -> None:
    """Do what a test does until nothing has come between, each time by new sessions."""
    between: list[str] = []

    def done() -> bool:
        try:
            attempt()
        except (Locked, psycopg.errors.InsufficientPrivilege, psycopg.errors.SerializationFailure) as error:
            between.append(repr(error))  # the last also by what an attempt before has taken back
            come.leave()
            return False
        return True

    until(done, lambda: f"an attempt that nothing comes between, but {between}")


def answer(session: psycopg.Connection[Any], sql: str) -> Any:
    """The rows of a statement, or why there are none."""
    try:
        return session.execute(sql).fetchall()
    except psycopg.Error as error:
        return error


def is_cut_off(answered: Any) -> bool:
    """Whether the session was ended because others have changed what its statement reads."""
    return isinstance(answered, psycopg.errors.SerializationFailure) and "changed by another session" in str(answered)


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
    come: Visitors, house: Any, who: str, definitions: tuple[str, ...], ask: str, prepare: bool
) -> None:
    """It was ruled by what was there before; one caller with two sessions can do that alone."""

    def attempt() -> None:
        changing, asking = come(who, autocommit=False), come()
        asking.execute(ask, prepare=prepare)
        for definition in definitions:
            changing.execute(definition)
        with changing, ThreadPoolExecutor(1) as pool:
            found = sent(house, asking, ask, pool)
            changing.commit()
            answered = found.result(30)
        assert is_cut_off(answered), answered

    again(come, attempt)
    assert not any(value in str(answer(come(), ask)) for value in CLEAR)


def test_several_changes_of_one_transaction_are_one(come: Visitors, house: Any) -> None:
    """A migration alters a table more than once, and who has waited for it gets his answer if that is what it was."""
    ask = "SELECT phone, name || '' FROM people"

    def attempt() -> None:
        changing, asking = come("boss", autocommit=False), come()
        asking.execute(ask)
        for column in ("age", "size", "weight"):
            changing.execute(f"ALTER TABLE people ADD COLUMN IF NOT EXISTS {column} int")
        with changing, ThreadPoolExecutor(1) as pool:
            found = sent(house, asking, ask, pool)
            changing.commit()
            answered = found.result(30)
        assert answered == [("****", "Ann"), ("****", "Bo")], answered

    again(come, attempt)


def test_what_is_undone_before_anybody_looks_is_not_taken_for_unchanged(come: Visitors, house: Any) -> None:
    """Three sessions in a row for one lock: a definition, a statement that reads it, and the definition as it was before."""
    ask = "SELECT line || '' FROM memos"

    def attempt() -> None:
        showing, asking, undoing = come(autocommit=False), come(), come()
        asking.execute(ask)
        showing.execute(SHOW)
        with showing, ThreadPoolExecutor(2) as pool:
            found = sent(house, asking, ask, pool)
            undone = pool.submit(answer, undoing, UNDO)
            until(lambda: waiting(house, "%OR REPLACE%"))
            showing.commit()
            answered = found.result(30)
            undone.result(30)
        assert is_cut_off(answered), answered

    again(come, attempt)


def test_what_one_text_shows_and_takes_back_is_met_twice(come: Visitors, house: Any) -> None:
    """It commits in its midst: who has waited reads what it shows, and what is there by the time that anybody looks is as it was."""
    ask = "SELECT line || '' FROM memos"
    between = f"{SHOW}; SELECT pg_sleep(0.3); COMMIT; {UNDO}; COMMIT"

    def attempt() -> None:
        changing, asking = come("boss"), come()
        asking.execute(ask)
        with ThreadPoolExecutor(2) as pool:
            undone = pool.submit(answer, changing, between)
            until(lambda: locks(house) or undone.done())
            assert not undone.done(), undone.result()
            found = sent(house, asking, ask, pool)
            answered = found.result(30)
            undone.result(30)
        assert not any(value in str(answered) for value in CLEAR), answered
        assert is_cut_off(answered), answered

    again(come, attempt)


def test_a_lock_on_another_table_holds_a_statement_while_a_view_is_replaced(come: Visitors, house: Any) -> None:
    """The definition has ended long before the statement is read."""
    holding, changing, asking = come("boss", autocommit=False), come(), come()
    ask = "SELECT line || '' FROM gate RIGHT JOIN memos ON true"
    asking.execute(ask)
    holding.execute("LOCK TABLE gate IN ACCESS EXCLUSIVE MODE")
    with holding, ThreadPoolExecutor(1) as pool:
        found = sent(house, asking, ask, pool)
        changing.execute(SHOW)
        changing.execute("SELECT 1")
        holding.rollback()
        answered = found.result(30)
    assert is_cut_off(answered), answered


def test_a_function_that_runs_late_reads_no_name_that_was_given_away(come: Visitors, house: Any) -> None:
    """What it reads is looked up as it runs, behind rows that the client has already."""
    changing, asking = come(), come()
    assert asking.execute("SELECT memo_of(1)").fetchall() == [("first",)]
    ask = "SELECT repeat('x', 9000) UNION ALL SELECT memo_of(1) FROM pg_sleep(1.5)"
    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(answer, asking, ask)
        sleeping = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
        until(lambda: house.execute(sleeping).fetchone()[0], "it sleeps")
        changing.execute("ALTER TABLE notes RENAME TO old")
        changing.execute("CREATE VIEW notes AS SELECT id, phone AS memo FROM people")
        answered = found.result(30)
    assert isinstance(answered, psycopg.OperationalError), answered  # in the midst of a row


def test_a_statement_prepared_by_sql_is_read_anew_behind_a_lock(come: Visitors, house: Any) -> None:
    """The server does so by itself, and nobody else sees its text."""

    def attempt() -> None:
        changing, asking = come(autocommit=False), come()
        asking.execute("PREPARE s AS SELECT line || '' FROM memos")
        assert asking.execute("EXECUTE s").fetchall() == [("first",), ("second",)]
        changing.execute(SHOW)
        with changing, ThreadPoolExecutor(1) as pool:
            found = sent(house, asking, "EXECUTE s", pool)
            changing.commit()
            answered = found.result(30)
        assert is_cut_off(answered), answered

    again(come, attempt)


def test_a_definition_in_the_midst_of_a_text_counts_at_once(come: Visitors) -> None:
    """It is committed long before its text has come to its end."""
    changing, asking = come("boss"), come()
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


def test_a_definition_counts_when_it_is_committed_not_when_it_is_answered(come: Visitors, house: Any) -> None:
    """In a pipeline it is answered long before its Sync commits it; the catalog that was read in between knows nothing of it."""
    changing, asking = come("boss"), come()
    with changing.pipeline() as pipeline:
        for definition in SWAP:
            changing.execute(definition)
        changing.pgconn.send_flush_request()
        changing.pgconn.flush()
        until(lambda: locks(house))
        time.sleep(0.2)  # for the answers to come to Louver
        assert asking.execute("SELECT count(*) FROM notes").fetchall() == [(2,)]
        pipeline.sync()
    answered = answer(asking, "SELECT name || '' FROM people")
    assert not any(value in str(answered) for value in CLEAR), answered


@pytest.mark.parametrize("hold", [False, True])
def test_who_leaves_at_once_has_changed_it_all_the_same(come: Visitors, house: Any, hold: bool) -> None:
    """The server carries out what it was sent, and nobody is told of its end."""
    asking = come()
    ask = "SELECT line || '' FROM memos"
    asking.execute(ask)
    for _ in range(5):
        leaving = come()
        with house.transaction():
            if hold:
                house.execute("LOCK TABLE memos IN ROW EXCLUSIVE MODE")
            leaving.pgconn.send_query(SHOW.encode())
            leaving.pgconn.flush()
            time.sleep(0.02)
            leaving.pgconn.finish()
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            answered = answer(asking, ask)
            assert not any(value in str(answered) for value in CLEAR), answered
            if asking.closed:
                asking = come()
        house.execute(UNDO)
        time.sleep(0.05)


def test_a_transaction_that_has_failed_disturbs_nobody(come: Visitors) -> None:
    """Its locks are gone, and nothing of it will ever be seen; who has left it open may be at lunch."""
    for column in ("age", "size"):
        failed = come("boss", autocommit=False)
        failed.execute(f"ALTER TABLE people ADD {column} int")
        with pytest.raises(psycopg.errors.DivisionByZero):
            failed.execute("SELECT 1 / 0")
    asking = come()
    for _ in range(3):
        assert asking.execute("SELECT name || '', phone FROM people").fetchall() == [("Ann", "****"), ("Bo", "****")]


def test_what_a_savepoint_keeps_of_a_transaction_that_has_failed_counts(come: Visitors, house: Any) -> None:
    """It goes on from there, and is committed."""
    ask = "SELECT line || '' FROM memos"

    def attempt() -> None:
        changing, asking = come(autocommit=False), come()
        asking.execute(ask)
        changing.execute(SHOW)
        changing.execute("SAVEPOINT shown")
        with pytest.raises(psycopg.errors.DivisionByZero):
            changing.execute("SELECT 1 / 0")
        with ThreadPoolExecutor(1) as pool:
            found = sent(house, asking, ask, pool)
            changing.execute("ROLLBACK TO SAVEPOINT shown")
            changing.commit()
            answered = found.result(30)
        assert is_cut_off(answered), answered

    again(come, attempt)


def test_a_transaction_that_follows_a_failed_one_without_a_sync_counts(come: Visitors, house: Any) -> None:
    """The last that the server has told of the session is that its transaction has failed."""
    ask = "SELECT line || '' FROM memos"

    def attempt() -> None:
        changing, asking = come(), come()
        asking.execute(ask)
        changing.execute("BEGIN")
        with pytest.raises(psycopg.errors.DivisionByZero):
            changing.execute("SELECT 1 / 0")
        with changing.pipeline() as pipeline, ThreadPoolExecutor(1) as pool:
            for sql in ("ROLLBACK", "BEGIN", SHOW):
                changing.execute(sql)
            changing.pgconn.send_flush_request()
            changing.pgconn.flush()
            until(lambda: locks(house))
            time.sleep(0.2)  # for the answers to come to Louver
            found = sent(house, asking, ask, pool)
            changing.execute("COMMIT")
            pipeline.sync()
            answered = found.result(30)
        assert is_cut_off(answered), answered

    again(come, attempt)


def test_others_are_not_disturbed(come: Visitors, house: Any) -> None:
    """Who reads something else goes on, and who has locked what he reads before it could be changed gets his answer."""
    changing, others = come("boss"), [come(), come(autocommit=False), come()]
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


def test_a_client_that_reads_later_is_shown_nothing_of_what_is_gone_again(come: Visitors, house: Any) -> None:
    """Its answer lies in a socket until the view that it has read is dropped, and the catalog knows of no such name any more."""
    holding, changing, asking, other = come("boss", autocommit=False), come(), come(), come()
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
    until(lambda: waiting(house, "%|| '' FROM%"))
    changing.execute(SHOW)
    holding.rollback()
    until(lambda: not waiting(house, "%|| '' FROM%"))
    changing.execute("DROP VIEW memos")
    assert isinstance(answer(other, "SELECT 1 FROM memos"), psycopg.errors.UndefinedTable)  # it is known by now
    found = b""
    low.nonblocking = 0
    for _ in range(6):
        result = low.get_result()
        if result is not None and result.ntuples:
            found += result.get_value(0, 0) or b""
    assert not any(value.encode() in found for value in CLEAR), found[-100:]
