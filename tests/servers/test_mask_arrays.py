"""Masks of arrays through the wire: what a caller reads, compares, writes back and never sees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from louver.demo.postgres import LocalPostgres

DATABASE = "arrays"
POLICIES = """
version: 1
dictionary:
  - {column: "*.*.people.phones", category: phone, level: 3}
  - {column: "*.*.people.pays", category: salary, level: 3}
rules:
  - {name: tokens, columns: {category: salary}, treatment: {mask: hash}}
"""
SCHEMA = """
CREATE TABLE people (id int PRIMARY KEY, phones varchar(20)[], pays int8[]);
INSERT INTO people VALUES (1, '{13812345678,NULL}', '{1000,2000}'), (2, '{{13900000001},{13900000002}}', '{}'), (3, NULL, '{1000}');
CREATE VIEW callable AS SELECT id, phones FROM people WHERE phones IS NOT NULL;
"""
FIRST, SECOND = ["138****5678", None], [["139****0001"], ["139****0002"]]
READS: list[tuple[str, Any]] = [
    ("SELECT phones FROM people ORDER BY id", [(FIRST,), (SECOND,), (None,)]),
    ("SELECT phones FROM callable ORDER BY id", [(FIRST,), (SECOND,)]),
    ("SELECT id FROM people WHERE '13812345678' = ANY (phones)", []),
    ("SELECT id FROM people WHERE phones @> ARRAY['138****5678']::varchar(20)[]", [(1,)]),
    ("SELECT phones[1], cardinality(phones) FROM people WHERE id = 1", [("138****5678", 2)]),
    ("SELECT p FROM people, unnest(phones) AS p WHERE id = 2 ORDER BY 1", [("139****0001",), ("139****0002",)]),
    ("SELECT to_jsonb(people) -> 'phones' FROM people WHERE id = 1", [(FIRST,)]),
    (
        "SELECT phones, count(*) FROM people GROUP BY phones HAVING count(phones) > 0 ORDER BY 1",
        [(FIRST, 1), (SECOND, 1)],
    ),
    ("SELECT a.pays[1] = b.pays[1] FROM people a, people b WHERE a.id = 1 AND b.id = 3", [(True,)]),
    ("SELECT 1000 = ANY (pays), pays = '{}' FROM people ORDER BY id", [(False, False), (False, True), (False, False)]),
    ('SELECT "all".phones FROM people AS "all" WHERE "all".id = 1', [(FIRST,)]),
    ('SELECT "each".phones FROM people AS "each" WHERE "each".id = 1', [(FIRST,)]),
    ("COPY (SELECT phones FROM people WHERE id = 1) TO STDOUT", b"{138****5678,NULL}\n"),
]
WRITES = {
    "UPDATE people SET phones = '{138****5678,NULL}' WHERE id = 1 RETURNING phones": [(FIRST,)],
    "UPDATE people SET id = 1 WHERE phones[1] = '138****5678' RETURNING id, phones": [(1, FIRST)],
    "INSERT INTO people (id, phones) VALUES (1, '{1}') ON CONFLICT (id) DO UPDATE SET pays = '{5}' RETURNING phones": [
        (FIRST,)
    ],
}


@pytest.fixture(scope="module")
def clerk(louver_factory: Any, postgres: LocalPostgres) -> Iterator[psycopg.Connection[Any]]:
    """The connection of somebody to whom both arrays are masked."""
    postgres.create_database(DATABASE)
    postgres.run_sql(SCHEMA, DATABASE)
    louver = louver_factory(users={"clerk": {}}, policies=POLICIES, notices=False)
    with louver, psycopg.connect(louver.dsn("clerk", database=DATABASE), autocommit=True) as connection:
        yield connection


@pytest.mark.parametrize(("query", "expected"), READS, ids=[query for query, _ in READS])
def test_each_element_is_masked_wherever_it_is_read(clerk: psycopg.Connection[Any], query: str, expected: Any) -> None:
    """By a plain query and a prepared one."""
    if query.startswith("COPY"):
        with clerk.cursor().copy(query) as copy:
            assert b"".join(bytes(each) for each in copy) == expected
        return
    for prepare in (False, True):
        assert clerk.execute(query, prepare=prepare).fetchall() == expected


@pytest.mark.parametrize("query", WRITES)
def test_what_is_read_can_be_written_back(clerk: psycopg.Connection[Any], postgres: LocalPostgres, query: str) -> None:
    """A masked array that is saved leaves the hidden one as it is."""
    assert clerk.execute(query).fetchall() == WRITES[query]
    assert postgres.run_sql("SELECT phones FROM people WHERE id = 1", DATABASE).strip() == "{13812345678,NULL}"
