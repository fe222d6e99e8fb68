"""Whether the proxy can do its work: it listens, policies are in force, the trail can be written, the database answers.

Owns asking the database now and then, and the words of /readyz. May not do: serve, mend anything.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from time import monotonic
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from audit.writer import Trail
    from proxy.meter import Meter
    from proxy.server import Server

log = logging.getLogger(__name__)

PROBE_SECONDS: Final = 5.0
"""Between two questions to the database."""

_ANSWER_SECONDS: Final = 5.0


class NoAnswer(Exception):  # noqa: N818  what is found out, not a fault
    """The database does not answer, or not to Louver's own account; the message says why."""


class Question(Protocol):
    """How a database is asked whether it is there."""

    async def ask(self) -> None:
        """Ask once. Raises NoAnswer."""
        ...

    def close(self) -> None:
        """Let go of what it was asked by."""
        ...


class Upstream:
    """What is known of the database."""

    def __init__(self, question: Question) -> None:
        self._question = question
        self.up = False
        self.seconds = 0.0
        self.failures = 0
        self._told = False

    async def run(self) -> None:
        """Ask every PROBE_SECONDS, until cancelled."""
        try:
            while True:
                await self.look()
                await asyncio.sleep(PROBE_SECONDS)
        finally:
            self._question.close()

    async def look(self) -> None:
        """Ask once."""
        begun = monotonic()
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                await self._question.ask()
        except (NoAnswer, TimeoutError) as error:
            self.up = False
            self.failures += 1
            if not self._told:
                self._told = True
                log.warning("not ready: the database does not answer: %s", error or f"for {_ANSWER_SECONDS:g} s")
            return
        self.seconds = monotonic() - begun
        if self._told:
            log.info("the database answers again")
        self.up, self._told = True, False


class Readiness:
    """The answers to `/healthz` and `/readyz`. May be asked by any thread."""

    def __init__(self, server: Server, meter: Meter, trail: Trail, upstream: Upstream) -> None:
        self._server = server
        self._meter = meter
        self._trail = trail
        self.upstream = upstream
        self._loop = asyncio.get_running_loop()

    def checks(self) -> dict[str, bool]:
        """What it takes, and whether that is so. A trail that lets statements pass unrecorded holds up nobody."""
        standing = self._trail.standing
        return {
            "listening": self._server.listening,  # and policies are in force, without which it does not begin
            "audit": standing.lenient or (standing.sound and self._meter.recording),
            "database": self.upstream.up,
        }

    @property
    def ready(self) -> bool:
        """Whether all of it is so."""
        return all(self.checks().values())

    def turns(self, seconds: float) -> bool:
        """Whether the event loop does something within so many seconds. Not for the loop's own thread."""
        with contextlib.suppress(RuntimeError, TimeoutError):  # it is closed; it is held up
            return asyncio.run_coroutine_threadsafe(_nothing(), self._loop).result(seconds)
        return False


async def _nothing() -> bool:
    return True
