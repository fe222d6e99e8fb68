"""Rows for ClickHouse: the columns that DuckDB finds in the same lines."""

import itertools
import json

import pytest
from fixtures.shipped import Written, bodies
from hypothesis import given
from hypothesis import strategies as st

from audit import reader, tables
from audit.reader import Read
from shipping.rows import row, type_of

ANY = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
                   lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=9), inner, max_size=2), max_leaves=5)  # fmt: skip


def test_rows_say_what_duckdb_finds(tmp_path):
    """Column by column, for a record of every kind; lists that are not there are empty."""
    written = Written(tmp_path)
    written.add(bodies())
    written.close()
    names = list(tables.COLUMNS)
    with tables.opened([path for _, path in reader.existing(tmp_path)]) as connection:
        chosen = ", ".join(f'"{name}"' for name in names)
        found = connection.execute(f"SELECT {chosen}, line FROM records ORDER BY seq").fetchall()
    ours = [row("t", read) for read in itertools.takewhile(lambda each: each is not None, reader.read_on(tmp_path, 0))]
    assert len(ours) == len(found)
    for mine, theirs in zip(ours, found, strict=True):
        expected = dict(zip((*names, "line"), theirs, strict=True))
        expected["time"] = expected["time"].isoformat(sep=" ", timespec="microseconds")
        lists = {name: [] for name, kind in tables.COLUMNS.items() if isinstance(kind, list) and expected[name] is None}
        assert mine == {"trail": "t", "segment": 1, **expected, **lists}


@given(st.dictionaries(st.sampled_from([*tables.COLUMNS, "hash"]), ANY))
def test_whatever_stands_in_a_record_has_a_row(fields):
    """Of the types that the table has: one odd record must not hold up all others."""
    made = row("t", Read(1, b"{}", {"seq": 1, **fields}))
    json.dumps(made)
    for name, kind in tables.COLUMNS.items():
        value = made[name]
        if isinstance(kind, list):
            assert isinstance(value, list)
        elif name != "time":
            assert value is None or isinstance(value, {"BIGINT": int, "INTEGER": int, "BOOLEAN": bool}.get(kind, str))
            assert not isinstance(value, int) or -(2**63) <= value < 2**63


@pytest.mark.parametrize(
    ("name", "expected"),
    [("seq", "Int64"), ("time", "DateTime64(6, 'UTC')"), ("event", "LowCardinality(Nullable(String))"), ("text", "Nullable(String)"),
     ("kinds", "Array(Nullable(String))"), ("grants", "Array(Nullable(Int64))")],
)  # fmt: skip
def test_types(name, expected):
    """As the engine has them."""
    assert type_of(name) == expected
