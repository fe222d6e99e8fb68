"""Selectors: all keys that are given must match, of each key one value."""

import pytest

from policies.model import ColumnName, Label
from policies.patterns import read_pattern
from policies.rules import COMPARISONS, LevelTest, Selector

PHONE = ColumnName("public", "customers", "phone")


@pytest.mark.parametrize(
    ("comparison", "levels"),
    [(">=", {3, 4, 5}), (">", {4, 5}), ("<=", {1, 2, 3}), ("<", {1, 2}), ("=", {3})],
)
def test_levels_are_compared(comparison, levels):
    """Each sign compares a column's level with the rule's."""
    assert {level for level in range(1, 6) if LevelTest(comparison, 3).matches(level)} == levels
    assert comparison in COMPARISONS


def test_label_and_name_are_matched_apart():
    """Category and level are properties of the label, the rest of the name; keys that are left out match all."""
    selector = Selector(category=(read_pattern("phone"),), level=(LevelTest(">=", 3),), column=(read_pattern("ph*"),))
    assert selector.matches_label(Label("phone", 3))
    assert not selector.matches_label(Label("phone", 2))
    assert not selector.matches_label(Label("email", 3))
    assert selector.matches_name(PHONE)
    assert not selector.matches_name(ColumnName("public", "customers", "email"))
    assert Selector().matches_label(Label("any", 1))
    assert Selector().matches_name(PHONE)


def test_a_table_is_matched_with_or_without_its_schema():
    """`customers` means that table in every schema, `public.customers` in one."""
    anywhere = Selector(table=((None, read_pattern("customers")),))
    there = Selector(
        table=((read_pattern("audit"), read_pattern("customers")), (read_pattern("p*"), read_pattern("cust*")))
    )
    assert anywhere.matches_name(PHONE)
    assert there.matches_name(PHONE)
    assert not Selector(table=((read_pattern("audit"), read_pattern("customers")),)).matches_name(PHONE)
    assert not Selector(schema=(read_pattern("audit"),)).matches_name(PHONE)
