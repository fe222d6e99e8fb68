"""Triggers that an administrator has made, when callers with masked columns write."""

from __future__ import annotations

import psycopg
import pytest

POLICIES = """
version: 1
dictionary: [{column: "*.*.*.phone", category: phone, level: 3}]
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
def database(request, postgres):
    """A database of the test's own."""
    name = request.node.name[-60:]
    postgres.create_database(name)
    postgres.run_sql(SCHEMA, name)
    return name


@pytest.fixture
def clerk(louver_factory, database):
    """A caller from whom phones are hidden."""
    with (
        louver_factory(users={"clerk": {}}, policies=POLICIES) as louver,
        psycopg.connect(louver.dsn("clerk", database=database), autocommit=True) as connection,
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


def test_triggers_count_for_the_events_they_are_for(clerk, postgres, database):
    """What a DELETE would show a trigger stops no INSERT; where one event brings another, it does."""
    postgres.run_sql(
        """
        CREATE TABLE seen (what text);
        CREATE FUNCTION tells() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN INSERT INTO seen VALUES (OLD.phone); RETURN OLD; END $$;
        CREATE TABLE clients (id int PRIMARY KEY, phone text);
        CREATE TRIGGER gone AFTER DELETE ON clients FOR EACH ROW EXECUTE FUNCTION tells();
        CREATE TABLE numbers (client int REFERENCES clients ON DELETE SET NULL, phone text);
        CREATE TRIGGER moved AFTER UPDATE ON numbers FOR EACH ROW EXECUTE FUNCTION tells();
        CREATE TABLE parts (id int, phone text) PARTITION BY LIST (id);
        CREATE TABLE part_1 PARTITION OF parts FOR VALUES IN (1);
        CREATE TABLE part_2 PARTITION OF parts FOR VALUES IN (2);
        CREATE TRIGGER gone AFTER DELETE ON parts FOR EACH ROW EXECUTE FUNCTION tells();
        CREATE TABLE alone (id int, phone text);
        CREATE TRIGGER gone AFTER DELETE ON alone FOR EACH ROW EXECUTE FUNCTION tells();
        CREATE TABLE ruled (id int, phone text);
        CREATE TRIGGER gone AFTER DELETE ON ruled FOR EACH ROW EXECUTE FUNCTION tells();
        CREATE RULE only_one AS ON INSERT TO ruled DO ALSO DELETE FROM ruled WHERE id = new.id - 1;
        INSERT INTO clients VALUES (1, '13800000001');
        INSERT INTO numbers VALUES (1, '13800000001');
        INSERT INTO parts VALUES (1, '13800000001');
        INSERT INTO ruled VALUES (1, '13800000001');
        """,
        database,
    )
    labelled = ("clients", "numbers", "parts", "ruled")
    assert [
        clerk.execute(f"SELECT count(*) FROM {name} WHERE phone LIKE '%00000%'").fetchone() for name in labelled
    ] == [(0,)] * len(labelled)
    assert clerk.execute("INSERT INTO clients VALUES (2, '13800000002')").rowcount == 1
    assert clerk.execute("INSERT INTO alone VALUES (2, '13800000002')").rowcount == 1
    assert clerk.execute("UPDATE alone SET id = 3 WHERE id = 2").rowcount == 1
    assert clerk.execute("INSERT INTO parts VALUES (2, '13800000002')").rowcount == 1
    for sql in (
        "DELETE FROM clients",
        "INSERT INTO clients VALUES (1, '1') ON CONFLICT (id) DO UPDATE SET id = 9",
        "UPDATE parts SET id = 2 WHERE id = 1",
        "INSERT INTO ruled VALUES (2, '13800000002')",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match=r"tells|masked for you"):
            clerk.execute(sql)
    assert clerk.execute("SELECT * FROM seen").fetchall() == []
