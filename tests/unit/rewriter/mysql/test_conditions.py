"""Row conditions on MySQL: what they may hold, and that they are printed so that no mode and no collation changes them."""

from __future__ import annotations

import re

import pytest

from policies.model import RowCondition
from rewriter.conditions import ConditionError
from rewriter.mysql.catalog import Column, Table
from rewriter.mysql.conditions import check_condition, print_condition, quote_identifier
from rewriter.mysql.reading import parse, read

UTF8 = ("utf8mb4", "utf8mb4_general_ci")
TABLE = Table(
    "bank",
    "t",
    "table",
    (
        Column("Region", 1, "varchar(20)", "varchar", False, *UTF8),
        Column("age", 2, "int(11) unsigned", "int"),
        Column("born", 3, "date", "date"),
        Column("seen", 4, "timestamp", "timestamp"),
        Column("o`dd", 5, "text", "text", False, *UTF8),
        Column("code", 6, "char(4)", "char", False, *UTF8),
        Column("active", 7, "tinyint(1)", "tinyint"),
        Column("at", 8, "datetime(3)", "datetime"),
        Column("rate", 9, "double", "double"),
        Column("data", 10, "json", "json"),
        Column("id", 11, "uuid", "uuid"),
    ),
)
REGION = "CONVERT(`t`.`Region` USING utf8mb4)"
BYTES = f"CONVERT({REGION} USING binary)"


@pytest.mark.parametrize(
    ("text", "values", "printed"),
    [
        ("region = {0}", ("North",), f"(`t`.`Region` = _utf8mb4'North' AND {BYTES} = x'4e6f727468')"),
        ("region = {0}", ("O'Neil",), f"(`t`.`Region` = _utf8mb4 x'4f274e65696c' AND {BYTES} = x'4f274e65696c')"),
        ("region = {0}", ("张",), f"({BYTES} = x'e5bca0')"),
        ("region < {0}", ("a\\b",), f"({BYTES} < x'615c62')"),
        ("region = {0}", (None,), f"({BYTES} = NULL)"),
        ("age > {0}", (5,), "(`t`.`age` > (5))"),
        ("age > {0}", ("5",), "(`t`.`age` > (5))"),
        ("age - 1 > -1", (), "(((`t`.`age` + 0.0) - (1)) > (-1))"),
        ("{0}", (True,), "TRUE"),
        ("active", (), "(`t`.`active` <> 0)"),
        ("active = true", (), "((`t`.`active` <> 0) = TRUE)"),
        ("region = ANY ({0})", (("a", "张"),), f"((`t`.`Region` = _utf8mb4'a' AND {BYTES} = x'61') OR ({BYTES} = x'e5bca0'))"),
        ("region = ANY ({0})", ((),), "FALSE"),
        ("age <> ALL ({0})", ((),), "TRUE"),
        ("region NOT IN ('x')", (), f"(({BYTES} <> x'78'))"),
        ("NOT (age BETWEEN 1 AND 2)", (), "(NOT ((`t`.`age` >= (1)) AND (`t`.`age` <= (2))))"),
        ("region LIKE 'a%'", (), f"({REGION} COLLATE utf8mb4_bin LIKE _utf8mb4'a%' ESCAPE '!')"),
        ("region LIKE {0}", ("!\\!a\\%\\b\\\\_",), f"({REGION} COLLATE utf8mb4_bin LIKE _utf8mb4 x'21212121612125625c5f' ESCAPE '!')"),
        ("region IS NOT NULL", (), f"(COALESCE({REGION}) IS NOT NULL)"),
        ("code = 'x'", (), "(`t`.`code` = _utf8mb4'x' AND CONVERT(CONVERT(RTRIM(`t`.`code`) USING utf8mb4) USING binary) = x'78')"),
        ("born < '2000-01-31'", (), "(`t`.`born` < DATE'2000-01-31')"),
        ("born < '2000-01-31'::date", (), "(`t`.`born` < DATE'2000-01-31')"),
        ("at < '2000-01-31 10:00'", (), "(`t`.`at` < TIMESTAMP'2000-01-31 10:00:00.000000')"),
        ('"o`dd" = \'x\'', (), "(`t`.`o``dd` = _utf8mb4'x' AND CONVERT(CONVERT(`t`.`o``dd` USING utf8mb4) USING binary) = x'78')"),
        ("true) OR (age = 1", (), "(TRUE OR (`t`.`age` = (1)))"),
    ],
)  # fmt: skip
def test_condition_is_printed_for_mysql(text, values, printed):
    """Texts are compared by their bytes, names are quoted, constants are of the other side's kind."""
    assert print_condition(RowCondition(text, values), TABLE, "`t`") == printed


@pytest.mark.parametrize("value", ["", "'", "\\", '"', "`", "--", "/*", "#", "%", "\N{GRINNING FACE}", "a;b", "{0}"])
def test_every_value_stands_safely(value):
    """Whatever an attribute holds, both readers read one condition under every mode, and find no string but ours."""
    sql = print_condition(RowCondition("region = {0} OR region LIKE {0}", (value,)), TABLE, "`t`")
    assert sql.isascii()
    assert not set(sql) & set('"\\')
    for modes in (frozenset[str](), frozenset({"ANSI_QUOTES", "NO_BACKSLASH_ESCAPES"})):
        reading = read(f"SELECT {sql}", modes)
        assert len(reading.statements) == 1
        parse(reading, reading.statements[0])


@pytest.mark.parametrize(
    ("text", "values", "says"),
    [
        ("nope = 1", (), "no column"),
        ("t.region = 'x'", (), "without a table name"),
        ("region = '{0}'", ("x",), "inside a quoted string"),
        ("region = $2", ("x",), "parameter"),
        ("true), (true", (), "one SQL expression"),
        ("true; DROP TABLE t", (), "not valid SQL"),
        ("region = (SELECT 1)", (), "SubLink"),
        ("now() > born", (), "now"),
        ("age / 0 = 1", (), "operator /"),
        ("region ~ 'a'", (), "operator ~"),
        ("region ILIKE 'a'", (), "AEXPR_ILIKE"),
        ("region = 5", (), "nothing is converted"),
        ("region = age", (), "compared with"),
        ("age = 'x'", (), "not a number"),
        ("born > '01/02/2020'", (), "YYYY-MM-DD"),
        ("at > '2020-01-02T10:00+02:00'", (), "YYYY-MM-DD"),
        ("id = 'x'", (), "hexadecimal"),
        ("seen > '2020-01-01'", (), "time zone"),
        ("data = 'x'", (), "cannot look at"),
        ("region::int = 1", (), "a cast can fail"),
        ("age * age > 1", (), "overflow"),
        ("rate + 1 > 1", (), "whole numbers and decimals"),
        ("left(region, -1) = 'x'", (), "position or length"),
        ("region = {0}", (("a",),), "= ANY"),
        ("region = ANY ({0})", ("a",), "take a list"),
        ("region = {0}", ("a\0b",), "NUL"),
        ("region = {0}", ("\ud800",), "valid text"),
        ("age = {0}", (float("nan"),), "finite"),
        ("count(*) > 1", (), "count"),
        ("", (), "not valid SQL"),
    ],
)  # fmt: skip
def test_what_a_condition_may_not_hold(text, values, says):
    """What could read elsewhere, fail, convert or follow a setting of the caller is an error for the policy's author."""
    with pytest.raises(ConditionError, match=re.escape(says)):
        check_condition(RowCondition(text, values), TABLE)


def test_what_stands_for_a_column():
    """Where the table has no name of its own, what is given stands in the column's place."""
    printed = print_condition(RowCondition("age = 1"), TABLE, "", {"age": "(x + 1)"})
    assert printed == "((x + 1) = (1))"
    assert quote_identifier("a`b") == "`a``b`"
