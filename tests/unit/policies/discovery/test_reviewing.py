"""Proposals marked as reviewed: those that are meant, and not a byte else."""

import pytest

from policies.discovery.listing import ListingError, read_listing
from policies.discovery.reviewing import choice, reviewed
from policies.patterns import PatternError

TEXT = """\
# the bank's columns
version: 1
dictionary:
  - column: bank.public.customers.phone
    category: phone
    level: 3
    state: proposed   # look at this one
    confidence: 0.98
    note: "state: proposed"

  # what mona said
  - column: bank.public.customers.email
    by: nobody yet
    category: email
    level: 2
    confidence: 0.70
    state: "proposed"
  - state: proposed
    column: bank.public.*.fax
    category: phone
    level: 3
  - column: bank.public.orders.phone
    category: phone
    level: 3
    state: rejected
    by: mia
  - {column: bank.public.orders.email, category: email, level: 2, state: proposed, confidence: 0.99}
"""


def meant(columns=(), categories=(), confidence=None, text=TEXT):
    """The lines of the entries that are meant."""
    meant = choice(columns, categories, confidence)
    return [each.line for each in read_listing(text, "f").entries if meant.means(each)]


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        ({}, [4, 12, 18, 27]),
        ({"columns": ["bank.public.customers.*"]}, [4, 12]),
        ({"columns": ["*.*.*.*"]}, [4, 12, 18, 27]),
        ({"columns": ["bank.public.*.fax"]}, [18]),
        ({"columns": ["bank.public.orders.fax"]}, []),
        ({"columns": ["*.*.customers.phone", "*.*.orders.*"]}, [4, 27]),
        ({"categories": ["phone"]}, [4, 18]),
        ({"confidence": 0.9}, [4, 27]),
        ({"categories": ["email"], "confidence": 0.9}, [27]),
    ],
)
def test_those_that_meet_every_part_are_meant(arguments, lines):
    """What is reviewed already never is."""
    assert meant(**arguments) == lines


def test_a_pattern_that_cannot_be_read():
    """It is said."""
    with pytest.raises(PatternError):
        choice(["phone"], (), None)


def after(state="accepted", by="mona", lines=(4, 12, 18)):
    """The text with some entries reviewed."""
    listing = read_listing(TEXT, "f")
    return reviewed(listing, [each for each in listing.entries if each.line in lines], state, by, "f")


def test_only_their_state_and_reviewer_change():
    """Comments, order, spaces and quotes of everything else stay."""
    expected = TEXT.replace(
        "    state: proposed   # look at this one\n", "    state: accepted   # look at this one\n    by: mona\n"
    )
    expected = expected.replace("    by: nobody yet\n", "").replace(
        '    state: "proposed"\n', "    state: accepted\n    by: mona\n"
    )
    expected = expected.replace("  - state: proposed\n", "  - state: accepted\n    by: mona\n")
    assert after() == expected
    assert after(lines=()) == TEXT
    assert meant(text=after()) == [27 + 2]


@pytest.mark.parametrize("by", ["李娜", "O'Hara: #1", '"; state: rejected', "null", "- x"])
def test_any_name_reads_back(by):
    """It cannot become anything else of the file."""
    (first,) = [each for each in read_listing(after("rejected", by, (4,)), "f").entries if each.line == 4]
    assert (first.by, first.entry.state) == (by, "rejected")


def test_an_entry_in_one_line_is_refused_with_its_place():
    """Nothing of the file is given back then."""
    with pytest.raises(ListingError) as failed:
        after(lines=(4, 27))
    assert [(each.line, each.message) for each in failed.value.problems] == [
        (27, "the entry cannot be edited from the command line")
    ]


def test_what_does_not_read_back_as_it_should_is_refused():
    """As text in a block that looks like a state."""
    text = TEXT.replace('    note: "state: proposed"\n', "    note: |\n      state: proposed\n")
    listing = read_listing(text, "f")
    with pytest.raises(ListingError):
        reviewed(listing, [each for each in listing.entries if each.line == 4], "accepted", "mona", "f")
