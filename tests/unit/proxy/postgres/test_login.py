"""The login's shell against hostile clients and databases, over real sockets without a real database."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from fixtures.waiting import WAIT_SECONDS, until
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from louver.demo.certificate import make_certificate
from louver.demo.host import free_port
from proxy.front import Abandoned, Cancelled, LoginRefused
from proxy.postgres.login import PostgresLoginSettings
from proxy.postgres.wire import messages
from proxy.postgres.wire.authentication import ServiceAccount
from proxy.postgres.wire.messages import BackendKey
from proxy.tls import server_tls, upstream_tls
from proxy.upstream import Upstream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

START = messages.startup_message(messages.VERSION_3_0, {"user": "me", "database": "bank"})
SSL_REQUEST = messages.ssl_request()


def talk(port: int, data: bytes, *, seconds: float = WAIT_SECONDS) -> bytes:
    """Send bytes and return all that comes back until the other end closes."""
    with socket.create_connection(("127.0.0.1", port), seconds) as client:
        client.sendall(data)
        return rest(client)


def rest(client: socket.socket) -> bytes:
    """Everything up to the end; a reset is an end, too."""
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while data := client.recv(65536):
            received += data
    return received


def error_of(data: bytes) -> dict[str, str]:
    """The fields of the one error in `data`."""
    assert data[:1] == b"E"
    (length,) = struct.unpack_from("!I", data, 1)
    assert len(data) == length + 1
    return messages.parse_report(data[5:])


@pytest.fixture
def database() -> Iterator[Callable[..., int]]:
    """Give a function that starts a false database: a function over the accepted socket; returns its port."""
    listeners: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def start(behave: Callable[[socket.socket], None]) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    connection.settimeout(10)
                    with connection, contextlib.suppress(OSError):
                        behave(connection)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        threads.append(thread)
        return int(listener.getsockname()[1])

    yield start
    for listener in listeners:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
    for thread in threads:
        thread.join(10)


def plain(port: int, **changed: Any) -> PostgresLoginSettings:
    """Settings for a database without TLS."""
    return PostgresLoginSettings(Upstream("127.0.0.1", port, upstream_tls("disable")), **changed)


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_database_that_is_down(login_proxy, loop: str) -> None:
    """The client is told what cannot be reached and to try again; the next connection does try again."""
    port = free_port()
    proxy = login_proxy(plain(port), loop=loop)
    for _ in range(2):
        fields = error_of(talk(proxy.port, START))
        assert fields["S"] == "FATAL"
        assert fields["C"] == "08001"
        assert fields["M"] == f"louver: cannot reach the database at 127.0.0.1:{port}: connection refused"
        refused = proxy.outcome(LoginRefused)
        assert (refused.principal, refused.database, refused.address) == ("me", "bank", "127.0.0.1")
        assert refused.sqlstate == "08001"


def test_names_do_not_forge_log_lines(login_proxy, database, caplog: pytest.LogCaptureFixture) -> None:
    """A line break in a name, which the database's error repeats, stays within one line of the log."""
    caplog.set_level("INFO")
    name = "me\nlogin accepted"
    answer = messages.error_response("FATAL", "28000", f'role "{name}" does not exist')

    def behave(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(answer)

    proxy = login_proxy(plain(database(behave)))
    assert talk(proxy.port, messages.startup_message(messages.VERSION_3_0, {"user": name})) == answer
    proxy.outcome(LoginRefused)
    assert "login accepted" in caplog.text
    assert "\nlogin accepted" not in caplog.text


def test_a_socket_that_is_not_there(login_proxy, tmp_path: Path) -> None:
    """A Unix socket's path is told as the place that cannot be reached."""
    proxy = login_proxy(PostgresLoginSettings(Upstream(str(tmp_path), 5432)))
    assert f"{tmp_path}/.s.PGSQL.5432: there is no such socket" in error_of(talk(proxy.port, START))["M"]


@pytest.mark.parametrize(
    ("behaviour", "sqlstate"),
    [
        (b"", "08006"),
        (b"R\0\0", "08006"),
        (b"R\0\0\0\x02", "08P01"),
        (b"R\xff\xff\xff\xff", "08P01"),
        (b"R\0\0\0\x06\0\0", "08P01"),
        (b"HTTP/1.1 400 Bad Request\r\n", "08P01"),
        (messages.error_response("FATAL", "57P03", "starting up"), "57P03"),
    ],
)
def test_a_database_that_breaks_off(login_proxy, database, behaviour: bytes, sqlstate: str) -> None:
    """A close, half a message or garbage in the login gives the client an error, never silence."""

    def behave(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(behaviour)

    proxy = login_proxy(plain(database(behave)))
    assert error_of(talk(proxy.port, START))["C"] == sqlstate
    assert proxy.outcome(LoginRefused).sqlstate == sqlstate


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_database_that_says_nothing(login_proxy, database, loop: str) -> None:
    """The login's time limit covers the database, too."""
    proxy = login_proxy(plain(database(lambda c: c.recv(1000) and c.recv(1000)), seconds=0.3), loop=loop)
    started = time.monotonic()
    assert error_of(talk(proxy.port, START))["C"] == "57014"
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("answer", [b"N", b"E", b"Sinjected"])
def test_a_database_that_does_not_encrypt(login_proxy, database, answer: bytes) -> None:
    """Where TLS is required, its refusal, an old server's error and bytes injected behind the yes end the login."""

    left: list[bytes] = []

    def behave(connection: socket.socket) -> None:
        assert connection.recv(8) == SSL_REQUEST
        connection.sendall(answer)
        left.append(connection.recv(1000))

    port = database(behave)
    proxy = login_proxy(PostgresLoginSettings(Upstream("127.0.0.1", port, upstream_tls("require"))))
    assert error_of(talk(proxy.port, START))["C"] in ("08001", "08P01")
    until(lambda: left, "the connection is given up")
    assert left == [b""]  # the connection was given up, and nothing said on it


def test_a_certificate_that_is_not_trusted(login_proxy, database, tmp_path: Path) -> None:
    """A database with another certificate than the trusted one is not logged in to."""
    files, other = make_certificate(tmp_path), make_certificate(tmp_path, "other")
    context = server_tls(other.certificate, other.key).context

    def behave(connection: socket.socket) -> None:
        connection.recv(8)
        connection.sendall(b"S")
        with contextlib.suppress(ssl.SSLError), context.wrap_socket(connection, server_side=True) as wrapped:
            wrapped.recv(1000)

    upstream = Upstream("127.0.0.1", database(behave), upstream_tls("verify-full", files.certificate))
    proxy = login_proxy(PostgresLoginSettings(upstream))
    assert "its certificate is not trusted" in error_of(talk(proxy.port, START))["M"]


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize("data", [b"", b"\0\0", START[:20], SSL_REQUEST])
def test_a_client_that_dawdles(login_proxy, loop: str, data: bytes) -> None:
    """Who does not finish the login in time is told so and closed."""
    proxy = login_proxy(plain(free_port(), seconds=0.3), loop=loop)
    received = talk(proxy.port, data)
    assert error_of(received.removeprefix(b"N"))["C"] == "57014"


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_client_that_dawdles_in_tls(login_proxy, tmp_path: Path, loop: str) -> None:
    """The time limit covers the TLS handshake."""
    files = make_certificate(tmp_path)
    proxy = login_proxy(plain(free_port(), seconds=1.0, tls=server_tls(files.certificate, files.key)), loop=loop)
    assert talk(proxy.port, SSL_REQUEST)[:1] == b"S"
    assert talk(proxy.port, b"\x16\x03\x01") == b""


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_bytes_behind_the_request_for_tls(login_proxy, tmp_path: Path, loop: str) -> None:
    """A startup message injected in clear behind the request for TLS is refused (CVE-2021-23214)."""
    files = make_certificate(tmp_path)
    proxy = login_proxy(plain(free_port(), tls=server_tls(files.certificate, files.key)), loop=loop)
    received = talk(proxy.port, SSL_REQUEST + START)
    assert error_of(received.removeprefix(b"S"))["C"] == "08P01"
    assert proxy.outcome(LoginRefused).principal == ""


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_tls_from_the_first_byte_in_pieces(login_proxy, tmp_path: Path, loop: str) -> None:
    """Direct TLS works however the client hello is cut, and needs the protocol's name."""
    files = make_certificate(tmp_path)
    port = free_port()
    proxy = login_proxy(plain(port, tls=server_tls(files.certificate, files.key)), loop=loop)
    context = ssl.create_default_context(cafile=str(files.certificate))
    for alpn, expected in ((["postgresql"], "08001"), (None, "08P01")):
        if alpn:
            context.set_alpn_protocols(alpn)
        else:
            context = ssl.create_default_context(cafile=str(files.certificate))
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        session = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
        with socket.create_connection(("127.0.0.1", proxy.port), 10) as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while True:
                try:
                    session.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    hello = outgoing.read()
                    for piece in (hello[:1], hello[1:7], hello[7:]):
                        client.sendall(piece)
                        time.sleep(0.02)
                    incoming.write(client.recv(65536))
            session.write(START)
            client.sendall(outgoing.read())
            received = b""
            while not received:
                incoming.write(client.recv(65536))
                with contextlib.suppress(ssl.SSLWantReadError):
                    received = session.read(65536)
            assert error_of(received)["C"] == expected


def test_a_client_that_goes_away(login_proxy) -> None:
    """A port check and a client cut in the middle leave no more than a note."""
    proxy = login_proxy(plain(free_port()))
    for data in (b"", START[:20], SSL_REQUEST):
        with socket.create_connection(("127.0.0.1", proxy.port), 10) as client:
            client.sendall(data)
        proxy.outcome(Abandoned)


def test_an_unknown_user_never_reaches_the_database(login_proxy, database) -> None:
    """In the login mode `own` the database is connected to only after the password was right."""
    reached: list[bool] = []
    port = database(lambda _: reached.append(True))
    proxy = login_proxy(plain(port, login="own", service=ServiceAccount("svc", "pw")))
    with socket.create_connection(("127.0.0.1", proxy.port), 10) as client:
        client.sendall(START)
        assert client.recv(65536)[:1] == b"R"
        client.sendall(messages.sasl_initial_response("SCRAM-SHA-256", b"n,,n=,r=abc"))
        assert client.recv(65536)[:1] == b"R"
        client.sendall(messages.password_message(b"c=biws,r=abc,p=" + b"A" * 43 + b"="))
        assert error_of(rest(client))["C"] in ("28P01", "08P01")
    assert reached == []


def test_a_cancel_request_with_a_strange_key(login_proxy, database) -> None:
    """It is ignored in silence, as PostgreSQL does, and does not reach the database."""
    reached: list[bool] = []
    proxy = login_proxy(plain(database(lambda _: reached.append(True))))
    assert talk(proxy.port, messages.cancel_request(BackendKey(1, b"abcd"))) == b""
    assert proxy.outcome(Cancelled).known is False
    assert reached == []


PACKETS = st.one_of(
    st.binary(max_size=200),
    st.just(SSL_REQUEST),
    st.just(START),
    st.binary(max_size=60).map(lambda b: struct.pack("!I", len(b) + 8) + b"\0\x03\0\0" + b),
    st.binary(max_size=60).map(messages.password_message),
    st.binary(max_size=60).map(lambda b: messages.sasl_initial_response("SCRAM-SHA-256", b"n,," + b)),
)


@pytest.mark.parametrize("login", ["relay", "own"])
def test_garbage_gives_an_error_or_a_close(login_proxy, database, login: str, tmp_path: Path) -> None:
    """No bytes of a client make the proxy fail, hang or say anything but protocol messages."""
    files = make_certificate(tmp_path)
    ask = messages.authentication_sasl(("SCRAM-SHA-256",))

    def behave(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(ask)
        connection.recv(1000)

    made = plain(
        database(behave), login=login, service=ServiceAccount("svc", "pw"), tls=server_tls(files.certificate, files.key)
    )
    proxy = login_proxy(made)

    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.lists(PACKETS, max_size=4))
    def attack(packets: list[bytes]) -> None:
        with socket.create_connection(("127.0.0.1", proxy.port), 10) as client:
            with contextlib.suppress(OSError):
                client.sendall(b"".join(packets))
                client.shutdown(socket.SHUT_WR)
            received = rest(client)
        # A TLS alert (0x15) may end a handshake that garbage began.
        assert not received or received[0] in b"ERSNv\x15\x16"

    attack()
    assert proxy.faults == []


def test_settings_that_contradict_each_other() -> None:
    """The login mode `own` needs a service account, and required TLS a certificate."""
    upstream = Upstream("127.0.0.1")
    with pytest.raises(ValueError, match="service account"):
        PostgresLoginSettings(upstream, login="own")
    with pytest.raises(ValueError, match="certificate"):
        PostgresLoginSettings(upstream, tls_required=True)
