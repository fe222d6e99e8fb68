"""Every mask on every type of MySQL and MariaDB, with odd values, on real servers: the laws that `rewriter.mysql.masks` promises.

And the same results as PostgreSQL's masks, byte for byte, where both have the type.
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymysql.constants import FIELD_TYPE
from servers.mask_subjects import MASKS, SECRET, stays
from servers.mysql_mask_subjects import KINDS, Kind

from policies.masks import SCHEMAS, make_mask, show
from rewriter.keys import key_material
from rewriter.mysql.catalog import Column
from rewriter.mysql.masks import key_statement, render, render_short
from rewriter.postgres import masks as postgres_masks
from rewriter.postgres.catalog import Column as PostgresColumn

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pymysql

    from louver.demo.mysql import LocalMySQL
    from policies.model import Mask

KEY = key_material(SECRET, "louver.key_0123abcd")
SOURCE = "t"


class Stage:
    """A connection to one server with a table for each kind, and the columns as the server describes them."""

    def __init__(self, server: LocalMySQL, schema: str) -> None:
        self.server = server
        self.connection = server.connect(schema)
        self.run("SET SESSION sql_mode = '', time_zone = '+00:00'")
        self.run(key_statement(KEY))
        self.columns: dict[Kind, Column] = {}
        for number, kind in enumerate(self.kinds):
            self.run(f"CREATE TABLE t{number} (n int PRIMARY KEY, x {kind.definition})")
            for place, value in enumerate([*kind.values, *kind.odd, None]):
                self.run(f"INSERT INTO t{number} VALUES (%s, %s)", place, value)
            rows = self.run(
                "SELECT COLUMN_TYPE, DATA_TYPE, CHARACTER_SET_NAME, COLLATION_NAME FROM information_schema.columns "
                "WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s AND COLUMN_NAME = 'x'",
                schema, f"t{number}",
            )  # fmt: skip
            # MariaDB's catalog calls JSON a longtext; the proxy knows it by its CHECK
            base = "json" if kind.definition == "json" else rows[0][1]
            self.columns[kind] = Column("x", 2, rows[0][0], base, False, rows[0][2], rows[0][3])

    @property
    def kinds(self) -> list[Kind]:
        return [kind for kind in KINDS if kind.only in (None, self.server.flavour)]

    def run(self, text: str, *values: object) -> list[tuple[Any, ...]]:
        with self.connection.cursor() as cursor:
            cursor.execute(text, values or None)
            return list(cursor.fetchall())

    def shown(self, mask: Mask, kind: Kind) -> tuple[list[tuple[Any, Any]], pymysql.connections.FieldDescriptorPacket]:
        """Give (value, masked) of each value, and how the server describes the masked column."""
        place = self.kinds.index(kind)
        expression = render(mask, self.columns[kind], f"`t{place}`.`x`", KEY)
        with self.connection.cursor() as cursor:
            cursor.execute(f"SELECT x, {expression} AS x FROM t{place} ORDER BY n")
            fields = cursor._result.fields
            rows = list(cursor.fetchall())
            assert cursor._result.warning_count == 0, expression
        return rows, fields


@pytest.fixture(scope="module")
def stage(either: LocalMySQL, schema: str) -> Iterator[Stage]:
    stage = Stage(either, schema)
    with stage.connection:
        yield stage


FAMILIES = [
    {FIELD_TYPE.TINY, FIELD_TYPE.SHORT, FIELD_TYPE.INT24, FIELD_TYPE.LONG, FIELD_TYPE.LONGLONG},
    {FIELD_TYPE.FLOAT, FIELD_TYPE.DOUBLE},
    {FIELD_TYPE.NEWDECIMAL},
    {FIELD_TYPE.STRING, FIELD_TYPE.VAR_STRING},
    {FIELD_TYPE.BLOB, FIELD_TYPE.TINY_BLOB, FIELD_TYPE.MEDIUM_BLOB, FIELD_TYPE.LONG_BLOB},
    {FIELD_TYPE.DATETIME, FIELD_TYPE.TIMESTAMP},
    {FIELD_TYPE.BIT, FIELD_TYPE.LONG, FIELD_TYPE.LONGLONG},  # no expression is of type BIT
    {FIELD_TYPE.YEAR, FIELD_TYPE.LONG, FIELD_TYPE.LONGLONG},
]
UNSIGNED = 32


def self_described(kind: Kind) -> str:
    """Give the type that Python's reference does not know, for what MariaDB has alone."""
    return "inet" if kind.definition in ("inet4", "inet6") else ""


def test_laws(stage: Stage, subtests: pytest.Subtests) -> None:
    """No value raises an error or a warning or passes through clear, NULL stays NULL, the kind of type stays."""
    for kind in stage.kinds:
        for name, mask in MASKS.items():
            with subtests.test(kind=kind.definition, mask=name):
                rows, (plain, masked) = stage.shown(mask, kind)
                assert rows.pop()[1] is None
                for value, image in rows[: len(kind.values)]:
                    if value is None:  # what a server in a lenient mode made of an odd value
                        continue
                    assert (image is None) == (mask.name == "null" or kind.null)
                    if image == value:
                        assert stays(mask, value, self_described(kind)), (value, image)
                if mask.name in ("full", "constant"):
                    assert len({repr(image) for _, image in rows}) == 1
                same = masked.type_code == plain.type_code
                assert same or any({masked.type_code, plain.type_code} <= family for family in FAMILIES)
                assert masked.charsetnr == plain.charsetnr or masked.type_code == FIELD_TYPE.JSON
                if plain.type_code in FAMILIES[0]:
                    assert masked.flags & UNSIGNED == plain.flags & UNSIGNED
                if plain.type_code == FIELD_TYPE.NEWDECIMAL:
                    assert (masked.scale, masked.length) == (plain.scale, max(plain.length, masked.length))
                assert masked.org_table == "" == masked.org_name


def test_short_masks_show_the_same(stage: Stage, subtests: pytest.Subtests) -> None:
    """Of every value, padded or not; and their length is announced as it is said to be."""
    ends = itertools.product((0, 1, 3), (0, 2, 4), (1, 4), "*x")
    masks = [
        make_mask("partial", keep_first=first, keep_last=last, hide_at_least=hide, character=character)
        for first, last, hide, character in ends
        if first + last
    ]
    shown = 0
    for mask, kind in itertools.product(masks, stage.kinds):
        column, place = stage.columns[kind], stage.kinds.index(kind)
        for mode in ("", "PAD_CHAR_TO_FULL_LENGTH"):
            short = render_short(mask, column, "x", padded=bool(mode))
            if short is None:
                continue
            with subtests.test(kind=kind.definition, mask=mask, mode=mode):
                sql, characters = short
                stage.run(f"SET SESSION sql_mode = '{mode}'")
                with stage.connection.cursor() as cursor:
                    cursor.execute(f"SELECT {sql} AS y, {render(mask, column, 't.x', KEY)} AS z FROM t{place} t")
                    described, rows = cursor._result.fields[0], list(cursor.fetchall())
                stage.run("SET SESSION sql_mode = ''")
                assert [y for y, _ in rows] == [z for _, z in rows]
                assert described.length == 4 * characters
                shown += 1
    assert shown > len(masks)


def test_chosen_members_of_json_are_hidden(stage: Stage) -> None:
    """`json` gives what its reference in Python gives; MariaDB hides a document entirely where a name stands twice or in escapes."""
    (kind,) = (kind for kind in stage.kinds if kind.definition == "json")
    rows, _ = stage.shown(MASKS["json"], kind)
    for value, shown in rows[:-1]:
        unsure = value.count('"phone":') > 1 or value.count('"a":') > 1 or re.search(r"\\u00[2-7]", value)
        expected = {} if stage.server.flavour == "mariadb" and unsure else json.loads(str(show(MASKS["json"], value)))
        assert json.loads(shown) == expected, (value, shown)


def test_collations_stay_as_implicit_as_a_columns(stage: Stage, subtests: pytest.Subtests) -> None:
    """A masked text has its column's character set and collation, and yields to others as the column does."""
    for kind in stage.kinds:
        column = stage.columns[kind]
        if column.collation is None or kind.definition == "json":
            continue
        place = stage.kinds.index(kind)
        for name, mask in MASKS.items():
            with subtests.test(kind=kind.definition, mask=name):
                shown = render(mask, column, "t.x", KEY)
                rows = stage.run(
                    f"SELECT CHARSET({shown}), COLLATION({shown}), COERCIBILITY({shown}), COERCIBILITY(t.x) FROM t{place} t"
                )
                assert set(rows) == {(column.character_set, column.collation, 2, 2)}
                # an explicit collation of the caller's wins, and the column meets its like and a literal
                stage.run(f"SELECT * FROM t{place} t WHERE {shown} = t.x OR {shown} = 'x' OR {shown} IN ('a', 'b')")
                stage.run(f"SELECT {shown} COLLATE {column.character_set}_bin AS y FROM t{place} t ORDER BY y")
                stage.run(f"SELECT {shown} AS y FROM t{place} t UNION SELECT x FROM t{place}")


# Of the connection's character sets only those whose ASCII is ASCII: the rewriter lets no session have another.
ODD_SESSIONS = (
    "SET sql_mode = 'ANSI'",
    "SET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT,IGNORE_SPACE'",
    "SET sql_mode = 'TRADITIONAL,ONLY_FULL_GROUP_BY,PAD_CHAR_TO_FULL_LENGTH'",
    "SET sql_mode = 'NO_UNSIGNED_SUBTRACTION,REAL_AS_FLOAT,HIGH_NOT_PRECEDENCE,NO_ZERO_DATE,NO_ZERO_IN_DATE'",
    "SET NAMES latin1",
    "SET NAMES gbk",
    "SET NAMES utf8mb4 COLLATE utf8mb4_bin",
    "SET div_precision_increment = 0",
    "SET div_precision_increment = 30",
    "SET time_zone = '+09:00'",
    "SET lc_time_names = 'zh_CN'",
    "SET timestamp = 1",
    "SET max_sort_length = 4, group_concat_max_len = 4",
    "SET sql_safe_updates = 1, sql_select_limit = 3",
    "SET sql_auto_is_null = 1",
)
ODD_MARIADB = (
    "SET default_regex_flags = 'EXTENDED,MULTILINE,UNGREEDY,DOTALL,DUPNAMES'",
    "SET old_mode = ''",
    "SET character_set_collations = ''",
    "SET sql_mode = 'TIME_ROUND_FRACTIONAL'",
    "SET sql_mode = 'EMPTY_STRING_IS_NULL'",
    "SET sql_mode = 'MAXDB'",
    "SET sql_mode = 'MYSQL323,MSSQL,DB2,POSTGRESQL'",
)


def shown_under(setting: str, kind: Kind, stage: Stage) -> dict[str, str]:
    """Each mask as it is sent in a session with this setting. Timestamps are shown in the session's zone, as timestamps are."""
    seconds = "UNIX_TIMESTAMP({})" if kind.definition.startswith("timestamp") else "{}"
    padded = "PAD_CHAR" in setting
    return {
        name: seconds.format(render(mask, stage.columns[kind], "t.x", KEY, padded=padded))
        for name, mask in MASKS.items()
        if name != "null"
    }


def test_no_session_setting_changes_a_masked_value(stage: Stage, subtests: pytest.Subtests) -> None:
    """A caller who turns modes, character sets, zones or flags sees the same masked values, no error and no warning."""
    server = stage.server
    with server.connect(stage.connection.db.decode()) as connection, connection.cursor() as cursor:
        for place, kind in enumerate(stage.kinds):
            images = ", ".join(f"{sql} AS `{name}`" for name, sql in shown_under("PAD_CHAR", kind, stage).items())
            cursor.execute("SET SESSION sql_mode = '', time_zone = '+00:00'")
            cursor.execute(key_statement(KEY))
            cursor.execute(f"CREATE TABLE saved{place} AS SELECT n, {images} FROM t{place} AS t")
            for setting in ODD_SESSIONS + (ODD_MARIADB if server.flavour == "mariadb" else ()):
                shown = shown_under(setting, kind, stage)
                same = " AND ".join(f"({sql}) <=> s.`{name}`" for name, sql in shown.items())
                query = f"SELECT COUNT(*) FROM t{place} AS t JOIN saved{place} s ON t.n = s.n WHERE NOT ({same})"
                variables = [word.strip() for word in setting.removeprefix("SET ").split(",") if "=" in word]
                with subtests.test(kind=kind.definition, setting=setting):
                    try:
                        cursor.execute(setting)
                    except Exception:  # noqa: BLE001  not every version has every variable
                        continue
                    cursor.execute(query)
                    assert cursor.fetchall() == ((0,),)
                    assert cursor._result.warning_count == 0
                cursor.execute("SET NAMES utf8mb4")
                for name in [variable.split("=")[0].strip() for variable in variables]:
                    if name.isidentifier():
                        cursor.execute(f"SET {name} = DEFAULT")
                cursor.execute("SET SESSION sql_mode = '', time_zone = '+00:00'")


def as_text(value: object) -> str:
    """Give a value as PostgreSQL reads it out of a text."""
    return f"\\x{value.hex()}" if isinstance(value, bytes) else str(value)


def as_postgres_says(value: object) -> object:
    """Give a value in the form in which both servers' values are compared."""
    if isinstance(value, Decimal):
        return str(value)
    return str(value).replace("+00:00", "") if value is not None and not isinstance(value, bytes | float) else value


@pytest.fixture(scope="module")
def postgres_connection(postgres: Any) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgres.create_database("masks_mysql"), autocommit=True) as connection:
        connection.execute("SELECT pg_catalog.set_config(%s, %s, false)", (KEY.name, KEY.setting))
        yield connection


def test_the_results_are_those_of_postgresql(
    stage: Stage, postgres_connection: psycopg.Connection, subtests: pytest.Subtests
) -> None:
    """Every mask shows what PostgreSQL's shows of the same value, byte for byte, where both have the type."""
    for kind in stage.kinds:
        if kind.postgres is None:
            continue
        type_name, base = kind.postgres
        values = [*kind.values, *kind.odd]
        for name, mask in MASKS.items():
            with subtests.test(kind=kind.definition, mask=name):
                sql = postgres_masks.render(mask, PostgresColumn("x", 1, type_name, base), "t.x", KEY)
                source = "SELECT unnest(%s::text[]) AS v, generate_subscripts(%s::text[], 1) AS n"
                query = f"SELECT {sql} FROM (SELECT n, v::{type_name} AS x FROM ({source}) s OFFSET 0) t ORDER BY n"
                texts = [value if isinstance(value, str) or value is None else as_text(value) for value in values]
                expected = [row[0] for row in postgres_connection.execute(query, (texts, texts))]
                rows, _ = stage.shown(mask, kind)
                found = [image for _, image in rows[:-1]]
                if base == "bpchar":  # PostgreSQL sends it padded
                    expected = [value if value is None else value.rstrip(" ") for value in expected]
                if base == "uuid":
                    found = [None if image is None else str(image) for image in found]
                assert [as_postgres_says(value) for value in found] == [as_postgres_says(value) for value in expected]


texts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=40)
addresses = st.one_of(texts, st.emails(), st.builds(lambda a, b: f"{a}@{b}", texts, texts))
unhurried = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)  # the fixture is a connection, the same for all examples
VARCHAR = Column("x", 1, "varchar(6000)", "varchar", False, "utf8mb4", "utf8mb4_bin")


def one(stage: Stage, mask: Mask, column: Column, value: object, made: str = "CONVERT(%s USING utf8mb4)") -> Any:
    """Give one value masked. Rows of a derived table stand for a table's, and are not merged away."""
    ((shown,),) = stage.run(
        f"SELECT {render(mask, column, 't.x', KEY)} FROM (SELECT {made} AS x UNION ALL SELECT NULL LIMIT 1) t", value
    )
    return shown


@unhurried
@given(texts, st.tuples(st.integers(0, 10), st.integers(0, 10), st.integers(1, 10)), st.booleans())
def test_partial_shows_the_ends_and_nothing_of_a_short_text(stage, text, counts, keep_length):
    """`partial` gives exactly the ends, counted in characters, or only pad when too little would stay hidden."""
    first, last, hide = counts
    mask = make_mask("partial", keep_first=first, keep_last=last, hide_at_least=hide, keep_length=keep_length)
    hidden = len(text) - first - last
    expected = text[:first] + ("*" * hidden if keep_length else "****") + text[len(text) - last :]
    if hidden < hide:
        expected = "*" * max(len(text), 1) if keep_length else "****"
    assert one(stage, mask, VARCHAR, text) == expected


ADDRESS = re.compile(
    r"[^@ \t-\r]+@[A-Za-z0-9](-*[A-Za-z0-9])*(\.[A-Za-z0-9](-*[A-Za-z0-9])*)*\.[A-Za-z]{2,}", re.DOTALL | re.ASCII
)


@unhurried
@given(addresses, st.integers(0, 3))
def test_email_shows_start_and_domain_of_addresses_alone(stage, text, first):
    """`email` shows the domain of what looks like an address, the start if two more characters stay hidden, else nothing."""
    masked = one(stage, make_mask("email", keep_first=first), VARCHAR, text)
    if len(text) > 320 or not ADDRESS.fullmatch(text):
        assert masked == "****"
    else:
        local, domain = text.split("@")
        assert masked == (local[:first] if len(local) >= first + 2 else "") + "***@" + domain


WHOLE = {f"{base}{sign}": (bits, sign) for base, bits in (("tinyint", 8), ("smallint", 16), ("mediumint", 24), ("int", 32), ("bigint", 64))
         for sign in ("", " unsigned")}  # fmt: skip
steps = st.one_of(st.sampled_from([1, 2, 3, 10, 16, 1000, 2**14, 2**30, 10**9, 10**15]), st.integers(1, 10**15))


def nearest(units: int, step: int, least: int, greatest: int) -> int:
    """Half away from zero, then towards zero until it fits; `step` in the same units."""
    away = (abs(units) * 2 + step) // (2 * step) * step
    rounded = -away if units < 0 else away
    return rounded if least <= rounded <= greatest else rounded - (step if units > 0 else -step)


@unhurried
@given(st.sampled_from(sorted(WHOLE)), steps, st.data())
def test_round_of_whole_numbers_is_the_nearest_multiple(stage, name, step, data):
    """Every whole number rounds to the nearest multiple that fits, halves away from zero, up to the ends of its type."""
    bits, sign = WHOLE[name]
    least, greatest = (0, 2**bits - 1) if sign else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    numbers = data.draw(st.lists(st.integers(least, greatest), max_size=10))
    middle = greatest // step * step
    numbers += [least, least + 1, greatest, greatest - 1, middle, middle + step // 2, middle + (step + 1) // 2, 0, 1]
    numbers = [number for number in numbers if least <= number <= greatest]
    column = Column("x", 1, name, name.split()[0])
    expression = render(make_mask("round", step=step), column, "t.x", KEY)
    cast = "UNSIGNED" if sign else "SIGNED"
    source = " UNION ALL ".join(
        f"SELECT {place} AS n, CAST({number} AS {cast}) AS x" for place, number in enumerate(numbers)
    )
    for number, masked in stage.run(f"SELECT x, {expression} FROM ({source}) t ORDER BY n"):
        assert masked == (0 if step > greatest else nearest(number, step, least, greatest)), (name, step, number)


@unhurried
@given(st.sampled_from([(10, 2), (5, 2), (4, 0), (18, 6), (38, 10)]), st.one_of(steps, st.integers(1, 1000)), st.data())
def test_round_of_decimals_is_the_nearest_multiple(stage, size, step, data):
    """A decimal rounds exactly, and to the last multiple that fits where the nearest one does not."""
    precision, scale = size
    ends = 10**precision - 1
    units = data.draw(st.lists(st.integers(-ends, ends), max_size=10))
    half = step * 10**scale // 2
    units += [n for n in (0, 1, ends, ends - 1, half, half - 1, half + 1, 3 * half) for n in (n, -n) if abs(n) <= ends]
    type_name = f"decimal({precision},{scale})"
    expression = render(make_mask("round", step=step), Column("x", 1, type_name, "decimal"), "t.x", KEY)
    source = " UNION ALL ".join(
        f"SELECT {place} AS n, CAST({Decimal(n).scaleb(-scale):f} AS {type_name}) AS x" for place, n in enumerate(units)
    )
    whole = (10 ** (precision - scale) - 1) * 10**scale
    for place, masked in stage.run(f"SELECT n, {expression} FROM ({source}) t ORDER BY n"):
        assert masked == Decimal(nearest(units[place], step * 10**scale, -whole, whole)).scaleb(-scale), (
            size,
            step,
            units[place],
        )


@unhurried
@given(texts)
def test_hash_is_the_hmac_of_the_text(stage, text):
    """`hash` of a text is HMAC-SHA256 of its UTF-8 bytes under the secret, in hex."""
    assert one(stage, make_mask("hash"), VARCHAR, text) == hmac.new(SECRET, text.encode(), hashlib.sha256).hexdigest()


def test_a_key_of_the_callers_own_gives_null(stage: Stage) -> None:
    """With a key that is not the proxy's, absent, or of another type, `hash` gives NULL and no error."""
    sql = render(make_mask("hash"), VARCHAR, "t.x", KEY)
    name = key_statement(KEY).split()[1]
    try:
        for value in (
            "NULL",
            "''",
            "'zz'",
            "1",
            "1.5",
            "x'00'",
            f"UPPER('{KEY.setting}')",
            f"'{key_material(b'another secret of mine').setting}'",
        ):
            stage.run(f"SET {name} = {value}")
            assert stage.run(f"SELECT {sql} FROM (SELECT 'a' AS x) t") == [(None,)]
    finally:
        stage.run(key_statement(KEY))


def test_the_key_stands_in_no_expression(stage: Stage) -> None:
    """Neither the secret nor the padded keys stand in the SQL text; the variable's name begins as the rewriter expects."""
    for kind in stage.kinds:
        sql = render(make_mask("hash"), stage.columns[kind], "t.x", KEY)
        assert SECRET.decode() not in sql
        assert KEY.setting[:32] not in sql
        assert "@" not in sql.replace("@louver_key_0123abcd", "")


def test_the_column_is_still_found_by_an_index(stage: Stage) -> None:
    """A derived table with masks in it is merged: a condition on the key beside it uses the primary key."""
    shown = ", ".join(f"{render(mask, VARCHAR, 't0.x', KEY)} AS `{name}`" for name, mask in MASKS.items())
    ((plan,),) = stage.run(f"EXPLAIN FORMAT=JSON SELECT * FROM (SELECT n, {shown} FROM t0) AS t WHERE n > 20")
    assert "PRIMARY" in plan
    assert "materialize" not in plan


def test_every_mask_is_tried() -> None:
    """A mask that is added is added to these tests."""
    assert {mask.name for mask in MASKS.values()} == set(SCHEMAS)
