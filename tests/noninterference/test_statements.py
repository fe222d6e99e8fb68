"""Statements by hand: the twins answer alike, byte for byte, and as the masked world does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from noninterference.wire import SYNC, Answer, bind, describe, execute, parse, query

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fixtures.twins import Twins
    from noninterference.wire import Wire

STATEMENTS = (Path(__file__).parent / "statements.sql").read_text().splitlines()
REFUSALS = frozenset({"42501", "0A000", "42712"})
"""SQLSTATEs by which a statement may be refused that the masked world answers."""


def tell(wire: Wire, *steps: Sequence[bytes]) -> list[Answer]:
    """The answers of steps in a transaction that is rolled back."""
    wire.query("BEGIN")
    answers = [wire.ask(*step) for step in steps]
    wire.query("ROLLBACK")
    return answers


def compare(answer: Answer, world: Answer, *, ordered: bool) -> str:
    """How an answer stands to the masked world's: same, refused, or else what differs."""
    states = answer.sqlstates
    if states and states != world.sqlstates:
        return "refused" if states[0] in REFUSALS else f"{states} instead of {world.sqlstates}"
    if [name for name, _ in answer.columns] != [name for name, _ in world.columns]:
        return f"columns {answer.columns} instead of {world.columns}"
    if answer.tags != world.tags and not states:
        return f"{answer.tags} instead of {world.tags}"
    mine, theirs = answer.rows, world.rows
    if states:  # how many rows came before the error is open
        return "same"
    if not ordered:
        mine, theirs = sorted(mine, key=repr), sorted(theirs, key=repr)
    return "same" if mine == theirs else f"{mine} instead of {theirs}"


def spoken(answers: list[Answer]) -> list[list[tuple[int, bytes]]]:
    """The messages without what says where in its source the server has made an error: in a transaction that has failed, Louver says
    the same in its place when policies or the catalog have to be looked at again, which may be so in one twin alone.
    """
    return [[(each.kind, _PLACE.sub(b"", each.payload)) for each in answer.messages] for answer in answers]


_PLACE = re.compile(rb"F[a-z_]+\.c\0L[0-9]+\0R[a-z_A-Z0-9]+\0(?=\0$)")


@pytest.mark.parametrize("sql", STATEMENTS, ids=[f"{n}-{sql[:50]}" for n, sql in enumerate(STATEMENTS)])
def test_the_twins_answer_alike_and_as_the_masked_world(twins: Twins, sql: str) -> None:
    """Rows, names, types, tags, errors and notices agree between the twins; rows and errors with the masked world."""
    steps = ([query(sql)], [parse(sql), bind(binary=True), describe("P"), execute(), SYNC])
    a, b = (tell(twins.wire(world, "clerk"), *steps) for world in ("a", "b"))
    if "RETURNING" in sql and "ORDER BY" not in sql:  # the order follows from where the database has put the rows
        assert [sorted(map(repr, answer.messages)) for answer in a] == [
            sorted(map(repr, answer.messages)) for answer in b
        ]
    else:
        assert spoken(a) == spoken(b)
    world = tell(twins.wire("m"), steps[0])[0]
    assert compare(a[0], world, ordered="ORDER BY" in sql) in {"same", "refused"}
