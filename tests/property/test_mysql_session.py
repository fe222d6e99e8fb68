"""Whatever bytes arrive, a MySQL session raises a protocol violation or nothing; and it does not matter where they are cut."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fixtures.mysql_sessions import MODERN, PLAIN
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.mysql.wire import packets
from proxy.mysql.wire.capabilities import Capability

COMMANDS = [1, 2, 3, 4, 9, 0x0C, 0x0E, 0x11, 0x16, 0x17, 0x18, 0x19, 0x1A, 0x1B, 0x1C, 0x1F, 0xFA, 0x7F]
SAID = [
    b"\0\0\0\2\0\0\0",
    b"\0\0\0\x0a\0\0\0",
    b"\0\0\0\2\x40\0\0\0\6\1\4\3app",
    b"\xfe\0\0\2\0",
    b"\xfe\0\0\x0a\0",
    b"\xfe\0\0\2\0\0\0",
    b"\xfe\0\0\x42\0\0\0",
    b"\1",
    b"\2",
    b"\x03def" + bytes(9),
    b"\3abc",
    b"\xff\x76\x04#42000no",
    b"\xfbfile",
    b"\0\1\0\0\0\1\0\1\0\0\0\0",
    b"\0\2\0\0\0\0\0\0\0\0\0\0",
]
SETS = st.sampled_from(
    [MODERN, PLAIN, MODERN | Capability.QUERY_ATTRIBUTES, PLAIN | Capability.MARIADB_STMT_BULK_OPERATIONS]
)


def wrapped(payload: bytes, sequence: int, lie: int) -> bytes:
    """A packet, whose length may be a lie."""
    size = len(payload) if lie < 0 else lie
    return size.to_bytes(3, "little") + bytes([sequence]) + payload


LIE = st.sampled_from([-1] * 12 + [0, 3, 200, 0xFFFFFF])
NUMBERED = st.sampled_from([b"", b"\1\0\0\0", b"\2\0\0\0", b"\xff\xff\xff\xff"])
CLIENT = st.builds(
    lambda command, number, rest, sequence, lie: wrapped(bytes([command]) + number + rest, sequence, lie),
    st.sampled_from(COMMANDS),
    NUMBERED,
    st.sampled_from([b"", b"\0\1\0\0\0\1\1\3\0", b"\0\1\0\0\0\1\0", b"phone", b"secret", b"load local"])
    | st.binary(max_size=20),
    st.sampled_from([0, 0, 0, 0, 0, 2]),
    LIE,
)
SERVER = st.builds(
    wrapped, st.sampled_from(SAID) | st.sampled_from(SAID) | st.binary(max_size=30), st.integers(1, 3), LIE
)
STEPS = st.lists(
    st.tuples(st.just("client"), CLIENT)
    | st.tuples(st.just("server"), SERVER)
    | st.tuples(st.sampled_from(["client", "server"]), st.binary(max_size=30)),
    max_size=25,
)


@given(STEPS, SETS)
@settings(max_examples=400)
def test_garbage_is_a_protocol_violation(
    mysql_player: Callable[..., Any], steps: list[tuple[str, bytes]], capabilities: Capability
) -> None:
    """Known and unknown packets with any payload, in any order: no other exception, and nothing after a violation."""
    played = mysql_player(capabilities)
    for side, data in steps:
        getattr(played, side)(data)
    repr(played.session)


@given(STEPS, SETS)
@settings(max_examples=300)
def test_cuts_do_not_matter(
    mysql_player: Callable[..., Any], steps: list[tuple[str, bytes]], capabilities: Capability
) -> None:
    """Byte by byte or whole: both sides get the same, and the same is recorded, up to a violation."""
    whole = mysql_player(capabilities)
    cut = mysql_player(capabilities, split=lambda data: [data[i : i + 1] for i in range(len(data))])
    for side, data in steps:
        getattr(whole, side)(data)
        getattr(cut, side)(data)
    assert (whole.violation is None) == (cut.violation is None)
    if whole.violation is None:
        assert whole.to_server == cut.to_server
        assert whole.to_client == cut.to_client
        assert (whole.started, whole.ended) == (cut.started, cut.ended)
        assert repr(whole.session) == repr(cut.session)


@given(STEPS, SETS)
@settings(max_examples=300)
def test_what_is_secret_never_leaves(
    mysql_player: Callable[..., Any], steps: list[tuple[str, bytes]], capabilities: Capability
) -> None:
    """A text that is denied, or that had to be changed, does not reach the server in any packet that carries SQL."""
    played = mysql_player(capabilities)
    for side, data in steps:
        getattr(played, side)(data)
    splitter = packets.Packets(1 << 25)
    for _, payload in splitter.receive(played.to_server):
        if payload[:1] in {b"\x03", b"\x16"}:
            assert b"secret" not in payload
            assert b"phone" not in payload
