"""What the rows of a query say of a person."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from uuid import UUID

import pytest

from proxy.sources.rows import ROWS, attributes
from proxy.sources.source import SourceFailed


def test_columns_become_attributes() -> None:
    """Each as what conditions know; NULL says nothing."""
    columns = ["role", "name", "level", "share", "at", "id", "tags", "missing", "boss"]
    number = UUID("00000000-0000-0000-0000-000000000001")
    row = ("teller", "tina", Decimal(3), Decimal("0.5"), dt.date(2026, 1, 2), number, ["a", "b"], None, True)
    assert attributes("tina", columns, [row], ()) == {
        "role": "teller",
        "level": 3,
        "share": 0.5,
        "at": "2026-01-02",
        "id": str(number),
        "tags": ("a", "b"),
        "boss": True,
    }


@pytest.mark.parametrize("other", ["TINA", "tína", "tina ", "", None, b"tina"])
def test_a_row_about_another_name_counts_for_nothing(other: object) -> None:
    """A collation may hold TINA for tina; she is another."""
    assert attributes("tina", ["name", "role"], [(other, "boss")], ()) is None


def test_rows_of_one_person_make_lists_where_that_is_said() -> None:
    """Everything else must agree."""
    rows = [("tina", "east", "teller"), ("tina", "east", "auditor"), ("TINA", "west", "boss"), ("tina", None, "teller")]
    assert attributes("tina", ["name", "region", "roles"], rows, ("roles",)) == {
        "region": "east",
        "roles": ("teller", "auditor"),
    }
    assert attributes("tina", ["name", "region", "roles"], rows[:1], ("roles",)) == {
        "region": "east",
        "roles": ("teller",),
    }
    with pytest.raises(SourceFailed, match="the rows differ in `roles`"):
        attributes("tina", ["name", "region", "roles"], rows, ())


@pytest.mark.parametrize(
    ("columns", "row", "message"),
    [
        (["role"], ("boss",), "must give one column `name`"),
        (["name", "name"], ("tina", "tina"), "must give one column `name`"),
        (["name", "speaks_for"], ("tina", "*"), "a column `speaks_for`, which cannot be an attribute"),
        (["name", "password"], ("tina", "x"), "a column `password`"),
        (["name", "?column?"], ("tina", "x"), "cannot be an attribute; name it by AS"),
        (["name", "a", "a"], ("tina", "x", "y"), "two columns of one name"),
        (["name", "a"], ("tina", b"x"), "`a` is of a type that is no attribute"),
        (["name", "a"], ("tina", {"b": 1}), "`a` is of a type that is no attribute"),
    ],
)
def test_what_cannot_be_used_is_no_answer(columns: list[str], row: tuple[object, ...], message: str) -> None:
    """An answer in part would be another answer. No message holds a value."""
    with pytest.raises(SourceFailed, match=message.replace("?", r"\?")):
        attributes("tina", columns, [row], ())


def test_a_query_for_everybody_is_a_mistake() -> None:
    """So many rows are not about one person."""
    with pytest.raises(SourceFailed, match="it must ask for"):
        attributes("tina", ["name"], [("bob",)] * (ROWS + 1), ())


def test_a_list_that_the_query_does_not_give_is_a_mistake() -> None:
    """It would be missed without a word."""
    with pytest.raises(SourceFailed, match="`lists` has `roles`"):
        attributes("tina", ["name"], [("tina",)], ("roles",))
