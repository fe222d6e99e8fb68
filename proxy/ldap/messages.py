"""LDAP's messages (RFC 4511): requests as bytes, answers as records.

Owns their forms. May not do: I/O.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from proxy.ldap import ber
from proxy.ldap.ber import BadEncoding

SUCCESS: Final = 0
SIZE_LIMIT_EXCEEDED: Final = 4
INVALID_CREDENTIALS: Final = 49

START_TLS: Final = b"1.3.6.1.4.1.1466.20037"  # RFC 4511, section 4.14

_BIND, _BOUND, _UNBIND, _SEARCH, _ENTRY, _DONE, _REFERENCE = 0x60, 0x61, 0x42, 0x63, 0x64, 0x65, 0x73
_EXTENDED, _EXTENDED_ANSWER = 0x77, 0x78
_SIMPLE, _EXTENDED_NAME = 0x80, 0x80
_VERSION: Final = 3
_SUBTREE: Final = 2
_NEVER: Final = 0  # aliases are not followed: whoever can write one could lead us anywhere


@dataclass(frozen=True, slots=True)
class Result:
    """How an operation ended. `said` is the server's own word, which is for nobody but its operator."""

    code: int
    said: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry that a search has found; names of attributes in lower case, without options."""

    name: str
    attributes: Mapping[str, tuple[bytes, ...]]


@dataclass(frozen=True, slots=True)
class Reference:
    """A search could go on elsewhere; it does not."""


Answer = Result | Entry | Reference


def bind(number: int, name: str, password: bytes) -> bytes:
    """Say who we are, by a password, or nobody by neither. Raises ValueError for one alone: servers take that for a success (RFC 4513, 5.1.2)."""
    if bool(name) != bool(password):
        raise ValueError("a bind with a name and no password, or the other way round, proves nothing")
    who = ber.element(ber.OCTETS, name.encode())
    return _message(number, ber.element(_BIND, ber.integer(_VERSION), who, ber.element(_SIMPLE, password)))


def start_tls(number: int) -> bytes:
    """Ask for TLS."""
    return _message(number, ber.element(_EXTENDED, ber.element(_EXTENDED_NAME, START_TLS)))


def unbind(number: int) -> bytes:
    """Say goodbye."""
    return _message(number, ber.element(_UNBIND))


def search(number: int, base: str, filter_: bytes, attributes: Sequence[str], *, size: int, seconds: int) -> bytes:  # noqa: PLR0913  the fields of the request
    """Search below `base` for what `filter_` (encoded) means: `size` entries at most, within `seconds`."""
    wanted = ber.element(ber.SEQUENCE, *(ber.element(ber.OCTETS, each.encode()) for each in attributes))
    request = ber.element(
        _SEARCH,
        ber.element(ber.OCTETS, base.encode()),
        ber.integer(_SUBTREE, ber.ENUMERATED),
        ber.integer(_NEVER, ber.ENUMERATED),
        ber.integer(size),
        ber.integer(seconds),
        ber.element(ber.BOOLEAN, b"\x00"),
        filter_,
        wanted,
    )
    return _message(number, request)


def _message(number: int, operation: bytes) -> bytes:
    return ber.element(ber.SEQUENCE, ber.integer(number), operation)


def parse(data: bytes) -> tuple[int, Answer]:
    """An answer and the number of what it answers. Raises BadEncoding."""
    ((tag, contents),) = _exactly(data, 1)
    if tag != ber.SEQUENCE:
        raise BadEncoding("a message that is none")
    parts = list(ber.elements(contents))
    if len(parts) not in {2, 3} or parts[0][0] != ber.INTEGER:  # the third are controls
        raise BadEncoding("a message without a number")
    number, (kind, operation) = ber.number(parts[0][1]), parts[1]
    if kind == _ENTRY:
        return number, _entry(operation)
    if kind == _REFERENCE:
        return number, Reference()
    if kind not in {_BOUND, _DONE, _EXTENDED_ANSWER}:
        raise BadEncoding(f"a message of a kind that was not asked for ({kind:#x})")
    fields = list(ber.elements(operation))
    if len(fields) < 3 or fields[0][0] != ber.ENUMERATED:
        raise BadEncoding("a result without a code")
    return number, Result(ber.number(fields[0][1]), fields[2][1].decode("utf-8", "replace"))


def _entry(data: bytes) -> Entry:
    (_, name), (_, listed) = _exactly(data, 2)
    attributes: dict[str, tuple[bytes, ...]] = {}
    for _, contents in ber.elements(listed):
        (_, attribute), (_, values) = _exactly(contents, 2)
        key = attribute.decode("utf-8", "replace").lower().partition(";")[0]
        attributes[key] = attributes.get(key, ()) + tuple(value for _, value in ber.elements(values))
    try:
        return Entry(name.decode(), attributes)
    except UnicodeDecodeError:
        raise BadEncoding("a name that is not UTF-8") from None


def _exactly(data: bytes, count: int) -> list[tuple[int, bytes]]:
    found = list(ber.elements(data))
    if len(found) != count:
        raise BadEncoding(f"{len(found)} elements where {count} belong")
    return found
