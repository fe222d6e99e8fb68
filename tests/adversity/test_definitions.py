"""Definitions that are changed straight on the database while sessions are open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
from fixtures.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable

POLICIES = """
version: 1
dictionary:
  - {column: "definitions.public.people.phone", category: phone, level: 3}
"""
TABLE = "CREATE TABLE people (id int, phone text, town text); INSERT INTO people VALUES (1, '13800000001', 'Oslo')"
SWAP = """
BEGIN;
ALTER TABLE people RENAME phone TO kept;
ALTER TABLE people RENAME town TO phone;
ALTER TABLE people RENAME kept TO town;
COMMIT
"""


def test_columns_that_swap_their_names_elsewhere(louver_factory: Callable[..., Any], postgres: Any) -> None:
    """A masked column that takes another's name is masked under the new one soon, without a word from anybody."""
    direct = postgres.create_database("definitions")
    postgres.run_sql(TABLE, "definitions")
    with (
        louver_factory(users={"ann": {"role": "clerk"}}, policies=POLICIES) as louver,
        psycopg.connect(louver.dsn("ann", database="definitions"), autocommit=True, prepare_threshold=None) as client,
    ):
        assert client.execute("SELECT town FROM people").fetchone() == ("Oslo",)
        with psycopg.connect(direct, autocommit=True) as owner:
            owner.execute(SWAP)

        def town() -> str:  # an expression has no origin that the server could tell
            (shown,) = client.execute("SELECT town || '' FROM people").fetchone() or ("",)
            return str(shown)

        shown = until(
            lambda: (now := town()) != "13800000001" and now, "the hidden value is not shown under its new name"
        )
    assert "138000" not in shown
