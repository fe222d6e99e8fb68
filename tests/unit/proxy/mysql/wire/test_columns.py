"""Column definitions: what those of masks say to the client."""

from __future__ import annotations

import pytest

from proxy.mysql.wire.columns import Masks
from proxy.mysql.wire.packets import lenenc_string, packet

PHONE = (b"p", b"people", b"phone", 11, 20)
NAMES = b"".join(map(lenenc_string, (b"def", b"", b"", b"", b"x", b"")))
TOLD = b"".join(map(lenenc_string, (b"def", b"", b"p", b"people", b"x", b"phone")))


def fixed(length: int) -> bytes:
    """The end of a definition, of a column of so many bytes."""
    return b"\x0c\x2d\0" + length.to_bytes(4, "little") + b"\xfd\0\0\0\0\0"


@pytest.mark.parametrize("before", [b"", b"\0"], ids=["plain", "extended"])
@pytest.mark.parametrize(
    ("said", "told"), [(44, 80), (33, 60), (11, 20), (43, 43), (0, 0)], ids=["4", "3", "1", "uneven", "none"]
)
def test_the_length_is_the_columns(before: bytes, said: int, told: int) -> None:
    """In bytes, of as many a character as the server takes; what is no whole number of them stays."""
    masks = Masks()
    for _ in range(2):  # the second time it is remembered
        found = masks.told((PHONE,), 1, 2, NAMES + before + fixed(said))
        assert found == packet(2, TOLD + before + fixed(told))


def test_what_is_as_long_as_its_column_stays_so() -> None:
    """Also where other metadata stand before the length than are known here."""
    ((*names, _, _),) = (PHONE,)
    assert Masks().told(((*names, 0, 0),), 1, 2, NAMES + fixed(44)) == packet(2, TOLD + fixed(44))
    odd = NAMES + b"\x02ab" + fixed(44)
    assert Masks().told((PHONE,), 1, 2, odd) == packet(2, TOLD + b"\x02ab" + fixed(44))


def test_the_servers_own_definitions_pass() -> None:
    """A column that names its origin is none of ours, and one that is not masked neither."""
    own = b"".join(map(lenenc_string, (b"def", b"bank", b"p", b"people", b"x", b"phone"))) + fixed(80)
    assert Masks().told((PHONE,), 1, 2, own) == b""
    assert Masks().told((None,), 1, 2, NAMES + fixed(44)) == b""


def test_each_plan_and_place_has_its_own() -> None:
    """What is remembered of one is not said of another, nor under another number."""
    masks = Masks()
    plan, other = (PHONE, None), ((b"o", b"others", b"name", 0, 0),)
    definition = NAMES + fixed(44)
    assert masks.told(plan, 2, 2, definition) == packet(2, TOLD + fixed(80))
    assert masks.told(plan, 2, 7, definition) == packet(7, TOLD + fixed(80))
    assert masks.told(plan, 1, 3, definition) == b""
    assert b"others" in masks.told(other, 1, 2, definition)
