"""A connection that speaks PostgreSQL's protocol while it logs in: its packets, and the way to a PostgreSQL as far as TLS.

Owns their lengths and limits on a `Peer`. May not do: know what they mean.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final

from proxy import upstream as generic
from proxy.postgres.wire.dialogue import ReadAnswer, Request, Send, StartTLS
from proxy.postgres.wire.messages import STARTUP_LIMIT, MalformedMessage, Message
from proxy.postgres.wire.startup import ask_upstream_tls

if TYPE_CHECKING:
    from proxy.peer import Peer
    from proxy.upstream import Upstream

MESSAGE_LIMIT: Final = 65_536  # bytes: PostgreSQL's own limit for authentication messages (PG_MAX_AUTH_TOKEN_LENGTH)


async def read_startup_packet(peer: Peer) -> bytes:
    """Take an untyped packet, without its length; raises PeerClosed, MalformedMessage."""
    length = int.from_bytes(await peer.peek(4), "big")
    if not 8 <= length <= STARTUP_LIMIT:
        raise MalformedMessage("invalid length of startup packet")
    return (await peer.read_exactly(length))[4:]


async def read_message(peer: Peer) -> Message:
    """Take a typed message; raises PeerClosed, MalformedMessage."""
    head = await peer.peek(5)
    length = int.from_bytes(head[1:], "big")
    if not 4 <= length <= MESSAGE_LIMIT:
        raise MalformedMessage(f"invalid length of a message during the login: {length}")
    return Message(head[0], (await peer.read_exactly(1 + length))[5:])


async def connect(upstream: Upstream) -> Peer:
    """Open a connection to a PostgreSQL, with TLS as its settings say. Raises Unreachable."""
    return await generic.connect(upstream, functools.partial(_encrypt, upstream) if upstream.wants_tls else None)


async def _encrypt(upstream: Upstream, peer: Peer) -> None:
    assert upstream.tls.context is not None
    dialogue = ask_upstream_tls(required=upstream.tls.required)
    answer: bytes | None = None
    while True:
        try:
            request: Request = dialogue.send(answer)
        except StopIteration:
            return
        answer = None
        if isinstance(request, Send):
            peer.write(request.data)
        elif isinstance(request, ReadAnswer):
            answer = await peer.read_exactly(1)
        elif isinstance(request, StartTLS):
            await peer.start_tls(
                upstream.tls.context, server_side=False, host=upstream.host, seconds=upstream.connect_seconds
            )
