"""Definitions that others change through Louver while a statement is under way, on MySQL and MariaDB: what is read is what was ruled."""

from __future__ import annotations

import contextlib
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import mysql.connector
import pymysql
import pytest
from fixtures.mysql_house import STATEMENTS, MySQLHouse, mysql_house_of
from fixtures.waiting import until
from pymysql.constants import CLIENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from louver.demo.mysql import LocalMySQL

RUNNING = "SELECT id FROM information_schema.processlist WHERE"
CLEAR = ("13812345678", "13987654321")
SHOW = "CREATE OR REPLACE VIEW memos AS SELECT id, phone AS line FROM customers"
UNDO = "CREATE OR REPLACE VIEW memos AS SELECT id, memo AS line FROM notes"
MADE = (
    "CREATE TABLE notes (id int PRIMARY KEY, memo varchar(20))",
    "INSERT INTO notes VALUES (1, 'first'), (2, 'second')",
    "CREATE TABLE gate (id int)",
    "INSERT INTO gate VALUES (1)",
    UNDO,
    "CREATE VIEW rows_of AS SELECT id, line FROM memos",
    "CREATE VIEW `a-b` AS SELECT id, memo AS line FROM notes",
    "CREATE VIEW c$d AS SELECT id, line FROM `a-b`",
)
TIDY = (
    "DROP VIEW IF EXISTS memos, rows_of, `a-b`, c$d",
    "DROP TABLE IF EXISTS notes, gate, old, copies",
    *MADE,
)


@pytest.fixture(scope="module")
def house(either: LocalMySQL) -> Iterator[MySQLHouse]:
    """A proxy before either server."""
    with mysql_house_of(either, statements=(*STATEMENTS, *MADE)) as running:
        yield running


@pytest.fixture
def come(house: MySQLHouse) -> Iterator[Callable[..., pymysql.Connection[Any]]]:
    """Give a function that opens a session of somebody's, by Louver, on tables that are as new."""
    opened: list[pymysql.Connection[Any]] = []

    def connect(who: str = "tina", **options: Any) -> pymysql.Connection[Any]:
        opened.append(house.connect(who, **options))
        return opened[-1]

    anna = connect("anna")
    for statement in TIDY:  # by Louver, which would not know of it at once
        run(anna, statement)
    yield connect
    for each in opened:
        with contextlib.suppress(pymysql.Error):
            each.close()


def run(connection: pymysql.Connection[Any], sql: str) -> Any:
    """The rows of a statement."""
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


def answer(connection: pymysql.Connection[Any], sql: str) -> Any:
    """The rows of a statement, or why there are none."""
    try:
        return run(connection, sql)
    except pymysql.Error as error:
        return error


def waits(house: MySQLHouse, like: str) -> bool:
    """Whether a statement whose text is so waits for a lock on definitions."""
    quoted = like.replace("'", "''")
    return bool(house.real(f"{RUNNING} state LIKE 'Waiting for%%lock' AND info LIKE '{quoted}'"))


def sent(house: MySQLHouse, asking: Any, ask: str, pool: ThreadPoolExecutor) -> Future[Any]:
    """Have a statement asked that waits for a lock."""
    found = pool.submit(answer, asking, ask)
    until(lambda: found.done() or waits(house, "%concat(line%"), ask)
    assert not found.done(), found.result()
    return found


def is_cut_off(answered: Any) -> bool:
    """Whether the session was ended because others have changed what its statement reads."""
    return isinstance(answered, pymysql.Error) and "changed by another session" in str(answered)


@pytest.mark.parametrize(
    ("ask", "show"),
    [
        ("SELECT concat(line, '') FROM gate LEFT JOIN memos ON true", SHOW),
        ("SELECT concat(line, '') FROM gate LEFT JOIN rows_of ON true", SHOW),
        ("SELECT concat(line, '') FROM gate LEFT JOIN `a-b` ON true", SHOW.replace("memos", "`a-b`")),
        ("SELECT concat(line, '') FROM gate LEFT JOIN c$d ON true", SHOW.replace("memos", "`a-b`")),
    ],
)
def test_a_lock_on_another_table_holds_a_statement_while_a_view_is_replaced(
    house: Any, come: Any, ask: str, show: str
) -> None:
    """The definition has ended long before the statement is read."""
    holding, changing, asking = come("anna"), come("anna"), come()
    assert sorted(run(asking, ask)) == [("first",), ("second",)]
    run(holding, "LOCK TABLES gate WRITE")
    with ThreadPoolExecutor(1) as pool:
        try:
            found = sent(house, asking, ask, pool)
            run(changing, show)
        finally:
            run(holding, "UNLOCK TABLES")
        answered = found.result(30)
    assert is_cut_off(answered), answered
    assert not any(value in str(answer(come(), ask)) for value in CLEAR)


def test_what_one_text_shows_and_takes_back_is_met_more_than_once(house: Any, come: Any) -> None:
    """Each statement of it commits: what is read may be shown for a moment, and what anybody finds after that as it was."""
    holding = come("anna")
    changing = come("anna", client_flag=CLIENT.MULTI_STATEMENTS)
    ask = "SELECT concat(line, '') FROM gate LEFT JOIN memos ON true"
    text = ";".join((SHOW, UNDO) * 100)
    for _ in range(5):
        asking = come()
        run(asking, ask)
        run(holding, "LOCK TABLES gate WRITE")
        with ThreadPoolExecutor(2) as pool:
            try:
                found = sent(house, asking, ask, pool)
                undone = pool.submit(several, changing, text)
                until(lambda: house.real(f"{RUNNING} info LIKE 'CREATE OR REPLACE VIEW%'") or undone.done())  # noqa: B023
                assert not undone.done(), undone.result()
            finally:
                run(holding, "UNLOCK TABLES")
            answered = found.result(30)
            undone.result(30)
        assert not any(value in str(answered) for value in CLEAR), answered
        assert is_cut_off(answered), answered


def several(connection: pymysql.Connection[Any], sql: str) -> None:
    """Run a text of several statements to its end."""
    with connection.cursor() as cursor:
        cursor.execute(sql)
        while cursor.nextset():
            pass


def test_two_tables_whose_names_are_swapped(house: Any, come: Any) -> None:
    """The labels go along, but the statement was ruled before."""
    holding, changing, asking = come("anna"), come("anna"), come()
    run(changing, "CREATE TABLE copies AS SELECT id, phone AS memo FROM customers")
    ask = "SELECT concat(line.memo, '') FROM gate LEFT JOIN notes AS line ON true"
    assert sorted(run(asking, ask)) == [("first",), ("second",)]
    run(holding, "LOCK TABLES gate WRITE")
    with ThreadPoolExecutor(1) as pool:
        try:
            found = sent(house, asking, ask, pool)
            run(changing, "RENAME TABLE notes TO old, copies TO notes")
        finally:
            run(holding, "UNLOCK TABLES")
        answered = found.result(30)
    assert is_cut_off(answered), answered
    assert not any(value in str(answer(come(), ask)) for value in CLEAR)


def test_what_is_undone_before_anybody_looks_is_not_taken_for_unchanged(house: Any, come: Any) -> None:
    """A definition, a statement that reads it, and the definition as it was before."""
    holding, changing, asking = come("anna"), come("anna"), come()
    ask = "SELECT concat(line, '') FROM gate LEFT JOIN memos ON true"
    run(asking, ask)
    run(holding, "LOCK TABLES gate WRITE")
    with ThreadPoolExecutor(2) as pool:
        try:
            found = sent(house, asking, ask, pool)
            run(changing, SHOW)
        finally:
            run(holding, "UNLOCK TABLES")
        run(changing, UNDO)
        answered = found.result(30)
    assert is_cut_off(answered), answered


def test_a_statement_prepared_by_sql_is_read_anew_behind_a_lock(house: Any, come: Any) -> None:
    """The server does so by itself, and nobody else sees its text."""
    holding, changing, asking = come("anna"), come("anna"), come()
    run(asking, "PREPARE s FROM 'SELECT concat(line, '''') FROM gate LEFT JOIN memos ON true'")
    assert sorted(run(asking, "EXECUTE s")) == [("first",), ("second",)]
    run(holding, "LOCK TABLES gate WRITE")
    with ThreadPoolExecutor(1) as pool:
        try:
            found = pool.submit(answer, asking, "EXECUTE s")
            until(lambda: found.done() or waits(house, "%EXECUTE s%") or waits(house, "%concat(line%"))
            assert not found.done()
            run(changing, SHOW)
        finally:
            run(holding, "UNLOCK TABLES")
        answered = found.result(30)
    assert not any(value in str(answered) for value in CLEAR), answered


def test_a_definition_in_the_midst_of_a_text_counts_at_once(house: Any, come: Any) -> None:
    """It is there long before its text has come to its end."""
    changing, asking = come("anna", client_flag=pymysql.constants.CLIENT.MULTI_STATEMENTS), come()
    ask = "SELECT concat(line, '') FROM memos"
    run(asking, ask)

    def counts() -> bool:
        answered = answer(asking, ask)
        assert not any(value in str(answered) for value in CLEAR), answered
        return is_cut_off(answered) or "****" in str(answered)  # the catalog may have been read in between

    with ThreadPoolExecutor(1) as pool:
        changed = pool.submit(answer, changing, f"{SHOW}; SELECT sleep(120)")
        try:
            until(counts, "the definition counts")
            assert not changed.done()
        finally:
            for (number,) in house.real(f"{RUNNING} info LIKE '%sleep(120)' AND id <> connection_id()"):
                house.real(f"KILL QUERY {number}")
        changed.result(30)


def test_who_leaves_at_once_has_changed_it_all_the_same(house: Any, come: Any) -> None:
    """The server carries out what it was sent, and nobody is told of its end."""
    asking = come()
    ask = "SELECT concat(line, '') FROM memos"
    run(asking, ask)
    for _ in range(5):
        leaving = come("anna")
        leaving._execute_command(3, SHOW)
        leaving._force_close()
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            answered = answer(asking, ask)
            assert not any(value in str(answered) for value in CLEAR), answered
            if isinstance(answered, pymysql.Error):
                asking = come()
        run(come("anna"), UNDO)


def test_a_statement_that_is_prepared_anew_behind_a_lock_was_ruled_before(house: Any, come: Any) -> None:
    """Its ruling is as old as that, however much later it runs; what it reads is replaced, and the catalog read, in between."""
    reading, locking, changing, other = come("anna", autocommit=False), come("anna"), come("anna"), come()
    text = "SELECT concat(m.line, ''), c.* FROM gate JOIN customers c JOIN memos m ON m.id = c.id WHERE c.id < ?"
    with (
        mysql.connector.connect(**house.arguments("tina"), autocommit=True) as connection,
        connection.cursor(prepared=True) as prepared,
        ThreadPoolExecutor(2) as pool,
    ):

        def execute() -> Any:
            try:
                prepared.execute(text, (9,))
                return prepared.fetchall()
            except mysql.connector.Error as error:
                return error

        assert sorted(row[0] for row in execute()) == ["first", "second"]
        run(changing, "ALTER TABLE customers ADD COLUMN more int")  # the star lists it: the text is another now
        run(reading, "SELECT id FROM gate")
        locked = pool.submit(answer, locking, "ALTER TABLE gate ADD COLUMN more int")
        until(lambda: waits(house, "ALTER TABLE gate%"))
        try:
            found = pool.submit(execute)
            time.sleep(0.4)
            assert not found.done(), found.result()
            run(changing, SHOW)
            run(other, "SELECT count(*) FROM customers")
        finally:
            reading.rollback()
        locked.result(30)
        answered = found.result(30)
    run(changing, "ALTER TABLE customers DROP COLUMN more")
    assert not any(value in str(answered) for value in CLEAR), answered
