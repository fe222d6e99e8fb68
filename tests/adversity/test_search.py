"""`search: exact`: what is found by real values, what keeps its masked meaning, and how often one may ask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from audit.reader import records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

POLICIES = """
version: 1
dictionary:
  - {column: "searching.public.people.phone", category: phone, level: 3}
  - {column: "searching.public.people.salary", category: salary, level: 3}
  - {column: "searching.public.people.wealth", category: salary, level: 3}
  - {column: "searching.public.people.card", category: id_card, level: 4}
rules:
  - name: clerks find people by phone
    columns: {category: phone}
    treatment: {mask: partial, keep_first: 3, keep_last: 2}
    search: {exact: {per_hour: LIMIT}}
  - {name: clerks find salaries, columns: {category: salary}, treatment: {mask: round, step: 1000}, search: exact}
"""
TABLE = """
CREATE TABLE people (id int PRIMARY KEY, name text, phone varchar(20), salary numeric(10, 2), card text, wealth numeric);
CREATE TABLE calls (id int, person int, phone text);
INSERT INTO people VALUES (1, 'Ann', '13812345601', 4711.50, 'C1', 5), (2, 'Bob', '13899999902', 4200, 'C2', 7e400),
  (3, 'Cid', '13812345601', NULL, 'C3', 5), (4, 'Dan', NULL, 4711.50, NULL, 5);
INSERT INTO calls VALUES (1, 1, '13812345601'), (2, 2, '13899999902');
CREATE VIEW folk AS SELECT id, phone FROM people;
GRANT ALL ON ALL TABLES IN SCHEMA public TO public
"""
ANN = "13812345601"
EXACT = [
    f"SELECT id FROM people WHERE phone = '{ANN}' ORDER BY id",
    f"SELECT id FROM people WHERE '{ANN}' = phone ORDER BY id",
    f"SELECT id FROM people p WHERE p.phone = '{ANN}'::text AND id > 0 ORDER BY id",
    f"SELECT id FROM people WHERE (phone = '{ANN}') AND name > '' ORDER BY id",
    f"SELECT id FROM people WHERE phone IN ('{ANN}', 'x') ORDER BY id",
    f"SELECT p.id FROM people p JOIN calls c ON c.person = 1 WHERE p.phone = '{ANN}' ORDER BY 1",
    f"SELECT p.id FROM people p LEFT JOIN calls c ON c.person = p.id WHERE p.phone = '{ANN}' ORDER BY 1",
    f"WITH w AS (SELECT id FROM people WHERE phone = '{ANN}') SELECT id FROM w ORDER BY id",
    f"SELECT id FROM people WHERE id IN (SELECT id FROM people WHERE phone = '{ANN}') ORDER BY id",
    f"SELECT id FROM ONLY people WHERE phone = '{ANN}' /* a 'comment' */ ORDER BY id -- AND",
]
MASKED = [
    f"SELECT id FROM people WHERE phone = '{ANN}' OR false",
    f"SELECT id FROM people WHERE phone = '{ANN}' OR id = 2 AND false",
    f"SELECT id FROM people WHERE NOT phone <> '{ANN}'",
    f"SELECT id FROM people WHERE (phone = '{ANN}') IS TRUE",
    f"SELECT id FROM people WHERE phone = lower('{ANN}')",
    f"SELECT id FROM people WHERE phone = '{ANN}' || ''",
    f"SELECT id FROM people WHERE phone = (SELECT '{ANN}')",
    "SELECT id FROM people WHERE phone = (SELECT c.phone FROM calls c WHERE c.id = 1)",
    f"SELECT id FROM people WHERE phone = ANY (ARRAY['{ANN}'])",
    f"SELECT id FROM people WHERE phone LIKE '{ANN}'",
    f"SELECT id FROM people WHERE phone || '' = '{ANN}'",
    f"SELECT id FROM people WHERE phone::text = '{ANN}'",
    f"SELECT id FROM people WHERE phone = '{ANN}' COLLATE \"C\"",
    f"SELECT id FROM people WHERE CASE WHEN phone = '{ANN}' THEN true END",
    f"SELECT id FROM people WHERE phone IS NOT DISTINCT FROM '{ANN}'",
    f"SELECT id FROM people WHERE (phone, 1) = ('{ANN}', 1)",
    f"SELECT id FROM people WHERE phone OPERATOR(pg_catalog.=) '{ANN}'",
    f"SELECT id FROM people GROUP BY id, phone HAVING phone = '{ANN}'",
    f"SELECT id FROM (SELECT * FROM people) p WHERE phone = '{ANN}'",
    f"SELECT id FROM folk WHERE phone = '{ANN}'",
    f"WITH w AS (SELECT * FROM people) SELECT id FROM w WHERE phone = '{ANN}'",
    "SELECT p.id FROM people p, calls c WHERE p.phone = c.phone",
    "SELECT (SELECT id FROM people WHERE phone = v LIMIT 1) FROM (VALUES ('13812345601')) t(v) WHERE false",
    f"SELECT p.id FROM calls c LEFT JOIN people p ON c.person = p.id WHERE p.phone = '{ANN}'",
    f"SELECT p.id FROM people p(id, a, b, phone, c) WHERE p.phone = '{ANN}'",
    f"WITH u AS (UPDATE calls SET id = 9 FROM people p WHERE p.phone = '{ANN}' RETURNING p.id) SELECT id FROM u",
    f"SELECT id FROM people WHERE card = 'C1' AND phone <> '{ANN}'",
]


@pytest.fixture(scope="module")
def direct(postgres: Any) -> str:
    """The database, by the way straight to it."""
    url = postgres.create_database("searching")
    postgres.run_sql(TABLE, "searching")
    return str(url)


@pytest.fixture(scope="module")
def house(louver_factory: Callable[..., Any], direct: str) -> Iterator[Any]:
    """A Louver that lets its clerk search often."""
    assert direct
    policies = POLICIES.replace("LIMIT", "1000")
    with louver_factory(users={"ann": {}}, policies=policies, notices=False) as louver:
        yield louver


@pytest.fixture
def clerk(house: Any) -> Iterator[psycopg.Connection[Any]]:
    """A clerk's session."""
    with psycopg.connect(house.dsn("ann", database="searching"), autocommit=True) as client:
        yield client


@pytest.mark.parametrize("text", EXACT)
def test_an_equality_with_a_constant_finds_the_real_value(
    clerk: psycopg.Connection[Any], direct: str, text: str
) -> None:
    """The rows are those of the real database, and no way of sending changes that."""
    with psycopg.connect(direct) as owner:
        expected = owner.execute(text).fetchall()
    assert expected
    assert clerk.execute(text).fetchall() == expected
    assert clerk.execute(text, [], prepare=True).fetchall() == expected
    cursor = clerk.pgconn.exec_(text.encode())
    assert cursor.ntuples == len(expected)


@pytest.mark.parametrize("text", MASKED)
def test_any_other_condition_sees_masked_values(clerk: psycopg.Connection[Any], text: str) -> None:
    """What is no plain conjunct with constants finds nothing by a real value, and fails as it would anyway."""
    try:
        rows = clerk.execute(text).fetchall()
    except psycopg.Error as error:
        assert ANN not in str(error).split("LINE")[0]  # noqa: PT017  either end is right
    else:
        assert not rows


def test_what_is_found_is_shown_masked(clerk: psycopg.Connection[Any]) -> None:
    """The whole row, its text and its order are masked although it was found by its real value."""
    found = clerk.execute("SELECT * FROM people WHERE phone = %s ORDER BY id", [ANN]).fetchall()
    assert [row[:3] for row in found] == [(1, "Ann", "138****01"), (3, "Cid", "138****01")]
    text = clerk.execute("SELECT p::text, to_json(p)::text FROM people p WHERE phone = %s", [ANN]).fetchall()
    assert ANN not in str(text)


def test_types_keep_their_equality(clerk: psycopg.Connection[Any]) -> None:
    """Numbers are equal as numbers, a number is no text, and NULL equals nothing."""
    assert clerk.execute("SELECT id FROM people WHERE salary = 4711.5 ORDER BY id").fetchall() == [(1,), (4,)]
    assert clerk.execute("SELECT id FROM people WHERE salary = '4711.500' ORDER BY id").fetchall() == [(1,), (4,)]
    assert clerk.execute("SELECT id FROM people WHERE salary = 4711").fetchall() == []
    assert clerk.execute("SELECT id FROM people WHERE phone = NULL").fetchall() == []
    with pytest.raises(psycopg.errors.UndefinedFunction):
        clerk.execute("SELECT id FROM people WHERE phone = 13812345601")


def test_a_comparison_that_could_fail_sees_masked_values(clerk: psycopg.Connection[Any]) -> None:
    """A number too large for float8 would be quoted by the error; such columns are compared as they are shown."""
    try:
        rows = clerk.execute("SELECT id FROM people WHERE wealth = 5").fetchall()
    except psycopg.Error as error:
        rows = [str(error)]
    assert rows == []


def test_the_budget_is_counted_by_execution_and_refilled(louver_factory: Callable[..., Any], direct: str) -> None:
    """Each execution counts, prepared or not, each value of a list; over the limit it is refused, and audited as exact."""
    assert direct
    policies = POLICIES.replace("LIMIT", "6")
    text = "SELECT id FROM people WHERE phone = %s"
    with (
        louver_factory(users={"ann": {}, "bea": {}}, policies=policies) as louver,
        psycopg.connect(louver.dsn("ann", database="searching"), autocommit=True) as clerk,
        psycopg.connect(louver.dsn("bea", database="searching"), autocommit=True) as other,
    ):
        for _ in range(3):
            clerk.execute(text, [ANN], prepare=True)
        clerk.execute("SELECT id FROM people WHERE phone IN ('a', 'b')")
        with pytest.raises(psycopg.errors.ConfigurationLimitExceeded, match="your 6 searches an hour"):
            clerk.execute("SELECT id FROM people WHERE phone IN ('a', 'b')")
        clerk.execute(text, [ANN], prepare=True)
        with pytest.raises(psycopg.errors.ConfigurationLimitExceeded) as caught:
            clerk.execute(text, [ANN], prepare=True)
        assert caught.value.diag.message_hint == "There will be room for this one in 60 min."
        with pytest.raises(psycopg.errors.ConfigurationLimitExceeded):
            clerk.execute(f"SELECT id FROM people WHERE phone = '{ANN}'")
        with pytest.raises(psycopg.errors.ConfigurationLimitExceeded):
            clerk.execute(f"DECLARE c CURSOR WITH HOLD FOR SELECT id FROM people WHERE phone = '{ANN}'")
        clerk.execute(f"PREPARE p AS SELECT id FROM people WHERE phone = '{ANN}'")
        assert clerk.execute("EXECUTE p").fetchall() == []
        assert len(clerk.execute("SELECT phone FROM people").fetchall()) == 4
        assert other.execute(text, [ANN]).fetchall() == [(1,), (3,)]
        columns = [
            r["columns"] for r in records(louver.audit_directory) if r["event"] == "statement" and r.get("columns")
        ]
    searched = [column for found in columns for column in found if column.get("search") == "exact"]
    assert {column["column"] for column in searched} == {"public.people.phone"}
