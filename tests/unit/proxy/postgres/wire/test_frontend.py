"""The client's bytes: what leaves as it came, what is held back and for how long, wherever the bytes are cut."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from audit.record import Judgement
from policies.model import Decision
from proxy.plans import Plan, Ruling
from proxy.postgres.wire.conversation import Conversation, ProtocolViolation
from proxy.postgres.wire.frontend import Frontend
from proxy.postgres.wire.provocations import REFUSED, Refusals

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = Decision("now", {}, {})
PLAN = Plan("pass", 3, NOW, Judgement((), "text", None, (), (), "pass", "", 0))
LIMIT = 100


@pytest.fixture
def state() -> Conversation:
    """A conversation in world 3."""
    made = Conversation(PLAN)
    made.epoch, made.decision = 3, NOW
    return made


@pytest.fixture
def frontend(state: Conversation) -> Frontend:
    """The reader of one client."""
    return Frontend(state, LIMIT, Refusals(b"too long", b"", b"", b""))


@pytest.fixture
def client(wire: Any) -> Callable[[str], bytes]:
    """The notation of messages."""
    return wire.client


def sent(frontend: Frontend) -> bytes:
    """What has left since the last time."""
    data = b"".join(frontend.to_server)
    frontend.to_server.clear()
    return data


def test_what_is_only_passed_on_is_not_copied(frontend: Frontend, client: Callable[[str], bytes]) -> None:
    """A read of messages that all pass leaves as the very object it came in."""
    data = client("d(some data) d(more) H S")
    frontend.receive(data)
    assert frontend.to_server == [data]
    assert frontend.to_server[0] is data


def test_nothing_behind_a_waiting_statement_is_looked_at(
    frontend: Frontend, state: Conversation, client: Callable[[str], bytes]
) -> None:
    """The bytes are kept, whatever comes, and read after the ruling."""
    frontend.receive(client("Q(one) Q(two)"))
    frontend.receive(client("Q(three)"))
    assert frontend.waiting is not None
    assert frontend.waiting.text == b"one"
    assert (sent(frontend), len(state.queue)) == (b"", 0)
    assert frontend.buffered == len(client("Q(one) Q(two) Q(three)"))
    for text in (b"one", b"two", b"three"):
        assert frontend.waiting is not None
        assert frontend.waiting.text == text
        frontend.answer(Ruling(PLAN))
    assert sent(frontend) == client("Q(one) Q(two) Q(three)")
    assert frontend.buffered == 0
    assert len(state.queue) == 3


def test_a_rewritten_message_stands_in_its_place(frontend: Frontend, client: Callable[[str], bytes]) -> None:
    """What stands before and behind it keeps its order."""
    frontend.receive(client("H P(a,one) D(Sa) H"))
    frontend.answer(Ruling(PLAN, b"other"))
    assert sent(frontend) == client("H P(a,other) D(Sa) H")


def test_what_stands_before_a_waiting_statement_can_leave_first(
    frontend: Frontend, client: Callable[[str], bytes]
) -> None:
    """A ruling that has to ask the server cannot wait for what the server has not got; nothing leaves twice."""
    frontend.receive(client("D(Sx) P(a,one) H"))
    frontend.release()
    assert sent(frontend) == client("D(Sx)")
    frontend.release()
    assert sent(frontend) == b""
    frontend.answer(Ruling(PLAN))
    assert sent(frontend) == client("P(a,one) H")


def test_a_long_message_passes_piecewise(frontend: Frontend, client: Callable[[str], bytes]) -> None:
    """CopyData larger than the read leaves as it comes; the message behind it is read again."""
    data = client("d(" + "x" * 5000 + ") Q(next)")
    for start in range(0, len(data), 700):
        frontend.receive(data[start : start + 700])
    assert frontend.waiting is not None
    assert frontend.waiting.text == b"next"
    frontend.answer(Ruling(PLAN))
    assert sent(frontend) == data


def test_a_long_statement_is_dropped_piecewise(frontend: Frontend, client: Callable[[str], bytes]) -> None:
    """Over the limit nothing of it is kept or sent but the request that must fail; what follows is read."""
    data = client("Q(" + "x" * 5000 + ") Q(next)")
    held = 0
    for start in range(0, len(data), 700):
        frontend.receive(data[start : start + 700])
        held = max(held, frontend.buffered)
    assert held < 800
    assert frontend.waiting is not None
    assert frontend.waiting.text == b"next"
    frontend.answer(Ruling(PLAN))
    assert sent(frontend) == client(f"Q({REFUSED.decode()}) Q(next)")


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 11])
def test_pieces_change_nothing(frontend: Frontend, client: Callable[[str], bytes], size: int) -> None:
    """However the bytes are cut, the same leaves."""
    data = client("P(a,select phone) B(p,a=value) D(Pp) E(p,3) S d(rows) c X")
    for start in range(0, len(data), size):
        frontend.receive(data[start : start + size])
        while frontend.waiting is not None:
            frontend.answer(Ruling(PLAN, frontend.waiting.text.replace(b"phone", b"masks")))
    assert sent(frontend) == data.replace(b"phone", b"masks")
    assert frontend.buffered == 0


@pytest.mark.parametrize("length", range(4))
def test_a_length_shorter_than_itself_is_a_violation(frontend: Frontend, length: int) -> None:
    """Nothing could be read behind such a message."""
    with pytest.raises(ProtocolViolation, match=f"length {length}"):
        frontend.receive(b"S" + length.to_bytes(4, "big") + b"rest")


def test_a_violation_lets_nothing_behind_it_leave(frontend: Frontend, client: Callable[[str], bytes]) -> None:
    """A forbidden message behind a good one is found before anything of the read is sent on its way by it."""
    with pytest.raises(ProtocolViolation):
        frontend.receive(client("H") + b"\x99\0\0\0\4" + client("d(data)"))
    assert b"\x99" not in sent(frontend)
