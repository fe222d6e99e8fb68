"""Triggers that an administrator has made, when callers with masked columns write."""

from __future__ import annotations

import psycopg
import pytest

POLICIES = """
version: 1
dictionary: [{column: "triggers.*.people.phone", category: phone, level: 3}]
"""
SCHEMA = """
CREATE TABLE people (id int PRIMARY KEY, phone text);
INSERT INTO people VALUES (1, '13800000001');
CREATE TABLE visits (id int, note text);
CREATE TABLE history (what text, many bigint, notes text);
CREATE FUNCTION added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO history SELECT TG_OP, count(*), string_agg(n.note, ',' ORDER BY n.id) FROM new_rows n;
  RETURN NULL;
END $$;
CREATE FUNCTION changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO history SELECT TG_OP, count(*), string_agg(o.note || '>' || people.note, ',' ORDER BY o.id)
    FROM old_rows o JOIN people USING (id);
  RETURN NULL;
END $$;
CREATE TRIGGER a AFTER INSERT ON visits REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION added();
CREATE TRIGGER b AFTER UPDATE ON visits REFERENCING OLD TABLE AS old_rows NEW TABLE AS people
  FOR EACH STATEMENT EXECUTE FUNCTION changed();
CREATE TABLE calls (LIKE visits);
CREATE TRIGGER c AFTER UPDATE ON calls REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION changed();
"""


@pytest.fixture
def clerk(louver_factory, postgres):
    """A caller from whom phones are hidden."""
    postgres.create_database("triggers")
    postgres.run_sql(SCHEMA, "triggers")
    with (
        louver_factory(users={"clerk": {}}, policies=POLICIES) as louver,
        psycopg.connect(louver.dsn("clerk", database="triggers"), autocommit=True) as connection,
    ):
        yield connection


def test_triggers_read_their_transition_tables(clerk):
    """A transition table is no relation of the database: rows are written, and kept by the trigger's function.

    Not where the trigger does not give the table, for there the name is the hidden one's.
    """
    assert clerk.execute("INSERT INTO visits VALUES (1, 'a'), (2, 'b')").rowcount == 2
    assert clerk.execute("UPDATE visits SET note = 'c' WHERE id = 2").rowcount == 1
    assert clerk.execute("SELECT * FROM history").fetchall() == [("INSERT", 2, "a,b"), ("UPDATE", 1, "b>c")]
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match=r"it uses public\.people"):
        clerk.execute("UPDATE calls SET note = 'd'")
