"""The proof: trees are equal but for places in the text, and nothing else passes for equal."""

from __future__ import annotations

import pytest

from rewriter.model import Refusal
from rewriter.postgres.proof import prove, same
from rewriter.postgres.reading import encode, parse

_LIMIT = 10_000


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SELECT a FROM t", "SELECT  a  FROM  t"),
        ("SELECT 1 < 2, a >= b, '<>', 'é'", "SELECT  1 <  2, a  >= b, '<>',  'é'"),
        (r"SELECT E'\b\f\n\r\t\\\x01', '\u003c'", r"SELECT  E'\b\f\n\r\t\\\x01',  '\u003c'"),
        ("SELECT 1; SELECT ARRAY[1, 2], a IN (1, 2)", "SELECT  1; SELECT  ARRAY[1,  2],  a IN  (1, 2)"),
    ],
)
def test_places_in_the_text_make_no_difference(one, other):
    """Spaces move everything, and change nothing."""
    prove(parse(encode(one)), other, _LIMIT)
    assert same(parse(encode(one)), parse(encode(other)))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SELECT a FROM t", "SELECT b FROM t"),
        ("SELECT '<'", r"SELECT '\u003c'"),
        (r"SELECT '\u003c'", "SELECT '<'"),
        (r"SELECT '\<'", r"SELECT '\u003c'"),
        ("""SELECT '"location":5'""", """SELECT '"location":6'"""),
        ("""SELECT '"stmt_len":5,'""", """SELECT '"stmt_len":55,'"""),
        ("SELECT 1", "SELECT 2"),
        ("SELECT 1", "SELECT 1; SELECT 1"),
        ("SELECT 1; SELECT 1", "SELECT 1"),
        ("SELECT 1", ""),
        ("SELECT 1", "SELECT"),
        ("SELECT 1", "not sql"),
    ],
)
def test_whatever_else_differs_is_unproved(one, other):
    """Text in constants that looks like a place, or like another way to write a sign, is text."""
    with pytest.raises(Refusal, match="proved"):
        prove(parse(encode(one)), other, _LIMIT)
