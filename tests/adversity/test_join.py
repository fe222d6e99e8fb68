"""`join: exact`: which conditions join by real values, that nothing but the equality is told, and how often one may ask.

Two databases hold other real values with the same equalities: whatever is told beyond these would tell them apart.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from audit.reader import records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

POLICIES = """
version: 1
dictionary:
  - {column: "*.public.people.phone", category: phone, level: 3}
  - {column: "*.public.people.card", category: card, level: 3}
  - {column: "*.public.people.score", category: score, level: 3}
  - {column: "*.public.people.odd", category: phone, level: 3}
  - {column: "*.public.calls.phone", category: phone, level: 3}
  - {column: "*.public.calls.card", category: phone, level: 3}
  - {column: "*.public.calls.score", category: score, level: 3}
  - {column: "*.public.many.score", category: score, level: 3}
  - {column: "*.*.mine.*", category: phone, level: 3}
rules:
  - name: clerks join people and calls
    columns: {table: [public.people, public.calls, public.many]}
    treatment: {mask: full}
    on_write: deny
    join: {exact: {per_hour: LIMIT}}
"""
TABLES = """
CREATE TABLE people (id int PRIMARY KEY, name text, phone varchar(20), card text, score int, odd text COLLATE "C");
CREATE TABLE calls (id int PRIMARY KEY, person int, phone text, card text, score bigint);
CREATE TABLE guesses (phone text, score int);
CREATE TABLE many AS SELECT g AS id, (g * 7919) % 1009 AS score FROM generate_series(1, 100) g;
CREATE VIEW folk AS SELECT id, phone FROM people;
GRANT ALL ON ALL TABLES IN SCHEMA public TO public;
"""
VALUES = """
INSERT INTO people VALUES (1, 'Ann', 'A', 'A', 11, 'A'), (2, 'Bob', 'B', 'B', 22, 'B'), (3, 'Cid', 'A', 'A', 11, 'A'),
  (4, 'Dan', NULL, NULL, NULL, NULL), (5, 'Eva', 'C', 'C', 33, 'C');
INSERT INTO calls VALUES (1, 1, 'A', 'A', 11), (2, 2, 'B', 'B', 22), (3, 9, 'D', 'D', 44), (4, 9, NULL, NULL, NULL);
INSERT INTO guesses VALUES ('13812345601', 1), ('13812345601', 2)
"""
LEFT = {
    "A": "13812345601",
    "B": "13899999902",
    "C": "13812345603",
    "D": "1",
    "11": "4711",
    "22": "7",
    "33": "0",
    "44": "-5",
}
RIGHT = {
    "A": "zz",
    "B": "a long one, and so",
    "C": "b",
    "D": "ä\\b",
    "11": "1",
    "22": "2147483647",
    "33": "5",
    "44": "6",
}
EXACT = [
    "SELECT p.id, c.id FROM people p JOIN calls c ON p.phone = c.phone ORDER BY 1, 2",
    "SELECT p.id, c.id FROM people p, calls c WHERE c.phone = p.phone AND p.id > 0 ORDER BY 1, 2",
    "SELECT people.id, calls.id FROM people INNER JOIN calls ON (people.phone = calls.phone) ORDER BY 1, 2",
    "SELECT p.id, c.id FROM people p LEFT JOIN calls c ON p.phone = c.phone AND p.id = p.id ORDER BY 1, 2",
    "SELECT p.id, c.id FROM people p FULL JOIN calls c ON p.phone = c.phone ORDER BY 1, 2",
    "SELECT p.id, c.id, d.id FROM people p JOIN (calls c LEFT JOIN calls d ON c.phone = d.phone) ON p.phone = d.phone ORDER BY 1, 2, 3",
    "SELECT a.id, b.id FROM people a JOIN people b ON a.phone = b.phone AND a.id < b.id",
    "SELECT p.id, c.id FROM people p JOIN calls c ON p.score = c.score AND p.phone = c.phone ORDER BY 1, 2",
    "SELECT count(*) FROM people p JOIN calls c ON p.phone = c.phone",
    "SELECT p.id FROM people p WHERE EXISTS (SELECT 1 FROM calls c JOIN people q ON q.phone = c.phone WHERE q.id = p.id) ORDER BY 1",
    "WITH w AS (SELECT p.id FROM people p JOIN calls c ON p.phone = c.phone) SELECT id FROM w ORDER BY id",
    "SELECT t.*, g.score FROM (SELECT p.id FROM people p JOIN calls c ON p.phone = c.phone) t, guesses g ORDER BY 1, 2",
    'SELECT "P".id, c.id FROM people "P" JOIN public.calls c ON "P"."phone"=c.phone ORDER BY 1, 2',
    "SELECT p.id FROM people p JOIN calls c ON p.card = c.card ORDER BY 1 -- of another category: CATEGORY",
    "UPDATE guesses SET score = c.id FROM people p JOIN calls c ON p.phone = c.phone WHERE p.id = 2 RETURNING p.id",
]
HOSTILE = [
    # the order of rows in which a merge join finds them would be that of real values
    "SELECT p.id FROM people p JOIN calls c ON p.phone = c.phone",
    "SELECT p.id, q.id FROM people p JOIN people q ON p.score = q.score",
    # what is compared is shown by no name, star, row or function
    "SELECT p.*, c.id FROM people p JOIN calls c ON p.phone = c.phone ORDER BY 1, 2",
    "SELECT * FROM people p JOIN calls c ON p.phone = c.phone",
    "SELECT p FROM people p JOIN calls c ON p.phone = c.phone",
    "SELECT row_to_json(p) FROM people p JOIN calls c ON p.phone = c.phone",
    "SELECT p.louver_join1 FROM people p JOIN calls c ON p.phone = c.phone",
    "SELECT louver_join1 FROM people p JOIN calls c ON p.phone = c.phone",
    "SELECT U&\"louver!005fjoin1\" UESCAPE '!' FROM people p JOIN calls c ON p.phone = c.phone",
    "SELECT (p).louver_join1 FROM people p JOIN calls c ON p.phone = c.phone",
    "SELECT louver_join1(p) FROM people p JOIN calls c ON p.phone = c.phone",
    "SELECT * FROM (people p JOIN calls c ON p.phone = c.phone) AS j",
    "SELECT j.* FROM (people p JOIN calls c ON p.phone = c.phone) AS j (a, b, c, d, e, f, g)",
    "SELECT (SELECT p) FROM people p JOIN calls c ON p.phone = c.phone",
    "SELECT p.id FROM people p JOIN calls c ON p.phone = c.phone ORDER BY p",
    "SELECT count(DISTINCT p) FROM people p JOIN calls c ON p.phone = c.phone",
    "SELECT * FROM people p NATURAL JOIN calls c",
    "SELECT id FROM people JOIN calls USING (phone)",
    "SELECT p.id FROM people p JOIN calls c ON p.phone = c.phone JOIN guesses USING (louver_join1)",
    "UPDATE guesses SET score = 0 FROM people p JOIN calls c ON p.phone = c.phone RETURNING p.*, c.*",
    "DELETE FROM guesses USING people p JOIN calls c ON p.phone = c.phone RETURNING p, c.*",
    "MERGE INTO guesses g USING (people p JOIN calls c ON p.phone = c.phone) ON true WHEN MATCHED THEN DELETE RETURNING *",
    "SELECT x.* FROM people p JOIN calls c ON p.phone = c.phone, LATERAL (SELECT p.*) x",
    "SELECT p.id, count(p.*) FROM people p JOIN calls c ON p.phone = c.phone GROUP BY p.id, p.*",
    "SELECT xmlforest(p.*) FROM people p JOIN calls c ON p.phone = c.phone",
    "DECLARE k CURSOR FOR SELECT to_jsonb(p) FROM people p JOIN calls c ON p.phone = c.phone",
    "CREATE TEMP TABLE taken AS SELECT p.* FROM people p JOIN calls c ON p.phone = c.phone",
    # other comparisons
    "SELECT p.id, c.id FROM people p JOIN calls c ON p.phone < c.phone",
    "SELECT p.id, c.id FROM people p JOIN calls c ON p.phone <> c.phone",
    "SELECT p.id, c.id FROM people p JOIN calls c ON p.phone >= c.phone AND p.phone <= c.phone",
    "SELECT p.id, c.id FROM people p JOIN calls c ON p.phone LIKE c.phone",
    "SELECT p.id, c.id FROM people p JOIN calls c ON p.phone || '' = c.phone",
    "SELECT p.id, c.id FROM people p JOIN calls c ON lower(p.phone) = lower(c.phone)",
    "SELECT p.id, c.id FROM people p JOIN calls c ON p.phone = c.phone OR p.id = c.id",
    "SELECT p.id, c.id FROM people p JOIN calls c ON NOT p.phone = c.phone",
    "SELECT p.id, c.id FROM people p JOIN calls c ON CASE WHEN p.phone = c.phone THEN true END",
    "SELECT p.id, c.id FROM people p JOIN calls c ON (p.phone = c.phone) IS NOT TRUE",
    "SELECT p.id, c.id, p.phone = c.phone, p.phone < c.phone FROM people p, calls c",
    "SELECT max(p.phone), string_agg(c.phone, '') FROM people p JOIN calls c ON p.phone = c.phone",
    "SELECT p.id FROM people p JOIN calls c ON p.phone = c.phone AND 1 / (length(p.phone) - 11) > 0",
    "SELECT p.phone::int FROM people p JOIN calls c ON p.phone = c.phone",
    "SELECT p.id FROM people p WHERE p.phone IN (SELECT c.phone FROM calls c)",
    "SELECT p.phone FROM people p INTERSECT SELECT c.phone FROM calls c",
    # dictionaries
    "SELECT p.id FROM people p JOIN guesses g ON p.phone = g.phone",
    "SELECT p.id FROM people p, (VALUES ('13812345601')) g (phone) WHERE p.phone = g.phone",
    "WITH g AS (SELECT '13812345601' AS phone) SELECT p.id FROM people p JOIN g ON p.phone = g.phone",
    "SELECT p.id FROM people p, generate_series(4000, 5000) g WHERE p.score = g",
    "SELECT p.id FROM people p JOIN LATERAL (SELECT '13812345601' AS phone) g ON p.phone = g.phone",
    "SELECT p.id FROM people p JOIN mine m ON p.phone = m.phone",
    "SELECT p.id, c.id FROM people p JOIN calls c ON p.phone = c.card",
    "SELECT p.id, c.id FROM people p JOIN calls c ON p.odd = c.phone",
    "SELECT p.id FROM people p JOIN folk f ON p.phone = f.phone AND p.id <> f.id",
    "INSERT INTO calls VALUES (9, 9, '13812345601')",
    "INSERT INTO calls (id, phone) SELECT 9, '13812345601'",
    "UPDATE calls SET phone = '13812345601' WHERE id = 3",
    "UPDATE calls SET phone = phone",
    "INSERT INTO calls (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET phone = '13812345601'",
    "MERGE INTO calls c USING guesses g ON false WHEN NOT MATCHED THEN INSERT (id, phone) VALUES (9, g.phone)",
    "ALTER TABLE calls ALTER phone SET DEFAULT '13812345601'",
    "CREATE TABLE more (LIKE calls) INHERITS (calls)",
    "CREATE TRIGGER t BEFORE INSERT ON calls FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "UPDATE people SET name = 'x' FROM calls c WHERE people.phone = c.phone AND people.id = 5",
    "EXPLAIN SELECT p.id FROM people p JOIN calls c ON p.phone = c.phone",
]


def filled(values: dict[str, str]) -> str:
    """The rows with these real values."""
    text = VALUES
    for name, value in values.items():
        text = (
            text.replace(f"'{name}'", f"'{value}'")
            .replace(f" {name},", f" {value},")
            .replace(f" {name})", f" {value})")
        )
    return text


@pytest.fixture(scope="module")
def twins(postgres: Any) -> dict[str, str]:
    """The two databases, by the way straight to them."""
    urls = {}
    for name, values in (("joining_left", LEFT), ("joining_right", RIGHT)):
        urls[name] = str(postgres.create_database(name))
        postgres.run_sql(TABLES, name)
        postgres.run_sql(filled(values), name)
        postgres.run_sql("CREATE TABLE mine AS SELECT '13812345601'::text AS phone; GRANT ALL ON mine TO public", name)
    return urls


@pytest.fixture(scope="module")
def house(louver_factory: Callable[..., Any], twins: dict[str, str]) -> Iterator[Any]:
    """A Louver that lets its clerk join often."""
    assert twins
    with louver_factory(users={"ann": {}}, policies=POLICIES.replace("LIMIT", "100000"), notices=False) as louver:
        yield louver


@pytest.fixture
def clerks(house: Any, twins: dict[str, str]) -> Iterator[list[psycopg.Connection[Any]]]:
    """A clerk's sessions with the two databases."""
    with (
        psycopg.connect(house.dsn("ann", database="joining_left"), autocommit=True) as left,
        psycopg.connect(house.dsn("ann", database="joining_right"), autocommit=True) as right,
    ):
        assert len(twins) == 2
        yield [left, right]


def answer(client: psycopg.Connection[Any], text: str, *, prepare: bool = False) -> Any:
    """The rows and the tag, or what the error says."""
    try:
        with client.transaction(force_rollback=True):
            cursor = client.execute(text, [] if prepare else None, prepare=prepare)
            return cursor.fetchall() if cursor.description else None, cursor.statusmessage
    except psycopg.Error as error:
        return error.sqlstate, error.diag.message_primary, error.diag.message_detail, error.diag.message_hint


@pytest.mark.parametrize("text", [text for text in EXACT if "CATEGORY" not in text])
def test_an_equality_of_two_columns_joins_by_real_values(
    clerks: list[psycopg.Connection[Any]], twins: dict[str, str], text: str
) -> None:
    """The rows are those of the real databases, by simple and by prepared query."""
    for clerk, url in zip(clerks, twins.values(), strict=True):
        with psycopg.connect(url) as owner:
            expected = answer(owner, text)
        assert expected[0], expected
        assert answer(clerk, text) == expected
        assert answer(clerk, text, prepare=True) == expected


@pytest.mark.parametrize("text", [*EXACT, *HOSTILE])
@pytest.mark.parametrize("off", ["hashjoin, mergejoin", "hashjoin, nestloop", "mergejoin, nestloop"])
def test_nothing_but_the_equality_is_told(clerks: list[psycopg.Connection[Any]], text: str, off: str) -> None:
    """Rows, their order, tags and errors are the same over other real values, however the server is made to join."""
    answers = []
    for clerk in clerks:
        for setting in off.split(", "):
            clerk.execute(f"SET enable_{setting} = off")
        answers.append((answer(clerk, text), answer(clerk, text, prepare=True)))
    if "ORDER BY" not in text:  # the hash gives the rows an order of its own, which means nothing
        answers = [
            tuple((sorted(map(str, a[0] or [])), a[1]) if isinstance(a[0], list) else a for a in both)
            for both in answers
        ]
    assert answers[0] == answers[1]
    for value in (*LEFT.values(), *RIGHT.values()):
        assert len(value) < 3 or value not in str(answers) or value in text


@pytest.mark.parametrize(
    "text", [text for text in HOSTILE if " JOIN guesses g" in text or " g " in text or "mine" in text]
)
def test_guesses_find_nothing(clerks: list[psycopg.Connection[Any]], text: str) -> None:
    """A caller's own values are never joined with hidden ones, whatever table they stand in."""
    assert not isinstance(answer(clerks[0], text)[0], list) or answer(clerks[0], text)[0] == []


def test_the_order_of_a_merge_join_is_not_that_of_real_values(
    clerks: list[psycopg.Connection[Any]], twins: dict[str, str]
) -> None:
    """Sent straight, a merge join gives its rows sorted by what is joined; through Louver, by a keyed hash of it."""
    text = "SELECT a.id FROM many a JOIN many b ON a.score = b.score"
    with psycopg.connect(twins["joining_left"], autocommit=True) as owner:
        by_value = [row[0] for row in owner.execute("SELECT id FROM many ORDER BY score")]
        orders = []
        for client in (owner, clerks[0]):
            client.execute("SET enable_hashjoin = off")
            client.execute("SET enable_nestloop = off")
            orders.append([row[0] for row in client.execute(text)])
    assert orders[0] == by_value
    assert sorted(orders[1]) == sorted(by_value)
    assert sum(here < there for here, there in pairwise(orders[1])) < 80
    places = [by_value.index(id_) for id_ in orders[1]]
    assert 25 < sum(here < there for here, there in pairwise(places)) < 75


def test_joins_are_counted_and_audited(louver_factory: Callable[..., Any], twins: dict[str, str]) -> None:
    """Each execution counts one for each column that is joined; over the limit it is refused; the trail says exact."""
    assert twins
    text = "SELECT p.id FROM people p JOIN calls c ON p.phone = c.phone"
    with (
        louver_factory(users={"ann": {}}, policies=POLICIES.replace("LIMIT", "3")) as louver,
        psycopg.connect(louver.dsn("ann", database="joining_left"), autocommit=True) as clerk,
    ):
        for _ in range(2):
            clerk.execute(text, prepare=True)
        twice = "SELECT 1 FROM people p JOIN people q ON p.phone = q.phone"
        with pytest.raises(psycopg.errors.ConfigurationLimitExceeded, match="your 3 joins an hour"):
            clerk.execute(twice)
        clerk.execute(text)
        with pytest.raises(psycopg.errors.ConfigurationLimitExceeded):
            clerk.execute(text)
        clerk.execute(f"PREPARE p AS {text}")
        assert len(clerk.execute("EXECUTE p").fetchall()) == 4 * 3  # masked: all are alike
        audited = [r for r in records(louver.audit_directory) if r["event"] == "statement" and r.get("columns")]
    assert {(use["column"], use.get("join")) for use in audited[0]["columns"]} == {
        ("public.people.phone", "exact"),
        ("public.calls.phone", "exact"),
    }
