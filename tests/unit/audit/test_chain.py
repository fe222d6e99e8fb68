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


def test_a_line_is_bound_as_documented():
    """The hash of a line is sha256 over the previous digits and the line from seq to its last brace."""
    digest, line = chain.render(chain.GENESIS, 1, b'"event":"stopped"')
    rest = b'"seq":1,"event":"stopped"}'
    assert digest == hashlib.sha256(b"0" * 64 + rest).hexdigest().encode()
    assert line == b'{"hash":"' + digest + b'",' + rest + b"\n"


@given(st.integers(1, 10**17), st.dictionaries(st.text(min_size=1), json_values, min_size=1))
def test_a_rendered_line_is_parsed_back(seq, fields):
    """Parsing gives the hash, seq and covered bytes that rendering put in, and the line is JSON."""
    body = chain.members({"event": "x", **{f"f{name}": value for name, value in fields.items()}})
    digest, line = chain.render(chain.GENESIS, seq, body)
    found = chain.parse(line[:-1])
    assert found == chain.Link(digest, seq, b'"seq":%d,%b}' % (seq, body))
    assert json.loads(line)["seq"] == seq
    assert line.count(b"\n") == 1


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b'{"hash":"' + b"A" * 64 + b'","seq":1,"event":"x"}',
        b'{"hash":"' + b"a" * 63 + b'","seq":1,"event":"x"}',
        b'{"hash":"' + b"a" * 64 + b'","seq":01,"event":"x"}',
        b'{"hash":"' + b"a" * 64 + b'","seq":0,"event":"x"}',
        b'{"hash":"' + b"a" * 64 + b'","seq":1,"event":"x"} ',
        b' {"hash":"' + b"a" * 64 + b'","seq":1,"event":"x"}',
        b'{"hash":"' + b"a" * 64 + b'","seq":1,"event":"x"',
    ],
)
def test_what_is_no_line_is_not_parsed(line):
    """A line has exactly one form; anything near it is refused."""
    assert chain.parse(line) is None


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
