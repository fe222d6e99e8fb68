"""Row conditions: placeholders are found, and nothing can change what the quotes around a value mean."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.model import Principal, Session
from policies.rows import SESSION_FIELDS, BindingError, RowsError, read_rows

SESSION = Session("bank", "10.1.2.3", "psql", "app", False, dt.datetime(2026, 11, 20, 9, 30, tzinfo=dt.UTC))


def test_placeholders_become_numbers_and_values():
    """Each distinct placeholder gets one number; values come in that order, with their types."""
    template = read_rows(
        "region = {principal.region} AND (a < {session.hour} OR region <> {principal.region}) AND t = 'x''y'"
    )
    assert template.text == "region = {0} AND (a < {1} OR region <> {0}) AND t = 'x''y'"
    bound = template.bind(Principal("m", {"region": "East"}), SESSION)
    assert bound.values == ("East", 9)


def test_values_of_other_types_make_other_conditions():
    """1, 1.0 and True are equal to Python; conditions that bind them are not."""
    template = read_rows("level = {principal.level}")
    bound = {template.bind(Principal("m", {"level": value}), SESSION) for value in (1, 1.0, True, "1")}
    assert len(bound) == 4


def test_the_name_that_logged_in_can_be_bound():
    """`{principal.name}` is the login, whatever the attributes say."""
    assert read_rows("owner = {principal.name}").bind(Principal("eve", {"name": "bob"}), SESSION).values == ("eve",)


def test_a_missing_attribute_is_an_error():
    """A condition without its value must not become a weaker one."""
    with pytest.raises(BindingError, match="no attribute `region`"):
        read_rows("region = {principal.region}").bind(Principal("m", {}), SESSION)


def test_session_fields_are_those_of_the_model():
    """Every field of Session can be bound, and no other."""
    told = {name for name, value in vars(Session).items() if isinstance(value, property)}
    assert set(SESSION_FIELDS) == (set(Session.__slots__) - {"at", "declared"}) | told


@pytest.mark.parametrize(
    ("source", "offset", "message"),
    [
        ("a = '{principal.x}'", 4, "a placeholder or brace stands within quotes"),
        ('a = "{principal.x}"', 4, "a placeholder or brace stands within quotes"),
        ("a = {principal.x} -- b", 18, "a comment cannot stand in a row condition"),
        ("a /* = */ {principal.x}", 2, "a comment cannot stand in a row condition"),
        ("a = $${principal.x}$$", 4, "`$` cannot stand in a row condition"),
        ("a = $1", 4, "`$` cannot stand in a row condition"),
        ("a = E'\\''", 5, "a backslash cannot stand in a row condition"),
        ("true; DROP TABLE t", 4, "`;` cannot stand in a row condition"),
        ("a = 'open", 4, "the quote ' is not closed"),
        ("a = {x}", 4, "a brace is not part of a placeholder"),
        ("a = {0}", 4, "a brace is not part of a placeholder"),
        ("a = {user.x}", 4, "unknown placeholder `{user.x}`"),
        ("a = {session.purpose}", 4, "the session has no `purpose`"),
        ("a = E{principal.x}", 5, "a placeholder must stand alone"),
        ("a = {principal.x}{principal.y}", 17, "a placeholder must stand alone"),
        ("a = 1 -{principal.x}", 7, "a placeholder must stand alone"),
        ("a = {principal.x}'y'", 17, "a placeholder must stand alone"),
        ("a" * 4001, 0, "the condition is longer than 4000 characters"),
    ],
)
def test_what_could_change_the_meaning_of_quotes_is_refused(source, offset, message):
    """Placeholders in quotes, comments and other tricks are refused where they stand."""
    with pytest.raises(RowsError) as refused:
        read_rows(source)
    assert (refused.value.offset, refused.value.message) == (offset, message)


@given(st.text("ab '\"{}$-/*\\;=1.principal session中\n", max_size=50))
def test_accepted_text_has_balanced_quotes_around_every_placeholder(source):
    """Whatever is accepted, a value put in place of a placeholder stands outside quotes and comments."""
    try:
        template = read_rows(source)
    except RowsError:
        return
    quote = ""
    for before, sign in zip(" " + template.text, template.text, strict=False):
        if sign in ("'", '"') and quote in ("", sign):
            quote = "" if quote else sign
        if sign in "{;$\\" and not quote:
            assert sign == "{"
        if sign in "{\\":
            assert not quote
        assert quote or before + sign not in ("--", "/*")
    assert not quote
