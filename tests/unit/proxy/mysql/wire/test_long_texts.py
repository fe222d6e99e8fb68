"""The session machine, played packet by packet: texts of several packets."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest
from fixtures.mysql_sessions import DENIED, MODERN, taken

from proxy.mysql.wire import provocations
from proxy.mysql.wire.capabilities import Capability
from proxy.mysql.wire.packets import HEADER_SIZE, LARGEST, packet

if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT = 3 * LARGEST
OK = b"\0\0\0\2\0\0\0"
FAILED = b"\xff\x76\x04#42000louver: refused"


def text_of(size: int, word: bytes = b"") -> bytes:
    """A text of `size` bytes that ends with a word."""
    return b"x" * (size - len(word) - 1) + b" " + word


def around_headers(data: bytes) -> list[bytes]:
    """The data, cut at each byte of a packet's header and behind it, and once within its payload."""
    places = {0, len(data)}
    start = 0
    while start < len(data):
        size = int.from_bytes(data[start : start + 3], "little")
        places |= {min(start + number, len(data)) for number in range(HEADER_SIZE + 2)} | {start + size // 2}
        start += HEADER_SIZE + size
    cuts = sorted(places)
    return [data[begin:end] for begin, end in itertools.pairwise(cuts)]


@pytest.mark.parametrize("split", [lambda data: [data], around_headers])
@pytest.mark.parametrize("size", [LARGEST, LARGEST + 1, 2 * LARGEST])
def test_a_text_of_several_packets_is_ruled_and_passes(
    mysql_player: Callable[..., Any], size: int, split: Callable[[bytes], list[bytes]]
) -> None:
    """It leaves as it came, once it has all come; what its client sends behind it waits for its answer."""
    player = mysql_player(split=split, limit=LIMIT)
    text = text_of(size - 1)
    data = packet(0, b"\x03" + text)
    player.client(data[:-1])
    assert (player.to_server, player.session.next_statement()) == (b"", None)
    player.client(data[-1:] + packet(0, b"\x0e"))
    assert player.to_server == data
    player.to_server = b""
    answer = packet(data[-1 - size % LARGEST] + 1, OK)
    player.server(answer)
    assert (player.to_client, player.to_server) == (answer, packet(0, b"\x0e"))
    assert player.ended == ["ok 0"]


def test_a_text_of_several_packets_is_not_kept(mysql_player: Callable[..., Any]) -> None:
    """While it is gathered it counts as held back, and afterwards not."""
    player = mysql_player(limit=LIMIT)
    data = packet(0, b"\x03" + text_of(LARGEST + 10))
    player.client(data[:-1])
    assert player.session.frontend.buffered >= LARGEST
    player.holding = True
    player.client(data[-1:])
    assert player.session.frontend.buffered >= LARGEST
    player.do("rule")
    assert player.session.frontend.buffered == 0


def test_one_over_the_limit_is_refused_when_it_has_come(mysql_player: Callable[..., Any]) -> None:
    """From the packet on that passes the limit nothing is kept; the answer has the number that the client waits for."""
    player = mysql_player(limit=LARGEST + 100)
    data = packet(0, b"\x03" + text_of(3 * LARGEST, b"secret"))
    player.client(data[: LARGEST + HEADER_SIZE])
    player.client(data[LARGEST + HEADER_SIZE : LARGEST + 2 * HEADER_SIZE])
    assert player.session.frontend.buffered < HEADER_SIZE
    player.client(data[LARGEST + 2 * HEADER_SIZE : -1])
    assert player.to_server == b""
    player.client(data[-1:])
    player.play("] provoke")
    player.server(packet(1, FAILED))
    assert taken(player.to_client) == [(4, provocations.TOO_LONG)]
    assert player.ended == ["denied 1153"]
    player.to_client, player.ended, player.expected = b"", [], 1
    player.play("> ping\n] ping\n< ok\n[ ok")


@pytest.mark.parametrize("number", [0, 2, 0xFF])
def test_the_packets_of_a_text_are_numbered(mysql_player: Callable[..., Any], number: int) -> None:
    """The server would not take them for one text."""
    player = mysql_player(limit=LIMIT)
    player.client(packet(0, b"\x03" + text_of(LARGEST - 1))[:-HEADER_SIZE] + packet(number, b"rest"))
    assert player.violation is not None
    assert player.to_server == b""


def test_a_denied_text_of_several_packets(mysql_player: Callable[..., Any]) -> None:
    """Nothing of it leaves, and the error follows the client's last packet."""
    player = mysql_player(limit=LIMIT)
    player.client(packet(0, b"\x03" + text_of(LARGEST + 5, b"secret")))
    player.play("] provoke")
    player.server(packet(1, FAILED))
    assert taken(player.to_client) == [(2, DENIED)]


def test_the_session_ends_while_a_text_of_several_packets_waits(mysql_player: Callable[..., Any]) -> None:
    """The farewell is the answer to it."""
    player = mysql_player(limit=LIMIT)
    player.holding = True
    player.client(packet(0, b"\x03" + text_of(LARGEST + 5)))
    assert player.session.farewell(b"bye") == packet(2, b"bye")


@pytest.mark.parametrize("attributes", [b"", b"\x00\x01"])
def test_a_rewritten_text_of_several_packets(mysql_player: Callable[..., Any], attributes: bytes) -> None:
    """It leaves in as many packets as the client has sent."""
    player = mysql_player(MODERN | (Capability.QUERY_ATTRIBUTES if attributes else 0), limit=LIMIT)
    head = b"\x03" + attributes
    player.client(packet(0, head + text_of(LARGEST + 20, b"phone")))
    assert player.to_server == packet(0, head + text_of(LARGEST + 19, b"mask"))


def test_a_rewritten_text_of_fewer_packets(mysql_player: Callable[..., Any]) -> None:
    """The answer would have other numbers than the client waits for."""
    player = mysql_player(limit=LIMIT)
    player.client(packet(0, b"\x03" + text_of(LARGEST - 1, b"phone")))
    player.play("] provoke")
    player.server(packet(1, FAILED))
    assert taken(player.to_client) == [(2, provocations.OTHER_PACKETS)]


@pytest.mark.parametrize("size", [2 * LARGEST - 1, 2 * LARGEST])
def test_preparing_a_text_of_several_packets(mysql_player: Callable[..., Any], size: int) -> None:
    """It is prepared as it came, and anew, behind the client's back, when another text has to run."""
    player = mysql_player(limit=LIMIT)
    player.client(packet(0, b"\x16" + text_of(size, b"phone")))
    if size == 2 * LARGEST - 1:
        player.play("] provoke")
        player.server(packet(1, FAILED))
        assert taken(player.to_client) == [(3, provocations.OTHER_PACKETS)]
        return
    assert player.to_server == packet(0, b"\x16" + text_of(size - 1, b"mask"))
    player.server(packet(3, b"\0\1\0\0\0\0\0\0\0\0\0\0"))
    player.to_server = player.to_client = b""
    player.do("world", "2")
    player.play("> execute(1)")
    again = packet(0, b"\x19\1\0\0\0") + packet(0, b"\x16" + text_of(size + 1, b"hidden"))
    assert player.to_server == again
    player.to_server = b""
    player.server(packet(3, b"\0\2\0\0\0\0\0\0\0\0\0\0"))
    player.play("] execute(2)\n< ok\n[ ok\n= ok 0")


def test_other_commands_of_several_packets_are_not_gathered(mysql_player: Callable[..., Any]) -> None:
    """A name of 16 MiB is none."""
    player = mysql_player(limit=LIMIT)
    player.client(packet(0, b"\x02" + b"x" * LARGEST)[:-HEADER_SIZE])
    assert player.session.frontend.buffered < HEADER_SIZE


def test_the_texts_of_prepared_statements_are_bounded(mysql_player: Callable[..., Any]) -> None:
    """Two of the greatest length may be kept; one that is closed makes room, and so does a reset."""
    player = mysql_player(limit=100)
    text = "x" * 98

    def prepare(number: int) -> None:
        player.play(f"""
        > prepare({text})
        ] prepare({text})
        < prepared({number},0,0)
        [ prepared({number},0,0)
        """)

    refused = f"""
    > prepare({text})
    ] provoke
    < err(1142,louver: refused)
    [ err(1461,{provocations.TOO_MANY_TEXTS[9:].decode()})
    = denied 1461
    """
    prepare(1)
    prepare(2)
    player.play(refused)
    player.play("> close(1)\n] close(1)")
    prepare(3)
    player.play(refused)
    player.play("> renew\n] renew\n< ok\n[ ok")
    prepare(4)
