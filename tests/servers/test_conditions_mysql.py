"""Row conditions hold on the same rows on MySQL and MariaDB as on PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from policies.model import RowCondition
from rewriter.mysql.catalog import Column, Table
from rewriter.mysql.conditions import print_condition
from rewriter.postgres import conditions as postgres_conditions
from rewriter.postgres.catalog import Column as PostgresColumn
from rewriter.postgres.catalog import Relation

if TYPE_CHECKING:
    from louver.demo.mysql import LocalMySQL

UTF8 = ("utf8mb4", "utf8mb4_unicode_ci")
TABLE = Table(
    "s",
    "t",
    "table",
    (
        Column("n", 1, "int(11)", "int"),
        Column("region", 2, "varchar(20)", "varchar", False, *UTF8),
        Column("code", 3, "char(5)", "char", False, *UTF8),
        Column("age", 4, "int(10) unsigned", "int"),
        Column("amount", 5, "decimal(10,2)", "decimal"),
        Column("rate", 6, "double", "double"),
        Column("born", 7, "date", "date"),
        Column("at", 8, "datetime(3)", "datetime"),
        Column("wake", 9, "time", "time"),
    ),
)
RELATION = Relation(
    1,
    "public",
    "t",
    "r",
    (
        PostgresColumn("n", 1, "pg_catalog.int4", "int4"),
        PostgresColumn("region", 2, "pg_catalog.varchar(20)", "varchar"),
        PostgresColumn("code", 3, "pg_catalog.bpchar(5)", "bpchar"),
        PostgresColumn("age", 4, "pg_catalog.int8", "int8"),
        PostgresColumn("amount", 5, "pg_catalog.numeric(10,2)", "numeric"),
        PostgresColumn("rate", 6, "pg_catalog.float8", "float8"),
        PostgresColumn("born", 7, "pg_catalog.date", "date"),
        PostgresColumn("at", 8, "pg_catalog.timestamp(3)", "timestamp"),
        PostgresColumn("wake", 9, "pg_catalog.time", "time"),
    ),
)
ROWS: list[tuple[Any, ...]] = [
    ("North", "ab", 0, "0.00", 0.5, "2000-01-31", "2000-01-31 10:00:00", "10:00:00"),
    ("north", "AB", 17, "-1.50", -0.5, "1999-12-31", "2000-01-31 09:59:59.999", "23:59:59"),
    ("North ", "ab c", 18, "12.34", 1e10, "2020-02-29", "2020-02-29 00:00:00", "00:00:00"),
    ("Nörth", "", 4294967295, "99999999.99", 0.1, "0001-01-01", "1970-01-01 00:00:00", "12:00:00"),
    ("", "张三", 5, "5.00", 5.0, "2000-02-01", "2000-02-01 00:00:00", "05:00:00"),
    ("a%b_c", "a\\b", 1, "0.01", 0.0, "2000-01-01", "2000-01-01 00:00:00", "01:00:00"),
    ("\N{GRINNING FACE}", "x", 2, "0.02", 2.0, "2038-01-19", "2038-01-19 03:14:07", "02:00:00"),
    ("张三丰", "y", 3, "0.03", 3.0, "2100-01-01", "2100-01-01 00:00:00", "03:00:00"),
    (None, None, None, None, None, None, None, None),
]
CONDITIONS: list[tuple[str, tuple[Any, ...]]] = [
    ("true", ()),
    ("region = {0}", ("North",)),
    ("region <> {0}", ("North",)),
    ("region = {0}", ("Nörth",)),
    ("region = {0}", ("",)),
    ("region = {0}", (None,)),
    ("NOT region = {0}", ("North ",)),
    ("region >= 'North'", ()),
    ("region IN ('north', 'a%b_c', {0})", ("张三丰",)),
    ("region NOT IN ('north', {0})", ("x",)),
    ("region NOT IN ('north', {0})", (None,)),
    ("region = ANY ({0})", (("North", "\N{GRINNING FACE}", None),)),
    ("region = ANY ({0})", ((),)),
    ("region <> ALL ({0})", (("North", "north"),)),
    ("age = ANY ({0})", ((17, 18),)),
    ("region LIKE 'N%'", ()),
    ("region LIKE 'n%'", ()),
    ("region NOT LIKE 'n%'", ()),
    ("region LIKE '_'", ()),
    ("region LIKE 'a%c'", ()),
    ("region LIKE {0}", ("a\\%b\\_c",)),
    ("region LIKE {0}", ("North_",)),
    ("code = 'ab'", ()),
    ("code = 'AB'", ()),
    ("code = ''", ()),
    ("code LIKE 'a%'", ()),
    ("region LIKE {0}", ("a\\%b!_c",)),
    ("region LIKE {0}", ("%\\b\\_c",)),
    ("lower(region) = 'north'", ()),
    ("upper(code) = 'AB'", ()),
    ("btrim(region) = 'North'", ()),
    ("length(region) = 3", ()),
    ("char_length(code) = 2", ()),
    ("left(region, 2) = 'No'", ()),
    ("right(region, 2) = 'th'", ()),
    ("substring(region, 2, 2) = 'or'", ()),
    ("substr(region, 2) = 'orth'", ()),
    ("strpos(region, 'th') = 4", ()),
    ("strpos(region, 'TH') = 0", ()),
    ("starts_with(region, 'No')", ()),
    ("starts_with(region, 'no')", ()),
    ("region || code = 'Northab'", ()),
    ("coalesce(region, 'none') = 'none'", ()),
    ("region IS NULL OR age IS NULL", ()),
    ("born IS NOT NULL", ()),
    ("age > 17", ()),
    ("age >= '18'", ()),
    ("age - 18 < 0", ()),
    ("-age < -17", ()),
    ("age * 2 = 10", ()),
    ("age + amount > 20", ()),
    ("amount = 12.34", ()),
    ("amount = 5", ()),
    ("abs(amount) = 1.5", ()),
    ("round(amount) = 2", ()),
    ("floor(amount) = -2 OR ceil(amount) = 13", ()),
    ("amount BETWEEN 0.01 AND 0.03", ()),
    ("amount NOT BETWEEN {0} AND {1}", (0.01, 5)),
    ("rate = 0.1", ()),
    ("rate < amount", ()),
    ("rate > {0}", (0.25,)),
    ("rate > 1e9", ()),
    ("born < '2000-01-31'", ()),
    ("born <= '2000-01-31'::date", ()),
    ("born = {0}", ("2020-02-29",)),
    ("at >= '2000-01-31 10:00'", ()),
    ("at < '2000-01-31 10:00:00'::timestamp", ()),
    ("at > born", ()),
    ("wake < '10:00'", ()),
    ("extract(year from born) = 2000", ()),
    ("date_part('month', at) = 1", ()),
    ("CASE WHEN age > 17 THEN region ELSE 'x' END = 'x'", ()),
    ("CASE WHEN age > 17 THEN region = 'North ' END", ()),
    ("(age > 17) IS NOT TRUE", ()),
    ("(age > 17) IS UNKNOWN", ()),
    ("NOT (age > 17 AND region = 'North ' OR amount < 0)", ()),
    ("{0} AND age > 1", (True,)),
    ("{0}::int > age", ("5",)),
    ("region = {0}::text", ("North",)),
]


@pytest.fixture(scope="module")
def stages(either: LocalMySQL, schema: str, postgres: Any) -> Any:
    marks = ", ".join(["%s"] * 9)
    with psycopg.connect(postgres.create_database(f"conditions_{either.flavour}"), autocommit=True) as connection:
        columns = ", ".join(f'"{c.name}" {c.type_name}' for c in RELATION.columns)
        connection.execute(f"CREATE TABLE t ({columns})")
        with either.connect(schema) as other, other.cursor() as cursor:
            collations = {"region": " COLLATE utf8mb4_unicode_ci", "code": " COLLATE utf8mb4_unicode_ci"}
            columns = ", ".join(f"`{c.name}` {c.type_name}{collations.get(c.name, '')}" for c in TABLE.columns)
            cursor.execute(f"CREATE TABLE t ({columns}, KEY (region))")
            for number, row in enumerate(ROWS):
                connection.execute(f"INSERT INTO t VALUES ({marks})", (number, *row))
                cursor.execute(f"INSERT INTO t VALUES ({marks})", (number, *row))
            yield connection, cursor


@pytest.mark.parametrize(("text", "values"), CONDITIONS, ids=lambda value: str(value)[:60])
def test_a_condition_holds_on_the_same_rows(stages, text, values):
    """PostgreSQL and this server find the same rows, and the server has nothing to warn of."""
    connection, cursor = stages
    condition = RowCondition(text, values)
    where = postgres_conditions.print_condition(condition, RELATION, '"t"')
    expected = connection.execute(f"SELECT n FROM t WHERE {where} ORDER BY n").fetchall()
    # as an expression and as a filter, which the optimizer may treat differently
    printed = print_condition(condition, TABLE, "`t`")
    cursor.execute(f"SELECT n FROM t WHERE {printed} ORDER BY n")
    found = cursor.fetchall()
    assert cursor._result.warning_count == 0
    assert [row[0] for row in found] == [row[0] for row in expected]
    cursor.execute(f"SELECT n FROM t WHERE CASE WHEN {printed} THEN 1 ELSE 0 END = 1 ORDER BY n")
    assert cursor.fetchall() == found
