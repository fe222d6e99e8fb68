"""The way out: statements of one turn of the event loop leave together, after one write to the audit.

Owns the order "record, then send" for all sessions of the process. The trail is written once for everything that came
in during the turn, which costs a busy proxy a fraction of a write per statement, and an idle one nothing it would notice.
May not do: know what it sends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit.writer import AuditUnavailable

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from audit.writer import Trail


class Outbox:
    """Holds what leaves until its records are written. One for the whole process."""

    def __init__(self, trail: Trail, loop: asyncio.AbstractEventLoop) -> None:
        self._trail = trail
        self._loop = loop
        self._mail: list[tuple[Callable[[bytes], None], bytes, Callable[[AuditUnavailable], None]]] = []

    def post(self, write: Callable[[bytes], None], data: bytes, unrecorded: Callable[[AuditUnavailable], None]) -> None:
        """Give `data` to `write` once all records appended so far are written, or call `unrecorded` instead."""
        if not self._mail:
            self._loop.call_soon(self._deliver)
        self._mail.append((write, data, unrecorded))

    def _deliver(self) -> None:
        mail, self._mail = self._mail, []
        try:
            self._trail.flush()
        except AuditUnavailable as unavailable:
            for _, _, unrecorded in mail:
                unrecorded(unavailable)
            return
        for write, data, _ in mail:
            write(data)
