"""Payloads of the server that are looked into: where the columns of an answer come from."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.postgres.wire.contents import hidden_origin
from proxy.witness import Witness

HIDDEN = {(7, 2): "public.people.phone", (3_000_000_000, 1): "public.old.phone"}
FIELDS = st.tuples(
    st.binary(max_size=63).map(lambda name: name.replace(b"\0", b"")),
    st.sampled_from([0, 7, 8, 3_000_000_000]),
    st.integers(-8, 3),
)


def description(*fields: tuple[bytes, int, int]) -> bytes:
    """The payload of a RowDescription."""
    parts = [
        name + b"\0" + table.to_bytes(4, "big") + number.to_bytes(2, "big", signed=True) + bytes(12)
        for name, table, number in fields
    ]
    return len(fields).to_bytes(2, "big") + b"".join(parts)


@given(st.lists(FIELDS, max_size=6))
def test_the_first_hidden_column_is_named(fields: list[tuple[bytes, int, int]]) -> None:
    """Whatever stands around it; and only an answer without one is remembered as passed."""
    witness = Witness(HIDDEN)
    expected = next((HIDDEN[table, number] for _, table, number in fields if (table, number) in HIDDEN), None)
    for _ in range(2):
        assert hidden_origin(witness, description(*fields)) == expected
    assert witness.passed == (set() if expected else {description(*fields)})


@given(st.lists(FIELDS, min_size=1, max_size=4), st.data())
def test_a_description_that_cannot_be_read_does_not_pass(
    fields: list[tuple[bytes, int, int]], data: st.DataObject
) -> None:
    """One that ends early or late is answered as if it named something hidden."""
    whole = description(*fields)
    cut = whole[: data.draw(st.integers(2, len(whole) - 1))]
    for broken in (cut, whole + b"\0"):
        witness = Witness(HIDDEN)
        assert hidden_origin(witness, broken) is not None
        assert not witness.passed


def test_what_is_remembered_is_bounded() -> None:
    """A client that makes up a new description for each statement does not fill the memory."""
    witness = Witness(HIDDEN)
    for number in range(3000):
        assert hidden_origin(witness, description((str(number).encode(), 0, 0))) is None
    assert len(witness.passed) <= 1024
    assert hidden_origin(witness, description(*[(b"x" * 60, 0, 0)] * 100)) is None
    assert all(len(payload) <= 2048 for payload in witness.passed)
