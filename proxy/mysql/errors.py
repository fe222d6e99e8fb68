"""The server's errors, as a guarded client may have them: without stored values.

Owns which messages may quote the value of a row, and what is left of them; the number and the SQLSTATE stay. The numbers were gone
through in MySQL's "Server Error Message Reference" and MariaDB's "MariaDB Error Code Reference".
May not do: keep state, decide.
"""

from __future__ import annotations

import re
from typing import Final

from proxy.mysql.messages import error, parse_error

EXPOSED: Final = "42000"
"""The SQLSTATE of an answer that was cut off because the server named a hidden column as its origin."""

_NAMES_ONLY: Final = frozenset(
    (
        *range(1004, 1020),  # files and tables that cannot be made, opened, locked
        *range(1035, 1061),  # memory, connections, access, unknown and ambiguous names, lengths of names
        1061,  # duplicate key name
        *range(1063, 1110),  # syntax, definitions of tables
        *range(1110, 1137),  # queries, grants
        *range(1138, 1153),  # NULL, grants, unknown tables, syntax
        *range(1153, 1173),  # packets, engines, keys
        *range(1173, 1216),  # keys, tables, transactions, locks, deadlocks
        *range(1216, 1242),  # foreign keys, subqueries, grants, variables
        1242,  # subquery returns more than one row
        1243,
        *range(1244, 1261),  # sorting, derived tables, names
        1263,
        1264,  # out of range: the column and the row's number
        1265,  # truncated: the same
        *range(1267, 1274),  # collations, unknown character sets
        *range(1286, 1290),
        *range(1290, 1292),
        *range(1293, 1299),
        *range(1300, 1300),
        *range(1301, 1353),  # stored programs and views
        *range(1353, 1366),  # views, triggers, no default
        *range(1368, 1390),  # views, CHECK OPTION
        *range(1390, 1407),  # parameters, savepoints
        1406,  # too long: the column and the row's number
        *range(1412, 1416),
        *range(1417, 1451),  # stored programs
        1451,
        1452,  # foreign keys: tables and columns
        *range(1453, 1478),
        *range(1478, 1492),
        *range(1493, 1500),
        1568,
        1577,
        1615,
        *range(1701, 1703),
        1792,
        1830,
        1836,
        1927,
        *range(1930, 1970),
        1969,
        2013,
        3024,
        *range(3032, 3037),
        3065,
        3159,
        3169,
        3572,
        3819,  # CHECK constraint: its name
        3948,
        4025,  # CHECK constraint of MariaDB: its name and table
        4031,
        4166,
    )
)
"""Errors whose messages hold names, numbers of rows, and what the client itself has written."""

_KEY: Final = re.compile(rb".*( for key .*)\Z", re.DOTALL)
_COLUMN: Final = re.compile(rb".*( for (?:column|function) .*)\Z", re.DOTALL)
_QUOTED: Final = re.compile(rb"(?:'.*'|\".*\")", re.DOTALL)
_DUPLICATE: Final = frozenset((1062, 1169, 1557, 1586, 1761, 1762, 1859))
_VALUE_OF_COLUMN: Final = frozenset((1292, 1366, 1411, 3156))
_RAISED: Final = 1644  # SIGNAL, whose words are a program's own


def discreet(payload: bytes) -> bytes:
    """An ERR packet without what may quote stored values; one that has nothing of the kind is the same. Raises ProtocolViolation."""
    report = parse_error(payload)
    if report.errno in _NAMES_ONLY or not report.message:
        return payload
    message = report.message
    if message.startswith(b"louver: "):
        return payload
    kept = scrub(report.errno, message)
    return payload if kept == message else error(report.errno, report.sqlstate, kept)


def scrub(errno: int, message: bytes) -> bytes:
    """The message of an error that may quote values, without them."""
    if errno in _DUPLICATE:
        found = _KEY.match(message)
        return b"Duplicate entry" + (found[1] if found is not None else b"")
    if errno in _VALUE_OF_COLUMN:
        found = _COLUMN.match(message)
        begin = message[: _first_quote(message)].rstrip(b" :")
        return begin + (found[1] if found is not None else b"")
    return _QUOTED.sub(b"(not shown)", message)


def _first_quote(message: bytes) -> int:
    places = [place for place in (message.find(b"'"), message.find(b'"'), message.find(b":")) if place >= 0]
    return min(places, default=len(message))
