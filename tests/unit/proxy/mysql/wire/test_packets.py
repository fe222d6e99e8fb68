"""Packets, and the integers and strings they are made of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.mysql.wire import packets
from proxy.mysql.wire.packets import LARGEST, Packets, ProtocolViolation, packet


@given(st.integers(0, 2**64 - 1), st.binary(max_size=5))
def test_integers_come_back(value: int, behind: bytes) -> None:
    """A length-encoded integer is read as it was written, in as many bytes as its size takes."""
    written = packets.lenenc_int(value)
    assert packets.read_lenenc_int(written + behind, 0) == (value, len(written))
    assert len(written) == (1 if value < 251 else 3 if value < 1 << 16 else 4 if value < 1 << 24 else 9)


@given(st.binary(max_size=300))
def test_strings_come_back(value: bytes) -> None:
    """A length-encoded string is read as it was written."""
    written = packets.lenenc_string(value)
    assert packets.read_lenenc_string(b"x" + written, 1) == (value, len(written) + 1)


@pytest.mark.parametrize("data", [b"", b"\xfb", b"\xff", b"\xfc\x01", b"\xfd\x01\x02", b"\xfe\x01", b"\x05abc"])
def test_what_is_cut_off_is_a_violation(data: bytes) -> None:
    """A string that ends before its length says, or has none, is the peer's fault."""
    with pytest.raises(ProtocolViolation):
        packets.read_lenenc_string(data, 0)


def test_strings_up_to_a_zero_byte() -> None:
    """They need their zero byte."""
    assert packets.read_zero_string(b"ab\0c", 0) == (b"ab", 3)
    with pytest.raises(ProtocolViolation):
        packets.read_zero_string(b"ab", 0)


@pytest.mark.parametrize(
    ("size", "lengths"),
    [(0, [0]), (5, [5]), (LARGEST - 1, [LARGEST - 1]), (LARGEST, [LARGEST, 0]), (LARGEST + 7, [LARGEST, 7])],
)
def test_a_large_payload_takes_several_packets(size: int, lengths: list[int]) -> None:
    """A packet of 2^24 - 1 bytes is always followed by another, if only an empty one; the numbers go round at 256."""
    data = packet(255, b"x" * size)
    found, position = [], 0
    while position < len(data):
        length = int.from_bytes(data[position : position + 3], "little")
        assert data[position + 3] == (255 + len(found)) % 256
        found.append(length)
        position += 4 + length
    assert found == lengths
    assert packets.packet_count(size) == len(lengths)


@given(st.lists(st.binary(max_size=20), max_size=6), st.integers(1, 7))
def test_the_splitter_gives_whole_payloads(payloads: list[bytes], step: int) -> None:
    """However the bytes are cut, each payload comes once, whole, with its number."""
    data = b"".join(packet(number, payload) for number, payload in enumerate(payloads))
    splitter = Packets(100)
    found = [each for start in range(0, len(data), step) for each in splitter.receive(data[start : start + step])]
    assert found == list(enumerate(payloads))


def test_the_splitter_puts_continuations_together() -> None:
    """A payload of several packets comes as one, with the number of the last."""
    assert Packets(2 * LARGEST).receive(packet(3, b"x" * LARGEST)) == [(4, b"x" * LARGEST)]


def test_the_splitter_has_a_limit() -> None:
    """What is too large is refused by its header."""
    with pytest.raises(ProtocolViolation):
        Packets(9).receive(b"\x0a\x00\x00\x00")
