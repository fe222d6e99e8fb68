"""What statements name: literals of texts, and parameters in the forms of both protocols."""

from __future__ import annotations

import json
import struct
import time
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.values import MOST, ValueKey
from proxy.types import of_mysql, of_postgres
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
    assert told.values == [b"-7", str(1 << 40).encode(), b"1.5", b"t", str(some).encode(), b"abcd"]
    assert bound(bind([b"4711", struct.pack("!i", 4711)], [0, 1]), b"").values == [b"4711", b"4711"]
    assert bound(bind([b"4711", b"x"], []), oids()).values == [b"4711", b"x"]


@given(st.integers(-(2**63), 2**63 - 1))
def test_numbers_of_mysql_are_spelled_as_text(number: int) -> None:
    """Signed and unsigned."""
    assert executed(b"\0", [(8, False)], number.to_bytes(8, "little", signed=True), 1).values == [str(number).encode()]
    assert executed(b"\0", [(8, True)], (number % 2**64).to_bytes(8, "little"), 1).values == [
        str(number % 2**64).encode()
    ]


@pytest.mark.parametrize(
    ("given", "count", "named"),
    [
        ((23, 0, 1043, 1009, 99999), 5, ["integer", "unknown", "character varying", "text[]", "oid 99999"]),
        ((20,), 3, ["bigint", "unknown", "unknown"]),
        ((20, 20), 1, ["bigint"]),
        ((), 0, []),
        ((18,), 1, ['"char"']),
        ((25,) * 300, 300, ["text"] * MOST),
        ((), 60_000, ["unknown"] * MOST),
    ],
)
def test_types_of_postgresql_have_names(given: tuple[int, ...], count: int, named: list[str]) -> None:
    """As SQL names them, and as many as there are parameters; what nobody has said is not known."""
    for _ in range(2):  # the second time from memory
        assert json.loads(b"[%b]" % of_postgres(oids(*given), count)) == named
    assert bound(bind([None] * min(count, 9), []), oids(*given)).types == of_postgres(oids(*given), min(count, 9))


def test_types_of_mysql_have_names() -> None:
    """With the sign of whole numbers; attributes of a query are none."""
    types = [(8, True), (253, False), (12, False), (6, True), (99, False)]
    assert of_mysql(types) == b'"bigint unsigned","varchar","datetime","null","type 99"'
    assert executed(b"\x1f", types, b"", 2).types == b'"bigint unsigned","varchar"'


def test_values_of_mysql() -> None:
    """NULL by the bitmap and by its type, texts with their length, dates, reals."""
    long = b"x" * 300
    types = [(253, False), (6, False), (10, False), (5, False), (253, False), (3, False)]
    values = (
        b"\x03abc"
        b"\x04" + struct.pack("<HBB", 1980, 1, 2) + struct.pack("<d", 2.5) + b"\xfc" + struct.pack("<H", 300) + long
    )
    assert executed(b"\x20", types, values, 6).values == [b"abc", b"1980-01-02", b"2.5", long]


@given(
    st.binary(max_size=60), st.binary(max_size=20), st.lists(st.tuples(st.integers(0, 255), st.booleans()), max_size=9)
)
def test_garbage_is_no_fault(values: bytes, head: bytes, types: list[tuple[int, bool]]) -> None:
    """Whatever a client sends is read as far as it goes."""
    for found in (bound(values, head), executed(head, types, values, 3)):
        assert isinstance(found.values, list)
        assert len(json.loads(b"[%b]" % found.types)) <= MOST
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
    begun = time.process_time()
    literals(text + part * LONGEST)
    assert time.process_time() - begun < 2
