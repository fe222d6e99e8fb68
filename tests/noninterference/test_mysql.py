"""Statements by hand on MySQL and MariaDB: the twins answer alike, and as the masked world does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fixtures.mysql_twins import Answer, Caller, MySQLTwins

STATEMENTS = (Path(__file__).parent / "mysql" / "statements.sql").read_text().splitlines()
OPEN, PROTECTED = ("orders", "log"), ("people", "accounts", "events", "cards", "members")
Callers = dict[str, "Caller"]


@pytest.fixture(scope="module")
def callers(mysql_twins: MySQLTwins) -> Iterator[Callers]:
    """The clerk in both twins, and somebody without a proxy in the masked world."""
    found = {world: mysql_twins.connect(world, guarded=world != "m") for world in ("a", "b", "m")}
    yield found
    for caller in found.values():
        caller.close()


def tell(caller: Caller, sql: str) -> list[Answer]:
    """The answer to a statement, and what the tables show afterwards, in a transaction that is rolled back."""
    caller.ask("START TRANSACTION")
    answers = [caller.ask(sql)]
    if not sql.startswith(("SELECT", "(", "WITH", "TABLE", "VALUES", "EXPLAIN")):
        answers.append(caller.ask("SELECT @x, @y"))
        answers += [caller.ask(f"SELECT * FROM {table} ORDER BY 1") for table in (*OPEN, *PROTECTED)]
    caller.ask("ROLLBACK")
    caller.forget_variables()
    return answers


LIMITS = frozenset({1210, 1690})
"""Errors of the server that stand for a refusal: JSON_TABLE of MySQL takes no columns of a derived table; a hidden value stays (on_write)."""


def compare(answer: Answer, world: Answer, *, ordered: bool) -> str:
    """How an answer stands to the masked world's: same, refused, or else what differs.

    Warnings are left out: the servers word them otherwise, and MySQL even counts them otherwise, for an expression than for a column.
    """
    if answer.refused is not None or (answer.error and answer.error[0] in LIMITS):
        return "refused"
    differences = {
        "error": (answer.error[:1], world.error[:1]),
        "columns": (answer.names, world.names),
        "rows": (answer.rows, world.rows) if ordered else (sorted(answer.rows, key=repr), sorted(world.rows, key=repr)),
        "counts": ((answer.affected, answer.info), (world.affected, world.info)),
    }
    told = [f"{what}: {mine} instead of {theirs}" for what, (mine, theirs) in differences.items() if mine != theirs]
    return "\n".join(told) or "same"


@pytest.mark.parametrize("sql", STATEMENTS, ids=[f"{n}-{sql[:50]}" for n, sql in enumerate(STATEMENTS)])
def test_the_twins_answer_alike_and_as_the_masked_world(mysql_twins: MySQLTwins, callers: Callers, sql: str) -> None:
    """Rows, columns, counts, errors and warnings agree between the twins; rows, counts and errors with the masked world."""
    a, b = tell(callers["a"], sql), tell(callers["b"], sql)
    assert a == b
    # what is written into a protected table is there for others, and the masked world holds it as it was written
    world = tell(callers["m"], sql)[: 2 + len(OPEN)]
    found = [compare(*pair, ordered="ORDER BY" in sql) for pair in zip(a, world, strict=False)]
    assert found[0] == "refused" or set(found) == {"same"}
    seen = [text for text in mysql_twins.hidden if text in repr(a) and text not in sql and text not in repr(world)]
    assert not seen


def test_a_difference_is_noticed(mysql_twins: MySQLTwins) -> None:
    """Sent straight, the same statements differ between the twins: what the other test compares could differ."""
    straight = [mysql_twins.connect(world, guarded=False) for world in ("a", "b")]
    try:
        differ = [sql for sql in STATEMENTS if tell(straight[0], sql) != tell(straight[1], sql)]
    finally:
        for caller in straight:
            caller.close()
    assert len(differ) > len(STATEMENTS) // 2
