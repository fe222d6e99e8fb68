"""Logging the database's own users in through the proxy (login `relay`), with real clients to a real server."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.front import LoginRefused
from proxy.identity import Users, add_user
from proxy.postgres.login import Established

CLIENTS = ["by_psql", "by_psycopg"]


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("user", ["by_scram", "by_md5", "by_password", "odd"])
def test_relay_logs_the_databases_users_in(login_proxy, house, client, user: str, loop: str) -> None:
    """Every method with a proof passes, as the user who asked; the session reads SQL as it must."""
    proxy = login_proxy(house.relay(), loop=loop)
    query = "select concat_ws(' ', session_user, current_setting('client_encoding'), current_setting('standard_conforming_strings'))"
    assert getattr(house, client)(proxy.port, user, query) == f"{user} UTF8 on"
    session = proxy.outcome(Established)
    assert (session.principal, session.database_user, session.database) == (user, user, "bank")
    assert (session.tls, session.address, session.attributes) == (False, "127.0.0.1", {})


def test_relay_takes_attributes_from_the_users_file(login_proxy, house, tmp_path: Path) -> None:
    """A database user whom the users file lists has the attributes that stand there."""
    add_user(tmp_path / "users.yaml", "by_scram", None, {"region": "north"})
    proxy = login_proxy(house.relay(), Users.load(tmp_path / "users.yaml"))
    assert house.by_psql(proxy.port, "by_scram", "select 1") == "1"
    assert proxy.outcome(Established).attributes == {"region": "north"}


@pytest.mark.parametrize("client", CLIENTS)
def test_relay_refuses_a_wrong_password(login_proxy, house, client) -> None:
    """The database's own words reach the client, and the refusal is told with the name."""
    proxy = login_proxy(house.relay())
    with pytest.raises(AssertionError, match='password authentication failed for user "by_scram"'):
        getattr(house, client)(proxy.port, "by_scram", "select 1", "wrong")
    refused = proxy.outcome(LoginRefused)
    assert (refused.principal, refused.sqlstate) == ("by_scram", "28P01")


def test_relay_does_not_lend_out_trust(login_proxy, house) -> None:
    """A role that the database trusts at the proxy's address cannot be had for nothing, unless the operator says so."""
    proxy = login_proxy(house.relay())
    with pytest.raises(AssertionError, match="without a proof"):
        house.by_psql(proxy.port, "by_trust", "select 1")
    proxy = login_proxy(house.relay(unproven=True))
    assert house.by_psql(proxy.port, "by_trust", "select session_user") == "by_trust"


def test_relay_passes_the_databases_other_refusals(login_proxy, house) -> None:
    """A rejected role and a database that is not there are told as the server tells them."""
    proxy = login_proxy(house.relay())
    with pytest.raises(AssertionError, match=r"pg_hba\.conf rejects connection"):
        house.by_psql(proxy.port, "nobody_may", "select 1")
    with pytest.raises(AssertionError, match='database "nowhere" does not exist'):
        house.by_psql(proxy.port, "by_scram", "select 1", dbname="nowhere")
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
    login_proxy, house, client, mode: str, certificate: str | None, sslmode: str, binding: str, works: bool
) -> None:
    """Which settings of clients, of the proxy and of the database leg log in together."""
    proxy = login_proxy(house.relay(mode, getattr(house, certificate) if certificate else None))
    wanted = {"sslmode": sslmode, "channel_binding": binding}
    if sslmode == "verify-full":
        wanted["sslrootcert"] = str(house.shared.certificate)
    if works:
        answer = getattr(house, client)(
            proxy.port, "by_scram", "select ssl from pg_stat_ssl where pid = pg_backend_pid()", **wanted
        )
        assert answer in (("t", "True") if mode in ("require", "verify-full") else ("f", "False"))
        assert proxy.outcome(Established).tls == (sslmode != "disable")
    else:
        with pytest.raises(AssertionError, match="channel binding"):
            getattr(house, client)(proxy.port, "by_scram", "select 1", **wanted)


def test_the_manual_tells_what_was_tried() -> None:
    """The table of docs/login.md has the rows that are tried above, with their outcomes."""
    manual = (Path(__file__).parents[2] / "docs" / "login.md").read_text(encoding="utf-8")
    table = manual.partition("| TLS to the database")[2].partition("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip(" `") for cell in row.strip("| ").split("|")] for row in table]
    certificates = {"none": None, "its own": "louver", "the database's": "shared"}
    told = [(mode, certificates[shown], ssl, binding, works == "yes") for mode, shown, ssl, binding, works in cells]
    assert told == BINDINGS


def test_relay_tells_the_way_out_of_the_trap(login_proxy, house) -> None:
    """The error of a login that channel binding forbids says what to set."""
    proxy = login_proxy(house.relay("require", house.louver))
    with pytest.raises(AssertionError, match="channel_binding=disable"):
        house.by_psql(proxy.port, "by_scram", "select 1", sslmode="require")
    assert proxy.outcome(LoginRefused).sqlstate == "28000"
