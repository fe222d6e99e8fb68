"""The reader of the server's bytes: messages are found, looked into where they matter, and pass as the bytes they came in.

Owns the walk over the messages, runs of rows and messages that are larger than what is at hand. Source: PostgreSQL manual, 55.7.
May not do: I/O, knowing what a message means.
"""

from __future__ import annotations

from typing import Final

from proxy.postgres.wire.answers import Answers
from proxy.postgres.wire.conversation import Conversation, ProtocolViolation
from proxy.postgres.wire.frames import COPY_DATA, DATA_ROW, HEADER_SIZE
from proxy.postgres.wire.replies import Action

_ASSEMBLED_LIMIT: Final = 1 << 20
"""Bytes of a message that is looked into as a whole. RowDescription of 1,600 columns with 63-byte names has 130 kB;
a longer error or notice (RAISE with megabytes of text) passes piecewise, its SQLSTATE unread; a guarded session gets no such notice."""

_FORWARD: Final = Action.FORWARD


class Backend:
    """Reads the server's bytes; `to_client` collects what leaves."""

    def __init__(self, conversation: Conversation) -> None:
        self.to_client: list[bytes] = []
        self._conversation = conversation
        self._rest = b""  # an unfinished message that is looked into as a whole
        self._passing = 0  # bytes of the current message still to pass on
        self._swallowing = 0  # bytes of the current message still to drop
        self._answers = Answers(conversation)

    @property
    def begun(self) -> bool:
        """Whether the server has begun to answer the statement at hand: then it has read it, and holds what it names."""
        return self._answers.begun

    def rest(self) -> None:
        """The server owes nothing: what it has said is not of the next answer."""
        self._answers.rest()

    def receive(self, data: bytes) -> None:
        """Take bytes of the server. Raises ProtocolViolation."""
        if self._conversation.exposed:
            return
        if self._passing:
            if self._passing >= len(data):
                self._passing -= len(data)
                self._answers.received += len(data)
                self.to_client.append(data)
                return
            position, self._passing = self._passing, 0
            self._read(data, 0, position)
            return
        if self._swallowing:
            if self._swallowing >= len(data):
                self._swallowing -= len(data)
                self._answers.received += len(data)
                return
            position, self._swallowing = self._swallowing, 0
            self._read(data, position, position)
            return
        if self._rest:
            data = self._rest + data
            self._rest = b""
        self._read(data, 0, 0)

    def _read(self, data: bytes, start: int, position: int) -> None:  # noqa: C901, PLR0912  the hot loop: a call costs
        """Walk over the messages of `data` from `position`; bytes from `start` have not been passed on yet."""
        end = len(data)
        last = end - HEADER_SIZE
        queue = self._conversation.queue
        answers = self._answers
        while position <= last:
            kind = data[position]
            # The length, spelled out: compiled, these are a few instructions.
            length = data[position + 1] << 24 | data[position + 2] << 16 | data[position + 3] << 8 | data[position + 4]
            if kind == DATA_ROW or kind == COPY_DATA:  # noqa: PLR1714, SIM109  no tuple per message
                if not queue:
                    raise ProtocolViolation("rows from the server that nothing asked for")
                if queue.head.action is _FORWARD and not queue.head.watched:
                    position += 1 + length
                    while position <= last:  # a run of rows: only hop from header to header
                        kind = data[position]
                        if kind != DATA_ROW and kind != COPY_DATA:  # noqa: PLR1714
                            break
                        position += 1 + (
                            data[position + 1] << 24
                            | data[position + 2] << 16
                            | data[position + 3] << 8
                            | data[position + 4]
                        )
                    continue
            if length < 4:
                raise ProtocolViolation(f"malformed message from the server (type {kind}, length {length})")
            stop = position + 1 + length
            if stop > end and length <= _ASSEMBLED_LIMIT:
                break
            if answers.handle(kind, data, position, stop):
                position = stop
            else:
                if position > start:
                    self.to_client.append(data[start:position])
                if answers.replacement:
                    self.to_client.append(answers.replacement)
                    answers.replacement = b""
                start = position = stop
                if self._conversation.exposed:
                    return
        if position >= end:
            if start < end:
                self.to_client.append(data[start:] if start else data)
                self._passing = position - end
            else:
                self._swallowing = start - end
            answers.received += end
            return
        if position > start:
            self.to_client.append(data[start:position])
        self._rest = data[position:]
        answers.received += position
