"""What client and server agree on in the handshake, and which of it passes through a proxy.

Owns the capability flags and the choice among them. MySQL has 32 bits; MariaDB leaves the first of them unset and has 32
more. Source: MySQL's developer documentation, "Capabilities Flags"; MariaDB's, "Connecting", capabilities. Pure values.
"""

from __future__ import annotations

from enum import IntFlag
from typing import Final


class Capability(IntFlag):
    """The flags by their names in the documentation, without CLIENT_; those from 2^32 on are MariaDB's."""

    LONG_PASSWORD = 1 << 0  # MariaDB: unset by one that has extended capabilities
    FOUND_ROWS = 1 << 1
    LONG_FLAG = 1 << 2
    CONNECT_WITH_DB = 1 << 3
    NO_SCHEMA = 1 << 4
    COMPRESS = 1 << 5
    ODBC = 1 << 6
    LOCAL_FILES = 1 << 7
    IGNORE_SPACE = 1 << 8
    PROTOCOL_41 = 1 << 9
    INTERACTIVE = 1 << 10
    SSL = 1 << 11
    IGNORE_SIGPIPE = 1 << 12
    TRANSACTIONS = 1 << 13
    RESERVED = 1 << 14
    SECURE_CONNECTION = 1 << 15
    MULTI_STATEMENTS = 1 << 16
    MULTI_RESULTS = 1 << 17
    PS_MULTI_RESULTS = 1 << 18
    PLUGIN_AUTH = 1 << 19
    CONNECT_ATTRS = 1 << 20
    PLUGIN_AUTH_LENENC_CLIENT_DATA = 1 << 21
    CAN_HANDLE_EXPIRED_PASSWORDS = 1 << 22
    SESSION_TRACK = 1 << 23
    DEPRECATE_EOF = 1 << 24
    OPTIONAL_RESULTSET_METADATA = 1 << 25
    ZSTD_COMPRESSION_ALGORITHM = 1 << 26
    QUERY_ATTRIBUTES = 1 << 27
    MULTI_FACTOR_AUTHENTICATION = 1 << 28
    CAPABILITY_EXTENSION = 1 << 29
    SSL_VERIFY_SERVER_CERT = 1 << 30
    REMEMBER_OPTIONS = 1 << 31
    MARIADB_PROGRESS = 1 << 32
    MARIADB_COM_MULTI = 1 << 33
    MARIADB_STMT_BULK_OPERATIONS = 1 << 34
    MARIADB_EXTENDED_METADATA = 1 << 35
    MARIADB_CACHE_METADATA = 1 << 36
    MARIADB_BULK_UNIT_RESULTS = 1 << 37


_C = Capability

MYSQL_BITS: Final = 0xFFFFFFFF
NEEDED: Final = _C.PROTOCOL_41 | _C.SECURE_CONNECTION
"""Without these a client speaks the protocol of before MySQL 4.1."""

PASSING: Final = (
    _C.LONG_PASSWORD
    | _C.FOUND_ROWS
    | _C.LONG_FLAG
    | _C.CONNECT_WITH_DB
    | _C.ODBC
    | _C.LOCAL_FILES
    | _C.IGNORE_SPACE
    | _C.PROTOCOL_41
    | _C.INTERACTIVE
    | _C.SSL
    | _C.IGNORE_SIGPIPE
    | _C.TRANSACTIONS
    | _C.RESERVED
    | _C.SECURE_CONNECTION
    | _C.MULTI_STATEMENTS
    | _C.MULTI_RESULTS
    | _C.PS_MULTI_RESULTS
    | _C.PLUGIN_AUTH
    | _C.CONNECT_ATTRS
    | _C.PLUGIN_AUTH_LENENC_CLIENT_DATA
    | _C.CAN_HANDLE_EXPIRED_PASSWORDS
    | _C.SESSION_TRACK
    | _C.DEPRECATE_EOF
    | _C.QUERY_ATTRIBUTES
    | _C.SSL_VERIFY_SERVER_CERT
    | _C.REMEMBER_OPTIONS
    | _C.MARIADB_STMT_BULK_OPERATIONS
    | _C.MARIADB_EXTENDED_METADATA
    | _C.MARIADB_BULK_UNIT_RESULTS
)
"""What is offered when the server has it. Not among them, each for its reason:

NO_SCHEMA has MariaDB read the table in `db.t.c` without its database; COMPRESS and ZSTD hide the packets;
OPTIONAL_RESULTSET_METADATA and MARIADB_CACHE_METADATA leave out where result columns come from, which is checked;
MULTI_FACTOR_AUTHENTICATION has packets of its own in the login; MARIADB_PROGRESS sends reports in the shape of errors;
MARIADB_COM_MULTI and CAPABILITY_EXTENSION wrap what no current client sends.
"""


def offered(server: Capability, *, tls: bool, local_files: bool) -> Capability:
    """What a client is offered of a server's capabilities.

    `tls`: we can speak TLS with the client, whatever the server can. Without `local_files` the server may not ask clients for
    files.
    """
    kept = server & PASSING & ~Capability.SSL
    if tls:
        kept |= Capability.SSL
    return kept if local_files else kept & ~Capability.LOCAL_FILES


def chosen(client: Capability, offer: Capability) -> Capability:
    """What holds of a client's answer to an offer. LONG_PASSWORD says which 64 bits are meant and stays as it is."""
    extended = not client & Capability.LONG_PASSWORD and not offer & Capability.LONG_PASSWORD
    held = client & (offer | Capability.LONG_PASSWORD)
    return held if extended else held & Capability(MYSQL_BITS)


def upstream(client: Capability, server: Capability, *, tls: bool, database: bool) -> Capability:
    """What we ask of the server for a client that has chosen `client`.

    Always with session tracking, by which schema, sql_mode and character set are known and not guessed.
    """
    asked = client & ~(Capability.SSL | Capability.CONNECT_WITH_DB)
    asked |= server & (Capability.SESSION_TRACK | Capability.PLUGIN_AUTH | Capability.PLUGIN_AUTH_LENENC_CLIENT_DATA)
    if tls:
        asked |= Capability.SSL
    return asked | Capability.CONNECT_WITH_DB if database else asked
