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
    f"SELECT id FROM people WHERE phone = CAST('{ANN}' AS text) ORDER BY id",
    f"SELECT id FROM people WHERE varchar '{ANN}' = phone ORDER BY id",
    f"SELECT id FROM people WHERE phone = (('{ANN}'::varchar)) ORDER BY id",
    f"SELECT id FROM people WHERE phone IS NOT DISTINCT FROM '{ANN}' ORDER BY id",
    "SELECT id FROM people WHERE phone IS NOT DISTINCT FROM NULL ORDER BY id",
    f"SELECT id FROM people WHERE phone = ANY (ARRAY['{ANN}', 'x']) ORDER BY id",
    f"SELECT id FROM people WHERE phone = ANY (ARRAY['{ANN}']::text[]) ORDER BY id",
    f"SELECT id FROM people WHERE phone = SOME ('{{x,{ANN}}}') ORDER BY id",
    f"SELECT id FROM people WHERE phone = ANY (CAST('{{x,{ANN}}}' AS varchar[])) ORDER BY id",
    f"SELECT c.id FROM calls c JOIN people p ON c.person = p.id AND p.phone = '{ANN}' ORDER BY 1",
    f"SELECT c.id, p.id FROM calls c LEFT JOIN people p ON c.person = p.id AND p.phone = '{ANN}' ORDER BY 1",
    f"SELECT c.id, p.id FROM people p RIGHT JOIN calls c ON c.person = p.id AND p.phone = '{ANN}' ORDER BY 1",
    f"SELECT c.id FROM calls c LEFT JOIN (people p JOIN people q ON q.id = p.id AND q.phone = '{ANN}') ON p.id = c.id ORDER BY 1",
    f"WITH u AS (UPDATE calls SET phone = calls.phone FROM people p WHERE p.id = calls.id AND p.phone = '{ANN}' RETURNING p.id) SELECT id FROM u",
    f"WITH u AS (UPDATE people SET name = name WHERE phone = '{ANN}' RETURNING id) SELECT id FROM u ORDER BY id",
    f"WITH u AS (UPDATE people q SET name = name FROM calls c WHERE c.id = q.id AND q.phone = '{ANN}' RETURNING q.id) SELECT id FROM u",
    f"WITH u AS (DELETE FROM people WHERE phone IN ('{ANN}', 'y') AND id < 0 OR false RETURNING id) SELECT 1 FROM people WHERE phone = '{ANN}'",
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
    f"SELECT id FROM people WHERE phone = ANY (ARRAY['{ANN}'] || 'x'::text)",
    f"SELECT id FROM people WHERE phone = ANY (string_to_array('{ANN}', ','))",
    f"SELECT id FROM people WHERE phone = ANY (SELECT '{ANN}')",
    f"SELECT id FROM people WHERE phone = ANY (VALUES ('{ANN}'))",
    f"SELECT id FROM people WHERE phone LIKE ANY (ARRAY['{ANN}'])",
    f"SELECT id FROM people WHERE phone >= '{ANN}' AND phone <= '{ANN}'",
    f"SELECT id FROM people WHERE phone BETWEEN '{ANN}' AND '{ANN}'",
    f"SELECT id FROM people WHERE NOT phone <> ALL (ARRAY['{ANN}'])",
    f"SELECT id FROM people WHERE phone ~ '{ANN}'",
    f"SELECT id FROM people WHERE starts_with(phone, '{ANN}')",
    f"SELECT c.id FROM calls c LEFT JOIN people p ON true WHERE p.phone = '{ANN}'",
    f"SELECT c.id FROM people p LEFT JOIN calls c ON c.person = p.id AND p.phone = '{ANN}' WHERE c.id IS NOT NULL",
    f"SELECT p.id FROM people p FULL JOIN calls c ON p.id = c.id AND p.phone = '{ANN}' WHERE c.id = p.id",
    f"SELECT c.id FROM calls c JOIN (calls d LEFT JOIN people p ON d.id = p.id) ON p.phone = '{ANN}'",
    f"SELECT c.id FROM calls c JOIN people p ON p.phone = '{ANN}' OR false",
    f"WITH u AS (UPDATE people SET name = name WHERE phone = '{ANN}' OR false RETURNING id) SELECT id FROM u",
    f"WITH u AS (UPDATE people SET name = name WHERE phone LIKE '{ANN}' RETURNING id) SELECT id FROM u",
    f"WITH u AS (UPDATE people SET name = name WHERE CASE WHEN phone = '{ANN}' THEN true END RETURNING id) SELECT id FROM u",
    "WITH u AS (UPDATE people p SET name = name FROM calls c WHERE c.phone = p.phone RETURNING p.id) SELECT id FROM u",
    f"WITH u AS (UPDATE people SET name = name RETURNING id, phone = '{ANN}' AS found) SELECT id FROM u WHERE found",
    f"WITH u AS (INSERT INTO calls SELECT 9, 1, 'x' FROM people p WHERE p.phone LIKE '{ANN}' RETURNING id) SELECT id FROM u",
    f"SELECT id FROM people WHERE phone LIKE '{ANN}'",
    f"SELECT id FROM people WHERE phone || '' = '{ANN}'",
    f"SELECT id FROM people WHERE phone::text = '{ANN}'",
    f"SELECT id FROM people WHERE phone = '{ANN}' COLLATE \"C\"",
    f"SELECT id FROM people WHERE CASE WHEN phone = '{ANN}' THEN true END",
    f"SELECT id FROM people WHERE phone IS DISTINCT FROM '{ANN}' AND false",
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
    text = "SELECT id FROM people WHERE phone = %s ORDER BY id"
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


WRITES = [
    (f"UPDATE people SET name = 'found' WHERE phone = '{ANN}'", "UPDATE 2"),
    (f"UPDATE people AS p SET name = 'found' WHERE '{ANN}' = p.phone AND id = 1", "UPDATE 1"),
    (
        f"UPDATE people SET name = 'found' FROM calls c WHERE c.person = people.id AND people.phone = '{ANN}'",
        "UPDATE 1",
    ),
    (f"UPDATE calls SET person = 0 FROM people p WHERE p.id = calls.person AND p.phone = '{ANN}'", "UPDATE 1"),
    (f"DELETE FROM people WHERE phone = ANY ('{{{ANN}}}')", "DELETE 2"),
    (f"DELETE FROM calls USING people p WHERE p.id = calls.person AND p.phone IN ('{ANN}')", "DELETE 1"),
    (f"MERGE INTO people p USING calls c ON c.person = p.id AND p.phone = '{ANN}' WHEN MATCHED THEN DELETE", "MERGE 1"),
    (
        f"MERGE INTO people p USING calls c ON c.person = p.id WHEN MATCHED AND p.phone = '{ANN}' THEN DELETE",
        "MERGE 1",
    ),
    (f"INSERT INTO calls SELECT 9, id, 'x' FROM people WHERE phone = '{ANN}'", "INSERT 0 2"),
    (f"CREATE TEMP TABLE found AS SELECT id FROM people WHERE phone = '{ANN}'", "SELECT 2"),
    (f"UPDATE people SET name = 'found' WHERE phone LIKE '{ANN}'", "UPDATE 0"),
    (f"UPDATE people SET name = 'found' WHERE phone = '{ANN}' OR false", "UPDATE 0"),
    (f"UPDATE people SET name = 'found' WHERE phone >= '{ANN}' AND phone <= '{ANN}'", "UPDATE 0"),
    ("UPDATE people SET name = 'found' FROM calls c WHERE people.phone = c.phone", "UPDATE 0"),
    ("DELETE FROM people USING (VALUES ('13812345601')) v(phone) WHERE people.phone = v.phone", "DELETE 0"),
    ("MERGE INTO people p USING calls c ON p.phone = c.phone WHEN MATCHED THEN DELETE", "MERGE 0"),
    (
        f"MERGE INTO calls c USING people p ON c.person = p.id AND p.phone = '{ANN}' WHEN MATCHED THEN DELETE",
        "MERGE 0",
    ),
]


@pytest.mark.parametrize(("text", "tag"), WRITES)
def test_writes_find_rows_by_the_same_equalities(clerk: psycopg.Connection[Any], text: str, tag: str) -> None:
    """UPDATE, DELETE and MERGE touch the rows whose real value is asked for; by any other condition, those of masked ones."""
    with clerk.transaction(force_rollback=True):
        assert clerk.execute(text).statusmessage == tag
    with clerk.transaction(force_rollback=True):
        assert clerk.execute(text, [], prepare=True).statusmessage == tag


def test_what_is_found_and_written_is_shown_masked(clerk: psycopg.Connection[Any]) -> None:
    """RETURNING and what is assigned see the masked value of the row that was found by its real one."""
    with clerk.transaction(force_rollback=True):
        text = "UPDATE people SET name = phone WHERE phone = %s RETURNING name, phone, people"
        shown = clerk.execute(text, [ANN]).fetchall()
        assert [row[:2] for row in shown] == [("138****01", "138****01")] * 2
        assert ANN not in str(shown)
        assert ANN not in str(clerk.execute("SELECT * FROM people").fetchall())


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("cast", ["", "::text[]", "::varchar[]"])
def test_an_array_counts_its_elements_when_it_is_bound(
    louver_factory: Callable[..., Any], direct: str, cast: str, *, binary: bool
) -> None:
    """A parameter that is an array counts as many values as it holds, in text and in binary, prepared or not, in writes too."""
    assert direct
    format_ = "%b" if binary else "%t"
    text = f"SELECT id FROM people WHERE phone = ANY ({format_}{cast}) ORDER BY id"
    with (
        louver_factory(users={"ann": {}}, policies=POLICIES.replace("LIMIT", "6")) as louver,
        psycopg.connect(louver.dsn("ann", database="searching"), autocommit=True) as clerk,
    ):
        assert clerk.execute(text, [[ANN, "x"]], prepare=True).fetchall() == [(1,), (3,)]
        with pytest.raises(psycopg.errors.ConfigurationLimitExceeded, match="used up"):
            clerk.execute(text, [["a"] * 5], prepare=True)
        with pytest.raises(psycopg.errors.ConfigurationLimitExceeded, match="7 values at once"):
            clerk.execute(text, [["a"] * 7])
        with clerk.transaction(force_rollback=True):
            changed = f"UPDATE people SET name = 'x' WHERE phone = ANY ({format_}{cast})"
            assert clerk.execute(changed, [["a", "b", ANN]]).rowcount == 2
        assert clerk.execute(text, [["a"]]).fetchall() == []
        with pytest.raises(psycopg.errors.ConfigurationLimitExceeded, match="used up"):
            clerk.execute(text, [["a"]])


def test_a_write_counts_its_probes(louver_factory: Callable[..., Any], direct: str) -> None:
    """Each execution of an UPDATE, DELETE or MERGE that searches counts, and is audited as exact."""
    assert direct
    with (
        louver_factory(users={"ann": {}}, policies=POLICIES.replace("LIMIT", "3")) as louver,
        psycopg.connect(louver.dsn("ann", database="searching"), autocommit=True) as clerk,
    ):
        clerk.execute("UPDATE people SET name = 'x' WHERE phone = 'nobody'")
        clerk.execute("DELETE FROM people WHERE phone = %s", ["nobody"])
        merge = "MERGE INTO people p USING calls c ON p.phone = 'nobody' WHEN MATCHED THEN DELETE"
        clerk.execute(merge)
        with pytest.raises(psycopg.errors.ConfigurationLimitExceeded):
            clerk.execute(merge)
        audited = [r for r in records(louver.audit_directory) if r["event"] == "statement" and r.get("columns")]
    assert [use["search"] for record in audited[:3] for use in record["columns"]] == ["exact"] * 3


def test_writes_tell_of_masked_conditions_once(louver_factory: Callable[..., Any], direct: str) -> None:
    """A condition of UPDATE, DELETE or MERGE on what the caller sees masked brings the NOTICE; a search brings none."""
    assert direct
    cases = {
        "UPDATE people SET name = name WHERE phone LIKE '1%'": 1,
        "DELETE FROM people WHERE card = 'nobody'": 1,
        "MERGE INTO people p USING calls c ON p.phone = c.phone WHEN MATCHED THEN DO NOTHING": 1,
        "MERGE INTO people p USING calls c ON p.id = c.id WHEN MATCHED AND card = 'x' THEN DO NOTHING": 1,
        "UPDATE people SET name = name WHERE phone = 'nobody'": 0,
        "UPDATE people SET card = 'C1' WHERE id = 1 RETURNING phone": 0,
    }
    with louver_factory(users={"ann": {}}, policies=POLICIES.replace("LIMIT", "9")) as louver:
        for text, expected in cases.items():
            with psycopg.connect(louver.dsn("ann", database="searching")) as clerk:
                told: list[str] = []
                clerk.add_notice_handler(lambda notice, told=told: told.append(str(notice.message_primary)))
                clerk.execute(text)
                clerk.execute(text)
                clerk.rollback()
            assert len(told) == expected, (text, told)
            assert all("public.people." in message for message in told)
