"""The strict lexer: tokens under each sql_mode, executable comments, and what is refused."""

from __future__ import annotations

import pytest

from rewriter.model import Refusal
from rewriter.mysql.canonical import canonical
from rewriter.mysql.catalog import Catalog, Flavour
from rewriter.mysql.lexer import lex, unwrap


def server(flavour: Flavour = "mysql", version: tuple[int, int, int] = (8, 4, 3)) -> Catalog:
    return Catalog("def", 1, flavour, version, folds_names=False, tables={})


def texts(text: str, *modes: str) -> list[tuple[str, str]]:
    return [(token.kind, token.text) for token in lex(text, frozenset(modes))]


def test_words_are_upper_and_quoted_names_bare() -> None:
    """Keywords compare in upper case; a quoted name is what it means."""
    assert texts("select `a``b`, @V, @@session.x") == [
        ("word", "SELECT"),
        ("quoted", "a`b"),
        ("operator", ","),
        ("variable", "v"),
        ("operator", ","),
        ("operator", "@@"),
        ("word", "SESSION"),
        ("operator", "."),
        ("word", "X"),
    ]


def test_double_quotes_follow_ansi_quotes() -> None:
    """`"x"` is a string, and a name under ANSI_QUOTES or ANSI."""
    assert texts('"x"')[0][0] == "string"
    assert texts('"x"', "ANSI_QUOTES") == [("quoted", "x")]
    assert texts('"x"', "ANSI") == [("quoted", "x")]


def test_backslashes_follow_no_backslash_escapes() -> None:
    """A backslash before the closing quote keeps the string open, but not under NO_BACKSLASH_ESCAPES."""
    text = r"'\', ssn from emp -- '"
    assert len(texts(text)) == 1
    assert ("word", "SSN") in texts(text, "NO_BACKSLASH_ESCAPES")


def test_bytes_that_are_no_utf8_stand_in_strings_only() -> None:
    """A binary value in a string moves no quote; anywhere else such a byte is refused."""

    def read(text: bytes) -> list[tuple[str, str]]:
        return texts(text.decode(errors="surrogateescape"))

    assert [kind for kind, _ in read(b"select _binary'\xff\xe6\\'', 1, \"\xc3\", '\xf0\x9f'")] == [
        *("word", "word", "string", "operator", "number", "operator", "string", "operator", "string")
    ]
    for text in (
        b"select \xff",
        b"select '\xff', \xff",
        b"select \xff, '\xff'",
        b"select `\xff`",
        b"select 1 /* \xff */",
        b"@\xff",
    ):
        with pytest.raises(Refusal, match="not valid UTF-8") as told:
            read(text)
        assert told.value.sqlstate == "22021"
    with pytest.raises(Refusal, match="not valid UTF-8"):
        lex('select "\udcff"', frozenset({"ANSI_QUOTES"}))


def test_nul_stands_in_strings_only() -> None:
    """A NUL in a string is a character; anywhere else the servers might take it for an end."""
    assert [kind for kind, _ in texts("select 'a\0', '\\\0'")] == ["word", "string", "operator", "string"]
    for text in ("select\0 1", "select 1 # \0\n", "select `a\0`", "select 'a\0' /* \0 */", "select 1\0"):
        with pytest.raises(Refusal, match=r"NUL|cannot stand here"):
            texts(text)


@pytest.mark.parametrize("mode", ["ORACLE", "NO_SUCH_MODE"])
def test_a_mode_that_is_not_known_is_refused(mode: str) -> None:
    """Under a mode that changes the grammar nothing is read."""
    with pytest.raises(Refusal, match=mode):
        lex("select 1", frozenset({mode}))


@pytest.mark.parametrize(
    "text",
    [
        "select 1 /* never closed",
        "select 'never closed",
        "select `never closed",
        "select \0 1",
        "select 1 --\u00a0x, ssn from emp",
        "select\u00a01",
        "select 1\u3000as x",
        "select \u2028 1",
        "select a\u0085b from t",
        "select \\N",
        "select {d '2020-01-01'}",
        "select [1]",
        "select 1 /* a /* b */ */",
        "select t.1a from t",
        "select 1abc",
        "select :x",
        "select \u212aelvin from t",
        "select `\u017fsn` from t",
        "select `\U0001d11e` from t",
        "select @ x",
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(text: str) -> None:
    """Whatever another lexer could cut elsewhere has no tokens here."""
    with pytest.raises(Refusal) as refusal:
        lex(text, frozenset())
    assert refusal.value.sqlstate == "42000"


def test_two_minus_signs_are_a_comment_only_before_a_space() -> None:
    """5--1 is arithmetic; -- and a space begins a comment."""
    assert [t for _, t in texts("5--1")] == ["5", "-", "-", "1"]
    assert [t for _, t in texts("5 -- 1\n+2 # 3\n-- ")] == ["5", "+", "2"]


@pytest.mark.parametrize(
    ("flavour", "version", "text", "expected"),
    [
        ("mysql", (8, 4, 3), "select id /*!50000 , ssn */ from t", "select id  , ssn  from t"),
        ("mysql", (8, 4, 3), "select id /*!80403 , a */ from t", "select id  , a  from t"),
        ("mysql", (8, 4, 3), "select id /*!80404 , a */ from t", "select id  from t"),
        ("mysql", (8, 4, 3), "select id/*!99999 , a */from t", "select id from t"),
        ("mysql", (8, 4, 3), "select id/*!,a*/from t", "select id,a from t"),
        ("mysql", (8, 4, 3), "select id /*M! , a */ from t", "select id  from t"),
        ("mariadb", (10, 11, 19), "select id /*M! , a */ from t", "select id  , a  from t"),
        ("mariadb", (10, 11, 19), "select id /*!50701 , a */ from t", "select id  from t"),
        ("mariadb", (10, 11, 19), "select id /*M!101100 , a */ from t", "select id  , a  from t"),
        ("mariadb", (10, 11, 19), "select id /*!100100 , a */ from t", "select id  , a  from t"),
        ("mariadb", (10, 11, 19), "select id /*M!110100 , a */ from t", "select id  from t"),
        ("mysql", (8, 4, 3), "select '/*!50000 x */', `/*!` from t", "select '/*!50000 x */', `/*!` from t"),
    ],
)
def test_executable_comments_become_what_the_server_runs(
    flavour: Flavour, version: tuple[int, int, int], text: str, expected: str
) -> None:
    """The marks of a comment that runs go; one that does not run goes whole."""
    assert unwrap(text, frozenset(), server(flavour, version))[0] == expected


@pytest.mark.parametrize(
    "text",
    [
        "select /*!50000 1",
        "select /*! 1 /* 2 */ */",
        "select /*!500 1 */",
        "select /*!99999 1",
        "select /*!5000000 1 */",
    ],
)
def test_executable_comments_that_are_odd_are_refused(text: str) -> None:
    """What versions read differently is refused."""
    with pytest.raises(Refusal):
        unwrap(text, frozenset(), server())


def test_the_copy_for_the_parser_has_the_same_places() -> None:
    """Comments, quotes and backslashes change, lengths do not."""
    text = "replace into t /* c */ values (\"a`b\", @`x y`, 'it\\'s', .5, 5--1) -- end"
    plain = canonical(text, lex(text, frozenset()), frozenset())
    assert len(plain) == len(text)
    assert plain.startswith("INSERT  into t         values")
    modes = frozenset({"ANSI_QUOTES", "NO_BACKSLASH_ESCAPES"})
    text = "select \"a\", '\\'"
    assert canonical(text, lex(text, modes), modes) == "select `a`, '_'"
