"""asyncpg through Louver: prepared statements and their cache, cursors, COPY, types that it asks the catalog for."""

from __future__ import annotations

import asyncio
import io
import time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SELECT = "SELECT phone FROM people WHERE id = $1"


@pytest.fixture
async def connection(person: Any) -> AsyncIterator[asyncpg.Connection]:
    """A session of each of the two."""
    connection = await asyncpg.connect(person.dsn)
    yield connection
    await connection.close()


async def test_every_way_of_fetching(connection: asyncpg.Connection, person: Any) -> None:
    """Rows, a row, a value, many at once and a prepared statement: each sees his own values."""
    seen = [person.phone(7), person.phone(8)]
    assert [row["phone"] for row in await connection.fetch("SELECT phone FROM people WHERE id IN (7, 8)")] == seen
    assert (await connection.fetchrow(SELECT, 7))["phone"] == seen[0]
    assert await connection.fetchval(SELECT, 8) == seen[1]
    assert [row["phone"] for row in await connection.fetchmany(SELECT, [(7,), (8,)])] == seen
    statement = await connection.prepare(SELECT)
    assert [await statement.fetchval(number) for number in (7, 8)] == seen
    assert [attribute.type.name for attribute in statement.get_attributes()] == ["varchar"]


async def test_values_in_binary(connection: asyncpg.Connection, person: Any) -> None:
    """asyncpg reads everything in binary; masked or not, it can."""
    row = await connection.fetchrow("SELECT id, salary, born IS NULL AS unborn FROM people WHERE id = 7")
    assert tuple(row) == (7, Decimal("1007.00") if person.clear else None, False)


async def test_the_statement_cache(connection: asyncpg.Connection, person: Any) -> None:
    """A statement of the cache is run again, and a new one after the table has changed under it."""
    await connection.execute("CREATE TEMP TABLE own (id int, note text)")
    await connection.execute("INSERT INTO own VALUES (7, 'a')")
    joined = "SELECT p.phone, o.* FROM people AS p JOIN own AS o USING (id)"
    assert [tuple(row) for row in await connection.fetch(joined)] == [(person.phone(7), 7, "a")]
    await connection.execute("ALTER TABLE own ADD COLUMN more int DEFAULT 5")
    assert [tuple(row) for row in await connection.fetch(joined)] == [(person.phone(7), 7, "a", 5)]


async def test_a_result_that_changes_its_shape(connection: asyncpg.Connection, person: Any) -> None:
    """A prepared statement whose result has another shape by now fails as it does direct; others stay prepared."""
    table = f"shape_of_{person.name}"
    await connection.execute(f"CREATE TABLE {table} (id int)")
    await connection.execute(f"INSERT INTO {table} VALUES (7)")
    changed = await connection.prepare(f"SELECT * FROM {table}")
    same = await connection.prepare("SELECT phone FROM people WHERE id = 7")
    assert (tuple(await changed.fetchrow()), await same.fetchval()) == ((7,), person.phone(7))
    await connection.execute(f"ALTER TABLE {table} ADD COLUMN more text")
    with pytest.raises(asyncpg.InvalidCachedStatementError):
        await changed.fetchrow()
    assert await same.fetchval() == person.phone(7)
    await connection.execute(f"DROP TABLE {table}")


async def test_cursors(connection: asyncpg.Connection, person: Any) -> None:
    """A cursor fetches a few rows at a time of one portal."""
    async with connection.transaction():
        pages = connection.cursor("SELECT phone FROM people WHERE id < $1 ORDER BY id", 30, prefetch=7)
        seen = [row["phone"] async for row in pages]
        cursor = await connection.cursor("SELECT phone FROM people ORDER BY id")
        await cursor.forward(6)
        assert (await cursor.fetchrow())["phone"] == person.phone(7)
        assert len(await cursor.fetch(5)) == 5
    assert seen == [person.phone(number) for number in range(1, 30)]


async def test_copy_out(connection: asyncpg.Connection, person: Any) -> None:
    """Copying out a query and a table gives what the caller sees."""
    query, table = io.BytesIO(), io.BytesIO()
    await connection.copy_from_query(SELECT.replace("$1", "7"), output=query)
    assert query.getvalue().decode() == f"{person.phone(7)}\n"
    assert await connection.copy_from_table("people", columns=["id", "phone"], output=table) == "COPY 500"
    assert f"7\t{person.phone(7)}\n" in table.getvalue().decode()


async def test_copy_in(connection: asyncpg.Connection, person: Any) -> None:
    """Records and a file are copied in; a failing copy leaves nothing."""
    body = f"asyncpg of {person.name}"
    transaction = connection.transaction()
    await transaction.start()
    records = [(number, body) for number in range(1, 101)]
    assert await connection.copy_records_to_table("notes", records=records, columns=["person", "body"]) == "COPY 100"
    source = io.BytesIO(f"7\t{body}\n".encode())
    assert await connection.copy_to_table("notes", source=source, columns=["person", "body"]) == "COPY 1"
    assert await connection.fetchval("SELECT count(*) FROM notes WHERE body = $1", body) == 101
    await transaction.rollback()
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await connection.copy_records_to_table("notes", records=[(0, body)], columns=["person", "body"])
    assert await connection.fetchval("SELECT count(*) FROM notes WHERE body = $1", body) == 0


async def test_types_of_ones_own(connection: asyncpg.Connection) -> None:
    """The query by which asyncpg learns of enums, composites and arrays is answered, for the clerk, too."""
    row = await connection.fetchrow("SELECT 'sad'::mood, ROW(1, 'x')::pair, ARRAY['happy']::mood[]")
    assert (row[0], tuple(row[1]), row[2]) == ("sad", (1, "x"), ["happy"])
    await connection.set_type_codec("mood", encoder=str, decoder=str.upper, format="text")
    assert await connection.fetchval("SELECT 'sad'::mood") == "SAD"


async def test_transactions(connection: asyncpg.Connection, person: Any) -> None:
    """Nested transactions, one of which fails, and isolation levels."""
    async with connection.transaction(isolation="serializable", readonly=True):
        with pytest.raises(asyncpg.DivisionByZeroError):
            async with connection.transaction():
                await connection.fetch("SELECT 1 / 0 FROM people")
        assert await connection.fetchval(SELECT, 7) == person.phone(7)
        assert await connection.fetchval("SHOW transaction_isolation") == "serializable"
        assert connection.is_in_transaction()


async def test_notifications_and_notices(connection: asyncpg.Connection, shop: Any, person: Any) -> None:
    """What the server says on its own reaches the callbacks."""
    heard: asyncio.Queue[Any] = asyncio.Queue()
    channel = f"asyncpg_{person.name}"

    def listener(*said: Any) -> None:
        heard.put_nowait(said[3])

    await connection.add_listener(channel, listener)
    connection.add_log_listener(lambda _, message: heard.put_nowait(message.message))
    await connection.execute("DROP TABLE IF EXISTS nowhere")
    assert await asyncio.wait_for(heard.get(), 10) == 'table "nowhere" does not exist, skipping'
    other = await asyncpg.connect(shop.owner.dsn)
    await other.execute(f"NOTIFY {channel}, 'hello'")
    assert await asyncio.wait_for(heard.get(), 10) == "hello"
    await other.close()
    await connection.remove_listener(channel, listener)


async def test_who_compares_masked_values_is_told_once(connection: asyncpg.Connection, person: Any) -> None:
    """The log listener hears of the masked column once, and the rows are right."""
    heard: list[str] = []
    connection.add_log_listener(lambda _, message: heard.append(message.message))
    for number in (7, 8):
        rows = await connection.fetch("SELECT id FROM people WHERE phone = $1", person.phone(number))
        assert [row["id"] for row in rows] == [number]
    await asyncio.sleep(0)
    assert len(heard) == (0 if person.clear else 1)
    assert all("public.people.phone" in message for message in heard)


async def test_a_timeout_cancels(connection: asyncpg.Connection) -> None:
    """A timeout of the client's cancels the statement on the server; the session works on."""
    begun = time.monotonic()
    with pytest.raises(TimeoutError):
        await connection.execute("SELECT pg_sleep(60)", timeout=1.0)
    assert time.monotonic() - begun < 50
    assert await connection.fetchval("SELECT 1") == 1


async def test_a_pool_gives_clean_sessions(person: Any) -> None:
    """A pool resets its sessions between uses, and many work at once."""
    async with asyncpg.create_pool(person.dsn, min_size=2, max_size=4) as pool:

        async def one(number: int) -> str:
            async with pool.acquire() as connection:
                await connection.execute("SET application_name = 'one'")
                return await connection.fetchval(SELECT, number)

        assert await asyncio.gather(*map(one, range(1, 41))) == [person.phone(number) for number in range(1, 41)]


async def test_a_refusal(shop: Any) -> None:
    """The clerk may not write phones, in a prepared statement as little as in a simple one; the session works on."""
    connection = await asyncpg.connect(shop.clerk.dsn)
    async with connection.transaction():
        for _ in range(2):
            with pytest.raises(
                asyncpg.InsufficientPrivilegeError, match="permission denied to write column"
            ) as refused:
                async with connection.transaction():
                    await connection.execute("UPDATE people SET phone = $1 WHERE id = $2", "0", 7)
            assert refused.value.hint
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with connection.transaction():
                await connection.copy_records_to_table(
                    "people", records=[(501, "new", "0")], columns=["id", "name", "phone"]
                )
        assert await connection.fetchval(SELECT, 7) == "138****0007"
    await connection.close()
