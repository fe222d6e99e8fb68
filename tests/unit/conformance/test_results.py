"""Outcomes read from JUnit files, and what differs between two runs."""

from __future__ import annotations

from conformance.results import Outcome, count, differences, read_outcomes

JUNIT = """\
<testsuites><testsuite>
  <testcase classname="a" name="one"/>
  <testcase classname="a" name="two"><failure message="broken&#10;more"/></testcase>
  <testcase classname="a" name="three"><skipped message="not here"/></testcase>
  <testcase classname="a" name="four"><error message="no fixture"/></testcase>
  <testcase classname="a" name="five"/>
  <testcase classname="a" name="five"><failure message="the second time"/></testcase>
</testsuite></testsuites>
"""


def test_each_test_has_its_outcome() -> None:
    """Every test is read with its state and the first line of the reason, the worst one when it ran twice."""
    outcomes = read_outcomes(JUNIT)
    assert outcomes == {
        "a::one": Outcome("passed"),
        "a::two": Outcome("failed", "broken"),
        "a::three": Outcome("skipped", "not here"),
        "a::four": Outcome("error", "no fixture"),
        "a::five": Outcome("failed", "the second time"),
    }
    assert count(outcomes) == {"passed": 1, "failed": 2, "skipped": 1, "error": 1}


def test_differences_are_of_states_and_not_of_words() -> None:
    """A test differs when its state does or when it ran once only; another message is no difference."""
    passed, failed = Outcome("passed"), Outcome("failed", "x")
    direct = {"same": failed, "worse": passed, "better": failed, "gone": passed}
    louver = {"same": Outcome("failed", "y"), "worse": failed, "better": passed, "new": passed}
    found = [(each.test, each.direct, each.louver) for each in differences(direct, louver)]
    assert found == [
        ("better", failed, passed),
        ("gone", passed, None),
        ("new", None, passed),
        ("worse", passed, failed),
    ]
