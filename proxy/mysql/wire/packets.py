"""The packet of MySQL's protocol, and the integers and strings that payloads are made of.

A packet is a length of three bytes (little-endian), a sequence number and so many bytes of payload. A payload of 2^24 - 1
bytes or more takes several packets, the last of them shorter than that. Source: MySQL's developer documentation, "Client/
Server Protocol", basic packets and data types; MariaDB's, "Protocol Data Types". Knows nothing of what payloads mean.
"""

from __future__ import annotations

from typing import Final

from proxy.violation import Violation

HEADER_SIZE: Final = 4
LARGEST: Final = 0xFFFFFF
"""The payload of a packet that is continued by the next one."""

LOGIN_PACKET_LIMIT: Final = 1 << 17
"""Bytes of a packet during the login: a server keeps 64 KiB of connection attributes, and all the rest is small."""

OK: Final = 0x00
MORE_DATA: Final = 0x01  # of an authentication method
LOCAL_INFILE: Final = 0xFB
EOF: Final = 0xFE  # also: a change of the authentication method
ERR: Final = 0xFF
_NULL: Final = 0xFB
_TWO: Final = 0xFC
_THREE: Final = 0xFD
_EIGHT: Final = 0xFE


class ProtocolViolation(Violation):
    """A peer broke the protocol: the connection ends. `errno`, `sqlstate` and the message are for the client."""

    def __init__(self, message: str, sqlstate: str = "08S01", errno: int = 1835) -> None:
        super().__init__(message, sqlstate)
        self.errno = errno


def packet(sequence: int, payload: bytes) -> bytes:
    """A payload in as many packets as it takes; the first has the sequence number `sequence`, modulo 256."""
    if len(payload) < LARGEST:
        return (len(payload) | (sequence & 0xFF) << 24).to_bytes(4, "little") + payload
    pieces: list[bytes | memoryview] = []
    view = memoryview(payload)  # a text of this size is not copied twice
    for number in range(packet_count(len(payload))):
        piece = view[number * LARGEST : (number + 1) * LARGEST]
        pieces += (len(piece).to_bytes(3, "little") + bytes(((sequence + number) & 0xFF,)), piece)
    return b"".join(pieces)


def packet_count(size: int) -> int:
    """How many packets a payload of `size` bytes takes."""
    return size // LARGEST + 1


def lenenc_int(value: int) -> bytes:
    """A length-encoded integer of one, three, four or nine bytes."""
    if value < _NULL:
        return bytes((value,))
    if value < 1 << 16:
        return bytes((_TWO,)) + value.to_bytes(2, "little")
    if value < 1 << 24:
        return bytes((_THREE,)) + value.to_bytes(3, "little")
    return bytes((_EIGHT,)) + value.to_bytes(8, "little")


def lenenc_string(value: bytes) -> bytes:
    """A string behind its length."""
    return lenenc_int(len(value)) + value


def read_lenenc_int(data: bytes, position: int) -> tuple[int, int]:
    """The length-encoded integer at `position`, and where it ends. Raises ProtocolViolation."""
    if position >= len(data):
        raise ProtocolViolation("a packet ends before its length-encoded integer")
    first = data[position]
    if first < _NULL:
        return first, position + 1
    if first == _TWO:
        end = position + 3
    elif first == _THREE:
        end = position + 4
    elif first == _EIGHT:
        end = position + 9
    else:
        raise ProtocolViolation(f"a length-encoded integer cannot begin with {first}")
    if end > len(data):
        raise ProtocolViolation("a packet ends within a length-encoded integer")
    return int.from_bytes(data[position + 1 : end], "little"), end


def read_lenenc_string(data: bytes, position: int) -> tuple[bytes, int]:
    """The length-encoded string at `position`, and where it ends. Raises ProtocolViolation."""
    size, start = read_lenenc_int(data, position)
    end = start + size
    if end > len(data):
        raise ProtocolViolation("a packet ends within a length-encoded string")
    return data[start:end], end


def read_zero_string(data: bytes, position: int) -> tuple[bytes, int]:
    """The string at `position` that a zero byte ends, and where the next field begins. Raises ProtocolViolation."""
    end = data.find(0, position)
    if end < 0:
        raise ProtocolViolation("a packet ends within a string that a zero byte should end")
    return data[position:end], end + 1


def read_fixed(data: bytes, position: int, size: int) -> tuple[bytes, int]:
    """The `size` bytes at `position`, and where they end. Raises ProtocolViolation."""
    end = position + size
    if end > len(data):
        raise ProtocolViolation("a packet is too short")
    return data[position:end], end


def read_int(data: bytes, position: int, size: int) -> tuple[int, int]:
    """The little-endian integer of `size` bytes at `position`, and where it ends. Raises ProtocolViolation."""
    found, end = read_fixed(data, position, size)
    return int.from_bytes(found, "little"), end


class Packets:
    """Bytes in, whole payloads out: the incremental splitter for what is small, as logins and questions of our own are.

    `limit` is the largest payload in bytes that is assembled.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rest = b""
        self._payload = b""

    def receive(self, data: bytes) -> list[tuple[int, bytes]]:
        """Take bytes; the payloads that are whole now, each with the sequence number of its last packet.

        Raises ProtocolViolation for a payload over the limit, before it has come.
        """
        data = self._rest + data
        position, whole = 0, []
        while position + HEADER_SIZE <= len(data):
            size = int.from_bytes(data[position : position + 3], "little")
            if len(self._payload) + size > self._limit:
                raise ProtocolViolation(f"a packet of {size} bytes is over the limit of {self._limit}", errno=1153)
            stop = position + HEADER_SIZE + size
            if stop > len(data):
                break
            self._payload += data[position + HEADER_SIZE : stop]
            if size < LARGEST:
                whole.append((data[position + 3], self._payload))
                self._payload = b""
            position = stop
        self._rest = data[position:]
        return whole
