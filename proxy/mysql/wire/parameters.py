"""Parameters on their way to the server: where the text of a query begins behind its attributes, and types of parameters.

A client sends the types once, and the server forgets them when the statement is prepared anew.

Source: MySQL's developer documentation, "COM_QUERY", "COM_STMT_EXECUTE", "Binary Protocol Value"; MariaDB's,
"COM_STMT_BULK_EXECUTE". Reads payloads of which maybe only the beginning is at hand. May not do: keep state, decide.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from proxy.mysql.wire.packets import ProtocolViolation, read_fixed, read_lenenc_int, read_lenenc_string

_COUNT_AVAILABLE: Final = 0x08  # a flag of COM_STMT_EXECUTE
_SEND_TYPES: Final = 0x80  # a flag of COM_STMT_BULK_EXECUTE
_BULK_HEAD: Final = 7  # command, number, flags
_SIZES: Final = {1: 1, 2: 2, 3: 4, 4: 4, 5: 8, 8: 8}
"""Bytes of a value by its type: TINY, SHORT, LONG, FLOAT, DOUBLE, LONGLONG."""
_COUNTED: Final = frozenset((0, 7, 10, 11, 12, 15, *range(245, 256)))
"""Types whose values have a length before them: decimals, times, texts. Of NULL, INT24 and YEAR the documentation says other than
what MySQL does: it reads a length where there is none, and takes what follows for the text."""
_SIGNS: Final = frozenset((0, 0x80))  # the second byte of a type: unsigned or not


def text_start(payload: bytes) -> int:
    """Where the text of a COM_QUERY begins, whose client may send attributes. Raises ProtocolViolation.

    What the server could read in another way is a violation: it would run another text than the one that was ruled.
    """
    count, position = read_lenenc_int(payload, 1)
    sets, position = read_lenenc_int(payload, position)
    if sets != 1:
        raise ProtocolViolation("the attributes of a query must be one set")
    if not count:
        return position
    nulls, position = read_fixed(payload, position, (count + 7) // 8)
    bound, position = read_fixed(payload, position, 1)
    if bound != b"\x01":
        raise ProtocolViolation("the attributes of a query have no types")
    types: list[int] = []
    for _ in range(count):
        found, position = read_fixed(payload, position, 2)
        _, position = read_lenenc_string(payload, position)
        if found[1] not in _SIGNS:
            raise ProtocolViolation("an attribute of a query has a type that is not known")
        types.append(found[0])
    for number, kind in enumerate(types):
        if not nulls[number // 8] >> number % 8 & 1:
            position = _value_end(payload, position, kind)
    return position


def _value_end(payload: bytes, position: int, kind: int) -> int:
    size = _SIZES.get(kind)
    if size is not None:
        return read_fixed(payload, position, size)[1]
    if kind not in _COUNTED:
        raise ProtocolViolation("an attribute of a query has a type that is not known")
    return read_lenenc_string(payload, position)[1]


class Types(NamedTuple):
    """The part of an execution that tells its parameters' types: the bytes [start, stop) of its payload, none at all when start is stop.

    `flag` is where the byte stands that says whether there are any. `whole` is False when more bytes are needed to say.
    """

    flag: int
    start: int
    stop: int
    whole: bool = True


NOT_YET: Final = Types(0, 0, 0, whole=False)
NONE: Final = Types(0, 0, 0)


def execution_types(payload: bytes, parameters: int, *, attributes: bool) -> Types:
    """The types in a COM_STMT_EXECUTE of a statement with so many `parameters`; `attributes`: the client may add some.

    `payload` may be only the beginning.
    """
    try:
        return _types(payload, parameters, attributes=attributes)
    except ProtocolViolation:  # it ends before its fields do
        return NOT_YET


def _types(payload: bytes, parameters: int, *, attributes: bool) -> Types:
    flags, position = read_fixed(payload, 5, 5)
    count = parameters
    counted = attributes and (parameters > 0 or bool(flags[0] & _COUNT_AVAILABLE))
    if counted:
        count, position = read_lenenc_int(payload, position)
    if not count:
        return NONE
    _, flag = read_fixed(payload, position, (count + 7) // 8)
    bound, start = read_fixed(payload, flag, 1)
    if bound != b"\x01":
        return Types(flag, start, start)
    if not counted:
        return Types(flag, start, read_fixed(payload, start, 2 * count)[1])
    stop = start
    for _ in range(count):
        _, stop = read_lenenc_string(payload, stop + 2)
    return Types(flag, start, stop)


def typed(types: bytes, parameters: int, *, attributes: bool) -> list[tuple[int, bool]]:
    """The types in the part of an execution that tells them: of each its number, and whether it is unsigned. As far as they can be read."""
    found: list[tuple[int, bool]] = []
    position = 0
    try:
        while position < len(types):
            (kind, sign), position = read_fixed(types, position, 2)
            if attributes and parameters:
                _, position = read_lenenc_string(types, position)
            found.append((kind, bool(sign)))
    except (ProtocolViolation, ValueError):
        return []
    return found


def bulk_types(payload: bytes, parameters: int) -> Types:
    """The types in a COM_STMT_BULK_EXECUTE, of which `payload` may be only the beginning."""
    if len(payload) < _BULK_HEAD:
        return NOT_YET
    if not payload[5] & _SEND_TYPES:
        return Types(5, _BULK_HEAD, _BULK_HEAD)
    stop = _BULK_HEAD + 2 * parameters
    return Types(5, _BULK_HEAD, stop) if len(payload) >= stop else NOT_YET


def with_types(head: bytes, found: Types, types: bytes, *, bulk: bool) -> bytes:
    """The beginning of an execution up to its types, with the types that its client did not repeat."""
    mark = head[found.flag] | _SEND_TYPES if bulk else 1
    return head[: found.flag] + bytes((mark,)) + head[found.flag + 1 : found.start] + types
