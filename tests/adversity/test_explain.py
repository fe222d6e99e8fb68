"""`explain: allow`: which plans are shown, that they show no value and no key, and that the server's own notes are not shown."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

POLICIES = """
version: 1
dictionary:
  - {column: "explaining.public.people.phone", category: phone, level: 3}
  - {column: "explaining.public.people.pay", category: pay, level: 3}
  - {column: "explaining.public.staff.ssn", category: ssn, level: 4}
  - {column: "explaining.public.tokens.ref", category: ref, level: 3}
  - {column: "explaining.public.closed.code", category: code, level: 5}
  - {column: "explaining.public.branches.name", category: phone, level: 3}
  - {column: "explaining.public.small_branches.chief", category: ssn, level: 4}
rules:
  - {name: developers see no codes, columns: {category: [ssn, ref, code]}, when: principal.name == "dev", treatment: {mask: full}, explain: allow}
  - name: clerks find people by phone
    columns: {category: phone}
    treatment: {mask: partial, keep_first: 3, keep_last: 2}
    search: {exact: {per_hour: 40}}
    explain: allow
  - {name: pay of the region, columns: {category: pay}, rows: "region = {principal.region}", treatment: clear, explain: allow}
  - {name: references are hashed, columns: {category: ref}, treatment: {mask: hash}, explain: allow}
  - {name: codes are for nobody, columns: {category: code}, treatment: deny, explain: allow}
functions: [public.staff_like, public.counted]
"""
TABLE = """
CREATE TABLE people (id int PRIMARY KEY, name text, region text, phone text, pay numeric(10, 2));
CREATE TABLE staff (id int PRIMARY KEY, name text, ssn text);
CREATE TABLE tokens (id int PRIMARY KEY, ref text);
CREATE TABLE closed (id int PRIMARY KEY, code text);
CREATE TABLE plain (id int PRIMARY KEY, note text);
CREATE TABLE guarded (id int);
CREATE TABLE branches (id int, name text);
CREATE TABLE small_branches (chief text) INHERITS (branches);
INSERT INTO people SELECT i, 'n' || i, 'north', '1381234560' || i % 3, 47110815.25 FROM generate_series(1, 300) i;
INSERT INTO staff SELECT i, 'n' || i, 'SECRET' || i FROM generate_series(1, 50) i;
INSERT INTO tokens VALUES (1, 'SECRETREF');
INSERT INTO closed VALUES (1, 'SECRETCODE');
CREATE VIEW folk AS SELECT p.id, p.phone, s.note FROM people p JOIN plain s ON s.id = p.id;
CREATE VIEW crew AS SELECT id, ssn FROM staff;
CREATE VIEW crew_of_crew AS SELECT id FROM crew;
CREATE VIEW phones AS SELECT id, phone FROM people;
CREATE MATERIALIZED VIEW kept AS SELECT id, phone FROM people;
CREATE MATERIALIZED VIEW kept_crew AS SELECT id, ssn FROM staff;
CREATE FUNCTION staff_like(text) RETURNS SETOF int STABLE LANGUAGE sql AS 'SELECT id FROM public.staff WHERE ssn LIKE $1';
CREATE FUNCTION counted() RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT count(*) FROM public.staff); END';
CREATE FUNCTION by_listed() RETURNS SETOF int STABLE LANGUAGE sql AS $$ SELECT public.staff_like('SECRET%') $$;
CREATE FUNCTION noisy() RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE DEBUG 'of debug'; RAISE LOG 'of log'; END $$;
ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON guarded USING (id IN (SELECT id FROM staff WHERE ssn LIKE 'SECRET%'));
CREATE INDEX by_phone ON people (phone);
ANALYZE;
GRANT ALL ON ALL TABLES IN SCHEMA public TO public
"""
HIDDEN = ("1381234560", "SECRET", "47110815", "louver.")

SHOWN = [
    "SELECT * FROM people",
    "SELECT p.phone FROM people p JOIN plain n USING (id) WHERE p.phone LIKE '138%' ORDER BY p.pay",
    "SELECT phone, count(*) FROM people GROUP BY phone HAVING max(pay) > 1",
    "SELECT * FROM folk WHERE phone > '2'",
    "SELECT * FROM kept WHERE phone = 'x'",
    "SELECT id FROM people WHERE phone = '138'",
    "WITH w AS MATERIALIZED (SELECT pay FROM people) SELECT sum(pay) FROM w",
    "SELECT id FROM tokens",
    "SELECT id FROM closed",
    "SELECT counted()",
    "INSERT INTO plain SELECT 1000 + id, phone FROM people WHERE id < 3",
    "UPDATE people SET phone = '138****01', name = phone WHERE pay > 1",
    "UPDATE plain SET note = p.phone FROM people p WHERE p.id = plain.id AND p.phone < 'x'",
    "DELETE FROM people WHERE phone = 'x' AND pay < 0 RETURNING *",
    "MERGE INTO plain USING people p ON p.id = plain.id AND p.phone = 'x' WHEN MATCHED THEN DELETE",
    "UPDATE phones SET phone = phone WHERE phone > 'x'",
    "DECLARE c CURSOR FOR SELECT pay FROM people",
    "CREATE TABLE made AS SELECT phone FROM people",
    "CREATE MATERIALIZED VIEW made AS SELECT id, phone FROM people",
]
FORMS = [
    "",
    "(VERBOSE)",
    "(ANALYZE, VERBOSE, BUFFERS, WAL, SETTINGS, SERIALIZE)",
    "(ANALYZE, FORMAT json)",
    "(COSTS OFF, FORMAT xml)",
]

KEPT_BACK = [
    "SELECT id FROM staff",
    "SELECT 1 FROM plain WHERE EXISTS (SELECT FROM people JOIN staff USING (id))",
    "SELECT id FROM crew",
    "SELECT id FROM kept_crew",
    "SELECT id FROM branches",
    "SELECT * FROM tokens",
    "SELECT 1 FROM tokens WHERE ref > 'a'",
    "UPDATE tokens SET id = 1 WHERE ref = 'x'",
    "SELECT code FROM closed",
    "SELECT * FROM staff_like('SECRET%')",
    "SELECT * FROM plain WHERE id IN (SELECT by_listed())",
    "SELECT * FROM guarded",
    "EXECUTE q",
    "CREATE TABLE made AS EXECUTE q",
    "CREATE MATERIALIZED VIEW made AS SELECT id FROM staff",
    "REFRESH MATERIALIZED VIEW kept_crew",
    "INSERT INTO staff (id) VALUES (1000)",
    "DELETE FROM staff",
    "UPDATE crew SET id = id",
    "DELETE FROM crew_of_crew WHERE id < 0",
    "MERGE INTO plain p USING crew c ON p.id = c.id WHEN MATCHED THEN DELETE",
    "DECLARE c CURSOR FOR SELECT id FROM staff",
]


@pytest.fixture(scope="module")
def direct(postgres: Any) -> str:
    """The database, by the way straight to it."""
    url = postgres.create_database("explaining")
    postgres.run_sql(TABLE, "explaining")
    return str(url)


@pytest.fixture(scope="module")
def house(louver_factory: Callable[..., Any], direct: str) -> Iterator[Any]:
    """A Louver for a clerk and a developer."""
    assert direct
    users = {"ann": {"region": "south"}, "dev": {"region": "south"}}
    with louver_factory(users=users, policies=POLICIES, notices=False) as louver:
        yield louver


@pytest.fixture
def session(house: Any) -> Iterator[Callable[[str], psycopg.Connection[Any]]]:
    """Opens sessions, in transactions that come to nothing."""
    opened: list[psycopg.Connection[Any]] = []

    def start(user: str) -> psycopg.Connection[Any]:
        opened.append(psycopg.connect(house.dsn(user, database="explaining")))
        return opened[-1]

    yield start
    for each in opened:
        each.close()


@pytest.mark.parametrize("text", SHOWN)
def test_a_permitted_plan_is_shown_without_values(session: Callable[..., Any], text: str) -> None:
    """The plan comes in every form, by both protocols, and holds no stored value and nothing of Louver's own."""
    with session("ann") as client:
        for form, prepare in itertools.product(FORMS, (False, True)):
            with client.transaction(force_rollback=True):
                plan = str(client.execute(f"EXPLAIN {form} {text}", prepare=prepare).fetchall())
                assert "cost" in plan.lower() or "Scan" in plan or "Result" in plan
                assert not any(word in plan for word in HIDDEN)


@pytest.mark.parametrize("text", KEPT_BACK)
def test_all_other_plans_are_refused(session: Callable[..., Any], text: str) -> None:
    """One relation behind the plan without the permission, a keyed mask, or what cannot be told: no plan."""
    with session("ann") as client:
        client.execute("PREPARE q AS SELECT id FROM people")
        for form in ("", "ANALYZE"):
            with pytest.raises(psycopg.Error) as refused, client.transaction():
                client.execute(f"EXPLAIN {form} {text}")
            assert refused.value.sqlstate in {"42501", "0A000"}
            assert not any(word in str(refused.value) for word in HIDDEN if word not in text)


def test_a_plan_names_relations_as_the_client_does(session: Callable[..., Any]) -> None:
    """An alias stands in the plan, of a view's own query, too."""
    with session("ann") as client:
        plan = str(
            client.execute("EXPLAIN SELECT a.id FROM people a, people people2 WHERE a.id = people2.id").fetchall()
        )
        assert "people a" in plan
        assert "people people2" in plan
        assert "people p" in str(client.execute("EXPLAIN SELECT phone FROM folk").fetchall())


def test_analyze_does_what_the_statement_does(session: Callable[..., Any], direct: str) -> None:
    """A value that was read masked keeps the real one, and a table is made of what is seen."""
    with session("ann") as client:
        client.execute("EXPLAIN ANALYZE UPDATE people SET phone = '138****01', name = phone WHERE id = 1")
        client.execute("EXPLAIN ANALYZE CREATE TABLE seen AS SELECT phone FROM people WHERE id = 1")
        seen = client.execute("SELECT phone FROM seen").fetchone()
        client.execute("DROP TABLE seen")
        client.commit()
    with psycopg.connect(direct) as owner:
        phone, name = owner.execute("SELECT phone, name FROM people WHERE id = 1").fetchone() or ("", "")
    assert phone == "13812345601"
    assert seen == (name,)
    assert name.startswith("138**")


def test_a_developer_sees_plans_of_prepared_statements(session: Callable[..., Any]) -> None:
    """Where all that is hidden has the permission and no mask is keyed, EXECUTE and listed functions are explained."""
    with session("dev") as client:
        client.execute("PREPARE q (text) AS SELECT s.ssn FROM staff s WHERE s.ssn > $1")
        for text in (
            "EXECUTE q ('a')",
            "SELECT * FROM staff_like('x')",
            "SELECT * FROM tokens",
            "SELECT id FROM branches",
        ):
            plan = str(client.execute(f"EXPLAIN (ANALYZE, VERBOSE) {text}").fetchall())
            assert not any(word in plan for word in HIDDEN)


def test_a_search_in_a_plan_is_counted(house: Any) -> None:
    """EXPLAIN of an equality that is answered on the real value tells how frequent that is, so it uses up the budget."""
    with psycopg.connect(house.dsn("dev", database="explaining"), autocommit=True) as client:
        for guess in range(40):
            client.execute(f"EXPLAIN SELECT id FROM people WHERE phone = '{guess}'")
        with pytest.raises(psycopg.errors.ConfigurationLimitExceeded):
            client.execute("EXPLAIN SELECT id FROM people WHERE phone = '40'")


@pytest.mark.parametrize("level", ["log", "debug1", "debug5"])
def test_what_the_server_notes_for_itself_is_not_shown(session: Callable[..., Any], direct: str, level: str) -> None:
    """Statements as they were sent, sizes and plans come at levels that a caller can ask for; what functions raise is shown."""
    noted: dict[str, list[str]] = {}
    for name, client in (("direct", psycopg.connect(direct)), ("ann", session("ann"))):
        told = noted.setdefault(name, [])
        client.add_notice_handler(lambda said, told=told: told.append(str(said.message_primary)))  # type: ignore[misc]
        client.execute("SET log_parser_stats = on")
        client.execute(f"SET client_min_messages = {level}")
        client.execute("SELECT ref FROM tokens WHERE id = %s", [1], prepare=True)
        client.execute("ANALYZE people")
        client.execute("SELECT noisy()")
        client.close()
    assert any("PARSER STATISTICS" in each for each in noted["direct"])
    assert set(noted["ann"]) == {"of log"} | ({"of debug"} if level != "log" else set())


@pytest.mark.parametrize(
    "text",
    [
        "SET auto_explain.log_min_duration = 0",
        'SET LOCAL "Auto_Explain".log_level TO notice',
        "SELECT set_config('auto_explain.log_level', 'notice', false)",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql SET auto_explain.log_level = notice AS 'SELECT 1'",
    ],
)
def test_plans_of_the_server_cannot_be_asked_for(session: Callable[..., Any], text: str) -> None:
    """auto_explain would send plans at a level of the caller's choice."""
    with session("dev") as client, pytest.raises(psycopg.errors.InsufficientPrivilege):
        client.execute(text)
