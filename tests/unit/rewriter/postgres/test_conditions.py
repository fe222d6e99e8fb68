"""Row conditions: what they may hold, and that they are printed with every name qualified."""

from __future__ import annotations

import re

import pytest

from policies.model import RowCondition
from rewriter.conditions import ConditionError
from rewriter.postgres.catalog import Column, Relation
from rewriter.postgres.conditions import (
    check_condition,
    print_condition,
    quote_identifier,
    quote_literal,
)

TABLE = Relation(
    1,
    "public",
    "t",
    "r",
    (
        Column("region", 1, "pg_catalog.text", "text"),
        Column("age", 2, "pg_catalog.int4", "int4"),
        Column("born", 3, "pg_catalog.date", "date"),
        Column("seen", 4, "pg_catalog.timestamptz", "timestamptz"),
        Column('o"dd', 5, "pg_catalog.text", "text"),
    ),
)


@pytest.mark.parametrize(
    ("text", "values", "printed"),
    [
        ("region = {0}", ("North",), """("t"."region" OPERATOR(pg_catalog.=) 'North')"""),
        ("region = {0}", ("O'Neil",), """("t"."region" OPERATOR(pg_catalog.=) 'O''Neil')"""),
        ("region = {0}", ("a\\b",), """("t"."region" OPERATOR(pg_catalog.=)  E'a\\\\b')"""),
        ("region = {0}", (None,), """("t"."region" OPERATOR(pg_catalog.=) NULL)"""),
        ("age > {0}", (5,), """("t"."age" OPERATOR(pg_catalog.>) (5))"""),
        ("age > -1", (), """("t"."age" OPERATOR(pg_catalog.>) (-1))"""),
        ("age > {0}", (2.5,), """("t"."age" OPERATOR(pg_catalog.>) (2.5))"""),
        ("{0}", (True,), "true"),
        ("region = ANY ({0})", (("a", 'b"', "c\\", None),), """("t"."region" OPERATOR(pg_catalog.=) ANY ( E'{"a","b\\\\"","c\\\\\\\\",NULL}'))"""),
        ("region IN ({0}, 'x')", ("a",), """(("t"."region" OPERATOR(pg_catalog.=) 'a') OR ("t"."region" OPERATOR(pg_catalog.=) 'x'))"""),
        ("region NOT IN ('x')", (), """(("t"."region" OPERATOR(pg_catalog.<>) 'x'))"""),
        ("NOT (age BETWEEN 1 AND 2 OR region LIKE 'a%')", (), """(NOT ((("t"."age" OPERATOR(pg_catalog.>=) (1)) AND ("t"."age" OPERATOR(pg_catalog.<=) (2))) OR ("t"."region" OPERATOR(pg_catalog.~~) 'a%')))"""),
        ("region IS NOT NULL", (), '("t"."region" IS NOT NULL)'),
        ("(age = 1) IS TRUE", (), '(("t"."age" OPERATOR(pg_catalog.=) (1)) IS TRUE)'),
        ("lower(region) = 'x'", (), """(pg_catalog."lower"("t"."region") OPERATOR(pg_catalog.=) 'x')"""),
        ('"o""dd" = \'x\'', (), """("t"."o""dd" OPERATOR(pg_catalog.=) 'x')"""),
        ("CASE WHEN age = 1 THEN true ELSE false END", (), """(CASE WHEN ("t"."age" OPERATOR(pg_catalog.=) (1)) THEN true ELSE false END)"""),
        ("born < '2000-01-31'::date", (), """("t"."born" OPERATOR(pg_catalog.<) CAST('2000-01-31' AS pg_catalog."date"))"""),
        ("true) OR (age = 1", (), """(true OR ("t"."age" OPERATOR(pg_catalog.=) (1)))"""),
        ("coalesce(region, 'x') = 'x' -- why", (), """(COALESCE("t"."region", 'x') OPERATOR(pg_catalog.=) 'x')"""),
    ],
)  # fmt: skip
def test_condition_is_printed_qualified(text, values, printed):
    """Columns, operators, functions and types name their place; attribute values are quoted constants."""
    assert print_condition(RowCondition(text, values), TABLE, '"t"') == printed


@pytest.mark.parametrize(
    ("text", "values", "says"),
    [
        ("nope = 1", (), "no column"),
        ("t.region = 'x'", (), "without a table name"),
        ("region = '{0}'", ("x",), "inside a quoted string"),
        ("region = $2", ("x",), "parameter"),
        ("true), (true", (), "one SQL expression"),
        ("true) FROM secrets WHERE (true", (), "one SQL expression"),
        ("true; DROP TABLE t", (), "not valid SQL"),
        ("region = (SELECT 1)", (), "SubLink"),
        ("now() > born", (), "now"),
        ("born < current_date", (), "SQLValueFunction"),
        ("pg_sleep(1) IS NULL", (), "pg_sleep"),
        ("public.lower(region) = 'x'", (), "public.lower"),
        ("age / 0 = 1", (), "operator /"),
        ("age OPERATOR(public.=) 1", (), "without a schema"),
        ("region::int = 1", (), "a cast can fail"),
        ("'x'::public.mine = region", (), "a cast to public.mine"),
        ("seen > '2020-01-01'", (), "time zone"),
        ("born > '01/02/2020'", (), "YYYY-MM-DD"),
        ("count(*) > 1", (), "count"),
        ("region = {0}", ("a\0b",), "NUL"),
        ("age = {0}", (float("nan"),), "finite"),
        ("region = ANY ({0})", ((("a",),),), "list of lists"),
        ("", (), "not valid SQL"),
    ],
)  # fmt: skip
def test_what_a_condition_may_not_hold(text, values, says):
    """Anything that could read elsewhere, fail, or follow a setting of the caller is an error for the policy's author."""
    with pytest.raises(ConditionError, match=re.escape(says)):
        check_condition(RowCondition(text, values), TABLE)


def test_quoting():
    """Names and constants mean exactly themselves."""
    assert quote_identifier('a"b') == '"a""b"'
    assert quote_literal("it's") == "'it''s'"
