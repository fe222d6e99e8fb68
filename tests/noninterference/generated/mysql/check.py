"""A statement sent to the twins and to the masked world, and what came of it.

Owns the connections of one caller and the verdict. May not do: make statements.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from noninterference.generated.check import Verdict
from noninterference.generated.mysql.literals import plain, prepared
from noninterference.generated.mysql.wire import EndedError, Result

if TYPE_CHECKING:
    from collections.abc import Callable

    from noninterference.generated.mysql.statements import Statement, Step
    from noninterference.generated.mysql.wire import Wire

    from louver.demo.mysql import Flavour

REFUSALS = frozenset({1105, 1142, 1143, 1235, 1615})
"""Errors by which Louver refuses; the accounts behind it may do everything."""

_KEPT = 1690
"""How a write is refused that would change a hidden value (`on_write: preserve`)."""
_PLACES = frozenset({1210, 3587})
"""JSON_TABLE of MySQL takes no columns of a derived table, which is what a masked table becomes, and its windows no order by some constants."""
_LIMITS = frozenset({1048, 1093, 1111, 1443})
"""What the servers refuse of a view or table and take of a subquery: aggregates of a view within an aggregate, the table that is
written, NULLs of ROLLUP in a new table."""
_WRITTEN = 1093
"""A subquery reads the table that is written: MySQL merges what a protected table becomes, but not the table itself (docs/statements-mysql.md)."""
_SEEN_SECONDS = 1.5
"""After which Louver has seen what was changed behind it, but on a machine with much else to do."""
_LOOKS = 4
_SLOW = frozenset({1969, 3024, 1205})
_SCHEMA = re.compile(rb"twin_[abm]")

Answer = tuple[Result, ...]
"""What one step is answered."""


class Caller:
    """One caller's way into both twins, and the way into the masked world.

    `open_wire` takes the world; `tidy` makes what a rollback leaves behind alike in all worlds.
    """

    def __init__(self, name: str, open_wire: Callable[[str], Wire], tidy: Callable[[], None], flavour: Flavour) -> None:
        self.name = name
        self.flavour = flavour
        self._open = open_wire
        self._tidy = tidy
        self._wires: dict[str, Wire] = {}

    def ask(self, statement: Statement) -> Verdict:
        """Send a statement to all three worlds and compare the answers.

        Before a difference is believed, what earlier statements have left behind is tidied up.
        """
        verdict = self._ask(statement)
        for _ in range(_LOOKS):
            if verdict.outcome not in {"differs", "slow"}:
                break
            self.close()  # what was given up may have left a view behind
            self._tidy()
            time.sleep(_SEEN_SECONDS)
            if verdict.outcome == "slow":
                break
            verdict = self._ask(statement)
        return verdict

    def _ask(self, statement: Statement) -> Verdict:
        answers: dict[str, list[Answer]] = {world: [] for world in "abm"}
        try:
            if not statement.alone:
                self._texts("START TRANSACTION")
            for step in statement.steps:
                binary = statement.prepared and step.compared != "nothing"
                found = self._prepared(step, statement) if binary else self._texts(plain(step.text))
                for world, answer in found.items():
                    answers[world].append(answer)
            if not statement.alone:
                self._texts("ROLLBACK")
        except TimeoutError:
            self.close()
            return Verdict("slow")
        except EndedError:
            self.close()
            return Verdict("differs", "a connection ended")
        return judge(statement, answers["a"], answers["b"], answers["m"])

    def close(self) -> None:
        """End the connections; the next statement opens others."""
        while self._wires:
            self._wires.popitem()[1].close()

    def _wire(self, world: str) -> Wire:
        if world not in self._wires:
            self._wires[world] = self._open(world)
        return self._wires[world]

    def _texts(self, text: str) -> dict[str, Answer]:
        wires = {world: self._wire(world) for world in "abm"}
        for world, wire in wires.items():
            wire.send(text.replace("{s}", f"twin_{world}"))
        return {world: wire.read() for world, wire in wires.items()}

    def _prepared(self, step: Step, statement: Statement) -> dict[str, Answer]:
        text, values = prepared(step.text)
        wires = {world: self._wire(world) for world in "abm"}
        for world, wire in wires.items():
            wire.prepare(text.replace("{s}", f"twin_{world}"))
        made = {world: wire.read_prepared() for world, wire in wires.items()}
        cursor = statement.cursor and text.startswith("SELECT")  # MariaDB 10.11 crashes with DELETE ... RETURNING
        for world, (number, _) in made.items():
            if number:
                wires[world].execute(number, values, cursor=cursor)
        answers: dict[str, Answer] = {}
        for world, (number, described) in made.items():
            answers[world] = (described,)
            if number:
                answers[world] = wires[world].read_executed(number)
                wires[world].close_statement(number)
        return answers


def judge(statement: Statement, a: list[Answer], b: list[Answer], m: list[Answer]) -> Verdict:
    """The verdict on the answers of the twins and of the masked world."""
    every = [result.errno for answers in (a, b, m) for answer in answers for result in answer]
    if not _SLOW.isdisjoint(every):
        return Verdict("slow")
    for one, other in zip(a, b, strict=True):
        if _neutral(one, statement) != _neutral(other, statement):
            return Verdict("differs", f"the twins: {_told(one)}\nand: {_told(other)}")
    for step, mine, world in zip(statement.steps, a, m, strict=True):
        verdict = _against_world(statement, step, mine, world)
        if verdict.outcome != "same":
            return verdict
    return Verdict("same")


def _against_world(statement: Statement, step: Step, mine: Answer, world: Answer) -> Verdict:
    error, other = _errno(mine), _errno(world)
    if error != other:
        if error in REFUSALS:
            return Verdict("refused", f"{error} {mine[-1].message}")
        if error in _PLACES or (error == _KEPT and step.compared == "counts"):
            return Verdict("refused", f"{error} of the server stands for a refusal")
        if error == _WRITTEN and "ON DUPLICATE KEY" in step.text:
            return Verdict("refused", f"{error} of the server stands for a refusal")
    if step.compared in {"twins", "nothing"} or (error == other and (error or _same(step, mine, world))):
        return Verdict("same")
    if error != other and (statement.risky or other in _LIMITS):
        return Verdict("failed")
    return Verdict("differs", f"{_told(mine)}\ninstead of the masked world's: {_told(world)}")


def _same(step: Step, mine: Answer, world: Answer) -> bool:
    if len(mine) != len(world):
        return False
    for one, other in zip(mine, world, strict=True):
        if one.counts[0] != other.counts[0] or (
            one.counts != other.counts and b"" not in {one.counts[1], other.counts[1]}
        ):
            return False  # MariaDB says nothing of an UPDATE of which it sees that no row is meant
        if not one.rows and not other.rows and () in {one.columns, other.columns}:
            continue  # MariaDB leaves out the columns of DELETE ... RETURNING where it sees that no row is meant
        if tuple(map(_name, one.names)) != tuple(map(_name, other.names)):
            return False
        if step.compared == "rows" and sorted(one.values, key=repr) != sorted(other.values, key=repr):
            return _folded(one) == _folded(other)
    return True


def _folded(result: Result) -> list[object]:
    """Rows without case: of texts that a collation takes for equal, any one may stand for all in a group."""
    rows = [tuple(value if value is None else _neutral_bytes(value).lower() for value in row) for row in result.values]
    return sorted(rows, key=repr)


def _name(name: bytes) -> bytes:
    return _neutral_bytes(name)


def _errno(answer: Answer) -> int:
    return next((result.errno for result in answer if result.errno), 0)


def _neutral(answer: Answer, statement: Statement) -> list[object]:
    """An answer in which the schemas of all worlds have one name; its rows in an order of ours where no other is asked for.

    How often a warning is counted follows how many rows fit into a buffer, so it only counts whether there are any.
    """
    found: list[object] = []
    for result in answer:
        rows = [_neutral_bytes(row) for row in result.rows]
        columns = [_neutral_bytes(each) for each in result.columns]
        end = result.without_warnings if result.columns else result.end
        found.append((columns, rows if statement.ordered else sorted(rows), _neutral_bytes(end), result.warned))
    return found


def _neutral_bytes(data: bytes) -> bytes:
    return _SCHEMA.sub(b"twin_?", data)


def _told(answer: Answer) -> str:
    told = []
    for result in answer:
        if result.errno:
            told.append(f"{result.errno} {result.message}")
            continue
        rows = sorted(result.values, key=repr)
        told.append(
            f"{[name.decode() for name in result.names]} {result.counts} {len(rows)} rows {rows[:6]} {result.end!r}"
        )
    return "; ".join(told)
