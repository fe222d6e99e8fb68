"""What statements name: literals of texts, and parameters in the forms of both protocols."""

from __future__ import annotations

import struct
import time
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.values import MOST, ValueKey
from proxy.values import LONGEST, bound, executed, literals


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("select a1 from t2 where id = 4711 and x=-5", ["4711", "5"]),
        ("select 'it''s', \"a b\", 1.50, $1, t.c1, 'x\\'y'", ["it''s", "a b", "1.50", "x\\'y"]),
        ("insert into t values (1,'a'),(2,'b')", ["1", "a", "2", "b"]),
        ("select N'x', E'y'", ["x", "y"]),
        ("select 'open", []),
        ("", []),
    ],
)
def test_literals(text: str, found: list[str]) -> None:
    """Strings and numbers, without quotes, and no part of a name."""
    assert literals(text.encode()) == [each.encode() for each in found]


def bind(values: list[bytes | None], codes: list[int]) -> bytes:
    """A Bind behind its names, without the formats of the result."""
    parts = [struct.pack(f"!h{len(codes)}h", len(codes), *codes), struct.pack("!h", len(values))]
    parts += [struct.pack("!i", -1) if value is None else struct.pack("!i", len(value)) + value for value in values]
    return b"".join(parts)


def oids(*given: int) -> bytes:
    """The types of a Parse."""
    return struct.pack(f"!h{len(given)}I", len(given), *given)


def test_binary_parameters_are_spelled_as_text() -> None:
    """Integers, floats, booleans and UUIDs; what is text already, or of a type that is not known, as it came."""
    some = uuid.uuid4()
    values = [
        struct.pack("!i", -7),
        struct.pack("!q", 1 << 40),
        struct.pack("!d", 1.5),
        b"\1",
        some.bytes,
        None,
        b"abcd",
    ]
    told = bound(bind(values, [1]), oids(23, 20, 701, 16, 2950, 25, 25))
    assert told == [b"-7", str(1 << 40).encode(), b"1.5", b"t", str(some).encode(), b"abcd"]
    assert bound(bind([b"4711", struct.pack("!i", 4711)], [0, 1]), b"") == [b"4711", b"4711"]
    assert bound(bind([b"4711", b"x"], []), oids()) == [b"4711", b"x"]


@given(st.integers(-(2**63), 2**63 - 1))
def test_numbers_of_mysql_are_spelled_as_text(number: int) -> None:
    """Signed and unsigned."""
    assert executed(b"\0", [(8, False)], number.to_bytes(8, "little", signed=True)) == [str(number).encode()]
    assert executed(b"\0", [(8, True)], (number % 2**64).to_bytes(8, "little")) == [str(number % 2**64).encode()]


def test_values_of_mysql() -> None:
    """NULL by the bitmap and by its type, texts with their length, dates, reals."""
    long = b"x" * 300
    types = [(253, False), (6, False), (10, False), (5, False), (253, False), (3, False)]
    values = (
        b"\x03abc"
        b"\x04" + struct.pack("<HBB", 1980, 1, 2) + struct.pack("<d", 2.5) + b"\xfc" + struct.pack("<H", 300) + long
    )
    assert executed(b"\x20", types, values) == [b"abc", b"1980-01-02", b"2.5", long]


@given(
    st.binary(max_size=60), st.binary(max_size=20), st.lists(st.tuples(st.integers(0, 255), st.booleans()), max_size=9)
)
def test_garbage_is_no_fault(values: bytes, head: bytes, types: list[tuple[int, bool]]) -> None:
    """Whatever a client sends is read as far as it goes."""
    assert isinstance(bound(values, head), list)
    assert isinstance(executed(head, types, values), list)
    assert isinstance(literals(values), list)


def test_hashes_are_keyed_and_few() -> None:
    """Each value once, at most so many; another secret gives other ones."""
    key, other = ValueKey(b"a" * 32), ValueKey(b"b" * 32)
    assert key.digest(b" 4711 ") == key.digest(b"4711") != other.digest(b"4711")
    assert key.digests([b"1", b"1", b"2"]) == [key.digest(b"1"), key.digest(b"2")]
    assert len(key.digests(str(number).encode() for number in range(1000))) == MOST


@pytest.mark.parametrize("text", [b"select /* ' ", b'select /* " ', b"select /* '' \\ "])
@pytest.mark.parametrize("part", [b"\\'", b'\\"', b"''", b'""', b"'\"", b"1a", b"'", b"\\\\'"])
def test_hostile_texts_take_linear_time(text: bytes, part: bytes) -> None:
    """A string that does not end is looked through once, not from each quote in it: one caller must not hold up all others."""
    begun = time.perf_counter()
    literals(text + part * LONGEST)
    assert time.perf_counter() - begun < 2
