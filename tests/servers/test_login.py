"""What both ways to log in share: parameters, the greeting, cancel keys, versions."""

from __future__ import annotations

import socket
import struct
import threading

import asyncpg
import psycopg
import pytest
from fixtures.waiting import afterwards, until, until_runs

from proxy import scram
from proxy.postgres.login import Cancelled, Established, PostgresLoginSettings
from proxy.postgres.wire import messages
from proxy.tls import server_tls


@pytest.mark.parametrize(
    "options",
    [
        "-c statement_timeout=7s",
        "--statement-timeout=7s --geqo=off",
        "-cstatement_timeout=7000 -c search_path=a,b",
        r"-c search_path=a,\ b -c louverx.y=\\z",
        "-c datestyle=German -c DateStyle=SQL",
    ],
)
def test_options_mean_what_they_mean_to_the_server(login_proxy, house, options: str) -> None:
    """What the proxy makes of `options` has the effect that the server would have given it."""
    query = (
        "select concat_ws('|', current_setting('statement_timeout'), current_setting('geqo'), "
        "current_setting('search_path'), current_setting('datestyle'), current_setting('louverx.y', true))"
    )
    direct = house.by_psycopg(house.server.port, "by_scram", query, options=options)
    assert house.by_psycopg(login_proxy(house.relay()).port, "by_scram", query, options=options) == direct


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"client_encoding": "LATIN1"}, "client_encoding must be UTF8"),
        ({"options": "-c standard_conforming_strings=off"}, "must stay on"),
        ({"options": "-c louver.key=00"}, "belongs to the proxy"),
        ({"replication": "database"}, "replication connections are not let through"),
        ({"replication": "true"}, "replication connections are not let through"),
        ({"options": "-e"}, "is not let through"),
    ],
)
@pytest.mark.parametrize("login", ["relay", "own"])
def test_wishes_that_are_refused(  # noqa: PLR0917  fixtures and parameters
    login_proxy, house, louver_users, login: str, wish: dict, words: str
) -> None:
    """What would change the reading of SQL or escape it is refused before anybody is asked for a password."""
    proxy = login_proxy(getattr(house, login)(), louver_users)
    with pytest.raises(AssertionError, match=words):
        house.by_psycopg(proxy.port, "by_scram", "select 1", **wish)


def test_application_and_parameters_are_known(login_proxy, house) -> None:
    """The application's name reaches both the proxy's caller and the database."""
    proxy = login_proxy(house.relay())
    query = "select application_name from pg_stat_activity where pid = pg_backend_pid()"
    assert house.by_psql(proxy.port, "by_scram", query, application_name="teller_desk") == "teller_desk"
    session = proxy.outcome(Established)
    assert session.application == "teller_desk"
    assert session.parameter_status["standard_conforming_strings"] == "on"


def test_the_greeting_is_the_databases(login_proxy, house) -> None:
    """The parameters that the server reports, and its pid, are the same through the proxy as without it."""
    found = []
    for port in (house.server.port, login_proxy(house.relay()).port):
        with psycopg.connect(
            host="127.0.0.1", port=port, user="by_scram", password=house.password, dbname="bank"
        ) as session:
            names = ("server_version", "client_encoding", "TimeZone", "is_superuser", "session_authorization")
            found.append({name: session.info.parameter_status(name) for name in names})
            assert session.info.backend_pid == session.execute("select pg_backend_pid()").fetchone()[0]
    assert found[0] == found[1]


@pytest.mark.parametrize("login", ["relay", "own"])
@pytest.mark.parametrize("tls", ["prefer", "direct"])
async def test_asyncpg(login_proxy, house, louver_users, login: str, tls: str) -> None:
    """asyncpg logs in, without TLS and with it, and its cancel reaches the right session."""
    certificate = server_tls(house.louver.certificate, house.louver.key)
    proxy = login_proxy(PostgresLoginSettings(**{
        name: getattr(getattr(house, login)(), name) for name in ("upstream", "login", "service")
    }, tls=certificate if tls == "direct" else None), louver_users)  # fmt: skip
    user = "wang" if login == "own" else "by_scram"
    session = await asyncpg.connect(
        host="127.0.0.1", port=proxy.port, user=user, password=house.password, database="bank",
        ssl="require" if tls == "direct" else tls,
    )  # fmt: skip
    try:
        assert await session.fetchval("select session_user") == "by_scram"
        with pytest.raises(TimeoutError):
            await session.fetchval("select pg_sleep(30)", timeout=0.3)
        assert await session.fetchval("select 1") == 1
    finally:
        await session.close()
    assert proxy.outcome(Cancelled).known


async def test_asyncpg_is_not_caught_by_channel_binding(login_proxy, house) -> None:
    """A client that knows no channel binding logs in where libpq's default cannot."""
    proxy = login_proxy(house.relay("require", house.louver))
    session = await asyncpg.connect(
        host="127.0.0.1", port=proxy.port, user="by_scram", password=house.password, database="bank", ssl="require"
    )
    try:
        assert await session.fetchval("select session_user") == "by_scram"
    finally:
        await session.close()


@pytest.mark.parametrize(("protocol", "size"), [("3.0", 4), ("3.2", 32)])
@pytest.mark.parametrize("sslmode", ["disable", "require"])
def test_cancel_by_both_protocols(login_proxy, house, protocol: str, size: int, sslmode: str) -> None:
    """A client of either protocol version cancels its own statement, by an encrypted request, too."""
    proxy = login_proxy(house.relay("disable", house.louver))
    with psycopg.connect(
        host="127.0.0.1", port=proxy.port, user="by_scram", password=house.password, dbname="bank", sslmode=sslmode,
        min_protocol_version=protocol, max_protocol_version=protocol,
    ) as session:  # fmt: skip
        established = proxy.outcome(Established)
        assert established.version == (messages.VERSION_3_2 if protocol == "3.2" else messages.VERSION_3_0)
        assert len(established.key.secret) == size
        runs = lambda: until_runs(house.server.dsn(), "pg_sleep(61)")  # noqa: E731
        cancelling = afterwards(runs, session.cancel_safe)
        with pytest.raises(psycopg.errors.QueryCanceled):
            session.execute("select pg_sleep(61)")
        cancelling.join()
    assert proxy.outcome(Cancelled).known


def test_a_key_does_not_reach_another_session(login_proxy, house) -> None:
    """The database's own key, guessed or overheard, cancels nothing through the proxy."""
    proxy = login_proxy(house.relay())
    with psycopg.connect(
        host="127.0.0.1", port=proxy.port, user="by_scram", password=house.password, dbname="bank"
    ) as session:
        key = proxy.outcome(Established).key

        def attack() -> None:
            for secret in (b"\0" * 4, bytes(4 - i for i in range(4)), key.secret + b"\0"):
                with socket.create_connection(("127.0.0.1", proxy.port), 10) as client:
                    client.sendall(messages.cancel_request(messages.BackendKey(key.pid, secret)))
                    assert client.recv(1) == b""

        threading.Timer(0.1, attack).start()
        session.execute("select pg_sleep(0.6)")
    for _ in range(3):
        assert not proxy.outcome(Cancelled).known


def test_versions_are_negotiated_in_the_servers_bytes(house) -> None:
    """Our answer to a version or option that is not spoken has the bytes of PostgreSQL's own."""
    packet = messages.startup_message(messages.VERSION_3_2, {"user": "by_scram", "_pq_.louver": "1"})
    with socket.create_connection(("127.0.0.1", house.server.port), 10) as client:
        client.sendall(packet)
        head = client.recv(5, socket.MSG_WAITALL)
        answer = head + client.recv(struct.unpack("!I", head[1:])[0] - 4, socket.MSG_WAITALL)
    assert answer == messages.negotiate_protocol_version(messages.VERSION_3_0, ("_pq_.louver",))


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_login_byte_by_byte(login_proxy, house, louver_users, loop: str) -> None:
    """However a client's bytes are cut, it is logged in and can ask."""
    proxy = login_proxy(house.own(), louver_users, loop=loop)
    exchange = scram.client_first(("SCRAM-SHA-256",), binding=None, nonce=b"abc")
    with socket.create_connection(("127.0.0.1", proxy.port), 10) as client, client.makefile("rb") as received:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def say(data: bytes) -> None:
            for byte in data:
                client.sendall(bytes((byte,)))

        def hear() -> tuple[bytes, bytes]:
            kind, length = struct.unpack("!cI", received.read(5))
            return kind, received.read(length - 4)

        say(messages.startup_message(messages.VERSION_3_0, {"user": "wang", "database": "bank"}))
        assert hear()[0] == b"R"
        say(messages.sasl_initial_response(exchange.mechanism, exchange.first))
        final, expected = scram.client_final(exchange, hear()[1][4:], house.password)
        say(messages.password_message(final))
        assert hear()[1][4:] == expected
        while hear()[0] != b"Z":
            pass
        say(messages.message(b"Q", b"select 7\0"))
        assert [hear()[0] for _ in range(4)] == [b"T", b"D", b"C", b"Z"]


def test_a_client_that_leaves_to_ask_for_the_password(login_proxy, house, louver_users) -> None:
    """A client that leaves to ask for the password logs in with its next connection."""
    proxy = login_proxy(house.own(), louver_users)
    with pytest.raises(AssertionError, match="no password supplied"):
        house.by_psql(proxy.port, "wang", "select 1", "")
    assert house.by_psql(proxy.port, "wang", "select 1") == "1"


def test_nothing_stays_open(login_proxy, house, louver_users) -> None:
    """After sessions end and logins are refused, no connection of theirs is left on the database."""
    proxy = login_proxy(house.own(), louver_users)
    for password in (house.password, "wrong") * 5:
        try:
            house.by_psycopg(proxy.port, "wang", "select 1", password, application_name="left_open")
        except AssertionError:
            assert password == "wrong"
    query = "select count(*) from pg_stat_activity where application_name = 'left_open'"
    until(lambda: house.server.run_sql(query).strip() == "0", "the sessions end")
