"""Where an error is: the caret of psql and the position that drivers give point into the client's own text."""

from __future__ import annotations

import asyncio
import subprocess
from typing import TYPE_CHECKING, Any

import asyncpg
import psycopg
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

# Each names the protected table before, after or around the mistake.
MISTAKES = [
    "SELECT nme FROM people",
    "SELECT id, phone FROM people WHERE nme = 'x'",
    "SELECT p.phone FROM people p WHERE p.nme = 'x'",
    "SELECT '中文', p.phone FROM people p, notes n WHERE n.persn = p.id",
    "SELECT 1 FROM people p JOIN people q ON p.id = q.id WHERE q.phone = p.nme",
    "SELECT 'é', id FROM notes WHERE person IN (SELECT id FROM people WHERE phone = '中') AND boy = 1",
    "SELECT public.people.nme FROM public.people",
    "SELECT public.people.phone FROM public.people ORDER BY public.people.phone, nme",
    "SELECT p.phone FROM people p, nowhere n",
    "SELECT p.phone FROM people p GROUP BY p.name",
    "SELECT phone + 1 FROM people",
    "SELECT lower(phone, 1) FROM people",
    "SELECT phone FROM people UNION SELECT id FROM people",
    "SELECT id FROM people ORDER BY 7",
    "SELECT id FROM people; SELECT phone, 1 + nme FROM people",
    "SELECT phone\nFROM people -- 中文\nWHERE /* é */ nme IS NULL",
    "SELECT id FROM people WHERE salary > 'x' AND phone = ''",
    "INSERT INTO notes (person, body) SELECT id, phone, nme FROM people",
    "WITH x AS (SELECT phone FROM people) SELECT phon FROM x",
    "PREPARE later AS SELECT phone, nme FROM people",
    "DECLARE c CURSOR FOR SELECT phone FROM people WHERE nme = 1",
    "SELECT phone::nosuch FROM people",
]


def position(connection: psycopg.Connection, text: str, **options: Any) -> tuple[str | None, str | None]:
    """The SQLSTATE of a mistake and where it is said to be."""
    with pytest.raises(psycopg.Error) as caught:
        connection.execute(text, **options)
    return caught.value.sqlstate, caught.value.diag.statement_position


@pytest.fixture(scope="module")
def connections(shop: Any) -> Iterator[tuple[psycopg.Connection, psycopg.Connection]]:
    """Somebody from whom phones are hidden, and the database itself."""
    with (
        psycopg.connect(shop.clerk.dsn, autocommit=True, prepare_threshold=None) as clerk,
        psycopg.connect(shop.direct, autocommit=True, prepare_threshold=None) as direct,
    ):
        yield clerk, direct


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_is_where_it_is_without_louver(connections: Any, text: str) -> None:
    """The position in the client's text is the server's own, by simple query and by Parse."""
    clerk, direct = connections
    assert position(clerk, text) == position(direct, text)
    assert position(direct, text)[1] is not None
    if ";" not in text:
        prepared = {"params": (), "binary": True, "prepare": True}
        assert position(clerk, text, **prepared) == position(direct, text, **prepared)


def test_a_shape_shifts_its_positions_by_the_literals_at_hand(connections: Any) -> None:
    """One plan serves texts with literals of any length, and each gets positions of its own."""
    clerk, direct = connections
    text = "SELECT {!r} || phone FROM people p WHERE id = {} AND {!r} = nme"
    for before, number, behind in [("a", 1, "b"), ("", 123456789, "long " * 20), ("中文", 7, "é"), ("é" * 50, 0, "")]:
        filled = text.format(before, number, behind)
        expected = str(filled.index("nme") + 1)
        assert position(clerk, filled) == position(direct, filled) == ("42703", expected)


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ("SELECT phone FROM people p JOIN LATERAL (SELECT p.nme) x ON true", "p.nme"),
        ("SELECT p.a.b FROM people p", "p.a"),
    ],
)
def test_qualified_names_keep_their_place(connections: Any, text: str, inside: str) -> None:
    """A name behind the reference, and one before it, are pointed at."""
    clerk, direct = connections
    assert position(clerk, text) == position(direct, text)
    assert position(clerk, text)[1] == str(text.index(inside) + 1)


def test_bind_and_describe_point_into_the_prepared_text(shop: Any) -> None:
    """A prepared statement that its table has outgrown fails with a position in its own text."""

    async def places(dsn: str, table: str) -> list[str | None]:
        found = []
        connection = await asyncpg.connect(dsn, statement_cache_size=0)
        other = await asyncpg.connect(shop.direct)
        await other.execute(f"CREATE TABLE {table} (id int, n int)")
        try:
            text = f"SELECT p.phone, '中' FROM people p, {table} WHERE {table}.n = 1"
            prepared = await connection.prepare(text)
            await prepared.fetch()
            await other.execute(f"ALTER TABLE {table} DROP COLUMN n")
            for _ in range(2):
                try:
                    await prepared.fetch()
                except asyncpg.PostgresError as error:
                    found.append((error.sqlstate, error.position))
        finally:
            await other.execute(f"DROP TABLE {table}")
            await other.close()
            await connection.close()
        return found

    direct = asyncio.run(places(shop.direct, "outgrown_d"))
    assert direct[0][1] is not None
    assert asyncio.run(places(shop.clerk.dsn, "outgrown_c")) == direct


def test_psql_points_at_the_word(shop: Any) -> None:
    """Psql's LINE and caret are those of the text that was typed."""

    def run(dsn: str) -> str:
        text = "SELECT id,\n  phone, '中文' FROM people p\n  WHERE id = 1 AND nme = 2;\n\\bind 1\nSELECT phone, nme, $1 FROM people;\n"
        done = subprocess.run(
            [f"{shop.bin}/psql", "-X", "-q", "-A", "-t", dsn],
            input=text,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=shop.environment,
            timeout=60,
            check=False,
        )
        return "\n".join(line for line in done.stdout.splitlines() if not line.startswith("HINT"))

    seen = run(shop.clerk.dsn)
    assert seen == run(shop.direct)
    line, caret = seen.splitlines()[1:3]
    assert line[caret.index("^") :].startswith("nme = 2")
