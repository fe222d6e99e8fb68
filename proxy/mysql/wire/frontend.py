"""The client's half of a session: walks over the client's packets and passes on what may leave.

Decides at the header; payloads pass as the bytes they came in, one larger than the data at hand piecewise. A text of several packets
is gathered, up to the limit of statements. A command is looked at when the one before it has been answered, as the server itself would.
What a command means stands in `requests`.
May not do: I/O, parsing of SQL, deciding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.mysql.wire.handling import AGAIN, DROP, FORWARD, GATHER, INSTEAD, WAIT
from proxy.mysql.wire.packets import HEADER_SIZE, LARGEST, ProtocolViolation, packet
from proxy.mysql.wire.requests import Requests

if TYPE_CHECKING:
    from proxy.mysql.wire.conversation import Conversation
    from proxy.mysql.wire.handling import Step
    from proxy.mysql.wire.statements import Statement
    from proxy.plans import Ruling


class Frontend:
    """Reads the client's bytes; `to_server` collects what leaves."""

    def __init__(self, conversation: Conversation, statement_limit: int) -> None:
        self.to_server: list[bytes] = []
        self.requests = Requests(conversation, statement_limit)
        self._conversation = conversation
        self._data = b""  # not looked at yet
        self._later: list[bytes] = []  # come behind it while it waits
        self._held = 0  # bytes of these
        self._needed = 0  # bytes that must be there before the packet at hand can be looked at
        self._passing = 0  # bytes of the current packet still to pass on
        self._swallowing = 0  # bytes of the current packet still to drop
        self._gathering = 0  # bytes of the current packet still to add to the text
        self._text = bytearray()  # the payload of several packets, as far as it has come
        self._whole = b""  # one that waits for its ruling
        self._continues = False  # the packet after the current one is of the same payload
        self._dropped = False  # which is dropped
        self._provoking = False  # when the payload has come to its end

    @property
    def waiting(self) -> Statement | None:
        """The statement that waits for its ruling."""
        return self.requests.waiting

    def rest(self) -> bytes:
        """Give up the bytes held back."""
        rest = b"".join((self._data, *self._later))
        self._data, self._held = b"", 0
        self._later.clear()
        return rest

    @property
    def buffered(self) -> int:
        """Bytes held back."""
        return len(self._data) + self._held + len(self._text) + len(self._whole)

    def receive(self, data: bytes) -> None:
        """Take bytes of the client. Raises ProtocolViolation."""
        if not self._data:
            self._data = data
            self.advance()
            return
        self._later.append(data)
        self._held += len(data)
        if not self._blocked() and len(self._data) + self._held >= self._needed:
            self.advance()

    def answer(self, ruling: Ruling) -> None:
        """Rule the waiting statement and go on with the bytes behind it. Raises ProtocolViolation."""
        step = self.requests.answer(ruling)
        if self._whole:
            self._send_whole(step)
        else:
            data = self._data
            position = self._do(step, 0, data[0] | data[1] << 8 | data[2] << 16)
            self._data = data[max(position, 0) :]
        self.advance()

    def advance(self) -> None:
        """Look at what has come, as far as it may be looked at. Raises ProtocolViolation."""
        if self._later and not self._blocked():
            self._data = b"".join((self._data, *self._later))
            self._later.clear()
            self._held = 0
        if self._data:
            self._needed = 0
            position = self._read(self._data)
            self._data = self._data[position:]
            if self._later and not self._data:
                self.advance()

    def _blocked(self) -> bool:
        """Whether the next command may not be looked at yet; the rest of one that is on its way always may."""
        if self._passing or self._swallowing or self._gathering or self._continues:
            return False
        state = self._conversation
        return (
            bool(state.leaving)
            or self.requests.waiting is not None
            or (state.owed is not None and not state.files_asked)
        )

    def _read(self, data: bytes) -> int:
        """Walk over the packets of `data`; where the first byte stands that is still to be looked at."""
        position, end = 0, len(data)
        while position < end:
            if self._passing:
                stop = min(position + self._passing, end)
                self.to_server.append(data if stop - position == end else data[position:stop])
                self._passing -= stop - position
                position = stop
            elif self._swallowing:
                stop = min(position + self._swallowing, end)
                self._swallowing -= stop - position
                position = stop
                if self._provoking and not self._swallowing and not self._continues:
                    self._provoking = False
                    self.to_server.append(self.requests.provoke())
            elif self._gathering:
                stop = min(position + self._gathering, end)
                self._text += data[position:stop]
                self._gathering -= stop - position
                position = stop
                self._gathered()
            else:
                if self._blocked() or end - position < HEADER_SIZE:
                    break
                found = self._packet(data, position)
                if found < 0:
                    break
                position = found
        return position

    def _packet(self, data: bytes, position: int) -> int:
        """Look at the packet at `position`; where to go on, -1 when it has to wait."""
        conversation = self._conversation
        size = data[position] | data[position + 1] << 8 | data[position + 2] << 16
        if self._continues or conversation.files_asked:
            counted = conversation.files_asked or bool(self._text)
            if counted and data[position + 3] != conversation.sequence + 1 & 0xFF:
                raise ProtocolViolation("Got packets out of order", errno=1156)
            conversation.sequence = data[position + 3]
            if not self._continues:
                self._dropped = False
                conversation.files_asked = size > 0  # an empty packet ends the file
            self._continues = size == LARGEST
            if self._text:
                return self._more_text(position, size)
            if self._dropped:
                self._swallowing = HEADER_SIZE + size
            else:
                self._passing = HEADER_SIZE + size
            return position
        if size == 0 or data[position + 3] != 0:
            raise ProtocolViolation("Got packets out of order", errno=1156)
        if len(data) - position <= HEADER_SIZE:
            return -1
        conversation.sequence = 0
        if size == LARGEST and self.requests.assembles(data[position + HEADER_SIZE]):
            self._continues, self._gathering = True, size
            return position + HEADER_SIZE
        return self._do(self.requests.handle(data, position + HEADER_SIZE, size), position, size)

    def _more_text(self, position: int, size: int) -> int:
        """Go on with a text whose next packet, of `size` bytes, stands at `position`; where to go on."""
        if len(self._text) + size > self.requests.statement_limit:
            self._text = bytearray()
            self.requests.refuse_length()
            self._dropped = self._provoking = True
            self._swallowing = HEADER_SIZE + size
            return position
        self._gathering = size
        self._gathered()
        return position + HEADER_SIZE

    def _gathered(self) -> None:
        """Hand over a text of several packets once it is whole."""
        if not self._gathering and not self._continues:
            self._whole, self._text = bytes(self._text), bytearray()
            self.requests.handle(self._whole, 0, len(self._whole))

    def _send_whole(self, step: Step) -> None:
        """Do with the text of several packets what its ruling has said."""
        if step is FORWARD:
            self.to_server.append(packet(0, self._whole))
        else:
            self.to_server.append(self.requests.written if step is INSTEAD else self.requests.provoke())
        self._whole = b""

    def _do(self, step: Step, position: int, size: int) -> int:  # noqa: PLR0911  a table
        """Do with the packet at `position` what its handler has said; where to go on, -1 when it has to wait."""
        if step is WAIT:
            return -1
        if step is GATHER:
            self._needed = HEADER_SIZE + self.requests.needed
            return -1
        if step is AGAIN:
            if self.requests.written:
                self.to_server.append(self.requests.written)
            return position
        self._continues = size == LARGEST
        self._dropped = False
        if step is FORWARD:
            self._passing = HEADER_SIZE + size
            return position
        if step is INSTEAD:
            taken, written = self.requests.taken, self.requests.written
            if taken:
                self.requests.taken = 0
                self._passing = size - taken
                self.to_server.append((size - taken + len(written)).to_bytes(3, "little") + b"\0" + written)
                return position + HEADER_SIZE + taken
            self.to_server.append(written)
            self._swallowing = HEADER_SIZE + size
            return position
        self._dropped = True
        self._swallowing = HEADER_SIZE + size
        self._provoking = step is not DROP
        return position
