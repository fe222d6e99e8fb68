"""The frame of protocol 3: one type byte, then a length that counts itself (PostgreSQL manual, 55.7).

Owns the type bytes of both directions and the reading of a header. Knows nothing of what messages mean.
"""

from __future__ import annotations

from struct import Struct

HEADER = Struct("!BI")
"""Type and length of a message; the length counts its own four bytes but not the type."""

read_header = HEADER.unpack_from
HEADER_SIZE = HEADER.size


def frame(kind: int, payload: bytes) -> bytes:
    """One whole message of type `kind`."""
    return HEADER.pack(kind, len(payload) + 4) + payload


# What a frontend sends after start-up.
BIND = ord("B")
CLOSE = ord("C")
COPY_DATA = ord("d")
COPY_DONE = ord("c")
COPY_FAIL = ord("f")
DESCRIBE = ord("D")
EXECUTE = ord("E")
FLUSH = ord("H")
FUNCTION_CALL = ord("F")
PARSE = ord("P")
PASSWORD = ord("p")
QUERY = ord("Q")
SYNC = ord("S")
TERMINATE = ord("X")

# What a backend sends after start-up.
BIND_COMPLETE = ord("2")
CLOSE_COMPLETE = ord("3")
COMMAND_COMPLETE = ord("C")
COPY_BOTH_RESPONSE = ord("W")
COPY_IN_RESPONSE = ord("G")
COPY_OUT_RESPONSE = ord("H")
DATA_ROW = ord("D")
EMPTY_QUERY_RESPONSE = ord("I")
ERROR_RESPONSE = ord("E")
NO_DATA = ord("n")
NOTICE_RESPONSE = ord("N")
NOTIFICATION_RESPONSE = ord("A")
PARAMETER_DESCRIPTION = ord("t")
PARAMETER_STATUS = ord("S")
PARSE_COMPLETE = ord("1")
PORTAL_SUSPENDED = ord("s")
READY_FOR_QUERY = ord("Z")
ROW_DESCRIPTION = ord("T")

SYNC_FRAME = frame(SYNC, b"")
FLUSH_FRAME = frame(FLUSH, b"")
