"""What each mask gives, exactly, of any value: against its definition in Python, on a real server."""

from __future__ import annotations

import hashlib
import hmac
import re
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from servers.mask_subjects import KEY, KINDS, PG, SECRET, Kind, shown

from policies.masks import make_mask
from rewriter.postgres.catalog import Column
from rewriter.postgres.masks import key_material, render

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def connection(postgres) -> Iterator[psycopg.Connection]:
    with psycopg.connect(
        postgres.create_database("masks_exactly"), autocommit=True, prepare_threshold=None
    ) as connection:
        connection.execute("SELECT pg_catalog.set_config('louver.key', %s, false)", (KEY.setting,))
        yield connection


texts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=40)
addresses = st.one_of(texts, st.emails(), st.builds(lambda a, b: f"{a}@{b}", texts, texts))
unhurried = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)  # the fixture is a connection, the same for all examples
TEXT = KINDS[0]


def expected_partial(text: str, first: int, last: int, hide: int, *, keep_length: bool) -> str:
    if len(text) < first + last + hide:
        return "*" * max(len(text), 1) if keep_length else "****"
    pad = "*" * (len(text) - first - last) if keep_length else "****"
    return text[:first] + pad + text[len(text) - last :]


@unhurried
@given(texts, st.tuples(st.integers(0, 10), st.integers(0, 10), st.integers(1, 10)), st.booleans())
def test_partial_shows_the_ends_and_nothing_of_a_short_text(connection, text, counts, keep_length):
    """`partial` gives exactly the ends, counted in characters, or only pad when too little would stay hidden."""
    first, last, hide = counts
    mask = make_mask("partial", keep_first=first, keep_last=last, hide_at_least=hide, keep_length=keep_length)
    ((_, masked),) = shown(connection, mask, TEXT, [text])
    assert masked == expected_partial(text, first, last, hide, keep_length=keep_length)


ADDRESS = re.compile(
    r"[^@ \t-\r]+@[A-Za-z0-9](-*[A-Za-z0-9])*(\.[A-Za-z0-9](-*[A-Za-z0-9])*)*\.[A-Za-z]{2,}", re.DOTALL | re.ASCII
)


@unhurried
@given(addresses, st.integers(0, 3))
def test_email_shows_start_and_domain_of_addresses_alone(connection, text, first):
    """`email` shows the domain of what looks like an address, the start if two more characters stay hidden, else nothing."""
    ((_, masked),) = shown(connection, make_mask("email", keep_first=first), TEXT, [text])
    if len(text) > 320 or not ADDRESS.fullmatch(text):
        assert masked == "****"
    else:
        local, domain = text.split("@")
        assert masked == (local[:first] if len(local) >= first + 2 else "") + "***@" + domain


BOUNDS = {"int2": 2**15, "int4": 2**31, "int8": 2**63}
steps = st.one_of(st.sampled_from([1, 2, 3, 10, 16, 1000, 2**14, 2**30, 10**9, 10**15]), st.integers(1, 10**15))


def expected_round(value: Fraction, step: int, least: int, greatest: int) -> int:
    """Half away from zero, then towards zero until it fits."""
    away = int((abs(value) * 2 + step) // (2 * step)) * step
    rounded = -away if value < 0 else away
    return rounded if least <= rounded <= greatest else rounded - (step if value > 0 else -step)


@unhurried
@given(st.sampled_from(sorted(BOUNDS)), steps, st.data())
def test_round_of_whole_numbers_is_the_nearest_multiple(connection, base, step, data):
    """Every whole number rounds to the nearest multiple that fits, halves away from zero, up to the ends of its type."""
    bound = BOUNDS[base]
    numbers = data.draw(st.lists(st.integers(-bound, bound - 1), max_size=20))
    numbers += [0, 1, -1, bound - 1, bound - 2, -bound, 1 - bound, 2 - bound]
    middle = (bound - 1) // step * step
    numbers += [
        n for near in (step // 2, middle, middle + step // 2) for n in (near, near + 1, -near, -near - 1) if n < bound
    ]
    rows = shown(
        connection, make_mask("round", step=step), Kind(PG + base, base, ()), [str(n) for n in numbers if n >= -bound]
    )
    for value, masked in rows:
        expected = 0 if step >= bound else expected_round(Fraction(value), step, -bound, bound - 1)
        assert int(masked) == expected, (base, step, value)


@unhurried
@given(st.sampled_from([(10, 2), (5, 2), (4, 0), (18, 6), (38, 10)]), st.one_of(steps, st.integers(1, 1000)), st.data())
def test_round_of_numerics_is_the_nearest_multiple(connection, size, step, data):
    """A numeric rounds exactly, and to the last multiple that fits where the nearest one does not."""
    precision, scale = size
    ends = 10**precision - 1
    units = data.draw(st.lists(st.integers(-ends, ends), max_size=20))
    half = step * 10**scale // 2
    units += [n for n in (0, 1, ends, ends - 1, half, half - 1, half + 1, 3 * half) for n in (n, -n) if abs(n) <= ends]
    values = [f"{n}e-{scale}" for n in units]
    kind = Kind(f"{PG}numeric({precision},{scale})", "numeric", ())
    whole = 10 ** (precision - scale) - 1
    for value, masked in shown(connection, make_mask("round", step=step), kind, values):
        assert Decimal(masked) == expected_round(Fraction(value), step, -whole, whole), (size, step, value)


@unhurried
@given(texts)
def test_hash_is_the_hmac_of_the_text(connection, text):
    """`hash` of a text is HMAC-SHA256 of its UTF-8 bytes under the secret, in hex."""
    ((_, masked),) = shown(connection, make_mask("hash"), TEXT, [text])
    assert masked == hmac.new(SECRET, text.encode(), hashlib.sha256).hexdigest()


@pytest.mark.parametrize("secret", [b"s" * 16, b"k" * 64, b"long" * 50])
def test_hash_of_other_types_comes_from_the_same_hmac(connection, secret):
    """Bytes, UUIDs, whole numbers and short texts take the front of the digest; equal numbers of other scale agree."""
    key = key_material(secret)
    with connection.transaction():
        connection.execute("SELECT pg_catalog.set_config('louver.key', %s, true)", (key.setting,))

        def hashed(value: str, type_name: str, base: str) -> object:
            sql = render(make_mask("hash"), Column("x", 1, type_name, base), "t.x", key)
            return connection.execute(f"SELECT {sql} FROM (SELECT %s::{type_name} AS x) t", (value,)).fetchone()[0]

        def digest(data: bytes) -> str:
            return hmac.new(secret, data, hashlib.sha256).hexdigest()

        assert hashed("\\x00ff", "pg_catalog.bytea", "bytea").hex() == digest(b"\x00\xff")
        identifier = "6f1c1c0e-4f0b-4b8e-9a43-5e3f6d9b0c11"
        assert hashed(identifier, "pg_catalog.uuid", "uuid").hex == digest(identifier.encode())[:32]
        assert hashed("42", "pg_catalog.int8", "int8") == int(digest(b"42")[:15], 16)
        assert hashed("42", "pg_catalog.int4", "int4") == int(digest(b"42")[:7], 16)
        assert hashed("42", "pg_catalog.int2", "int2") == int(digest(b"42")[:3], 16)
        assert hashed("1.50", "pg_catalog.numeric", "numeric") == hashed("1.5", "pg_catalog.numeric", "numeric")
        assert hashed("42", "pg_catalog.numeric(6,2)", "numeric") == int(digest(b"42")[:15], 16) % 10**4
        assert hashed("abc", "pg_catalog.varchar(12)", "varchar") == digest(b"abc")[:12]


def test_a_key_of_the_callers_own_gives_null(connection):
    """With a key that is not the proxy's, absent or no hex at all, `hash` gives NULL and no error."""
    sql = render(make_mask("hash"), Column("x", 1, "pg_catalog.text", "text"), "t.x", KEY)
    for setting in (key_material(b"another secret of mine").setting, "", "zz\\", KEY.setting.upper()):
        with connection.transaction():
            connection.execute("SELECT pg_catalog.set_config('louver.key', %s, true)", (setting,))
            assert connection.execute(f"SELECT {sql} FROM (VALUES ('a')) t(x)").fetchone() == (None,)
    with psycopg.connect(connection.info.dsn, password=connection.info.password) as fresh:
        assert fresh.execute(f"SELECT {sql} FROM (VALUES ('a')) t(x)").fetchone() == (None,)


def test_the_key_stands_in_no_plan(connection):
    """EXPLAIN shows neither the secret nor the setting, and reads the key once a statement, not once a row."""
    sql = render(make_mask("hash"), Column("phone", 1, "pg_catalog.text", "text"), "c.phone", KEY)
    connection.execute("CREATE TEMP TABLE hashed AS SELECT i::text AS phone FROM generate_series(1, 50) i")
    rows = connection.execute(f"EXPLAIN (ANALYZE, VERBOSE, TIMING off) SELECT {sql} FROM hashed c").fetchall()
    plan = "\n".join(row[0] for row in rows)
    assert KEY.setting not in plan
    assert SECRET.hex() not in plan
    assert len(re.findall(r"InitPlan", plan)) >= 2
    assert "SubPlan" not in plan
    assert not re.findall(r"Result .*loops=(?!1\))", plan)
