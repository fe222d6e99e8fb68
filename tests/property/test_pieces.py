"""Long texts are lexed in pieces: the same tokens as in one, whatever they are made of."""

from __future__ import annotations

from itertools import chain
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from rewriter.model import Refusal
from rewriter.postgres import reading

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
    whole = _read(lambda: reading._unparted(data))
    with patch.object(reading, "_PIECE", 16):
        assert _read(lambda: chain.from_iterable(reading._scan_pieces(data))) == whole
    assert isinstance(whole, tuple) or reading._most_tokens(data) >= len(whole)


@given(st.lists(st.sampled_from(_QUOTED + _PLAIN + _SPACES), max_size=60), st.integers(0, 20_000))
def test_tokens_are_counted_as_they_are_taken_apart(fragments, before):
    """What nests is counted alike in the lexer's answer as it comes and token by token, wherever the tokens stand."""
    data = b" " * before + "".join(fragments).encode()
    try:
        found = reading._unparted(data)
    except Refusal:
        return
    together = b"".join(found)
    flat = sum(together.count(mark) for mark in reading._NOT_NESTING)
    parted = [reading._token_at(token, 0) for token in found]
    assert flat == sum(number in reading._FLAT | reading._COMMENTS for _, _, number, _ in parted)
    starts = [start for start, _, number, _ in parted if number not in reading._COMMENTS]
    assert starts == reading.tokens(data).starts


def _read(scan):
    """The numbers of the tokens, or the error: its message and its position."""
    try:
        return [reading._token_at(token, 0)[2] for token in scan()]
    except Refusal as refusal:
        return refusal.message, refusal.position
