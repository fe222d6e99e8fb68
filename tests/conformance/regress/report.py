"""What a run found, by class, and why each class is as it is.

Owns the reasons. May not do: run anything.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

REASONS: Mapping[str, str] = {
    r"EXPLAIN": "plans and estimates are made from statistics of the hidden values",
    r"COPY to or from files and programs": "leads around the proxy, by policy",
    r"(CREATE|ALTER|DROP) (DATABASE|TABLESPACE|SERVER|FOREIGN|SUBSCRIPTION|PUBLICATION|USER MAPPING)": "leads around the proxy",
}
"""A part of a class's message, as a regular expression, and the reason for it."""

_EXAMPLES = 3


@dataclass(slots=True)
class Class:
    """Statements that ended alike: how many, in which files, some of them."""

    outcome: str
    kind: str
    count: int = 0
    files: set[str] = field(default_factory=set)
    examples: list[str] = field(default_factory=list)

    @property
    def reason(self) -> str | None:
        """Why it is so; None when nobody has said."""
        return next((reason for part, reason in REASONS.items() if re.search(part, self.kind)), None)


@dataclass(frozen=True, slots=True)
class Report:
    """`succeeding` statements succeed direct; of them `refused` and `differing` do not answer the same through Louver."""

    succeeding: int
    refused: int
    differing: int
    unstable: int
    classes: tuple[Class, ...]

    @property
    def share(self) -> float:
        """The share of refused and differing statements among those that succeed direct, 0 to 1."""
        return (self.refused + self.differing) / max(self.succeeding, 1)

    @property
    def unexplained(self) -> list[Class]:
        """Classes of refusals and differences without a reason."""
        return [each for each in self.classes if each.outcome in {"refused", "differs"} and each.reason is None]

    def table(self) -> Table:
        """The classes for a terminal, most frequent first."""
        table = Table("count", "files", "outcome", "class", "reason, or an example")
        for each in self.classes:
            said = each.reason or each.examples[0]
            table.add_row(str(each.count), str(len(each.files)), each.outcome, each.kind, said)
        return table


def read(lines: Iterable[str]) -> Report:
    """The report of a results file's lines."""
    outcomes: Counter[str] = Counter()
    classes: dict[tuple[str, str], Class] = {}
    for line in lines:
        found = json.loads(line)
        outcome, kind = found["outcome"], found["class"]
        outcomes[outcome] += 1
        if outcome in {"same", "unstable"} or kind == "alike":
            continue
        known = classes.setdefault((outcome, kind), Class(outcome, kind))
        known.count += 1
        known.files.add(found["file"])
        if len(known.examples) < _EXAMPLES:
            known.examples.append(" ".join(found["text"].split())[:200])
    ranked = sorted(classes.values(), key=lambda each: -each.count)
    succeeding = sum(outcomes.values()) - outcomes["failed"]
    return Report(succeeding, outcomes["refused"], outcomes["differs"], outcomes["unstable"], tuple(ranked))
