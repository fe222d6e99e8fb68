"""The long run: statement after statement from a seed, with a state that survives an interruption.

Owns the counting, the state file and the making of a failing statement smaller. May not do: start servers.
"""

from __future__ import annotations

import itertools
import json
import random
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from noninterference.generated.choices import smallest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from noninterference.generated.check import Verdict


SAVED_EVERY = 500  # statements; so many are run again after an interruption
_NAMES = re.compile(r'"[^"]*"|\b\w+\.\w[\w.]*|\b\d+\b')


class Caller(Protocol):
    """Who sends statements to the worlds."""

    name: str

    def ask(self, statement: Any) -> Verdict:
        """Send a statement to all worlds and compare the answers."""


@dataclass(slots=True)
class State:
    """How far a run has come, and what it has found. `refusals`: by message without names, how many and one statement."""

    seed: int
    done: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    refusals: dict[str, list[object]] = field(default_factory=dict)
    differences: list[dict[str, str]] = field(default_factory=list)

    @classmethod
    def load(cls, path: Path, seed: int) -> State:
        """The state of an earlier run of that seed, or a new one."""
        if not path.exists():
            return cls(seed)
        found = json.loads(path.read_text(encoding="utf-8"))
        return cls(**{**found, "counts": Counter(found["counts"])})

    def save(self, path: Path) -> None:
        """Write it in one step."""
        scratch = path.with_suffix(".new")
        fields = {name: getattr(self, name) for name in self.__slots__}
        scratch.write_text(json.dumps(fields, indent=1), encoding="utf-8")
        scratch.replace(path)

    def count(self, name: str, statement: object, verdict: Verdict) -> None:
        """Count one statement."""
        self.done += 1
        self.counts[verdict.outcome] += 1
        if verdict.outcome == "refused":
            entry = self.refusals.setdefault(_NAMES.sub("N", verdict.said), [0, ""])
            entry[0] = int(str(entry[0])) + 1
            entry[1] = min(filter(None, (str(entry[1]), f"[{name}] {statement}")), key=len)

    @property
    def last_line(self) -> str:
        """What the run comes to."""
        c = self.counts
        return (
            f"fuzz: {self.done} ran, {c['differs']} differed, {c['refused']} refused, "
            f"{c['failed']} failed by a value, {c['slow']} were too slow (seed {self.seed})"
        )


Drawn = tuple[Any, Sequence[int]]
"""A statement and the choices that make it again; none when it comes from elsewhere."""

Draw = Callable[[random.Random | Sequence[int]], Drawn]
"""Makes a statement from chance, or again from choices."""


def generated(draw: Draw, seed: int, first: int) -> Iterator[Drawn]:
    """The statements of a seed, from number `first` on."""
    for number in itertools.count(first):
        yield draw(random.Random(f"{seed}:{number}"))


def run(  # noqa: PLR0917  what to run, on whom, and where it is written down
    state: State, until: int, statements: Iterator[Drawn], draw: Draw, callers: Mapping[str, Caller], path: Path
) -> Iterator[None]:
    """Run statements up to number `until`, the callers taking turns; yields after each. `draw` makes those that differ smaller."""
    names = sorted(callers)
    while state.done < until:
        name = names[state.done % len(names)]
        statement, made = next(statements)
        verdict = callers[name].ask(statement)
        if verdict.outcome == "differs":
            state.differences.append(_difference(state, callers[name], draw, (statement, made), verdict.said))
        state.count(name, statement, verdict)
        if state.done % SAVED_EVERY == 0 or state.done == until:
            state.save(path)
        yield


def _difference(state: State, caller: Caller, draw: Draw, drawn: Drawn, said: str) -> dict[str, str]:
    """What is kept of a statement that differs; it is made smaller first."""
    statement, made = drawn
    least = shrunk(draw, made, lambda each: caller.ask(each).outcome == "differs") if made else statement
    return {
        "number": f"{state.seed}:{state.done}",
        "caller": caller.name,
        "statement": str(least),
        "said": caller.ask(least).said or said,
        "first": str(statement),
    }


def shrunk(draw: Draw, made: Sequence[int], differs: Callable[[Any], bool]) -> Any:
    """The shortest statement found that differs still."""
    found = [draw(made)[0]]

    def fails(each: Sequence[int]) -> bool:
        statement = draw(each)[0]
        if not differs(statement):
            return False
        found.append(statement)
        return True

    smallest(made, fails)
    return min(found, key=lambda statement: len(str(statement)))
