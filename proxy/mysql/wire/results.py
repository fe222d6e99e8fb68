"""The packets that end an answer: OK and EOF, and what an OK packet tells of the session's state.

Owns their byte layouts (MySQL's developer documentation, "OK_Packet", "EOF_Packet", session tracking; MariaDB's the same)
and the form of an OK packet for a client without session tracking. Pure functions on payloads.
"""

from __future__ import annotations

from typing import Final

from proxy.mysql.wire.packets import (
    EOF,
    ProtocolViolation,
    lenenc_int,
    lenenc_string,
    read_int,
    read_lenenc_int,
    read_lenenc_string,
)

IN_TRANSACTION: Final = 0x0001
AUTOCOMMIT: Final = 0x0002
MORE_RESULTS: Final = 0x0008
CURSOR_EXISTS: Final = 0x0040
LAST_ROW_SENT: Final = 0x0080
NO_BACKSLASH_ESCAPES: Final = 0x0200
STATE_CHANGED: Final = 0x4000

_SYSTEM_VARIABLES: Final = 0
_SCHEMA: Final = 1


class Ok:
    """What an OK packet says; of `changes` only the system variables and the schema (by the name "") are read.

    `affected` rows, `last_id`, `status` flags, `warnings`, `info` in the server's words. `head` is the first byte.
    """

    __slots__ = ("affected", "changes", "head", "info", "last_id", "status", "warnings")

    def __init__(  # noqa: PLR0913, PLR0917  the fields of the packet
        self,
        head: int,
        affected: int,
        last_id: int,
        status: int,
        warnings: int,
        info: bytes = b"",
        changes: tuple[tuple[str, bytes], ...] = (),
    ) -> None:
        self.head = head
        self.affected = affected
        self.last_id = last_id
        self.status = status
        self.warnings = warnings
        self.info = info
        self.changes = changes


def parse_ok(payload: bytes) -> Ok:
    """Read an OK packet of a connection with session tracking, also one that ends rows (its head is EOF).

    Raises ProtocolViolation.
    """
    affected, position = read_lenenc_int(payload, 1)
    last_id, position = read_lenenc_int(payload, position)
    status, position = read_int(payload, position, 2)
    warnings, position = read_int(payload, position, 2)
    info = b""
    changes: tuple[tuple[str, bytes], ...] = ()
    if position < len(payload):
        info, position = read_lenenc_string(payload, position)
        if status & STATE_CHANGED and position < len(payload):
            block, position = read_lenenc_string(payload, position)
            changes = _read_changes(block)
    return Ok(payload[0], affected, last_id, status, warnings, info, changes)


def _read_changes(block: bytes) -> tuple[tuple[str, bytes], ...]:
    """The changes of a session state block: system variables by their name, the schema by ""."""
    found: list[tuple[str, bytes]] = []
    position = 0
    while position < len(block):
        kind = block[position]
        data, position = read_lenenc_string(block, position + 1)
        at = 0
        if kind == _SYSTEM_VARIABLES:
            while at < len(data):  # MariaDB puts several into one
                name, at = read_lenenc_string(data, at)
                value, at = read_lenenc_string(data, at)
                found.append((name.decode("utf-8", "replace"), value))
        elif kind == _SCHEMA:
            value, at = read_lenenc_string(data, at)
            found.append(("", value))
    return tuple(found)


def ok(said: Ok) -> bytes:
    """Write an OK packet for a client without session tracking.

    The server writes the words behind their length then, too, and nothing at all when there are none; its documentation
    says otherwise.
    """
    return b"".join(
        (
            bytes((said.head,)),
            lenenc_int(said.affected),
            lenenc_int(said.last_id),
            (said.status & ~STATE_CHANGED).to_bytes(2, "little"),
            said.warnings.to_bytes(2, "little"),
            lenenc_string(said.info) if said.info else b"",
        )
    )


def status_of_eof(payload: bytes) -> int:
    """The status flags of an EOF packet. Raises ProtocolViolation."""
    if len(payload) != 5 or payload[0] != EOF:
        raise ProtocolViolation("a malformed EOF packet")
    return payload[3] | payload[4] << 8


def eof(status: int, warnings: int = 0) -> bytes:
    """Write an EOF packet."""
    return bytes((EOF,)) + warnings.to_bytes(2, "little") + status.to_bytes(2, "little")
