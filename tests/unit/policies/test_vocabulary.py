"""The calendar and the declared attributes of a policy file: read, checked, and seen by conditions."""

import datetime as dt

import pytest

from policies.loader import PolicyError, parse_policies
from policies.model import ColumnName, Principal, Session
from policies.vocabulary import NotAllowed

FILE = """
version: 1
calendar:
  timezone: Asia/Shanghai
  holidays: [2026-10-01..2026-10-07, 2027-01-01]
  workdays: [2026-10-10]
session:
  purpose: {values: [care, marketing]}
  menu: {pattern: "[A-Z]{2}[0-9]{4}"}
  amount: {type: integer, minimum: 0, maximum: 100}
  urgent: {type: boolean}
  case: {}
dictionary:
  - {column: "*.*.customers.phone", category: phone, level: 3}
rules:
  - {name: r, columns: {category: phone}, when: %s, treatment: clear}
"""
PHONE = ColumnName("public", "customers", "phone")
NOON = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)  # a Monday, eight in the evening at Shanghai


def shown(condition: str, at: dt.datetime = NOON, declared=(), address: str = "10.1.2.3") -> bool | str:
    """Whether the rule with this condition shows the column, or why it could not be evaluated."""
    policies = parse_policies(FILE % repr(condition))
    session = Session("bank", address, "psql", "app", False, at, dict(declared))
    labels = {PHONE: policies.label("bank", "public", "customers", "phone")}
    treatment = policies.decide(Principal("tina"), session, labels).treatments[PHONE]
    return treatment.reason or treatment.kind == "clear"


@pytest.mark.parametrize(
    ("condition", "at", "expected"),
    [
        ("session.hour == 20", NOON, True),
        ('session.time == "20:00"', NOON, True),
        ('session.date == "2026-11-24"', NOON + dt.timedelta(hours=5), True),
        ("session.weekday == 1 && session.workday", NOON, True),
        ("session.workday", dt.datetime(2026, 10, 1, 3, tzinfo=dt.UTC), False),  # a Thursday, but a holiday
        ("session.workday", dt.datetime(2026, 9, 30, 15, 59, tzinfo=dt.UTC), True),
        ("session.workday", dt.datetime(2026, 9, 30, 16, tzinfo=dt.UTC), False),  # at midnight there
        ("session.workday", dt.datetime(2026, 10, 10, 3, tzinfo=dt.UTC), True),  # a Saturday that is worked
        ("session.workday", dt.datetime(2026, 10, 11, 3, tzinfo=dt.UTC), False),
        ('session.now.getHours("America/New_York") == 7', NOON, True),
    ],
)
def test_moments_are_told_in_the_zone_of_the_file(condition, at, expected):
    """The calendar of the file decides what day and time it is, and whether it is worked."""
    assert shown(condition, at) is expected


@pytest.mark.parametrize(
    ("condition", "address", "expected"),
    [
        ('in_network(session.address, "10.1.0.0/16")', "10.1.2.3", True),
        ('in_network(session.address, "10.1.0.0/16")', "10.2.2.3", False),
        ('in_network(session.address, "10.1.2.3")', "10.1.2.3", True),
        ('in_network(session.address, "2001:db8::/32")', "2001:db8::1", True),
        ('in_network(session.address, "2001:db8::/32")', "10.1.2.3", False),
        ('in_network(session.address, "10.1.2.3/8")', "10.9.9.9", True),
        ("in_network(session.address, principal.name)", "10.9.9.9", "'tina' does not appear to be an IPv4 or IPv6 network"),
    ],
)  # fmt: skip
def test_addresses_lie_in_networks_or_not(condition, address, expected):
    """A network is written as CIDR, of either family."""
    assert shown(condition, address=address) == expected


@pytest.mark.parametrize(
    ("condition", "declared", "expected"),
    [
        ('session.purpose == "care"', {"purpose": "care"}, True),
        ('session.purpose == "care"', {}, False),
        ("session.purpose == null", {}, True),
        ('session.purpose in ["care", "marketing"]', {"purpose": "marketing"}, True),
        ("session.amount < 50", {"amount": 7}, True),
        ("session.amount < 50", {}, "No matching overloads found : _<_(null_type, int64)"),
        ("session.amount != null && session.amount < 50", {}, False),
        ("session.urgent == true", {"urgent": True}, True),
    ],
)
def test_what_is_declared_is_seen_and_null_before(condition, declared, expected):
    """Conditions see declared attributes by their names; what is not declared is null."""
    assert shown(condition, declared=declared) == expected


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("purpose", "care", "care"),
        ("purpose", "Care", "`purpose` takes one of care, marketing"),
        ("menu", "AB1234", "AB1234"),
        ("menu", "AB12345", "`menu` takes what matches [A-Z]{2}[0-9]{4}"),
        ("menu", "AB1234\n", "`menu` takes what matches [A-Z]{2}[0-9]{4}"),
        ("amount", "100", 100),
        ("amount", "-1", "`amount` takes a whole number from 0 up to 100"),
        ("amount", "1.5", "`amount` takes a whole number"),
        ("amount", "٣", "`amount` takes a whole number"),
        ("urgent", "ON", True),
        ("urgent", "yes!", "`urgent` takes true or false"),
        ("case", "x" * 200, "x" * 200),
        ("case", "x" * 201, "`case` takes at most 200 characters"),
        ("porpose", "care", "there is no attribute `porpose` to declare; the policies have purpose, menu, amount, urgent, case"),
    ],
)  # fmt: skip
def test_a_declared_value_is_checked(name, text, expected):
    """What the file does not allow is refused with what it allows."""
    vocabulary = parse_policies(FILE % "'true'").vocabulary
    try:
        assert vocabulary.read(name, text) == expected
    except NotAllowed as refused:
        assert str(refused) == expected  # noqa: PT017  both outcomes are data


@pytest.mark.parametrize(
    ("section", "line", "message"),
    [
        ("calendar: {timezone: Mars}", 2, "`Mars` is no time zone"),
        ("calendar: {holidays: [2026-13-01]}", 2, "`2026-13-01` is no day"),
        ("calendar: {holidays: [2026-10-07..2026-10-01]}", 2, "`2026-10-07..2026-10-01` must go forward, by less than a year"),
        ("calendar: {holidays: [2026-10-10], workdays: [2026-10-10]}", 2, "2026-10-10 is a holiday and a workday"),
        ("session: {Purpose: {}}", 2, "`Purpose` cannot be declared"),
        ("session: {address: {}}", 2, "sessions have `address` already"),
        ("session: {a: {type: date}}", 2, "`type` must be one of `text`, `integer`, `boolean`, not `date`"),
        ("session: {a: {type: integer, values: [x]}}", 2, "`values` does not go with the type integer"),
        ("session: {a: {pattern: '('}}", 2, "`pattern` is no regular expression: "),
        ("session: {a: {values: []}}", 2, "`values` is an empty list, so that nothing could be declared"),
        ("rules: [{name: r, columns: {level: 3}, treatment: clear, when: 'in_network(session.address, \"10.1\")'}]", 2, "`when`: `10.1` is no network"),
        ("rules: [{name: r, columns: {level: 3}, treatment: clear, rows: 'a = {session.purpose}'}]", 2, "`rows`: the session has no `purpose`"),
    ],
)  # fmt: skip
def test_mistakes_are_told_with_their_line(section, line, message):
    """A file with a mistake in these sections is refused whole."""
    with pytest.raises(PolicyError) as failed:
        parse_policies(f"version: 1\n{section}\n")
    assert (failed.value.problems[0].line, failed.value.problems[0].message[: len(message)]) == (line, message)


def test_rows_bind_what_is_declared():
    """A row condition takes a declared value, and without one its columns are denied."""
    policies = parse_policies(
        "version: 1\nsession: {case: {}}\ndictionary: [{column: '*.*.*.phone', category: phone, level: 3}]\n"
        "rules: [{name: r, columns: {level: 3}, rows: 'case_id = {session.case}', treatment: clear}]\n"
    )
    labels = {PHONE: policies.label("bank", "public", "customers", "phone")}
    session = Session("bank", "10.1.2.3", "psql", "app", False, NOON, {"case": "4711"})
    treatment = policies.decide(Principal("tina"), session, labels).treatments[PHONE]
    assert (treatment.kind, treatment.rows.text, treatment.rows.values) == ("clear", "case_id = {0}", ("4711",))
    session = Session("bank", "10.1.2.3", "psql", "app", False, NOON)
    treatment = policies.decide(Principal("tina"), session, labels).treatments[PHONE]
    assert (treatment.kind, treatment.reason) == ("deny", "the session has not declared `case`, which `rows` needs")
