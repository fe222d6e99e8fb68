"""Each message of the client by itself: what it does to the conversation, and what leaves in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from audit.record import Judgement
from policies.model import ColumnName, Decision, Treatment
from proxy.plans import Plan, Ruling
from proxy.postgres.wire.conversation import Conversation, ProtocolViolation
from proxy.postgres.wire.provocations import REFUSED, Refusals
from proxy.postgres.wire.replies import COPY_END_REPLY, SYNC_REPLY, Action, Change, Execution, Reply
from proxy.postgres.wire.requests import Requests, Step
from proxy.postgres.wire.statements import Prepared

if TYPE_CHECKING:
    from collections.abc import Callable

JUDGEMENT = Judgement((), "text", None, (), (), "pass", "", 0)
NOW = Decision("now", {}, {})
REFUSALS = Refusals(b"too long", b"no functions", b"changed", b"reshaped")
PASS = Plan("pass", 3, NOW, JUDGEMENT)
DENY = Plan("deny", 3, NOW, JUDGEMENT, error=b"denied")
OLD = Plan("pass", 2, NOW, JUDGEMENT)
LIMIT = 100


class Desk:
    """The requests of one client, handled one whole message at a time."""

    def __init__(self, client: Callable[[str], bytes]) -> None:
        self.client = client
        self.state = Conversation(Plan("pass", 0, Decision("", {}, {}), JUDGEMENT, uses_made=True))
        self.state.epoch, self.state.decision = 3, NOW
        self.requests = Requests(self.state, LIMIT, REFUSALS)

    def take(self, message: str, cut: int = 0) -> Step:
        """Handle a message, of which the last `cut` bytes have not arrived."""
        data = self.client(message)
        return self.requests.handle(data[0], data[: len(data) - cut], 0, len(data))

    def owed(self) -> list[tuple[Reply, Action]]:
        """What the server owes."""
        return [(entry.reply, entry.action) for entry in self.state.queue]

    def prepare(self, name: bytes, plan: Plan, text: bytes = b"select 1") -> Prepared:
        """Let the client have prepared a statement."""
        made = self.state.statements[name] = Prepared(text, b"\0\0", plan)
        return made


@pytest.fixture
def desk(wire: Any) -> Desk:
    """The requests of one client in world 3."""
    return Desk(wire.client)


# -- a Query -----------------------------------------------------------------------------------------------------------


def test_a_query_waits_for_its_ruling(desk: Desk) -> None:
    """Nothing is owed before it is ruled; passed as it is, the message leaves as it came and one answer is owed."""
    assert desk.take("Q(select 1)") == Step.WAIT
    assert desk.owed() == []
    assert desk.requests.waiting is not None
    assert desk.requests.waiting.text == b"select 1"
    assert desk.requests.answer(Ruling(PASS)) == (None, False)
    assert desk.owed() == [(Reply.QUERY, Action.FORWARD)]
    assert desk.requests.waiting is None


def test_a_rewritten_query_leaves_in_its_place(desk: Desk) -> None:
    """The audit keeps the client's text, the server gets ours."""
    desk.take("Q(select phone)")
    assert desk.requests.answer(Ruling(PASS, b"select mask")) == (desk.client("Q(select mask)"), False)
    assert desk.state.started[0].text == b"select phone"


def test_a_denied_query_is_one_that_must_fail(desk: Desk) -> None:
    """The server gets a text that never parses, and its error becomes ours."""
    desk.take("Q(select secret)")
    written, _ = desk.requests.answer(Ruling(DENY))
    assert written == b"Q\0\0\0\x13" + REFUSED + b"\0"
    (execution,) = desk.state.started
    assert (execution.action, execution.error) == (Action.REPLACE, b"denied")


def test_a_query_that_uses_what_was_made_before_a_change_is_refused(desk: Desk) -> None:
    """FETCH from a cursor that was declared under another decision fails, though the FETCH itself may pass."""
    hidden = {ColumnName("public", "people", "phone"): Treatment("deny", "r")}
    desk.state.made.append((Decision("before", hidden, {}), "transaction"))
    desk.take("Q(fetch c)")
    fetch = Plan("pass", 3, NOW, JUDGEMENT, uses_made=True)
    assert desk.requests.answer(Ruling(fetch))[0] is not None
    assert desk.state.started[0].error == b"changed"


@pytest.mark.parametrize("message", ["Q", "P"])
def test_a_statement_over_the_limit_is_refused_at_its_header(desk: Desk, message: str) -> None:
    """It is not gathered: the error stands for it and its bytes are dropped as they come."""
    text = "x" * LIMIT
    whole = desk.client(f"{message}({text})" if message == "Q" else f"P(name,{text})")
    assert desk.requests.handle(whole[0], whole[:5], 0, len(whole)) == Step.DROP
    assert desk.state.started[0].error == b"too long"
    assert REFUSED in desk.requests.provocation
    assert desk.state.pipelined == (message == "P")


@pytest.mark.parametrize(
    "data",
    [
        b"Q\0\0\0\4",
        b"Q\0\0\0\5x",
        b"Q\0\0\0\7a\0b",
        b"Q\0\0\0\7a\0\0",
        b"P\0\0\0\6ab",
        b"P\0\0\0\7a\0b",
        b"E\0\0\0\6a\0",
    ],
)
def test_messages_that_are_not_whole_texts_are_violations(desk: Desk, data: bytes) -> None:
    """A text has one end, which is the message's: else the server could read another statement than we do."""
    with pytest.raises(ProtocolViolation):
        desk.requests.handle(data[0], data, 0, len(data))


# -- Parse, Bind, Execute ----------------------------------------------------------------------------------------------


def test_a_statement_is_known_from_its_parse_on(desk: Desk) -> None:
    """What stands behind in the same pipeline can bind it, before the server has said a word."""
    assert desk.take("P(a,select phone)") == Step.WAIT
    assert desk.requests.answer(Ruling(PASS, b"select mask"))[0] == desk.client("P(a,select mask)")
    prepared = desk.state.statements[b"a"]
    assert (prepared.text, prepared.plan, prepared.sent) == (b"select phone", PASS, b"select mask")
    assert desk.take("B(p,a)") == Step.FORWARD
    assert desk.take("E(p,7)") == Step.FORWARD
    assert desk.take("S") == Step.FORWARD
    assert [reply for reply, _ in desk.owed()] == [Reply.PARSE, Reply.BIND, Reply.EXECUTE, Reply.SYNC]
    (execution,) = desk.state.started
    assert (execution.plan, execution.text, execution.limit, execution.portal) == (
        PASS,
        b"select phone",
        b"\0\0\0\7",
        b"p",
    )


def test_a_denied_parse_fails_under_its_own_name(desk: Desk) -> None:
    """The name keeps no statement: what must fail is prepared under it."""
    desk.take("P(a,select secret)")
    written, _ = desk.requests.answer(Ruling(DENY))
    assert written == desk.client(f"P(a,{REFUSED.decode()})")
    assert desk.state.statements == {}
    assert desk.state.pipelined


def test_a_bind_of_another_world_is_ruled_again(desk: Desk) -> None:
    """A statement prepared before the world changed waits with its text; ruled alike it is bound as it stands."""
    desk.prepare(b"a", OLD)
    assert desk.take("B(,a)") == Step.WAIT
    waiting = desk.requests.waiting
    assert waiting is not None
    assert (waiting.source, waiting.text, waiting.name) == ("again", b"select 1", b"a")
    assert desk.requests.answer(Ruling(PASS)) == (None, True)
    assert desk.take("B(,a)") == Step.FORWARD
    assert desk.state.statements[b"a"].plan is PASS
    assert desk.owed() == [(Reply.BIND, Action.FORWARD)]


def test_a_bind_ruled_otherwise_is_prepared_anew_behind_the_clients_back(desk: Desk) -> None:
    """Close and Parse go before the Bind, and the client sees neither of their answers."""
    desk.prepare(b"a", OLD, b"select phone")
    desk.take("B(,a)")
    written, again = desk.requests.answer(Ruling(PASS, b"select mask"))
    assert (written, again) == (desk.client("C(Sa) P(a,select mask)"), True)
    assert desk.take("B(,a)") == Step.FORWARD
    assert desk.owed() == [(Reply.CLOSE, Action.DROP), (Reply.PARSE, Action.DROP), (Reply.BIND, Action.FORWARD)]


def test_a_bind_that_is_denied_now_fails(desk: Desk) -> None:
    """What was allowed when it was prepared is bound to a statement that never exists."""
    desk.prepare(b"a", OLD)
    desk.take("B(,a)")
    written, again = desk.requests.answer(Ruling(DENY))
    assert written is not None
    assert REFUSED in written
    assert not again
    assert desk.owed() == [(Reply.BIND, Action.REPLACE)]


def test_a_statement_of_unknown_name_is_the_servers_to_refuse(desk: Desk) -> None:
    """A Bind of what was never prepared passes: the server says so in its own words."""
    assert desk.take("B(,nothing)") == Step.FORWARD
    assert desk.owed() == [(Reply.BIND, Action.FORWARD)]


def test_what_was_bound_under_another_decision_gives_no_rows(desk: Desk) -> None:
    """A portal keeps its plan: once the decision is another, Execute is refused."""
    desk.state.portals[b"p"] = Prepared(b"select 1", b"", Plan("pass", 3, Decision("before", {}, {}), JUDGEMENT))
    assert desk.take("E(p,0)") == Step.DROP
    assert desk.state.started[0].error == b"changed"
    assert REFUSED in desk.requests.provocation


def test_transaction_control_goes_through_under_any_decision(desk: Desk) -> None:
    """It shows nothing, and a ROLLBACK that is refused would leave its client in a failed transaction."""
    control = Judgement(("TransactionStmt",), "rollback", None, (), (), "pass", "", 0)
    desk.state.portals[b""] = Prepared(b"rollback", b"\0\0", Plan("pass", 3, Decision("then", {}, {}), control))
    assert desk.take("E()") == Step.FORWARD
    assert desk.owed() == [(Reply.EXECUTE, Action.FORWARD)]
    several = Judgement(("TransactionStmt", "SelectStmt"), "", None, (), (), "pass", "", 0)
    desk.state.portals[b""] = Prepared(b"", b"\0\0", Plan("pass", 3, Decision("then", {}, {}), several))
    assert desk.take("E()") == Step.DROP


def test_an_execute_waits_while_the_decision_is_unknown(desk: Desk) -> None:
    """It goes on once there is a decision, and is refused when there can be none."""
    desk.state.portals[b"p"] = Prepared(b"select 1", b"", PASS)
    desk.state.decision = None
    assert desk.take("E(p,0)") == Step.WAIT
    desk.state.decision = NOW
    assert desk.requests.answer(Ruling(PASS)) == (None, True)
    desk.state.decision = None
    assert desk.take("E(p,0)") == Step.WAIT
    written, again = desk.requests.answer(Ruling(DENY))
    assert written is not None
    assert not again
    assert desk.state.started[0].error == b"denied"


@pytest.mark.parametrize("kind", ["S", "P"])
def test_a_close_takes_the_name_away_at_once(desk: Desk, kind: str) -> None:
    """A statement or a portal that is closed cannot be used behind the Close; the server's refusal gives it back."""
    desk.prepare(b"a", PASS)
    desk.state.portals[b"a"] = desk.state.statements[b"a"]
    table = desk.state.statements if kind == "S" else desk.state.portals
    assert desk.take(f"C({kind}a)") == Step.FORWARD
    assert b"a" not in table
    (closing,) = desk.state.queue
    assert isinstance(closing, Change)
    closing.revert()
    assert b"a" in table


def test_a_sync_ends_a_pipeline(desk: Desk) -> None:
    """Skipping ends with it, and nothing is pipelined any more."""
    desk.take("D(Sa)")
    desk.state.skipping = True
    assert desk.take("S") == Step.FORWARD
    assert not desk.state.skipping
    assert not desk.state.pipelined
    assert list(desk.state.queue)[-1] is SYNC_REPLY


@pytest.mark.parametrize("message", ["Q(select 1)", "P(a,select 1)", "B(,a)", "E(,0)", "D(Sa)", "C(Sa)", "F"])
def test_what_the_server_skips_does_not_reach_it(desk: Desk, message: str) -> None:
    """After an error everything up to the Sync is dropped, owed nothing and recorded nowhere."""
    desk.state.skipping = True
    assert desk.take(message) == Step.DROP
    assert (desk.owed(), desk.state.started, desk.requests.provocation) == ([], [], b"")


def test_a_ruling_that_comes_after_an_error_is_void(desk: Desk) -> None:
    """The statement is skipped like everything else up to the Sync."""
    desk.take("P(a,select 1)")
    desk.state.skipping = True
    assert desk.requests.answer(Ruling(PASS)) == (b"", False)
    assert desk.owed() == []


# -- COPY and the rest -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("message", ["d(1)", "H"])
def test_data_and_flush_pass(desk: Desk, message: str) -> None:
    """They are owed no answer."""
    assert desk.take(message) == Step.FORWARD
    assert desk.owed() == []


@pytest.mark.parametrize("message", ["Q(select 1)", "P(a,select 1)"])
def test_a_statement_in_the_midst_of_a_copy_is_a_violation(desk: Desk, message: str) -> None:
    """The server would take it for data or an error; no answer could come."""
    desk.state.copying_in = True
    with pytest.raises(ProtocolViolation, match="before the end of COPY"):
        desk.take(message)


def test_a_sync_within_a_copy_is_counted(desk: Desk) -> None:
    """The server ignores it, so it is owed nothing."""
    desk.state.copying_in = True
    assert desk.take("S") == Step.FORWARD
    assert (desk.state.swallowed, desk.owed()) == (1, [])


def test_the_end_of_a_copy_that_may_be_yet_to_begin_is_kept_in_its_place(desk: Desk) -> None:
    """CopyDone ends the COPY at hand; before it has begun it waits in the queue; with nothing owed it is nothing."""
    assert desk.take("c") == Step.FORWARD
    assert desk.owed() == []
    desk.state.copying_in = True
    assert desk.take("c") == Step.FORWARD
    assert (desk.state.copying_in, desk.owed()) == (False, [])
    desk.state.queue.append(Execution(Reply.QUERY, PASS, b"copy"))
    assert desk.take("f(no)") == Step.FORWARD
    assert list(desk.state.queue)[-1] is COPY_END_REPLY


def test_a_function_call_is_refused(desk: Desk) -> None:
    """The fast path names a function by OID, which nobody has ruled on."""
    assert desk.take("F") == Step.DROP
    assert desk.state.started[0].error == b"no functions"
    assert not desk.state.pipelined


def test_terminate_closes(desk: Desk) -> None:
    """The session's end is the client's wish."""
    assert desk.take("X") == Step.FORWARD
    assert desk.state.closing


@pytest.mark.parametrize("kind", sorted(set(range(256)) - set(b"BCdcfDEHFPQSX")))
def test_unknown_messages_are_violations(desk: Desk, kind: int) -> None:
    """What we do not know may carry a statement: it never passes."""
    with pytest.raises(ProtocolViolation):
        desk.requests.handle(kind, bytes([kind]) + b"\0\0\0\4", 0, 5)


# -- pieces ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("message", ["Q(select 1)", "P(a,select 1)", "E(p,0)", "D(Sa)", "C(Sa)", "f(no)"])
def test_messages_with_names_or_texts_are_gathered(desk: Desk, message: str) -> None:
    """Nothing happens before the last byte is there."""
    assert desk.take(message, cut=1) == Step.GATHER
    assert (desk.owed(), desk.requests.waiting) == ([], None)


def test_a_bind_is_read_as_far_as_its_names(desk: Desk) -> None:
    """Its parameters may be megabytes that pass by; without the end of the second name more is needed."""
    message = f"B(p,a={'x' * 50})"
    assert desk.take(message, cut=55) == Step.FORWARD
    whole = desk.client(message)
    assert desk.requests.handle(whole[0], whole[:8], 0, len(whole)) == Step.MORE


def test_names_without_end_are_violations(desk: Desk) -> None:
    """A peer cannot make us hold what is not a name any more."""
    long = b"x" * 70_000
    data = b"B" + (4 + len(long)).to_bytes(4, "big") + long
    with pytest.raises(ProtocolViolation):
        desk.requests.handle(data[0], data, 0, len(data))
    with pytest.raises(ProtocolViolation, match="the limit is 65536"):
        desk.requests.handle(ord("D"), b"D\0\1\0\0", 0, 65_600)
