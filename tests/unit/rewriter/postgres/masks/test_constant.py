"""Constants are checked against the column's type before they reach the server."""

import pytest

from policies.masks import make_mask
from rewriter.postgres.catalog import Column
from rewriter.postgres.masks import render


def shown(value: object, type_name: str, base: str) -> str:
    sql = render(make_mask("constant", value=value), Column("x", 1, f"pg_catalog.{type_name}", base), "t.x")
    return sql.partition("THEN ")[2].partition(" END)")[0]


@pytest.mark.parametrize(
    ("value", "type_name", "base", "expected"),
    [
        ("hidden", "text", "text", "'hidden'"),
        ("hidden", "varchar(3)", "varchar", "'hid'"),
        (7, "text", "text", "'7'"),
        (True, "text", "text", "'true'"),
        (7, "int4", "int4", "('7'::pg_catalog.int4)"),
        ("-32768", "int2", "int2", "('-32768'::pg_catalog.int2)"),
        (True, "bool", "bool", "('true'::pg_catalog.bool)"),
        ("12.345", "numeric(5,2)", "numeric", "('12.345'::pg_catalog.numeric)"),
        ("1e3", "numeric", "numeric", "('1000'::pg_catalog.numeric)"),
        ("0.5", "float4", "float4", "('0.5'::pg_catalog.float4)"),
        ("2020-02-29", "date", "date", "('2020-02-29'::pg_catalog.date)"),
        ("2020-02-29", "timestamptz", "timestamptz", "('2020-02-29 00:00:00+00'::pg_catalog.timestamptz)"),
        ('{"a": 1}', "jsonb", "jsonb", "('{\"a\": 1}'::pg_catalog.jsonb)"),
        (
            "6F1C1C0E4F0B4B8E9A435E3F6D9B0C11",
            "uuid",
            "uuid",
            "('6f1c1c0e-4f0b-4b8e-9a43-5e3f6d9b0c11'::pg_catalog.uuid)",
        ),
    ],
)
def test_a_constant_that_fits_is_shown(value, type_name, base, expected):
    """Text is cut to the column, numbers and dates are written as PostgreSQL reads them under any setting."""
    assert shown(value, type_name, base) == expected


@pytest.mark.parametrize(
    ("value", "type_name", "base"),
    [
        ("x", "int4", "int4"),
        (32768, "int2", "int2"),
        (2**63, "int8", "int8"),
        (-(2**31) - 1, "int4", "int4"),
        ("1_000", "numeric", "numeric"),
        ("١٢", "int4", "int4"),
        ("١٢", "numeric", "numeric"),
        ("NaN", "numeric", "numeric"),
        ("1e500", "numeric", "numeric"),
        ("999.995", "numeric(5,2)", "numeric"),
        (5, "numeric(2,-3)", "numeric"),
        ("1e40", "float4", "float4"),
        ("yes", "bool", "bool"),
        ("29.02.2020", "date", "date"),
        ("2021-02-29", "date", "date"),
        ("{", "jsonb", "jsonb"),
        ("NaN", "jsonb", "jsonb"),
        ('"\\u0000"', "jsonb", "jsonb"),
        ("not a uuid", "uuid", "uuid"),
        ("192.168.1.1", "inet", "inet"),
    ],
)
def test_a_constant_that_does_not_fit_hides_entirely(value, type_name, base):
    """A value that the column's type cannot hold never reaches the server; the mask is `full` then."""
    full = render(make_mask("full"), Column("x", 1, f"pg_catalog.{type_name}", base), "t.x")
    assert render(make_mask("constant", value=value), Column("x", 1, f"pg_catalog.{type_name}", base), "t.x") == full
