"""The dictionary file: what is new, gone and changed, and that a person's words stay."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from policies.discovery.listing import (
    Listing,
    ListingError,
    Proposal,
    compare,
    entry_text,
    new_text,
    read_listing,
    update,
)
from policies.discovery.model import Finding, ScannedColumn
from policies.discovery.standards import Grade
from policies.loader import parse_policies


def proposal(name, category="phone", level=3, type_="text"):
    """What a scan says of `bank.public.t.<name>`, or of a column by its four names."""
    full = name if isinstance(name, tuple) else ("bank", "public", "t", name)
    column = ScannedColumn(full, type_, "text")
    if category is None:
        return Proposal(column)
    return Proposal(
        column, Finding(column, category, 0.9, ("the name reads `x`",)), Grade(level, "House", "secret", "")
    )


def statuses(proposals, text, known=()):
    """The status of each column against a file."""
    changes = compare(proposals, read_listing(text, "f").entries, known, scope=lambda name: name[0] == "bank")
    return {change.name[3]: (change.status, change.why) for change in changes}


def again(proposals, text):
    """The file's text after another look."""
    listing = read_listing(text, "f")
    return update(listing, compare(proposals, listing.entries, scope=lambda _: True), "f")


FIRST = [proposal("a"), proposal("b", "email", 2)]
TEXT = new_text(compare(FIRST, (), scope=lambda _: True))
REVIEWED = TEXT.replace("state: proposed", "state: accepted\n    by: ada  # on Friday", 1)


def test_a_file_is_made_read_and_found_the_same():
    """What is written is a dictionary that policies take, and nothing of it is new."""
    assert statuses(FIRST, TEXT) == {"a": ("same", ""), "b": ("same", "")}
    assert again(FIRST, TEXT) == TEXT
    policies = parse_policies("version: 1\ndictionary_files: [f]\n", read=lambda _: TEXT)
    assert policies.label("bank", "public", "t", "a").category == "phone"
    assert policies.label("bank", "public", "t", "b").level == 2


def test_new_and_gone_and_changed_columns_are_told():
    """Each with what has changed; what was reviewed is changed by its type alone."""
    later = [proposal("a", "email", type_="varchar(9)"), proposal("c")]
    assert statuses(later, REVIEWED) == {
        "a": ("changed", "its type was text"),
        "c": ("new", ""),
        "b": ("gone", "the column is no longer there"),
    }
    assert statuses([proposal("a", "email"), FIRST[1]], TEXT)["a"] == ("changed", "it looks like email, not phone")
    assert statuses([proposal("a", level=5), FIRST[1]], TEXT)["a"] == ("changed", "its level was 3")


def test_a_look_adds_and_replaces_and_leaves_the_rest_letter_by_letter():
    """Comments, order, reviewed entries and those that are gone stay."""
    text = REVIEWED + "# a remark at the end\n"
    after = again([proposal("a", "email"), proposal("b", "id_card", 4), proposal("c")], text)
    head, tail = REVIEWED.split("  - column: bank.public.t.b")
    assert after.startswith(head)
    assert "category: id_card" in after
    assert "# a remark at the end" in after
    assert tail.splitlines()[1].strip() == "category: email"
    assert "category: email" not in after.removeprefix(head)
    assert [entry["column"] for entry in yaml.safe_load(after)["dictionary"]] == [f"bank.public.t.{c}" for c in "abc"]


def test_a_proposal_stays_when_its_evidence_has_gone():
    """An emptied table takes no protection away."""
    harmless = [proposal("a", None), FIRST[1]]
    assert statuses(harmless, TEXT)["a"] == ("same", "")
    assert again(harmless, TEXT) == TEXT


def test_a_rejected_entry_comes_back_only_as_something_else():
    """The same proposal is not made twice; another is told, and the file stays."""
    text = TEXT.replace("state: proposed", "state: rejected\n    by: ada", 1)
    assert statuses(FIRST, text)["a"] == ("same", "")
    other = [proposal("a", "id_card"), FIRST[1]]
    assert statuses(other, text)["a"] == ("changed", "phone was rejected, but it looks like id_card")
    assert again(other, text) == text


def test_patterns_and_policies_know_columns():
    """A reviewed pattern answers for all its columns; a proposed one for none."""
    pattern = 'version: 1\ndictionary:\n  - {column: "bank.*.t.*", category: none, state: STATE, by: ada}\n'
    assert statuses(FIRST, pattern.replace("STATE", "accepted"))["a"] == ("known", "")
    assert statuses(FIRST, pattern.replace("STATE", "proposed"))["a"] == ("new", "")
    assert statuses(FIRST, TEXT, known=[("bank", "public", "t", "z")])["a"] == ("same", "")
    assert statuses([proposal("z")], TEXT, known=[("bank", "public", "t", "z")])["z"] == ("known", "")


def test_what_another_look_has_found_is_left_alone():
    """Entries of other databases are not gone."""
    elsewhere = TEXT.replace("bank.public.t.b", "shop.public.t.b")
    assert "b" not in statuses([FIRST[0]], elsewhere)


def test_an_empty_file_grows():
    """A database without findings has a file, too, and the first finding goes into it."""
    empty = new_text(())
    assert read_listing(empty, "f").entries == ()
    assert yaml.safe_load(again(FIRST, empty)) == yaml.safe_load(TEXT)


@pytest.mark.parametrize(
    "text",
    [
        "version: 1\ndictionary: [{column: a.b.c.d, category: x, level: 1}]\n",
        "dictionary:\n  - {column: a.b.c.d, category: x, level: 1}\nversion: 1\n",
        "version: 1\ndictionary:\n- {column: a.b.c.d, category: x, level: 1}\n",
    ],
)
def test_a_file_that_cannot_be_added_to_is_left_as_it_is(text):
    """Another style of YAML is read, but not edited."""
    assert statuses([proposal("a")], text)["a"] == ("new", "")
    with pytest.raises(ListingError, match="cannot be added to"):
        again([proposal("a")], text)


def test_mistakes_are_told():
    """A file with a mistake is not compared with."""
    with pytest.raises(ListingError, match="needs the key `by`"):
        read_listing(TEXT.replace("proposed", "accepted"), "f")
    with pytest.raises(ListingError, match="is empty"):
        read_listing("", "f")


NAMES = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=12)


@given(st.lists(st.tuples(NAMES, NAMES, NAMES, NAMES), min_size=1, max_size=4, unique=True), NAMES)
def test_any_name_is_read_back_as_it_is(names, type_):
    """Quotes, dots, wildcards, capitals and every script."""
    proposals = [proposal(name, type_=type_) for name in names]
    text = new_text(compare(proposals, (), scope=lambda _: True))
    listing = read_listing(text, "f")
    assert [entry.exact for entry in listing.entries] == names
    assert isinstance(listing, Listing)
    assert all(change.status == "same" for change in compare(proposals, listing.entries, scope=lambda _: True))


def test_a_note_of_a_person_stays():
    """It moves into the entry that takes the place of its own."""
    assert "note: ask Lin" in entry_text(("a", "b", "c", "d"), FIRST[0], note="ask Lin")
