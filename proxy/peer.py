"""One side of a session while it logs in: a buffered reader and writer over an asyncio transport.

Owns reading exact amounts within limits, the switch to TLS and the hand-over to the session's own protocol. Every
read is bounded and reading pauses when nobody takes the bytes. May not do: know what the bytes mean beyond a length.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import ssl

BUFFER_LIMIT = 65_536  # bytes received and not taken at which reading pauses; one read may exceed it
KEEPALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 6}
"""Seconds of silence before the kernel asks whether the other end is still there, seconds between its questions, and how
many may stay without an answer: a machine that has lost its power is noticed in two minutes, not in two hours. Firewalls
forget a silent connection after some minutes at the soonest."""
TLS_SHUTDOWN_SECONDS = 2.0  # how long the other end may take to say goodbye, too, before its socket is closed


class PeerClosed(Exception):  # noqa: N818  an end, not a fault of ours
    """The other end went away before the login was over."""


class UnencryptedBytes(Exception):  # noqa: N818  the peer's fault
    """Bytes arrived in clear behind the request for TLS: somebody in between may have put them there."""


class Peer(asyncio.Protocol):
    """A connection during the login. Made by the server's protocol factory or by `connect`."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._closed = False
        self._paused = False

    @classmethod
    def again(cls, transport: asyncio.Transport, received: bytes) -> Peer:
        """A connection that was in use and logs in once more; `received` was read of it and not used."""
        peer = cls()
        peer._transport = transport
        peer._buffer += received
        transport.set_protocol(peer)
        transport.resume_reading()
        return peer

    # ---- asyncio.Protocol ----

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; let the kernel notice a peer that has gone without a word."""
        self._transport = cast("asyncio.Transport", transport)
        _keep_alive(transport.get_extra_info("socket"))

    def data_received(self, data: bytes) -> None:
        """Keep the bytes; stop reading when they pile up."""
        self._buffer += data
        if len(self._buffer) >= BUFFER_LIMIT and not self._paused:
            self._paused = True
            self.transport.pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        """The other end sends no more: the login is over."""
        self._closed = True
        self._wake()
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  the reason does not matter here
        """Nothing more comes."""
        self._closed = True
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # ---- reading ----

    @property
    def transport(self) -> asyncio.Transport:
        """The transport of this moment; TLS replaces it."""
        assert self._transport is not None
        return self._transport

    @property
    def closed(self) -> bool:
        """Whether the other end has gone, or we are closing. uvloop raises when a closed transport is used."""
        return self._closed or self.transport.is_closing()

    async def _fill(self, size: int) -> None:
        """Wait until `size` bytes are there; raises PeerClosed."""
        while len(self._buffer) < size:
            if self.closed:
                raise PeerClosed
            if self._paused:
                self._paused = False
                self.transport.resume_reading()
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None

    async def peek(self, size: int) -> bytes:
        """The next `size` bytes, which stay; raises PeerClosed."""
        await self._fill(size)
        return bytes(self._buffer[:size])

    async def read_exactly(self, size: int) -> bytes:
        """Take `size` bytes; raises PeerClosed."""
        await self._fill(size)
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    # ---- writing ----

    def write(self, data: bytes) -> None:
        """Send bytes; what a login sends is small, so nothing waits for the other end to take it."""
        if not self.closed:
            self.transport.write(data)

    # ---- TLS ----

    async def start_tls(
        self,
        context: ssl.SSLContext,
        *,
        server_side: bool,
        host: str | None = None,
        direct: bool = False,
        seconds: float = 10.0,
    ) -> None:
        """Do the TLS handshake; `host` is the name to check and to send (client side).

        With `direct` the bytes already received open the handshake, else there may be none (UnencryptedBytes).
        Raises PeerClosed, ssl.SSLError, OSError and TimeoutError.
        """
        received = bytes(self._buffer)
        if received and not direct:
            raise UnencryptedBytes
        if self.closed:
            raise PeerClosed
        self._buffer.clear()
        loop = asyncio.get_running_loop()
        plain = self.transport
        plain.pause_reading()  # what arrives from here on is for the TLS protocol, which resumes
        starting = loop.create_task(
            loop.start_tls(
                plain,
                self,
                context,
                server_side=server_side,
                server_hostname=host,
                ssl_handshake_timeout=seconds,
                ssl_shutdown_timeout=TLS_SHUTDOWN_SECONDS,
            )
        )
        if received:
            await asyncio.sleep(0)  # start_tls has put its protocol in place and scheduled its start ...
            loop.call_soon(_feed, plain, received)  # ... which therefore runs before this, and reading after it
        try:
            transport = await starting
        finally:
            starting.cancel()
        if transport is None:
            raise PeerClosed
        self._transport = transport
        self._paused = False

    @property
    def ssl_object(self) -> ssl.SSLObject | None:
        """The TLS of this connection, None when it has none."""
        found: ssl.SSLObject | None = self.transport.get_extra_info("ssl_object")
        return found

    # ---- the end ----

    @property
    def address(self) -> str:
        """The other end's IP address; the empty string for a Unix socket."""
        name = self.transport.get_extra_info("peername")
        return str(name[0]) if isinstance(name, tuple) else ""

    def detach(self) -> tuple[asyncio.Transport, bytes]:
        """Give up the transport, reading paused, and the bytes not taken.

        The caller sets his own protocol, handles the bytes and resumes reading. Raises PeerClosed when the other end
        has gone, for the new protocol would never hear of it.
        """
        if self.closed:
            raise PeerClosed
        transport = self.transport
        transport.pause_reading()
        leftover = bytes(self._buffer)
        self._buffer.clear()
        return transport, leftover

    def close(self) -> None:
        """Close after what was written has left."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    async def wait_closed(self) -> None:
        """Wait until the other end has gone, dropping what it sends."""
        with contextlib.suppress(PeerClosed):
            while True:
                await self._fill(1)
                self._buffer.clear()


def _keep_alive(connection: socket.socket | None) -> None:
    """Have the kernel look after a TCP connection; a Unix socket needs none of that."""
    if connection is None or connection.family not in {socket.AF_INET, socket.AF_INET6}:
        return
    with contextlib.suppress(OSError):  # it may have gone already, which its reader notices
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in KEEPALIVE.items():
            if hasattr(socket, name):  # not every platform has all three
                connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _feed(transport: asyncio.Transport, data: bytes) -> None:
    """Hand bytes received in clear to the TLS protocol that now owns the transport."""
    protocol = cast("asyncio.BufferedProtocol", transport.get_protocol())
    while data:
        room = memoryview(protocol.get_buffer(len(data)))
        taken = data[: len(room)]
        room[: len(taken)] = taken
        protocol.buffer_updated(len(taken))
        data = data[len(taken) :]
