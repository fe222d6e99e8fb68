"""Grants over decisions: more is shown where they hold, and nothing else changes."""

import datetime as dt
from dataclasses import replace

import pytest

from policies.grants import Grant, Overlays, labels_meant, overlay
from policies.loader import parse_policies, read_columns
from policies.masks import DEFAULT_MASK, make_mask
from policies.model import RowCondition, Treatment
from policies.rows import read_rows

POLICIES = """
version: 1
session:
  purpose: {values: [care, marketing]}
dictionary:
  - {column: bank.public.customers.name, category: name, level: 2}
  - {column: bank.public.customers.phone, category: phone, level: 3}
  - {column: bank.public.customers.id_card, category: id_card, level: 4}
  - {column: bank.public.employees.salary, category: salary, level: 4}
rules:
  - {name: names, columns: {category: name}, treatment: clear}
  - {name: region, columns: {category: phone}, when: 'principal.name == "theo"', rows: "region = {principal.region}", treatment: clear}
  - {name: phones, columns: {category: phone}, on_write: allow, treatment: {mask: partial, keep_first: 3, keep_last: 4}}
  - {name: cards by row, columns: {category: id_card}, rows: "level = 1", treatment: {mask: year}}
  - {name: pay, columns: {category: salary}, treatment: deny}
"""
NOW = dt.datetime(2026, 11, 20, 9, 30, tzinfo=dt.UTC)
KNOWN = ("name", "phone", "id_card", "salary")
ALL = frozenset({("name", 2), ("phone", 3), ("id_card", 4), ("salary", 4)})
PARTIAL = make_mask("partial", keep_first=3, keep_last=4)


def grant(columns, rows=None, **other):
    """A grant to tina, in force at half past nine."""
    fields = {
        "id": 17,
        "principal": "tina",
        "columns": read_columns(columns, KNOWN),
        "labels": ALL,
        "rows": None if rows is None else read_rows(rows),
        "database": None,
        "purpose": None,
        "reason": "case 1",
        "requested_by": "tina",
        "requested_at": NOW,
        "minutes": 30,
        "state": "active",
        "starts": NOW - dt.timedelta(minutes=1),
        "ends": NOW + dt.timedelta(minutes=1),
    }
    return Grant(**{**fields, **other})


@pytest.fixture
def base(columns, session, teller):
    """Decide without grants, for tina or somebody else."""
    policies = parse_policies(POLICIES)
    labels = {name: policies.label("bank", name.schema, name.relation, name.column) for name in columns.values()}

    def run(principal=teller):
        return policies.decide(principal, session, labels)

    return run


@pytest.fixture
def seen(base, columns, session, teller):
    """What one column is with grants."""

    def run(column, *grants, principal=teller, session=session):
        return overlay(base(principal), grants, principal, session).treatments[columns[column]]

    return run


def test_granted_rows_are_clear_and_all_others_as_before(seen):
    """The mask of the rule stays for all other rows, and so does what becomes of written values."""
    expected = Treatment(
        "clear", "grant 17", rows=RowCondition("id = 4711", (), "()"), fallback=PARTIAL, on_write="allow", grants=(17,)
    )
    assert seen("customers.phone", grant({"category": ["phone"]}, "id = 4711")) == expected


def test_a_grant_of_all_rows_hides_nothing_and_still_stands_in_the_treatment(seen):
    """So that its statements are read and marked."""
    treatment = seen("customers.phone", grant({"category": ["phone"]}))
    assert not treatment.hides
    assert treatment.treated
    assert treatment.grants == (17,)


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("customers.id_card", ("clear", "id = 1", DEFAULT_MASK, "preserve")),
        ("employees.salary", ("clear", "id = 1", DEFAULT_MASK, "deny")),
    ],
)
def test_what_cannot_be_said_otherwise_is_hidden_in_full_on_other_rows(seen, column, expected):
    """A mask by row and a denial; a denied column that is granted for reading is not for writing."""
    found = seen(column, grant({"level": [">=3"]}, "id = 1"))
    assert (found.kind, found.rows.text, found.fallback, found.on_write) == expected


def test_rows_that_are_clear_already_stay_clear(seen, teller):
    """A row condition of a rule and that of a grant are joined by OR, with the values of both in their places."""
    theo = replace(teller, name="theo")
    rows = "id = 4711 OR branch = {principal.region}"
    found = seen("customers.phone", grant({"category": ["phone"]}, rows, principal="theo"), principal=theo)
    assert found.rows == RowCondition(
        "(region = {0}) OR (id = 4711 OR branch = {1})", ("East", "East"), "('East', 'East')"
    )
    assert found.rule == "region or grant 17"
    assert found.fallback == make_mask("partial", keep_first=3, keep_last=4) or found.fallback is not None


def test_two_grants_are_joined(seen):
    """Both are named, in the rule and in the list of grants."""
    first = grant({"category": ["phone"]}, "id = 1")
    second = grant({"category": ["phone"]}, "id = 2", id=18)
    found = seen("customers.phone", first, second)
    assert (found.rows.text, found.rule, found.grants) == ("(id = 1) OR (id = 2)", "grant 17 or grant 18", (17, 18))
    assert seen("customers.phone", first, replace(second, rows=None)).hides is False


@pytest.mark.parametrize(
    "other",
    [
        {"principal": "theo"},
        {"state": "requested", "starts": None, "ends": None},
        {"state": "revoked"},
        {"ends": NOW},
        {"starts": NOW + dt.timedelta(microseconds=1)},
        {"database": "other"},
        {"purpose": "care"},
        {"labels": frozenset({("phone", 2), ("id_card", 3)})},
        {"rows": "id = {principal.branch}"},
    ],
    ids=" ".join,
)
def test_a_grant_that_does_not_hold_changes_nothing(base, session, teller, other):
    """Another person, state, time, database or purpose, other labels than those agreed to, an attribute that is missing."""
    given = grant(
        {"category": ["phone"]}, other.get("rows"), **{key: each for key, each in other.items() if key != "rows"}
    )
    assert overlay(base(), [given], teller, session).treatments == base().treatments


def test_a_purpose_is_what_the_session_declares(seen, session):
    """A grant for a purpose holds while that purpose is declared."""
    for_care = grant({"category": ["phone"]}, purpose="care")
    assert seen("customers.phone", for_care, session=replace(session, declared={"purpose": "care"})).grants == (17,)
    assert seen("customers.phone", for_care, session=replace(session, declared={"purpose": "marketing"})).grants == ()


def test_what_is_clear_is_not_marked(seen):
    """A column that the rules show is shown by the rules."""
    assert seen("customers.name", grant({"level": [">=1"]})) == Treatment("clear", "names")


def test_columns_that_are_not_meant_stay_as_they_are(base, columns, session, teller):
    """A table, a column and a category narrow a grant, as they narrow a rule."""
    given = grant({"level": [">=1"], "table": ["public.employees"]})
    before, after = base().treatments, overlay(base(), [given], teller, session).treatments
    changed = {str(column) for column in before if before[column] != after[column]}
    assert changed == {"public.employees.salary"}


def test_the_same_grants_give_the_same_object(base, session, teller):
    """So that plans are shared; without a grant that holds it is the decision itself."""
    overlays = Overlays()
    given = grant({"category": ["phone"]}, "id = 1")
    first = overlays.apply(base(), [given], teller, session)
    assert overlays.apply(base(), [given], teller, session) is first
    assert first == overlay(base(), [given], teller, session)
    assert overlays.apply(base(), [replace(given, state="revoked")], teller, session) is base()
    assert overlays.apply(base(), [replace(given, id=18)], teller, session) is not first
    assert first.grants == (17,)


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"category": ["phone"]}, {("phone", 3)}),
        ({"level": [">=4"]}, {("id_card", 4), ("salary", 4)}),
        ({"table": ["customers"], "level": [">=3"]}, {("phone", 3), ("id_card", 4)}),
        ({"table": ["hr.customers"]}, set()),
        ({"column": ["*a*"]}, {("name", 2), ("id_card", 4), ("salary", 4)}),
        ({"schema": ["other"]}, set()),
        ({"category": ["*"]}, {("name", 2), ("phone", 3), ("id_card", 4), ("salary", 4)}),
    ],
)
def test_the_labels_that_are_meant(columns, expected):
    """They are what approvers agree to, so none that the columns can have is left out."""
    assert labels_meant(read_columns(columns, KNOWN), parse_policies(POLICIES).dictionary) == expected


def test_what_nobody_has_reviewed_is_meant_by_name_only():
    """Where all unreviewed columns are masked, a grant means them by their category alone."""
    dictionary = parse_policies(POLICIES.replace("session:", "unreviewed: mask_all\nsession:", 1)).dictionary
    known = (*KNOWN, "unreviewed")
    assert ("unreviewed", 5) not in labels_meant(read_columns({"table": ["other"]}, known), dictionary)
    assert labels_meant(read_columns({"category": ["unreviewed"]}, known), dictionary) == {("unreviewed", 5)}
