"""The buffered reader and writer of the login, over a transport that only remembers."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import pytest

from proxy.peer import BUFFER_LIMIT, Peer, PeerClosed, UnencryptedBytes
from proxy.postgres.connection import MESSAGE_LIMIT, read_message, read_startup_packet
from proxy.postgres.wire.messages import MalformedMessage, Message


class Remembering(asyncio.Transport):
    """A transport that keeps what it is told."""

    def __init__(self) -> None:
        super().__init__({"peername": ("192.0.2.7", 5000)})
        self.written = b""
        self.reading = True
        self.closing = False

    def write(self, data: Any) -> None:
        """Keep the bytes."""
        self.written += data

    def pause_reading(self) -> None:
        """Remember."""
        self.reading = False

    def resume_reading(self) -> None:
        """Remember."""
        self.reading = True

    def is_closing(self) -> bool:
        """Whether it was closed."""
        return self.closing

    def close(self) -> None:
        """Remember."""
        self.closing = True

    def abort(self) -> None:
        """Remember."""
        self.closing = True


@pytest.fixture
def peer() -> Peer:
    """A connected peer."""
    made = Peer()
    made.connection_made(Remembering())
    return made


async def test_packets_and_messages_are_read_whatever_the_pieces(peer: Peer) -> None:
    """A startup packet and a message arrive byte by byte and are read whole; the rest stays."""

    async def feed() -> None:
        for byte in b"\0\0\0\x08\x04\xd2\x16\x2fp\0\0\0\x07abcrest":
            peer.data_received(bytes((byte,)))
            await asyncio.sleep(0)

    feeding = asyncio.create_task(feed())
    assert await peer.peek(1) == b"\0"
    assert await read_startup_packet(peer) == b"\x04\xd2\x16\x2f"
    assert await read_message(peer) == Message(ord("p"), b"abc")
    await feeding
    assert peer.detach()[1] == b"rest"


@pytest.mark.parametrize("length", [0, 4, 7, 10_001, 0xFFFFFFFF])
async def test_startup_packets_of_impossible_length(peer: Peer, length: int) -> None:
    """A length under 8 or over PostgreSQL's limit is refused before anything is waited for."""
    peer.data_received(length.to_bytes(4, "big"))
    with pytest.raises(MalformedMessage):
        await read_startup_packet(peer)


@pytest.mark.parametrize("length", [0, 3, MESSAGE_LIMIT + 1, 0xFFFFFFFF])
async def test_messages_of_impossible_length(peer: Peer, length: int) -> None:
    """A message of less than its own length, or of more than the limit, is refused."""
    peer.data_received(b"p" + length.to_bytes(4, "big"))
    with pytest.raises(MalformedMessage):
        await read_message(peer)


async def test_reading_pauses_when_nobody_takes_the_bytes(peer: Peer) -> None:
    """Past the limit the transport is paused; taking more than is there resumes it."""
    transport = peer.transport
    assert isinstance(transport, Remembering)
    peer.data_received(b"x" * BUFFER_LIMIT)
    assert not transport.reading
    await peer.read_exactly(BUFFER_LIMIT)
    reading = asyncio.create_task(peer.read_exactly(1))
    await asyncio.sleep(0)
    assert transport.reading
    peer.data_received(b"y")
    assert await reading == b"y"


@pytest.mark.parametrize("end", ["eof", "lost"])
async def test_the_end_wakes_the_reader(peer: Peer, end: str) -> None:
    """A reader that waits learns that the other end has gone, and nothing is written to it any more."""
    reading = asyncio.create_task(peer.read_exactly(1))
    await asyncio.sleep(0)
    if end == "eof":
        assert not peer.eof_received()
    else:
        peer.connection_lost(None)
    with pytest.raises(PeerClosed):
        await reading
    with pytest.raises(PeerClosed):
        peer.detach()
    transport = peer.transport
    assert isinstance(transport, Remembering)
    peer.write(b"late")
    assert transport.written == b""


async def test_bytes_before_the_end_can_still_be_read(peer: Peer) -> None:
    """What came before the end is not lost: a server's last error stands there."""
    peer.data_received(b"E\0\0\0\x05\0")
    peer.eof_received()
    assert await read_message(peer) == Message(ord("E"), b"\0")


async def test_bytes_in_clear_behind_a_request_for_tls(peer: Peer) -> None:
    """TLS does not begin when bytes in clear are there already (CVE-2021-23214)."""
    peer.data_received(b"Q")
    with pytest.raises(UnencryptedBytes):
        await peer.start_tls(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), server_side=True)


def test_detaching_pauses_reading(peer: Peer) -> None:
    """No byte can slip past between the login's protocol and the session's."""
    transport, leftover = peer.detach()
    assert isinstance(transport, Remembering)
    assert not transport.reading
    assert leftover == b""


def test_addresses(peer: Peer) -> None:
    """The address is the IP address; a Unix socket has none."""
    assert peer.address == "192.0.2.7"
    local = Peer()
    transport = Remembering()
    transport._extra = {"peername": ""}
    local.connection_made(transport)
    assert local.address == ""
