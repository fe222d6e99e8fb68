"""Statements of many kilobytes, as programs generate them: rows to insert, lists to look for, and what is too much."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest


def test_rows_of_a_bulk_insert_arrive_as_they_were_sent(shop: Any) -> None:
    """Hundreds of kilobytes of VALUES, odd texts among them, are stored exactly, by somebody from whom columns are hidden."""
    texts = ["plain", "it''s", "中文", "-- no comment", "/* nor this", "a, (b), c", "\\", '"', "$1", "NULL", ""]
    rows = [(n, texts[n % len(texts)] + str(n)) for n in range(8_000)]
    values = ", ".join(f"({n}, {n % 500 + 1}, '{text}')" for n, text in rows)
    with psycopg.connect(shop.clerk.dsn, autocommit=True, prepare_threshold=None) as clerk:
        clerk.execute("CREATE TEMP TABLE bulk (id int, person int, body text)")
        for params in (None, ()):
            clerk.execute("TRUNCATE pg_temp.bulk")
            tag = clerk.execute(f"INSERT INTO bulk VALUES {values}", params).statusmessage
            assert tag == "INSERT 0 8000"
            found = clerk.execute("SELECT id, body FROM bulk ORDER BY id").fetchall()
            assert found == [(n, text.replace("''", "'")) for n, text in rows]


def test_a_long_list_is_looked_for_behind_the_mask(shop: Any) -> None:
    """The edit before a list of tens of thousands, and one behind it, are made at their places."""
    ids = ", ".join(map(str, range(1, 30_001)))
    text = f"SELECT '中', p.phone FROM people p WHERE p.id IN ({ids}) AND p.phone LIKE (SELECT '138%' FROM people q WHERE q.phone IS NOT NULL AND q.id = 7) ORDER BY p.id"
    with psycopg.connect(shop.clerk.dsn, autocommit=True, prepare_threshold=None) as clerk:
        for params in (None, ()):
            found = clerk.execute(text.replace("%", "%%") if params is not None else text, params).fetchall()
            assert found == [("中", shop.clerk.phone(n)) for n in range(1, 501)]


def test_a_mistake_behind_a_long_list_is_pointed_at(shop: Any) -> None:
    """The position counts the whole text, whatever of it was read."""
    text = f"SELECT p.phone FROM people p WHERE p.id IN ({', '.join(map(str, range(10_000)))}) AND '中' = p.nme"
    places = []
    for dsn in (shop.clerk.dsn, shop.direct):
        with psycopg.connect(dsn, autocommit=True) as client, pytest.raises(psycopg.errors.UndefinedColumn) as caught:
            client.execute(text)
        places.append(caught.value.diag.statement_position)
    assert places == [str(text.index("p.nme") + 1)] * 2


def test_what_would_hold_up_everybody_is_refused(shop: Any) -> None:
    """Endless operators and comments are refused before they are read, and the session goes on."""
    with psycopg.connect(shop.clerk.dsn, autocommit=True) as clerk:
        for text in ("SELECT " + "+" * 200_000 + "1", "SELECT 1" + "/**/" * 50_000, "SELECT 1" + "+1" * 100_000):
            with pytest.raises(psycopg.errors.StatementTooComplex):
                clerk.execute(text)
        assert clerk.execute("SELECT 1").fetchone() == (1,)
