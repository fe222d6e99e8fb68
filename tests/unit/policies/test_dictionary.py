"""The dictionary: the highest level of all entries that match a column."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.dictionary import UNREVIEWED, Dictionary, DictionaryEntry
from policies.model import Label
from policies.patterns import read_patterns


def entry(column: str, category: str, level: int) -> DictionaryEntry:
    return DictionaryEntry(*read_patterns(column, 4, "a column"), Label(category, level))


def test_the_highest_level_wins_wherever_it_stands():
    """A broad entry neither hides nor lowers a narrow one, and the other way round."""
    broad, narrow = entry("*.*.*.phone", "phone", 2), entry("bank.public.vip.phone", "vip_phone", 4)
    for entries in ((broad, narrow), (narrow, broad)):
        dictionary = Dictionary(entries)
        assert dictionary.label("bank", "public", "vip", "phone") == Label("vip_phone", 4)
        assert dictionary.label("bank", "public", "other", "phone") == Label("phone", 2)


def test_of_equal_levels_the_first_of_the_file_wins():
    """Order decides only between equals."""
    dictionary = Dictionary([entry("*.*.*.ph*", "first", 3), entry("*.*.*.phone", "second", 3)])
    assert dictionary.label("b", "s", "t", "phone") == Label("first", 3)


def test_a_column_that_no_entry_means_has_no_label():
    """Every part must match."""
    dictionary = Dictionary([entry("bank.public.customers.phone", "phone", 3)])
    assert dictionary.label("bank", "public", "customers", "phone") == Label("phone", 3)
    for other in (("b", "public", "customers", "phone"), ("bank", "p", "customers", "phone"), ("bank", "public", "c", "phone"),
                  ("bank", "public", "customers", "Phone")):  # fmt: skip
        assert dictionary.label(*other) is None
    assert dictionary.categories == {"phone"}


PARTS = st.sampled_from(["a", "b", "*", "a*", "?"])


@given(
    st.lists(st.tuples(PARTS, PARTS, PARTS, PARTS, st.integers(1, 5)), max_size=8),
    st.tuples(*[st.sampled_from("abc")] * 4),
)
def test_the_index_finds_what_a_plain_search_finds(rows, name):
    """Looking up by column name gives the same as trying every entry in order."""
    entries = [entry(".".join(row[:4]), f"c{number}", row[4]) for number, row in enumerate(rows)]
    matching = [one for one in entries if one.matches(*name)]
    expected = max(matching, key=lambda one: one.label.level).label if matching else None
    assert Dictionary(entries).label(*name) == expected


PHONE = ("bank", "public", "customers", "phone")
PROPOSED = replace(entry("bank.public.customers.phone", "phone", 3), state="proposed")


@pytest.mark.parametrize(
    ("unreviewed", "state", "label"),
    [
        ("mask", "proposed", Label("phone", 3)),
        ("mask", "rejected", None),
        ("show", "proposed", None),
        ("show", "accepted", Label("phone", 3)),
        ("mask_all", "proposed", Label("phone", 3)),
        ("mask_all", "rejected", None),
    ],
)
def test_the_state_of_an_entry_says_whether_it_labels(unreviewed, state, label):
    """Proposals label by default, rejected entries never."""
    dictionary = Dictionary([replace(PROPOSED, state=state)], unreviewed)
    assert dictionary.label(*PHONE) == label
    assert dictionary.categories >= {"phone"}  # rules may name it before it is accepted


def test_a_rejected_entry_lowers_nothing():
    """What a broad entry protects stays protected."""
    dictionary = Dictionary([replace(PROPOSED, state="rejected"), entry("*.*.*.phone", "phone", 2)])
    assert dictionary.label(*PHONE) == Label("phone", 2)


def test_with_mask_all_only_what_a_person_called_harmless_is_shown():
    """A column that stands nowhere, or is only proposed as harmless, has the label of the unknown."""
    harmless = replace(entry("bank.public.products.*", "x", 1), label=None)
    dictionary = Dictionary([harmless, replace(harmless, relation=PROPOSED.relation, state="proposed")], "mask_all")
    assert dictionary.label("bank", "public", "products", "price") is None
    assert dictionary.label("bank", "public", "customers", "shoe_size") == UNREVIEWED
    assert dictionary.label("bank", "public", "orders", "id") == UNREVIEWED
    assert dictionary.labels_any
    assert "unreviewed" in dictionary.categories
    assert not Dictionary([harmless]).labels_any
