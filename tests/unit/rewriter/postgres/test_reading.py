"""Reading: what is refused before the parser, positions, tokens, descriptions."""

from __future__ import annotations

import pytest

from rewriter.model import Refusal
from rewriter.postgres.reading import MAX_TOKENS, character, describe, encode, parse, tokens


@pytest.mark.parametrize(
    ("text", "sqlstate"),
    [("SELECT 1\0", "22021"), ("SELECT '\ud800'", "22021"), ("SELECT " + "x" * 100, "54000")],
)
def test_unfit_text_is_refused_before_parsing(text, sqlstate):
    """NUL, invalid text and oversize never reach the C parser."""
    with pytest.raises(Refusal) as caught:
        encode(text, limit=100)
    assert caught.value.sqlstate == sqlstate
    assert caught.value.hint


def test_too_many_nesting_tokens_are_refused_before_parsing():
    """A chain of operators that could overflow the C stack is counted first."""
    with pytest.raises(Refusal) as caught:
        parse(encode("SELECT 1" + "+1" * (MAX_TOKENS + 1)))
    assert caught.value.sqlstate == "54001"


def test_many_constants_are_not_too_many_tokens():
    """Rows of constants are flat."""
    rows = ", ".join("(1, 2, 3, 4, 5, 6, 7, 8, 9, 'x')" for _ in range(2000))
    assert parse(encode(f"INSERT INTO t VALUES {rows}"))


@pytest.mark.parametrize(
    "text", ["SELECT 1 " + "/**/" * 2000, "SELECT " + "+" * 5000 + "1", "SELECT 1 " + ("=" * 400 + " ") * 100]
)
def test_what_the_lexer_would_read_over_and_over_is_refused(text):
    """A long run of operator signs or comments, which takes the square of its length, never reaches the C parser."""
    with pytest.raises(Refusal, match="long runs"):
        parse(encode(text))


def test_banners_of_comments_are_read():
    """Lines of dashes, stars and equals signs, as scripts have them, are short enough."""
    banner = f"-- {'=' * 120}\n/* {'*' * 120} */\n{'-' * 120}\n"
    assert parse(encode(banner * 100 + "SELECT 1"))


@pytest.mark.parametrize("text", ["SELECT " + "E'',E''," * 30_000 + "1", "SELECT " + ";" * 400_000])
def test_too_many_tokens_of_any_kind_are_refused(text):
    """Constants that are no plain list count, too, for each takes its time; far too many are not even counted."""
    with pytest.raises(Refusal, match="tokens") as caught:
        parse(encode(text))
    assert caught.value.sqlstate == "54001"


@pytest.mark.parametrize("text", ["SELECT " + "(" * 3000 + "1" + ")" * 3000, "SELECT " + "a||" * 3000 + "a"])
def test_deep_nesting_is_refused_or_read(text):
    """Nesting that JSON cannot hold ends in a clean refusal."""
    sqlstate = None
    try:
        parse(encode(text))
    except Refusal as refusal:
        sqlstate = refusal.sqlstate
    assert sqlstate in {None, "54001"}


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1" + "::int" * 100_000,
        "SELECT '" + "x" * 20_000 + "'" + "+1" * 300_000,
        "SELECT " + "'" + "x" * 17_000 + "', " + "+1" * 300_000 + "'" + "x" * 300_000 + "'",
        "SELECT " + "$a$" + "x" * 17_000 + "$a$" + "+1" * 300_000,
        "SELECT " + "a.b" * 100_000,
    ],
)
def test_no_way_of_writing_hides_how_many_tokens_there_are(text):
    """Long strings, tokens without spaces and casts are counted like the rest, before the C parser sees them."""
    with pytest.raises(Refusal, match="tokens") as caught:
        parse(encode(text))
    assert caught.value.sqlstate == "54001"


def test_long_strings_and_comments_are_read():
    """What is one token takes no part in the count, however long, wherever the pieces of the lexer end."""
    for size in (16_000, 16_370, 17_000, 40_000):
        text = f"SELECT 'é{'x' * size}', $a${'y' * size}$a$, \"{'z' * size}\" /* {'c' * size} */, '{size}'\n  'more', E'\\''"
        assert parse(encode(text * 1 + "; SELECT 1, 2" + ", 3" * 10_000))


def test_syntax_error_has_the_parsers_message_and_position_in_characters():
    """A syntax error tells what PostgreSQL would tell."""
    with pytest.raises(Refusal) as caught:
        parse(encode("SELECT 'é', FROM"))
    assert (caught.value.sqlstate, caught.value.message) == ("42601", 'syntax error at or near "FROM"')
    assert caught.value.position == len("SELECT 'é', ") + 1


@pytest.mark.parametrize("padding", [10, 16_380, 50_000])
def test_a_token_that_does_not_end_has_its_position_in_a_long_text(padding):
    """The position of a lexical error counts from the beginning of the text."""
    text = "SELECT 'é', " + "1, " * 10_000 + " " * padding + "'never ended" + " x" * 20_000
    with pytest.raises(Refusal, match="unterminated") as caught:
        parse(encode(text))
    assert caught.value.position == text.index("'never") + 1


def test_tokens_leave_comments_out_and_count_bytes():
    """Tokens are spans of bytes; comments are none."""
    data = "SELECT /* é */ 'é', -- x\n b".encode()
    lexed = tokens(data)
    assert [lexed.word(index) for index in range(len(lexed.starts))] == ["select", "'é'", ",", "b"]
    assert lexed.word(99) == lexed.word(-1) == ""
    assert character(data, lexed.starts[-1]) == "SELECT /* é */ 'é', -- x\n b".index(" b") + 1


def test_token_far_into_a_long_text_is_found():
    """Offsets beyond what one byte of the scanner's answer holds are read right."""
    text = "SELECT " + "1 + " * 5000 + "last"
    lexed = tokens(text.encode())
    assert lexed.word(lexed.at(text.index("last"))) == "last"


def test_offset_inside_a_token_is_a_fault():
    """A position that is no token's start is never edited at."""
    with pytest.raises(Refusal, match="safely"):
        tokens(b"SELECT abc").at(8)


@pytest.mark.parametrize(
    ("text", "kinds", "relations", "names", "catalog"),
    [
        ("SELECT * FROM a JOIN b.c USING (x)", ("SelectStmt",), {(None, "a"), ("b", "c")}, False, False),
        ("BEGIN; DROP TABLE x", ("TransactionStmt", "DropStmt"), set(), True, True),
        ("COMMIT", ("TransactionStmt",), set(), True, False),
        ("SELECT pg_catalog.SET_CONFIG('a', 'b', false)", ("SelectStmt",), set(), True, False),
        ("INSERT INTO t TABLE s", ("InsertStmt",), {(None, "t"), (None, "s")}, False, False),
        ("not sql at all", (), set(), True, True),
        ("", (), set(), False, False),
    ],
)
def test_description_for_callers_who_see_everything(text, kinds, relations, names, catalog):
    """Kinds, names as written and what running it changes; text that does not parse may change anything."""
    described = describe(text)
    assert (described.kinds, set(described.relations)) == (kinds, relations)
    assert (described.changes_names, described.changes_catalog) == (names, catalog)
