"""Definitions that change in the very moment in which a statement runs: the server's word on its columns cuts it off.

A rename that is not committed yet holds the table. The statement is ruled by what stands committed, waits in the server,
and is read there under the new names: then a hidden column has the name of one that is shown.
"""

from __future__ import annotations

import asyncio
import select
import socket
import threading
from typing import TYPE_CHECKING, Any

import asyncpg
import psycopg
import pytest
from fixtures.waiting import recorded, until

from audit.reader import records
from proxy.postgres.wire.frames import BIND, EXECUTE, PARSE, SYNC, frame

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

POLICIES = """
version: 1
dictionary:
  - {column: "witness.public.people.phone", category: phone, level: 3}
"""
TABLE = "CREATE TABLE people (id int, phone text, town text); INSERT INTO people VALUES (1, '13800000001', 'Oslo')"
SWAP = (
    "ALTER TABLE people RENAME phone TO kept",
    "ALTER TABLE people RENAME town TO phone",
    "ALTER TABLE people RENAME kept TO town",
)
QUERY = "SELECT town FROM people"


def simple(client: psycopg.Connection[Any], locked: Callable[[], None]) -> Any:
    """One simple query."""
    locked()
    client.pgconn.send_query(QUERY.encode())
    while client.pgconn.is_busy():  # waiting in get_result would keep the other thread from running
        select.select([client.pgconn.socket], [], [], 10)
        client.pgconn.consume_input()
    result = client.pgconn.get_result()  # the last one would be of the closed connection
    assert result is not None
    while client.pgconn.get_result() is not None:
        pass
    if result.status == psycopg.pq.ExecStatus.FATAL_ERROR:
        raise psycopg.OperationalError(result.error_message.decode())
    return result.get_value(0, 0)


def extended(client: psycopg.Connection[Any], locked: Callable[[], None]) -> Any:
    """The extended protocol, in which libpq describes each portal."""
    locked()
    return client.execute(QUERY, []).fetchall()


def prepared(client: psycopg.Connection[Any], locked: Callable[[], None]) -> Any:
    """A statement that was prepared and run before."""
    client.execute(QUERY, prepare=True)
    locked()
    return client.execute(QUERY, prepare=True).fetchall()


def pipeline(client: psycopg.Connection[Any], locked: Callable[[], None]) -> Any:
    """Many in a pipeline."""
    with client.pipeline():
        cursors = [client.execute("SELECT 1")]
        locked()
        cursors += [client.execute(QUERY), client.execute("SELECT 2")]
    return [cursor.fetchall() for cursor in cursors]


def fetched(client: psycopg.Connection[Any], locked: Callable[[], None]) -> Any:
    """A cursor made by SQL."""
    with client.transaction():
        client.execute("SELECT 1")
        locked()
        client.execute("DECLARE c CURSOR FOR " + QUERY)
        return client.execute("FETCH ALL FROM c").fetchall()


def server_side(client: psycopg.Connection[Any], locked: Callable[[], None]) -> Any:
    """The driver's own cursor on the server."""
    with client.transaction(), client.cursor("named") as cursor:
        client.execute("SELECT 1")
        locked()
        cursor.execute(QUERY)
        return cursor.fetchall()


def executed(client: psycopg.Connection[Any], locked: Callable[[], None]) -> Any:
    """A statement prepared by SQL before the change."""
    client.execute("PREPARE p AS " + QUERY)
    locked()
    return client.execute("EXECUTE p").fetchall()


def returned(client: psycopg.Connection[Any], locked: Callable[[], None]) -> Any:
    """Within WITH, a join and a subquery."""
    locked()
    query = "WITH w AS (SELECT id, town FROM people) SELECT x.town FROM (SELECT * FROM w) x JOIN people USING (id)"
    return client.execute(query).fetchall()


def undescribed(client: psycopg.Connection[Any], locked: Callable[[], None]) -> Any:
    """Parse, Bind and Execute by a client that never asks for a description."""
    locked()
    with socket.fromfd(client.fileno(), socket.AF_INET, socket.SOCK_STREAM) as raw:
        raw.setblocking(True)
        parse, bind, execute = b"\0" + QUERY.encode() + b"\0\0\0", bytes(8), bytes(5)
        raw.sendall(frame(PARSE, parse) + frame(BIND, bind) + frame(EXECUTE, execute) + frame(SYNC, b""))
        answer = b""
        while piece := raw.recv(65536):
            answer += piece
            if b"1380" in answer:
                return answer
    raise psycopg.OperationalError(answer.decode(errors="replace"))


def by_asyncpg(client: psycopg.Connection[Any], locked: Callable[[], None]) -> Any:
    """asyncpg, which describes a statement when it prepares it."""
    return asyncio.run(_by_asyncpg(client.info, locked))


async def _by_asyncpg(info: psycopg.ConnectionInfo, locked: Callable[[], None]) -> Any:
    connection = await asyncpg.connect(
        host=info.host, port=info.port, user=info.user, database=info.dbname, password=info.password
    )
    try:
        await connection.fetch("SELECT 1")
        await asyncio.to_thread(locked)
        return await connection.fetch(QUERY)
    finally:
        connection.terminate()


@pytest.fixture(scope="module")
def house(louver_factory: Callable[..., Any], postgres: Any) -> Iterator[tuple[Any, str]]:
    """A Louver before a table, and the way straight to it."""
    direct = postgres.create_database("witness")
    postgres.run_sql(TABLE, "witness")
    with louver_factory(users={"ann": {"role": "clerk"}}, policies=POLICIES) as louver:
        yield louver, direct


@pytest.mark.parametrize(
    "way",
    [simple, extended, prepared, pipeline, fetched, server_side, executed, returned, undescribed, by_asyncpg],
    ids=lambda way: way.__name__,
)
def test_a_hidden_column_under_another_name_is_cut_off(house: tuple[Any, str], stage: Any, way: Any) -> None:
    """Nothing of the answer leaves; the client is told, the session ends, the audit and the log say so."""
    louver, direct = house
    before = len(denials(louver))
    with (
        psycopg.connect(direct) as owner,
        psycopg.connect(louver.dsn("ann", database="witness"), autocommit=True) as client,
    ):
        until(lambda: client.execute(QUERY).fetchone() == ("Oslo",), "the names are back")
        waits: list[threading.Thread] = []

        def locked() -> None:
            """Take the names away, and give the statement that comes now the time to arrive before that is final."""
            for change in SWAP:
                owner.execute(change)
            waits.append(threading.Thread(target=commit))
            waits[0].start()

        def commit() -> None:
            with psycopg.connect(direct, autocommit=True) as watcher:
                asked = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'people'::regclass"
                until(lambda: watcher.execute(asked).fetchone()[0] > 0, "the statement waits")
            owner.commit()

        try:
            with pytest.raises((psycopg.Error, asyncpg.PostgresError)) as caught:
                pytest.fail(f"shown: {way(client, locked)}")
        finally:
            waits[0].join()
            for change in SWAP:
                owner.execute(change)
            owner.commit()
    if way is not pipeline:  # in which libpq tells the loss of the connection alone
        assert "the answer would show public.people.phone" in str(caught.value)
    assert "1380" not in str(caught.value)
    recorded(louver, "denial", count=before + 1)
    assert len(denials(louver)) == before + 1
    assert denials(louver)[-1]["sqlstate"] == "42501"
    louver.wait_for_said("public.people.phone")


def denials(louver: Any) -> list[Any]:
    """What the audit says was refused besides statements."""
    return [record for record in records(louver.audit_directory) if record["event"] == "denial"]
