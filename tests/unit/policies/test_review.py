"""What is odd about policies is found, and what is meant is left alone."""

import pytest

from policies.loader import parse_policies
from policies.review import review

HEAD = """
version: 1
dictionary:
  - {column: b.public.customers.phone, category: phone, level: 3}
  - {column: b.public.customers.name, category: name, level: 2}
  - {column: b.public.customers.balance, category: balance, level: 4}
rules:
"""
SHADOWED = "rule `a` decides all its columns first"
TELLS = (
    "its `rows` compare `balance`, which is sensitive and not among its columns: who sees a row clear by it learns "
    "what the condition says of `balance`"
)


@pytest.mark.parametrize(
    ("first", "second", "found"),
    [
        ("columns: {category: phone}", "columns: {category: phone}", SHADOWED),
        ('columns: {category: "*"}', "columns: {category: phone}, when: session.tls", SHADOWED),
        ('columns: {level: ">=2"}', "columns: {category: phone}", SHADOWED),
        ("columns: {category: phone}", 'columns: {category: "*"}', None),
        ("columns: {category: phone}, when: session.tls", "columns: {category: phone}", None),
        ("columns: {category: phone}, when: session.tls", "columns: {category: phone}, when: session.tls", SHADOWED),
        ("columns: {category: phone, table: customers}", "columns: {category: phone}", None),
        ("columns: {category: phone, table: customers}", "columns: {category: phone, table: customers}", SHADOWED),
        ("columns: {category: phone, table: [customers, x]}", "columns: {category: phone, table: customers}", SHADOWED),
        ("columns: {category: phone}, rows: id > 1", "columns: {category: phone}", SHADOWED),
        ("columns: {category: name}", "columns: {level: 5}", "no column of the dictionary is meant by it"),
        ("columns: {category: name}", "columns: {category: phone}, when: false", "its condition never holds"),
        ("columns: {category: name}", "columns: {category: phone}, when: session.hour > 23", "its condition never holds"),
        (
            "columns: {category: name}",
            "columns: {category: phone}, when: 'session.tls || statement.kind == \"selekt\"'",
            'of its condition, `statement.kind == "selekt"` never holds',
        ),
        (
            "columns: {category: name}",
            "columns: {category: phone}, when: 'session.time < \"9:00\"'",
            "its condition always holds, whoever asks and whenever",
        ),
        ("columns: {category: name}", "columns: {category: phone}, rows: balance < 5", TELLS),
        ("columns: {category: name}", "columns: {category: phone}, rows: \"x = 'balance' AND y = {principal.balance}\"", None),
        ("columns: {category: name}", "columns: {category: [phone, balance]}, rows: BALANCE < 5", None),
        ("columns: {category: name}", "columns: {category: phone}, rows: '\"balance\" < 5'", TELLS),
    ],
)  # fmt: skip
def test_odd_rules_are_found(first, second, found):
    """The second rule is odd, or is not."""
    text = f"{HEAD}  - {{name: a, {first}, treatment: clear}}\n  - {{name: b, {second}, treatment: clear}}\n"
    assert [(each.rule, each.message) for each in review(parse_policies(text))] == ([("b", found)] if found else [])


@pytest.mark.parametrize(
    ("section", "found"),
    [
        (
            "filters: [{name: a, tables: customers, rows: id > 1}, {name: b, tables: customers, rows: id > 2}]",
            [("b", "filter `a` decides all its tables first")],
        ),
        ("filters: [{name: a, tables: customers, rows: id > 1}, {name: b, tables: [customers, x], rows: id > 2}]", []),
        ("filters: [{name: a, tables: t, when: session.tls, rows: id > 1}, {name: b, tables: t, rows: id > 2}]", []),
        (
            "filters: [{name: a, tables: t, when: session.hour > 23, rows: id > 1}]",
            [("a", "its condition never holds")],
        ),
        (
            "limits: [{name: a, rows_per_hour: 9}, {name: b, rows_per_hour: 5, when: session.tls}]",
            [("b", "limit `a` is everybody's before it")],
        ),
        ("limits: [{name: b, rows_per_hour: 5, when: session.tls}, {name: a, rows_per_hour: 9}]", []),
        (
            "limits: [{name: a, rows_per_hour: 9, when: session.weekday < 0}, {name: b, rows_per_hour: 5}]",
            [("a", "its condition never holds")],
        ),
    ],
)
def test_odd_filters_and_limits_are_found(section: str, found: list[tuple[str, str]]) -> None:
    """Those that no caller ever has, for the one before is had by everybody."""
    text = HEAD.replace("rules:\n", "") + section
    assert [(each.rule, each.message) for each in review(parse_policies(text))] == found
