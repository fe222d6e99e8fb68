"""The session machine, played packet by packet: query attributes, large payloads, files."""

from __future__ import annotations

import pytest
from fixtures.mysql_sessions import MODERN, PLAIN, taken

from proxy.mysql.wire import provocations
from proxy.mysql.wire.capabilities import Capability
from proxy.mysql.wire.packets import LARGEST, packet

BOTH = pytest.mark.parametrize("capabilities", [MODERN, PLAIN])


REWRITTEN = """
> query(select phone)
] query(select mask)
< ok
[ ok
= ok 0
> query(select secret)
] provoke
< err(1142,louver: refused)
[ err(1142,denied)
= denied 1142
"""


# ---- query attributes -------------------------------------------------------------------------------------------------


def test_query_attributes_stay(mysql_player) -> None:
    """The text begins behind them; a rewritten one leaves with the same attributes."""
    types = b"\xfd\x00\x02id" + b"\x08\x00\x01n" + b"\x0c\x00\x01d"
    head = b"\x03\x03\x01" + b"\x02\x01" + types + b"\x03abc" + b"\x04\xe7\x07\x01\x02"  # the second is NULL
    player = mysql_player(MODERN | Capability.QUERY_ATTRIBUTES)
    player.client(packet(0, head + b"select phone"))
    assert taken(player.to_server) == [(0, head + b"select mask")]


def test_questions_and_provocations_have_no_attributes(mysql_player) -> None:
    """Which has to be said where they could be."""
    mysql_player(MODERN | Capability.QUERY_ATTRIBUTES).play(REWRITTEN)


@pytest.mark.parametrize(
    "block",
    [
        b"\x01\x01\x00\x01\x06\x00\x01n",  # NULL: MySQL reads a length where the documentation has nothing
        b"\x01\x01\x00\x01\x09\x00\x01n\x0f\0\0\0",  # INT24: the same
        b"\x01\x01\x00\x01\x0d\x00\x01n\x01\0",  # YEAR: the same
        b"\x01\x01\x00\x01\xf4\x00\x01n\x01x",  # BOOL, which MySQL does not know
        b"\x01\x01\x00\x01\x03\x01\x01n\x05\0\0\0",  # a type of two bytes: not LONG, whatever the first says
        b"\x01\x02\x00\x01\xfd\x00\x01n\x01x",  # two sets
        b"\x01\x01\x00\x00\xfd\x00\x01n\x01x",  # without types
        b"\x01\x01\x00\x02\xfd\x00\x01n\x01x",
        b"\x01\x01\x00\x01\xfd\x00\x01n\xfb",  # a text that is NULL without its bit
        b"\xfe\1\0\0\0\1\0\0\0\x01\x00\x01\xfd\x00\x01n\x01x",  # 2^32 + 1 attributes, which MySQL takes for one
    ],
)
def test_attributes_that_the_server_could_read_otherwise(mysql_player, block: bytes) -> None:
    """Another text would run than the one that was ruled (found on MySQL 9.7): the session ends, nothing leaves."""
    player = mysql_player(MODERN | Capability.QUERY_ATTRIBUTES)
    player.client(packet(0, b"\x03" + block + b"\x20select 1 /* hidden from the rewriter */"))
    assert player.violation is not None
    assert player.to_server == b""


def test_attributes_that_are_null_have_no_value(mysql_player) -> None:
    """Of whatever type."""
    player = mysql_player(MODERN | Capability.QUERY_ATTRIBUTES)
    head = b"\x03\x01\x01\x01\x01\x06\x00\x01n"
    player.client(packet(0, head + b"select phone"))
    assert taken(player.to_server) == [(0, head + b"select mask")]


def test_attributes_that_end_early(mysql_player) -> None:
    """What cannot be read is not sent."""
    player = mysql_player(MODERN | Capability.QUERY_ATTRIBUTES)
    player.client(packet(0, b"\x03\x02\x01\x00\x01\xfd\x00"))
    assert player.violation is not None
    assert player.to_server == b""


# ---- large payloads ---------------------------------------------------------------------------------------------------


def test_long_statements_are_refused_when_they_have_come(mysql_player) -> None:
    """The client's last packet has the number behind which it expects its answer."""
    player = mysql_player()
    data = packet(0, b"\x03" + b"x" * LARGEST)
    assert data[LARGEST + 4 + 3] == 1
    for start in range(0, len(data), 1 << 20):
        assert player.to_server == b""
        player.client(data[start : start + (1 << 20)])
    player.play("] provoke")
    player.server(packet(1, b"\xff\x76\x04#42000louver: refused"))
    assert taken(player.to_client) == [(2, provocations.TOO_LONG)]


def test_rows_of_several_packets_pass(mysql_player) -> None:
    """Continuations are no rows, whatever they begin with."""
    player = mysql_player()
    player.client(packet(0, b"\x03q"))
    row = packet(4, b"\xfe" + b"\xfe" * LARGEST)
    answer = packet(1, b"\x01") + packet(2, b"\x03def" + bytes(9)) + row + packet(6, b"\xfe\0\0\2\0\0\0")
    for start in range(0, len(answer), 1 << 20):
        player.server(answer[start : start + (1 << 20)])
    assert player.to_client == answer
    assert player.ended == ["ok 1"]


@pytest.mark.parametrize("size", [LARGEST - 1, LARGEST, LARGEST + 1])
def test_a_row_of_exactly_a_packet(mysql_player, size: int) -> None:
    """One of 2^24 - 1 bytes has an empty packet behind it."""
    player = mysql_player(PLAIN)
    player.client(packet(0, b"\x03q"))
    row = packet(4, b"\xfe" + b"\xff" * (size - 1))
    head = packet(1, b"\x01") + packet(2, b"\x03def" + bytes(9)) + packet(3, b"\xfe\0\0\2\0")
    answer = head + row + packet(7, b"\xfe\0\0\2\0")
    player.server(answer)
    assert (player.to_client == answer, player.ended) == (True, ["ok 1"])


def test_long_data_passes_piecewise(mysql_player) -> None:
    """Behind its head nothing is looked at, and nothing is kept."""
    player = mysql_player()
    player.play("""
    > prepare(insert ?)
    ] prepare(insert ?)
    < prepared(1,0,1) par
    [ prepared(1,0,1) par
    """)
    data = packet(0, b"\x18\1\0\0\0\0\0" + b"x" * LARGEST)
    for start in range(0, len(data), 999_999):
        player.client(data[start : start + 999_999])
        assert player.session.frontend.buffered == 0
    assert player.to_server == data


@pytest.mark.parametrize(("command", "head"), [(b"\x17", b"\0\1\0\0\0\0\1\xfd\0"), (b"\xfa", b"\x80\0\xfd\0")])
def test_executions_of_several_packets_pass_piecewise(mysql_player, command: bytes, head: bytes) -> None:
    """One row or many: the number becomes the server's, behind the types nothing is looked at, and nothing is kept."""
    player = mysql_player()
    player.play("""
    > prepare(insert phone ?)
    ] prepare(insert mask ?)
    < prepared(1,0,1) par
    [ prepared(1,0,1) par
    ! world 2
    > execute(1,s)
    ] close(1) prepare(insert hidden ?)
    < prepared(2,0,1) par
    ] execute(2,s)
    < ok
    [ ok
    """)
    values = b"\0\xfe" + (2 * LARGEST).to_bytes(8, "little") + b"x" * (2 * LARGEST)
    data = packet(0, command + b"\1\0\0\0" + head + values)
    for start in range(0, len(data), 999_999):
        player.client(data[start : start + 999_999])
        assert player.session.frontend.buffered == 0
    assert player.to_server == packet(0, command + b"\2\0\0\0" + head + values)
    player.server(packet(3, b"\0\0\0\2\0\0\0"))
    assert taken(player.to_client) == [(3, b"\0\0\0\2\0\0\0")]


# ---- files --------------------------------------------------------------------------------------------------------------

LOAD = """
> query(load data local infile 'f' into table t)
] query(load data local infile 'f' into table t)
< wants(f)
"""


def test_a_file_passes(mysql_player) -> None:
    """The server asks for it, the client sends it up to an empty packet, the server says how it went."""
    mysql_player().play(
        LOAD
        + """
    [ wants(f)
    > file(abc)
    ] file(abc)
    > file()
    ] file()
    < ok
    [ ok
    = ok 0
    """
    )


def test_the_pieces_of_a_file_are_numbered(mysql_player) -> None:
    """Where the server has stopped reading a file, a packet with the number of a command would be one."""
    for number in (0, 1, 4):
        player = mysql_player()
        player.play(LOAD + "[ wants(f)")
        player.to_server = b""
        player.client(packet(number, b"\x03select secret"))
        assert (player.violation is None, player.to_server) == (False, b"")


def test_an_answer_before_the_end_of_the_file(mysql_player) -> None:
    """The rest of the file would be commands that nobody has ruled."""
    mysql_player().play(LOAD + "[ wants(f)\n> file(abc)\n] file(abc)\n< err(1062,x)\n! violation")


def test_a_file_that_may_not_be_asked_for(mysql_player) -> None:
    """The server gets an empty one, the client an error with the number that it expects."""
    player = mysql_player(files=False)
    player.play(LOAD)
    assert taken(player.to_server) == [(2, b"")]
    player.server(packet(3, b"\0\0\0\2\0\0\0"))
    assert taken(player.to_client) == [(1, provocations.NO_FILE)]
    assert (player.session.quiet, player.ended) == (True, ["denied 3948"])


def test_a_file_that_nobody_has_offered(mysql_player) -> None:
    """A server may not read the client's files by answering any statement with a request for one."""
    player = mysql_player()
    player.play("""
    > query(select 1)
    ] query(select 1)
    < wants(/etc/passwd)
    """)
    assert taken(player.to_server) == [(2, b"")]
    player.server(packet(3, b"\xff\x76\x04#42000no"))
    assert taken(player.to_client) == [(1, provocations.NO_FILE)]
