"""Whether the proxy can do its work, as it is told."""

from __future__ import annotations

import asyncio
import threading
from types import SimpleNamespace
from typing import Any

from louver.readiness import NoAnswer, Readiness, Upstream


class Question:
    """A database that answers as it is told: None is an answer."""

    def __init__(self, *answers: NoAnswer | None) -> None:
        self.answers = iter(answers)
        self.closed = False

    async def ask(self) -> None:
        """Answer at once."""
        found = next(self.answers)
        if found is not None:
            raise found

    def close(self) -> None:
        """Be let go of."""
        self.closed = True


async def test_a_loop_that_is_held_up_does_not_turn() -> None:
    """It is asked by another thread, which waits no longer than it says."""
    readiness = Readiness(*[None] * 4)  # type: ignore[arg-type]  it looks at none of them
    held, told = threading.Event(), []

    def ask() -> None:
        told.append(readiness.turns(0.2))
        held.set()
        told.append(readiness.turns(20))

    thread = threading.Thread(target=ask)
    thread.start()
    held.wait(20)  # on the loop: nothing else runs
    await asyncio.to_thread(thread.join)
    assert told == [False, True]


async def test_all_of_it_has_to_be_so() -> None:
    """Ready is who listens, can write the trail and has a database."""
    server, meter, upstream = SimpleNamespace(listening=True), SimpleNamespace(recording=True), Upstream(Question(None))
    standing = SimpleNamespace(sound=True, lenient=False)
    readiness: Any = Readiness(server, meter, SimpleNamespace(standing=standing), upstream)  # type: ignore[arg-type]
    assert not readiness.ready
    await upstream.look()
    assert readiness.ready
    for part, name, check in (
        (server, "listening", "listening"),
        (meter, "recording", "audit"),
        (standing, "sound", "audit"),
        (upstream, "up", "database"),
    ):
        setattr(part, name, False)
        assert not readiness.ready
        assert [each for each, good in readiness.checks().items() if not good] == [check]
        setattr(part, name, True)
    assert readiness.ready
    standing.lenient, meter.recording = True, False
    assert readiness.ready


async def test_the_log_says_once_that_nobody_answers(caplog: Any) -> None:
    """And once that somebody does again; each failure counts."""
    upstream = Upstream(Question(NoAnswer("gone"), NoAnswer("gone"), None, NoAnswer("gone")))
    seen = []
    with caplog.at_level("INFO"):
        for _ in range(4):
            await upstream.look()
            seen.append(upstream.up)
    assert (seen, upstream.failures) == ([False, False, True, False], 3)
    assert [record.message for record in caplog.records] == [
        "not ready: the database does not answer: gone",
        "the database answers again",
        "not ready: the database does not answer: gone",
    ]


async def test_what_was_asked_by_is_let_go_of() -> None:
    """A loop that ends would wait for a connection that is left."""
    question = Question(None)
    task = asyncio.get_running_loop().create_task(Upstream(question).run())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert question.closed
