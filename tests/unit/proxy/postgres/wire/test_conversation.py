"""What a started statement does to the shared state of a session."""

from __future__ import annotations

import pytest

from audit.record import Judgement
from policies.model import ColumnName, Decision, Treatment
from proxy.plans import Makes, NamesEffect, Plan
from proxy.postgres.wire.conversation import Conversation, ProtocolViolation
from proxy.postgres.wire.replies import BIND_REPLY, Execution, Reply

JUDGEMENT = Judgement((), "text", None, (), (), "pass", "", 0)
HIDDEN = {ColumnName("public", "people", "phone"): Treatment("deny", "r")}
NOW = Decision("now", HIDDEN, {})
BEFORE = Decision("before", HIDDEN, {})


def plan(decision: Decision = NOW, effect: NamesEffect = "none", makes: Makes = "none") -> Plan:
    """A plan that passes."""
    return Plan("pass", 3, decision, JUDGEMENT, names_effect=effect, makes=makes)


@pytest.fixture
def conversation() -> Conversation:
    """A conversation in world 3, whose names are known."""
    made = Conversation(plan())
    made.epoch, made.decision, made.names_stale = 3, NOW, False
    return made


def start(conversation: Conversation, plan: Plan) -> Execution:
    """Start a statement."""
    execution = Execution(Reply.QUERY, plan, b"text")
    conversation.start(execution)
    return execution


def test_statements_are_numbered_queued_and_handed_to_the_audit(conversation: Conversation) -> None:
    """Numbers go up by one; what the server owes and what the audit is told begin with the same statements."""
    executions = [start(conversation, plan()) for _ in range(3)]
    assert [execution.number for execution in executions] == [1, 2, 3]
    assert list(conversation.queue) == conversation.started == executions


@pytest.mark.parametrize(
    ("effects", "stale"),
    [
        (["none"], False),
        (["transaction"], False),
        (["changes"], True),
        (["changes", "none"], True),
        (["none", "transaction", "none"], False),
    ],
)
def test_names_go_stale_when_they_may_change(
    conversation: Conversation, effects: list[NamesEffect], stale: bool
) -> None:
    """A change does it at once, and leaves the world; a transaction's end alone does nothing."""
    for effect in effects:
        start(conversation, plan(effect=effect))
    assert conversation.names_stale is stale
    assert conversation.epoch == (0 if stale else 3)


def test_the_end_of_a_transaction_may_undo_a_change_of_names(conversation: Conversation) -> None:
    """Once something has changed names within the transaction, COMMIT or ROLLBACK makes them stale again."""
    start(conversation, plan(effect="changes"))
    conversation.names_stale, conversation.epoch = False, 4  # looked up meanwhile
    start(conversation, plan(effect="transaction"))
    assert conversation.names_stale
    assert conversation.epoch == 0


def test_what_was_made_under_another_decision_is_outdated(conversation: Conversation) -> None:
    """A cursor made by SQL before the caller's decision changed may not be read after."""
    start(conversation, plan())
    assert not conversation.outdated()
    start(conversation, plan(makes="session"))
    assert not conversation.outdated()
    start(conversation, plan(BEFORE, makes="transaction"))
    assert conversation.outdated()


def test_equal_decisions_are_not_the_same_decision(conversation: Conversation) -> None:
    """A decision is known by identity: one made anew counts as changed, however alike it looks."""
    start(conversation, plan(Decision("now", HIDDEN, {}), makes="session"))
    assert conversation.outdated()


@pytest.mark.parametrize(("then", "now", "outdated"), [({}, {}, False), ({}, HIDDEN, True), (HIDDEN, {}, True)])
def test_between_decisions_that_hide_nothing_nothing_is_outdated(
    conversation: Conversation, then: dict[ColumnName, Treatment], now: dict[ColumnName, Treatment], outdated: bool
) -> None:
    """A table more, all of it shown, takes no cursor away; what hid something then or now does."""
    conversation.decision = Decision("now", now, {})
    start(conversation, plan(Decision("then", then, {}), makes="session"))
    assert conversation.outdated() is outdated


def test_one_decision_is_noted_once(conversation: Conversation) -> None:
    """A session that declares cursors all day does not grow."""
    for _ in range(1000):
        start(conversation, plan(makes="session"))
    assert len(conversation.made) == 1


def test_only_statements_are_running(conversation: Conversation) -> None:
    """Of all that the server owes, the statements of the client."""
    conversation.queue.append(BIND_REPLY)
    execution = start(conversation, plan())
    assert conversation.running() == [execution]


def test_a_violation_says_whose_fault_it_is() -> None:
    """Without another SQLSTATE it is a protocol violation."""
    assert ProtocolViolation("odd").sqlstate == "08P01"
    assert ProtocolViolation("odd", "XX000").sqlstate == "XX000"
