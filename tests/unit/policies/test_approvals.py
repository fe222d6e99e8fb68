"""Who may agree to a grant, and how many it takes."""

import datetime as dt
from dataclasses import replace

import pytest

from policies.approvals import GRANT_FIELDS, NotEntitled, People, check_break_glass, persons_needed, satisfied
from policies.approvals import _facts as facts
from policies.grants import Grant
from policies.loader import PolicyError, parse_policies, read_columns
from policies.model import Principal

HEAD = """
version: 1
dictionary:
  - {column: bank.public.customers.phone, category: phone, level: 3}
  - {column: bank.public.customers.id_card, category: id_card, level: 4}
"""
POLICIES = (
    HEAD
    + """
approvals:
  - name: the head office decides alone
    when: '"head" in principal.roles'
    persons: 1
  - name: managers of the region
    when: '"manager" in principal.roles && principal.region == grantee.region && grant.minutes <= 60'
  - name: on call
    columns: {level: "<=3"}
    when: '"oncall" in principal.roles'
    break_glass: true
"""
)
TINA = Principal("tina", {"roles": ("teller", "oncall"), "region": "east"})
THEO = Principal("theo", {"roles": ("teller",), "region": "east"})
MONA = Principal("mona", {"roles": ("manager",), "region": "east"})
WEST = Principal("will", {"roles": ("manager",), "region": "west"})
HEAD_OFFICE = Principal("hana", {"roles": ("head",)})
NOBODY = Principal("nobody")


def grant(*labels, **other):
    """A grant that tina has asked for."""
    columns = read_columns({"level": [">=1"]}, ())
    fields = {
        "id": 1,
        "principal": "tina",
        "columns": columns,
        "labels": frozenset(labels or {("phone", 3)}),
        "rows": None,
        "database": None,
        "purpose": None,
        "reason": "case 1",
        "requested_by": "tina",
        "requested_at": dt.datetime(2026, 11, 20, 9, 30, tzinfo=dt.UTC),
        "minutes": 30,
        "state": "requested",
    }
    return Grant(**{**fields, **other})


def needed(principal, given, policies=POLICIES):
    """How many persons it takes, when this one agrees."""
    return persons_needed(parse_policies(policies).approvals, People(principal, TINA, TINA), given)


@pytest.mark.parametrize(
    ("principal", "given", "persons"),
    [
        (MONA, grant(("phone", 3)), 1),
        (MONA, grant(("id_card", 4)), 2),
        (MONA, grant(("phone", 3), ("id_card", 4)), 2),
        (HEAD_OFFICE, grant(("id_card", 4)), 1),
    ],
)
def test_how_many_persons_it_takes(principal, given, persons):
    """Two from level 4 on, unless the approval says otherwise."""
    assert needed(principal, given) == persons


@pytest.mark.parametrize(
    ("principal", "given", "reason"),
    [
        (TINA, grant(), "nobody decides on a grant that they have asked for or get"),
        (MONA, grant(requested_by="mona"), "nobody decides on a grant that they have asked for or get"),
        (
            MONA,
            grant(principal="mona", requested_by="theo"),
            "nobody decides on a grant that they have asked for or get",
        ),
        (THEO, grant(), "no approval lets theo decide on columns of category `phone`, level 3"),
        (WEST, grant(), "no approval lets will"),
        (MONA, grant(minutes=61), "no approval lets mona"),
        (NOBODY, grant(), "has no attribute"),
    ],
)
def test_who_may_not_decide(principal, given, reason):
    """Nobody decides for themselves, nor who meets no condition; one that cannot be evaluated lets nobody in."""
    with pytest.raises(NotEntitled) as caught:
        needed(principal, given)
    assert reason.replace("has no attribute", "the principal has no attribute") in str(caught.value)


def test_without_approvals_nobody_decides():
    """A file that names nobody lets nobody."""
    with pytest.raises(NotEntitled):
        needed(MONA, grant(), HEAD)


def test_break_glass_is_for_oneself_and_whom_an_approval_names():
    """Its columns are limited as those of every approval."""
    approvals = parse_policies(POLICIES).approvals
    check_break_glass(approvals, People(TINA, TINA, TINA), grant())
    for principal, given in (
        (TINA, grant(("id_card", 4))),
        (TINA, grant(principal="theo")),
        (THEO, grant(requested_by="theo", principal="theo")),
        (MONA, grant(requested_by="mona", principal="mona")),
    ):
        with pytest.raises(NotEntitled):
            check_break_glass(approvals, People(principal, principal, TINA), given)


@pytest.mark.parametrize(
    ("needs", "enough"),
    [
        ({}, False),
        ({"a": 1}, True),
        ({"a": 2}, False),
        ({"a": 2, "b": 2}, True),
        ({"a": 2, "b": 1}, True),
        ({"a": 3, "b": 2}, False),
    ],
)
def test_when_enough_have_agreed(needs, enough):
    """Each says how many it takes with himself."""
    assert satisfied(needs) is enough


def test_conditions_see_the_fields_of_a_grant():
    """Just those that the page names, none of them null."""
    shown = facts(People(MONA, TINA, TINA), grant())["grant"]
    assert tuple(shown) == GRANT_FIELDS
    assert None not in shown.values()


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ("{columns: {level: 3}}", "p.yaml:7:5: an approval needs the key `name`"),
        ("{name: a, when: 'session.hour > 1'}", "p.yaml:7:22: `when`: unknown variable `session.hour`"),
        ("{name: a, when: 'grant.minutes'}", None),
        ("{name: a, when: '1'}", "p.yaml:7:22: `when`: the condition gives int, not true or false"),
        ("{name: a, columns: {table: customers}}", "p.yaml:7:25: unknown key `table` in `columns` of an approval"),
        ("{name: a, persons: 0}", "p.yaml:7:24: `persons` must be between 1 and 5, not 0"),
        ("{name: a, persons: 2, break_glass: true}", "p.yaml:7:24: `persons` cannot go with `break_glass`"),
    ],
)
def test_mistakes_in_approvals(entry, problem):
    """Each is told with its place."""
    text = f"{HEAD}approvals:\n  - {entry}\n"
    if problem is None:
        parse_policies(text, "p.yaml")
        return
    with pytest.raises(PolicyError) as caught:
        parse_policies(text, "p.yaml")
    assert any(problem in str(each) for each in caught.value.problems), caught.value.problems


def test_a_grant_that_is_asked_for_by_another(columns):
    """Conditions tell who has asked from who gets it."""
    text = HEAD + 'approvals:\n  - {name: a, when: \'requester.name == "theo" && grantee.name == "tina"\'}\n'
    people = People(MONA, THEO, TINA)
    given = replace(grant(), requested_by="theo")
    assert persons_needed(parse_policies(text).approvals, people, given) == 1
