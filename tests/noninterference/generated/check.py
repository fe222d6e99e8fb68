"""A statement sent to the twins and to the masked world, and what came of it.

Owns the connections of one caller and the verdict. May not do: make statements.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from noninterference.generated.worlds import CALLERS, DATABASE
from noninterference.wire import SYNC, Wire, bind, describe, execute, parse, query

if TYPE_CHECKING:
    from collections.abc import Callable

    from fixtures.louver import RunningLouver
    from noninterference.generated.statements import Statement
    from noninterference.wire import Answer, Message

    from louver.demo.postgres import LocalPostgres

REFUSALS = frozenset({"42501", "0A000", "42712", "54000", "54001", "XX000"})
"""SQLSTATEs by which Louver refuses."""

_UNKNOWN = "was created a moment ago"  # of a function that the catalog does not know
_RECORD, _FIRST_USER_OID = 2249, 16384
_SLOW = "57014"  # query_canceled: the statement timeout

Outcome = Literal["same", "refused", "failed", "slow", "differs"]
"""failed: by a value in one world and not, or in another way, in the other: the planner chooses what is computed."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a statement; `said` is what differs, or the refusal's message."""

    outcome: Outcome
    said: str = ""


class Caller:
    """One caller's way into both twins, and the way into the masked world.

    `open_wire` takes (world, name); `tidy` takes the name and writes the tables of its three worlds anew.
    """

    def __init__(self, name: str, open_wire: Callable[[str, str], Wire], tidy: Callable[[str], None]) -> None:
        self.name = name
        self._open = open_wire
        self._tidy = tidy
        self._wires: dict[str, Wire] = {}

    def ask(self, statement: Statement) -> Verdict:
        """Send a statement to all three worlds and compare the answers.

        A plan is made for tables of so many pages, and what was rolled back, or failed in one world only, leaves pages behind. A
        plan decides the order of rows, too, and so which of several errors comes first: before a difference is believed, tables
        are written anew.
        """
        verdict = self._ask(statement)
        if verdict.outcome == "differs":
            self._tidy(self.name)
            verdict = self._ask(statement)
        return verdict

    def _ask(self, statement: Statement) -> Verdict:
        batch = _messages(statement)
        wires = [self._wire(world) for world in "abm"]
        for wire in wires:
            wire.send(*(b"".join(step) for step in batch))
        answers = []
        for world, wire in zip("abm", wires, strict=True):
            try:
                found = [wire.read() for _ in batch]
            except TimeoutError:
                self.close()
                return Verdict("slow")
            if found[-1].ended:
                self._wires.pop(world).close()
            answers.append(found)
        return judge(statement, *answers)

    def close(self) -> None:
        """End the connections; the next statement opens others."""
        while self._wires:
            self._wires.popitem()[1].close()

    def _wire(self, world: str) -> Wire:
        if world not in self._wires:
            self._wires[world] = self._open(world, self.name)
        return self._wires[world]


def make_callers(server: LocalPostgres, louver: RunningLouver) -> dict[str, Caller]:
    """A caller for each of the bank's, through Louver to the twins and straight to the masked world."""

    def open_wire(world: str, name: str) -> Wire:
        if world == "m":
            return Wire(server.dsn(f"bank_m_{name}"))
        return Wire(louver.dsn(name, database=DATABASE if world == "a" else f"bank_b_{name}"))

    def tidy(name: str) -> None:
        for database in (DATABASE, f"bank_b_{name}", f"bank_m_{name}"):
            server.run_sql("VACUUM FULL", database)

    return {name: Caller(name, open_wire, tidy) for name in CALLERS}


def _messages(statement: Statement) -> list[list[bytes]]:
    """The messages of each step that the server answers with ReadyForQuery."""
    steps = [
        [parse(text), bind(binary=True), describe("P"), execute(), SYNC] if statement.binary else [query(text)]
        for text in statement.texts
    ]
    if statement.alone:
        return steps
    after = [[query("ROLLBACK")]]
    if any(text.startswith("PREPARE") for text in statement.texts):
        after.append([query("DEALLOCATE ALL")])
    return [[query("BEGIN")], *steps, *after]


def judge(statement: Statement, a: list[Answer], b: list[Answer], m: list[Answer]) -> Verdict:
    """The verdict on the answers of the twins and of the masked world."""
    states = [state for answers in (a, b, m) for answer in answers for state in answer.sqlstates]
    if _SLOW in states:
        return Verdict("slow")
    makes = any("CREATE" in text for text in statement.texts)
    for one, other in zip(a, b, strict=True):
        if _unordered(one, makes=makes) != _unordered(other, makes=makes):
            return Verdict("differs", f"the twins: {_told(one)}\nand: {_told(other)}")
    for mine, world in zip(a, m, strict=True):
        verdict = _against_world(statement, mine, world)
        if verdict.outcome != "same":
            return verdict
    return Verdict("same")


def _against_world(statement: Statement, mine: Answer, world: Answer) -> Verdict:
    if mine.sqlstates == world.sqlstates:
        if mine.sqlstates or statement.compared == "twins" or _same_rows(mine, world):
            return Verdict("same")
    elif mine.sqlstates and (mine.sqlstates[0] in REFUSALS or _UNKNOWN in mine.errors[0]["M"]):
        return Verdict("refused", f"{mine.sqlstates[0]} {mine.errors[0]['M']}")
    elif statement.risky and all(state[:2] in {"21", "22"} for state in (*mine.sqlstates[:1], *world.sqlstates[:1])):
        return Verdict("failed")
    elif statement.compared == "twins":
        return Verdict("same")
    return Verdict("differs", f"{_told(mine)}\ninstead of the masked world's: {_told(world)}")


def _same_rows(mine: Answer, world: Answer) -> bool:
    same = _columns(mine) == _columns(world) and mine.tags == world.tags
    return same and sorted(mine.rows, key=repr) == sorted(world.rows, key=repr)


def _columns(answer: Answer) -> list[tuple[str, int]]:
    """Names and types; a whole row of a table is a record through Louver."""
    return [(name, _RECORD if kind >= _FIRST_USER_OID else kind) for name, kind in answer.columns]


def _unordered(answer: Answer, *, makes: bool) -> tuple[list[Message], list[object]]:
    """An answer whose rows may come in any order; how many came before an error is open.

    `makes`: tables of its own have other OIDs in the other twin, so only names and types of columns count.
    """
    rows = [] if answer.sqlstates else [each for each in answer.messages if each.kind in b"Dd"]
    others: list[object] = [each for each in answer.messages if each.kind not in (b"DdT" if makes else b"Dd")]
    return sorted(rows, key=lambda row: row.payload), [*others, *(answer.columns if makes else ())]


def _told(answer: Answer) -> str:
    if answer.ended:
        return "the connection ended"
    errors = [f"{error['C']} {error['M']}" for error in answer.errors]
    return f"{errors or answer.columns} {answer.tags} {sorted(answer.rows, key=repr)[:6]}"
