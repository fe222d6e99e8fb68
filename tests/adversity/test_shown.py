"""Columns shown on the rows where TRUE holds: each reference is replaced, and nothing is refused for what it could tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from audit.reader import records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

POLICIES = """
version: 1
dictionary: [{column: "*.*.*.*", category: everything, level: 1}]
rules: [{name: every row is shown, columns: {category: everything}, rows: "true", treatment: clear, explain: allow}]
"""
STEPS = [
    "CREATE TABLE a (id int PRIMARY KEY, name text, tags text[])",
    "CREATE TABLE b (id int REFERENCES a, note text)",
    "INSERT INTO a VALUES (1, 'x', '{p,q}'), (2, 'y', NULL) RETURNING *",
    "INSERT INTO a VALUES (1, 'z') ON CONFLICT (id) DO UPDATE SET name = excluded.name RETURNING name",
    "INSERT INTO a VALUES (1, 'z')",
    "CREATE UNIQUE INDEX ON a (name)",
    "UPDATE a SET tags[1] = 'r' RETURNING tags",
    "ALTER TABLE a ALTER name SET NOT NULL",
    "ALTER TABLE a RENAME name TO word",
    "CREATE TABLE p (x int, y text) PARTITION BY LIST (y)",
    "CREATE TABLE p1 PARTITION OF p FOR VALUES IN ('k')",
    "INSERT INTO p VALUES (1, 'k'), (2, 'k')",
    "ALTER TABLE p DETACH PARTITION p1",
    "CREATE FUNCTION f() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM public.a'",
    "SELECT f()",
    "CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.note := upper(NEW.note); RETURN NEW; END $$",
    "CREATE TRIGGER t BEFORE INSERT ON b FOR EACH ROW EXECUTE FUNCTION g()",
    "INSERT INTO b VALUES (1, 'n') RETURNING note",
    "INSERT INTO b VALUES (9, 'n')",
    "CREATE VIEW v AS SELECT a.id, word, note FROM a JOIN b USING (id)",
    "SELECT * FROM v",
    "CREATE MATERIALIZED VIEW m AS SELECT upper(word) AS word FROM a WHERE word > ''",
    "REFRESH MATERIALIZED VIEW m",
    "SELECT * FROM m ORDER BY 1",
    "SELECT a, row_to_json(a) FROM a ORDER BY a",
    "SELECT ctid, xmin = xmax, tableoid::regclass, * FROM a ORDER BY id",
    "SELECT a.ctid, b.* FROM a JOIN b USING (id)",
    "SELECT count(*) FROM a TABLESAMPLE bernoulli (100)",
    "EXPLAIN (VERBOSE, COSTS OFF) SELECT * FROM a LEFT JOIN b ON a.id = b.id",
    "EXPLAIN (COSTS OFF) SELECT z.id FROM a z WHERE z.word = 'y'",
    "MERGE INTO a USING b ON a.id = b.id WHEN MATCHED THEN UPDATE SET word = b.note WHEN NOT MATCHED BY SOURCE THEN DELETE",
    "TABLE a",
    "CREATE RULE r AS ON INSERT TO b WHERE new.note = 'no' DO INSTEAD NOTHING",
    "INSERT INTO b VALUES (1, 'no')",
    "CREATE TYPE pair AS (l int, r int)",
    "CREATE FUNCTION sum_of(pair) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1.l + $1.r'",
    "CREATE CAST (pair AS int) WITH FUNCTION sum_of(pair)",
    "SELECT (ROW(1, 2)::pair)::int",
    "CREATE OPERATOR @@@ (procedure = sum_of, rightarg = pair)",
    "SELECT @@@ ROW(1, 2)::pair FROM a",
    "CREATE FUNCTION opaque(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN EXECUTE $1; RETURN 'done'; END $$",
    "SELECT opaque('ALTER TABLE a ADD more int DEFAULT 5'), count(*) FROM a",
    "SELECT * FROM a",
    "SELECT opaque('CREATE TEMP TABLE a AS SELECT 1 AS temporary')",
    "SELECT * FROM a",
    "DO $$ BEGIN EXECUTE 'DROP TABLE pg_temp.a'; END $$",
    "SELECT * FROM a",
    "BEGIN",
    "DO $$ BEGIN EXECUTE 'ALTER TABLE a RENAME more TO most'; END $$",
    "SELECT * FROM a",
    "ROLLBACK",
    "SELECT * FROM a",
    "PREPARE plain AS SELECT sum_of(ROW(id, 1)) FROM a",
    "EXECUTE plain",
    "CREATE OR REPLACE FUNCTION sum_of(pair) RETURNS int LANGUAGE plpgsql AS $$ BEGIN CREATE TEMP TABLE a (y int); RETURN 9; END $$",
    "EXECUTE plain",
    "SELECT * FROM a",
    "DROP TABLE pg_temp.a",
    "SELECT count(*) FROM pg_authid WHERE rolname = 'nobody'",
    "SELECT query_to_xml('SELECT id FROM a', true, false, '')::text",
    "SELECT pg_read_file('/nonexistent')",
    "COPY a TO '/nonexistent/file'",
    "CREATE TABLE c AS EXECUTE plain",
    "SELECT set_config('standard_' || 'x.y', 'z', false)",
    "SET session_replication_role = replica",
    "UPDATE pg_class SET relname = relname WHERE relname = 'nobody'",
    "CREATE SCHEMA s CREATE VIEW w AS SELECT id FROM a",
    "SELECT * FROM s.w",
    "CREATE TEMP VIEW tv AS SELECT id FROM a",
    "SELECT * FROM tv",
    "CREATE EVENT TRIGGER et ON sql_drop EXECUTE FUNCTION none()",
    "CREATE LANGUAGE nothing",
    "SECURITY LABEL ON TABLE a IS 'x'",
    "TABLE a",
]


@pytest.fixture(scope="module")
def databases(postgres: Any) -> list[str]:
    """Two empty databases, one for each way."""
    return [str(postgres.create_database(name)) for name in ("shown_direct", "shown_through")]


@pytest.fixture(scope="module")
def house(louver_factory: Callable[..., Any], databases: list[str]) -> Iterator[Any]:
    """A Louver that replaces everything and hides nothing."""
    assert databases
    with louver_factory(users={"ann": {}}, policies=POLICIES, notices=False) as louver:
        yield louver


def test_every_answer_is_that_of_the_database(house: Any, databases: list[str]) -> None:
    """Definitions, writes, code, views and plans answer alike, errors by their SQLSTATE; what reads tables was rewritten."""
    answers: list[list[object]] = []
    for dsn in (databases[0], house.dsn("ann", database="shown_through")):
        told: list[object] = []
        with psycopg.connect(dsn, autocommit=True) as client:
            for step in STEPS:
                try:
                    cursor = client.execute(step)
                    told.append((step, cursor.statusmessage, cursor.fetchall() if cursor.description else None))
                except psycopg.Error as error:
                    told.append((step, error.sqlstate))
        answers.append(told)
    assert answers[1] == answers[0]
    rulings = [record["ruling"] for record in records(house.audit_directory) if record["event"] == "statement"]
    assert rulings[-1] == "rewrite"


GUARDED = """
version: 1
dictionary:
  - {column: "*.public.kept.word", category: plain, level: 1}
  - {column: "*.public.kept.code", category: code, level: 1}
categories: {code: {mask: hash}}
rules:
  - {name: all but words, columns: {category: code}, when: principal.name == "bob", rows: "true", treatment: clear}
  - {name: all that is plain, columns: {category: plain}, when: principal.name != "bob", rows: "true", treatment: clear}
  - {name: all codes, columns: {category: code}, rows: "TRUE", treatment: clear}
"""
"""bob sees no words. From ann nothing is hidden, but the default mask of codes is keyed, so that her session holds the key."""
CLOSED = [
    "CREATE RULE r AS ON SELECT TO kept DO ALSO NOTHING",
    "SELECT rolpassword FROM pg_authid",
    "SELECT query_to_xml('SELECT current_setting(name) FROM pg_settings', true, false, '')",
    "DO $$ BEGIN EXECUTE 'SELECT ' || 1; END $$",
    "COPY kept TO '/nonexistent/file'",
    "SELECT set_config('standard_' || 'conforming_strings', 'off', false)",
    "SET session_replication_role = replica",
    "SELECT pg_read_file('/nonexistent')",
    "UPDATE pg_class SET relname = relname WHERE false",
    "CREATE LANGUAGE nothing",
]


@pytest.mark.parametrize("user", ["ann", "bob"])
def test_one_hidden_column_or_the_key_closes_every_way(
    postgres: Any, louver_factory: Callable[..., Any], user: str
) -> None:
    """Whoever does not see one column, or whose session holds the key of keyed masks, is refused what could get at it."""
    dsn = postgres.create_database(f"guarded_{user}")
    with psycopg.connect(dsn, autocommit=True) as direct:
        direct.execute("CREATE TABLE kept (word text, code text)")
    with (
        louver_factory(users={user: {}}, policies=GUARDED, notices=False) as louver,
        psycopg.connect(louver.dsn(user, database=f"guarded_{user}"), autocommit=True) as client,
    ):
        client.execute("BEGIN")
        for statement in CLOSED:  # but for the first in a transaction that has failed
            with pytest.raises(psycopg.Error):
                client.execute(statement)
        client.execute("ROLLBACK")
        for statement in CLOSED:
            with pytest.raises(
                psycopg.Error, match=r"louver|not allowed|not available|may not run|only allowed"
            ) as refused:
                client.execute(statement)
            assert refused.value.sqlstate in {"42501", "0A000"}
