"""Which conditions compare a column with constants, what they ask on the real column, and how many values that is."""

from __future__ import annotations

import pytest

from rewriter.postgres.constants import Equality, equality
from rewriter.postgres.reading import encode, parse, tokens


def read(condition: str) -> Equality | None:
    """The equality that a condition of WHERE is."""
    data = encode(f"SELECT 1 WHERE {condition}")
    return equality(parse(data)[0]["stmt"]["SelectStmt"]["whereClause"], tokens(data))


@pytest.mark.parametrize(
    ("condition", "asked", "values", "literal"),
    [
        ("a = 'x'", "(r OPERATOR(pg_catalog.=) 'x')", 1, True),
        ("t.a = $1", "(r OPERATOR(pg_catalog.=) $1)", 1, False),
        ("-5 = a", "(r OPERATOR(pg_catalog.=) - 5)", 1, True),
        ("a = DATE '2020-01-01'", "(r OPERATOR(pg_catalog.=) DATE '2020-01-01')", 1, True),
        ("text 'x' = a", "(r OPERATOR(pg_catalog.=) text 'x')", 1, True),
        ("CAST(($1) AS text) = a", "(r OPERATOR(pg_catalog.=) CAST ( ( $1 ) AS text ))", 1, False),
        ("a = $1::character varying", "(r OPERATOR(pg_catalog.=) $1 :: character varying)", 1, False),
        ("a IN (1, $2)", "(r OPERATOR(pg_catalog.=) 1 OR r OPERATOR(pg_catalog.=) $2)", 2, True),
        ("a IS NOT DISTINCT FROM $1", "(r OPERATOR(pg_catalog.=) $1 OR (r IS NULL AND $1 IS NULL))", 1, False),
        ("a = ANY (ARRAY[1, $2])", "(r OPERATOR(pg_catalog.=) ANY (ARRAY [ 1 , $2 ]))", 2, True),
        ("a = SOME ('{x,y,z}'::text[])", "(r OPERATOR(pg_catalog.=) ANY ('{x,y,z}' :: text [ ]))", 3, True),
        ("a = ANY ($7::int8[])", "(r OPERATOR(pg_catalog.=) ANY ($7 :: int8 [ ]))", 0, False),
    ],
)
def test_an_equality_with_constants(condition: str, asked: str, values: int, *, literal: bool) -> None:
    """Each form becomes comparisons by the server's own operator, with the constants as they were written."""
    found = read(condition)
    assert found is not None
    assert found.on("r") == asked
    assert (found.values, found.literal) == (values, literal)


def test_a_parameter_that_is_an_array_is_named() -> None:
    """Its elements are counted when it is bound."""
    found = read("a = ANY (CAST($7 AS text[]))")
    assert found is not None
    assert (found.parameter, found.values) == (7, 0)


@pytest.mark.parametrize(
    "condition",
    [
        "a <> 'x'",
        "a = b",
        "a = lower('x')",
        "a = 'x' || 'y'",
        "a = (SELECT 'x')",
        "a = 'x'::mine",
        "a = 'x'::pg_catalog.text",
        "a = CAST('x' AS mine)",
        "a::text = 'x'",
        "lower(a) = 'x'",
        "a.b.c = 'x'",
        "a OPERATOR(pg_catalog.=) 'x'",
        "a = ALL (ARRAY[1])",
        "a < ANY (ARRAY[1])",
        "a = ANY (ARRAY[b])",
        "a = ANY (ARRAY[[1], [2]])",
        "a = ANY ($1::int2vector)",
        "a = ANY (b)",
        "a = ANY (SELECT 1)",
        "a IN (SELECT 1)",
        "a IN (1, b)",
        "a NOT IN (1)",
        "a IS DISTINCT FROM 1",
        "a = E'x'",
        "a BETWEEN 1 AND 1",
        "(a, 1) = ('x', 1)",
        "a = 'x' COLLATE \"C\"",
        "a = now()",
        "a = current_date",
        "a = NOT true",
    ],
)
def test_anything_else_is_none(condition: str) -> None:
    """Whatever could be computed, another operator or another type keeps its masked meaning."""
    assert read(condition) is None
