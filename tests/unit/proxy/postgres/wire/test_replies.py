"""The queue of what the server owes: what an error, a Sync and a COPY take out of it, and names that change meaning."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.record import Judgement
from policies.model import Decision
from proxy.plans import Plan
from proxy.postgres.wire.replies import (
    BIND_REPLY,
    CLOSE_REPLY,
    COPY_END_REPLY,
    DESCRIBE_REPLY,
    DROPPED_SYNC,
    SYNC_REPLY,
    Action,
    Change,
    Execution,
    Owed,
    Pending,
    Question,
    Reply,
    skip_to_sync,
    swallow_syncs,
)
from proxy.postgres.wire.statements import Prepared

PLAN = Plan("pass", 1, Decision("", {}, {}), Judgement((), "", None, (), (), "pass", "", 0))
OTHER = Plan("pass", 1, Decision("", {}, {}), Judgement((), "", None, (), (), "pass", "", 0))


def prepared(text: bytes, plan: Plan = PLAN) -> Prepared:
    """A prepared statement."""
    return Prepared(text, b"\0\0", plan)


def test_a_refused_execution_replaces_its_error() -> None:
    """Only a statement with an error of ours is to fail."""
    passed = Execution(Reply.QUERY, PLAN, b"a")
    refused = Execution(Reply.QUERY, PLAN, b"a", refused=b"E")
    assert (passed.action, passed.error, passed.status) == (Action.FORWARD, b"", "lost")
    assert (refused.action, refused.error, refused.status) == (Action.REPLACE, b"E", "lost")


def test_an_entry_has_no_memory_of_another() -> None:
    """What is written to one execution or question is not seen at the next: defaults on the class are never changed."""
    first = Execution(Reply.EXECUTE, PLAN, b"a")
    first.status, first.rows, first.sent, first.portal = "ok", b"7", 10, b"p"
    second = Execution(Reply.EXECUTE, PLAN, b"a")
    assert (second.status, second.rows, second.sent, second.portal) == ("lost", b"", 0, b"")
    asking = Pending(Reply.EXECUTE, Action.CAPTURE, question=Question())
    assert asking.question is not None
    asking.question.rows.append([b"x"])
    assert Question().rows == []
    assert BIND_REPLY.question is None


def test_a_change_holds_at_once_and_can_be_taken_back() -> None:
    """A name means the new statement from the request on; reverted it means what it meant, or nothing."""
    table: dict[bytes, Prepared] = {b"a": prepared(b"one")}
    over = Change(Reply.PARSE, table, b"a", prepared(b"two"))
    new = Change(Reply.PARSE, table, b"b", prepared(b"three"))
    gone = Change(Reply.CLOSE, table, b"a", None)
    assert {name: statement.text for name, statement in table.items()} == {b"b": b"three"}
    for change in (gone, new, over):
        change.revert()
    assert {name: statement.text for name, statement in table.items()} == {b"a": b"one"}


def test_an_error_skips_to_the_next_sync() -> None:
    """Everything before the Sync is taken out in order; the Sync and what stands behind it stay."""
    running = Execution(Reply.EXECUTE, PLAN, b"a")
    queue = Owed([BIND_REPLY, running, CLOSE_REPLY, SYNC_REPLY, DESCRIBE_REPLY])
    assert skip_to_sync(queue, {}) == ([BIND_REPLY, running, CLOSE_REPLY], False)
    assert list(queue) == [SYNC_REPLY, DESCRIBE_REPLY]


def test_an_error_without_a_sync_empties_the_queue() -> None:
    """The client's Sync has not come yet: the server skips all there is."""
    queue = Owed([BIND_REPLY, DESCRIBE_REPLY])
    assert skip_to_sync(queue, {}) == ([BIND_REPLY, DESCRIBE_REPLY], False)
    assert not queue


def test_a_sync_of_our_own_ends_the_skipping_too() -> None:
    """It goes to the server like the client's."""
    queue = Owed([BIND_REPLY, DROPPED_SYNC])
    skip_to_sync(queue, {})
    assert list(queue) == [DROPPED_SYNC]


names = st.sampled_from([b"", b"a", b"b"])
changes = st.lists(st.tuples(names, st.one_of(st.none(), st.integers(0, 9))), max_size=6)


@given(changes, changes, changes)
def test_changes_behind_the_sync_hold_on_what_is_left(
    before: list[tuple[bytes, int | None]],
    skipped: list[tuple[bytes, int | None]],
    after: list[tuple[bytes, int | None]],
) -> None:
    """After an error names mean what they would if the skipped requests had never been sent."""
    table: dict[bytes, Prepared] = {}
    expected: dict[bytes, bytes] = {}
    queue = Owed()

    def request(name: bytes, number: int | None) -> Change:
        return Change(Reply.PARSE, table, name, None if number is None else prepared(b"%d" % number))

    for name, number in before:
        request(name, number)  # answered long ago
    queue.extend(request(name, number) for name, number in skipped)
    queue.append(SYNC_REPLY)
    queue.extend(request(name, number) for name, number in after)
    for name, number in (*before, *after):
        if number is None:
            expected.pop(name, None)
        else:
            expected[name] = b"%d" % number
    taken, mistaken = skip_to_sync(queue, {})
    assert (len(taken), mistaken) == (len(skipped), False)
    assert {name: statement.text for name, statement in table.items()} == expected


@pytest.mark.parametrize(("plan", "mistaken"), [(PLAN, False), (OTHER, True)])
def test_an_execute_recorded_for_a_portal_that_was_never_bound(plan: Plan, mistaken: bool) -> None:
    """The Bind was skipped, so a later Execute runs the portal of before: told when that has another ruling."""
    portals = {b"p": prepared(b"before", PLAN)}
    bind = Change(Reply.BIND, portals, b"p", prepared(b"skipped", plan))
    execution = Execution(Reply.EXECUTE, plan, b"skipped")
    execution.portal = b"p"
    queue = Owed([bind, SYNC_REPLY, execution])
    assert skip_to_sync(queue, portals) == ([bind], mistaken)
    assert portals[b"p"].text == b"before"


def test_an_execute_without_a_portal_is_no_mistake() -> None:
    """There is no portal left, so the server itself fails the Execute."""
    portals: dict[bytes, Prepared] = {}
    bind = Change(Reply.BIND, portals, b"", prepared(b"skipped", OTHER))
    queue = Owed([bind, SYNC_REPLY, Execution(Reply.EXECUTE, OTHER, b"skipped")])
    assert skip_to_sync(queue, portals)[1] is False


@pytest.mark.parametrize(
    ("queued", "left", "told"),
    [
        ([], [], (0, False)),
        ([SYNC_REPLY, SYNC_REPLY], [], (2, False)),
        ([COPY_END_REPLY], [], (0, True)),
        ([SYNC_REPLY, COPY_END_REPLY, SYNC_REPLY], [SYNC_REPLY], (1, True)),
        ([DESCRIBE_REPLY, SYNC_REPLY, BIND_REPLY, COPY_END_REPLY], [DESCRIBE_REPLY, BIND_REPLY], (1, True)),
        ([COPY_END_REPLY, COPY_END_REPLY], [COPY_END_REPLY], (0, True)),
    ],
)
def test_a_copy_swallows_syncs_up_to_its_end(
    queued: list[Pending], left: list[Pending], told: tuple[int, bool]
) -> None:
    """Syncs before CopyDone get no answer, and the end is this COPY's; what else was sent keeps its order."""
    queue = Owed(queued)
    assert swallow_syncs(queue) == told
    assert list(queue) == left


def test_a_long_queue_gives_back_what_was_put_in_order() -> None:
    """Whatever is put in, taken out and put back, the queue is that of a list, over the point where it sheds its past."""
    queue, model = Owed(), []
    entries = [Pending(Reply.BIND) for _ in range(400)]
    for number, entry in enumerate(entries):
        queue.append(entry)
        model.append(entry)
        if number % 3:
            assert queue.popleft() is model.pop(0)
        if number % 50 == 0:
            taken = [queue.popleft() for _ in range(len(queue) // 2)]
            queue.put_back(taken)
        assert (list(queue), len(queue), bool(queue)) == (model, len(model), bool(model))
    while queue:
        assert queue.head is model[0]
        assert queue.popleft() is model.pop(0)
    assert model == []
