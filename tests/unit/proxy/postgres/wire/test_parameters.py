"""Arrays in Bind: their elements are counted, never fewer than the server will see."""

from __future__ import annotations

import struct

import pytest

from proxy.postgres.wire.conversation import ProtocolViolation
from proxy.postgres.wire.parameters import elements


def bind(*values: bytes | None, formats: tuple[int, ...] = ()) -> bytes:
    """A Bind message from its format codes on."""
    parts = [struct.pack(f"!H{len(formats)}HH", len(formats), *formats, len(values))]
    parts += [struct.pack("!i", -1) if v is None else struct.pack("!i", len(v)) + v for v in values]
    return b"".join([*parts, bytes(2)])


def array(*sizes: int) -> bytes:
    """The header of a binary array with these dimensions."""
    return struct.pack("!iii", len(sizes), 0, 25) + b"".join(struct.pack("!ii", size, 1) for size in sizes)


@pytest.mark.parametrize(
    ("value", "count"),
    [
        (b"{a,b,c}", 3),
        (b'{"a,b",c}', 3),  # at most, never less
        (b"{{a,b},{c,d}}", 4),
        (b" [0:1]={a,b}", 2),
        (b"{}", 1),
        (b"1 2 3", 3),  # int2vector
        (b" 1\n2\t3 ", 3),
        (b"", 1),
        (None, 1),
    ],
)
def test_elements_in_text(value: bytes | None, count: int) -> None:
    """Commas in braces, words without: a vector of the system catalogs is an array to ANY, too."""
    assert elements(bind(b"x", value), 2) == count


@pytest.mark.parametrize(("value", "count"), [(array(), 1), (array(7), 7), (array(3, 4), 12), (array(-1), 1)])
def test_elements_in_binary(value: bytes, count: int) -> None:
    """The product of the dimensions, by one format code for all or one for each."""
    assert elements(bind(value, formats=(1,)), 1) == count
    assert elements(bind(None, value, formats=(0, 1)), 2) == count


def test_a_parameter_that_is_not_there_counts_nothing() -> None:
    """The server refuses such a Bind by itself."""
    assert elements(bind(b"{a}"), 2) == 0


@pytest.mark.parametrize("cut", range(1, len(bind(b"{a,b}", formats=(0,))) - 2))
def test_a_message_that_ends_early_is_a_violation(cut: int) -> None:
    """No count is made from what is not there."""
    with pytest.raises(ProtocolViolation):
        elements(bind(b"{a,b}", formats=(0,))[:cut], 1)
