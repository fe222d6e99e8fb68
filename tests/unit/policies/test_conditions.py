"""Conditions: checked when they are loaded, and an answer, yes or no, or a reason when they are evaluated."""

import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.conditions import VARIABLES, Condition, ConditionError, ConditionFailed, Facts
from policies.model import ColumnName, Label, Principal, Session

PRINCIPAL = Principal(
    "tina",
    {"roles": ("teller", "clerk"), "role": "teller", "level": 3, "quota": 2.5, "boss": None, "tags": (("a", 1),)},
)
SESSION = Session("bank", "10.1.2.3", "psql", "app", False, dt.datetime(2026, 11, 20, 9, 30, tzinfo=dt.UTC))
FACTS = Facts.of(PRINCIPAL, SESSION)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('principal.role == "teller" && session.hour >= 8 && session.hour < 20', True),
        ('"teller" in principal.roles', True),
        ('"manager" in principal.roles', False),
        ('principal.name == "tina"', True),
        ("has(principal.region)", False),
        ('has(principal.region) && principal.region == "East"', False),
        ("principal.level >= 3", True),
        ("principal.quota > 2.0", True),
        ("principal.boss == null", True),
        ('principal.tags[0][0] == "a"', True),
        ('session.address.startsWith("10.1.")', True),
        ('session.date < "2027-01-01" && session.weekday <= 5 && session.minute == 30', True),
        ("session.tls", False),
        ('session.database == "bank" && session.application == "psql" && session.database_user == "app"', True),
        ('principal.roles.exists(r, r.matches("^tel"))', True),
        ('principal["role"] == "teller"', True),
        ('principal.nobody == "x" || true', True),  # CEL: an error beside a true is true
        ("true", True),
    ],
)
def test_conditions_hold_or_not(text, expected):
    """What people write comes out as they mean it."""
    condition = Condition(text)
    assert condition.holds(FACTS) is expected
    assert not condition.per_column


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('principal.region == "East"', "the principal has no attribute `region`; test it with `has(principal.region)`"),
        ("principal.role > 1", "No matching overloads found : _>_(string, int64)"),
        ("principal.roles[9] == 'x'", "Index error: index=9 size=2"),
        ('"x" in principal.role', "No matching overloads"),
        ("1 / (principal.level - 3) == 1", "divide by zero"),
        ("principal.role", "the condition gave no true or false"),
        ("[0,1,2,3,4,5,6,7,8,9].all(a, " * 7 + "true" + ")" * 7, "Iteration budget exceeded"),
    ],
)
def test_what_cannot_be_evaluated_says_why(text, reason):
    """A missing attribute, a type that does not fit or endless work is a reason, never an answer."""
    with pytest.raises(ConditionFailed) as failed:
        Condition(text).holds(FACTS)
    assert reason in str(failed.value)


@pytest.mark.parametrize(
    ("text", "line", "column", "message", "hint"),
    [
        ("prinicpal.role == 'x'", 1, 1, "unknown variable `prinicpal.role`", "did you mean `principal`?"),
        ("true &&\n  session.hours > 3", 2, 3, "unknown variable `session.hours`", "did you mean `session.hour`?"),
        ("session.purpose == 'x'", 1, 1, "unknown variable `session.purpose`", None),
        ("foo(1)", 1, 4, "unknown variable or function `foo`", None),
        ("principal.role ==", 1, 18, "syntax error: mismatched input the end", None),
        ('session.hour == "9"', 1, 14, "found no matching overload for `_==_` applied to `(int, string)`", None),
        ("session.hour", 1, 1, "the condition gives int, not true or false", "compare it with something"),
        ("'x'.size()", 1, 1, "the condition gives int, not true or false", None),
        ("(" * 50 + "true" + ")" * 50, 1, 1, "CANCELLED: Expression recursion limit exceeded. limit: 32", None),
        ("true" + " && true" * 1000, 1, 1, "the condition is longer than 4000 characters", None),
    ],
)
def test_mistakes_are_found_before_anybody_logs_in(text, line, column, message, hint):
    """Syntax, names and types are checked at loading, with the place of the mistake."""
    with pytest.raises(ConditionError) as failed:
        Condition(text)
    problem = failed.value.problems[0]
    assert (problem.line, problem.column, problem.message) == (line, column, message)
    if hint is not None:
        assert problem.hint == hint


def test_a_condition_over_the_column_is_evaluated_for_each_column():
    """`column.*` is known for one column at a time."""
    condition = Condition('column.level <= principal.level && column.table == "customers" && column.category != "x"')
    assert condition.per_column
    name = ColumnName("public", "customers", "phone")
    assert condition.holds(FACTS.of_column(name, Label("phone", 3)))
    assert not condition.holds(FACTS.of_column(name, Label("phone", 4)))
    assert Condition('column.schema == "public" && column.name == "phone"').holds(
        FACTS.of_column(name, Label("phone", 3))
    )
    with pytest.raises(ConditionFailed):
        condition.holds(FACTS)


def test_an_attribute_cannot_pose_as_the_name_that_logged_in():
    """`principal.name` is the login, whatever the attributes say."""
    assert Condition('principal.name == "eve"').holds(Facts.of(Principal("eve", {"name": "admin"}), SESSION))


def test_variables_are_the_fields_of_the_model():
    """Every field of Session is a variable, and of what it tells of its moment each part."""
    told = {name for name, value in vars(Session).items() if isinstance(value, property)}
    known = (set(Session.__slots__) - {"at", "declared"}) | told | {"now", "workday"}
    assert {v.removeprefix("session.") for v in VARIABLES if v.startswith("session.")} == known


@settings(max_examples=300, deadline=None)
@given(st.text("principalsession.column()[]{}&|!<>=+-*/%?:,'\"0123 \n\\中", max_size=60))
def test_no_text_does_worse_than_being_refused(text):
    """Any text is compiled or refused, and what is compiled gives a boolean or a reason."""
    try:
        answer = Condition(text).holds(FACTS)
    except (ConditionError, ConditionFailed):
        return
    assert answer in (True, False)
