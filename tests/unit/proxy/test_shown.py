"""What rows are known by: values out of answers, spelled as a text would have them, of either protocol."""

from __future__ import annotations

import datetime as dt
import struct
import uuid
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as some

from audit.values import ValueKey
from proxy.mysql.wire.packets import lenenc_string
from proxy.mysql.wire.spelling import binary_row, described, take, tell
from proxy.postgres.wire.spelling import day, fields, identifier, integer, numeric
from proxy.shown import Field, Shown, as_it_came

KEY = ValueKey(b"k" * 32)


def shown(most: int = 10, **told: object) -> Shown:
    """What takes down rows of two columns, a number and a text."""
    made = Shown(KEY, most)
    made.fields = [Field("s.t.id", as_it_came), Field("", as_it_came)]
    for name, value in told.items():
        setattr(made, name, value)
    return made


def hashes(*values: bytes) -> list[str]:
    """As they are kept."""
    return [KEY.digest(value) for value in values]


def test_a_value_is_kept_once() -> None:
    """In the order of coming, without what is empty or NULL, and without spaces around it; columns that are known are named."""
    made = shown()
    made.row([b"1", b"Li"])
    made.row([b"2", b" Li  "])
    made.row([None, b""])
    assert list(made.hashes) == hashes(b"1", b"Li", b"2")
    assert list(made.origins) == ["s.t.id"]
    assert made.whole
    assert not made.full


def test_there_is_room_for_so_many() -> None:
    """What is known already needs none; the first that has none is missed, and so is all that follows it."""
    made = shown(most=2)
    made.row([b"1", b"Li"])
    assert made.full
    made.row([b"1", b"Li"])
    assert made.whole
    made.row([b"2", b"Li"])
    assert list(made.hashes) == hashes(b"1", b"Li")
    assert not made.whole


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (Field("", None, opaque=True), b"1"),
        (Field("", as_it_came, doubtful=True), b"{1,2}"),
        (Field("", as_it_came, doubtful=True), b"\0\0\0\1"),
        (Field("", as_it_came), b"x" * 129),
    ],
)
def test_what_may_hold_several_is_missed(field: Field, value: bytes) -> None:
    """Lists, documents, long texts; the others of its row are kept."""
    made = shown(fields=[field, Field("", as_it_came)])
    made.row([value, b"Li"])
    assert list(made.hashes) == hashes(b"Li")
    assert not made.whole


def test_what_says_of_nobody_who_he_is_is_left_out() -> None:
    """A truth or a time is neither kept nor missed."""
    made = shown(fields=[Field("s.t.yes", None), Field("", as_it_came)])
    made.row([b"t" * 500, b"Li"])
    assert list(made.hashes) == hashes(b"Li")
    assert made.origins == {}
    assert made.whole


def test_rows_that_nobody_has_described_are_missed() -> None:
    """None at all, or of another number of columns."""
    for told in (None, [Field("", as_it_came)]):
        made = shown(fields=told)
        made.row([b"1", b"2"])
        assert not made.whole
        assert made.hashes == {}


# -- PostgreSQL --------------------------------------------------------------------------------------------------------


def numeric_of(value: Decimal) -> bytes:
    """A numeric as numeric_send writes it."""
    sign, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    scale = max(0, -exponent)
    text = "".join(map(str, digits)) + "0" * max(0, exponent)
    whole, part = (text[:-scale] or "0", text[-scale:].rjust(scale, "0")) if scale else (text, "")
    whole = whole.rjust(-(-len(whole) // 4) * 4, "0")
    part = part.ljust(-(-len(part) // 4) * 4, "0")
    groups = [int((whole + part)[at : at + 4]) for at in range(0, len(whole + part), 4)]
    weight = len(whole) // 4 - 1
    while groups and groups[0] == 0:
        groups.pop(0)
        weight -= 1
    while groups and groups[-1] == 0:
        groups.pop()
    head = struct.pack("!hhHh", len(groups), weight if groups else 0, 0x4000 if sign else 0, scale)
    return head + b"".join(struct.pack("!h", group) for group in groups)


@given(some.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20, places=None))
def test_numerics_read_as_their_text(value: Decimal) -> None:
    """Every digit that is shown, with the zeros behind the point."""
    value = value.quantize(Decimal(1)) if value.as_tuple().exponent == 0 else value
    if abs(int(value.as_tuple().exponent)) > 40:
        return
    expected = f"{value:f}"
    assert numeric(numeric_of(value)).decode() in {expected, expected.removeprefix("-") if value == 0 else expected}


@pytest.mark.parametrize(
    "value", [b"", b"\0\1", struct.pack("!hhHh", 0, 0, 0xC000, 0), struct.pack("!hhHh", 9, 0, 0, 0)]
)
def test_numerics_that_are_none_stay_as_they_came(value: bytes) -> None:
    """Not a number, and what is cut off."""
    assert numeric(value) == value


@given(some.integers(-(2**63), 2**63 - 1), some.dates(), some.uuids())
def test_the_others_read_as_their_text(number: int, date: dt.date, code: uuid.UUID) -> None:
    """Whole numbers, dates of this calendar, identifiers."""
    assert integer(struct.pack("!q", number)) == str(number).encode()
    assert day(struct.pack("!i", (date - dt.date(2000, 1, 1)).days)) == date.isoformat().encode()
    assert identifier(code.bytes) == str(code).encode()


def test_days_without_a_date_stay_as_they_came() -> None:
    """Before the first year, and infinity."""
    for days in (-(2**31), 2**31 - 1, -730_120):
        assert day(struct.pack("!i", days)) == struct.pack("!i", days)


def description(*columns: tuple[int, int, int, int]) -> bytes:
    """The payload of a RowDescription of columns: table, number, type, format."""
    told = b"".join(b"c\0" + struct.pack("!IhIhih", table, at, kind, -1, -1, code) for table, at, kind, code in columns)
    return len(columns).to_bytes(2, "big") + told


def test_a_description_names_and_spells() -> None:
    """By origin, type and format."""
    found = fields(
        description(
            (7, 1, 23, 1),
            (7, 2, 23, 0),
            (0, 0, 25, 1),
            (7, 3, 16, 0),
            (7, 4, 3802, 0),
            (7, 5, 99999, 0),
            (8, 1, 869, 1),
        ),
        lambda table, number: f"s.t{table}.c{number}" if table == 7 else "",
    )
    assert found == [
        Field("s.t7.c1", integer), Field("s.t7.c2", as_it_came), Field("", as_it_came), Field("s.t7.c3", None),
        Field("s.t7.c4", as_it_came, opaque=True), Field("s.t7.c5", as_it_came, doubtful=True), Field("", as_it_came, opaque=True),
    ]  # fmt: skip


@given(some.binary(max_size=60))
def test_any_description_is_read_or_not(data: bytes) -> None:
    """Whatever the bytes, there is no fault."""
    found = fields(data, lambda _table, _number: "")
    assert found is None or len(found) == int.from_bytes(data[:2], "big")


# -- MySQL and MariaDB -------------------------------------------------------------------------------------------------


def definition(
    kind: int, *, table: bytes = b"t", charset: int = 45, flags: int = 0, extended: bytes | None = None
) -> bytes:
    """A column definition; MariaDB tells of `extended` types."""
    names = b"".join(map(lenenc_string, (b"def", b"s", b"alias", table, b"c", b"c" if table else b"")))
    more = b"" if extended is None else lenenc_string(extended)
    return names + more + lenenc_string(struct.pack("<HIBHBH", charset, 80, kind, flags, 0, 0))


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (definition(3, charset=63), (Field("s.t.c", as_it_came), 3, False)),
        (definition(8, charset=63, flags=0x20), (Field("s.t.c", as_it_came), 8, True)),
        (definition(253, table=b""), (Field("", as_it_came, doubtful=True), 253, False)),
        (definition(252, charset=63), (Field("s.t.c", None, opaque=True), 252, False)),
        (definition(245, charset=63), (Field("s.t.c", None, opaque=True), 245, False)),
        (definition(252, extended=b"\1\4json"), (Field("s.t.c", as_it_came, doubtful=True), 252, False)),
        (definition(12, charset=63), (Field("s.t.c", None), 12, False)),
    ],
)
def test_a_definition_names_and_spells(told: bytes, expected: tuple[Field, int, bool]) -> None:
    """By origin, type and character set."""
    assert described(told) == expected


def test_rows_in_binary_read_as_their_text() -> None:
    """Numbers with and without a sign, dates, texts, NULL."""
    kinds = [
        (8, False),
        (8, True),
        (1, False),
        (10, False),
        (253, False),
        (246, False),
        (3, False),
        (5, False),
        (10, False),
    ]
    values = (
        struct.pack("<q", -5) + struct.pack("<Q", 2**64 - 1) + b"\xff" + b"\4" + struct.pack("<HBB", 1980, 2, 3)
        + lenenc_string("李娜".encode()) + lenenc_string(b"1234.50") + struct.pack("<d", 1.5) + b"\0"
    )  # fmt: skip
    nulls = (1 << 6 + 2).to_bytes(2, "little")
    assert binary_row(b"\0" + nulls + values, kinds) == [
        b"-5", b"18446744073709551615", b"-1", b"1980-02-03", "李娜".encode(), b"1234.50", None, struct.pack("<d", 1.5), b"0000-00-00",
    ]  # fmt: skip


@given(some.binary(max_size=40), some.booleans())
def test_any_row_is_read_or_missed(data: bytes, binary: bool) -> None:
    """Whatever the bytes, there is no fault, and nothing is taken for whole that is not."""
    made = shown()
    tell(made, [described(definition(3)), described(definition(253))], binary=binary)
    take(made, data, made.kinds)
    assert made.whole or len(made.hashes) < 2
