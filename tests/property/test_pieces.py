"""Long texts are lexed in pieces: the same tokens as in one, whatever they are made of."""

from __future__ import annotations

from itertools import chain
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from rewriter import reading
from rewriter.model import Refusal

_QUOTED = ("'", "''", '"', "$a$", "E'\\'", "U&'x'", "U&", "b'1'", "'a'", "--x\n", "/*c*/", "/*", "é", "x$y", "a")
_PLAIN = (
    "$1",
    "1",
    "1.5",
    "e1",
    "1_0",
    "0x1F",
    "+",
    "-",
    "<=",
    "::",
    ":=",
    "=>",
    "?",
    "@",
    "\\",
    "{",
    "$",
    ".",
    ";",
    ",",
)
_SPACES = (" ", "\n", "\r", "\f", "\v")


@given(st.lists(st.sampled_from(_QUOTED + _PLAIN + _SPACES), max_size=25))
def test_pieces_hold_the_tokens_of_the_whole(fragments):
    """No token is lost, split or made up where a piece ends, and the number of tokens is never taken for less."""
    data = "".join(fragments).encode()
    whole = _read(lambda: reading._scan(data))
    with patch.object(reading, "_PIECE", 16):
        assert _read(lambda: chain.from_iterable(reading._scan_pieces(data))) == whole
    assert isinstance(whole, tuple) or reading._most_tokens(data) >= len(whole)


def _read(scan):
    """The numbers of the tokens, or the error: its message and its position."""
    try:
        return [number for _, _, number, _ in scan()]
    except Refusal as refusal:
        return refusal.message, refusal.position
