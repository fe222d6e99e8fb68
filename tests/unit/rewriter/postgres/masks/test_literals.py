"""Quoting: text comes back as itself, and nothing leaves its quotes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewriter.postgres.masks.literals import call, cast, literal, operate, typed, unless_null
from rewriter.postgres.reading import encode, parse


def value_of(sql: str) -> str:
    (statement,) = parse(encode(f"SELECT {sql}"))
    (target,) = statement["stmt"]["SelectStmt"]["targetList"]
    return target["ResTarget"]["val"]["A_Const"]["sval"].get("sval", "")


@given(st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0")))
def test_a_literal_reads_as_its_text(text):
    """PostgreSQL's own parser reads exactly the text that was quoted, and nothing beside it."""
    assert value_of(literal(text)) == text


def test_a_nul_is_refused():
    """No PostgreSQL text holds a NUL."""
    with pytest.raises(ValueError, match="NUL"):
        literal("a\0")


def test_everything_names_its_schema():
    """Functions, operators, types and collations are those of pg_catalog."""
    assert call("left", "t.x", "3") == "pg_catalog.left(t.x, 3)"
    assert operate("a", "||", "b") == "(a OPERATOR(pg_catalog.||) b)"
    assert typed("0", "int4") == "('0'::pg_catalog.int4)"
    assert cast("a", "pg_catalog.text") == "((a)::pg_catalog.text)"


def test_a_constant_leaves_null_alone():
    """A constant takes the place of values only."""
    assert unless_null("t.x", "'a'") == "CASE WHEN t.x IS NOT NULL THEN 'a' END"
