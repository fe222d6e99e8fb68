"""The server's bytes: what each message means for what is owed, and what of it the client sees."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from audit.record import Judgement
from policies.model import Decision
from proxy.plans import Plan
from proxy.positions import Move
from proxy.postgres.wire.backend import Backend
from proxy.postgres.wire.conversation import FAILED, IDLE, IN_TRANSACTION, Conversation, ProtocolViolation
from proxy.postgres.wire.frames import frame
from proxy.postgres.wire.messages import report_fields
from proxy.postgres.wire.replies import (
    BIND_REPLY,
    COPY_END_REPLY,
    DESCRIBE_REPLY,
    DROPPED_PARSE,
    DROPPED_SYNC,
    SYNC_REPLY,
    Action,
    Change,
    Execution,
    Pending,
    Question,
    Reply,
)
from proxy.postgres.wire.statements import Prepared

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = Decision("now", {}, {})
PLAN = Plan("pass", 3, NOW, Judgement((), "text", None, (), (), "pass", "", 0))
ERROR = report_fields("ERROR", "42501", "not for you")


@pytest.fixture
def state() -> Conversation:
    """A conversation in which nothing is owed."""
    return Conversation(PLAN)


@pytest.fixture
def backend(state: Conversation) -> Backend:
    """The reader of its server."""
    return Backend(state)


@pytest.fixture
def server(wire: Any) -> Callable[[str], bytes]:
    """The notation of messages."""
    return wire.server


def query(state: Conversation, **options: Any) -> Execution:
    """Let the server owe the answer of a Query."""
    execution = Execution(Reply.QUERY, PLAN, b"text", **options)
    state.start(execution)
    return execution


def execute(state: Conversation) -> Execution:
    """Let the server owe the answer of an Execute."""
    execution = Execution(Reply.EXECUTE, PLAN, b"text")
    state.start(execution)
    return execution


def shown(backend: Backend) -> bytes:
    """What the client has got since the last time."""
    data = b"".join(backend.to_client)
    backend.to_client.clear()
    return data


def test_rows_are_not_copied(backend: Backend, state: Conversation, server: Callable[[str], bytes]) -> None:
    """A read that all passes reaches the client as the very object it came in."""
    query(state)
    data = server("T(a) D(1) D(2) D(3)")
    backend.receive(data)
    assert backend.to_client == [data]
    assert backend.to_client[0] is data


def test_the_end_of_a_query_is_told_with_tag_rows_and_size(
    backend: Backend, state: Conversation, server: Callable[[str], bytes]
) -> None:
    """The size is that of the whole answer, in however many pieces; the next one counts from there."""
    for text in ("T(a) D(1) D(2) C(SELECT 2) Z(I)", "C(CREATE TABLE) Z(T)"):
        execution = query(state)
        data = server(text)
        for start in range(0, len(data), 7):
            backend.receive(data[start : start + 7])
        assert shown(backend) == data
        assert execution.sent == len(data)
        assert execution.status == "ok"
        assert state.finished.pop() is execution
    assert (execution.tag, execution.rows) == (b"CREATE TABLE", b"")
    assert state.status == IN_TRANSACTION


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("C(SELECT 5)", ("ok", b"5", "")),
        ("I", ("ok", b"", "")),
        ("s", ("suspended", b"3", "")),
        ("E(22012,division by zero)", ("error", b"", "22012")),
    ],
)
def test_the_ends_of_an_execute(
    backend: Backend,
    state: Conversation,
    server: Callable[[str], bytes],
    answer: str,
    told: tuple[str, bytes, str],
) -> None:
    """Complete, empty, suspended at its row limit, or failed."""
    execution = execute(state)
    execution.limit = b"\0\0\0\3"
    backend.receive(server(answer))
    assert (execution.status, execution.rows, execution.sqlstate) == told
    assert state.finished == [execution]


def test_a_refused_statement_shows_our_error(
    backend: Backend, state: Conversation, server: Callable[[str], bytes]
) -> None:
    """The server's own error is replaced; the end of it passes, so the transaction's state is the server's."""
    execution = query(state, refused=ERROR)
    backend.receive(server("E(42601,syntax error) Z(E)"))
    assert shown(backend) == b"E" + (len(ERROR) + 4).to_bytes(4, "big") + ERROR + server("Z(E)")
    assert (execution.status, execution.sqlstate) == ("denied", "42501")
    assert state.status == FAILED


@pytest.mark.parametrize("answer", ["C(SELECT 1)", "T(a)", "T(a) D(1)", "I", "G", "H", "Z(I)"])
def test_what_had_to_fail_and_did_not_ends_the_session(
    backend: Backend, state: Conversation, server: Callable[[str], bytes], answer: str
) -> None:
    """Nothing of such an answer is shown."""
    query(state, refused=ERROR)
    with pytest.raises(ProtocolViolation):
        backend.receive(server(answer))
    assert shown(backend) == b""


@pytest.mark.parametrize("guarded", [False, True])
def test_a_guarded_session_shows_no_detail_of_a_constraint(
    backend: Backend, state: Conversation, server: Callable[[str], bytes], guarded: bool
) -> None:
    """Also piece by piece; a commit that fails is treated so, too, and a session that hides nothing sees everything."""
    state.guarded = guarded
    execution = query(state)
    payload = report_fields("ERROR", "23505", "duplicate key", detail="Key (ssn)=(1) already exists.")
    for byte in frame(b"E"[0], payload) + server("Z(E)"):
        backend.receive(bytes([byte]))
    told = shown(backend)
    assert (b"already exists" in told) is not guarded
    assert told.endswith(server("Z(E)"))
    assert (execution.status, execution.sqlstate) == ("error", "23505")


def test_a_guarded_session_shows_little_of_an_endless_error(backend: Backend, state: Conversation) -> None:
    """An error too long to be held is cut, whatever its pieces."""
    state.guarded = True
    query(state)
    data = frame(b"E"[0], report_fields("ERROR", "22P02", "SECRET" * 400_000)) + frame(b"Z"[0], b"I")
    for start in range(0, len(data), 65_536):
        backend.receive(data[start : start + 65_536])
    told = shown(backend)
    assert b"SECRET" not in told
    assert len(told) < 200
    assert told.endswith(b"I")


@pytest.mark.parametrize("read", [5, 9, 40, 1 << 20])
def test_a_guarded_session_shows_nothing_of_an_endless_notice(backend: Backend, state: Conversation, read: int) -> None:
    """Wherever its first bytes are cut, a line of the log is none of the client's, however long it is."""
    query(state)
    state.guarded = True
    line = frame(ord("N"), report_fields("LOG", "00000", "statement: REWRITTEN" + "x" * (2 << 20)))
    backend.receive(line[:read])
    backend.receive(line[read:])
    assert shown(backend) == b""


def test_a_fatal_error_is_shown_as_it_is(backend: Backend, state: Conversation, server: Callable[[str], bytes]) -> None:
    """When the server ends the session the client gets its reason, even in the place of a refusal."""
    query(state, refused=ERROR)
    data = server("E(57P01,FATAL terminating)")
    backend.receive(data)
    assert shown(backend) == data
    assert state.farewell


def test_an_error_skips_up_to_the_sync(backend: Backend, state: Conversation, server: Callable[[str], bytes]) -> None:
    """What the server skips is told as skipped; with the Sync the session goes on."""
    state.queue.append(BIND_REPLY)
    failed, skipped = execute(state), execute(state)
    state.queue.append(SYNC_REPLY)
    after = execute(state)
    backend.receive(server("2 E(22012,no) Z(I)"))
    assert [execution.status for execution in (failed, skipped, after)] == ["error", "skipped", "lost"]
    assert list(state.queue) == [after]
    assert not state.skipping


def test_an_error_before_the_sync_was_sent_skips_what_comes(
    backend: Backend, state: Conversation, server: Callable[[str], bytes]
) -> None:
    """Until the client's Sync the server looks at nothing, and neither do we."""
    execute(state)
    backend.receive(server("E(22012,no)"))
    assert state.skipping


def test_an_error_may_have_rolled_names_back(
    backend: Backend, state: Conversation, server: Callable[[str], bytes]
) -> None:
    """After a change of names within the transaction any error makes them stale."""
    state.names_stale, state.names_touched = False, True
    execute(state)
    backend.receive(server("E(22012,no)"))
    assert state.names_stale


def test_questions_of_our_own_are_not_seen(
    backend: Backend, state: Conversation, server: Callable[[str], bytes]
) -> None:
    """Their answers, errors and notices stay with us; NULL is None."""
    question = Question()
    state.queue.extend((DROPPED_PARSE, Pending(Reply.EXECUTE, Action.CAPTURE, question=question), DROPPED_SYNC))
    backend.receive(server("1 N(careful) D(yes)") + b"D\0\0\0\x0a\0\1\xff\xff\xff\xff" + server("C(SELECT 2) Z(I)"))
    assert shown(backend) == b""
    assert (question.rows, question.done, question.error) == ([[b"yes"], [None]], True, "")
    question = Question()
    state.queue.extend((Pending(Reply.EXECUTE, Action.CAPTURE, question=question), DROPPED_SYNC))
    backend.receive(server("E(42501,no) Z(I)"))
    assert shown(backend) == b""
    assert (question.done, question.error) == (True, "42501")


@pytest.mark.parametrize(("owed", "heard"), [(DROPPED_SYNC, False), (SYNC_REPLY, True)])
def test_settings_that_our_questions_change_are_not_reported(
    backend: Backend, state: Conversation, owed: Pending, heard: bool
) -> None:
    """The client hears of DateStyle and IntervalStyle by its own statements alone, of all other settings always."""
    state.queue.append(owed)
    lent = frame(ord("S"), b"DateStyle\0ISO, MDY\0") + frame(ord("S"), b"IntervalStyle\0postgres\0")
    other = frame(ord("S"), b"TimeZone\0UTC\0")
    backend.receive(lent + other)
    assert b"".join(backend.to_client) == (lent + other if heard else other)


def test_the_end_of_a_transaction_forgets_its_portals(
    backend: Backend, state: Conversation, server: Callable[[str], bytes]
) -> None:
    """Between transactions there is no portal and no cursor; what was made for the session stays."""
    state.portals[b"p"] = Prepared(b"text", b"", PLAN)
    state.made = [(NOW, "transaction"), (NOW, "session")]
    state.queue.append(SYNC_REPLY)
    backend.receive(server("Z(T)"))
    assert b"p" in state.portals
    state.queue.append(SYNC_REPLY)
    backend.receive(server("Z(I)"))
    assert state.portals == {}
    assert state.made == [(NOW, "session")]
    assert state.status == IDLE


@pytest.mark.parametrize(
    ("statuses", "readable"),
    [
        ("S(client_encoding,UTF8) S(standard_conforming_strings,on)", True),
        ("S(client_encoding,LATIN1)", False),
        ("S(standard_conforming_strings,off)", False),
        ("S(standard_conforming_strings,off) S(client_encoding,UTF8)", False),
        ("S(client_encoding,SQL_ASCII) S(client_encoding,UTF8)", True),
        ("S(TimeZone,UTC)", True),
    ],
)
def test_how_the_server_reads_texts_is_watched(
    backend: Backend, state: Conversation, server: Callable[[str], bytes], statuses: str, readable: bool
) -> None:
    """Texts are readable while strings are plain and UTF-8; the client is told of every setting."""
    backend.receive(server(statuses))
    assert state.readable is readable
    assert shown(backend) == server(statuses)


@pytest.mark.parametrize("kind", ["E", "N"])
def test_reports_on_a_rewritten_text_point_into_the_client_s(backend: Backend, state: Conversation, kind: str) -> None:
    """An error or a notice gives the place in the client's text; what it says of a function's own text stays."""
    masked = replace(PLAN, verdict="rewrite", moves=(Move(0, 14, 1, 10),))
    said = b"SERROR\0C42703\0Mno such column\0P%d\0p3\0qSELECT x\0\0"
    prepared = Prepared(b"SELECT a FROM t, u", b"", masked)
    for entry in (
        Execution(Reply.QUERY, masked, prepared.text),
        Execution(Reply.EXECUTE, masked, prepared.text),
        Change(Reply.PARSE, {}, b"", prepared),
        BIND_REPLY,
    ):
        state.bound = prepared
        for place, expected in [(27, 18), (15, 15), (20, 15), (3, 3)]:
            state.queue.clear()
            state.queue.append(entry)
            backend.receive(frame(ord(kind), said % place))
            assert shown(backend) == frame(ord(kind), said % expected)


def test_a_copy_begins_and_ends(backend: Backend, state: Conversation, server: Callable[[str], bytes]) -> None:
    """From CopyInResponse on the client sends data, unless its end is on its way already; an error ends it."""
    query(state)
    backend.receive(server("G"))
    assert state.copying_in
    backend.receive(server("E(22P04,bad data) Z(I)"))
    assert not state.copying_in
    execute(state)
    state.queue.extend((SYNC_REPLY, COPY_END_REPLY, SYNC_REPLY))
    backend.receive(server("G"))
    assert (state.copying_in, state.swallowed, len(state.queue)) == (False, 1, 2)


def test_what_nobody_asked_for_passes(backend: Backend, server: Callable[[str], bytes]) -> None:
    """Notices, notifications and settings come at any time."""
    data = server("N(hello) A(channel) S(TimeZone,UTC)")
    backend.receive(data)
    assert shown(backend) == data


@pytest.mark.parametrize("answer", ["D(1)", "1", "2", "3", "T(a)", "n", "C(SELECT 1)", "I", "s", "Z(I)", "G", "H", "t"])
def test_an_answer_that_nothing_asked_for_is_a_violation(
    backend: Backend, server: Callable[[str], bytes], answer: str
) -> None:
    """We and the server are out of step, so nothing can be told apart any more."""
    with pytest.raises(ProtocolViolation):
        backend.receive(server(answer))
    assert shown(backend) == b""


@pytest.mark.parametrize("answer", ["1", "3", "C(SELECT 1)"])
def test_an_answer_out_of_turn_is_a_violation(
    backend: Backend, state: Conversation, server: Callable[[str], bytes], answer: str
) -> None:
    """The server answers strictly in order."""
    state.queue.append(BIND_REPLY)
    state.queue.append(DESCRIBE_REPLY)
    with pytest.raises(ProtocolViolation, match="which was not asked next"):
        backend.receive(server(answer))


@pytest.mark.parametrize("data", [b"W\0\0\0\4", b"v\0\0\0\4", b"\x99\0\0\0\4", b"Z\0\0\0\3"])
def test_unknown_and_malformed_messages_are_violations(backend: Backend, state: Conversation, data: bytes) -> None:
    """A message that we do not know is never passed on, CopyBoth of replication among them."""
    query(state)
    with pytest.raises(ProtocolViolation):
        backend.receive(data)


def test_a_huge_message_passes_piecewise(backend: Backend, state: Conversation, server: Callable[[str], bytes]) -> None:
    """An error of megabytes is not gathered; the end behind it is read."""
    state.guarded = False
    execution = query(state)
    data = server("E(P0001," + "x" * 3_000_000 + ") Z(I)")
    seen = b""
    for start in range(0, len(data), 65_536):
        backend.receive(data[start : start + 65_536])
        seen += shown(backend)
        if start > 131_072:
            assert seen
    assert seen == data
    assert execution.status == "error"
