"""`python -m benchmarks.relay LISTEN HOST PORT`: a relay on Louver's event loop that passes bytes on and looks at nothing.

What a proxy of one process in Python can reach at most: whatever of a ratio it does not reach itself, no proxy on this loop reaches. Ends with SIGTERM.
"""

from __future__ import annotations

import asyncio
import sys

import uvloop


class Side(asyncio.Protocol):
    """One connection; what it receives is written to `other`, from the moment that there is one."""

    def __init__(self, other: asyncio.Transport | None = None) -> None:
        self._other = other

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep it for who asks."""
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]  # a stream's

    def data_received(self, data: bytes) -> None:
        """Pass it on."""
        if self._other is not None:
            self._other.write(data)

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002  asyncio's signature
        """End the other one, too."""
        if self._other is not None:
            self._other.close()

    def join(self, other: asyncio.Transport) -> None:
        """Send to this one from now on."""
        self._other = other
        self.transport.resume_reading()


class Client(Side):
    """A client's side: the way to the server is opened before anything is read."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__()
        self._host, self._port = host, port

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Read nothing until the server is there."""
        super().connection_made(transport)
        self.transport.pause_reading()
        self._opening = asyncio.ensure_future(self._open())

    async def _open(self) -> None:
        try:
            server, _ = await asyncio.get_running_loop().create_connection(
                lambda: Side(self.transport), self._host, self._port
            )
        except OSError:
            self.transport.close()
        else:
            self.join(server)


async def serve(listen: int, host: str, port: int) -> None:
    """Relay from 127.0.0.1:`listen` to the server, for ever."""
    server = await asyncio.get_running_loop().create_server(lambda: Client(host, port), "127.0.0.1", listen)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
