"""psycopg 3 through Louver: every way of sending a statement and fetching its rows, for the owner and for the clerk."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from fixtures.waiting import afterwards, until_runs
from psycopg import errors
from psycopg.pq import DiagnosticField, ExecStatus, TransactionStatus
from psycopg.types.composite import CompositeInfo
from psycopg.types.enum import EnumInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SELECT = "SELECT phone FROM people WHERE id = %s"


@pytest.fixture
def connection(person: Any) -> Iterator[psycopg.Connection]:
    """A session in autocommit."""
    with psycopg.connect(person.dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture
def clerk(shop: Any) -> Iterator[psycopg.Connection]:
    """The clerk's session in autocommit."""
    with psycopg.connect(shop.clerk.dsn, autocommit=True) as connection:
        yield connection


def _simple(connection: psycopg.Connection) -> list[Any]:
    return connection.execute("SELECT phone FROM people WHERE id IN (7, 8) ORDER BY id").fetchall()


def _extended(connection: psycopg.Connection) -> list[Any]:
    return connection.execute("SELECT phone FROM people WHERE id IN (%s, %s) ORDER BY id", [7, 8]).fetchall()


def _binary(connection: psycopg.Connection) -> list[Any]:
    query = "SELECT phone FROM people WHERE id IN (%b, %b) ORDER BY id"
    return connection.execute(query, [7, 8], binary=True).fetchall()


def _prepared(connection: psycopg.Connection) -> list[Any]:
    rows = [connection.execute(SELECT, [number], prepare=True).fetchone() for number in (6, 7, 8)]
    return rows[1:]


def _many(connection: psycopg.Connection) -> list[Any]:
    cursor = connection.cursor()
    cursor.executemany(SELECT, [(7,), (8,)], returning=True)
    return [result.fetchone() for result in cursor.results()]


def _server_cursor(connection: psycopg.Connection) -> list[Any]:
    with connection.transaction(), connection.cursor("pages") as cursor:
        cursor.execute("SELECT phone FROM people WHERE id > %s ORDER BY id", [4])
        assert len(cursor.fetchmany(2)) == 2
        return cursor.fetchmany(2)


def _scrolled_cursor(connection: psycopg.Connection) -> list[Any]:
    with connection.cursor("pages", scrollable=True, withhold=True) as cursor:
        cursor.execute("SELECT phone FROM people ORDER BY id")
        cursor.scroll(6, mode="absolute")
        return cursor.fetchmany(2)


def _streamed(connection: psycopg.Connection) -> list[Any]:
    return list(connection.cursor().stream("SELECT phone FROM people WHERE id IN (%s, %s) ORDER BY id", [7, 8]))


def _chunks(connection: psycopg.Connection) -> list[Any]:
    query = "SELECT phone FROM people WHERE id IN (%s, %s) ORDER BY id"
    return list(connection.cursor().stream(query, [7, 8], size=2))


def _pipeline(connection: psycopg.Connection) -> list[Any]:
    with connection.pipeline():
        cursors = [connection.execute(SELECT, [number]) for number in (7, 8)]
        return [cursor.fetchone() for cursor in cursors]


def _copy(connection: psycopg.Connection) -> list[Any]:
    with connection.cursor().copy("COPY (SELECT phone FROM people WHERE id IN (7, 8) ORDER BY id) TO STDOUT") as copy:
        return list(copy.rows())


def _copied_table(connection: psycopg.Connection) -> list[Any]:
    with connection.cursor().copy("COPY people (phone) TO STDOUT (FORMAT binary)") as copy:
        copy.set_types(["varchar"])
        return list(copy.rows())[6:8]


def _batch(connection: psycopg.Connection) -> list[Any]:
    cursor = connection.execute("SELECT 1; SELECT phone FROM people WHERE id IN (7, 8) ORDER BY id")
    assert cursor.nextset()
    return cursor.fetchall()


def _json(connection: psycopg.Connection) -> list[Any]:
    query = "SELECT to_json(p) FROM people AS p WHERE id IN (7, 8) ORDER BY id"
    return [(row[0]["phone"],) for row in connection.execute(query)]


WAYS = (
    *(_simple, _extended, _binary, _prepared, _many, _batch, _json),
    *(_server_cursor, _scrolled_cursor, _streamed, _chunks, _pipeline, _copy, _copied_table),
)


@pytest.mark.parametrize("fetch", WAYS, ids=lambda way: way.__name__.strip("_"))
def test_each_sees_his_own_values_in_every_way_of_fetching(
    connection: psycopg.Connection, person: Any, fetch: Callable[[psycopg.Connection], list[Any]]
) -> None:
    """Whatever a client does to get at rows, the owner gets the phones and the clerk their masks."""
    assert fetch(connection) == [(person.phone(7),), (person.phone(8),)]


def test_keyed_hashes(shop: Any) -> None:
    """A keyed hash is the same in every way of fetching, tells phones apart, and cannot be had without the key."""
    ways = []
    for fetch in WAYS:
        with psycopg.connect(shop.analyst, autocommit=True) as connection:
            ways.append(fetch(connection))
    assert all(rows == ways[0] for rows in ways)
    with psycopg.connect(shop.analyst, autocommit=True) as connection:
        (seven,), (eight,) = ways[0]
        assert seven != eight
        assert "13800000007" not in seven
        counted = "SELECT count(DISTINCT phone), count(*) FILTER (WHERE phone = %s) FROM people"
        assert connection.execute(counted, [seven]).fetchone() == (500, 1)
        connection.execute("DISCARD ALL")
        assert connection.execute("SELECT phone FROM people WHERE id = 7").fetchone() == (seven,)


def test_types_and_names_stay(connection: psycopg.Connection, person: Any) -> None:
    """A mask changes neither a column's name nor its type, in text and in binary."""
    for binary in (False, True):
        cursor = connection.execute("SELECT id, phone, salary, born FROM people WHERE id = 7", binary=binary)
        assert [(column.name, column.type_code) for column in cursor.description or ()] == [
            *(("id", 23), ("phone", 1043), ("salary", 1700), ("born", 1082))
        ]
        salary = Decimal("1007.00") if person.clear else None
        assert cursor.fetchone() == (7, person.phone(7), salary, dt.date(1990, 1, 8))


def test_parameters_meet_what_the_caller_sees(connection: psycopg.Connection, person: Any) -> None:
    """A parameter compared with a masked column is compared with the mask, never with the value."""
    query = "SELECT count(*) FROM people WHERE phone = %s AND id = 7"
    for seen in ("13800000007", "138****0007"):
        for binary in (False, True):
            found = connection.execute(query, [seen], binary=binary).fetchone()
            assert found == (int(seen == person.phone(7)),)


def _pipelined(connection: psycopg.Connection, *batches: tuple[str, ...]) -> list[str]:
    """Send batches at once, each with its synchronisation; what comes back, in the order in which it comes."""
    libpq = connection.pgconn
    libpq.enter_pipeline_mode()
    for batch in batches:
        for text in batch:
            libpq.send_query_params(text.encode(), None)
        libpq.pipeline_sync()
    heard: list[str] = []
    while heard.count("PIPELINE_SYNC") < len(batches):
        result = libpq.get_result()
        if result is not None:
            state = (result.error_field(DiagnosticField.SQLSTATE) or b"").decode()
            value = (result.get_value(0, 0) or b"").decode() if result.ntuples else ""
            heard.append(state or value or ExecStatus(result.status).name)
    libpq.exit_pipeline_mode()
    return heard


@pytest.mark.parametrize(
    ("text", "sqlstate"),
    [("SELECT 1 / 0 FROM people", "22012"), ("UPDATE pg_authid SET nosuch = 1", "42703"), ("SELEC", "42601")],
)
def test_an_error_inside_a_pipeline(connection: psycopg.Connection, person: Any, text: str, sqlstate: str) -> None:
    """An error aborts what follows it up to the next synchronisation, no less and no more."""
    seven, eight = (f"SELECT phone FROM people WHERE id = {number}" for number in (7, 8))
    heard = _pipelined(connection, (seven, text, eight), (eight,))
    if text.startswith("UPDATE") and not person.clear:
        sqlstate = "42501"  # a system catalog is not for the clerk to write
    assert heard == [
        *(person.phone(7), sqlstate, "PIPELINE_ABORTED", "PIPELINE_SYNC", person.phone(8), "PIPELINE_SYNC")
    ]


def test_a_refusal_inside_a_pipeline(clerk: psycopg.Connection) -> None:
    """A refused statement behaves in a pipeline like one that the server refuses, and undoes the batch like it."""
    insert = "INSERT INTO notes (person, body) VALUES (7, 'pipelined')"
    heard = _pipelined(clerk, (insert, "UPDATE people SET phone = '0'", insert), ("SELECT phone FROM people LIMIT 1",))
    assert heard == ["COMMAND_OK", "42501", "PIPELINE_ABORTED", "PIPELINE_SYNC", "138****0001", "PIPELINE_SYNC"]
    assert clerk.execute("SELECT count(*) FROM notes WHERE body = 'pipelined'").fetchone() == (0,)


REFUSED = {
    "UPDATE people SET phone = '0' WHERE id = -1": "permission denied to write column public.people.phone",
    "COPY people FROM STDIN": "permission denied to write column public.people.phone",
    "SELECT lo_create(0)": r"function lo_create\(\) is not allowed",
    "SELECT lo_get(1)": r"function lo_get\(\) is not allowed",
    "SELECT pg_read_file('PG_VERSION')": r"function pg_read_file\(\) is not allowed",
    "EXPLAIN SELECT phone FROM people": "EXPLAIN",
    "DO $$BEGIN PERFORM phone FROM people; END$$": "people",
    "SET louver.key = '00'": "louver",
    "SHOW louver.key": "louver",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_refused_says_so_and_the_session_goes_on(clerk: psycopg.Connection, text: str) -> None:
    """A refusal is an ordinary error with a reason; the session works on."""
    with pytest.raises(psycopg.Error, match=REFUSED[text]) as raised:
        clerk.execute(text)
    assert raised.value.sqlstate in {"42501", "0A000"}
    assert clerk.info.transaction_status is TransactionStatus.IDLE
    assert clerk.execute(SELECT, [7]).fetchone() == ("138****0007",)


def test_a_refusal_inside_a_transaction(clerk: psycopg.Connection) -> None:
    """A refused statement aborts the transaction as any error does, and a savepoint saves it."""
    with clerk.transaction():
        clerk.execute("INSERT INTO notes (person, body) VALUES (7, 'kept')")
        with pytest.raises(errors.InsufficientPrivilege), clerk.transaction():
            clerk.execute("UPDATE people SET phone = '0'")
        assert clerk.info.transaction_status is TransactionStatus.INTRANS
        assert clerk.execute("SELECT count(*) FROM notes WHERE body = 'kept'").fetchone() == (1,)
        assert clerk.execute(SELECT, [7]).fetchone() == ("138****0007",)
        clerk.execute("DELETE FROM notes WHERE body = 'kept'")
    clerk.execute("BEGIN")
    with pytest.raises(errors.InsufficientPrivilege):
        clerk.execute("UPDATE people SET phone = '0'")
    assert clerk.info.transaction_status is TransactionStatus.INERROR
    with pytest.raises(errors.InFailedSqlTransaction):
        clerk.execute(SELECT, [7])
    assert clerk.execute("ROLLBACK").statusmessage == "ROLLBACK"
    assert clerk.info.transaction_status is TransactionStatus.IDLE


@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
def test_copy_in(connection: psycopg.Connection, person: Any, binary: bool) -> None:
    """Rows copied in arrive, with their count in the tag."""
    body = f"copied by {person.name}"
    with connection.transaction(force_rollback=True), connection.cursor() as cursor:
        with cursor.copy(f"COPY notes (person, body) FROM STDIN{' (FORMAT binary)' if binary else ''}") as copy:
            if binary:
                copy.set_types(["int4", "text"])
            for number in range(1, 201):
                copy.write_row((number, body))
        assert cursor.rowcount == 200
        found = connection.execute("SELECT count(*) FROM notes WHERE body = %s", [body])
        assert found.fetchone() == (200,)


def test_copy_that_the_client_breaks_off(connection: psycopg.Connection) -> None:
    """An exception of the client's while it copies undoes the copy; the session works on."""

    def copy_and_stumble() -> None:
        with connection.cursor().copy("COPY notes (person, body) FROM STDIN") as copy:
            copy.write_row((1, "broken off"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        copy_and_stumble()
    found = connection.execute("SELECT count(*) FROM notes WHERE body = 'broken off'")
    assert found.fetchone() == (0,)


def test_copy_that_the_server_breaks_off(connection: psycopg.Connection) -> None:
    """Data behind the row that the server refuses is swallowed; the session works on."""

    def copy_nonsense() -> None:
        with connection.cursor().copy("COPY notes (person, body) FROM STDIN") as copy:
            copy.write("not a number\tbody\n")
            for _ in range(50):
                copy.write("1\tmore\n" * 1000)

    with pytest.raises(errors.InvalidTextRepresentation):
        copy_nonsense()
    assert connection.execute("SELECT 1").fetchone() == (1,)


def test_two_phase_commit(connection: psycopg.Connection, person: Any) -> None:
    """A transaction is prepared, listed, and committed by its name."""
    connection.autocommit = False
    xid = connection.xid(1, f"of {person.name}", "branch")
    connection.tpc_begin(xid)
    connection.execute("INSERT INTO notes (person, body) VALUES (7, 'two phases')")
    connection.tpc_prepare()
    connection.tpc_rollback()
    connection.tpc_begin(xid)
    connection.execute("SELECT phone FROM people")
    connection.tpc_prepare()
    connection.tpc_commit()
    assert [found for found in connection.tpc_recover() if found.gtrid == xid.gtrid] == []


def test_cancel(shop: Any, connection: psycopg.Connection) -> None:
    """A running statement is cancelled from another thread, and the session works on."""
    cancelling = afterwards(lambda: until_runs(shop.direct, "pg_sleep(61)"), connection.cancel_safe)
    with pytest.raises(errors.QueryCanceled):
        connection.execute("SELECT pg_sleep(61), phone FROM people")
    cancelling.join()
    assert connection.execute("SELECT 1").fetchone() == (1,)


def test_the_newest_protocol(shop: Any, person: Any) -> None:
    """A client that speaks protocol 3.2 gets it, with cancel keys of its kind."""
    with psycopg.connect(f"{person.dsn}?max_protocol_version=latest", autocommit=True) as connection:
        assert connection.execute(SELECT, [7]).fetchone() == (person.phone(7),)
        cancelling = afterwards(lambda: until_runs(shop.direct, "pg_sleep(62)"), connection.cancel_safe)
        with pytest.raises(errors.QueryCanceled):
            connection.execute("SELECT pg_sleep(62)")
        cancelling.join()
        assert connection.info.full_protocol_version == 30002


def test_notices(connection: psycopg.Connection) -> None:
    """Notices of the server reach the client."""
    heard: list[str | None] = []
    connection.add_notice_handler(lambda notice: heard.append(notice.message_primary))
    connection.execute("DROP TABLE IF EXISTS nowhere")
    assert heard == ['table "nowhere" does not exist, skipping']


def test_who_compares_masked_values_is_told_once(connection: psycopg.Connection, person: Any) -> None:
    """The notice handler hears of the masked column once, whatever way the statements come, and the rows are right."""
    heard: list[tuple[str | None, str | None]] = []
    connection.add_notice_handler(lambda notice: heard.append((notice.sqlstate, notice.message_primary)))
    assert connection.execute("SELECT id FROM people WHERE phone = %s", [person.phone(7)]).fetchall() == [(7,)]
    with connection.pipeline():
        connection.execute("SELECT id FROM people ORDER BY phone LIMIT 1")
    connection.execute("SELECT id FROM people WHERE phone = %s", [person.phone(8)], prepare=True)
    assert [sqlstate for sqlstate, _ in heard] == ([] if person.clear else ["01000"])
    assert all("public.people.phone" in str(message) for _, message in heard)


def test_notifications(shop: Any, person: Any, connection: psycopg.Connection) -> None:
    """A notification of another session arrives while the client waits for nothing else."""
    connection.execute(f"LISTEN for_{person.name}")
    with psycopg.connect(shop.owner.dsn, autocommit=True) as other:
        other.execute("SELECT pg_notify(%s, %s)", [f"for_{person.name}", "hello"])
        heard = list(connection.notifies(timeout=30, stop_after=1))
        assert [(heard_of.payload, heard_of.pid) for heard_of in heard] == [("hello", other.info.backend_pid)]


def test_type_information(connection: psycopg.Connection) -> None:
    """The queries by which psycopg learns of types are answered, for the clerk, too."""
    enum = EnumInfo.fetch(connection, "mood")
    composite = CompositeInfo.fetch(connection, "pair")
    assert enum is not None
    assert list(enum.labels) == ["sad", "happy"]
    assert composite is not None
    assert list(composite.field_names) == ["a", "b"]


def test_large_objects_work_for_who_sees_everything(shop: Any) -> None:
    """The functions of large objects are closed to masked callers alone."""
    with psycopg.connect(shop.owner.dsn) as connection:
        made = connection.execute("SELECT lo_from_bytea(0, 'content')").fetchone()
        assert made is not None
        assert connection.execute("SELECT lo_get(%s)", made).fetchone() == (b"content",)
        connection.rollback()


def test_everything_is_forgotten_on_demand(connection: psycopg.Connection, person: Any) -> None:
    """DISCARD ALL and DEALLOCATE ALL leave a session that works and still hides what it has to."""
    for text in ("DEALLOCATE ALL", "DISCARD ALL"):
        connection.execute(SELECT, [7], prepare=True)
        connection.execute(text)
        assert connection.execute(SELECT, [7], prepare=False).fetchone() == (person.phone(7),)
        assert connection.execute("SELECT phone FROM people WHERE id = 8").fetchone() == (person.phone(8),)


async def test_asynchronous_sessions(person: Any) -> None:
    """The asynchronous half of psycopg works as well."""
    async with await psycopg.AsyncConnection.connect(person.dsn) as connection, connection.pipeline():
        cursors = [await connection.execute(SELECT, [number]) for number in (7, 8)]
        assert [await cursor.fetchone() for cursor in cursors] == [(person.phone(7),), (person.phone(8),)]
