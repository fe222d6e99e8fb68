"""Definitions that cannot be read because their relations are locked: nobody waits for ever, and nothing passes unexamined."""

from __future__ import annotations

import psycopg
import pytest
from fixtures.waiting import until

POLICIES = """
version: 1
dictionary:
  - {column: "*.*.*.phone", category: phone, level: 3}
categories: {phone: full}
"""
SCHEMA = """
CREATE TABLE people (id int PRIMARY KEY, name text, phone text, twice int GENERATED ALWAYS AS (abs(id) * 2) STORED);
INSERT INTO people VALUES (1, 'Ann', '13800000001'), (2, 'Bo', '13800000002');
CREATE TABLE orders (id int CHECK (abs(id) < 1000), memo text DEFAULT lower('X'));
INSERT INTO orders VALUES (1, 'first');
CREATE VIEW memos AS SELECT memo FROM orders;
CREATE VIEW lines AS SELECT phone AS line FROM people;
CREATE FUNCTION memo_of(int) RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT memo FROM orders WHERE id = $1; END;
CREATE FUNCTION shout(text) RETURNS text LANGUAGE sql AS 'SELECT upper($1)';
CREATE FUNCTION louder() RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT shout(phone) FROM people WHERE id = 1; END;
CREATE VIEW statistics AS SELECT most_common_vals::text AS found FROM pg_stats, orders WHERE id = 1;
"""


@pytest.fixture(scope="module")
def house(louver_factory, postgres):
    postgres.create_database("locks")
    postgres.run_sql(SCHEMA, "locks")
    with louver_factory(users={"clerk": {"role": "clerk"}}, policies=POLICIES) as louver:
        yield louver


@pytest.fixture
def clerk(house):
    with psycopg.connect(house.dsn("clerk", database="locks"), prepare_threshold=None) as connection:
        yield connection
        connection.rollback()


def one(connection, sql):
    """The only value of a statement's first row."""
    return connection.execute(sql).fetchone()[0]


def settled(connection, sql):
    """The only value of a statement, as soon as it is answered; what a lock has held back is looked for every two seconds."""
    found = []

    def answered():
        try:
            found.append(one(connection, sql))
        except psycopg.errors.InsufficientPrivilege:
            connection.rollback()
        return found

    return until(answered, sql)[0]


def test_a_session_that_has_locked_a_table_does_not_wait_for_itself(clerk, postgres):
    """A name of its own makes the catalog be read while it holds a lock that the reading would wait for."""
    assert one(clerk, "SELECT memo FROM memos") == "first"
    clerk.execute("ALTER TABLE orders RENAME TO deliveries")
    clerk.execute("CREATE VIEW orders AS SELECT phone AS memo FROM people")
    postgres.run_sql("CREATE TABLE elsewhere AS SELECT 7 AS seven", "locks")
    assert one(clerk, "SELECT seven FROM elsewhere") == 7
    assert one(clerk, "SELECT memo FROM orders") == "****"
    assert one(clerk, "SELECT memo FROM deliveries") == "first"
    clerk.rollback()
    postgres.run_sql("DROP TABLE elsewhere", "locks")
    assert settled(clerk, "SELECT memo FROM memos") == "first"


@pytest.mark.parametrize("table", ["orders", "people"])
def test_what_stands_behind_a_lock_of_others_is_refused_until_it_can_be_read(clerk, postgres, table):
    """Whoever does not touch what is locked goes on; a definition that cannot be read is not taken for harmless."""
    with psycopg.connect(postgres.dsn("locks"), autocommit=False) as holder:
        holder.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        postgres.run_sql("CREATE TABLE elsewhere AS SELECT 7 AS seven", "locks")
        assert one(clerk, "SELECT seven FROM elsewhere") == 7  # the catalog has been read again by then
        free = {"orders": "SELECT phone FROM people", "people": "SELECT memo FROM memos"}[table]
        assert one(clerk, free) == {"orders": "****", "people": "first"}[table]
        held = {"orders": ["SELECT memo FROM memos", "SELECT found FROM statistics", "SELECT memo_of(1)"]}
        for sql in held.get(table, ["SELECT line FROM lines"]):
            clerk.rollback()
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="another session has locked"):
                clerk.execute(sql)
        holder.rollback()
    clerk.rollback()
    postgres.run_sql("DROP TABLE elsewhere", "locks")
    assert settled(clerk, "SELECT memo FROM memos") == "first"
    assert settled(clerk, "SELECT memo_of(1)") == "first"
    assert settled(clerk, "SELECT line FROM lines") == "****"
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="pg_stat"):
        clerk.execute("SELECT found FROM statistics")


def test_code_that_others_hand_hidden_values_to_cannot_be_made_anew_behind_a_lock(clerk, postgres):
    """What calls it cannot be read then, so that it looks like anybody's own."""
    sql = "CREATE OR REPLACE FUNCTION shout(text) RETURNS text LANGUAGE sql AS 'SELECT lower($1)'"
    with pytest.raises(
        psycopg.errors.InsufficientPrivilege, match="shout is the name of a function that may be handed"
    ):
        clerk.execute(sql)
    clerk.rollback()
    with psycopg.connect(postgres.dsn("locks"), autocommit=False) as holder:
        holder.execute("LOCK TABLE people IN ACCESS EXCLUSIVE MODE")
        postgres.run_sql("CREATE TABLE elsewhere AS SELECT 7 AS seven", "locks")
        assert one(clerk, "SELECT seven FROM elsewhere") == 7  # the catalog has been read again by then
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="another session has locked"):
            clerk.execute(sql)
        holder.rollback()
    clerk.rollback()
    postgres.run_sql("DROP TABLE elsewhere", "locks")
