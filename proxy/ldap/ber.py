"""The encoding of LDAP: BER with definite lengths (RFC 4511, section 5.1).

Owns tags and lengths. May not do: know what they stand for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

BOOLEAN: Final = 0x01
INTEGER: Final = 0x02
OCTETS: Final = 0x04
ENUMERATED: Final = 0x0A
SEQUENCE: Final = 0x30
SET: Final = 0x31

LENGTH_BYTES: Final = 4  # of a long length; messages are limited to far less
_SHORT: Final = 0x80


class BadEncoding(Exception):  # noqa: N818  reads as what it is
    """Bytes that are not what they claim to be."""


def element(tag: int, *contents: bytes) -> bytes:
    """One element: tag, length, contents."""
    value = b"".join(contents)
    size = len(value)
    if size < _SHORT:
        return bytes((tag, size)) + value
    digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, _SHORT | len(digits))) + digits + value


def integer(value: int, tag: int = INTEGER) -> bytes:
    """A whole number that is not negative."""
    return element(tag, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The elements that stand one behind the other: tag and contents of each. Raises BadEncoding."""
    position = 0
    while position < len(data):
        tag, size, begin = header(data, position)
        position = begin + size
        if position > len(data):
            raise BadEncoding("an element is longer than what holds it")
        yield tag, data[begin:position]


def header(data: bytes, position: int = 0) -> tuple[int, int, int]:
    """Tag, length, and where the contents begin. Raises BadEncoding, also when too little is there."""
    if position + 2 > len(data):
        raise BadEncoding("an element is cut off")
    tag, size, begin = data[position], data[position + 1], position + 2
    if size >= _SHORT:
        count = size & 0x7F
        if not 1 <= count <= LENGTH_BYTES or begin + count > len(data):
            raise BadEncoding("a length that cannot be")
        size, begin = int.from_bytes(data[begin : begin + count], "big"), begin + count
    return tag, size, begin


def header_size(second: int) -> int:
    """How many bytes the header of an element has, by its second byte. Raises BadEncoding."""
    if second < _SHORT:
        return 2
    if not 1 <= second & 0x7F <= LENGTH_BYTES:
        raise BadEncoding("a length that cannot be")
    return 2 + (second & 0x7F)


def number(contents: bytes) -> int:
    """The contents of an INTEGER or ENUMERATED. Raises BadEncoding."""
    if not 1 <= len(contents) <= LENGTH_BYTES:
        raise BadEncoding("a number that cannot be")
    return int.from_bytes(contents, "big", signed=True)
