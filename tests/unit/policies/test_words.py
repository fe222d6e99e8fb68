"""Decisions in words."""

import pytest

from policies.masks import make_mask
from policies.model import ColumnName, Decision, RowCondition, Treatment
from policies.words import describe, sentences

PHONE = ColumnName("public", "customers", "phone")
PARTIAL = make_mask("partial", keep_first=3, keep_last=4)


@pytest.mark.parametrize(
    ("treatment", "sentence"),
    [
        (Treatment("clear", "auditors"), "is shown as it is, by rule `auditors`"),
        (Treatment("mask", "tellers", PARTIAL), "is shown with the first 3 and last 4 characters, by rule `tellers`"),
        (Treatment("mask", "default mask of category `phone`", make_mask("full")),
         "is hidden entirely, by the default mask of category `phone`"),
        (Treatment("deny", "nobody"), "may not be read, by rule `nobody`"),
        (Treatment("mask", "readers", PARTIAL, on_write="deny"),
         "is shown with the first 3 and last 4 characters, by rule `readers`; it may not be written"),
        (Treatment("mask", "readers", PARTIAL, explain=True),
         "is shown with the first 3 and last 4 characters, by rule `readers`; plans of statements that read it may be seen"),
        (Treatment("deny", "clerks", on_write="allow"),
         "may not be read, by rule `clerks`; what is written replaces the hidden value"),
        (Treatment("deny", "broken", reason="the principal has no attribute `x`"),
         "may not be read: rule `broken` could not be evaluated (the principal has no attribute `x`)"),
        (Treatment("clear", "own", None, RowCondition("region = {0}\n AND n IN ({1}) AND f = {2} AND g IS {3}",
                                                      ("O'Hara", (1, "b"), True, None)), PARTIAL),
         "is shown as it is on rows where region = 'O''Hara' AND n IN ((1, 'b')) AND f = true AND g IS null; on all others it is shown with the first 3 and last 4 characters, by rule `own`"),
    ],
)  # fmt: skip
def test_a_treatment_in_words(treatment, sentence):
    """A sentence says what is seen, where, and by which rule."""
    assert describe(PHONE, treatment) == f"phone of public.customers {sentence}"


def test_a_decision_in_words_has_one_sentence_a_column():
    """Sentences come in the order of the columns' names."""
    name = ColumnName("public", "customers", "name")
    decision = Decision("r", {PHONE: Treatment("clear", "a"), name: Treatment("deny", "b")}, {})
    assert sentences(decision, describe) == (
        "name of public.customers may not be read, by rule `b`",
        "phone of public.customers is shown as it is, by rule `a`",
    )
