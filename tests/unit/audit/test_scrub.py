import re
import string
import time

import postgast
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from audit.scrub import LIMIT, scrub

KEPT = [
    ("SELECT a, \"Phone\" FROM t WHERE b = 'x'", 'SELECT a, "Phone" FROM t WHERE b = ?'),
    ("SELECT 1, 1.5, .5, 1e10, 1.5E-3, 0x1F, 1_000, 1.", "SELECT ?, ?, ?, ?, ?, ?, ?, ?"),
    ("SELECT 1-2, 1+2, 1e5+3, t1.c2, x1e5", "SELECT ?-?, ?+?, ?+?, t1.c2, x1e5"),
    ("WHERE a = $1 AND b = $23::int", "WHERE a = $1 AND b = $23::int"),
    ("E'a\\'b' , e'x''y'", "? , ?"),
    ("U&'\\0061' UESCAPE '!' , N'a', B'01', x'1F'", "? UESCAPE ? , ?, ?, ?"),
    ("$$a'b$$ || $tag$x $$ y$tag$", "? || ?"),
    ("foo$$bar$$ = 'x'", "foo$$bar$$ = ?"),
    ("1$$secret$$", "??"),
    ("'it''s' 'b'", "? ?"),
    ("E'a'\n'b\\'c'", "?"),
    ("E'a' --x\n --y\n 'b\\'c' d", "? d"),
    ("a -- 4111\nb /* 138 /* 139 */ ' */ c", "a --?\nb /*?*/ c"),
    ("a+/* x */-b", "a+/*?*/-b"),
    ("date'2020-01-01' + interval '1 day'", "date? + interval ?"),
    ("a::varchar(20)[1] @> b #>> c", "a::varchar(?)[?] @> b #>> c"),
    ('"13800138000", "987-65-4320", "a@b.cn", U&"\\0061", "客户", "x_1"', '"?", "?", "?", "?", "客户", "x_1"'),
    ("SELECT 姓名 FROM 客户 WHERE 年龄 > \uff11\uff18", "SELECT 姓名 FROM 客户 WHERE 年龄 > ?"),
    ("", ""),
]
DOUBTED = [
    "SELECT 'abc", "SELECT E'abc\\'", "$$abc", "$a$ abc $b$", "/* /* */", '"abc', "'abc\\'", "'a\\''b'",
    "WHERE name = 'O'Brien'", "'O'Brien' AND x = 'y'", "a = \u2019张三\u2019", "a = `b` \\ c", "{ts}", "$1abc", "$123456",
    "a\u00a0b", "a \x00 b", "E'a'b", "\u201cx\u201d",
]  # fmt: skip

KEPT_ON_MYSQL = [
    ("SELECT a FROM `t` WHERE b = \"alice\" AND c = 'x'", "SELECT a FROM `t` WHERE b = ? AND c = ?"),
    ('"it\'s" "a""b"', "? ?"),
    ("a # it's 'x'\nb -- it's\nc", "a -- ?\nb -- ?\nc"),
    ("a -- x\ry\nb", "a -- ?\nb"),
    ("SELECT 5--5, 'x'", "SELECT ?--?, ?"),
    ("a /* /* */ b", "a /*?*/ b"),
    ("a /*!50000 , 'x' */ /*M! y */", "a /*!?*/ /*!?*/"),
    ("`13800138000`, `a#b`, `a-b`, `客户`, `a``b`", "`?`, `?`, `?`, `客户`, `?`"),
    ("_utf8'x', N'x', x'1F', @a, @@b, a$b", "_utf8?, ?, ?, @a, @@b, a$b"),
    ("e'x'", "e?"),
]
DOUBTED_ON_MYSQL = ['"a\\"b"', '"abc', "'a\\'b'", "`abc", "/* x", "$$ x $$", '"O"Brien"']


@pytest.mark.parametrize(("text", "expected"), KEPT_ON_MYSQL)
def test_mysql_has_other_quotes_and_comments(text, expected):
    """Double quotes hold strings there, `#` begins a comment, and comments do not nest."""
    assert scrub(text, family="mysql") == expected


@pytest.mark.parametrize("text", DOUBTED_ON_MYSQL)
def test_a_text_in_doubt_goes_on_mysql(text):
    """A backslash may or may not escape, and what does not end may be anything."""
    assert scrub(text, family="mysql").startswith("<not kept: ")


@pytest.mark.parametrize(("text", "expected"), KEPT)
def test_literals_go_and_the_rest_stays(text, expected):
    """Each kind of literal becomes a question mark and nothing else changes."""
    assert scrub(text) == expected


@pytest.mark.parametrize("text", DOUBTED)
def test_a_text_in_doubt_goes_as_a_whole(text):
    """What cannot be read beyond doubt leaves only a marker with its length."""
    assert scrub(text) == f"<not kept: {len(text)} characters that could not be read beyond doubt>"


secrets = st.text(string.ascii_letters, min_size=6, max_size=12).map(lambda s: "zq" + s) | st.from_regex(
    r"[0-9]{6,11}", fullmatch=True
)
wrappers = st.sampled_from(
    [
        "'{}'", "E'{}'", "E'x\\'{}'", "e'\\\\{}'", "N'{}'", "U&'{}'", "$${}$$", "$t$ ' {} $$ $t$", "'it''s {}'",
        "B'{}'", "X'{}'", "-- {}\n", "/* {} */", "/* /* */ {} */", "E'a'\n'\\'{}'", "'a'\n  '{}'", "$é$ {} $é$",
    ]
)  # fmt: skip
noise = st.sampled_from(
    [
        "SELECT ",
        " FROM t ",
        " = ",
        " , ",
        "(",
        ")",
        " $1 ",
        "::text ",
        ' "Col" ',
        " || ",
        " - ",
        "\n",
        " AND x IN ",
        " e ",
    ]
)


@given(st.lists(st.tuples(noise, wrappers, secrets, noise), min_size=1, max_size=6))
def test_no_part_of_a_planted_secret_is_left(parts):
    """Whatever kind of literal a secret stands in, and whatever stands around it, no three letters of it remain."""
    text = "".join(before + wrapper.format(secret) + after for before, wrapper, secret, after in parts)
    shown = re.sub(r"^<not kept: \d+ characters that could not be read beyond doubt>$", "", scrub(text))
    for _, _, secret, _ in parts:
        assert not any(secret[at : at + 4] in shown for at in range(len(secret) - 3)), (text, shown)


fragments = st.sampled_from(
    [
        "'", "''", "\\'", "\\", "E'", "e'", "U&'", "$$", "$a$", "$a", "--", "/*", "*/", "\n", " ", '"', "a", "Z", "1", ".",
        "e", "+", "_", "$1", "x'", "b'", "n'", "é", "張", "\r", "\t", "(", ",", "0x", "1e", "uescape",
    ]
)  # fmt: skip
LITERALS = {"SCONST", "USCONST", "BCONST", "XCONST", "ICONST", "FCONST", "SQL_COMMENT", "C_COMMENT"}


@given(st.lists(fragments, max_size=25).map("".join))
@example("E'a'\n'\\'b'")
@example("E'a'--'\n'\\'b'")
@example("'a'\n'\\'b'")
@example("1e+")
@example("$1'a'")
def test_postgresql_own_lexer_agrees(text):
    """Whatever PostgreSQL's own lexer takes for a literal is gone: what is left holds no literal any more."""
    try:
        tokens = postgast.scan(text).tokens
    except postgast.PgQueryError:
        return  # no lexing, no literals
    data = text.encode()
    shown = scrub(text)
    if shown.startswith("<not kept"):
        return
    outside = [t for t in tokens if postgast.pg_query_pb2.Token.Name(t.token) not in LITERALS]
    kept_words = [data[token.start : token.end].decode() for token in outside]
    left = shown.replace("/*?*/", " ").replace("--?", " ").replace('"?"', " ").replace("?", " ")
    assert _within(left, kept_words), (text, shown)


def _within(left, kept_words):
    """Tell whether what is left is made of the letters that the lexer left outside literals, in their order."""
    source = iter("".join("".join(kept_words).split()))
    return all(letter in source for letter in "".join(left.split()))


def test_long_texts_are_cut_at_a_token():
    """Beyond the limit the rest is counted, not kept, and a literal at the edge does not show."""
    text = "SELECT " + "a, " * LIMIT + "'secret'"
    shown = scrub(text)
    assert len(shown) < LIMIT + 3_300  # what one step takes
    assert shown.endswith(" more characters>")
    assert "secret" not in scrub("aaaa 'secret'", limit=3)
    assert len(scrub("SELECT " + "a" * 10 * LIMIT)) < LIMIT + 100
    assert scrub("SELECT 1, " * 2_000).endswith(" more characters>")


@pytest.mark.parametrize(("begin", "quote"), [("'", "'"), ("E'", "'"), ('"', '"'), ("U&'", "'"), ('U&"', '"')])
def test_a_literal_that_goes_far_beyond_the_limit_is_not_read_to_its_end(begin, quote):
    """Nothing of it shows, what stands before is kept; but one that has no end is in doubt, wherever that shows."""
    long = (quote * 2 + "secret ") * LIMIT
    shown = scrub(f"SELECT id, {begin}{long}{quote}, phone FROM t")
    assert shown.startswith("SELECT id, ")
    assert shown.endswith(" more characters>")
    assert "secret" not in shown
    assert scrub(f"SELECT id, {begin}{long}, phone FROM t").startswith("<not kept: ")


HOSTILE = [
    "'" + "a''" * 300_000, "/*" * 300_000, "E'" + "\\\\" * 300_000, "$a" * 300_000, "-" * 900_000, "E'a'" + " --" * 300_000,
    "E'a'" + "\n--" * 300_000, "E'a'\n'" * 100_000, "E'a'" + " " * 900_000, "a" * 900_000 + "'", "1e" * 400_000, '"' * 900_001,
    "E'a'\n--" * 50_000, "a+" * 400_000,
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_texts_take_linear_time(text):
    """A megabyte of what might make a lexer search again and again is done in a moment."""
    begun = time.process_time()
    scrub(text)
    scrub(text, family="mysql")
    assert time.process_time() - begun < 2
