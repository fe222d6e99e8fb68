"""What statements name: literals of texts, and parameters in the forms of both protocols."""

from __future__ import annotations

import hashlib
import hmac
import json
import struct
import time
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.record import Judgement
from audit.values import MOST, ValueKey
from policies.model import Decision
from proxy.plans import Plan, PlanCache, Ruling
from proxy.types import of_mysql, of_postgres
from proxy.values import LONGEST, bound, executed, literals, plain

PLAN = Plan("pass", 1, Decision("", {}, {}), Judgement((), "", None, (), (), "pass", "", 1))


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
    parts = [struct.pack(f"!h{len(codes)}h", len(codes), *codes), struct.pack("!H", len(values))]
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


def test_dates_and_numerics_in_binary_are_spelled_as_text() -> None:
    """As drivers send them that know the types of the parameters."""
    values = [struct.pack("!i", 9281), struct.pack("!hhHhhh", 2, 0, 0x4000, 2, 4711, 5000), b"\0"]
    told = bound(bind(values, [1, 1, 0]), oids(1082, 1700, 25))
    assert told.values == [b"2025-05-30", b"-4711.50", b"\0"]
    huge = struct.pack("!hhHh", 0, 32767, 0, 0)
    assert bound(bind([huge], [1]), oids(1700)).values == [huge]


def test_a_bind_of_many_values_gives_the_first() -> None:
    """The protocol counts up to 65,535 without a sign."""
    assert bound(bind([b"x"] * 40_000, []), b"").values == [b"x"] * MOST
    assert bound(bind([None] * 40_000, []), b"").values == []


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
    assert len(key.digests([str(number).encode() for number in range(1000)])) == MOST


def test_a_hash_is_keyed_blake2b() -> None:
    """So that another program can look a value up, and the hashes of a trail stay what they are from version to version."""
    key = hmac.digest(b"a" * 32, b"louver audit values", "sha256")
    expected = hashlib.blake2b(b"4711", digest_size=8, key=key).hexdigest()
    assert ValueKey(b"a" * 32).digest(b" 4711\n") == expected


@pytest.mark.parametrize(
    "text", [b"select 1 from t where a = 4711 and b = 'tina' and c in (1.5, '')", b"select `x` from t where a = 7"]
)
def test_literals_of_a_shape_are_those_of_the_text(text: bytes) -> None:
    """What the plan cache has split is not split again for the audit."""
    plans = PlanCache()
    plans.keep(text, Ruling(PLAN), literal_free=True)
    found = plans.find(text.replace(b"7", b"8"))
    assert found is not None
    assert found.literals is not None
    assert plain(found.literals) == literals(text.replace(b"7", b"8"))


def test_a_string_in_double_quotes_is_not_lost_in_a_shape() -> None:
    """To a shape it is a name, on MySQL mostly a string: then the text is read for the audit."""
    plans = PlanCache()
    text = b'select 1 from t where name = "tina" and a = 4711'
    plans.keep(text, Ruling(PLAN), literal_free=True)
    found = plans.find(text)
    assert found is not None
    assert found.literals is None
    assert literals(text) == [b"1", b"tina", b"4711"]


@pytest.mark.parametrize("text", [b"select /* ' ", b'select /* " ', b"select /* '' \\ "])
@pytest.mark.parametrize("part", [b"\\'", b'\\"', b"''", b'""', b"'\"", b"1a", b"'", b"\\\\'"])
def test_hostile_texts_take_linear_time(text: bytes, part: bytes) -> None:
    """A string that does not end is looked through once, not from each quote in it: one caller must not hold up all others."""
    begun = time.process_time()
    literals(text + part * LONGEST)
    assert time.process_time() - begun < 2
