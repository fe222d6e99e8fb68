"""Schemas that others make or drop in the search path of an open session: its names mean what the server takes them for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from fixtures.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fixtures.louver import RunningLouver

    from louver.demo.postgres import LocalPostgres

POLICIES = """
version: 1
dictionary:
  - {column: "*.*.people.phone", category: phone, level: 3}
categories: {phone: full}
"""
ASK = "SELECT memo FROM notes"


@pytest.fixture(scope="module")
def running(louver_factory: Callable[..., RunningLouver], postgres: LocalPostgres) -> Iterator[RunningLouver]:
    """A Louver by which clerk sees no phone; its account's own schema, first in the path, is not there."""
    postgres.create_database("paths")
    with psycopg.connect(postgres.dsn("paths"), autocommit=True) as house:
        house.execute("CREATE TABLE people (id int, phone text); INSERT INTO people VALUES (1, '13800000001')")
        house.execute("CREATE TABLE notes (id int, memo text); INSERT INTO notes VALUES (1, 'first')")
    with louver_factory(users={"clerk": {"role": "clerk"}}, policies=POLICIES) as louver:
        yield louver


@pytest.mark.parametrize("through", [False, True])
def test_a_schema_in_front_of_others_counts_while_it_is_there(
    running: RunningLouver, postgres: LocalPostgres, through: bool
) -> None:
    """It may be made straight on the database or by another session, and is dropped again; what it hides stays hidden."""
    dsn = running.dsn("clerk", database="paths")
    with (
        psycopg.connect(dsn, autocommit=True, prepare_threshold=None) as asking,
        psycopg.connect(dsn if through else postgres.dsn("paths"), autocommit=True) as changing,
    ):

        def told() -> list[tuple[Any, ...]]:
            return asking.execute(ASK).fetchall()

        assert told() == [("first",)]
        changing.execute(f"CREATE SCHEMA {postgres.user}")
        changing.execute(f"CREATE VIEW {postgres.user}.notes AS SELECT id, phone AS memo FROM public.people")
        until(lambda: told() == [("****",)], "the view is read, and hides what it shows")
        changing.execute(f"DROP SCHEMA {postgres.user} CASCADE")
        until(lambda: found(told) == [("first",)], "the table is read again")


def found(told: Callable[[], list[tuple[Any, ...]]]) -> list[tuple[Any, ...]]:
    """What a statement tells, or nothing as long as what is gone has not been noticed."""
    try:
        return told()
    except psycopg.errors.UndefinedTable:
        return []
