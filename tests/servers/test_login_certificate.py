"""Logging in with a certificate, through the wire: alone or besides a password, and each kind that is none."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import subprocess
from typing import TYPE_CHECKING, Any

import mysql.connector
import psycopg
import pymysql
import pytest
from brought.__main__ import PLACE
from cryptography.x509.oid import ExtendedKeyUsageOID
from fixtures.authority import Authority
from fixtures.louver import running_louver
from fixtures.waiting import recorded, until

from audit.reader import records
from louver.demo.certificate import CertificateFiles, make_certificate
from louver.demo.mysql import find_client

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = f"certificates_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
POLICIES = """
version: 1
dictionary:
  - {column: "*.*.customers.phone", category: phone, level: 3}
rules:
  - name: tellers
    columns: {category: phone}
    when: has(principal.unit) && principal.unit == "tellers"
    treatment: clear
"""
TABLES = ("CREATE TABLE customers (id int, phone varchar(20))", "INSERT INTO customers VALUES (1, '13812345601')")
CLEAR, MASKED = "13812345601", "138****5601"
QUERY = "SELECT phone FROM customers"


class Clients:
    """An authority with certificates of all kinds, and what Louver shows."""

    def __init__(self, directory: Any) -> None:
        self.louver = make_certificate(directory)
        people = self.people = Authority(directory)
        stranger = Authority(directory, "Another authority")
        self.of = {
            "tina": people.files(("cn", "tina"), ("ou", "tellers")),
            "bob": people.files(("cn", "bob"), ("ou", "clerks")),
            "strict": people.files(("cn", "strict"), ("ou", "tellers")),
            "stranger": stranger.files(("cn", "tina"), ("ou", "tellers")),
            "expired": people.files(("cn", "tina"), seconds=-60),
            "server": people.files(("cn", "tina"), usage=ExtendedKeyUsageOID.SERVER_AUTH),
            "revoked": people.files(("cn", "tina"), ("ou", "tellers")),
        }
        self.revoked = people.revoke(self.of["revoked"])

    def settings(self) -> dict[str, Any]:
        """What Louver is told."""
        return {
            "tls": {"certificate": str(self.louver.certificate), "key": str(self.louver.key)},
            "certificates": {
                "ca": str(self.people.file),
                "crl": str(self.revoked),
                "attributes": {"unit": "organizational_unit"},
            },
            "logins": [
                {"users": "strict", "by": "password", "certificate": True},
                {"users": "svc", "by": "password"},
                {"by": "certificate"},
            ],
            "users": {"strict": {}, "svc": {}, "tina": {}},
            "policies": POLICIES,
        }


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Clients:
    return Clients(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def by_postgres(postgres: Any, clients: Clients) -> Iterator[Any]:
    """Before a PostgreSQL."""
    postgres.create_database(NAME)
    postgres.run_sql(";".join(TABLES), NAME)
    with running_louver(postgres, **clients.settings()) as louver:
        yield louver


@pytest.fixture(scope="module")
def by_mysql(either: Any, clients: Clients) -> Iterator[Any]:
    """Before a MySQL and a MariaDB."""
    either.create_schema(NAME)
    with either.connect(NAME) as connection, connection.cursor() as cursor:
        for statement in TABLES:
            cursor.execute(statement)
        connection.commit()
    with running_louver(either, protocol="mysql", **clients.settings()) as louver:
        yield louver


def by_psycopg(louver: Any, user: str, files: CertificateFiles | None, password: str = "", **more: Any) -> Any:
    """psycopg, with a certificate or without."""
    shown = {"sslcert": str(files.certificate), "sslkey": str(files.key)} if files else {"sslcert": "none"}
    place = {"host": "127.0.0.1", "port": louver.port, "dbname": NAME, "autocommit": True, "sslmode": "require"}
    return psycopg.connect(user=user, password=password, **{**place, **shown, **more})


def by_pymysql(louver: Any, user: str, files: CertificateFiles | None, password: str = "") -> Any:
    """PyMySQL, with a certificate or without."""
    shown = {"cert": str(files.certificate), "key": str(files.key)} if files else {}
    ssl = {"check_hostname": False, **shown}
    return pymysql.connect(host="127.0.0.1", port=louver.port, user=user, password=password, database=NAME, ssl=ssl)


def asked(connection: Any) -> str:
    """What somebody sees."""
    with contextlib.closing(connection), contextlib.closing(connection.cursor()) as cursor:
        cursor.execute(QUERY)
        return str(cursor.fetchall()[0][0])


def test_a_certificate_lets_in_on_postgresql(by_postgres: Any, clients: Clients, postgres: Any) -> None:
    """Without a password; what it says besides decides what is seen, and the audit has it."""
    assert asked(by_psycopg(by_postgres, "tina", clients.of["tina"])) == CLEAR
    assert asked(by_psycopg(by_postgres, "bob", clients.of["bob"])) == MASKED
    opened = [r for r in records(by_postgres.audit_directory) if r["event"] == "session_opened"]
    assert [(r["principal"], r["proof"], r["attributes"], r["origins"]) for r in opened[-2:]] == [
        ("tina", "certificate", {"unit": "tellers"}, {"unit": "certificate"}),
        ("bob", "certificate", {"unit": "clerks"}, {"unit": "certificate"}),
    ]
    files = clients.of["tina"]
    where = f"host=127.0.0.1 port={by_postgres.port} user=tina dbname={NAME} sslmode=require sslcert={files.certificate} sslkey={files.key}"
    done = subprocess.run(
        [postgres.bin / "psql", "-XAtw", "-c", QUERY, where], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout.strip(), done.stderr) == (CLEAR, "")


def test_whose_certificate_is_anothers_does_not_get_in(by_postgres: Any, clients: Clients) -> None:
    """Nor who has none, has no TLS, or sends his password instead."""
    told = "tina logs in with a certificate, and it is not accepted: "
    with pytest.raises(psycopg.OperationalError, match=f"{told}its common_name is not that of the user"):
        by_psycopg(by_postgres, "tina", clients.of["bob"])
    for more in ({}, {"sslmode": "disable"}, {"password": by_postgres.passwords["tina"]}):
        with pytest.raises(psycopg.OperationalError, match=f"{told}there is none"):
            by_psycopg(by_postgres, "tina", None, **more)


def none_accepted(record: dict[str, Any]) -> bool:
    """Whether a login was refused for a certificate."""
    return str(record["reason"]).startswith("the certificate of the client is not accepted")


@pytest.mark.parametrize("kind", ["stranger", "expired", "server", "revoked"])
def test_a_certificate_that_is_none_does_not_get_as_far_as_the_login(
    by_postgres: Any, clients: Clients, kind: str
) -> None:
    """It is refused by TLS, for users with passwords, too; the audit says why."""
    before = recorded(by_postgres, "login_refused", none_accepted, count=0)
    for user, password in [("tina", ""), ("svc", by_postgres.passwords["svc"])]:
        with pytest.raises(psycopg.OperationalError, match=r"SSL|closed the connection"):
            by_psycopg(by_postgres, user, clients.of[kind], password)
    recorded(by_postgres, "login_refused", none_accepted, count=len(before) + 2)
    assert asked(by_psycopg(by_postgres, "svc", None, by_postgres.passwords["svc"])) == MASKED


def test_a_certificate_besides_a_password(by_postgres: Any, clients: Clients) -> None:
    """Both are needed, and what the certificate says of her counts."""
    password = by_postgres.passwords["strict"]
    assert asked(by_psycopg(by_postgres, "strict", clients.of["strict"], password)) == CLEAR
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        by_psycopg(by_postgres, "strict", clients.of["strict"], "wrong")
    for other in (None, clients.of["tina"]):
        with pytest.raises(psycopg.OperationalError, match="strict logs in with a certificate"):
            by_psycopg(by_postgres, "strict", other, password)
    opened = [r for r in records(by_postgres.audit_directory) if r["event"] == "session_opened"][-1]
    assert (opened["proof"], opened["origins"]) == ("password", {"unit": "certificate"})


def test_a_session_ends_with_its_certificate(by_postgres: Any, clients: Clients) -> None:
    """Whose right is over is not left inside."""
    with (
        by_psycopg(by_postgres, "tina", clients.people.files(("cn", "tina"), seconds=5)) as client,
        pytest.raises(psycopg.OperationalError, match="the certificate by which this session was opened has expired"),
    ):
        client.execute("SELECT pg_sleep(60)")


def test_a_certificate_lets_in_on_mysql(by_mysql: Any, clients: Clients) -> None:
    """PyMySQL, mysql-connector and MySQL's own client; with a password that nobody asks for, too, and for a change of the user."""
    tina = clients.of["tina"]
    for password in ("", "whatever"):
        assert asked(by_pymysql(by_mysql, "tina", tina, password)) == CLEAR
    assert asked(by_pymysql(by_mysql, "bob", clients.of["bob"])) == MASKED
    shown = {"ssl_cert": str(tina.certificate), "ssl_key": str(tina.key), "ssl_verify_cert": False}
    where = {"host": "127.0.0.1", "port": by_mysql.port, "database": NAME, "use_pure": True, **shown}
    changing = mysql.connector.connect(user="tina", **where)
    changing.cmd_change_user("svc", by_mysql.passwords["svc"], NAME)
    changing.cmd_change_user("tina", "", NAME)
    with pytest.raises(mysql.connector.Error, match="bob logs in with a certificate"):
        changing.cmd_change_user("bob", "", NAME)
    client = find_client("mysql", PLACE)
    assert client is not None
    command = [client, "--no-defaults", "-h127.0.0.1", f"-P{by_mysql.port}", "-utina", "--ssl-mode=REQUIRED"]
    command += [f"--ssl-cert={tina.certificate}", f"--ssl-key={tina.key}", "-NBe", QUERY, NAME]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.strip() == CLEAR, done.stderr


def test_on_mysql_a_certificate_of_another_is_none_either(by_mysql: Any, clients: Clients) -> None:
    """The same, in MySQL's numbers."""
    for files in (None, clients.of["bob"]):
        with pytest.raises(
            pymysql.OperationalError, match="tina logs in with a certificate, and it is not accepted"
        ) as refused:
            by_pymysql(by_mysql, "tina", files)
        assert refused.value.args[0] == 1045
    for kind in ("stranger", "expired", "server", "revoked"):
        with pytest.raises(pymysql.MySQLError):
            by_pymysql(by_mysql, "tina", clients.of[kind])
    strict = by_mysql.passwords["strict"]
    assert asked(by_pymysql(by_mysql, "strict", clients.of["strict"], strict)) == CLEAR
    with pytest.raises(pymysql.OperationalError, match="Access denied for user 'strict'"):
        by_pymysql(by_mysql, "strict", clients.of["strict"], "wrong")
    with pytest.raises(pymysql.OperationalError, match="strict logs in with a certificate"):
        by_pymysql(by_mysql, "strict", None, strict)


@pytest.fixture
def renewing(postgres: Any, tmp_path: Any) -> Iterator[tuple[Any, Clients]]:
    """A proxy of its own, whose files are changed."""
    clients = Clients(tmp_path)
    with running_louver(postgres, **{**clients.settings(), "policies": "version: 1"}) as louver:
        yield louver, clients


def refused(louver: Any, files: CertificateFiles) -> bool:
    """Whether TLS does not take a certificate."""
    try:
        by_psycopg(louver, "tina", files, dbname="postgres").close()
    except psycopg.OperationalError as error:
        return "SSL" in str(error) or "closed the connection" in str(error)
    return False


def test_what_is_revoked_later_is_refused_without_a_restart(renewing: tuple[Any, Clients]) -> None:
    """On SIGHUP, or when the file has changed; who is inside stays, and a broken file changes nothing."""
    louver, clients = renewing
    tina = clients.of["tina"]
    inside = by_psycopg(louver, "tina", tina, dbname="postgres")
    assert not refused(louver, tina)
    clients.people.revoke(clients.of["revoked"], tina)
    louver.hang_up()
    until(lambda: refused(louver, tina), "the list counts")
    assert inside.execute("SELECT 1").fetchone() == (1,)
    inside.close()
    other = clients.people.files(("cn", "tina"))
    for broken in ("nothing", "", clients.people.file.read_text()):  # the last is a certificate, and no list
        said = louver.log.count("certificates not reloaded")
        clients.revoked.write_text(broken)
        until(
            lambda said=said: louver.log.count("certificates not reloaded") > said, "it is said that it cannot be used"
        )
        assert refused(louver, tina)
        assert not refused(louver, other)
    clients.people.revoke(other)  # by the file alone, and tina's is taken back
    until(lambda: refused(louver, other) and not refused(louver, tina), "the newer list counts")
    told = [
        r["ok"] for r in records(louver.audit_directory) if r["event"] == "reloaded" and r["what"] == "certificates"
    ]
    assert told == [True, False, False, False, True]


def test_another_authority_counts_without_a_restart(renewing: tuple[Any, Clients], tmp_path: Any) -> None:
    """With its list, and so does another certificate of Louver's own."""
    louver, clients = renewing
    place = tmp_path / "another"
    place.mkdir()
    another = Authority(place, "A new authority")
    newcomer = another.files(("cn", "tina"))
    assert refused(louver, newcomer)
    shown = served(louver)
    clients.people.file.write_text(clients.people.file.read_text() + another.file.read_text())
    clients.revoked.write_text(clients.revoked.read_text() + another.revoke().read_text())
    newer = make_certificate(place)
    clients.louver.key.write_bytes(newer.key.read_bytes())
    clients.louver.certificate.write_bytes(newer.certificate.read_bytes())
    until(lambda: not refused(louver, newcomer) and served(louver) != shown, "the newer files count")
    assert not refused(louver, clients.of["tina"])
    by_psycopg(louver, "svc", None, louver.passwords["svc"], dbname="postgres", channel_binding="require").close()


def served(louver: Any) -> bytes | None:
    """The certificate (DER) that Louver shows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["postgresql"])
    with socket.create_connection(("127.0.0.1", louver.port), 30) as plain, context.wrap_socket(plain) as secured:
        return secured.getpeercert(binary_form=True)
