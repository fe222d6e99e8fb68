"""Who sees a column as it is, stands in the trail with the column and the rule, whatever else the caller may see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from fixtures.mysql_house import SCHEMA, MySQLHouse
from fixtures.waiting import recorded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fixtures.louver import RunningLouver

    from louver.demo.postgres import LocalPostgres

TABLES = """
CREATE TABLE clients (id int PRIMARY KEY, name text, phone text, salary int);
INSERT INTO clients VALUES (1, 'Zhang Wei', '13812345678', 100), (2, 'Li Na', '13987654321', 200);
CREATE TABLE notes (client int, note text);
INSERT INTO notes VALUES (1, 'called back');
CREATE VIEW callable AS SELECT id, phone AS number FROM clients;
CREATE VIEW callable_too AS SELECT number FROM callable;
CREATE FUNCTION phone_of(int) RETURNS text LANGUAGE sql AS 'SELECT phone FROM clients WHERE id = $1';
CREATE FUNCTION phones_of(int[]) RETURNS SETOF text LANGUAGE plpgsql AS 'BEGIN RETURN QUERY SELECT phone_of(i) FROM unnest($1) i; END';
CREATE FUNCTION any_of(text, text) RETURNS SETOF text LANGUAGE plpgsql AS 'BEGIN RETURN QUERY EXECUTE format($$SELECT %I FROM %I$$, $1, $2); END';
CREATE PROCEDURE look() LANGUAGE plpgsql AS 'BEGIN PERFORM phone FROM clients; END';
CREATE FUNCTION is_called(text, int) RETURNS bool LANGUAGE sql AS 'SELECT $1 = name FROM clients WHERE id = $2';
CREATE OPERATOR === (leftarg = text, rightarg = int, function = is_called);
CREATE FUNCTION note() RETURNS text LANGUAGE sql AS 'SELECT max(name) FROM clients';
CREATE FUNCTION "of a""b"() RETURNS text LANGUAGE sql AS 'SELECT max(name) FROM clients';
CREATE VIEW by_code AS SELECT phone_of(1) AS number;
CREATE SCHEMA hr;
CREATE TABLE hr.staff (id int, phone text);
INSERT INTO hr.staff VALUES (1, '110');
"""
POLICIES = """
version: 1
dictionary:
  - {column: seen.public.clients.phone, category: phone, level: 3}
  - {column: seen.public.clients.name, category: name, level: 2}
  - {column: seen.public.notes.note, category: note, level: 2}
  - {column: seen.public.clients.salary, category: salary, level: 4}
  - {column: seen.hr.staff.phone, category: phone, level: 3}
rules:
  - {name: bosses see all, columns: {category: "*"}, when: principal.role == "boss", treatment: clear}
  - {name: notes are for all, columns: {category: note}, treatment: clear}
  - {name: names are for all, columns: {category: name}, treatment: clear}
  - {name: stars, columns: {category: "*"}, treatment: {mask: full}}
"""
PHONE, NAME = ("public.clients.phone", "bosses see all"), ("public.clients.name", "bosses see all")
SALARY, NOTE = ("public.clients.salary", "bosses see all"), ("public.notes.note", "bosses see all")
STAFF = ("hr.staff.phone", "bosses see all")
EVERYTHING = {PHONE, NAME, SALARY}
ALL = EVERYTHING | {NOTE, STAFF}


@pytest.fixture(scope="module")
def louver(postgres: LocalPostgres, louver_factory: Callable[..., RunningLouver]) -> Iterator[RunningLouver]:
    """A proxy for bob, who sees everything, and tina, who sees names and notes."""
    postgres.create_database("seen")
    postgres.run_sql(TABLES, "seen")
    users = {"bob": {"role": "boss"}, "tina": {"role": "teller"}}
    with louver_factory(policies=POLICIES, users=users) as running:
        yield running


def shown(louver: RunningLouver, user: str, statement: str) -> set[tuple[str, str]]:
    """The columns that a statement shows clear, with the rule, by its record."""
    with psycopg.connect(louver.dsn(user, database="seen"), autocommit=True) as session:
        if statement.startswith("copy"):
            with session.cursor() as cursor, cursor.copy(statement) as copy:
                assert list(copy)
        else:
            session.execute(statement)
    return {(use["column"], use["rule"]) for use in last(louver, user)["columns"] if use["treatment"] == "clear"}


def last(louver: RunningLouver, user: str) -> dict[str, Any]:
    """The record of what somebody has asked last."""
    return recorded(louver, "statement", lambda each: each["principal"] == user)[-1]


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("select phone from clients where id = 1", {PHONE}),
        ("select upper(c.name) from public.clients c", {NAME}),
        ("select * from clients", EVERYTHING),
        ("select c from clients c", EVERYTHING),
        ("select count(*) from clients", set()),
        ("select id from clients", set()),
        ("select number from callable_too", {PHONE}),
        ("select phone from hr.staff", {STAFF}),
        ("select note from notes where client in (select id from clients where salary > 150)", {NOTE, SALARY}),
        ("with c as (select name as n from clients) select n from c", {NAME}),
        ("copy clients (phone) to stdout", {PHONE}),
        ("copy (select name from clients) to stdout", {NAME}),
        ("update clients set salary = 100 where phone = '1' returning name", {PHONE, NAME}),
        ("explain select phone from clients", {PHONE}),
        ("select 1", set()),
        ("select phone from clients; select note from notes", {PHONE, NOTE}),
        ("select phone_of(1)", EVERYTHING),
        ("select note from notes where phone_of(client) is null", EVERYTHING | {NOTE}),
        ("select * from phones_of('{1,2}')", EVERYTHING),
        ("select * from any_of('name', 'clients')", EVERYTHING),
        ('select U&"phone_\\006ff"(1)', EVERYTHING),
        ('select "of a""b"()', EVERYTHING),
        ("call look()", EVERYTHING),
        ("select 'Li Na' === 2", EVERYTHING),
        ("select number from by_code", EVERYTHING),
        ("do $$ begin perform phone_of(1); end $$", EVERYTHING),
        ("select query_to_xml('select phone from clients', true, false, '')", EVERYTHING),
        ("select query_to_xml('select pho' || 'ne from cli' || 'ents', true, false, '')", ALL),
        ("select table_to_xml('notes'::regclass, true, false, '')", {NOTE}),
        ("select schema_to_xml('hr', true, false, '')", ALL),
        ("select most_common_vals from pg_stats", ALL),
        ("select null_frac from pg_stats", set()),
        ("prepare p as select phone_of(1)", EVERYTHING),
    ],
)
def test_who_sees_everything_is_seen(louver: RunningLouver, statement: str, expected: set[tuple[str, str]]) -> None:
    """The columns that it reads, not all of the table; those behind a view; by which rule."""
    assert expected <= (found := shown(louver, "bob", statement))
    if not statement.startswith("update"):  # what is written counts, too
        assert found == expected


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("prepare p as select phone from clients", {PHONE}),
        ("do $$ begin perform phone from clients; end $$", {PHONE}),
        ("do $$ begin perform number from callable_too; end $$", {PHONE}),
        (f"select phone from clients where {' or '.join(['id = 1'] * 9000)}", {PHONE}),
        (f"select phone from clients where id in ({', '.join(map(str, range(20000)))})", {PHONE}),
        ("lock table clients", set()),
        ("create temp table t as select name from clients", {NAME}),
        ("declare c cursor for select name from clients", set()),
    ],
)
def test_what_masked_callers_may_not_send_is_recorded_as_far_as_it_is_named(
    louver: RunningLouver, statement: str, expected: set[tuple[str, str]]
) -> None:
    """Nothing of it is refused to somebody who sees everything; too much may be named."""
    with psycopg.connect(louver.dsn("bob", database="seen"), autocommit=False) as session:
        session.execute(statement)
        found = {use["column"] for use in last(louver, "bob")["columns"]}
    assert {column for column, _ in expected} <= found
    assert {use["treatment"] for use in last(louver, "bob")["columns"]} <= {"clear"}


def test_who_sees_some_of_it_is_seen_too(louver: RunningLouver) -> None:
    """Beside what is masked, and in tables of which nothing is."""
    names = ("public.clients.name", "names are for all")
    notes = ("public.notes.note", "notes are for all")
    assert shown(louver, "tina", "select name, phone from clients") == {names}
    assert {use["column"]: use["treatment"] for use in last(louver, "tina")["columns"]} == {
        "public.clients.name": "clear",
        "public.clients.phone": "mask",
    }
    assert shown(louver, "tina", "select note from notes") == {notes}
    assert shown(louver, "tina", "select id from clients") == set()
    assert shown(louver, "tina", "select name, note from clients join notes on client = id") == {names, notes}


def test_views_over_views_hide_nobody(louver: RunningLouver) -> None:
    """However many there are."""
    with psycopg.connect(louver.dsn("bob", database="seen"), autocommit=True) as session:
        session.execute("create view over_0 as select phone from clients")
        for number in range(12):
            session.execute(f"create view over_{number + 1} as select phone from over_{number}")
    assert shown(louver, "bob", "select phone from over_12") == {PHONE}


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("select phone from customers where id = 1", {"phone"}),
        ("select c.balance from {schema}.customers c", {"balance"}),
        ("select * from customers", {"phone", "balance"}),
        ("select count(*) from customers", set()),
        ("select phone from callable", {"phone"}),
        ("select id from customers where balance > 5", {"balance"}),
        ("select (select max(balance) from customers)", {"balance"}),
        ("update customers set name = name where phone = 'x'", {"phone"}),
        ("select id, @seen := phone from customers", {"phone"}),
        ("do (select count(phone) from customers)", {"phone"}),
        ("handler customers open", {"phone"}),
    ],
)
def test_on_mysql_too(mysql_house: MySQLHouse, statement: str, expected: set[str]) -> None:
    """Whoever sees everything, on MySQL and on MariaDB."""
    mysql_house.ask("anna", statement.replace("{schema}", SCHEMA))
    uses = recorded(mysql_house.louver, "statement", lambda each: each["principal"] == "anna")[-1]["columns"]
    assert {use["treatment"] for use in uses} <= {"clear"}
    assert {use["rule"] for use in uses} <= {"auditors see everything"}
    found = {use["column"].rpartition(".")[2] for use in uses}
    assert found == expected or (
        statement.startswith(("do", "handler", "select id, @", "update")) and expected <= found
    )


@pytest.mark.parametrize(
    "statement",
    [
        "select phone_of(1)",
        "select `phone_of` (1)",
        "select {schema}.phone_of(1)",
        "select phone_of/*!(*/1/*!)*/",
        "select number from by_code",
        "call look",
        "prepare p from 'select phone_of(1)'",
    ],
)
def test_code_on_mysql_too(mysql_house: MySQLHouse, coded: None, statement: str) -> None:
    """By the tables whose names stand in it."""
    mysql_house.ask("anna", statement.replace("{schema}", SCHEMA))
    uses = recorded(mysql_house.louver, "statement", lambda each: each["principal"] == "anna")[-1]["columns"]
    assert {use["column"].rpartition(".")[2] for use in uses} == {"phone", "balance"}


@pytest.fixture(scope="module")
def coded(mysql_house: MySQLHouse) -> None:
    """Code that reads labelled columns."""
    mysql_house.ask(
        "anna",
        "create function phone_of(i int) returns text reads sql data return (select phone from customers where id = i)",
    )
    mysql_house.ask("anna", "create procedure look() select phone from customers")
    mysql_house.ask("anna", "create view by_code as select phone_of(1) as number")
