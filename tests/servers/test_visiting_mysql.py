"""In what order writes visit rows, on real servers: not in that of hidden values, as far as locks tell it to other sessions."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from fixtures.mysql_house import MySQLHouse, mysql_house_of
from fixtures.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from louver.demo.mysql import LocalMySQL

ROWS = 400
STATEMENTS = (
    """CREATE TABLE customers (
        id int PRIMARY KEY, grp int, phone varchar(20), balance int, note varchar(20), KEY mixed (grp, phone)
    )""",
    f"INSERT INTO customers VALUES {', '.join(f'({n}, {n % 40}, {1000 - n}, 0, NULL)' for n in range(1, ROWS))}",
    "CREATE TABLE marks (grp int PRIMARY KEY)",
    "INSERT INTO marks VALUES (3)",
    "ANALYZE TABLE customers",
)
"""The hidden phones are in the opposite order of the keys."""
HELD = 203
BEHIND = [(n,) for n in range(3, ROWS, 40) if n > HELD]


@pytest.fixture(scope="module")
def house(either: LocalMySQL) -> Iterator[MySQLHouse]:
    """A proxy before either server, with an index over a visible and a hidden column."""
    with mysql_house_of(either, statements=STATEMENTS) as running:
        yield running


@pytest.mark.parametrize(
    "write",
    [
        "UPDATE customers SET note = 'x' WHERE grp = 3",
        "UPDATE customers SET note = 'x' WHERE grp = 3 ORDER BY id LIMIT 100",
        "UPDATE customers c JOIN marks m ON c.grp = m.grp SET c.note = 'x'",
        "DELETE FROM customers WHERE grp = 3",
        "DELETE c FROM customers c JOIN marks m ON c.grp = m.grp",
    ],
)
def test_what_a_write_has_locked_tells_nothing(house: MySQLHouse, write: str) -> None:
    """A write that waits for one row has locked those before it, which others can ask for: by key, not by hidden value."""
    with (
        house.connect("tina", autocommit=False) as holding,
        house.connect("tina", autocommit=False) as writing,
        house.connect("tina", autocommit=False) as asking,
        ThreadPoolExecutor() as threads,
    ):
        holding.cursor().execute(f"SELECT id FROM customers WHERE id = {HELD} FOR UPDATE")
        written = threads.submit(writing.cursor().execute, write)
        house.until_runs(f"{write.split(' ', 1)[0]}%")
        cursor = asking.cursor()

        def unlocked() -> list[tuple[int]]:
            cursor.execute("SELECT id FROM customers WHERE grp = 3 FOR UPDATE SKIP LOCKED")
            found = sorted(cursor.fetchall())
            asking.rollback()
            return found

        try:
            until(lambda: len(unlocked()) < ROWS // 40, "the write waits")
            assert unlocked() == BEHIND
        finally:
            holding.rollback()
            written.result()
            writing.rollback()
