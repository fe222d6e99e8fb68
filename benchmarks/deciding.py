"""What policies cost: to read a large file, to decide for a caller, and to decide again for one that is known.

`python -m benchmarks.deciding` prints processor time as JSON, with the goal of each; no server, no network. May not do: be part of a
test.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from time import process_time_ns
from typing import TYPE_CHECKING

from policies.loader import parse_policies
from policies.model import ColumnName, Label, Principal, Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from policies.decide import PolicySet

_COLUMNS = 10_000
_RULES = 1_000
_NOON = dt.datetime(2026, 1, 5, 12, tzinfo=dt.UTC)
_SESSION = Session("bank", "10.1.2.3", "psql", "app", True, _NOON)


def _file(columns: int, rules: int) -> str:
    """A policy file with so many dictionary columns and rules, each with a condition."""
    lines = ["version: 1", "dictionary:"]
    lines += [
        f"  - {{column: bank.s{n % 20}.t{n // 50}.c{n}, category: c{n % 40}, level: {n % 5 + 1}}}"
        for n in range(columns)
    ]
    lines.append("rules:")
    lines += [
        f"  - {{name: r{n}, columns: {{category: c{n % 40}}}, treatment: {{mask: partial, keep_first: 1}}, "
        f"when: 'principal.role == \"role {n}\" && session.hour < {n % 4 + 18}'}}"
        for n in range(rules)
    ]
    return "\n".join(lines)


def _labels(policies: PolicySet, columns: int) -> dict[ColumnName, Label]:
    names = [ColumnName(f"s{n % 20}", f"t{n // 50}", f"c{n}") for n in range(columns)]
    found = {name: policies.label("bank", name.schema, name.relation, name.column) for name in names}
    return {name: label for name, label in found.items() if label is not None}


def _microseconds(run: Callable[[int], object], times: int) -> float:
    """The shortest of so many runs, each with a number of its own."""
    best = sys.maxsize
    for number in range(times):
        begun = process_time_ns()
        run(number)
        best = min(best, process_time_ns() - begun)
    return best / 1000


def measure() -> dict[str, dict[str, float]]:
    """Measure: microseconds of processor time and the goal, by name."""
    text = _file(_COLUMNS, _RULES)
    loading = _microseconds(lambda _: parse_policies(text), 3)
    policies = parse_policies(_file(1000, 200))
    labels = _labels(policies, 1000)
    people = [Principal(f"u{n}", {"role": f"role {n % 200}"}) for n in range(400)]
    policies.decide(people[-1], _SESSION, labels)
    first = _microseconds(lambda n: policies.decide(people[n], _SESSION, labels), 200)
    return {
        f"read {_COLUMNS:,} columns and {_RULES:,} rules": {"us": loading, "goal_us": 2_000_000},
        "decide for somebody, 200 rules with conditions, 1,000 columns": {"us": first, "goal_us": 1_000},
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(), indent=2) + "\n")
