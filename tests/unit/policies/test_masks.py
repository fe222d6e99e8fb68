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
        ("{mask: bucket, bounds: [-5, 0, 100]}", make_mask("bucket", bounds="-5,0,100")),
        ("{mask: json, paths: [$.a.b, c]}", make_mask("json", paths="$.a.b\nc")),
        ("{mask: ip, v6_prefix: 64}", make_mask("ip", v6_prefix=64)),
        ("{mask: constant, value: '1.50'}", make_mask("constant", value="1.50")),
    ],
)
def test_a_mask_is_read_with_its_defaults(text, mask):
    """Two ways of writing the same mask give equal masks."""
    assert read(text) == (mask, [])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ful", "a mask must be one of `full`, `null`, `partial`, `chinese_name`, `phone`, "),
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
        ("{mask: ip, v4_prefix: 20}", "`v4_prefix` must be one of `8`, `16`, `24`"),
        ("{mask: ip, v4_prefix: true}", "`v4_prefix` must be one of `8`, `16`, `24`"),
        ("{mask: address, keep: street}", "`keep` must be one of `province`, `city`"),
        ("{mask: hash, scope: 7}", "`scope` must be text, not a whole number"),
        ("{mask: hash, scope: a b}", "`scope` may have letters, digits, `_`, `.` and `-` only"),
        ("{mask: token, prefix: \"it's\"}", "`prefix` may have letters, digits, `_`, `.` and `-` only"),
        ("{mask: token, scope: " + "x" * 33 + "}", "`scope` must be at most 32 characters long"),
        ("{mask: bucket}", "mask `bucket` needs the parameter `bounds`"),
        ("{mask: bucket, bounds: 5}", "`bounds` must be a list, not a whole number"),
        ("{mask: bucket, bounds: [5]}", "`bounds` must have 2 to 50 items, not 1"),
        ("{mask: bucket, bounds: [5, x]}", "each of `bounds` must be a whole number, not text"),
        ("{mask: bucket, bounds: [5, 5]}", "the `bounds` of `bucket` must rise from one to the next"),
        ("{mask: replace, pattern: 'a.b'}", "`pattern`: `.` would take any character"),
        ("{mask: replace, pattern: '(a|b)'}", "`pattern`: `(` is not available"),
        ("{mask: replace, pattern: '*'}", "`pattern`: `*` stands behind nothing that it could count"),
        ("{mask: replace, pattern: 'a*'}", "`pattern`: the pattern matches nothing at all as well"),
        ("{mask: replace, pattern: '[0-9]+\\d'}", "`pattern`: a part without a fixed count is followed by one that takes the same"),
        ("{mask: replace, pattern: 'a?b*a'}", "`pattern`: a part without a fixed count is followed by one that takes the same"),
        ("{mask: replace, pattern: '[z-a]'}", "`pattern`: `z-a` is no range"),
        ("{mask: replace, pattern: 'a{3,2}'}", "`pattern`: `{3,2}` must count from 0 to 64, and rise"),
        ("{mask: replace, pattern: 'a{1,99}'}", "`pattern`: `{1,99}` must count from 0 to 64, and rise"),
        ("{mask: replace, pattern: '\\b'}", "`pattern`: `\\b` is not available"),
        ("{mask: replace, pattern: 中}", "`pattern`: `中` is not available"),
        ("{mask: replace, pattern: ''}", "`pattern`: the pattern matches nothing"),
        ("{mask: replace, pattern: a, by: $1}", "`by` may have printable ASCII characters only"),
        ("{mask: json, paths: [a..b]}", "`a..b` is no path"),
        ("{mask: json, paths: ['a.\"b']}", '`a."b` is no path'),
        ("{mask: json, paths: [a.b.c.d.e.f.g]}", "`a.b.c.d.e.f.g` goes deeper than 6 names"),
        ("{mask: json, paths: []}", "`paths` must have 1 to 20 items, not 0"),
        ("{mask: noise, percent: 0}", "`percent` must be between 1 and 100, not 0"),
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
        (make_mask("phone"), "is shown as a phone number with its network, area or country and the last 4 digits"),
        (make_mask("phone", keep_last=0), "is shown as a phone number with its network, area or country"),
        (make_mask("id_card", keep_last=1), "is shown as an identity number with the last character"),
        (make_mask("bank_card", keep_bin=True), "is shown as a card number with the first 6 and last 4 digits"),
        (make_mask("hash", scope="care"), "is shown as a keyed hash for care, so that equal values look equal"),
        (make_mask("digits"), "is shown as other digits, as many and equal for equal numbers"),
        (make_mask("json", paths="a.b\nc"), "is shown without a.b, c"),
        (make_mask("replace", pattern="[0-9]"), "is shown with `****` in place of what matches `[0-9]`"),
        (make_mask("bucket", bounds="0,10"), "is shown as the range it lies in, of those from 0, 10"),
        (make_mask("age_band"), "is shown as the first day of its 10 years"),
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
