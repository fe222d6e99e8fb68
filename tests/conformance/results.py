"""What came of a run: the outcome of each test out of pytest's JUnit file, and the differences of two runs.

May not do: run anything.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Mapping

_WORST_FIRST = ("error", "failed", "skipped", "passed")


@dataclass(frozen=True, slots=True)
class Outcome:
    """`state` is error, failed, skipped or passed; `reason` is the first line of what pytest says."""

    state: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Difference:
    """A test that ended in another way through Louver than direct. None: it did not run there."""

    test: str
    direct: Outcome | None
    louver: Outcome | None


def read_outcomes(junit: str) -> dict[str, Outcome]:
    """Return the outcomes of a JUnit file's text, by `class::name`; a test that occurs twice has its worst outcome."""
    outcomes: dict[str, Outcome] = {}
    for case in ET.fromstring(junit).iter("testcase"):  # written by our own pytest
        name = f"{case.get('classname')}::{case.get('name')}"
        outcome = _outcome(case)
        known = outcomes.get(name)
        if known is None or _WORST_FIRST.index(outcome.state) < _WORST_FIRST.index(known.state):
            outcomes[name] = outcome
    return outcomes


def _outcome(case: ET.Element) -> Outcome:
    for tag, state in (("error", "error"), ("failure", "failed"), ("skipped", "skipped")):
        found = case.find(tag)
        if found is not None:
            return Outcome(state, (found.get("message") or "").split("\n", 1)[0][:300])
    return Outcome("passed")


def count(outcomes: Mapping[str, Outcome]) -> Counter[str]:
    """Count the outcomes by state."""
    return Counter(outcome.state for outcome in outcomes.values())


def differences(direct: Mapping[str, Outcome], louver: Mapping[str, Outcome]) -> list[Difference]:
    """Return the tests whose state differs, in the order of their names."""
    return [
        Difference(name, direct.get(name), louver.get(name))
        for name in sorted({*direct, *louver})
        if (direct[name].state if name in direct else None) != (louver[name].state if name in louver else None)
    ]
