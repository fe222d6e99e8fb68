"""Types as the masks see them."""

import pytest

from rewriter.postgres.catalog import Column
from rewriter.postgres.masks.target import Target, hidden, padding, target_of

DEFAULT = 'pg_catalog."default"'


@pytest.mark.parametrize(
    ("type_name", "base", "expected"),
    [
        ("pg_catalog.varchar(20)", "varchar", Target("varchar", "pg_catalog.varchar(20)", (20,))),
        ('pg_catalog."varchar"(20)', "varchar", Target("varchar", 'pg_catalog."varchar"(20)', (20,))),
        ('pg_catalog."numeric"(10,2)', "numeric", Target("numeric", 'pg_catalog."numeric"(10,2)', (10, 2))),
        ("pg_catalog.numeric(2,-3)", "numeric", Target("numeric", "pg_catalog.numeric(2,-3)", (2, -3))),
        ("pg_catalog.name", "name", Target("name", "pg_catalog.name", (), 'pg_catalog."C"')),
        ("pg_catalog._int4", "_int4", Target("array", "pg_catalog._int4")),
        ("pg_catalog.int4[]", "_int4", Target("array", "pg_catalog.int4[]")),
        ("pg_catalog.xid", "xid", Target("", "pg_catalog.xid")),
        ("public.phone", "varchar", Target("varchar", "pg_catalog.varchar", (), DEFAULT)),
        ("public.tags", "_text", Target("array", "pg_catalog._text")),
        ("public.mood", "public.mood", Target("", "public.mood")),
        ("public.feeling", "public.mood", Target("", '"public"."mood"')),
        ('public."a"', 'public.x"), secret --', Target("", '"public"."x""), secret --"')),
        ("public.numeric", "public.numeric", Target("", "public.numeric")),
        ("public._int4", "public._int4", Target("", "public._int4")),
        ("mood", "mood", Target("", "mood")),
    ],
)
def test_a_column_gives_its_target(type_name, base, expected):
    """Built-in types are known with their modifiers, domains give their base, all others are unknown."""
    assert target_of(Column("x", 1, type_name, base)) == expected


def test_a_columns_own_collation_is_kept():
    """Text has the collation of its column, other types none."""
    column = Column("x", 1, "pg_catalog.text", "text", collation='pg_catalog."zh_CN"')
    assert target_of(column).collation == 'pg_catalog."zh_CN"'
    assert target_of(Column("x", 1, "pg_catalog.int4", "int4", collation="c")).collation is None


@pytest.mark.parametrize(
    ("length", "taken", "pad"), [(None, 0, "****"), (20, 7, "****"), (5, 2, "***"), (1, 0, "*"), (3, 3, "*")]
)
def test_the_pad_fits_the_column(length, taken, pad):
    """Four characters, or what the column's length leaves, and never none."""
    modifiers = () if length is None else (length,)
    assert padding(Target("varchar", "v", modifiers), "*", taken) == pad


def test_an_unknown_type_is_hidden_as_null():
    """What no mask knows is never shown."""
    assert hidden(Target("", "public.mood")) == "(NULL::public.mood)"
