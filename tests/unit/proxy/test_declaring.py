"""The forms in which clients say something of their session: which are read, which refused, which are none."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.declaring import Declaration, comment, declaration, declaring, forgets
from rewriter.model import Refusal


@pytest.mark.parametrize(
    ("family", "text", "expected"),
    [
        ("postgresql", "SET louver.purpose = 'care'", Declaration("purpose", "care")),
        ("postgresql", " set  SESSION Louver.Purpose\nTO 'it''s' ; ", Declaration("purpose", "it's")),
        ("postgresql", "SET louver.amount = -5", Declaration("amount", "-5")),
        ("postgresql", "SET louver.urgent = on", Declaration("urgent", "on")),
        ("postgresql", "SET louver.purpose TO DEFAULT", Declaration("purpose", None)),
        ("postgresql", "RESET louver.purpose", Declaration("purpose", None)),
        ("postgresql", "SET louver.key_ab = 'x'", None),
        ("postgresql", "SELECT 'SET louver.purpose'", None),
        ("postgresql", "SET search_path = 'louver.x'", None),
        ("postgresql", "SET @louver_purpose = 'care'", None),
        ("mysql", "SET @louver_purpose = 'care'", Declaration("purpose", "care")),
        ("mysql", "set @Louver_Purpose:='care';", Declaration("purpose", "care")),
        ("mysql", "SET @louver_purpose = NULL", Declaration("purpose", None)),
        ("mysql", "SET @louver_amount = 12", Declaration("amount", "12")),
        ("mysql", "SET @louver_key_ab = 'x'", None),
        ("mysql", "SELECT '@louver_purpose'", None),
        ("mysql", "SET louver.purpose = 'care'", None),
    ],
)
def test_declarations_are_read(family, text, expected):
    """What is plain is read, and what is no declaration is left alone."""
    assert declaration(text, family) == expected


@pytest.mark.parametrize(
    ("family", "text"),
    [
        ("postgresql", "SET LOCAL louver.purpose = 'care'"),
        ("postgresql", "SET louver.purpose = 'a', 'b'"),
        ("postgresql", "SET louver.purpose = care"),
        ("postgresql", "SET louver.purpose = $$care$$"),
        ("postgresql", "SET louver.purpose = 'care'; SELECT 1"),
        ("postgresql", "SET louver.purpose = 'care' -- so"),
        ("mysql", "SET @louver_purpose = @x"),
        ("mysql", "SET @a = 1, @louver_purpose = 'care'"),
        ("mysql", 'SET @louver_purpose = "care"'),
        ("mysql", "SET @`louver_purpose` = 'care'"),
    ],
)
def test_what_only_looks_like_a_declaration_is_refused(family, text):
    """A form that is not followed would leave the server and Louver of two minds."""
    with pytest.raises(Refusal) as refused:
        declaration(text, family)
    assert refused.value.sqlstate == "42601"


def test_the_server_is_told_in_quotes():
    """PostgreSQL takes `user` for a word of its own, so the name is quoted; MySQL is told as the client said it."""
    assert declaring(Declaration("user", "o'neil"), "postgresql") == "SET louver.\"user\" = 'o''neil'"
    assert declaring(Declaration("case", None), "postgresql") == 'RESET louver."case"'
    assert declaring(Declaration("user", "tina"), "mysql") is None


@pytest.mark.parametrize(
    ("kinds", "text", "expected"),
    [
        (("DiscardStmt",), "discard  all", True),
        (("VariableSetStmt",), "RESET ALL", True),
        (("SelectStmt", "ClosePortalStmt", "VariableSetStmt"), "SELECT 1; CLOSE ALL; RESET ALL;", True),
        (("DiscardStmt",), "DISCARD TEMP", False),
        (("SelectStmt",), "SELECT 'RESET ALL'", False),
    ],
)
def test_resets_of_the_session_are_known(kinds, text, expected):
    """What pools send between two clients is known, whatever else the text holds."""
    assert forgets(kinds, text) is expected


@pytest.mark.parametrize(
    ("text", "start", "said"),
    [
        (b"SELECT 1 /*louver_user='tina'*/", 9, {"user": "tina"}),
        (b"SELECT 1 /*a='b',louver_user='%E6%9D%8E',louver_purpose='x%20y'*/ ; ", 9, {"user": "李", "purpose": "x y"}),
        (b"SELECT 1/*traceparent='00-5bd66ef5095369c7b0d1f8f4bd33716a-c532cb4098ac3dd2-01'*/", 8, {}),
        (rb"SELECT 1 /*louver_user='o\'neil'*/", 9, {"user": "o'neil"}),
        (b"SELECT '/*a=' /*louver_user='tina'*/", 14, {"user": "tina"}),
        (b"SET @louver_user = 'tina'", None, None),
        (b"SELECT 1 /* a comment */", None, None),
        (b"SELECT 1 /*!50000 a='b'*/", None, None),
        (b"SELECT 1 /*a='b*/", None, None),
        (b"", None, None),
    ],
)
def test_comments_are_read(text, start, said):
    """The comment at the end is read as the specification has it; any other is none."""
    found = comment(text)
    assert (start, said) == (None, None) if found is None else (found.start, dict(found.said)) == (start, said)


@pytest.mark.parametrize(
    "text",
    [
        b"SELECT '/*louver_user=''anna''*/' /*louver_user='tina'*/",
        b"SELECT 1 /*louver_user='anna'*/ -- /*a='b'*/ LOUVER_USER",
        b"SELECT 1 /*louver_user='anna',louver_user='tina'*/",
        b"SELECT 1 /*louver%5Fuser='anna',louver_user='tina'*/",
        b"SELECT 1 /*louver_user='a b'*/",
        b"SELECT 1 /*louver_user='a'*/ x",
    ],
)
def test_a_text_that_says_twice_who_asks_is_refused(text):
    """Something that a person typed may stand in the text, and must not be taken for the application's word."""
    with pytest.raises(Refusal):
        comment(text)


@given(st.binary(max_size=60), st.sampled_from(["tina", "李四", "o'neil", "a*/b"]))
def test_no_text_before_the_comment_changes_who_asks(text, user):
    """Whatever stands before it, the last comment decides, or the text is refused."""
    whole = text + b" /*louver_user='" + quote(user, safe="").encode() + b"'*/"
    try:
        found = comment(whole)
    except Refusal:
        return
    assert found is not None
    assert found.said["user"] == user
