"""The benchmark of policies: its three measures, and that it measures what it says."""

import pytest

from benchmarks import deciding
from policies.decide import PolicySet


def test_three_measures_with_their_goals(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading, deciding for somebody, and again: each person is decided for once, and found again whenever asked for."""
    decided: list[str] = []
    anew = PolicySet._decided

    def counted(policies: PolicySet, principal, session, labels):
        decided.append(principal.name)
        return anew(policies, principal, session, labels)

    monkeypatch.setattr(PolicySet, "_decided", counted)
    measured = deciding.measure(columns=40, rules=10, deciding=4)
    assert [name.partition(",")[0] for name in measured] == [
        "read 40 columns and 10 rules",
        "decide for somebody",
        "decide again for one that is known",
    ]
    assert [each["goal_us"] for each in measured.values()] == [2_000_000, 1_000, 5]
    load, first, known = (each["us"] for each in measured.values())
    assert 0 < known < first < load
    assert sorted(decided) == sorted(["first", *(f"u{number}" for number in range(1000))])
