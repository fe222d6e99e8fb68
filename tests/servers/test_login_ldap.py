"""A directory as the check of passwords and as a source of attributes, through the wire, with a real OpenLDAP."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import struct
from typing import TYPE_CHECKING, Any

import psycopg
import pymysql
import pytest
from fixtures.louver import running_louver
from fixtures.openldap import GROUPS, PEOPLE, Directory, running_directory
from fixtures.waiting import recorded
from fixtures.waiting import until as wait_until

from audit.reader import records
from louver.demo.certificate import CertificateFiles, make_certificate

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = f"ldap_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
POLICIES = """
version: 1
dictionary:
  - {column: "*.*.customers.phone", category: phone, level: 3}
rules:
  - name: managers
    columns: {category: phone}
    when: has(principal.roles) && "managers" in principal.roles
    treatment: {mask: constant, value: managed}
  - name: tellers of the east
    columns: {category: phone}
    when: has(principal.roles) && "tellers" in principal.roles && principal.region == "east"
    treatment: clear
"""
TABLES = ("CREATE TABLE customers (id int, phone varchar(20))", "INSERT INTO customers VALUES (1, '13812345601')")
CLEAR, MASKED = "13812345601", "138****5601"
QUERY = "SELECT phone FROM customers"
PASSWORDS = {
    "tina": "tina secret",
    "TINA": "other secret",
    "bob": "bob secret",
    "*": "star secret",
    ")(uid=tina": "odd secret",
}
SEEN = {"tina": CLEAR, "TINA": "managed", "bob": MASKED, "*": CLEAR, ")(uid=tina": MASKED}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> CertificateFiles:
    """What Louver shows its clients."""
    return make_certificate(tmp_path_factory.mktemp("tls"))


def settings_of(
    directory: Directory, certificate: CertificateFiles, encryption: str = "ldaps", **more: Any
) -> dict[str, Any]:
    """What Louver is told; svc has a password of its own."""
    groups = {"groups_to": "roles", "groups_base": GROUPS, "groups_from": "memberOf", **more.pop("groups", {})}
    taken = {"attributes": {"region": "l", "shifts": "employeeType"}, "lists": ["shifts"]} | {
        k: v for k, v in groups.items() if v
    }
    source = {"name": "directory", "ldap": taken, "lifetime_seconds": 1, "grace_seconds": 30, "answer_seconds": 20}
    return {
        "policies": POLICIES,
        "users": {"svc": {}},
        "tls": {"certificate": str(certificate.certificate), "key": str(certificate.key)},
        "ldap": directory.settings(encryption),
        "logins": [{"users": "svc", "by": "password"}, {"by": "ldap"}],
        "attributes": [source | more],
    }


def by_psycopg(louver: Any, user: str, password: str, **more: Any) -> Any:
    """psycopg."""
    place = {"host": "127.0.0.1", "port": louver.port, "dbname": NAME, "sslmode": "require", "autocommit": True}
    return psycopg.connect(user=user, password=password, **{**place, **more})


def by_pymysql(louver: Any, user: str, password: str, **more: Any) -> Any:
    """PyMySQL."""
    place = {"host": "127.0.0.1", "port": louver.port, "database": NAME, "ssl": {"check_hostname": False}}
    return pymysql.connect(user=user, password=password, **{**place, **more})


def asked(connection: Any) -> str:
    """What somebody sees."""
    with contextlib.closing(connection), contextlib.closing(connection.cursor()) as cursor:
        cursor.execute(QUERY)
        return str(cursor.fetchall()[0][0])


@pytest.fixture(scope="module")
def bank(postgres: Any) -> Any:
    """A PostgreSQL with customers."""
    postgres.create_database(NAME)
    postgres.run_sql(";".join(TABLES), NAME)
    return postgres


@pytest.fixture(scope="module")
def by_postgres(bank: Any, openldap: Directory, certificate: CertificateFiles) -> Iterator[Any]:
    """A proxy before it that asks the directory over TLS."""
    with running_louver(bank, **settings_of(openldap, certificate)) as louver:
        yield louver


def test_the_directory_lets_in_on_postgresql(by_postgres: Any) -> None:
    """By its passwords, each as exactly whom he says he is, with his groups where groups count."""
    assert {user: asked(by_psycopg(by_postgres, user, password)) for user, password in PASSWORDS.items()} == SEEN
    opened = [r for r in records(by_postgres.audit_directory) if r["event"] == "session_opened"]
    tina = next(r for r in opened if r["principal"] == "tina")
    assert tina["attributes"] == {"region": "east", "shifts": ["full", "night"], "roles": ["late, shift", "tellers"]}
    assert (tina["proof"], set(tina["origins"].values())) == ("ldap", {"directory"})
    assert "secret" not in by_postgres.log


@pytest.mark.parametrize(
    ("user", "password"),
    [
        ("tina", "wrong"),
        ("tina", "other secret"),
        ("Tina", "tina secret"),
        ("TINA", "tina secret"),
        ("nobody", "tina secret"),
        ("t*", "tina secret"),
        ("tina)(cn=*", "tina secret"),
        ("*)(uid=tina", "tina secret"),
        ("tina\\2a", "tina secret"),
    ],
)
def test_a_wrong_password_and_an_unknown_user_are_told_alike(by_postgres: Any, user: str, password: str) -> None:
    """And no name means anything to the filter."""
    with pytest.raises(psycopg.OperationalError) as refused:
        by_psycopg(by_postgres, user, password)
    assert f'password authentication failed for user "{user}"' in str(refused.value)


def by_nothing(louver: Any, user: str) -> str:
    """What the server says to an empty password, which libpq would not send."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    plain = socket.create_connection(("127.0.0.1", louver.port), 20)
    plain.sendall(struct.pack("!ii", 8, 80877103))
    assert plain.recv(1) == b"S"
    with context.wrap_socket(plain) as wire:
        words = b"user\0%b\0database\0%b\0\0" % (user.encode(), NAME.encode())
        wire.sendall(struct.pack("!ii", len(words) + 8, 196608) + words)
        assert wire.recv(9) == b"R" + struct.pack("!ii", 8, 3)
        wire.sendall(b"p" + struct.pack("!i", 5) + b"\0")
        return wire.recv(4096).decode()


def test_no_password_is_none(by_postgres: Any, openldap: Directory) -> None:
    """The directory itself takes a name without a password for a success; whoever believed that would let everybody in."""
    assert "tina logs in by a password of the directory, and has given none" in by_nothing(by_postgres, "tina")
    with pytest.raises(psycopg.OperationalError, match="which is sent over TLS only"):
        by_psycopg(by_postgres, "tina", "tina secret", sslmode="disable")
    assert "bind_anon_dn" in (openldap.directory / "slapd.conf").read_text()


@pytest.mark.parametrize("encryption", ["starttls", "none"])
def test_the_other_ways_to_the_directory(
    bank: Any, openldap: Directory, certificate: CertificateFiles, encryption: str
) -> None:
    """StartTLS; and in clear, on the same machine. Groups are searched for here."""
    groups = {"groups_from": None, "groups_filter": "(&(objectClass=groupOfNames)(member={dn}))"}
    with running_louver(bank, **settings_of(openldap, certificate, encryption, groups=groups)) as louver:
        for user in ("tina", "TINA", "bob"):
            assert asked(by_psycopg(louver, user, PASSWORDS[user])) == SEEN[user]


def test_the_directory_lets_in_on_mysql(either: Any, openldap: Directory, certificate: CertificateFiles) -> None:
    """PyMySQL, with the same people and the same refusals."""
    either.create_schema(NAME)
    with either.connect(NAME) as connection, connection.cursor() as cursor:
        for statement in TABLES:
            cursor.execute(statement)
        connection.commit()
    with running_louver(either, protocol="mysql", **settings_of(openldap, certificate)) as louver:
        assert {user: asked(by_pymysql(louver, user, password)) for user, password in PASSWORDS.items()} == SEEN
        for user, password in [("tina", "wrong"), ("nobody", "x"), ("TINA", "tina secret")]:
            with pytest.raises(pymysql.OperationalError, match=f"Access denied for user '{user}'"):
                by_pymysql(louver, user, password)
        with pytest.raises(pymysql.OperationalError, match="has given none"):
            by_pymysql(louver, "tina", "")
        with pytest.raises(pymysql.OperationalError, match="which is sent over TLS only"):
            by_pymysql(louver, "tina", "tina secret", ssl=None, ssl_disabled=True)
        assert asked(by_pymysql(louver, "svc", louver.passwords["svc"])) == MASKED


def test_a_certificate_of_the_directory_that_is_not_trusted_ends_it(
    bank: Any, openldap: Directory, certificate: CertificateFiles
) -> None:
    """No password is sent to whoever claims to be the directory; the log says why."""
    shown = settings_of(openldap, certificate)
    shown["ldap"]["ca"] = str(certificate.certificate)
    with running_louver(bank, **shown) as louver:
        with pytest.raises(psycopg.OperationalError, match="passwords cannot be checked at this time"):
            by_psycopg(louver, "tina", "tina secret")
        louver.wait_for_said("its certificate is not trusted")


def test_sessions_follow_the_directory(bank: Any, certificate: CertificateFiles) -> None:
    """A group that is left counts no more; when the directory is away what it said holds for the grace, then sessions end."""
    with running_directory() as directory:
        shown = settings_of(directory, certificate, grace_seconds=8, required=True)
        with running_louver(bank, **shown) as louver, by_psycopg(louver, "tina", "tina secret") as client:

            def sees() -> str:
                try:
                    return str(client.execute(QUERY).fetchone()[0])
                except psycopg.OperationalError as error:
                    return str(error)

            def until(expected: str) -> None:
                wait_until(lambda: expected in sees(), sees)

            assert sees() == CLEAR
            directory.change(f"dn: cn=Tina One,{PEOPLE}\nchangetype: modify\nreplace: l\nl: west\n")
            until(MASKED)
            directory.stop()
            with pytest.raises(psycopg.OperationalError, match="passwords cannot be checked at this time"):
                by_psycopg(louver, "tina", "tina secret")
            wait_until(lambda: CLEAR not in sees() and client.closed)  # its last words may be lost behind what was sent
            reason = "louver: what directory knows of tina is too old, and it gives no answer"
            recorded(louver, "session_closed", lambda record: record["reason"] == reason)
            louver.wait_for_said("attributes: directory has no answer: it cannot be reached: connection refused")
