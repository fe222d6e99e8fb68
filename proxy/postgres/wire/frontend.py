"""The client's half of a session: walks over the frontend's bytes and passes on what may leave.

Decides at the header; payloads pass as the bytes they came in, a message larger than the data at hand piecewise. Only
messages that carry SQL or names are gathered. What a message means stands in `requests`.
May not do: I/O, parsing of SQL, deciding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.postgres.wire.conversation import Conversation, ProtocolViolation
from proxy.postgres.wire.frames import HEADER_SIZE
from proxy.postgres.wire.requests import DROP, FORWARD, GATHER, PRECEDE, WAIT, Requests

if TYPE_CHECKING:
    from proxy.plans import Ruling
    from proxy.postgres.wire.provocations import Refusals
    from proxy.postgres.wire.statements import Statement


class Frontend:
    """Reads the client's bytes; `to_server` collects what leaves."""

    def __init__(self, conversation: Conversation, statement_limit: int, refusals: Refusals) -> None:
        self.to_server: list[bytes] = []
        self._requests = Requests(conversation, statement_limit, refusals)
        self._gathered: list[bytes] = []  # not looked at yet: behind a waiting statement, or of an unfinished message
        self._gathered_size = 0
        self._needed = 0  # bytes until the unfinished message can be read
        self._passing = 0  # bytes of the current message still to pass on
        self._swallowing = 0  # bytes of the current message still to drop
        self._data = b""  # while a statement waits: the bytes it stands in, and where
        self._start = self._position = self._stop = 0

    @property
    def waiting(self) -> Statement | None:
        """The statement that waits for its ruling."""
        return self._requests.waiting

    @property
    def buffered(self) -> int:
        """Bytes held back, behind a waiting statement or of a message that is not whole."""
        return self._gathered_size + len(self._data) - self._start

    def receive(self, data: bytes) -> None:
        """Take bytes of the client. Raises ProtocolViolation."""
        if self.waiting is not None:
            self._hold(data)
            return
        if self._gathered:
            self._hold(data)
            if self._gathered_size < self._needed:
                return
            data = self._release()
        self._take(data)

    def answer(self, ruling: Ruling) -> None:
        """Rule the waiting statement and go on with the bytes behind it. Raises ProtocolViolation."""
        data, start, position, stop = self._data, self._start, self._position, self._stop
        self._data, self._start = b"", 0
        written, again = self._requests.answer(ruling)
        if written is not None:
            if position > start:
                self.to_server.append(data[start:position])
            self.to_server.append(written)
            start = position if again else stop
        self._read(data, start, position if again else stop)
        if self._gathered and self.waiting is None and self._gathered_size >= self._needed:
            self._take(self._release())

    def release(self) -> None:
        """Let go what stands before the waiting statement, for a ruling that has to wait for its answer."""
        if self._position > self._start and self.waiting is not None:
            self.to_server.append(self._data[self._start : self._position])
            self._start = self._position

    # -- bytes ---------------------------------------------------------------------------------------------------

    def _hold(self, data: bytes) -> None:
        self._gathered.append(data)
        self._gathered_size += len(data)

    def _release(self) -> bytes:
        data = self._gathered[0] if len(self._gathered) == 1 else b"".join(self._gathered)
        self._gathered.clear()
        self._gathered_size = self._needed = 0
        return data

    def _take(self, data: bytes) -> None:
        """Read `data`, which may begin within a message that passes on or is dropped."""
        if self._passing:
            if self._passing >= len(data):
                self._passing -= len(data)
                self.to_server.append(data)
                return
            position, self._passing = self._passing, 0
            self._read(data, 0, position)
        elif self._swallowing:
            if self._swallowing >= len(data):
                self._swallowing -= len(data)
                return
            position, self._swallowing = self._swallowing, 0
            self._read(data, position, position)
        else:
            self._read(data, 0, 0)

    def _read(self, data: bytes, start: int, position: int) -> None:  # noqa: C901, PLR0912  the hot loop: a call costs
        """Walk over the messages of `data` from `position`; bytes from `start` have not been passed on yet."""
        end = len(data)
        requests = self._requests
        needed = HEADER_SIZE
        while position + HEADER_SIZE <= end:
            # The length, spelled out: compiled, these are a few instructions.
            length = data[position + 1] << 24 | data[position + 2] << 16 | data[position + 3] << 8 | data[position + 4]
            if length < 4:
                raise ProtocolViolation(f"malformed frontend message (length {length})")
            stop = position + 1 + length
            step = requests.handle(data[position], data, position, stop)
            if step is FORWARD:
                position = stop
            elif step is DROP:
                if position > start:
                    self.to_server.append(data[start:position])
                if requests.provocation:
                    self.to_server.append(requests.provocation)
                    requests.provocation = b""
                start = position = stop
            elif step is PRECEDE:
                if position > start:
                    self.to_server.append(data[start:position])
                self.to_server.append(requests.preceding)
                start, position = position, stop
            elif step is WAIT:
                self._data, self._start, self._position, self._stop = data, start, position, stop
                return
            else:
                needed = stop - position if step is GATHER else end - position + 1
                break
        if position >= end:
            if start < end:
                self.to_server.append(data[start:] if start else data)
                self._passing = position - end
            else:
                self._swallowing = start - end
            return
        if position > start:
            self.to_server.append(data[start:position])
        rest = data[position:]
        # What was gathered meanwhile stands behind this rest.
        self._gathered.insert(0, rest)
        self._gathered_size += len(rest)
        self._needed = needed
