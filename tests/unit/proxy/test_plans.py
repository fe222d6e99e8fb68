"""Shapes of statements: equal only where the tokens are, literals apart; plans found again for a shape."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from postgast import scan

from audit.record import Judgement
from policies.model import Decision
from proxy.plans import Plan, PlanCache, Ruling, Tally
from proxy.shapes import edited_parts, fill, shape_of, split
from rewriter.model import Edit

JUDGEMENT = Judgement((), "text", None, (), (), "pass", "", 0)


def plan(epoch: int = 1) -> Plan:
    """A plan, unlike any other."""
    return Plan("pass", epoch, Decision("", {}, {}), JUDGEMENT)


# What SQL is made of, with everything that has a lexing of its own.
PIECES = [
    *("select", "from", "t", "E", "e", "U&", "u&", "N", "B", "X", "x", "as", "phone", "_a1"),
    *("1", "0", "12", "1.5", ".5", "5.", "1e5", "0x1f", "1_000", "$1", "$12", "$$", "$a$", "1a"),
    *("'", "''", "'a'", "'b'", "'1'", "'a''b'", "'\\'", "\\", '"', '"a"', '"1"', '"a\'b"', "'a\"b'"),
    *("--", "/*", "*/", "-", "+", "/", "*", ".", "..", ",", "(", ")", ";", ":", "::", "&", "@", "?", "[", "]", "="),
    *(" ", "\n", "\t", "\r", "\v", "\f", "\u00a0", "\u00e9", "\u4e2d", "\u2019", "\u2028"),
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=14).map("".join).map(str.encode)
LITERALS = {"SCONST": "'", "ICONST": "1", "FCONST": "1"}


def tokens(text: bytes) -> list[tuple[str, bytes]] | None:
    """PostgreSQL's own tokens, literals without their values; None when it does not lex."""
    try:
        scanned = scan(text.decode()).tokens
    except Exception:  # noqa: BLE001  whatever the scanner says, there are no tokens
        return None
    found = []
    for token in scanned:
        name = type(token).DESCRIPTOR.fields_by_name["token"].enum_type.values_by_number[token.token].name
        piece = text[token.start : token.end]
        found.append((name, b"") if name in LITERALS and piece[:1] in b"'0123456789" else (name, piece))
    return [(LITERALS.get(name, name), piece) for name, piece in found]


def vary(text: bytes, draw: st.DrawFn) -> bytes:
    """The text with other values in what looks like a literal, as a client would vary it."""
    values = {
        b"'": ["''", "'b'", "'--'", "'/*'", "'$$'", "'\"'", "'a\nb'", "'\u00e9'", "'1'", "'\\'", "'a''b'", "E'x'"],
        b"1": ["0", "99999999999999999999", "1.5", "2.25", "007", "1.", "1e3", "1a", "-1", "0x2"],
    }
    pieces = re.split(rb"('[^']*'|[0-9]+(?:\.[0-9]+)?)", text)
    for index in range(1, len(pieces), 2):
        pieces[index] = draw(st.sampled_from(values[b"'" if pieces[index][:1] == b"'" else b"1"])).encode()
    return b"".join(pieces)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """A text and another that may share its shape."""
    text = draw(TEXTS)
    return text, draw(st.one_of(st.just(vary(text, draw)), TEXTS))


@given(pairs())
@example((b"select 'a' 'b'", b"select 'a''b'"))
@example((b"select '1' from t", b"select E'1' from t"))
@example((b"select 1 from t", b"select 1e5 from t"))
@example((b"select 'a'\n'b'", b"select ''\n'/*'"))
@example((b"select 1-1", b"select 1--1"))
@example((b"select 1 --'a'", b"select 1 --'\n, phone from customers --'"))
@example((b"select 'a' x", b"select '\\' x"))
@settings(max_examples=3000, deadline=None)
def test_a_hit_never_crosses_shapes(pair: tuple[bytes, bytes]) -> None:
    """A text finds the plan kept for another only when PostgreSQL lexes both alike, the values of literals apart."""
    kept, asked = pair
    cache = PlanCache()
    cache.keep(kept, Ruling(plan()), (), literal_free=True)
    if cache.find(asked) is not None and asked != kept:
        assert b"\\" not in asked
        assert tokens(asked) is not None
        assert tokens(asked) == tokens(kept)


PLAIN = [
    "select",
    "from",
    "t",
    "where",
    "a",
    "=",
    ",",
    " ",
    "\n",
    "(",
    ")",
    "-",
    "*",
    "1",
    "25",
    "3.5",
    "'a'",
    "''",
    "$1",
]


@st.composite
def variants(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """A text of plain pieces and the same with other literals."""
    pieces = draw(st.lists(st.sampled_from(PLAIN), min_size=1, max_size=14))
    other = {"1": "77", "25": "0", "3.5": "10", "'a'": "'x -- y'", "''": "'\n\u00e9\"'"}
    return "".join(pieces).encode(), "".join(other.get(piece, piece) for piece in pieces).encode()


@given(variants())
@settings(max_examples=500, deadline=None)
def test_a_shape_hit_fills_in_the_literals_of_the_text_at_hand(pair: tuple[bytes, bytes]) -> None:
    """What leaves for a hit is the edited text with the asker's own literals, never those of the text that was ruled."""
    kept, asked = pair
    cache = PlanCache()
    cache.keep(kept, Ruling(plan(), b"<" + kept), [Edit(0, 0, "<")], literal_free=True)
    found = cache.find(asked)
    if found is not None:
        assert found.text == b"<" + asked


def test_hits_do_happen() -> None:
    """The property above is not empty: what drivers and pgbench send shares its shape."""
    cache = PlanCache()
    cache.keep(b"SELECT a FROM t WHERE id = 1 AND n = 'x';", Ruling(plan()), (), literal_free=True)
    assert cache.find(b"SELECT a FROM t WHERE id = 99999 AND n = 'it -- is';") is not None
    assert cache.find(b"SELECT a FROM t WHERE id = 'x' AND n = 1;") is None
    assert cache.find(b"SELECT a FROM t WHERE id = 1 AND n = 'x'") is None


@pytest.mark.parametrize(
    "text",
    [
        "select E'a'", "select U&'a'", "select N'a'", "select B'1'", "select X'f'", "select $$a$$ , 1", "select $q$1$q$",
        "select 1 -- c", "select /* c */ 1", "select 'a\\'", "select 'a''b'", "select '\u00e9'", 'select "a\'b", 1',
        'select "1", 1', "select 1.", "select .5", "select 1e5", "select 0x1f", "select 1_000", "select 1a", "select '\x7f'",
        "select 'a\tb'", "select \u00e9, 1", "select 1\u00a0", "select a$1, 1", 'select U&"d", 1', "select 'a'b", "select 1'a'",
        "select &'a'", "select 'unclosed", 'select "unclosed 1', "select 1\x0b", "select $1'a'", "select 'a''", "select a.1",
    ],
)  # fmt: skip
def test_texts_whose_lexing_is_in_doubt_have_no_shape(text: str) -> None:
    """What has prefixes, comments, escapes, odd numbers or other than ASCII is remembered by its very text only."""
    assert shape_of(text.encode()) is None
    cache = PlanCache()
    ruling = Ruling(plan())
    cache.keep(text.encode(), ruling, (), literal_free=True)
    assert cache.find(text.encode()) is ruling
    assert cache.find(text.encode() + b" ") is None


def test_a_text_with_a_nul_has_no_shape() -> None:
    """Keys are put together with it: a text that holds one could be another's key."""
    cache = PlanCache()
    cache.keep(b"select 1", Ruling(plan()), (), literal_free=True)
    for text in (b"select \0\0n", b"select \0", b"select 1\0", b"select \0n1"):
        assert cache.find(text) is None


LITERAL = re.compile(rb"('[^']*'|(?<![\w$])[0-9]+(?:\.[0-9]+)?)")


@given(st.one_of(TEXTS, st.text("'a_$0195. \xe9").map(str.encode)))
def test_texts_are_split_around_their_literals(text: bytes) -> None:
    """As a regular expression says it more slowly."""
    parts, literals = split(text)
    assert [parts, literals] == [LITERAL.split(text)[0::2], LITERAL.split(text)[1::2]]


@given(st.lists(st.binary(max_size=5), min_size=1, max_size=6), st.data())
def test_fill_puts_literals_between_the_parts(parts: list[bytes], data: st.DataObject) -> None:
    """Parts and literals alternate, beginning and ending with a part."""
    size = len(parts) - 1
    literals = data.draw(st.lists(st.binary(max_size=5), min_size=size, max_size=size))
    expected = b"".join(part + literal for part, literal in zip(parts, [*literals, b""], strict=True))
    assert fill(parts, literals) == expected


@st.composite
def edited(draw: st.DrawFn) -> tuple[str, list[Edit]]:
    """A text with literals and edits of it that do not overlap."""
    text = draw(st.sampled_from(["select a, 1 from t where b = 'x' and c = 2", "1 x 'y'", "f(1,2,'z')"]))
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=6)))
    spans = list(zip(cuts[::2], cuts[1::2], strict=False))
    return text, [Edit(start, end, draw(st.sampled_from(["", "(view)", "x.y"]))) for start, end in spans]


@given(edited())
@settings(max_examples=500)
def test_edits_of_parts_are_the_edits_of_the_text(case: tuple[str, list[Edit]]) -> None:
    """Editing the parts and filling in the literals is editing the text; an edit of a literal gives no parts."""
    text, edits = case
    expected, position = "", 0
    for edit in edits:
        expected += text[position : edit.start] + edit.replacement
        position = edit.end
    expected += text[position:]
    shape = shape_of(text.encode())
    assert shape is not None
    parts = edited_parts(shape, edits)
    if parts is not None:
        assert fill(parts, shape.literals).decode() == expected
        assert len(parts) == len(shape.parts)
    if not any(re.search(r"['0-9]", text[edit.start : edit.end]) for edit in edits) and not any(
        text[edit.start : edit.end] == "" for edit in edits
    ):
        touching = [e for e in edits if inside_literal(text, e)]
        assert (parts is None) == bool(touching)


def inside_literal(text: str, edit: Edit) -> bool:
    """Whether an edit lies within or reaches over a literal."""
    return any(found.start() < edit.end and edit.start < found.end() for found in re.finditer(r"'[^']*'|[0-9]+", text))


def test_a_literal_that_mattered_keeps_the_very_text() -> None:
    """A ruling that looked at a literal is found for that text alone."""
    cache = PlanCache()
    cache.keep(b"select current_setting('a')", Ruling(plan()), (), literal_free=False)
    assert cache.find(b"select current_setting('a')") is not None
    assert cache.find(b"select current_setting('b')") is None


def test_the_cache_is_bounded() -> None:
    """Past the limit the older half is forgotten, of texts and of shapes."""
    cache = PlanCache(limit=10)
    for number in range(100):
        cache.keep(b"select a%d" % number, Ruling(plan()), (), literal_free=True)
        cache.keep(b"select b%d, 1" % number, Ruling(plan()), (), literal_free=True)
    assert len(cache._texts) <= 10
    assert len(cache._shapes) <= 10
    assert cache.find(b"select a99") is not None
    assert cache.find(b"select b99, 7") is not None
    assert cache.find(b"select a0") is None


def test_the_memory_of_texts_is_bounded() -> None:
    """Past so many bytes the older half is forgotten, and what is too long to come again is not kept at all."""
    cache = PlanCache(memory=10_000)
    for number in range(100):
        cache.keep(b"select a%d" % number + b" " * 1000, Ruling(plan()), literal_free=False)
    assert 2 <= len(cache._texts) <= 20
    assert cache.find(b"select a99" + b" " * 1000) is not None
    cache.keep(b"select " + b"x" * 40_000, Ruling(plan()), literal_free=False)
    assert cache.find(b"select " + b"x" * 40_000) is None


def test_what_is_found_is_counted() -> None:
    """By text, by shape, or not at all; several caches may share a tally."""
    tally = Tally()
    assert str(tally) == "no statement yet"
    one, other = PlanCache(tally=tally), PlanCache(tally=tally)
    one.keep(b"select a", Ruling(plan()), literal_free=True)
    other.keep(b"select a where b = 1", Ruling(plan()), literal_free=True)
    one.find(b"select a")
    other.find(b"select a where b = 2")
    one.find(b"select a where b = 2")
    one.find(b"select " + b"a" * 40_000)
    assert (tally.texts, tally.shapes, tally.misses) == (1, 1, 2)
    assert str(tally) == "4 statements, 50.0 % found: 1 by text, 1 by shape"
