"""The server's errors, as a guarded client may have them: without stored values.

Owns which messages may quote the value of a row, and what is left of them; the number and the SQLSTATE stay. The numbers were gone
through in MySQL's "Server Error Message Reference" and MariaDB's "MariaDB Error Code Reference".
May not do: keep state, decide.
"""

from __future__ import annotations

import re
from typing import Final

from proxy.mysql.wire.messages import error, parse_error

EXPOSED: Final = "42000"
"""The SQLSTATE of an answer that was cut off because the server named a hidden column as its origin."""
EXCEEDED: Final = "53400"
"""And of one with more rows than the caller may have."""

_KNOWN: Final = (range(1000, 2000), range(3000, 4200))
"""The numbers of MySQL 9.7 and MariaDB 10.11 and before. What a later server adds is taken to quote values."""

_DUPLICATE: Final = frozenset((1062, 1169, 1557, 1569, 1586, 1761, 1762, 3026))
_OF_COLUMN: Final = frozenset((1292, 1366, 1411, 1525, 4153))
_PLACES: Final = frozenset((3616, 3617, 3731, 3732))  # geometries: degrees, without quotes
_QUOTING: Final = (
    _DUPLICATE
    | _OF_COLUMN
    | _PLACES
    | frozenset(
        (
            1105,  # unknown, in anybody's words
            1219,
            1220,
            1296,  # of a storage engine, in its words
            1297,
            1300,
            1367,
            *range(1429, 1435),  # of another server, with the string by which it is reached
            1477,
            1644,  # SIGNAL, in a program's words
            1690,
            1741,
            1815,
            1916,
            1917,
            1918,
            *range(3045, 3054),
            3145,
            3148,
            *range(3558, 3564),
            3676,
            3854,
            3980,
            4095,
            4096,
            4183,
        )
    )
)
"""Errors whose messages may hold the value of a row; all others hold names, numbers of rows, and what the client has written."""

_KEY: Final = re.compile(rb".*( for key .*)\Z", re.DOTALL)
_COLUMN: Final = re.compile(rb".*( for (?:column|function) .*)\Z", re.DOTALL)
_QUOTED: Final = re.compile(rb"(?:'.*'|\".*\")", re.DOTALL)
_DEGREES: Final = re.compile(rb"-?\d+\.\d+(?:e[+-]?\d+)?")


_OUT_OF_RANGE: Final = 1690
_KEPT: Final = re.compile(rb"exp\(\(?999 ?\+ ?", re.IGNORECASE)
"""How the servers print what the rewriter has put around a value that may not be stored (`rewriter.mysql.preserving`)."""
_KEPT_MESSAGE: Final = (
    b"louver: a column that is masked for you is written back as you see it, or not at all; "
    b"leave it out, or ask for the rule to say `on_write: allow`"
)


def discreet(payload: bytes) -> bytes:
    """An ERR packet without what may quote stored values; one that has nothing of the kind is the same. Raises ProtocolViolation."""
    report = parse_error(payload)
    errno, message = report.errno, report.message
    if errno not in _QUOTING and any(errno in known for known in _KNOWN):
        return payload
    kept = scrub(errno, message)
    return payload if kept == message else error(errno, report.sqlstate, kept)


def scrub(errno: int, message: bytes) -> bytes:
    """The message of an error that may quote values, without them."""
    if errno == _OUT_OF_RANGE and _KEPT.search(message) is not None:
        return _KEPT_MESSAGE
    if errno in _DUPLICATE:
        found = _KEY.match(message)
        return b"Duplicate entry" + (found[1] if found is not None else b"")
    if errno in _OF_COLUMN:
        found = _COLUMN.match(message)
        begin = message[: _first_quote(message)].rstrip(b" :")
        return begin + (found[1] if found is not None else b"")
    if errno in _PLACES:
        return _DEGREES.sub(b"(not shown)", message)
    return _QUOTED.sub(b"(not shown)", message)


def _first_quote(message: bytes) -> int:
    places = [place for place in (message.find(b"'"), message.find(b'"'), message.find(b":")) if place >= 0]
    return min(places, default=len(message))
