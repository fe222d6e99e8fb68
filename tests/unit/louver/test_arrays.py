"""Arrays as people type them: read as PostgreSQL reads them, and written back the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from louver.arrays import read_array, write_array

ELEMENTS = st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"])))


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("{}", []),
        ("{a,b}", ["a", "b"]),
        (" { a , b c } ", ["a", "b c"]),
        ('{NULL,null,"NULL",""}', [None, None, "NULL", ""]),
        (r'{"a\"b","c\\d","{e,f}",g\,h}', ['a"b', r"c\d", "{e,f}", "g,h"]),
        ("{{a,NULL},{c,d}}", [["a", None], ["c", "d"]]),
        ("{138-1234-5678,+44 20 7946 0958}", ["138-1234-5678", "+44 20 7946 0958"]),
        ("{{},{}}", [[], []]),
    ],
)
def test_arrays_are_read(text: str, items: list[object]) -> None:
    """Quotes, escapes, NULL, dimensions, spaces around and within elements."""
    assert read_array(text) == items


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "begins with {"),
        ("a,b", "begins with {"),
        ("[2:3]={a,b}", "begins with {"),
        ("{a", "closing brace is missing"),
        ("{a,}", "an element is missing"),
        ("{,a}", "an element is missing"),
        ('{a"b"}', "an element is missing, or a comma"),
        ("{a}{b}", "something stands behind"),
        ("{a}}", "something stands behind"),
        ("{{a},{b,c}}", "different numbers of elements"),
        ("{{a},b}", "different numbers of elements"),
        ('{"a}', "cannot be read at character 2"),
        ("{{{{{{{a}}}}}}}", "6 dimensions at most"),
    ],
)
def test_what_is_no_array_is_refused(text: str, wrong: str) -> None:
    """With the reason, where PostgreSQL says `malformed array literal`."""
    with pytest.raises(ValueError, match=wrong):
        read_array(text)


@given(
    st.one_of(
        st.lists(ELEMENTS),
        st.integers(1, 3).flatmap(lambda wide: st.lists(st.lists(ELEMENTS, min_size=wide, max_size=wide))),
    )
)
def test_what_is_written_is_read_back(items: list[object]) -> None:
    """Whatever an element holds."""
    assert read_array(write_array(items)) == items
