"""The server's reports, as a client may have them: in the terms of its own text, and without stored values.

Owns the field P of ErrorResponse and NoticeResponse, the 1-based character in the statement (p and q, which are about the
text of a function's query, stay), and which fields of an error may quote rows. Source: PostgreSQL manual, 55.8 (error
and notice message fields); the messages were gone through by SQLSTATE, errcodes.txt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from proxy.positions import original

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxy.positions import Move

_POSITION: Final = b"P"

_OPEN_CLASSES: Final = frozenset(b"08 0A 0L 0P 22 25 26 28 2B 34 3B 3D 3F 40 42 53 55 57 58".split())
"""Classes of SQLSTATE whose details speak of names and of what the statement itself computed.

Of class 22, data exceptions, is what an expression does with its operands, which are what the caller sees. All others may
tell of stored rows: 23 and 44 quote them, P0 what a trigger finds worth saying, HV rows of other servers, XX anything.
"""
_QUOTING: Final = (b"D", b"q", b"p", b"W")  # detail, a function's query with the place in it, where it happened
_COPY_LINE: Final = b"WCOPY "  # context that quotes the client's own input
_LIMIT: Final = b"54000"  # "row is too big: size ...": the message tells lengths
_LIMIT_MESSAGE: Final = b"a row or value exceeds a limit of the server"
_PROVOKED: Final = (b"22P02", b'"louver: ')
"""How an error looks that a rewritten statement provokes, see `rewriter.postgres.preserving`: our message, quoted as input."""
_DENIED: Final = b"42501"
_CUT: Final = (b"S", b"V", b"C")  # what is kept of an error too long to be looked at
_LOGGED: Final = frozenset((b"VLOG", b"VDEBUG"))
_RAISED: Final = b"Rexec_stmt_raise"  # RAISE in PL/pgSQL, whose words are the function's own


def discreet(payload: bytes, *, whole: bool = True) -> bytes | None:
    """The payload of an error without what may quote stored values, or None when it has nothing of the kind.

    Not `whole`: only the beginning of the payload is at hand.
    """
    fields = payload.split(b"\0")
    state = next((field[1:] for field in fields if field[:1] == b"C"), b"")
    if not whole:
        return b"\0".join([*(f for f in fields[:-1] if f[:1] in _CUT), b"Mthe error is too long to be shown", b"", b""])
    message = next((field for field in fields if field[:1] == b"M"), b"")
    if state == _PROVOKED[0] and _PROVOKED[1] in message:
        told = message[message.index(_PROVOKED[1]) + len(_PROVOKED[1]) : message.rindex(b'"')]
        kept = [field for field in fields if field[:1] in {b"S", b"V"}]
        return b"\0".join([*kept, b"C" + _DENIED, b"M" + told, b"", b""])
    if state[:2] in _OPEN_CLASSES:
        return None
    made = [field for field in fields if field[:1] not in _QUOTING or field.startswith(_COPY_LINE)]
    if state == _LIMIT:
        made = [b"M" + _LIMIT_MESSAGE if field[:1] == b"M" else field for field in made]
    return b"\0".join(made) if made != fields else None


def logged(payload: bytes) -> bool:
    """Whether a notice is a line of the server's log, which client_min_messages lets a client read along.

    With log_statement and its like such lines quote statements as they left, rewritten, and those of the proxy's own.
    """
    fields = payload.split(b"\0")
    return not _LOGGED.isdisjoint(fields) and _RAISED not in fields


def repositioned(payload: bytes, moves: Sequence[Move], text: bytes) -> bytes | None:
    """The payload with the position that it has in the client's `text`, or None when it gives none."""
    fields = payload.split(b"\0")
    for index, field in enumerate(fields):
        if field[:1] == _POSITION and field[1:].isdigit():
            place = original(moves, text, int(field[1:]) - 1)
            fields[index] = b"%b%d" % (_POSITION, place + 1)
            return b"\0".join(fields)
    return None
