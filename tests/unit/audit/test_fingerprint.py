"""Fingerprints: one for all statements of a shape, and another for every other shape."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.fingerprint import DIGITS, fingerprint
from audit.scrub import scrub


def of(text, family="postgresql"):
    """The fingerprint of a statement."""
    return fingerprint(scrub(text, family=family), family)


SAME = [
    ("select a from t where b = 1", "SELECT a\n FROM  T -- 4711\nWHERE b='x''y' /* z */;"),
    ("select a from t where b in (1)", "select a from t where b in (1, $2, 'c', null)"),
    ("select a from t where (b, c) in ((1, 2))", "select a from t where (b, c) in ((1, 'x'), (2, 'y'), (3, 'z'))"),
    ("insert into t values (1, 'a')", "insert into t values (1, 'a'), (2, 'b'), (3, NULL)"),
    ("insert into t (a) values (1) returning a", "insert into t (a) values (true), (false) returning a"),
    ("select a from t where b = 5", "select a from t where b = -5"),
    ("select -1", "select + 2.5e3"),
    ("select a from t where b = $1", "select a from t where b = 'x'"),
    ("select a from t where b = any(array[1])", "select a from t where b = any(ARRAY[1, 2, 3])"),
    ("select 1;", "select 2"),
    ("select a from t where b in (1, 2)", f"select a from t where b in ({', '.join(['7'] * 900)})"),
    (f"insert into t values {', '.join(['(1, 2)'] * 2000)}", f"insert into t values {', '.join(['(3, 4)'] * 9000)}"),
    (f"select 1 where a in ({', '.join(['7'] * 2000)})", f"select 1 where a in ({', '.join(['7'] * 9001)})"),
]
SAME_ON_MYSQL = [
    ("select a from t where b = 'x'", 'SELECT a from t WHERE b = "y" # it\'s\n'),
    ("select a from t where b = 1", "select a from t where b = ? -- x\n"),
    ("select count(*) from t", "Select COUNT(*) From t"),
    ("select a from `t` where b = 2", "select a from `t` where b = x'1F'"),
    ("insert into t(a) values (1)", "INSERT INTO t(a) VALUES (1),(2)"),
    ("select 1 /* a /* b */ from t", "select 2 from t"),
]
OTHER = [
    ("select a from t", "select b from t"),
    ("select a from t", 'select "A" from t'),
    ('select a from "t"', 'select a from "T"'),
    ("select a from t where b = 1", "select a from t where b > 1"),
    ("select a from t where b is null", "select a from t where b is not null"),
    ("select a - 5 from t", "select a, -5 from t"),
    ("insert into t values (1)", "insert into t values (1, 2)"),
    ("insert into t values (1), (now())", "insert into t values (1)"),
    ("select a from t where b in (1)", "select a from t where b in (select 1)"),
    ("select a from t where b in (1, c)", "select a from t where b in (1, d)"),
    ("select a.b", "select a, b"),
]
OTHER_ON_MYSQL = [
    ("select a from Users", "select a from users"),
    ("insert into Count(a) values (1)", "insert into count(a) values (1)"),
    ("select 1--5, a from t", "select 1--5, b from t"),
    ("select a from `t`", "select a from `u`"),
    ("select a from `t#` where b", "select a from `t#` where c"),
]


@pytest.mark.parametrize(
    ("one", "other", "family"),
    [(*pair, "postgresql") for pair in SAME] + [(*pair, "mysql") for pair in SAME_ON_MYSQL],
)
def test_what_differs_in_values_alone_is_one_shape(one, other, family):
    """Literals, parameters, signs, spaces, comments, lengths of lists, and letter case where it means nothing."""
    assert of(one, family) == of(other, family)
    assert len(of(one, family)) == DIGITS


@pytest.mark.parametrize(
    ("one", "other", "family"),
    [(*pair, "postgresql") for pair in OTHER] + [(*pair, "mysql") for pair in OTHER_ON_MYSQL],
)
def test_other_statements_are_other_shapes(one, other, family):
    """Names, operators, the width of a row, and on MySQL the case of what may be a table."""
    assert of(one, family) != of(other, family)


@pytest.mark.parametrize(
    ("text", "family"),
    [
        ("", "postgresql"),
        (" ; -- x\n", "postgresql"),
        ("select 'a", "postgresql"),
        ("select 'a\\'b'", "mysql"),
        ("/*!40101 SET NAMES utf8 */", "mysql"),
        ("select 1 /*M! , 2 */", "mysql"),
    ],
)
def test_what_cannot_be_read_has_none(text, family):
    """A text in doubt, one of which nothing is left, and one whose comment may run."""
    assert of(text, family) is None


def test_a_fingerprint_lasts():
    """It is compared over months: what changes the hash is changed on purpose."""
    assert of("SELECT name FROM customers WHERE id = 4711") == "ba79a336f93d6419"


WORDS = "<9 more characters> select a from t where b = in ( ) , values - + ? $1 'x' 12 is null array [ ] \"Q\" `q` --\n /* c */ true . ; count"
pieces = st.lists(st.sampled_from(WORDS.split(" ")), max_size=40)  # a line comment goes with its end


@given(pieces, st.data())
def test_values_spaces_and_comments_never_matter(words, data):
    """Whatever the text: other values, spaces, comments and case in the same places leave the fingerprint as it is."""

    def other(word):
        if word in {"'x'", "12"}:
            return data.draw(st.sampled_from(["'x'", "12", "'y z'", "0.5", "'it''s'"]))
        return data.draw(st.sampled_from([word, word.upper()])) if word.isalpha() else word

    space = st.sampled_from([" ", "\n", "\t ", " /* 1 */ ", " -- x\n"])
    again = "".join(other(word) + data.draw(space) for word in words)
    assert of(" ".join(words)) == of(again), (words, again)


@given(pieces, st.integers(1, 5))
def test_lists_of_any_length_are_one(words, more):
    """A list of values in the middle of anything, whatever stands around it."""
    before, after = " ".join(words[: len(words) // 2]), " ".join(words[len(words) // 2 :])
    one, several = (f"{before} x in ({', '.join(['1'] * count)}) {after}" for count in (1, 1 + more))
    assert of(one) == of(several)


@pytest.mark.parametrize(
    "text",
    [
        "in (" * 4000,
        "in (1," * 2500 + ")" * 2500,
        "values (1," * 1600,
        "(" * 16000,
        "values " + "(1)," * 4000,
        "- " * 8000,
    ],
)
def test_hostile_texts_take_linear_time(text):
    """What opens lists within lists, and never ends them, is done in a moment."""
    begun = time.process_time()
    of(text)
    assert time.process_time() - begun < 2
