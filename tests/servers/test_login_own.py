"""Logging Louver's users in (login `own`), with real clients to a real server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from proxy.front import LoginRefused
from proxy.identity import add_user
from proxy.postgres.login import Established
from proxy.postgres.wire.authentication import ServiceAccount
from proxy.tls import server_tls
from proxy.upstream import Upstream

if TYPE_CHECKING:
    from pathlib import Path

CLIENTS = ["by_psql", "by_psycopg"]


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("service", ["by_scram", "by_md5", "by_trust", "odd"])
def test_own_logs_louvers_users_in(  # noqa: PLR0917  fixtures and parameters
    login_proxy, house, louver_users, client, service: str, loop: str
) -> None:
    """A user of Louver's, unknown to the database, works under the service account, with his attributes known."""
    proxy = login_proxy(house.own(service), louver_users, loop=loop)
    query = "select session_user || ' ' || current_database()"
    assert getattr(house, client)(proxy.port, "wang", query) == f"{service} bank"
    session = proxy.outcome(Established)
    assert (session.principal, session.database_user) == ("wang", service)
    assert session.attributes == {"roles": ("teller",), "region": "north"}


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("binding", ["disable", "prefer", "require"])
@pytest.mark.parametrize("direct", ["postgres", "direct"])
def test_own_over_tls(  # noqa: PLR0917  fixtures and parameters
    login_proxy, house, louver_users, client, binding: str, direct: str
) -> None:
    """All of libpq's channel binding and TLS negotiation settings work, with TLS on the database leg, too."""
    made = house.own(mode="verify-full", tls=server_tls(house.louver.certificate, house.louver.key), tls_required=True)
    proxy = login_proxy(made, louver_users)
    wanted = {"sslmode": "verify-full", "sslrootcert": str(house.louver.certificate), "channel_binding": binding}
    query = "select ssl from pg_stat_ssl where pid = pg_backend_pid()"
    answer = getattr(house, client)(proxy.port, "wang", query, sslnegotiation=direct, **wanted)
    assert answer in ("t", "True")
    assert proxy.outcome(Established).tls


def test_own_requires_tls_where_told(login_proxy, house, louver_users) -> None:
    """Without TLS a client is told to use it, before it says a password."""
    made = house.own(tls=server_tls(house.louver.certificate, house.louver.key), tls_required=True)
    proxy = login_proxy(made, louver_users)
    with pytest.raises(AssertionError, match="sslmode=require"):
        house.by_psql(proxy.port, "wang", "select 1", sslmode="disable")


@pytest.mark.parametrize("client", CLIENTS)
def test_own_refuses_wrong_and_unknown_alike(login_proxy, house, louver_users, client) -> None:
    """A wrong password, an unknown user and the service account's own name are refused in PostgreSQL's words."""
    proxy = login_proxy(house.own(), louver_users)
    for user, password in (("wang", "wrong"), ("nobody", house.password), ("by_scram", house.password)):
        with pytest.raises(AssertionError, match=f'password authentication failed for user "{user}"'):
            getattr(house, client)(proxy.port, user, "select 1", password)
        assert proxy.outcome(LoginRefused).sqlstate == "28P01"


def test_own_sees_new_users_at_once(login_proxy, house, louver_users, tmp_path: Path) -> None:
    """A user added while the proxy runs can log in, and so can one whose verifier was copied from PostgreSQL."""
    proxy = login_proxy(house.own(), louver_users)
    add_user(tmp_path / "users.yaml", "li", "secret", {})
    assert house.by_psql(proxy.port, "li", "select 1", "secret") == "1"
    verifier = house.server.run_sql("select rolpassword from pg_authid where rolname = 'by_scram'").strip()
    (tmp_path / "users.yaml").write_text(f"users:\n  zhao:\n    password: {verifier}\n")
    assert house.by_psql(proxy.port, "zhao", "select 1") == "1"


def test_service_account_by_cleartext_password(login_proxy, house, louver_users) -> None:
    """A cleartext request is met over TLS, or where the operator allows it, and refused otherwise."""
    for mode, cleartext in (("require", False), ("disable", True)):
        made = house.own(mode=mode, service=ServiceAccount("by_password", house.password, cleartext=cleartext))
        assert house.by_psql(login_proxy(made, louver_users).port, "wang", "select session_user") == "by_password"
    proxy = login_proxy(house.own("by_password"), louver_users)
    with pytest.raises(AssertionError, match="the database refused the proxy's own login"):
        house.by_psql(proxy.port, "wang", "select 1")
    assert "without TLS" in proxy.outcome(LoginRefused).reason


def test_service_account_by_certificate(login_proxy, house, louver_users) -> None:
    """A client certificate logs the service account in."""
    files = {"certificate": house.client.certificate, "key": house.client.key}
    made = house.own("by_certificate", upstream=house.upstream("verify-full", **files))
    assert house.by_psql(login_proxy(made, louver_users).port, "wang", "select session_user") == "by_certificate"


def test_service_account_by_unix_socket(login_proxy, house, louver_users) -> None:
    """A host that is a directory is the database's Unix socket."""
    made = house.own(upstream=Upstream(str(house.server.directory / "data"), house.server.port))
    query = "select inet_client_addr() is null"
    assert house.by_psql(login_proxy(made, louver_users).port, "wang", query) == "t"


@pytest.mark.parametrize(("service", "password"), [("by_scram", "wrong"), ("nobody_may", "x"), ("missing", "x")])
def test_service_account_refused(login_proxy, house, louver_users, service: str, password: str) -> None:
    """The client hears that the proxy's own login failed, nothing of whose; the operator hears all."""
    proxy = login_proxy(house.own(service=ServiceAccount(service, password)), louver_users)
    with pytest.raises(AssertionError) as error:
        house.by_psql(proxy.port, "wang", "select 1")
    assert "the database refused the proxy's own login" in str(error.value)
    assert service not in str(error.value)
    refused = proxy.outcome(LoginRefused)
    assert service in refused.reason
    assert refused.principal == "wang"


def test_own_passes_refusals_of_the_clients_wishes(login_proxy, house, louver_users) -> None:
    """A database or a parameter that does not exist is the client's affair and told in the server's words."""
    proxy = login_proxy(house.own(), louver_users)
    with pytest.raises(AssertionError, match='database "nowhere" does not exist'):
        house.by_psql(proxy.port, "wang", "select 1", dbname="nowhere")
    with pytest.raises(AssertionError, match='unrecognized configuration parameter "nonsense"'):
        house.by_psql(proxy.port, "wang", "select 1", options="'-c nonsense=1'")
