"""What is offered to clients, what holds of their choice, and what the database is asked for."""

from __future__ import annotations

from proxy.mysql.wire import capabilities
from proxy.mysql.wire.capabilities import PASSING, Capability

C = Capability
MYSQL = Capability(0xDFFFFFFF)
MARIADB = Capability(0x1D81FFFFFE)


def test_what_hides_or_changes_statements_is_not_offered() -> None:
    """Compression, results without origins, names without a database and packets of other shapes are taken out."""
    hidden = (
        C.COMPRESS
        | C.ZSTD_COMPRESSION_ALGORITHM
        | C.OPTIONAL_RESULTSET_METADATA
        | C.NO_SCHEMA
        | C.MULTI_FACTOR_AUTHENTICATION
        | C.CAPABILITY_EXTENSION
        | C.MARIADB_CACHE_METADATA
        | C.MARIADB_PROGRESS
        | C.MARIADB_COM_MULTI
    )
    for server in (MYSQL, MARIADB):
        offer = capabilities.offered(server, tls=True, local_files=True)
        assert not offer & hidden
        assert offer == server & PASSING


def test_tls_and_files_are_ours_to_offer() -> None:
    """TLS is offered when we have a certificate, whatever the database has; files as the policy says."""
    assert C.SSL in capabilities.offered(MYSQL & ~C.SSL, tls=True, local_files=True)
    assert C.SSL not in capabilities.offered(MYSQL, tls=False, local_files=True)
    assert C.LOCAL_FILES not in capabilities.offered(MYSQL, tls=False, local_files=False)


def test_a_client_gets_no_more_than_it_was_offered() -> None:
    """Bits that were not offered do not hold, even when the client sets them."""
    offer = capabilities.offered(MYSQL, tls=False, local_files=False)
    held = capabilities.chosen(MYSQL | C.COMPRESS | C.MARIADB_CACHE_METADATA, offer)
    assert not held & (C.COMPRESS | C.SSL | C.LOCAL_FILES | C.NO_SCHEMA | C.MARIADB_CACHE_METADATA)
    assert held & C.PROTOCOL_41


def test_mariadb_bits_hold_between_two_that_have_them() -> None:
    """A MySQL client on a MariaDB sets the first bit, so the upper half means nothing."""
    offer = capabilities.offered(MARIADB, tls=False, local_files=True)
    both = C.PROTOCOL_41 | C.MARIADB_STMT_BULK_OPERATIONS
    assert capabilities.chosen(both, offer) & C.MARIADB_STMT_BULK_OPERATIONS
    mysql = capabilities.chosen(both | C.LONG_PASSWORD, offer)
    assert mysql & C.LONG_PASSWORD
    assert not mysql & C.MARIADB_STMT_BULK_OPERATIONS


def test_the_database_is_always_asked_for_session_tracking() -> None:
    """Whatever the client wants; TLS and the database's name are of this leg."""
    asked = capabilities.upstream(C.PROTOCOL_41 | C.SSL, MYSQL, tls=False, database=True)
    assert asked & C.SESSION_TRACK
    assert asked & C.CONNECT_WITH_DB
    assert not asked & (C.SSL | C.COMPRESS | C.DEPRECATE_EOF)
    assert capabilities.upstream(C.PROTOCOL_41, MYSQL, tls=True, database=False) & C.SSL
