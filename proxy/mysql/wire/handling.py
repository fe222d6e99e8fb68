"""What every command of the client is handled with: the steps of the reader, and what is refused on the way.

Owns the words between the reader and the handlers of commands, and the packets that leave in place of the client's. May not do: I/O,
know a command.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Final

from proxy.mysql.wire import provocations
from proxy.mysql.wire.capabilities import Capability
from proxy.mysql.wire.commands import COM_QUERY
from proxy.mysql.wire.packets import packet
from proxy.mysql.wire.replies import Execution, Reply

if TYPE_CHECKING:
    from proxy.mysql.wire.conversation import Conversation
    from proxy.mysql.wire.statements import Statement
    from proxy.plans import Ruling


class Step(IntEnum):
    """What the reader does with the command it stands at."""

    FORWARD = 1
    DROP = 2
    GATHER = 3  # more of the packet is needed first
    WAIT = 4  # a statement waits for its ruling
    INSTEAD = 5  # `written` leaves in place of the first `taken` bytes of the payload
    REFUSE = 6  # a provocation leaves in place of the command
    AGAIN = 7  # `written` leaves first; the command is looked at again when it is answered


# Final, and one by one: the compiled reader takes them without a look-up.
FORWARD: Final = Step.FORWARD
DROP: Final = Step.DROP
GATHER: Final = Step.GATHER
WAIT: Final = Step.WAIT
INSTEAD: Final = Step.INSTEAD
REFUSE: Final = Step.REFUSE
AGAIN: Final = Step.AGAIN
_ATTRIBUTES_NONE: Final = b"\x00\x01"


class Handling:
    """The state of one command that is handled.

    A handler gets the data, where the packet's payload begins and how long it is (it may reach beyond the data). `waiting` is the
    statement of the command at hand after WAIT; `needed` are the bytes of the payload that must be there after GATHER; `written` leaves
    in place of the first `taken` bytes after INSTEAD.
    """

    def __init__(self, conversation: Conversation) -> None:
        self.waiting: Statement | None = None
        self.written = b""
        self.taken = 0
        self.needed = 0
        self._conversation = conversation
        self._attributes = bool(conversation.capabilities & Capability.QUERY_ATTRIBUTES)
        self._refusal: Execution | None = None

    def query_packet(self, text: bytes) -> bytes:
        """A COM_QUERY of ours."""
        return packet(0, bytes((COM_QUERY,)) + (_ATTRIBUTES_NONE if self._attributes else b"") + text)

    def provoke(self) -> bytes:
        """The packet that must fail in place of what was refused; it counts as started."""
        assert self._refusal is not None
        self._conversation.start(self._refusal)
        self._refusal = None
        return self.query_packet(provocations.SIGNAL)

    def _gather(self, size: int) -> Step:
        self.needed = size
        return GATHER

    def _refuse(self, error: bytes, execution: Execution | None = None) -> Step:
        plan = self._conversation.unknown_plan
        self._refusal = Execution(Reply.RESULTS, plan, b"", refused=error) if execution is None else execution
        return REFUSE

    def _denied(self, statement: Statement, ruling: Ruling, error: bytes = b"") -> Step:
        refused = error or ruling.plan.error
        return self._refuse(refused, Execution(Reply.RESULTS, ruling.plan, statement.text, refused=refused))

    def _instead(self, payload: bytes, head: bytes, taken: int) -> Step:
        """FORWARD when the head is the client's own."""
        if head == payload[:taken]:
            return FORWARD
        self.written, self.taken = head, taken
        return INSTEAD
