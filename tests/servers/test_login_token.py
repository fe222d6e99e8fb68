"""Logging in by a token, through the wire: PostgreSQL's and MySQL's clients as they are, and what they are told."""

from __future__ import annotations

import contextlib
import os
import ssl
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import mysql.connector
import psycopg
import pymysql
import pytest
from brought.__main__ import PLACE
from fixtures.louver import running_louver
from fixtures.tokens import AUDIENCE, ISSUER, Signer, key_set
from fixtures.waiting import recorded

from audit.reader import records
from louver.demo.certificate import CertificateFiles, make_certificate
from louver.demo.mysql import find_client

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = f"tokens_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
POLICIES = """
version: 1
dictionary:
  - {column: "*.*.customers.phone", category: phone, level: 3}
rules:
  - name: tellers of the east
    columns: {category: phone}
    when: has(principal.roles) && "teller" in principal.roles && principal.region == "east"
    treatment: clear
"""
TABLES = ("CREATE TABLE customers (id int, phone varchar(20))", "INSERT INTO customers VALUES (1, '13812345601')")
CLEAR, MASKED = "13812345601", "138****5601"
SIGNER = Signer()
LONG = {"realm": {"roles": ["teller"]}, "padding": "x" * 3000}  # as tokens with many groups are
QUERY = "SELECT phone FROM customers"
EXPIRED = "louver: the token by which this session was opened has expired"
AGAIN = (2, 4, 8, 16, 32)
"""Seconds for which a token lasts: longer where a busy machine took longer to come in."""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> CertificateFiles:
    """What Louver shows its clients."""
    return make_certificate(tmp_path_factory.mktemp("tls"))


@contextlib.contextmanager
def louver_of(server: Any, certificate: CertificateFiles, keys: bytes, **more: Any) -> Iterator[Any]:
    """A proxy whose people come by tokens, but for svc, who has a password; tina's region stands in the users file."""
    path = certificate.certificate.with_name("keys.json")
    path.write_bytes(keys)
    tokens = {"issuer": ISSUER, "audience": AUDIENCE, "keys_file": str(path), "leeway_seconds": 0}
    claims = {"roles": ["realm", "roles"], "region": "region"}
    with running_louver(
        server,
        policies=POLICIES,
        users={"svc": {}, "tina": {"region": "east"}},
        tls={"certificate": str(certificate.certificate), "key": str(certificate.key)},
        logins=[{"users": "svc*", "by": "password"}, {"by": "token"}],
        tokens={**tokens, "claims": claims},
        **more,
    ) as louver:
        (louver.directory / "ca.pem").write_bytes(certificate.certificate.read_bytes())
        yield louver


@pytest.fixture(scope="module")
def by_postgres(postgres: Any, certificate: CertificateFiles) -> Iterator[Any]:
    """Before a PostgreSQL."""
    postgres.create_database(NAME)
    postgres.run_sql(";".join(TABLES), NAME)
    with louver_of(postgres, certificate, key_set(SIGNER)) as louver:
        yield louver


@pytest.fixture(scope="module")
def by_mysql(either: Any, certificate: CertificateFiles) -> Iterator[Any]:
    """Before a MySQL and a MariaDB."""
    either.create_schema(NAME)
    with either.connect(NAME) as connection, connection.cursor() as cursor:
        for statement in TABLES:
            cursor.execute(statement)
        connection.commit()
    with louver_of(either, certificate, SIGNER.pem, protocol="mysql") as louver:
        yield louver


def by_psycopg(louver: Any, user: str, token: str, **more: Any) -> psycopg.Connection[Any]:
    """psycopg, which checks the certificate."""
    trust = {"sslmode": "verify-ca", "sslrootcert": str(louver.directory / "ca.pem")} if "sslmode" not in more else {}
    return psycopg.connect(
        host="127.0.0.1", port=louver.port, user=user, password=token, dbname=NAME, autocommit=True, **trust, **more
    )


def test_a_token_lets_in_on_postgresql(by_postgres: Any) -> None:
    """By psycopg and asyncpg's and psql's way of sending a password; what the file says of her comes before the claim."""
    token = SIGNER.token(region="west", **LONG)
    with by_psycopg(by_postgres, "tina", token) as client:
        assert client.execute(QUERY).fetchone() == (CLEAR,)
    with by_psycopg(by_postgres, "bob", SIGNER.token("bob", region="west", **LONG)) as client:
        assert client.execute(QUERY).fetchone() == (MASKED,)
    opened = [r for r in records(by_postgres.audit_directory) if r["event"] == "session_opened"]
    assert [(r["principal"], r["proof"], r["origins"]) for r in opened[-2:]] == [
        ("tina", "token", {"region": "users file", "roles": "token"}),
        ("bob", "token", {"region": "token", "roles": "token"}),
    ]
    trail = b"".join(path.read_bytes() for path in by_postgres.audit_directory.iterdir() if path.is_file())
    assert token.rpartition(".")[2].encode() not in trail
    assert token.rpartition(".")[2] not in by_postgres.log


def test_psql_takes_a_token(by_postgres: Any, postgres: Any) -> None:
    """From the environment, as any password."""
    done = subprocess.run(
        [postgres.bin / "psql", "-XAtw", "-c", QUERY, f"host=127.0.0.1 port={by_postgres.port} user=tina dbname={NAME} sslmode=require"],
        capture_output=True, text=True, env={**os.environ, "PGPASSWORD": SIGNER.token(**LONG)}, timeout=60, check=False,
    )  # fmt: skip
    assert (done.stdout.strip(), done.stderr) == (CLEAR, "")


async def test_asyncpg_takes_a_token(by_postgres: Any) -> None:
    """As any password, too."""
    trust = ssl.create_default_context(cafile=by_postgres.directory / "ca.pem")
    token = SIGNER.token(**LONG)
    place = {"host": "localhost", "port": by_postgres.port, "database": NAME, "ssl": trust}
    client = await asyncpg.connect(user="tina", password=token, **place)
    try:
        assert await client.fetchval(QUERY) == CLEAR
    finally:
        await client.close()


WRONG = {
    "its claim `sub` is not the name of the user": SIGNER.token("anna", **LONG),
    "it has expired": SIGNER.token(exp=int(time.time()) - 1),
    "its signature is wrong": Signer("one").token(),
    "it is not meant for `louver`": SIGNER.token(aud="payroll"),
    "it is not a signed token": "tina-secret",
}


@pytest.mark.parametrize("told", WRONG)
def test_what_is_wrong_with_a_token_is_said(by_postgres: Any, told: str) -> None:
    """To the client, and to the audit."""
    with pytest.raises(psycopg.OperationalError, match="the token of tina is not accepted: ") as refused:
        by_psycopg(by_postgres, "tina", WRONG[told])
    assert told in str(refused.value)
    recorded(by_postgres, "login_refused", lambda record: told in record["reason"])


def test_without_tls_no_token_is_asked_for(by_postgres: Any) -> None:
    """It would be read on the way; the client is told before it sends it."""
    with pytest.raises(psycopg.OperationalError, match="logs in by a token, which is sent over TLS only"):
        by_psycopg(by_postgres, "tina", SIGNER.token(), sslmode="disable")


def test_a_way_is_a_matter_of_the_name_alone(by_postgres: Any) -> None:
    """A password is none for who comes by a token, though the users file has it; and a token is none for who has a password."""
    with pytest.raises(psycopg.OperationalError, match="it is not a signed token"):
        by_psycopg(by_postgres, "tina", by_postgres.passwords["tina"])
    with by_psycopg(by_postgres, "svc", by_postgres.passwords["svc"]) as client:
        assert client.execute(QUERY).fetchone() == (MASKED,)
    for name in ("svc", "svc_unknown"):
        with pytest.raises(psycopg.OperationalError, match=f'password authentication failed for user "{name}"'):
            by_psycopg(by_postgres, name, SIGNER.token(name))
    with pytest.raises(
        psycopg.OperationalError, match=r"nobody logs in by a token, and has given none|no password supplied"
    ):
        by_psycopg(by_postgres, "nobody", "")


def test_a_session_ends_when_its_token_does(by_postgres: Any) -> None:
    """Within a second or so, whatever it is doing, and it says why."""
    for seconds in AGAIN:
        exp = int(time.time()) + seconds
        try:
            client = by_psycopg(by_postgres, "tina", SIGNER.token(exp=exp, **LONG))
        except psycopg.OperationalError:
            assert time.time() >= exp
            continue
        with client:
            with pytest.raises(
                psycopg.OperationalError, match="the token by which this session was opened has expired"
            ):
                client.execute("SELECT pg_sleep(120)")
            assert exp <= time.time()
        recorded(by_postgres, "session_closed", lambda record: record["reason"] == EXPIRED)
        return
    pytest.fail("no time is enough")


def test_new_keys_are_known_at_once(by_postgres: Any, certificate: CertificateFiles) -> None:
    """The file of keys is read again when it has changed; whose key is taken out of it gets in no more."""
    newer, path = Signer("newer"), Path(certificate.certificate).with_name("keys.json")
    before = path.read_bytes()
    try:
        path.write_bytes(key_set(newer))
        with by_psycopg(by_postgres, "tina", newer.token(**LONG)) as client:
            assert client.execute(QUERY).fetchone() == (CLEAR,)
        with pytest.raises(psycopg.OperationalError, match="it is signed by a key that is not known"):
            by_psycopg(by_postgres, "tina", SIGNER.token())
    finally:
        path.write_bytes(before)


# ---- MySQL and MariaDB ----------------------------------------------------------------------------------------------


def by_pymysql(louver: Any, user: str, token: str, **more: Any) -> pymysql.Connection[Any]:
    """PyMySQL."""
    ssl = {"ssl_ca": str(louver.directory / "ca.pem")} if not more else {}
    return pymysql.connect(host="127.0.0.1", port=louver.port, user=user, password=token, database=NAME, **ssl, **more)


def asked(connection: Any) -> Any:
    """The answer of a driver."""
    with contextlib.closing(connection), contextlib.closing(connection.cursor()) as cursor:
        cursor.execute(QUERY)
        return cursor.fetchall()[0][0]


def test_a_token_lets_in_on_mysql(by_mysql: Any) -> None:
    """PyMySQL and mysql-connector, the latter also by mysql_clear_password; again for a change of the user."""
    token = SIGNER.token(**LONG)
    nameless = Signer(None, "RS256", SIGNER.key)
    token = nameless.token(**LONG)
    assert asked(by_pymysql(by_mysql, "tina", token)) == CLEAR
    assert asked(by_pymysql(by_mysql, "bob", nameless.token("bob", region="west", **LONG))) == MASKED
    where = {"host": "127.0.0.1", "port": by_mysql.port, "database": NAME, "use_pure": True}
    for more in ({}, {"auth_plugin": "mysql_clear_password"}):
        assert asked(mysql.connector.connect(user="tina", password=token, **where, **more)) == CLEAR
    changing = mysql.connector.connect(user="bob", password=nameless.token("bob"), **where)
    changing.cmd_change_user("tina", token, NAME)
    assert asked(changing) == CLEAR


@pytest.mark.parametrize(
    "options",
    [(), ("--enable-cleartext-plugin",), ("--enable-cleartext-plugin", "--default-auth=mysql_clear_password")],
)
def test_mysqls_own_client_takes_a_token(by_mysql: Any, options: tuple[str, ...]) -> None:
    """With its switch for passwords in clear and without it."""
    client = find_client("mysql", PLACE)
    assert client is not None
    done = subprocess.run(
        [client, "--no-defaults", "-h127.0.0.1", f"-P{by_mysql.port}", "-utina", "--ssl-mode=REQUIRED", *options, "-NBe", QUERY, NAME],
        capture_output=True, text=True, env={**os.environ, "MYSQL_PWD": Signer(None, "RS256", SIGNER.key).token(**LONG)}, timeout=60, check=False,
    )  # fmt: skip
    assert done.stdout.strip() == CLEAR, done.stderr


def test_mysql_says_what_is_wrong_with_a_token(by_mysql: Any) -> None:
    """And asks for none without TLS."""
    nameless = Signer(None, "RS256", SIGNER.key)
    with pytest.raises(pymysql.OperationalError, match="its claim `sub` is not the name of the user") as refused:
        by_pymysql(by_mysql, "tina", nameless.token("anna"))
    assert refused.value.args[0] == 1045
    with pytest.raises(pymysql.OperationalError, match="logs in by a token, which is sent over TLS only"):
        by_pymysql(by_mysql, "tina", nameless.token(), ssl_disabled=True)
    with pytest.raises(pymysql.OperationalError, match="tina logs in by a token, and has given none"):
        by_pymysql(by_mysql, "tina", "")


def test_a_session_ends_when_its_token_does_on_mysql(by_mysql: Any) -> None:
    """The same."""
    nameless = Signer(None, "RS256", SIGNER.key)
    for seconds in AGAIN:
        exp = int(time.time()) + seconds
        try:
            connection = by_pymysql(by_mysql, "tina", nameless.token(exp=exp, **LONG))
        except pymysql.OperationalError:
            assert time.time() >= exp
            continue
        with contextlib.closing(connection), pytest.raises(pymysql.MySQLError), connection.cursor() as cursor:
            cursor.execute("SELECT SLEEP(120)")
        assert exp <= time.time()
        recorded(by_mysql, "session_closed", lambda record: record["reason"] == EXPIRED)
        return
    pytest.fail("no time is enough")
