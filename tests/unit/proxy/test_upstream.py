"""Where the database is, and whether it is asked for TLS."""

from __future__ import annotations

import pytest

from proxy.tls import upstream_tls
from proxy.upstream import Upstream


@pytest.mark.parametrize(
    ("host", "mode", "asked"),
    [
        ("127.0.0.1", "prefer", False),
        ("::1", "prefer", False),
        ("Localhost", "prefer", False),
        ("127.0.0.1", "require", True),
        ("127.0.0.1", "verify-full", True),
        ("192.0.2.1", "prefer", True),
        ("db.example", "prefer", True),
        ("db.example", "disable", False),
        ("/run/postgresql", "verify-full", False),
    ],
)
def test_tls_is_asked_for_where_it_protects(host: str, mode, asked: bool) -> None:
    """`prefer` asks for TLS but on the same machine; the stricter modes always do; a Unix socket has none."""
    assert Upstream(host, 5432, upstream_tls(mode)).wants_tls is asked


def test_places_are_told_as_people_write_them() -> None:
    """A TCP place is host:port, a Unix socket its path."""
    assert str(Upstream("db", 5433)) == "db:5433"
    assert str(Upstream("/run/postgresql", 5433)) == "/run/postgresql/.s.PGSQL.5433"
