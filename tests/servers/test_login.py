"""Logging in through the proxy with real clients to a real server, in both login modes."""

from __future__ import annotations

import datetime as dt
import os
import socket
import struct
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from louver.demo.certificate import CertificateFiles, make_certificate
from louver.demo.postgres import LocalPostgres
from proxy.handshake import Cancelled, Established, HandshakeSettings, LoginRefused
from proxy.identity import Users, add_user
from proxy.postgres import messages, scram
from proxy.postgres.authentication import ServiceAccount
from proxy.tls import server_tls, upstream_tls
from proxy.upstream import Upstream

if TYPE_CHECKING:
    from collections.abc import Iterator

PASSWORD = "pässword 密码"
HBA = """\
local all all scram-sha-256
hostssl all by_certificate 127.0.0.1/32 cert
host all by_trust 127.0.0.1/32 trust
host all by_md5 127.0.0.1/32 md5
host all by_password 127.0.0.1/32 password
host all nobody_may 127.0.0.1/32 reject
host all all 127.0.0.1/32 scram-sha-256
"""
ROLES = f"""\
SET password_encryption = 'md5';
CREATE ROLE by_md5 LOGIN PASSWORD '{PASSWORD}';
SET password_encryption = 'scram-sha-256';
CREATE ROLE by_scram LOGIN PASSWORD '{PASSWORD}';
CREATE ROLE by_password LOGIN PASSWORD '{PASSWORD}';
CREATE ROLE by_trust LOGIN;
CREATE ROLE by_certificate LOGIN;
CREATE ROLE nobody_may LOGIN;
CREATE ROLE odd LOGIN PASSWORD '{PASSWORD}';
ALTER ROLE odd SET client_encoding = 'LATIN1';
ALTER ROLE odd SET standard_conforming_strings = off;
CREATE DATABASE bank;
"""


@dataclass(frozen=True)
class House:
    """A server with one role for each way to log in, and Louver's own certificate beside the server's."""

    server: LocalPostgres
    shared: CertificateFiles  # the server's own
    louver: CertificateFiles
    client: CertificateFiles  # names the role by_certificate

    def upstream(self, mode: str = "disable", **files: Any) -> Upstream:
        """The server, by a TLS mode."""
        return Upstream("127.0.0.1", self.server.port, upstream_tls(mode, self.shared.certificate, **files))

    def relay(
        self, mode: str = "disable", certificate: CertificateFiles | None = None, **more: Any
    ) -> HandshakeSettings:
        """Settings of the login mode `relay`."""
        tls = server_tls(certificate.certificate, certificate.key) if certificate else None
        return HandshakeSettings(self.upstream(mode), tls=tls, **more)

    def own(self, user: str = "by_scram", mode: str = "disable", **more: Any) -> HandshakeSettings:
        """Settings of the login mode `own`, with a service account."""
        changed = {"upstream": self.upstream(mode), "service": ServiceAccount(user, PASSWORD)} | more
        return HandshakeSettings(login="own", **changed)


def client_certificate(directory: Path, issuer: CertificateFiles, name: str) -> CertificateFiles:
    """A certificate for the role `name`, signed by the server's."""
    authority = x509.load_pem_x509_certificate(issuer.certificate.read_bytes())
    signer: Any = serialization.load_pem_private_key(issuer.key.read_bytes(), None)
    key = ec.generate_private_key(ec.SECP256R1())
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder().issuer_name(authority.subject).public_key(key.public_key())
    builder = builder.subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - dt.timedelta(hours=1)).not_valid_after(now + dt.timedelta(days=1))
    files = CertificateFiles(directory / "client.crt", directory / "client.key")
    files.certificate.write_bytes(builder.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8
    files.key.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    return files


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The server of this module."""
    directory = tmp_path_factory.mktemp("certificates")
    # relative paths start from the data directory, beside which the server's certificate stands
    settings = {"ssl_ca_file": "../server.crt", "unix_socket_directories": "."}
    with LocalPostgres.start(settings=settings, hba=HBA) as server:
        server.run_sql(ROLES)
        shared = CertificateFiles(server.certificate, server.certificate.with_suffix(".key"))
        client = client_certificate(directory, shared, "by_certificate")
        yield House(server, shared, make_certificate(directory, "louver"), client)


@pytest.fixture
def users(tmp_path: Path) -> Users:
    """Louver's own users: wang, a teller."""
    path = tmp_path / "users.yaml"
    add_user(path, "wang", PASSWORD, {"roles": ("teller",), "region": "north"})
    return Users.load(path)


def by_psql(house: House, port: int, user: str, query: str, password: str = PASSWORD, **more: str) -> str:
    """The answer of psql 17 to a query; raises AssertionError with what it complains of."""
    words = {"host": "127.0.0.1", "port": str(port), "user": user, "dbname": "bank"} | more
    conninfo = " ".join(f"{name}={value}" for name, value in words.items())
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PG")} | {"PGPASSWORD": password}
    done = subprocess.run(
        [house.server.bin / "psql", "-XAtw", "-c", query, conninfo],
        capture_output=True, encoding="utf-8", env=environment, timeout=30, check=False,
    )  # fmt: skip
    if done.returncode:
        raise AssertionError(done.stderr)
    return done.stdout.strip()


def by_psycopg(house: House, port: int, user: str, query: str, password: str = PASSWORD, **more: str) -> str:
    """The answer of psycopg 3 with libpq 18."""
    try:
        with psycopg.connect(
            host="127.0.0.1", port=port, user=user, password=password, dbname="bank", **more
        ) as session:
            return str(session.execute(query).fetchone()[0])
    except psycopg.OperationalError as error:
        raise AssertionError(str(error)) from None


CLIENTS = [by_psql, by_psycopg]


# ---- relay ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("user", ["by_scram", "by_md5", "by_password", "odd"])
def test_relay_logs_the_databases_users_in(login_proxy, house: House, client, user: str, loop: str) -> None:
    """Every method with a proof passes, as the user who asked; the session reads SQL as it must."""
    proxy = login_proxy(house.relay(), loop=loop)
    query = "select concat_ws(' ', session_user, current_setting('client_encoding'), current_setting('standard_conforming_strings'))"
    assert client(house, proxy.port, user, query) == f"{user} UTF8 on"
    session = proxy.outcome(Established)
    assert (session.principal, session.database_user, session.database) == (user, user, "bank")
    assert (session.tls, session.address, session.attributes) == (False, "127.0.0.1", {})


def test_relay_takes_attributes_from_the_users_file(login_proxy, house: House, tmp_path: Path) -> None:
    """A database user whom the users file lists has the attributes that stand there."""
    add_user(tmp_path / "users.yaml", "by_scram", None, {"region": "north"})
    proxy = login_proxy(house.relay(), Users.load(tmp_path / "users.yaml"))
    assert by_psql(house, proxy.port, "by_scram", "select 1") == "1"
    assert proxy.outcome(Established).attributes == {"region": "north"}


@pytest.mark.parametrize("client", CLIENTS)
def test_relay_refuses_a_wrong_password(login_proxy, house: House, client) -> None:
    """The database's own words reach the client, and the refusal is told with the name."""
    proxy = login_proxy(house.relay())
    with pytest.raises(AssertionError, match='password authentication failed for user "by_scram"'):
        client(house, proxy.port, "by_scram", "select 1", "wrong")
    refused = proxy.outcome(LoginRefused)
    assert (refused.principal, refused.sqlstate) == ("by_scram", "28P01")


def test_relay_does_not_lend_out_trust(login_proxy, house: House) -> None:
    """A role that the database trusts at the proxy's address cannot be had for nothing, unless the operator says so."""
    proxy = login_proxy(house.relay())
    with pytest.raises(AssertionError, match="without a proof"):
        by_psql(house, proxy.port, "by_trust", "select 1")
    proxy = login_proxy(house.relay(unproven=True))
    assert by_psql(house, proxy.port, "by_trust", "select session_user") == "by_trust"


def test_relay_passes_the_databases_other_refusals(login_proxy, house: House) -> None:
    """A rejected role and a database that is not there are told as the server tells them."""
    proxy = login_proxy(house.relay())
    with pytest.raises(AssertionError, match=r"pg_hba\.conf rejects connection"):
        by_psql(house, proxy.port, "nobody_may", "select 1")
    with pytest.raises(AssertionError, match='database "nowhere" does not exist'):
        by_psql(house, proxy.port, "by_scram", "select 1", dbname="nowhere")
    assert proxy.outcome(LoginRefused).principal == "nobody_may"


BINDINGS = [
    # database leg, certificate, client's sslmode, channel_binding, whether it works
    ("disable", None, "disable", "prefer", True),
    ("require", None, "disable", "prefer", True),
    ("disable", "louver", "require", "prefer", True),
    ("prefer", "louver", "require", "prefer", True),
    ("disable", "louver", "require", "require", False),
    ("require", "louver", "require", "prefer", False),
    ("require", "louver", "require", "disable", True),
    ("require", "louver", "require", "require", False),
    ("verify-full", "shared", "disable", "prefer", True),
    ("verify-full", "shared", "require", "prefer", True),
    ("verify-full", "shared", "verify-full", "require", True),
]


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize(("mode", "certificate", "sslmode", "binding", "works"), BINDINGS)
def test_relay_and_channel_binding(  # noqa: PLR0917  the parameters are the columns of the table in docs/login.md
    login_proxy, house: House, client, mode: str, certificate: str | None, sslmode: str, binding: str, works: bool
) -> None:
    """Which settings of clients, of the proxy and of the database leg log in together."""
    proxy = login_proxy(house.relay(mode, getattr(house, certificate) if certificate else None))
    wanted = {"sslmode": sslmode, "channel_binding": binding}
    if sslmode == "verify-full":
        wanted["sslrootcert"] = str(house.shared.certificate)
    if works:
        answer = client(
            house, proxy.port, "by_scram", "select ssl from pg_stat_ssl where pid = pg_backend_pid()", **wanted
        )
        assert answer in (("t", "True") if mode in ("require", "verify-full") else ("f", "False"))
        assert proxy.outcome(Established).tls == (sslmode != "disable")
    else:
        with pytest.raises(AssertionError, match="channel binding"):
            client(house, proxy.port, "by_scram", "select 1", **wanted)


def test_the_manual_tells_what_was_tried() -> None:
    """The table of docs/login.md has the rows that are tried above, with their outcomes."""
    manual = (Path(__file__).parents[2] / "docs" / "login.md").read_text(encoding="utf-8")
    table = manual.partition("| TLS to the database")[2].partition("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip(" `") for cell in row.strip("| ").split("|")] for row in table]
    certificates = {"none": None, "its own": "louver", "the database's": "shared"}
    told = [(mode, certificates[shown], ssl, binding, works == "yes") for mode, shown, ssl, binding, works in cells]
    assert told == BINDINGS


def test_relay_tells_the_way_out_of_the_trap(login_proxy, house: House) -> None:
    """The error of a login that channel binding forbids says what to set."""
    proxy = login_proxy(house.relay("require", house.louver))
    with pytest.raises(AssertionError, match="channel_binding=disable"):
        by_psql(house, proxy.port, "by_scram", "select 1", sslmode="require")
    assert proxy.outcome(LoginRefused).sqlstate == "28000"


# ---- own ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("service", ["by_scram", "by_md5", "by_trust", "odd"])
def test_own_logs_louvers_users_in(  # noqa: PLR0917  fixtures and parameters
    login_proxy, house: House, users: Users, client, service: str, loop: str
) -> None:
    """A user of Louver's, unknown to the database, works under the service account, with his attributes known."""
    proxy = login_proxy(house.own(service), users, loop=loop)
    query = "select session_user || ' ' || current_database()"
    assert client(house, proxy.port, "wang", query) == f"{service} bank"
    session = proxy.outcome(Established)
    assert (session.principal, session.database_user) == ("wang", service)
    assert session.attributes == {"roles": ("teller",), "region": "north"}


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("binding", ["disable", "prefer", "require"])
@pytest.mark.parametrize("direct", ["postgres", "direct"])
def test_own_over_tls(  # noqa: PLR0917  fixtures and parameters
    login_proxy, house: House, users: Users, client, binding: str, direct: str
) -> None:
    """All of libpq's channel binding and TLS negotiation settings work, with TLS on the database leg, too."""
    made = house.own(mode="verify-full", tls=server_tls(house.louver.certificate, house.louver.key), tls_required=True)
    proxy = login_proxy(made, users)
    wanted = {"sslmode": "verify-full", "sslrootcert": str(house.louver.certificate), "channel_binding": binding}
    query = "select ssl from pg_stat_ssl where pid = pg_backend_pid()"
    answer = client(house, proxy.port, "wang", query, sslnegotiation=direct, **wanted)
    assert answer in ("t", "True")
    assert proxy.outcome(Established).tls


def test_own_requires_tls_where_told(login_proxy, house: House, users: Users) -> None:
    """Without TLS a client is told to use it, before it says a password."""
    made = house.own(tls=server_tls(house.louver.certificate, house.louver.key), tls_required=True)
    proxy = login_proxy(made, users)
    with pytest.raises(AssertionError, match="sslmode=require"):
        by_psql(house, proxy.port, "wang", "select 1", sslmode="disable")


@pytest.mark.parametrize("client", CLIENTS)
def test_own_refuses_wrong_and_unknown_alike(login_proxy, house: House, users: Users, client) -> None:
    """A wrong password, an unknown user and the service account's own name are refused in PostgreSQL's words."""
    proxy = login_proxy(house.own(), users)
    for user, password in (("wang", "wrong"), ("nobody", PASSWORD), ("by_scram", PASSWORD)):
        with pytest.raises(AssertionError, match=f'password authentication failed for user "{user}"'):
            client(house, proxy.port, user, "select 1", password)
        assert proxy.outcome(LoginRefused).sqlstate == "28P01"


def test_own_sees_new_users_at_once(login_proxy, house: House, users: Users, tmp_path: Path) -> None:
    """A user added while the proxy runs can log in, and so can one whose verifier was copied from PostgreSQL."""
    proxy = login_proxy(house.own(), users)
    add_user(tmp_path / "users.yaml", "li", "secret", {})
    assert by_psql(house, proxy.port, "li", "select 1", "secret") == "1"
    verifier = house.server.run_sql("select rolpassword from pg_authid where rolname = 'by_scram'").strip()
    (tmp_path / "users.yaml").write_text(f"users:\n  zhao:\n    password: {verifier}\n")
    assert by_psql(house, proxy.port, "zhao", "select 1") == "1"


def test_service_account_by_cleartext_password(login_proxy, house: House, users: Users) -> None:
    """A cleartext request is met over TLS, or where the operator allows it, and refused otherwise."""
    for mode, cleartext in (("require", False), ("disable", True)):
        made = house.own(mode=mode, service=ServiceAccount("by_password", PASSWORD, cleartext=cleartext))
        assert by_psql(house, login_proxy(made, users).port, "wang", "select session_user") == "by_password"
    proxy = login_proxy(house.own("by_password"), users)
    with pytest.raises(AssertionError, match="the database refused the proxy's own login"):
        by_psql(house, proxy.port, "wang", "select 1")
    assert "without TLS" in proxy.outcome(LoginRefused).reason


def test_service_account_by_certificate(login_proxy, house: House, users: Users) -> None:
    """A client certificate logs the service account in."""
    files = {"certificate": house.client.certificate, "key": house.client.key}
    made = house.own("by_certificate", upstream=house.upstream("verify-full", **files))
    assert by_psql(house, login_proxy(made, users).port, "wang", "select session_user") == "by_certificate"


def test_service_account_by_unix_socket(login_proxy, house: House, users: Users) -> None:
    """A host that is a directory is the database's Unix socket."""
    made = house.own(upstream=Upstream(str(house.server.directory / "data"), house.server.port))
    query = "select inet_client_addr() is null"
    assert by_psql(house, login_proxy(made, users).port, "wang", query) == "t"


@pytest.mark.parametrize(("service", "password"), [("by_scram", "wrong"), ("nobody_may", "x"), ("missing", "x")])
def test_service_account_refused(login_proxy, house: House, users: Users, service: str, password: str) -> None:
    """The client hears that the proxy's own login failed, nothing of whose; the operator hears all."""
    proxy = login_proxy(house.own(service=ServiceAccount(service, password)), users)
    with pytest.raises(AssertionError) as error:
        by_psql(house, proxy.port, "wang", "select 1")
    assert "the database refused the proxy's own login" in str(error.value)
    assert service not in str(error.value)
    refused = proxy.outcome(LoginRefused)
    assert service in refused.reason
    assert refused.principal == "wang"


def test_own_passes_refusals_of_the_clients_wishes(login_proxy, house: House, users: Users) -> None:
    """A database or a parameter that does not exist is the client's affair and told in the server's words."""
    proxy = login_proxy(house.own(), users)
    with pytest.raises(AssertionError, match='database "nowhere" does not exist'):
        by_psql(house, proxy.port, "wang", "select 1", dbname="nowhere")
    with pytest.raises(AssertionError, match='unrecognized configuration parameter "nonsense"'):
        by_psql(house, proxy.port, "wang", "select 1", options="'-c nonsense=1'")


# ---- both modes -----------------------------------------------------------------------------------------------------


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
def test_options_mean_what_they_mean_to_the_server(login_proxy, house: House, options: str) -> None:
    """What the proxy makes of `options` has the effect that the server would have given it."""
    query = (
        "select concat_ws('|', current_setting('statement_timeout'), current_setting('geqo'), "
        "current_setting('search_path'), current_setting('datestyle'), current_setting('louverx.y', true))"
    )
    direct = by_psycopg(house, house.server.port, "by_scram", query, options=options)
    assert by_psycopg(house, login_proxy(house.relay()).port, "by_scram", query, options=options) == direct


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
    login_proxy, house: House, users: Users, login: str, wish: dict, words: str
) -> None:
    """What would change the reading of SQL or escape it is refused before anybody is asked for a password."""
    proxy = login_proxy(getattr(house, login)(), users)
    with pytest.raises(AssertionError, match=words):
        by_psycopg(house, proxy.port, "by_scram", "select 1", **wish)


def test_application_and_parameters_are_known(login_proxy, house: House) -> None:
    """The application's name reaches both the proxy's caller and the database."""
    proxy = login_proxy(house.relay())
    query = "select application_name from pg_stat_activity where pid = pg_backend_pid()"
    assert by_psql(house, proxy.port, "by_scram", query, application_name="teller_desk") == "teller_desk"
    session = proxy.outcome(Established)
    assert session.application == "teller_desk"
    assert session.parameter_status["standard_conforming_strings"] == "on"


def test_the_greeting_is_the_databases(login_proxy, house: House) -> None:
    """The parameters that the server reports, and its pid, are the same through the proxy as without it."""
    found = []
    for port in (house.server.port, login_proxy(house.relay()).port):
        with psycopg.connect(host="127.0.0.1", port=port, user="by_scram", password=PASSWORD, dbname="bank") as session:
            names = ("server_version", "client_encoding", "TimeZone", "is_superuser", "session_authorization")
            found.append({name: session.info.parameter_status(name) for name in names})
            assert session.info.backend_pid == session.execute("select pg_backend_pid()").fetchone()[0]
    assert found[0] == found[1]


@pytest.mark.parametrize("login", ["relay", "own"])
@pytest.mark.parametrize("tls", ["prefer", "direct"])
async def test_asyncpg(login_proxy, house: House, users: Users, login: str, tls: str) -> None:
    """asyncpg logs in, without TLS and with it, and its cancel reaches the right session."""
    certificate = server_tls(house.louver.certificate, house.louver.key)
    proxy = login_proxy(HandshakeSettings(**{
        name: getattr(getattr(house, login)(), name) for name in ("upstream", "login", "service")
    }, tls=certificate if tls == "direct" else None), users)  # fmt: skip
    user = "wang" if login == "own" else "by_scram"
    session = await asyncpg.connect(
        host="127.0.0.1", port=proxy.port, user=user, password=PASSWORD, database="bank",
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


async def test_asyncpg_is_not_caught_by_channel_binding(login_proxy, house: House) -> None:
    """A client that knows no channel binding logs in where libpq's default cannot."""
    proxy = login_proxy(house.relay("require", house.louver))
    session = await asyncpg.connect(
        host="127.0.0.1", port=proxy.port, user="by_scram", password=PASSWORD, database="bank", ssl="require"
    )
    try:
        assert await session.fetchval("select session_user") == "by_scram"
    finally:
        await session.close()


@pytest.mark.parametrize(("protocol", "size"), [("3.0", 4), ("3.2", 32)])
@pytest.mark.parametrize("sslmode", ["disable", "require"])
def test_cancel_by_both_protocols(login_proxy, house: House, protocol: str, size: int, sslmode: str) -> None:
    """A client of either protocol version cancels its own statement, by an encrypted request, too."""
    proxy = login_proxy(house.relay("disable", house.louver))
    with psycopg.connect(
        host="127.0.0.1", port=proxy.port, user="by_scram", password=PASSWORD, dbname="bank", sslmode=sslmode,
        min_protocol_version=protocol, max_protocol_version=protocol,
    ) as session:  # fmt: skip
        established = proxy.outcome(Established)
        assert established.version == (messages.VERSION_3_2 if protocol == "3.2" else messages.VERSION_3_0)
        assert len(established.key.secret) == size
        threading.Timer(0.3, session.cancel_safe).start()
        started = time.monotonic()
        with pytest.raises(psycopg.errors.QueryCanceled):
            session.execute("select pg_sleep(30)")
        assert time.monotonic() - started < 10
    assert proxy.outcome(Cancelled).known


def test_a_key_does_not_reach_another_session(login_proxy, house: House) -> None:
    """The database's own key, guessed or overheard, cancels nothing through the proxy."""
    proxy = login_proxy(house.relay())
    with psycopg.connect(
        host="127.0.0.1", port=proxy.port, user="by_scram", password=PASSWORD, dbname="bank"
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


def test_versions_are_negotiated_in_the_servers_bytes(house: House) -> None:
    """Our answer to a version or option that is not spoken has the bytes of PostgreSQL's own."""
    packet = messages.startup_message(messages.VERSION_3_2, {"user": "by_scram", "_pq_.louver": "1"})
    with socket.create_connection(("127.0.0.1", house.server.port), 10) as client:
        client.sendall(packet)
        head = client.recv(5, socket.MSG_WAITALL)
        answer = head + client.recv(struct.unpack("!I", head[1:])[0] - 4, socket.MSG_WAITALL)
    assert answer == messages.negotiate_protocol_version(messages.VERSION_3_0, ("_pq_.louver",))


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_login_byte_by_byte(login_proxy, house: House, users: Users, loop: str) -> None:
    """However a client's bytes are cut, it is logged in and can ask."""
    proxy = login_proxy(house.own(), users, loop=loop)
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
        final, expected = scram.client_final(exchange, hear()[1][4:], PASSWORD)
        say(messages.password_message(final))
        assert hear()[1][4:] == expected
        while hear()[0] != b"Z":
            pass
        say(messages.message(b"Q", b"select 7\0"))
        assert [hear()[0] for _ in range(4)] == [b"T", b"D", b"C", b"Z"]


def test_a_client_that_leaves_to_ask_for_the_password(login_proxy, house: House, users: Users) -> None:
    """A client that leaves to ask for the password logs in with its next connection."""
    proxy = login_proxy(house.own(), users)
    with pytest.raises(AssertionError, match="no password supplied"):
        by_psql(house, proxy.port, "wang", "select 1", "")
    assert by_psql(house, proxy.port, "wang", "select 1") == "1"


def test_nothing_stays_open(login_proxy, house: House, users: Users) -> None:
    """After sessions end and logins are refused, no connection of theirs is left on the database."""
    proxy = login_proxy(house.own(), users)
    for password in (PASSWORD, "wrong") * 5:
        try:
            by_psycopg(house, proxy.port, "wang", "select 1", password, application_name="left_open")
        except AssertionError:
            assert password == "wrong"
    query = "select count(*) from pg_stat_activity where application_name = 'left_open'"
    end = time.monotonic() + 10
    while (left := house.server.run_sql(query).strip()) != "0" and time.monotonic() < end:
        time.sleep(0.05)
    assert left == "0"


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller's PG* settings must not reach the clients in this process."""
    for name in [name for name in os.environ if name.startswith("PG")]:
        monkeypatch.delenv(name)
