"""Where discovery looks: URLs and what they mean for TLS."""

from __future__ import annotations

import pytest

from louver.discovery.bounds import Bounds
from louver.discovery.target import TargetError, from_url


@pytest.mark.parametrize(
    ("url", "protocol", "place", "user", "database", "mode"),
    [
        ("postgresql://ann:p%40ss@db.internal/bank", "postgresql", "db.internal:5432", "ann", "bank", "verify-full"),
        ("postgres://ann@db:6000/b%2Fk?sslmode=require", "postgresql", "db:6000", "ann", "b/k", "require"),
        ("mysql://ann@db.internal", "mysql", "db.internal:3306", "ann", "", "verify-full"),
        ("mariadb://ann@127.0.0.1:3307/shop", "mysql", "127.0.0.1:3307", "ann", "shop", "prefer"),
        ("postgresql://localhost/客户", "postgresql", "localhost:5432", "", "客户", "prefer"),
        ("postgresql://[::1]/x", "postgresql", "::1:5432", "", "x", "prefer"),
        ("postgresql://%2Fvar%2Frun/x", "postgresql", "/var/run/.s.PGSQL.5432", "", "x", "prefer"),
    ],
)
def test_a_url_says_where(*, url: str, protocol: str, place: str, user: str, database: str, mode: str) -> None:
    """Escapes are read; TLS is verified in full unless the URL says otherwise or names this machine."""
    target = from_url(url)
    assert (target.protocol, str(target.upstream), target.user, target.database) == (protocol, place, user, database)
    assert target.upstream.tls.mode == mode


def test_a_password_is_read_and_never_shown() -> None:
    """Neither `str` nor `repr` has it."""
    target = from_url("postgresql://ann:p%40ss@db/bank")
    assert target.password == "p@ss"
    assert "p@ss" not in repr(target) + str(target)


@pytest.mark.parametrize(
    "url",
    [
        "db/bank",
        "postgresql://db",
        "postgresql://db/x?sslmode=yes",
        "mysql://db:x/y",
        "postgresql://db/x?sslrootcert=/nowhere",
    ],
)
def test_what_is_no_url_is_refused(url: str) -> None:
    """With what to write instead."""
    with pytest.raises(TargetError):
        from_url(url)


def test_wide_tables_give_fewer_rows() -> None:
    """The bytes of a table are bounded, however many columns it has."""
    bounds = Bounds(rows=500, table_bytes=1_200_000)
    assert bounds.rows_of(1) == 500
    assert bounds.rows_of(10) == 100
    assert bounds.rows_of(100_000) == 1
