"""Conditions that never or always hold are found, and nothing is said of one that may do either."""

import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.conditions import Condition, ConditionFailed, Facts
from policies.holding import holding, idle
from policies.model import Principal, Session
from policies.statements import KINDS
from policies.vocabulary import Attribute, Vocabulary

VOCABULARY = Vocabulary(
    attributes={
        "purpose": Attribute("purpose", values=("care", "marketing")),
        "urgent": Attribute("urgent", "boolean"),
        "case": Attribute("case", "integer"),
    }
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("false", "never"),
        ("true", "always"),
        ("1 == 2", "never"),
        ("session.hour < 8 && session.hour > 20", "never"),
        ("session.hour < 8 || session.hour > 20", None),
        ("session.hour < 8 || session.hour >= 8", "always"),
        ("session.hour == 24", "never"),
        ("session.weekday == 0", "never"),
        ("session.minute == 60 || session.weekday == 8", "never"),
        ('session.time == "9:30"', "never"),
        ('session.time < "9:00"', "always"),
        ('session.time < "09:00"', None),
        ('session.time < "09:00" && session.hour >= 9', "never"),
        ('statement.kind == "selekt"', "never"),
        ('statement.kind in ["select", "copy"]', None),
        ('session.purpose == "wedding"', "never"),
        ('session.purpose == "care"', None),
        ('session.purpose != "wedding"', "always"),
        ("session.urgent && !session.urgent", None),  # undeclared it is null, and cannot be evaluated
        ("session.urgent == true && session.urgent == false", "never"),
        ("session.case == 4 && session.case == 5", None),
        ('principal.role == "x" && session.hour > 23', "never"),
        ('(principal.role == "x") && (session.hour > 20 && (session.hour < 8))', "never"),
        ('principal.role == "x" || session.hour > 23', None),
        ('principal.role == "x" || session.hour >= 0', "always"),
        ("session.tls ? session.hour < 0 : session.hour > 23", "never"),
        ('principal.role == "&& false" && session.tls', None),
        ("principal.role == 'a||b' || session.weekday == 9", None),
        (
            'principal.role == r"a\\d" && session.hour == 30 && principal.name == ""',
            None,
        ),  # a raw string is not looked into
        ("session.hour == 24 // || true", "never"),
        ('in_network(session.address, "10.0.0.0/8")', None),
        ("session.workday && session.weekday == 7", None),
        ('session.time == "10:00" && session.weekday == 1 && session.workday && session.tls', None),
    ],
)
def test_what_is_said_of_a_condition(text: str, found: str | None) -> None:
    """By trying every hour, weekday, kind and declared value; people and addresses may be anything."""
    Condition(text, VOCABULARY)
    assert holding(text, VOCABULARY) == found


def test_alternatives_that_never_hold() -> None:
    """One of several is named; a condition that is none is left to `holding`."""
    text = 'statement.kind == "select" || statement.kind == "selekt" || principal.x == 1 && session.hour > 23'
    assert idle(text, VOCABULARY) == ('statement.kind == "selekt"', "principal.x == 1 && session.hour > 23")
    assert idle("session.hour > 23", VOCABULARY) == ()


BEGAN = dt.datetime(2026, 11, 20, tzinfo=dt.UTC)
TERMS = st.sampled_from(
    [
        *(
            "session.hour < 9",
            "session.hour >= 9",
            "session.minute == 30",
            'session.time < "09:30"',
            "session.weekday < 6",
        ),
        *(
            "session.workday",
            "session.tls",
            'statement.kind == "select"',
            'session.purpose == "care"',
            "session.urgent == true",
        ),
        *(
            "session.case > 5",
            "principal.x == 1",
            'session.date == "2026-11-23"',
            "session.hour > 23",
            "session.weekday > 0",
        ),
    ]
)
CONDITIONS = st.recursive(
    TERMS,
    lambda parts: st.one_of(
        st.tuples(parts, st.sampled_from(["&&", "||"]), parts).map(" ".join),
        parts.map(lambda part: f"({part})"),
        parts.map(lambda part: f"!({part})"),
        st.tuples(parts, parts, parts).map(lambda three: "{} ? {} : {}".format(*three)),
    ),
    max_leaves=5,
)


@settings(max_examples=150, deadline=None)
@given(
    CONDITIONS,
    st.lists(
        st.tuples(
            st.integers(0, 4 * 86_400).map(lambda seconds: BEGAN + dt.timedelta(seconds=seconds)),
            st.booleans(),
            st.sampled_from(KINDS),
            st.fixed_dictionaries(
                {}, optional={"purpose": st.just("care"), "urgent": st.booleans(), "case": st.just(7)}
            ),
            st.dictionaries(st.just("x"), st.sampled_from([1, "a"])),
        ),
        min_size=5,
    ),
)
def test_what_is_said_is_true(
    text: str, cases: list[tuple[dt.datetime, bool, str, dict[str, object], dict[str, object]]]
) -> None:
    """What never holds is false for everybody at any time, and what always does is true: neither can fail."""
    condition, said = Condition(text, VOCABULARY), holding(text, VOCABULARY)
    if said is None:
        return
    for at, tls, kind, declared, known in cases:
        session = Session("bank", "10.0.0.1", "psql", "app", tls, at, declared)  # type: ignore[arg-type]
        facts = Facts.of(Principal("u", known), session, VOCABULARY).of_statement(kind)  # type: ignore[arg-type]
        try:
            assert condition.holds(facts) is (said == "always")
        except ConditionFailed as failed:
            raise AssertionError(f"{text} cannot be evaluated: {failed}") from None
