"""Names of the policy: folded like SQL names, quoted like SQL names, with wildcards outside quotes."""

import pytest

from policies.patterns import NamePattern, PatternError, read_pattern, read_patterns


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("phone", "phone", True),
        ("Phone", "phone", True),
        ("phone", "Phone", False),
        ('"Phone"', "Phone", True),
        ('"Phone"', "phone", False),
        ("*", "anything", True),
        ("*_card", "id_card", True),
        ("*_card", "id_cards", False),
        ("phone?", "phone1", True),
        ("phone?", "phone12", False),
        ('"*"', "*", True),
        ('"*"', "phone", False),
        ('"a""b.c"', 'a"b.c', True),
        ("手机号", "手机号", True),
        ("手机*", "手机号", True),
        ("É", "é", False),  # PostgreSQL folds ASCII alone
        ("a+b", "aab", False),
        ("x*", "x\n", True),
    ],
)
def test_a_part_matches_as_sql_would_read_it(pattern, name, expected):
    """Unquoted names fold to lower case, quoted ones are literal, wildcards match any run of characters."""
    assert read_pattern(pattern).matches(name) is expected


def test_a_dotted_name_is_split_at_dots_outside_quotes():
    """A dot in quotes belongs to the name."""
    assert read_patterns('Bank."pub.lic".*.phone', 4, "x") == (
        NamePattern("bank", ""),
        NamePattern("pub.lic", ""),
        NamePattern(None, "*"),
        NamePattern("phone", ""),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a.b.c", "it has 3 parts, not 4"),
        ("a..c.d", "a name is missing or cannot be read at character 3"),
        ("a.b.c.", "a name is missing or cannot be read at character 7"),
        ('a."b.c.d', "a name is missing or cannot be read at character 3"),
        ("a b.c.d.e", "a `.` is expected at character 2"),
        ('a."b"c.d.e', "a `.` is expected at character 6"),
        ("a.b.c.d;e", "a `.` is expected at character 8"),
    ],
)
def test_a_name_that_cannot_be_read_says_where(text, message):
    """The error names the form that is expected and the character."""
    with pytest.raises(PatternError) as failed:
        read_patterns(text, 4, "`database.schema.table.column`")
    assert str(failed.value) == f"`{text}` is not `database.schema.table.column`: {message}"
