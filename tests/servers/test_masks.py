"""Every mask on every type, with odd values, on a real server: the laws that `rewriter.postgres.masks` promises."""

from __future__ import annotations

import json
import re
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import psycopg
import pytest
from servers.mask_subjects import KEY, KINDS, MASKS, NULL_TYPES, PG, SECRET, Kind, shown, stays

from policies.masks import SCHEMAS, Value, read_mask, show, show_array
from policies.positions import Checker, compose
from proxy.postgres.introspection import read_catalog
from rewriter.postgres.catalog import Column
from rewriter.postgres.masks import render
from rewriter.postgres.masks.target import target_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policies.model import Mask


@pytest.fixture(scope="module")
def connection(postgres) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgres.create_database("masks"), autocommit=True, prepare_threshold=None) as connection:
        connection.execute(
            """
            CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
            CREATE TYPE pair AS (a int, b int);
            CREATE TYPE textrange AS RANGE (subtype = text);
            CREATE DOMAIN feeling AS mood NOT NULL;
            CREATE TYPE "Odd ""type" AS ENUM ('sad');
            CREATE DOMAIN "Odd.domain" AS "Odd ""type";
            CREATE DOMAIN phone AS varchar(11) NOT NULL CHECK (VALUE ~ '^1[0-9]{10}$');
            CREATE DOMAIN amount AS numeric(5,2) CHECK (VALUE > 1);
            CREATE DOMAIN born AS date CHECK (VALUE > '1990-01-01');
            CREATE DOMAIN tags AS text[] CHECK (cardinality(VALUE) > 0);
            """
        )
        connection.execute("SELECT pg_catalog.set_config('louver.key', %s, false)", (KEY.setting,))
        yield connection


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.type_name)
@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS.keys())
def test_laws(connection, mask, kind):
    """No value raises an error or passes through clear, NULL stays NULL, and the wire type stays the same."""
    not_null = kind.type_name in ("public.phone", "public.feeling")  # domains that forbid NULL
    values = [*kind.values, *kind.odd] + ([] if not_null else [None])
    rows = shown(connection, mask, kind, values)
    assert len(rows) == len(values)
    if not not_null:
        assert rows.pop()[1] is None
    for value, masked in rows[: len(kind.values)]:
        unseen = mask.name == "null" or kind.type_name in NULL_TYPES
        assert (masked is None) == unseen
        if masked == value:
            is_array, base = kind.base_type.startswith("_"), kind.base_type.removeprefix("_")
            values_of = elements(connection, kind, value) if is_array else [python_value(kind, value)]
            assert all(stays(mask, each, base) for each in values_of), f"{value!r} passes through {mask}"
    if mask.name in ("full", "constant"):
        assert len({masked for _, masked in rows}) == 1
    assert wire_type(connection, mask, kind) == wire_type(connection, None, kind)


def elements(connection: psycopg.Connection, kind: Kind, text: str) -> list[Value]:
    """What an array holds, without NULL."""
    found = connection.execute(f"SELECT v::text FROM unnest(%s::{kind.type_name}) AS v", [text]).fetchall()
    return [python_value(Kind("", kind.base_type[1:], ()), each) for (each,) in found if each is not None]


def python_value(kind: Kind, text: str) -> Value:  # noqa: PLR0911  one for each type
    """Give what the reference in Python is asked about: a value of the column's type."""
    read = {"numeric": Decimal, "int2": int, "int4": int, "int8": int, "float4": float, "float8": float}.get(
        kind.base_type
    )
    if read is not None:
        return read(text)
    match kind.base_type:
        case "bytea":
            return bytes.fromhex(text[2:])
        case "uuid":
            return UUID(text)
        case "date":
            return date.fromisoformat(text)
        case "timestamp" | "timestamptz":
            return datetime.fromisoformat(text)
        case "bpchar":
            return text.rstrip(" ")
    return text


REFERENCED = [
    kind
    for kind in KINDS
    if kind.base_type in ("json", "jsonb", "text", "varchar", "bpchar", "name", "int8", "float8", "bytea", "uuid")
] + [
    Kind(
        PG + "numeric",
        "numeric",
        ("0.5", "-1.25", "NaN", "Infinity", "1e1500", "123456789.123456789", "-499.9999", "12.50"),
    ),
    Kind(PG + "date", "date", ("2020-02-29", "0001-01-01", "9999-12-31", "1970-01-01", "0006-05-05")),
    Kind(PG + "timestamp", "timestamp", ("2020-02-29 12:34:56.789", "9999-12-31 23:59:59")),
    Kind(
        PG + "timestamptz",
        "timestamptz",
        ("2020-12-31 23:59:59+00", "2020-12-31 23:59:59-08", "2021-01-01 00:30:00+08"),
    ),
]
"""Types whose values Python's own masks know."""


@pytest.mark.parametrize("kind", REFERENCED, ids=lambda kind: kind.type_name)
@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS.keys())
def test_the_server_shows_what_python_shows(connection, mask, kind):
    """Every mask gives what its reference in `policies.masks` gives, byte for byte."""
    match = re.search(r"\((\d+)\)", kind.type_name)
    length = 63 if kind.base_type == "name" else int(match[1]) if match else None
    for value, (_, masked) in zip(kind.values, shown(connection, mask, kind, list(kind.values)), strict=True):
        if mask.name == "json":
            continue  # fits no text; to Python a document is one
        if mask.name == "constant" and kind.base_type not in ("text", "varchar", "bpchar", "name"):
            continue  # read by each server from the policy's text
        if kind.base_type in ("json", "jsonb"):
            if mask.name == "json":
                unreadable = kind.base_type == "json" and re.search(r"\\u0000|\\ud83d|e99999", value)
                assert json.loads(masked) == ({} if unreadable else json.loads(str(show(mask, value)))), (value, masked)
            continue
        expected = show(mask, python_value(kind, value), length=length, secret=SECRET)
        found = None if masked is None else python_value(kind, masked)
        if isinstance(expected, str) and kind.base_type == "bpchar":
            expected = expected.rstrip(" ")
        assert found == expected, (value, masked)
        if mask.name == "noise" and isinstance(expected, Decimal):
            assert str(found) == str(expected)


ARRAYS = [
    (["13812345678", None, "", "a@b.co", 'x, "y" {z}\\', "张三", "NULL"], "text"),
    ([["13812345678", None], ["1", "11010519491231002X"]], "text"),
    ([[["13812345678"]]], "text"),
    ([], "text"),
    ([None, None], "text"),
    (["abc", "alice@b.c"], "varchar(9)"),
    ([13812345678, -5, None, 0], "int8"),
    ([[1, 2, 3], [501, None, 999]], "int8"),
    ([Decimal("12.50"), None], "numeric"),
    ([date(2020, 2, 29), None], "date"),
    ([UUID(int=5)], "uuid"),
]


@pytest.mark.parametrize(("values", "name"), ARRAYS, ids=str)
@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS.keys())
def test_arrays_are_shown_as_python_shows_them(connection, mask, values, name):
    """Each element by itself, in its place."""
    base = name.partition("(")[0]
    expression = render(mask, Column("x", 1, f"{PG}{name}[]", f"_{base}"), "t.x", KEY)
    query = f"SELECT ({expression}) FROM (SELECT %s::{PG}{name}[] AS x OFFSET 0) t"
    found = connection.execute(query, [values]).fetchone()[0]
    if mask.name == "json":
        return  # fits no text; to Python a document is one
    assert found == show_array(mask, values, length=9 if base == "varchar" else None, secret=SECRET)


def wire_type(connection: psycopg.Connection, mask: Mask | None, kind: Kind) -> tuple[int, int]:
    """Give (type OID, typmod) as the server describes the column."""
    table = f"pg_temp.source_{KINDS.index(kind)}"
    connection.execute(f"CREATE TEMP TABLE IF NOT EXISTS {table.removeprefix('pg_temp.')} (x {kind.type_name})")
    column = Column("x", 1, kind.type_name, kind.base_type)
    expression = "t.x" if mask is None else render(mask, column, "t.x", KEY)
    result = connection.execute(f"SELECT {expression} AS x FROM {table} t").pgresult
    # a domain's modifier is not known to the masks
    return result.ftype(0), -1 if kind.type_name in ("public.phone", "public.amount") else result.fmod(0)


ODD_SESSION = (
    "SET TimeZone = 'XXX-167'",
    "SET DateStyle = 'SQL, DMY'",
    "SET IntervalStyle = 'sql_standard'",
    "SET extra_float_digits = -15",
    "SET bytea_output = 'escape'",
    "SET xmloption = 'document'",
    "SET standard_conforming_strings = off",
    "SET escape_string_warning = off",
    "SET array_nulls = off",
    "SET search_path = hostile, public, pg_catalog",
)


@pytest.fixture(scope="module")
def hostile(connection) -> psycopg.Connection:
    """Overloads in a schema of their own that match better than the built-in ones and fail when they are called."""
    connection.execute("CREATE SCHEMA hostile")
    for function, arguments in {
        "length": "text", "left": "text, int", "right": "text, int", "repeat": "text, int", "split_part": "text, text, int",
        "replace": "text, text, text", "decode": "text, text", "encode": "bytea, text", "sha256": "bytea",
        "abs": "numeric", "mod": "numeric, numeric", "sign": "numeric", "date_trunc": "text, timestamptz, text",
        "extract": "text, date", "current_setting": "text, bool", "trim_scale": "numeric",
        "translate": "text, text, text", "regexp_replace": "text, text, text, text", "substring": "text, text", "lpad": "text, int, text",
        "jsonb_set": "jsonb, text[], jsonb, bool", "jsonb_typeof": "jsonb", "octet_length": "text", "family": "inet",
        "set_masklen": "inet, int", "network": "inet", "make_date": "int, int, int", "timezone": "text, timestamptz", "round": "numeric, int",
        "getdatabaseencoding": "",
    }.items():  # fmt: skip
        result = "bytea" if function in ("decode", "sha256") else "text"
        connection.execute(
            f"CREATE FUNCTION hostile.{function}({arguments}) RETURNS {result} LANGUAGE plpgsql "
            "AS $$ BEGIN RAISE 'taken'; END $$"
        )
    connection.execute(
        "CREATE FUNCTION hostile.taken(text, text) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RAISE 'taken'; END $$"
    )
    connection.execute("CREATE OPERATOR hostile.~ (LEFTARG = text, RIGHTARG = text, FUNCTION = hostile.taken)")
    connection.execute("CREATE OPERATOR hostile.= (LEFTARG = text, RIGHTARG = text, FUNCTION = hostile.taken)")
    for operator, left, right in (("||", "text", "text"), ("=", "int", "int"), ("<", "int", "int"), ("#>", "jsonb", "text[]"), ("->", "jsonb", "text"),
                                  ("<>", "text", "text"), ("*", "numeric", "numeric"), ("<", "numeric", "numeric")):  # fmt: skip
        name = f"taken_{left}_{right}".replace("[]", "s")
        connection.execute(
            f"CREATE OR REPLACE FUNCTION hostile.{name}({left}, {right}) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RAISE 'taken'; END $$"
        )
        connection.execute(
            f"CREATE OPERATOR hostile.{operator} (LEFTARG = {left}, RIGHTARG = {right}, FUNCTION = hostile.{name})"
        )
    connection.execute("CREATE TYPE hostile.text AS (a int)")
    connection.execute("CREATE TYPE hostile.date AS (a int)")
    connection.execute("CREATE TYPE hostile.numeric AS (a int)")
    return connection


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.type_name)
def test_no_session_setting_changes_a_masked_value(hostile, kind):
    """A caller who turns time zone, styles or search path sees the same masked values and no error."""
    column = Column("x", 1, kind.type_name, kind.base_type)
    masked = {name: render(mask, column, "t.x", KEY) for name, mask in MASKS.items()}
    hostile.execute("RESET ALL")
    hostile.execute("SELECT pg_catalog.set_config('louver.key', %s, false)", (KEY.setting,))
    hostile.execute("DROP TABLE IF EXISTS pg_temp.saved")
    images = ", ".join(f'{expression} AS "{name}"' for name, expression in masked.items())
    hostile.execute(
        f"CREATE TEMP TABLE saved AS SELECT x, {images} FROM "
        f"(SELECT v::{kind.type_name} AS x FROM unnest(%s::text[]) AS v) AS t",
        (list(kind.values + kind.odd),),
    )
    for setting in ODD_SESSION:
        hostile.execute(setting)
    differences = ", ".join(
        f"pg_catalog.count(*) FILTER (WHERE COALESCE(({expression})::pg_catalog.text, 'none') "
        f"OPERATOR(pg_catalog.<>) COALESCE(t.\"{name}\"::pg_catalog.text, 'none'))"
        for name, expression in masked.items()
    )
    try:
        assert set(hostile.execute(f"SELECT {differences} FROM pg_temp.saved t").fetchone()) == {0}
    finally:
        hostile.execute("RESET ALL")
        hostile.execute("SELECT pg_catalog.set_config('louver.key', %s, false)", (KEY.setting,))


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS.keys())
def test_the_subquery_is_pulled_up_and_indexes_are_used(connection, mask):
    """Masks are not volatile: a look-up by another column goes through its index, under every mask."""
    connection.execute("DROP TABLE IF EXISTS people")
    connection.execute(
        "CREATE TABLE people (id int PRIMARY KEY, phone varchar(20), pay numeric(10,2), born date, at timestamptz)"
    )
    columns = [("phone", PG + "varchar(20)", "varchar"), ("pay", PG + "numeric(10,2)", "numeric"),
               ("born", PG + "date", "date"), ("at", PG + "timestamptz", "timestamptz")]  # fmt: skip
    masked = ", ".join(f"{render(mask, Column(n, 1, t, b), f'p.{n}', KEY)} AS {n}" for n, t, b in columns)
    with connection.transaction():
        connection.execute("SET LOCAL enable_seqscan = off")
        query = f"SELECT * FROM (SELECT p.id, {masked} FROM people p) AS p WHERE id = 7"
        plan = "\n".join(row[0] for row in connection.execute("EXPLAIN " + query).fetchall())
    assert "people_pkey" in plan
    assert "Subquery Scan" not in plan


def test_the_collation_of_the_column_stays(connection):
    """A masked text has the collation of its column, so that sorting and comparing work as they did."""
    connection.execute('CREATE TEMP TABLE collated (x text COLLATE "POSIX", y text, z name)')
    columns = [Column("x", 1, PG + "text", "text", collation='pg_catalog."POSIX"'),
               Column("y", 2, PG + "text", "text"), Column("z", 3, PG + "name", "name")]  # fmt: skip
    for mask in MASKS.values():
        images = ", ".join(f"{render(mask, column, f't.{column.name}', KEY)} AS {column.name}" for column in columns)
        connection.execute("DROP VIEW IF EXISTS pg_temp.collations")
        connection.execute(f"CREATE TEMP VIEW collations AS SELECT {images} FROM collated t")
        found = connection.execute(
            "SELECT c.collname FROM pg_attribute a JOIN pg_collation c ON c.oid = attcollation "
            "WHERE attrelid = 'pg_temp.collations'::regclass ORDER BY attnum"
        ).fetchall()
        assert found == [("POSIX",), ("default",), ("C",)]


def test_bytes_that_are_no_utf8_raise_no_error(postgres):
    """In a database without an encoding every mask still gives an answer for every byte."""
    dsn = postgres.create_database("masks_template")
    with psycopg.connect(dsn, autocommit=True) as admin:
        admin.execute("CREATE DATABASE masks_ascii ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
    with psycopg.connect(dsn, dbname="masks_ascii", autocommit=True, client_encoding="SQL_ASCII") as connection:
        connection.execute(f"SET louver.key = '{KEY.setting}'")
        connection.execute(r"CREATE TABLE t AS SELECT E'13812\xff\xfe45678@x.co'::text AS x")
        for mask in MASKS.values():
            sql = render(mask, Column("x", 1, PG + "text", "text"), "t.x", KEY)
            connection.execute(f'SELECT ({sql})::text COLLATE "C" FROM t'.encode()).fetchall()


EXAMPLES = re.findall(
    r"^\| `(\{mask: .*\})` \| `(.*?)` \| `(.*?)` \| `?(.*?)`? \|$",
    (Path(__file__).parents[2] / "docs" / "masks.md").read_text(encoding="utf-8"),
    re.MULTILINE,
)


@pytest.mark.parametrize(("treatment", "type_name", "value", "expected"), EXAMPLES)
def test_the_examples_of_the_documentation_are_true(connection, treatment, type_name, value, expected):
    """docs/masks.md shows what the server gives."""
    root, _ = compose(treatment, "docs")
    mask = read_mask(root, Checker())
    base = type_name.partition("(")[0]
    base = f"_{base.removesuffix('[]')}" if base.endswith("[]") else base
    ((_, masked),) = shown(connection, mask, Kind(PG + type_name, base, ()), [value])
    if match := re.fullmatch(r"(\d+) digits", expected):
        assert re.fullmatch(rf"[0-9a-f]{{{match[1]}}}", masked)
    else:
        assert masked == (None if expected == "NULL" else expected)


def test_every_mask_has_examples():
    """No mask is documented without an example that is tried."""
    assert {re.match(r"\{mask: \"?(\w+)", treatment)[1] for treatment, *_ in EXAMPLES} == set(SCHEMAS)


async def test_the_catalog_describes_columns_as_masks_read_them(connection):
    """Columns as introspection reads them are known to the masks, and every mask of them keeps the type."""
    names = {f"c{number}": kind for number, kind in enumerate(KINDS)}
    connection.execute(
        f"CREATE TABLE described ({', '.join(f'{name} {kind.type_name}' for name, kind in names.items())})"
    )
    info = connection.info
    catalog = await read_catalog(
        {"host": info.host, "port": info.port, "user": info.user, "password": info.password, "database": info.dbname}, 1
    )
    columns = catalog.relations[catalog.names["public", "described"]].columns
    for column in columns:
        read, kind = target_of(column), names[column.name]
        by_hand = target_of(Column(column.name, column.number, kind.type_name, kind.base_type))
        assert (read.base, read.modifiers) == (by_hand.base, by_hand.modifiers) or read.base == by_hand.base == "array"
    described = connection.execute("SELECT * FROM described").pgresult
    for mask in MASKS.values():
        images = ", ".join(render(mask, column, f"t.{column.name}", KEY) for column in columns)
        masked = connection.execute(f"SELECT {images} FROM described t").pgresult
        for number in range(len(columns)):
            assert masked.ftype(number) == described.ftype(number)


def test_every_mask_is_tried():
    """A mask that is added is added to these tests."""
    assert {mask.name for mask in MASKS.values()} == set(SCHEMAS)
