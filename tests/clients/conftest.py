"""What the tests of clients share: a shop's database, and a Louver that hides phones and salaries of it from the clerk."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from louver.demo.postgres import LocalPostgres

DATABASE = "boutique"
POLICIES = f"""\
version: 1
dictionary:
  - {{column: {DATABASE}.public.people.phone, category: phone, level: 3}}
  - {{column: {DATABASE}.public.people.salary, category: salary, level: 4}}
  - {{column: {DATABASE}.public.pgbench_accounts.abalance, category: salary, level: 4}}
rules:
  - name: the owner sees everything
    columns: {{level: ">=1"}}
    when: principal.role == "owner"
    treatment: clear
  - name: an analyst counts phones
    columns: {{category: phone}}
    when: principal.role == "analyst"
    treatment: {{mask: hash}}
  - name: a clerk recognises a phone number
    columns: {{category: phone}}
    treatment: {{mask: partial, keep_first: 3, keep_last: 4}}
    on_write: deny
  - name: a clerk sees no salary
    columns: {{category: salary}}
    treatment: {{mask: "null"}}
"""
SQL = """
CREATE TABLE people (id int PRIMARY KEY, name text NOT NULL, phone varchar(20), salary numeric(10,2), born date);
INSERT INTO people SELECT n, 'person ' || n, '138' || lpad(n::text, 8, '0'), 1000 + n, date '1990-01-01' + n
  FROM generate_series(1, 500) AS n;
CREATE TABLE notes (id serial PRIMARY KEY, person int REFERENCES people, body text);
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE TYPE pair AS (a int, b text);
CREATE FUNCTION twice(n int) RETURNS int LANGUAGE sql AS 'SELECT 2 * n';
CREATE VIEW directory AS SELECT id, name, phone FROM people;
ANALYZE;
"""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who connects, and what he sees of phones: `phone(7)` is that of the person with id 7."""

    name: str
    dsn: str
    clear: bool

    def phone(self, number: int) -> str:
        """What he sees of a phone."""
        return f"138{number:08}" if self.clear else f"138****{number:04}"


@dataclass(frozen=True, slots=True)
class Shop:
    """The running proxy in front of the shop.

    `analyst` is how somebody comes in who sees phones as keyed hashes, `direct` is the database itself; `bin` holds
    psql and the rest.
    """

    owner: Person
    clerk: Person
    analyst: str
    direct: str
    bin: str

    @property
    def environment(self) -> dict[str, str]:
        """An environment without the settings of whoever runs the tests."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "PSQL"))}
        return {**kept, "TERM": "dumb", "LC_ALL": "C.UTF-8", "PSQL_HISTORY": "/dev/null", "PGAPPNAME": "tests"}


@pytest.fixture(scope="session")
def shop(postgres: LocalPostgres, louver_factory: Callable[..., Any]) -> Iterator[Shop]:
    """Give the shop, with its owner, who sees everything, and its clerk, who does not."""
    direct = postgres.create_database(DATABASE)
    postgres.run_sql(SQL, DATABASE)
    users: Mapping[str, Mapping[str, str]] = {
        "olga": {"role": "owner"},
        "carl": {"role": "clerk"},
        "anna": {"role": "analyst"},
    }
    with louver_factory(policies=POLICIES, users=users) as louver:
        url = {name: louver.dsn(name, database=DATABASE) for name in users}
        owner, clerk = Person("olga", url["olga"], clear=True), Person("carl", url["carl"], clear=False)
        yield Shop(owner, clerk, analyst=url["anna"], direct=direct, bin=str(postgres.bin))
        assert "Traceback" not in louver.log


@pytest.fixture(params=["owner", "clerk"])
def person(shop: Shop, request: pytest.FixtureRequest) -> Person:
    """Each of the two in turn."""
    return shop.owner if request.param == "owner" else shop.clerk
