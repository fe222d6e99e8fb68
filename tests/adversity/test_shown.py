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
    "EXPLAIN (COSTS OFF) SELECT z.id FROM a z WHERE z.word = 'y'",
    "MERGE INTO a USING b ON a.id = b.id WHEN MATCHED THEN UPDATE SET word = b.note WHEN NOT MATCHED BY SOURCE THEN DELETE",
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
