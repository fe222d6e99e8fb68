"""Who was refused, stands in the trail with what the statement would have read: its relations, and its labelled columns."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import psycopg
import pymysql
import pytest
from fixtures.mysql_house import SCHEMA, STATEMENTS, MySQLHouse, mysql_house_of
from fixtures.waiting import recorded
from typer.testing import CliRunner

from louver.cli import app

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fixtures.louver import RunningLouver

    from louver.demo.mysql import LocalMySQL
    from louver.demo.postgres import LocalPostgres

TABLES = """
CREATE TABLE customers (id int PRIMARY KEY, name text, phone text, salary int);
CREATE TABLE orders (id int, customer int);
CREATE VIEW callable AS SELECT id, phone AS number FROM customers;
CREATE SCHEMA hr;
CREATE TABLE hr.staff (id int, salary int);
"""
RULES = """
rules:
  - {name: bosses see all, columns: {category: "*"}, when: principal.name == "bob", treatment: clear}
  - {name: salaries are nobody's business, columns: {category: salary}, treatment: deny}
  - {name: names are for all, columns: {category: name}, treatment: clear}
  - {name: stars, columns: {category: phone}, treatment: {mask: full}, on_write: deny}
"""
POLICIES = f"""
version: 1
dictionary:
  - {{column: tried.public.customers.phone, category: phone, level: 3}}
  - {{column: tried.public.customers.name, category: name, level: 2}}
  - {{column: tried.public.customers.salary, category: salary, level: 4}}
  - {{column: tried.hr.staff.salary, category: salary, level: 4}}
{RULES}"""
NAME, PHONE, SALARY = (f"public.customers.{name}" for name in ("name", "phone", "salary"))
STAFF = "hr.staff.salary"
RULE_OF = {NAME: "names are for all", PHONE: "stars", SALARY: "salaries are nobody's business"}
RULE_OF[STAFF] = RULE_OF[SALARY]
ALL = {NAME, PHONE, SALARY}


@pytest.fixture(scope="module")
def louver(postgres: LocalPostgres, louver_factory: Callable[..., RunningLouver]) -> Iterator[RunningLouver]:
    """A proxy before a bank, for tina, who sees names."""
    postgres.create_database("tried")
    postgres.run_sql(TABLES, "tried")
    with louver_factory(policies=POLICIES, users={"tina": {}, "bob": {}}) as running:
        yield running


def refused(louver: RunningLouver, statement: str, user: str = "tina") -> dict[str, Any]:
    """The record of a statement that is refused."""
    with (
        psycopg.connect(louver.dsn(user, database="tried"), autocommit=True) as session,
        pytest.raises(psycopg.Error),
    ):
        session.execute(statement)
    return recorded(louver, "statement", lambda each: each["ruling"] == "deny")[-1]


def rules_of(record: dict[str, Any]) -> dict[str, str]:
    """The columns of a record, with the rule of each, none of which has shown anything."""
    assert {(use["treatment"], use["mask"], use["rows"]) for use in record["columns"]} <= {("deny", None, None)}
    return {use["column"]: use["rule"] for use in record["columns"]}


@pytest.mark.parametrize(
    ("statement", "columns", "relations"),
    [
        # by the policy
        ("select salary from customers where id = 1", {SALARY}, {"public.customers"}),
        ("select c.name from customers c join orders on customer = c.id where salary > 5", {NAME, SALARY}, ...),
        ("select * from customers", ALL, {"public.customers"}),
        ("select max(salary) from hr.staff, customers where phone = '1'", {STAFF, PHONE, SALARY}, ...),
        # by its kind: what cannot be ruled for a masked caller
        ("do $$ begin perform number from callable; end $$", ALL, ...),
        ("create rule r as on update to customers do also delete from orders", ..., ...),
        ("select phone from customers, no_such_table", ALL, {"customers", "no_such_table"}),
        ("select query_to_xml('select 1', true, true, '') from callable", ALL, {"callable"}),
        # what cannot be read
        ("selct phone from customers", ALL, {"public.customers"}),
        ("select 'phone from CUSTOMERS", ALL, {"public.customers"}),
        (f"select phone from customers where {' or '.join(['(id = 1)'] * 30000)}", ALL, {"public.customers"}),
        (f"select phone from customers where '{'x ' * 600_000}' = ''", ALL, {"public.customers"}),
        (f"selct '{'x ' * 100_000}' phone from customers", ALL, {"public.customers"}),
        # and what names nothing of it
        ("select pg_read_file('customers')", set(), set()),
        ("selct 1", set(), set()),
    ],
)
def test_a_refused_statement_says_what_it_would_have_read(
    louver: RunningLouver, statement: str, columns: Any, relations: Any
) -> None:
    """Columns and relations as they could be read; else by names, too much rather than too little."""
    record = refused(louver, statement)
    found = rules_of(record)
    assert found == {column: RULE_OF[column] for column in found}
    if columns is not ...:
        assert set(found) == columns
    if relations is not ...:
        assert set(record["relations"]) == relations


def test_a_caller_who_sees_everything_is_refused_too(louver: RunningLouver) -> None:
    """Where nothing is hidden, names mean what they likely do."""
    with psycopg.connect(louver.dsn("bob", database="tried"), autocommit=True) as session:
        with pytest.raises(psycopg.Error):
            session.execute("set louver.purpose = 'phone of customers', 'two'")
        assert session.execute("select count(*) from customers").fetchone() == (0,)


def test_what_failed_before_is_no_matter(louver: RunningLouver) -> None:
    """In a transaction that has failed nothing can be looked up, and names are told as they stand there."""
    with psycopg.connect(louver.dsn("tina", database="tried")) as session:
        for statement in ("select salary from customers", "select number from callable, nobody_knows"):
            with pytest.raises(psycopg.Error):
                session.execute(statement)
    last, before = recorded(louver, "statement", lambda each: each["ruling"] == "deny", count=2)[:-3:-1]
    assert set(rules_of(before)) == {SALARY}
    assert set(rules_of(last)) == ALL
    assert set(last["relations"]) == {"callable", "nobody_knows"}


def search(louver: RunningLouver, *options: str) -> list[dict[str, Any]]:
    """What the command finds among what was refused."""
    config = str(louver.directory / "louver.yaml")
    found = CliRunner().invoke(
        app, ["audit", "search", "--ruling", "deny", *options, "--config", config, "--format", "json"]
    )
    assert found.exit_code in {0, 1}, found.output
    return [json.loads(line) for line in found.stdout.splitlines()]


def test_the_commands_answer(louver: RunningLouver) -> None:
    """Who tried to read phones, of whom, and was refused; nobody is said to have seen anything."""
    refused(louver, "select phone, salary from customers where id = 4711")
    refused(louver, "select salary from hr.staff")
    assert search(louver, "--column", "phone")[-1]["principal"] == "tina"
    assert {"public.customers"} <= {
        name for each in search(louver, "--table", "customers") for name in each["relations"]
    }
    assert [each["relations"] for each in search(louver, "--table", "staff", "--limit", "1")] == [["hr.staff"]]
    assert search(louver, "--column", "customers.phone", "--value", "4711")
    assert search(louver, "--treatment", "clear") == []
    assert search(louver, "--column", "phone", "--treatment", "mask") == []


# -- MySQL and MariaDB -------------------------------------------------------------------------------------------------

MYSQL_POLICIES = f"""
version: 1
dictionary:
  - {{column: "*.{SCHEMA}.customers.phone", category: phone, level: 3}}
  - {{column: "*.{SCHEMA}.customers.balance", category: salary, level: 4}}
{RULES}"""


@pytest.fixture(scope="module")
def house(either: LocalMySQL) -> Iterator[MySQLHouse]:
    """A proxy before MySQL, then before MariaDB."""
    statements = (*STATEMENTS, "CREATE VIEW dialled AS SELECT id, phone AS number FROM customers")
    with mysql_house_of(either, policies=MYSQL_POLICIES, users={"tina": {}, "bob": {}}, statements=statements) as found:
        yield found


@pytest.mark.parametrize(
    ("statement", "columns"),
    [
        ("select balance from customers where id = 1", {"balance"}),
        ("select id from customers where balance > 5 and phone = '1'", {"phone", "balance"}),
        ("select * from customers", {"phone", "balance"}),
        ("select phone, load_file('x') from callable", {"phone", "balance"}),
        ("handler customers open", {"phone", "balance"}),
        ("selct phone from customers", {"phone", "balance"}),
        ("select 'phone from CUSTOMERS", {"phone", "balance"}),
        ("select phone from customers where no_such_column = 1 and @@x /*!99999 */ := ", {"phone", "balance"}),
        ("selct 1", set()),
        ("insert into dialled (id) values (1) on duplicate key update number = '1'", {"phone", "balance"}),
        ("update dialled set number = '1'", {"phone", "balance"}),
    ],
)
def test_on_mysql_too(house: MySQLHouse, statement: str, columns: set[str]) -> None:
    """The same of MySQL and of MariaDB."""
    with pytest.raises(pymysql.Error):
        house.ask("tina", statement)
    record = recorded(house.louver, "statement", lambda each: each["ruling"] == "deny")[-1]
    found = rules_of(record)
    assert {column.rpartition(".")[2] for column in found} == columns
    assert {column.rpartition(".")[0] for column in found} <= {f"{SCHEMA}.customers"}
    assert bool(record["relations"]) == bool(columns)
    assert search(house.louver, "--table", "customers", "--limit", "0") != []


def test_writing_through_a_view_by_who_sees_everything(house: MySQLHouse) -> None:
    """What is behind the view is named, for a view's columns have no labels of their own; the session goes on."""
    with house.connect("bob") as client, client.cursor() as cursor:
        for statement in (
            "insert into dialled values (7, '77')",
            "insert into dialled (id) values (7) on duplicate key update number = '1'",
            "update dialled set number = concat(number, '2') where id = 7",
            "delete from customers where id = 7",
        ):
            assert cursor.execute(statement)
    named = [each["columns"] for each in recorded(house.louver, "statement", lambda each: each["principal"] == "bob")]
    assert f"{SCHEMA}.customers.phone" in [each["column"] for each in named[2]]
