"""Filters of rows follow what they mean: what a condition becomes when columns have other names, and which filters hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.filters import FOLLOWED
from policies.model import ColumnName, Decision, Label, RowCondition, RowFilter
from policies.patterns import NamePattern
from rewriter.conditions import ConditionError, condition_columns
from rewriter.model import Origin
from rewriter.origins import all_of, filters_of, origins, renamed

CONDITIONS = {
    "region = {0}": "REGION = {0}",
    "\"region\" IN ('region', {0}) AND NOT (level > {1})": "REGION IN ('region', {0}) AND NOT (level > {1})",
    "starts_with(region, 'r') OR region IS NULL": "starts_with(REGION, 'r') OR REGION IS NULL",
    "CASE WHEN größe > 1 THEN region ELSE 'x' END = 'x'": "CASE WHEN größe > 1 THEN REGION ELSE 'x' END = 'x'",
    "level = 1": "level = 1",
}


def label(*sources: str) -> Label:
    return Label(FOLLOWED, 1, tuple(ColumnName("s", *each.split(".")) for each in sources))


def column(name: str) -> ColumnName:
    return ColumnName("s", *name.split("."))


def a_filter(rule: str, table: str, rows: str = "region = 'x'") -> RowFilter:
    return RowFilter(rule, ((None, NamePattern(table, table)),), RowCondition(rows))


@pytest.mark.parametrize("text", CONDITIONS)
def test_a_condition_gets_other_names_of_its_columns(text: str) -> None:
    """In names of columns alone, whatever else reads alike."""
    found = renamed(RowCondition(text, ("a", 1)), {"region": 'a "b"'}).text
    assert " ".join(found.split()) == CONDITIONS[text].replace("REGION", '"a ""b"""')


@pytest.mark.parametrize("name", ["{0}", "a{1}"])
def test_a_name_that_reads_as_an_attribute_is_refused(name: str) -> None:
    """Then the table is closed: nothing of a name becomes a value."""
    with pytest.raises(ConditionError):
        renamed(RowCondition("region = {0}", ("a",)), {"region": name})


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20))
def test_any_name_stays_a_name(name: str) -> None:
    """The condition reads the column under its new name and nothing else, or is refused."""
    try:
        made = renamed(RowCondition("region = {0}", ("a",)), {"region": name})
    except ConditionError:
        return
    assert condition_columns(made) == {name}


def test_origins_are_told_where_they_are_more_than_names() -> None:
    """A renamed table, a renamed column, one that has come under its old name, one of two origins; nothing of what is as it was."""
    found = origins(
        {
            column("same.a"): label("same.a"),
            column("now.a"): label("then.a"),
            column("one.b"): label("one.a"),
            column("one.a"): label("one.a"),
            column("two.b"): label("two.a"),
            column("two.c"): label("two.a"),
            column("three.a"): label("four.a", "five.a"),
        }
    )
    assert found == {
        ("s", "now"): (Origin("s", "then"),),
        ("s", "one"): (Origin("s", "one", (("a", "b"),)),),
        ("s", "two"): (Origin("s", "two", (("a", None),)),),
        ("s", "three"): (Origin("s", "five"), Origin("s", "four")),
    }


def test_all_filters_hold_each_with_the_names_of_its_own() -> None:
    """A filter of the name and that of what it was; where it is not certain what a column has become, nothing is there."""
    decision = Decision("1", {}, {}, (a_filter("old", "old"), a_filter("new", "new")))
    found = filters_of(decision, ("s", "new"), [Origin("s", "old", (("region", "place"),))])
    assert [(each.rule, each.rows.text if each.rows else None) for each in found] == [
        ("new", "region = 'x'"),
        ("old", "\"place\" = 'x'"),
    ]
    assert all_of(found).rows == RowCondition("(region = 'x') AND (\"place\" = 'x')", (), "()")
    (lost,) = filters_of(decision, ("s", "t"), [Origin("s", "old", (("region", None),))])
    assert lost.rows is None
    assert lost.unfit is not None
    assert all_of((found[0], lost)) is lost
    assert filters_of(decision, ("s", "NEW"), ()) == ()
    assert len(filters_of(decision, ("s", "NEW"), (), folds=True)) == 1
