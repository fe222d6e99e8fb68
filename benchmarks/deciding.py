"""What policies cost: to read a large file, to decide for a caller, and to decide again for one that is known.

`python -m benchmarks.deciding` prints processor time as JSON, with the goal of each; no server, no network. May not do: be part of a
test.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from dataclasses import replace
from statistics import median
from time import process_time_ns
from typing import TYPE_CHECKING

from policies.loader import parse_policies
from policies.model import ColumnName, Label, Principal, Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from policies.decide import PolicySet

_COLUMNS = 10_000
_RULES = 1_000
_PEOPLE = 1_000
_NOON = dt.datetime(2026, 1, 5, 12, tzinfo=dt.UTC)
_SESSION = Session("bank", "10.1.2.3", "psql", "app", True, _NOON)


def _file(columns: int, rules: int) -> str:
    """A policy file with so many dictionary columns and rules, each with a condition."""
    lines = ["version: 1", "calendar: {timezone: Asia/Shanghai}", "dictionary:"]
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


def _microseconds(run: Callable[[int], object], times: int, rounds: int = 5) -> float:
    """What one of so many runs takes, each with a number of its own: the median of some rounds."""
    found = []
    for _ in range(rounds):
        begun = process_time_ns()
        for number in range(times):
            run(number)
        found.append((process_time_ns() - begun) / times)
    return median(found) / 1000


def measure(columns: int = _COLUMNS, rules: int = _RULES, deciding: int = 200) -> dict[str, dict[str, float]]:
    """Measure: microseconds of processor time and the goal, by name. Decisions are made by so many rules over five times as many columns."""
    text = _file(columns, rules)
    loading = _microseconds(lambda _: parse_policies(text), 1, 3)
    policies = parse_policies(_file(5 * deciding, deciding))
    labels = _labels(policies, 5 * deciding)
    people = [Principal(f"u{n}", {"role": f"role {n % deciding}", "region": "East"}) for n in range(_PEOPLE)]
    policies.decide(Principal("first", {"role": ""}), _SESSION, labels)
    strangers = iter(people)
    first = _microseconds(lambda _: policies.decide(next(strangers), _SESSION, labels), _PEOPLE // 5)
    # of each person a session of later, which shares no object with the first one
    again = [Principal(str(each.name), dict(each.attributes)) for each in people]
    later = replace(_SESSION, at=_NOON.replace(minute=59))
    known = _microseconds(lambda n: policies.decide(again[n], later, labels), _PEOPLE)
    what = f"{deciding:,} rules with conditions, {5 * deciding:,} columns"
    return {
        f"read {columns:,} columns and {rules:,} rules": {"us": loading, "goal_us": 2_000_000},
        f"decide for somebody, {what}": {"us": first, "goal_us": 1_000},
        f"decide again for one that is known, {what}": {"us": known, "goal_us": 5},
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(), indent=2) + "\n")
