"""Masks by name: parameters are checked, defaults filled in, and every mask has its words."""

import pytest

from policies.masks import CATEGORY_DEFAULTS, SCHEMAS, make_mask, mask_words, read_mask
from policies.model import Mask
from policies.positions import Checker, compose


def read(text: str) -> tuple[Mask | None, list[str]]:
    root, problems = compose(text, "f")
    checker = Checker(problems)
    return read_mask(root, checker), [problem.message for problem in checker.problems]


@pytest.mark.parametrize(
    ("text", "mask"),
    [
        ("full", make_mask("full")),
        ("{mask: 'null'}", make_mask("null")),
        ("{mask: full, character: '#'}", make_mask("full", character="#")),
        ("{mask: partial, keep_last: 4, keep_length: true}", make_mask("partial", keep_last=4, keep_length=True)),
        ("{mask: round, step: 1000}", make_mask("round", step=1000)),
        ("{mask: constant, value: true}", make_mask("constant", value=True)),
        ("{mask: constant, value: '1.50'}", make_mask("constant", value="1.50")),
    ],
)
def test_a_mask_is_read_with_its_defaults(text, mask):
    """Two ways of writing the same mask give equal masks."""
    assert read(text) == (mask, [])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ful", "a mask must be one of `full`, `null`, `partial`, `email`, `hash`, `round`, `year`, `constant`, not `ful`"),
        ("{mask: null}", "a mask must be text, not nothing"),
        ("{keep_last: 4}", "a mask needs the key `mask` with its name"),
        ("[full]", "a mask must be a mapping of keys to values, not a list"),
        ("{mask: full, keep_last: 4}", "unknown key `keep_last` in mask `full`"),
        ("{mask: partial}", "`partial` needs `keep_first` or `keep_last`; to show nothing, use the mask `full`"),
        ("{mask: partial, keep_first: 65}", "`keep_first` must be between 0 and 64, not 65"),
        ("{mask: partial, keep_first: -1}", "`keep_first` must be between 0 and 64, not -1"),
        ("{mask: partial, keep_first: 3, hide_at_least: 0}", "`hide_at_least` must be between 1 and 1000, not 0"),
        ("{mask: partial, keep_first: '3'}", "`keep_first` must be a whole number, not text"),
        ("{mask: email, keep_domain: 1}", "`keep_domain` must be `true` or `false`, not a whole number"),
        ("{mask: full, character: ''}", "`character` must be one of"),
        ("{mask: full, character: '★'}", "`character` must be one of"),
        ("{mask: round}", "mask `round` needs the parameter `step`"),
        ("{mask: round, step: 0}", "`step` must be between 1 and 1000000000000000, not 0"),
        ("{mask: constant, value: 1.5}", "`value` must be text, a whole number, `true` or `false`, not a number"),
        ("{mask: constant, value: " + "x" * 1001 + "}", "`value` must be at most 1000 characters long"),
    ],
)  # fmt: skip
def test_a_wrong_mask_is_a_problem(text, message):
    """Names, parameters and bounds are checked without a database."""
    mask, (problem,) = read(text)
    assert mask is None
    assert problem.startswith(message)


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        (make_mask("full"), "is hidden entirely"),
        (make_mask("null"), "is shown as NULL"),
        (make_mask("partial", keep_first=3, keep_last=4), "is shown with the first 3 and last 4 characters"),
        (make_mask("partial", keep_first=1), "is shown with the first character"),
        (make_mask("partial", keep_last=2, keep_length=True), "is shown with the last 2 characters and its length"),
        (make_mask("email"), "is shown as an e-mail address with the first character and the domain"),
        (make_mask("email", keep_first=0, keep_domain=False), "is shown as an e-mail address with nothing of the name"),
        (make_mask("hash"), "is shown as a keyed hash, so that equal values look equal"),
        (make_mask("round", step=1000), "is rounded to 1000"),
        (make_mask("year"), "is shown with its year only"),
        (make_mask("constant", value="x"), "is shown as the constant `x`"),
    ],
)
def test_every_mask_says_what_is_seen(mask, words):
    """The words are those of a report that a business person reads."""
    assert mask_words(mask) == words


def test_default_masks_are_masks():
    """The defaults of categories are valid and none shows a value whole."""
    for mask in CATEGORY_DEFAULTS.values():
        assert SCHEMAS[mask.name].problem(dict(mask.parameters)) is None
        assert set(dict(mask.parameters)) == set(SCHEMAS[mask.name].parameters)


def test_a_parameter_that_does_not_exist_is_an_error():
    """Code that builds masks is held to the schema, too."""
    with pytest.raises(KeyError):
        make_mask("full", keep_first=1)
