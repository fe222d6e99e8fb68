"""The server's reports on a statement that was rewritten, put in the terms of the client's text.

Owns the field P of ErrorResponse and NoticeResponse, the 1-based character in the statement; p and q, which are about the
text of a function's query, stay. Source: PostgreSQL manual, 55.8 (error and notice message fields).
May not do: change anything else of a report.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from proxy.positions import original

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxy.positions import Move

_POSITION: Final = b"P"


def repositioned(payload: bytes, moves: Sequence[Move], text: bytes) -> bytes | None:
    """The payload with the position that it has in the client's `text`, or None when it gives none."""
    fields = payload.split(b"\0")
    for index, field in enumerate(fields):
        if field[:1] == _POSITION and field[1:].isdigit():
            place = original(moves, text, int(field[1:]) - 1)
            fields[index] = b"%b%d" % (_POSITION, place + 1)
            return b"\0".join(fields)
    return None
