"""Definitions of transactions, while statements of other sessions are under way: those of one count together, and when it has ended.

One that has failed counts no more, but for what a savepoint keeps of it.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from fixtures.meanwhile import CLEAR, SHOW, SWAP, UNDO, Visitors, again, answer, is_cut_off, locks, sent
from fixtures.waiting import until


def test_several_changes_of_one_transaction_are_one(visitors: Visitors, straight: Any) -> None:
    """A migration alters a table more than once, and who has waited for it gets his answer if that is what it was."""
    ask = "SELECT phone, name || '' FROM people"

    def attempt() -> None:
        changing, asking = visitors("boss", autocommit=False), visitors()
        asking.execute(ask)
        for column in ("age", "size", "weight"):
            changing.execute(f"ALTER TABLE people ADD COLUMN IF NOT EXISTS {column} int")
        with changing, ThreadPoolExecutor(1) as pool:
            found = sent(straight, asking, ask, pool)
            changing.commit()
            answered = found.result(30)
        assert answered == [("****", "Ann"), ("****", "Bo")], answered

    again(visitors, attempt)


def test_what_one_text_shows_and_takes_back_is_met_twice(visitors: Visitors, straight: Any) -> None:
    """It commits in its midst: who has waited reads what it shows, and what is there by the time that anybody looks is as it was."""
    ask = "SELECT line || '' FROM memos"
    between = f"{SHOW}; SELECT pg_sleep(0.3); COMMIT; {UNDO}; COMMIT"

    def attempt() -> None:
        changing, asking = visitors("boss"), visitors()
        asking.execute(ask)
        with ThreadPoolExecutor(2) as pool:
            undone = pool.submit(answer, changing, between)
            until(lambda: locks(straight) or undone.done())
            assert not undone.done(), undone.result()
            found = sent(straight, asking, ask, pool)
            answered = found.result(30)
            undone.result(30)
        assert not any(value in str(answered) for value in CLEAR), answered
        assert is_cut_off(answered), answered

    again(visitors, attempt)


def test_a_definition_counts_when_it_is_committed_not_when_it_is_answered(visitors: Visitors, straight: Any) -> None:
    """In a pipeline it is answered long before its Sync commits it; the catalog that was read in between knows nothing of it."""
    changing, asking = visitors("boss"), visitors()
    with changing.pipeline() as pipeline:
        for definition in SWAP:
            changing.execute(definition)
        changing.pgconn.send_flush_request()
        changing.pgconn.flush()
        until(lambda: locks(straight))
        time.sleep(0.2)  # for the answers to come to Louver
        assert asking.execute("SELECT count(*) FROM notes").fetchall() == [(2,)]
        pipeline.sync()
    answered = answer(asking, "SELECT name || '' FROM people")
    assert not any(value in str(answered) for value in CLEAR), answered


def test_a_transaction_that_has_failed_disturbs_nobody(visitors: Visitors) -> None:
    """Its locks are gone, and nothing of it will ever be seen; who has left it open may be at lunch."""
    for column in ("age", "size"):
        failed = visitors("boss", autocommit=False)
        failed.execute(f"ALTER TABLE people ADD {column} int")
        with pytest.raises(psycopg.errors.DivisionByZero):
            failed.execute("SELECT 1 / 0")
    asking = visitors()
    for _ in range(3):
        assert asking.execute("SELECT name || '', phone FROM people").fetchall() == [("Ann", "****"), ("Bo", "****")]


def test_what_a_savepoint_keeps_of_a_transaction_that_has_failed_counts(visitors: Visitors, straight: Any) -> None:
    """It goes on from there, and is committed."""
    ask = "SELECT line || '' FROM memos"

    def attempt() -> None:
        changing, asking = visitors(autocommit=False), visitors()
        asking.execute(ask)
        changing.execute(SHOW)
        changing.execute("SAVEPOINT shown")
        with pytest.raises(psycopg.errors.DivisionByZero):
            changing.execute("SELECT 1 / 0")
        with ThreadPoolExecutor(1) as pool:
            found = sent(straight, asking, ask, pool)
            changing.execute("ROLLBACK TO SAVEPOINT shown")
            changing.commit()
            answered = found.result(30)
        assert is_cut_off(answered), answered

    again(visitors, attempt)


def test_a_transaction_that_follows_a_failed_one_without_a_sync_counts(visitors: Visitors, straight: Any) -> None:
    """The last that the server has told of the session is that its transaction has failed."""
    ask = "SELECT line || '' FROM memos"

    def attempt() -> None:
        changing, asking = visitors(), visitors()
        asking.execute(ask)
        changing.execute("BEGIN")
        with pytest.raises(psycopg.errors.DivisionByZero):
            changing.execute("SELECT 1 / 0")
        with changing.pipeline() as pipeline, ThreadPoolExecutor(1) as pool:
            for sql in ("ROLLBACK", "BEGIN", SHOW):
                changing.execute(sql)
            changing.pgconn.send_flush_request()
            changing.pgconn.flush()
            until(lambda: locks(straight))
            time.sleep(0.2)  # for the answers to come to Louver
            found = sent(straight, asking, ask, pool)
            changing.execute("COMMIT")
            pipeline.sync()
            answered = found.result(30)
        assert is_cut_off(answered), answered

    again(visitors, attempt)
