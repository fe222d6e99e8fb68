"""The frame of protocol 3: one type byte, then a length that counts itself (PostgreSQL manual, 55.7).

Owns the type bytes of both directions and the reading of a header. Knows nothing of what messages mean.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

HEADER: Final = Struct("!BI")
"""Type and length of a message; the length counts its own four bytes but not the type."""

HEADER_SIZE: Final = 5
read_header: Final = HEADER.unpack_from


def frame(kind: int, payload: bytes) -> bytes:
    """One whole message of type `kind`."""
    return HEADER.pack(kind, len(payload) + 4) + payload


_SHORT: Final = 24


def zero(data: bytes, start: int, stop: int) -> int:
    """Offset of the first zero byte at [start, stop) of `data`, -1 when there is none: the end of a name.

    Names are short: compiled, a few turns of a loop cost a fraction of a method call.
    """
    end = start + _SHORT
    if end > stop:  # noqa: PLR1730  min() is a method call, which this is here to spare
        end = stop
    if end > len(data):  # noqa: PLR1730  the same
        end = len(data)
    position = start
    while position < end:
        if data[position] == 0:
            return position
        position += 1
    return data.find(0, position, stop)


# What a frontend sends after start-up.
BIND: Final = 0x42  # B
CLOSE: Final = 0x43  # C
COPY_DATA: Final = 0x64  # d
COPY_DONE: Final = 0x63  # c
COPY_FAIL: Final = 0x66  # f
DESCRIBE: Final = 0x44  # D
EXECUTE: Final = 0x45  # E
FLUSH: Final = 0x48  # H
FUNCTION_CALL: Final = 0x46  # F
PARSE: Final = 0x50  # P
PASSWORD: Final = 0x70  # p
QUERY: Final = 0x51  # Q
SYNC: Final = 0x53  # S
TERMINATE: Final = 0x58  # X

# What a backend sends after start-up.
BIND_COMPLETE: Final = 0x32  # 2
CLOSE_COMPLETE: Final = 0x33  # 3
COMMAND_COMPLETE: Final = 0x43  # C
COPY_BOTH_RESPONSE: Final = 0x57  # W
COPY_IN_RESPONSE: Final = 0x47  # G
COPY_OUT_RESPONSE: Final = 0x48  # H
DATA_ROW: Final = 0x44  # D
EMPTY_QUERY_RESPONSE: Final = 0x49  # I
ERROR_RESPONSE: Final = 0x45  # E
NO_DATA: Final = 0x6E  # n
NOTICE_RESPONSE: Final = 0x4E  # N
NOTIFICATION_RESPONSE: Final = 0x41  # A
PARAMETER_DESCRIPTION: Final = 0x74  # t
PARAMETER_STATUS: Final = 0x53  # S
PARSE_COMPLETE: Final = 0x31  # 1
PORTAL_SUSPENDED: Final = 0x73  # s
READY_FOR_QUERY: Final = 0x5A  # Z
ROW_DESCRIPTION: Final = 0x54  # T

SYNC_FRAME: Final = frame(SYNC, b"")
FLUSH_FRAME: Final = frame(FLUSH, b"")
