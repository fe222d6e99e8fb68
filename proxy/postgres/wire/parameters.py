"""The values of a Bind message, as far as they must be counted: how many elements an array parameter has.

Owns the layout of Bind behind its two names (protocol.html, "Bind") and of arrays in both formats (arrayfuncs.c, array_recv
and array_in). Counts at most, never less. May not do: know which parameters are counted, or how often.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from proxy.postgres.wire.conversation import ProtocolViolation

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rewriter.model import Probe

_HEADER = 12  # of an array in binary: dimensions, a flag, the type of its elements
_DIMENSION = 8  # size and lower bound


def counted(probes: Iterable[Probe], values: bytes) -> list[Probe]:
    """The probes with the elements of their arrays added to what they ask for; raises what `elements` raises."""
    return [replace(probe, values=probe.values + elements(values, probe.parameter)) for probe in probes]


def elements(values: bytes, number: int) -> int:
    """How many elements parameter `number`, from 1, holds at most; 0 when there is no such one, 1 for NULL.

    `values` is the message from its format codes on. Raises ProtocolViolation when it ends early.
    """
    formats = _short(values, 0)
    codes = [_short(values, 2 + 2 * index) for index in range(formats)]
    position = 2 + 2 * formats
    count = _short(values, position)
    position += 2
    if number > count:
        return 0  # the server says so
    for _ in range(number - 1):
        position += 4 + max(0, _length(values, position))
    size = _length(values, position)
    if size < 0:
        return 1
    value = values[position + 4 : position + 4 + size]
    if len(value) != size:
        raise _cut()
    binary = codes[0] if len(codes) == 1 else codes[number - 1] if number <= len(codes) else 0
    return _in_binary(value) if binary else _in_text(value)


def _in_text(value: bytes) -> int:
    """Commas in braces; without these it is a vector of the system catalogs, which has spaces."""
    if value.lstrip()[:1] in {b"{", b"["}:
        return value.count(b",") + 1
    return max(1, len(value.split()))


def _in_binary(value: bytes) -> int:
    count = 1
    for place in range(_HEADER, _HEADER + _DIMENSION * min(_length(value, 0), 6), _DIMENSION):
        count *= max(1, _length(value, place))
    return count


def _short(data: bytes, position: int) -> int:
    return int.from_bytes(_piece(data, position, 2), "big")


def _length(data: bytes, position: int) -> int:
    return int.from_bytes(_piece(data, position, 4), "big", signed=True)


def _piece(data: bytes, position: int, size: int) -> bytes:
    piece = data[position : position + size]
    if len(piece) != size:
        raise _cut()
    return piece


def _cut() -> ProtocolViolation:
    return ProtocolViolation("a Bind message ends before its values do")
