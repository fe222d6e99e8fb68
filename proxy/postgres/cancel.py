"""Cancel requests, brokered: which key a client was given, and which session of which database it stands for.

Owns the keys that clients get in place of the databases' own, so that a client reaches its own session only, through
this proxy only. May not do: decide on statements.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import secrets
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

from proxy.peer import Peer, PeerClosed
from proxy.postgres.connection import connect
from proxy.postgres.wire.messages import VERSION_3_2, BackendKey, MalformedMessage, cancel_request
from proxy.upstream import Unreachable, Upstream

if TYPE_CHECKING:
    from audit.record import Caller

log = logging.getLogger(__name__)

CANCEL_SECONDS = 10.0  # as long as a login may wait for its connection; then the client may ask again
SHORT_KEY = 4  # bytes of the secret before protocol 3.2
LONG_KEY = 32  # bytes of the secret since: what PostgreSQL 18 gives


@dataclass(frozen=True, slots=True)
class _Entry:
    ours: BackendKey
    theirs: BackendKey
    upstream: Upstream


class CancelRegistry:
    """The keys in use. Its size is the number of sessions."""

    def __init__(self) -> None:
        self._entries: dict[int, list[_Entry]] = {}  # by pid, of which two databases may have the same
        self._callers: dict[BackendKey, Caller] = {}

    def issue(self, theirs: BackendKey, upstream: Upstream, version: int) -> BackendKey:
        """A key for the client: the database's pid, which clients compare with pg_backend_pid(), a secret of ours."""
        ours = BackendKey(theirs.pid, secrets.token_bytes(LONG_KEY if version >= VERSION_3_2 else SHORT_KEY))
        self._entries.setdefault(ours.pid, []).append(_Entry(ours, theirs, upstream))
        return ours

    def forget(self, ours: BackendKey) -> None:
        """The session is over: its key cancels nothing any more."""
        self._callers.pop(ours, None)
        left = [entry for entry in self._entries.pop(ours.pid, []) if entry.ours != ours]
        if left:
            self._entries[ours.pid] = left

    def opened(self, ours: BackendKey, caller: Caller) -> None:
        """The key's session has begun, with this name in the trail."""
        self._callers[ours] = caller

    def whose(self, key: BackendKey) -> Caller | None:
        """Whose session a key stands for; None when it is none of ours."""
        for ours, caller in self._callers.items():
            if ours.pid == key.pid and hmac.compare_digest(ours.secret, key.secret):
                return caller
        return None

    async def cancel(self, key: BackendKey) -> bool:
        """Pass the request on to the database and wait until it has taken it.

        False when the key is none of ours, which the client is not told, as with PostgreSQL. Raises nothing: a
        database that cannot be reached is logged.
        """
        for entry in self._entries.get(key.pid, ()):
            if hmac.compare_digest(entry.ours.secret, key.secret):
                await _pass_on(entry)
                return True
        log.info("cancel request with an unknown key for pid %d", key.pid)
        return False


async def _pass_on(entry: _Entry) -> None:
    peer: Peer | None = None
    try:
        async with asyncio.timeout(CANCEL_SECONDS):
            peer = await connect(entry.upstream)
            peer.write(cancel_request(entry.theirs))
            await peer.wait_closed()
    except (Unreachable, MalformedMessage, PeerClosed, TimeoutError, ssl.SSLError, OSError) as error:
        log.warning("cancel request for pid %d did not reach %s: %s", entry.theirs.pid, entry.upstream, error)
    finally:
        if peer is not None:
            peer.abort()
