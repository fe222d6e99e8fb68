"""Masks in Python: what each makes of any value, and the laws that hold for all of them."""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from itertools import combinations
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.masks import SCHEMAS, KeyNeededError, make_mask, show
from policies.masks.replacing import PatternError, read_pattern
from policies.masks.shapes import SHAPED

SECRET = b"a secret of the tests"
MASKS = [
    *(make_mask(name) for name in SCHEMAS if all(p.default is not None for p in SCHEMAS[name].parameters.values())),
    make_mask("partial", keep_first=3, keep_last=4),
    make_mask("round", step=1000),
    make_mask("bucket", bounds="0,1000"),
    make_mask("replace", pattern="[0-9]{2,}", by="[number]"),
    make_mask("constant", value="x"),
]
characters = st.characters(exclude_categories=("Cs",), exclude_characters="\0")
digits = st.from_regex(r"\A[0-9 -]{0,24}[Xx]?\Z")
texts = st.one_of(
    st.text(characters, max_size=60), digits, st.from_regex(r"\A[+]?[0-9]{5,20}\Z"), st.ip_addresses().map(str)
)


@pytest.mark.parametrize(
    ("name", "given_", "value", "shown"),
    [
        ("chinese_name", {}, "张三", "张**"),
        ("chinese_name", {}, "欧阳娜娜", "欧阳**"),
        ("chinese_name", {}, "欧阳", "欧**"),
        ("chinese_name", {}, "司马义·艾买提", "司**"),
        ("chinese_name", {"character": "#"}, "Иван", "И##"),
        ("chinese_name", {}, "8 Main St", "****"),
        ("phone", {}, "13812345678", "138****5678"),
        ("phone", {}, "8613812345678", "86138****5678"),
        ("phone", {}, "+86 10 6234 5678", "+86****78"),
        ("phone", {}, "0571-8765432", "0571****32"),
        ("phone", {}, "+1 (555) 123-4567", "+1****4567"),
        ("phone", {}, "+852 1234 567", "+852****67"),
        ("phone", {}, "12345", "****"),
        ("id_card", {"keep_first": 6}, "110105 19491231 002X", "110105****002X"),
        ("id_card", {}, "110105491231002", "****002"),
        ("passport", {}, "E12345678", "E****78"),
        ("bank_card", {"keep_bin": True}, "4111 1111 1111 1111", "411111****1111"),
        ("bank_card", {"keep_bin": True}, "378282246310005", "****0005"),
        ("address", {"keep": "city"}, "新疆维吾尔自治区乌鲁木齐市天山区", "新疆维吾尔自治区乌鲁木齐市****"),
        ("address", {"keep": "city"}, "广东省白云区机场超市", "广东****"),
        ("address", {}, "某省某市", "****"),
        ("ip", {}, "192.168.1.7", "192.168.0.0"),
        ("ip", {"v6_prefix": 64}, "2001:db8::1:2", "2001:db8::"),
        ("ip", {}, "300.1.1.1", "****"),
        ("free_text", {}, "Li: 138-1234-5678, li@example.com; 李 11010519491231002X。", "Li: ****, ***; 李 ****。"),
        ("free_text", {}, "12 apples, 345678 pears", "12 apples, 345678 pears"),
        ("free_text", {}, "x" * 8001, "****"),
        ("replace", {"pattern": "[0-9]{4}$", "by": "#"}, "4711 4711", "4711 #"),
        ("replace", {"pattern": r"\d+[A-Z]?"}, "no number", "****"),
        ("replace", {"pattern": r"\d+[A-Z]?", "otherwise": "keep"}, "no number", "no number"),
        ("replace", {"pattern": r"\[[^\]]*\]", "by": ""}, "a [b] c [张]", "a  c "),
        ("json", {"paths": "a.b\n$.c"}, '{"a": {"b": "x", "n": 1}, "c": [1]}', '{"a": {"b": "****", "n": 1}, "c": []}'),
        ("json", {"paths": "a.b"}, '{"a": [{"b": "x"}]}', '{"a": []}'),
        ("json", {"paths": "a"}, "not JSON", "{}"),
        ("json", {"paths": "a"}, "[" * 100000, "{}"),
        ("binary", {}, b"%PDF-1.7" + bytes(20), b"%PDF"),
        ("binary", {}, b"short", b""),
        ("bucket", {"bounds": "0,10"}, 9, 0),
        ("bucket", {"bounds": "0,10"}, Decimal("10.5"), Decimal(10)),
        ("bucket", {"bounds": "0,10"}, float("nan"), 10.0),
        ("round", {"step": 10}, 2**63 - 1, 2**63 - 8),
        ("month", {}, date(2020, 2, 29), date(2020, 2, 1)),
        ("age_band", {"years": 7}, date(3, 2, 1), date(1, 1, 1)),
        ("year", {}, datetime(2021, 1, 1, 2, tzinfo=timezone(timedelta(hours=8))), datetime(2020, 1, 1, tzinfo=UTC)),
        ("full", {}, UUID(int=7), UUID(int=0)),
        ("full", {}, Decimal("1.50"), Decimal("0.00")),
        ("phone", {}, 13812345678, 0),
    ],
)  # fmt: skip
def test_examples(name, given_, value, shown):
    """Each mask shows what its page says."""
    assert show(make_mask(name, **given_), value, secret=SECRET) == shown


@pytest.mark.parametrize("mask", MASKS, ids=lambda mask: mask.name)
@given(value=texts, length=st.integers(1, 30) | st.none())
def test_a_text_stays_a_text_within_its_column(mask, value, length):
    """Any text gives text, no longer than its column, and the same each time."""
    value = value[:length]
    shown = show(mask, value, length=length, secret=SECRET)
    if mask.name == "null":
        assert shown is None
        return
    assert isinstance(shown, str)
    assert length is None or len(shown) <= length
    assert shown == show(mask, value, length=length, secret=SECRET)
    assert "\0" not in shown


@pytest.mark.parametrize("name", ["phone", "id_card", "passport", "bank_card"])
@given(value=texts, data=st.data())
def test_what_is_recognised_keeps_four_characters_hidden(name, value, data):
    """What is shown of a recognised value is its ends, and four characters or more between them are not."""
    shown = show(make_mask(name), value)
    start, pad, end = shown.partition("****")
    assert pad
    text = value.translate(str.maketrans("", "", SHAPED[name].separators))
    assert text.startswith(start)
    assert text.endswith(end)
    assert len(start) + len(end) + 4 <= max(len(text), 4)
    if start or end:
        # what is hidden decides nothing of what is seen, but for the shape
        place = data.draw(st.integers(len(start), len(text) - len(end) - 1))
        other = text[:place] + ("3" if text[place] != "3" else "4") + text[place + 1 :]
        assert show(make_mask(name), other) in (shown, "****")


@pytest.mark.parametrize("name", SHAPED)
@given(value=texts)
def test_no_text_has_two_shapes(name, value):
    """Which ends are shown does not depend on the order of the shapes."""
    cases = SHAPED[name].cases(dict(make_mask(name).parameters))
    text = value.translate(str.maketrans("", "", SHAPED[name].separators))
    matching = [shape for shape in cases if re.fullmatch(shape.pattern, text)]
    assert len(matching) <= 1


@given(
    st.integers(-(2**63), 2**63 - 1)
    | st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**12), max_value=10**12)
)
def test_noise_stays_within_its_percent(value):
    """A number is moved by ten percent at most, to the same number each time."""
    shown = show(make_mask("noise"), value, secret=SECRET)
    assert type(shown) is type(value)
    assert abs(shown - value) <= abs(value) * Decimal("0.1") + 1
    assert shown == show(make_mask("noise"), value, secret=SECRET)


def test_scopes_and_masks_hash_apart():
    """The same value has another pseudonym in each scope and under each mask; the plain hash is the HMAC."""
    value = "13812345678"
    assert show(make_mask("hash"), value, secret=SECRET) == hmac.new(SECRET, value.encode(), hashlib.sha256).hexdigest()
    found = [
        show(make_mask(name, scope=scope), value, secret=SECRET)[:8]
        for name in ("hash", "token")
        for scope in ("", "a", "b")
    ]
    found.append(show(make_mask("hash"), value, secret=b"another")[:8])
    assert all(one != other for one, other in combinations(found, 2))


def test_a_hash_of_a_number_does_not_depend_on_how_it_is_written():
    """1.50 and 1.5 are one number."""
    assert show(make_mask("hash"), Decimal("1.50"), secret=SECRET) == show(
        make_mask("hash"), Decimal("1.5"), secret=SECRET
    )


@pytest.mark.parametrize("name", [name for name, schema in SCHEMAS.items() if schema.keyed])
def test_a_keyed_mask_needs_a_secret(name):
    """Without a key nothing weaker takes its place."""
    with pytest.raises(KeyNeededError, match=name):
        show(make_mask(name), 12345 if name == "noise" else "13812345678")


def test_null_stays_null():
    """Every mask gives NULL for NULL."""
    for mask in MASKS:
        assert show(mask, None, secret=SECRET) is None


@given(texts)
def test_no_long_number_and_no_address_is_left_in_a_text(value):
    """After `free_text` there is no run of seven digits and no @ between letters."""
    shown = show(make_mask("free_text"), value)
    assert not re.search(r"[0-9\uff10-\uff19]{7}", shown)
    assert not re.search(r"[A-Za-z0-9]@[A-Za-z0-9]", shown)
    assert len(shown) <= len(value)


classes = st.sampled_from([r"\d", "[a-c]", "[^a-c]", "x", r"\W", " ", "[-^]", r"\.", "[A-Za-z_]"])
counts = st.sampled_from(["", "", "?", "*", "+", "{2}", "{1,3}", "{0,2}", "{2,}"])
patterns = st.lists(st.builds(str.__add__, classes, counts), min_size=1, max_size=4).map("".join)


@given(patterns, st.text(st.sampled_from("abcx1 -^.Z_\n张"), max_size=30))
def test_a_pattern_that_is_taken_matches_in_one_way(text, value):
    """Forbidding the engine to go back changes no result, so that engines which never do give the same."""
    try:
        pattern = read_pattern(text)
    except PatternError:
        return
    one, other = (
        re.sub(pattern.written(r"\x{:02x}", r"\A", r"\Z", possessive=way), "#", value) for way in (True, False)
    )
    assert one == other == re.sub(f"(?a:{text})", "#", value)
