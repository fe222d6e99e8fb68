import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit import chain

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False, width=32),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def test_a_block_is_bound_as_documented():
    """The hash of a block is sha256 over the previous digits and the block up to the hash, and stands at its end."""
    lines = chain.render(1, b'"event":"a"') + chain.render(2, b'"event":"b"')
    digest, block = chain.seal(chain.GENESIS, lines)
    covered = b'{"seq":1,"event":"a"}\n{"seq":2,"event":"b"'
    assert digest == hashlib.sha256(b"0" * 64 + covered).hexdigest().encode()
    assert block == covered + b',"hash":"' + digest + b'"}\n'


@given(st.integers(1, 10**17), st.dictionaries(st.text(min_size=1), json_values, min_size=1))
def test_a_rendered_line_is_parsed_back(seq, fields):
    """Parsing gives the seq, covered bytes and hash that rendering put in, and the line is JSON."""
    body = chain.members({"event": "x", **{f"f{name}": value for name, value in fields.items()}})
    line = chain.render(seq, body)
    assert chain.parse(line[:-1]) == chain.Link(seq, line[:-1], None)
    digest, sealed = chain.seal(chain.GENESIS, line)
    assert chain.parse(sealed[:-1]) == chain.Link(seq, line[:-2], digest)
    for made in (line, sealed):
        assert json.loads(made)["seq"] == seq
        assert made.count(b"\n") == 1


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b'{"seq":01,"event":"x"}',
        b'{"seq":0,"event":"x"}',
        b'{"seq":"1","event":"x"}',
        b'{"seq":1,"event":"x"} ',
        b' {"seq":1,"event":"x"}',
        b'{"seq":1,"event":"x"',
        b'{"event":"x","seq":1}',
    ],
)
def test_what_is_no_line_is_not_parsed(line):
    """A line has exactly one form; anything near it is refused."""
    assert chain.parse(line) is None


@pytest.mark.parametrize(
    "end",
    [
        b',"hash":"' + b"A" * 64 + b'"}',
        b',"hash":"' + b"a" * 63 + b'"}',
        b',"hash" "' + b"a" * 64 + b'"}',
        b',"x":{"hash":"' + b"a" * 64 + b'"}}',
    ],
)
def test_what_is_no_hash_ends_no_block(end):
    """Only the very form that the trail writes ends a block; no member of a record can look like it."""
    found = chain.parse(b'{"seq":1,"event":"x"' + end)
    assert found is not None
    assert found.hash is None


@given(json_values)
def test_encoding_gives_back_the_value(value):
    """What is encoded decodes to the same, on one line."""
    data = chain.encode(value)
    assert json.loads(data) == value
    assert b"\n" not in data


@given(st.text(st.characters(categories=["Cc", "Cf", "Zl", "Zp"]), min_size=1))
def test_no_acting_character_stands_raw_in_a_line(text):
    """Control and direction characters are escaped, so printing the file itself does nothing to a terminal."""
    shown = chain.encode(text).decode()
    assert not any(ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 or c in "\u202e\u2066\u2028\u200b\ufeff" for c in shown)


def test_odd_values_are_kept_readable():
    """Unpaired surrogates become escapes in words; not-a-number becomes null; Chinese stays as it is."""
    assert json.loads(chain.encode({"a": ["x\ud800"], "b": float("nan")})) == {"a": ["x\\ud800"], "b": None}
    assert chain.encode("张三") == '"张三"'.encode()


def test_time_is_utc_with_microseconds():
    """A time is written in ISO 8601 with six digits and Z."""
    assert chain.timestamp(1_800_000_000_000_001_999) == "2027-01-15T08:00:00.000001Z"
    assert chain.stamped(0, b'"event":"x"') == b'"time":"1970-01-01T00:00:00.000000Z","event":"x"'
