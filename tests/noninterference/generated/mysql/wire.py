"""A client of MySQL's protocol that shows the very bytes it gets: PyMySQL logs in, then this speaks on its socket.

Owns the commands of texts and of prepared statements, the reading of their answers, and the values of both kinds of rows.
Source: MySQL Source Code Documentation, "Command Phase".
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pymysql
    from noninterference.generated.mysql.literals import Value

_QUERY, _PREPARE, _EXECUTE, _CLOSE, _FETCH = 0x03, 0x16, 0x17, 0x19, 0x1C
_MORE, _CURSOR, _LAST_ROW = 0x0008, 0x0040, 0x0080  # of the status
_LARGEST = 0xFFFFFF
_INTEGERS = {1: "b", 2: "h", 13: "h", 3: "i", 9: "i", 8: "q"}
_DATES, _TIME = {7, 10, 12}, 11
_UNSIGNED = 0x20
FETCHED = 3
"""Rows that are fetched at a time from a cursor: few, so that most answers need several."""


class EndedError(Exception):
    """The connection ended."""


@dataclass(frozen=True, slots=True)
class Result:
    """One result: the packets that describe its columns, those of its rows, and its end, which is OK, EOF or ERR."""

    columns: tuple[bytes, ...]
    rows: tuple[bytes, ...]
    end: bytes
    binary: bool = False

    @property
    def errno(self) -> int:
        """The number of its error; 0 when there is none."""
        return struct.unpack_from("<H", self.end, 1)[0] if self.end[:1] == b"\xff" else 0

    @property
    def message(self) -> str:
        """The text of its error."""
        return self.end[9:].decode(errors="replace") if self.errno else ""

    @property
    def warned(self) -> bool:
        """Whether rows came with warnings."""
        return self.end[:1] == b"\xfe" and self.end[1:3] != b"\0\0"

    @property
    def without_warnings(self) -> bytes:
        """Its end without the number of warnings."""
        return self.end[:1] + self.end[3:] if self.end[:1] == b"\xfe" else self.end

    @property
    def names(self) -> tuple[bytes, ...]:
        """The labels of its columns."""
        return tuple(_column(column)[0] for column in self.columns)

    @property
    def values(self) -> tuple[tuple[bytes | None, ...], ...]:
        """Its rows with values as texts, whatever way they came."""
        kinds = [_column(column)[1:] for column in self.columns]
        return tuple(_binary(row, kinds) if self.binary else _texts(row) for row in self.rows)

    @property
    def counts(self) -> tuple[int, bytes]:
        """Rows that were changed, and what the server says about them; zero and nothing for rows that are read."""
        if self.end[:1] != b"\0":
            return 0, b""
        affected, place = _length(self.end, 1)
        _, place = _length(self.end, place)
        return affected or 0, self.end[place + 4 :].partition(b"Warnings")[0]


@dataclass(slots=True)
class Wire:
    """A logged-in connection in the hands of the test. `connection` has neither DEPRECATE_EOF nor SESSION_TRACK."""

    connection: pymysql.Connection[Any]

    def send(self, text: str) -> None:
        """Send a text."""
        self._command(_QUERY, text.encode())

    def read(self) -> tuple[Result, ...]:
        """The results of a text."""
        found = [self._result()]
        while self._goes_on(found[-1]):
            found.append(self._result())
        return tuple(found)

    def prepare(self, text: str) -> None:
        """Send a text to be prepared."""
        self._command(_PREPARE, text.encode())

    def read_prepared(self) -> tuple[int, Result]:
        """The number of what was prepared, and its parameters and columns as a result; its end is the error when it failed."""
        head = self._packet()
        if head[:1] == b"\xff":
            return 0, Result((), (), head)
        number, columns, parameters = struct.unpack_from("<IHH", head, 1)
        described: list[bytes] = []
        for count in (parameters, columns):
            if count:
                described += [self._packet() for _ in range(count)]
                self._packet()
        return number, Result(tuple(described[parameters:]), tuple(described[:parameters]), head[5:], binary=True)

    def execute(self, number: int, values: list[Value], *, cursor: bool) -> None:
        """Run what was prepared."""
        nulls, kinds, data = bytearray((len(values) + 7) // 8), b"", b""
        for place, value in enumerate(values):
            if value is None:
                nulls[place // 8] |= 1 << place % 8
                kinds += b"\6\0"
            elif isinstance(value, int):
                kinds += b"\x08\0"
                data += struct.pack("<q", value)
            elif isinstance(value, float):
                kinds += b"\x05\0"
                data += struct.pack("<d", value)
            else:
                encoded = value.encode()
                kinds += b"\xfd\0"
                data += bytes((len(encoded),)) + encoded
        bound = bytes(nulls) + b"\1" + kinds + data if values else b""
        self._command(_EXECUTE, struct.pack("<IBI", number, int(cursor), 1) + bound)

    def read_executed(self, number: int) -> tuple[Result, ...]:
        """The results of a run; the rows of a cursor are fetched."""
        found = [self._result(binary=True, number=number)]
        while self._goes_on(found[-1]):
            found.append(self._result(binary=True, number=number))
        return tuple(found)

    def close_statement(self, number: int) -> None:
        """Forget what was prepared; nothing is answered."""
        self._command(_CLOSE, struct.pack("<I", number))

    def close(self) -> None:
        """End the connection without a word."""
        self.connection._force_close()

    def _command(self, code: int, body: bytes) -> None:
        payload = bytes((code,)) + body
        assert len(payload) < _LARGEST
        self.connection._sock.sendall(struct.pack("<I", len(payload))[:3] + b"\0" + payload)

    def _packet(self) -> bytes:
        head = self.connection._rfile.read(4)
        if len(head) < 4:
            raise EndedError
        size = int.from_bytes(head[:3], "little")
        payload = self.connection._rfile.read(size)
        if len(payload) < size:
            raise EndedError
        return payload + self._packet() if size == _LARGEST else payload

    def _result(self, *, binary: bool = False, number: int = 0) -> Result:
        head = self._packet()
        if head[:1] in {b"\0", b"\xff"}:
            return Result((), (), head)
        columns = tuple(self._packet() for _ in range(_length(head, 0)[0] or 0))
        end = self._packet()
        rows: list[bytes] = []
        if _status(end) & _CURSOR:
            while not _status(end) & _LAST_ROW:
                self._command(_FETCH, struct.pack("<II", number, FETCHED))
                end = self._rows(rows)
                if end[:1] == b"\xff":
                    break
        else:
            end = self._rows(rows)
        return Result(columns, tuple(rows), end, binary)

    def _rows(self, rows: list[bytes]) -> bytes:
        packet = self._packet()
        while not (packet[:1] == b"\xfe" and len(packet) < 9) and packet[:1] != b"\xff":
            rows.append(packet)
            packet = self._packet()
        return packet

    @staticmethod
    def _goes_on(result: Result) -> bool:
        return not result.errno and bool(_status(result.end) & _MORE)


def _status(end: bytes) -> int:
    """The status flags of an OK or EOF packet."""
    if end[:1] == b"\xfe":
        return int.from_bytes(end[3:5], "little")
    _, place = _length(end, 1)
    _, place = _length(end, place)
    return int.from_bytes(end[place : place + 2], "little")


def _length(data: bytes, place: int) -> tuple[int | None, int]:
    """A length-encoded number, and the place behind it; None stands for NULL."""
    first = data[place]
    if first < 0xFB:
        return first, place + 1
    if first == 0xFB:
        return None, place + 1
    size = {0xFC: 2, 0xFD: 3, 0xFE: 8}[first]
    return int.from_bytes(data[place + 1 : place + 1 + size], "little"), place + 1 + size


def _string(data: bytes, place: int) -> tuple[bytes | None, int]:
    size, place = _length(data, place)
    return (None, place) if size is None else (data[place : place + size], place + size)


def _column(packet: bytes) -> tuple[bytes, int, int, int]:
    """(label, type, flags, decimals) of a column."""
    place, label = 0, b""
    for which in range(6):
        text, place = _string(packet, place)
        label = (text or b"") if which == 4 else label
    _, place = _length(packet, place)
    kind, flags, decimals = struct.unpack_from("<BHB", packet, place + 6)
    return label, kind, flags, decimals


def _texts(row: bytes) -> tuple[bytes | None, ...]:
    found, place = [], 0
    while place < len(row):
        value, place = _string(row, place)
        found.append(value)
    return tuple(found)


def _binary(row: bytes, kinds: list[tuple[int, int, int]]) -> tuple[bytes | None, ...]:
    nulls = row[1 : 1 + (len(kinds) + 9) // 8]
    place = 1 + len(nulls)
    found: list[bytes | None] = []
    for number, (kind, flags, decimals) in enumerate(kinds):
        if nulls[(number + 2) // 8] >> (number + 2) % 8 & 1:
            found.append(None)
        elif kind in _INTEGERS:
            form = _INTEGERS[kind].upper() if flags & _UNSIGNED else _INTEGERS[kind]
            found.append(str(struct.unpack_from(f"<{form}", row, place)[0]).encode())
            place += struct.calcsize(form)
        elif kind in {4, 5}:
            form = "f" if kind == 4 else "d"
            found.append(repr(struct.unpack_from(f"<{form}", row, place)[0]).encode())
            place += struct.calcsize(form)
        elif kind in _DATES:
            size = row[place]
            found.append(_moment(kind, row[place + 1 : place + 1 + size], decimals))
            place += 1 + size
        elif kind == _TIME:
            size = row[place]
            found.append(_time(row[place + 1 : place + 1 + size], decimals))
            place += 1 + size
        else:
            value, place = _string(row, place)
            found.append(value)
    return tuple(found)


def _moment(kind: int, data: bytes, decimals: int) -> bytes:
    year, month, day = struct.unpack("<HBB", data[:4]) if data else (0, 0, 0)
    text = f"{year:04}-{month:02}-{day:02}"
    if kind != 10:
        hour, minute, second = data[4:7] if len(data) >= 7 else (0, 0, 0)
        text += f" {hour:02}:{minute:02}:{second:02}" + _fraction(data[7:], decimals)
    return text.encode()


def _time(data: bytes, decimals: int) -> bytes:
    if not data:
        return f"00:00:00{_fraction(b'', decimals)}".encode()
    negative, days, hour, minute, second = struct.unpack_from("<BIBBB", data)
    sign = "-" if negative else ""
    return f"{sign}{days * 24 + hour:02}:{minute:02}:{second:02}{_fraction(data[8:], decimals)}".encode()


def _fraction(data: bytes, decimals: int) -> str:
    micros = int.from_bytes(data, "little")
    return f".{micros:06}"[: decimals + 1] if 0 < decimals <= 6 else ""
