"""Logins to a real MySQL and a real MariaDB through the proxy, in both modes, with TLS on either leg and without."""

from __future__ import annotations

import ssl
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pymysql
import pytest

from louver.demo.certificate import CertificateFiles, make_certificate
from louver.demo.host import free_port
from proxy.front import LoginRefused
from proxy.identity import Users, add_user
from proxy.mysql.login import MySQLLoginSettings
from proxy.mysql.wire.authentication import ServiceAccount
from proxy.tls import server_tls, upstream_tls
from proxy.upstream import Upstream

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fixtures.mysql_logins import MySQLLoginProxy

    from louver.demo.mysql import LocalMySQL

PASSWORD = "pa55 'wörd 密码"
METHODS = {
    "mysql": ("caching_sha2_password",),
    "mariadb": ("mysql_native_password",),
}


@pytest.fixture
def certificate(tmp_path: Path) -> CertificateFiles:
    """Louver's own."""
    return make_certificate(tmp_path)


@pytest.fixture
def account(either: LocalMySQL) -> str:
    """A user of the database with a password."""
    with either.connect() as connection, connection.cursor() as cursor:
        for method in METHODS[either.flavour]:
            name = f"by_{method}"
            cursor.execute(f"DROP USER IF EXISTS '{name}'@'%%'")
            quoted = PASSWORD.replace("'", "''")
            way = "WITH" if either.flavour == "mysql" else "VIA"
            by = "BY" if either.flavour == "mysql" else "USING PASSWORD"
            password = f"'{quoted}'" if either.flavour == "mysql" else f"('{quoted}')"
            cursor.execute(f"CREATE USER '{name}'@'%%' IDENTIFIED {way} {method} {by} {password}")
            cursor.execute("FLUSH PRIVILEGES")  # forgets the passwords that have proved right
    return f"by_{METHODS[either.flavour][0]}"


def place(server: LocalMySQL, mode: Any = "disable") -> Upstream:
    """The server, by a TLS mode."""
    return Upstream("127.0.0.1", server.port, upstream_tls(mode, server.certificate, alpn=None), protocol="mysql")


def asked(port: int, user: str, password: str, query: str = "SELECT USER()", **more: Any) -> Any:
    """What the first row of a query's answer holds first, by PyMySQL."""
    place: dict[str, Any] = {"host": "127.0.0.1", "port": port, "user": user, "password": password.encode()}
    with pymysql.connect(**place, **more) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        return (cursor.fetchone() or (None,))[0]


def trusting(certificate: CertificateFiles) -> dict[str, Any]:
    """PyMySQL's options for TLS that trusts Louver's certificate."""
    return {"ssl": ssl.create_default_context(cafile=str(certificate.certificate))}


@pytest.mark.parametrize("upstream", ["disable", "verify-full"])
@pytest.mark.parametrize("encrypted", [True, False])
def test_a_user_of_the_database_logs_in(
    mysql_logins: Callable[..., MySQLLoginProxy],
    either: LocalMySQL,
    account: str,
    certificate: CertificateFiles,
    *,
    encrypted: bool,
    upstream: str,
) -> None:
    """In `relay` the database checks the password, whichever leg has TLS, the first time and the next."""
    tls = server_tls(certificate.certificate, certificate.key, alpn=None)
    proxy = mysql_logins(MySQLLoginSettings(place(either, upstream), tls=tls))
    options = trusting(certificate) if encrypted else {"ssl_disabled": True}
    for _ in range(2):
        assert asked(proxy.port, account, PASSWORD, **options).startswith(f"{account}@")
    with pytest.raises(pymysql.OperationalError, match="Access denied"):
        asked(proxy.port, account, "wrong", **options)
    assert [outcome.principal for outcome in proxy.settled(3)] == [account] * 3
    assert isinstance(proxy.outcomes[-1], LoginRefused)


@pytest.mark.parametrize("upstream", ["disable", "verify-full"])
@pytest.mark.parametrize("encrypted", [True, False])
def test_a_user_of_louvers_logs_in(
    mysql_logins: Callable[..., MySQLLoginProxy],
    either: LocalMySQL,
    account: str,
    certificate: CertificateFiles,
    tmp_path: Path,
    *,
    encrypted: bool,
    upstream: str,
) -> None:
    """In `own` Louver checks the password by its verifier, and the database sees the service account alone."""
    add_user(tmp_path / "users.yaml", "tina", "tina's 密码", {"role": "teller"})
    tls = server_tls(certificate.certificate, certificate.key, alpn=None)
    settings = MySQLLoginSettings(place(either, upstream), "own", ServiceAccount(account, PASSWORD), tls)
    proxy = mysql_logins(settings, Users.load(tmp_path / "users.yaml"))
    options = trusting(certificate) if encrypted else {"ssl_disabled": True}
    for _ in range(2):
        assert asked(proxy.port, "tina", "tina's 密码", **options).startswith(f"{account}@")
    for user, password in (("tina", "wrong"), ("nobody", "tina's 密码"), ("tina", ""), (account, PASSWORD)):
        with pytest.raises(pymysql.OperationalError, match=f"Access denied for user '{user}'"):
            asked(proxy.port, user, password, **options)
    assert len(proxy.settled(6)) == 6
    assert proxy.outcomes[0].attributes == {"role": "teller"}
    assert proxy.outcomes[0].database_user == account


def test_who_must_come_with_tls_is_told_so(
    mysql_logins: Callable[..., MySQLLoginProxy], either: LocalMySQL, certificate: CertificateFiles
) -> None:
    """With `tls.required` a client without TLS is turned away before its password is asked for."""
    tls = server_tls(certificate.certificate, certificate.key, alpn=None)
    proxy = mysql_logins(MySQLLoginSettings(place(either), tls=tls, tls_required=True))
    with pytest.raises(pymysql.OperationalError, match="insecure transport"):
        asked(proxy.port, "root", either.password, ssl_disabled=True)
    assert asked(proxy.port, "root", either.password, **trusting(certificate)).startswith("root@")


def test_a_client_names_its_schema_and_program(
    mysql_logins: Callable[..., MySQLLoginProxy], either: LocalMySQL
) -> None:
    """The schema of the login is the session's, and conditions can look at it and at the program's name."""
    schema = either.create_schema("login_schema")
    proxy = mysql_logins(MySQLLoginSettings(place(either)))
    found = asked(
        proxy.port,
        "root",
        either.password,
        "SELECT DATABASE()",
        database=schema,
        program_name="report",
        ssl_disabled=True,
    )
    assert found == schema
    assert (proxy.outcomes[0].database, proxy.outcomes[0].application) == (schema, "report")


def test_a_database_that_is_not_there_is_told(mysql_logins: Callable[..., MySQLLoginProxy]) -> None:
    """A client is told which place cannot be reached, as the server tells its own trouble before a greeting."""
    proxy = mysql_logins(MySQLLoginSettings(Upstream("127.0.0.1", free_port(), upstream_tls("disable"))))
    with pytest.raises(pymysql.OperationalError, match="cannot reach the database at"):
        asked(proxy.port, "root", "x", ssl_disabled=True)


@pytest.mark.parametrize("login", ["relay", "own"])
def test_mariadbs_own_method(
    mysql_logins: Callable[..., MySQLLoginProxy],
    mariadb: LocalMySQL,
    certificate: CertificateFiles,
    tmp_path: Path,
    login: str,
) -> None:
    """client_ed25519 passes from a user of the database's, and Louver signs by it for its service account."""
    with mariadb.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM information_schema.plugins WHERE plugin_name = 'ed25519'")
        if cursor.fetchone() == (0,):
            cursor.execute("INSTALL SONAME 'auth_ed25519'")
        cursor.execute("CREATE OR REPLACE USER by_ed25519 IDENTIFIED VIA ed25519 USING PASSWORD('s3cret')")
    settings = MySQLLoginSettings(place(mariadb), tls=server_tls(certificate.certificate, certificate.key, alpn=None))
    user = "by_ed25519"
    if login == "own":
        user = "tina"
        add_user(tmp_path / "users.yaml", user, "s3cret", {})
        settings = replace(settings, login="own", service=ServiceAccount("by_ed25519", "s3cret"))
    proxy = mysql_logins(settings, Users.load(tmp_path / "users.yaml") if login == "own" else None)
    for options in (trusting(certificate), {"ssl_disabled": True}):
        assert asked(proxy.port, user, "s3cret", **options).startswith("by_ed25519@")
    assert [outcome.principal for outcome in proxy.settled(2)] == [user, user]
    if login == "own":
        wrong = replace(settings, service=ServiceAccount("by_ed25519", "wrong"))
        proxy = mysql_logins(wrong, Users.load(tmp_path / "users.yaml"))
    with pytest.raises(pymysql.OperationalError):
        asked(proxy.port, user, "s3cret" if login == "own" else "wrong", **trusting(certificate))
