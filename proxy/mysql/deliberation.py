"""The ruling of each statement of a MySQL session: at hand, or after the session's own server was asked.

Owns the order: know who and what the session is, settle the caller's world, read the text in the state that the server reports,
rule. May not do: read or write a socket, know how a statement that has its ruling goes on.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from proxy.catalogs import CatalogUnavailable
from proxy.gate import Outgrown, Unsettled
from proxy.mysql.threads import ONLY_NUMBERS, kills, may_hide_kill
from proxy.mysql.wire.packets import ProtocolViolation
from proxy.mysql.wire.tracking import READ_TRACKED, START_TRACKING, Tracked, read_tracked
from proxy.wording import NO_CATALOG, OUTGROWN, UNSETTLED
from rewriter.model import Refusal
from rewriter.mysql.catalog import Facts

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.mysql.caller import MySQLCaller
    from proxy.mysql.gate import MySQLGate
    from proxy.mysql.threads import Threads
    from proxy.mysql.wire.replies import Question
    from proxy.mysql.wire.session import MySQLSession
    from proxy.mysql.wire.statements import Statement
    from proxy.plans import Ruling

_REFUSALS: Final = {CatalogUnavailable: NO_CATALOG, Unsettled: UNSETTLED}
"""Why nothing can be ruled now, as the client is told."""

_UNREADABLE: Final = Refusal(
    "0A000",
    "louver reads statements in UTF-8 while columns are masked for you, and this session speaks another character set",
    hint="Run SET NAMES utf8mb4, or let the driver connect with the character set utf8mb4.",
)
_NOBODY: Final = "the database does not know who this session is; let it come as a named account"


class MySQLDeliberation:
    """Rules the statements of one session, one at a time.

    `send` sends what the session has for its server; call `answered` whenever that has said something. `threads`: which
    sessions are whose; with a `shared_account` the database cannot tell.
    """

    def __init__(  # noqa: PLR0913  what a ruling takes
        self,
        session: MySQLSession,
        caller: MySQLCaller,
        gate: MySQLGate,
        send: Callable[[], None],
        *,
        threads: Threads,
        shared_account: bool,
    ) -> None:
        self._session = session
        self._conversation = session.conversation
        self._caller = caller
        self._gate = gate
        self._send = send
        self._threads = threads
        self._shared_account = shared_account
        # by Louver itself; else the database may have let any name in, as nobody in particular
        self._identified = shared_account
        self._noted: Tracked | None = None  # what the caller's facts are taken from
        self._quiet: asyncio.Future[None] | None = None

    def answered(self) -> None:
        """The server has said something: go on when it owes nothing more."""
        if self._quiet is not None and self._session.quiet and not self._quiet.done():
            self._quiet.set_result(None)

    def at_hand(self, statement: Statement) -> Ruling | None:
        """The ruling of a statement, when nothing of the outside is needed for it."""
        caller = self._caller
        if not self._identified or (not caller.current and not caller.renew()):
            return None
        if self._may_kill_others(statement):
            return self._kill(statement)
        if not caller.guarded:
            ruling = caller.find(statement.text)
            return None if ruling is None else self._unguarded(statement, ruling)
        if statement.tracked is None:
            return None
        return self._found(statement.text, statement.tracked)

    def _may_kill_others(self, statement: Statement) -> bool:
        """Whether a statement may be a KILL of which the database does not know whether the caller may do that."""
        return (self._shared_account or self._caller.guarded) and kills(statement.text)

    def _kill(self, statement: Statement) -> Ruling:
        """The ruling of a KILL, which may stop what is the caller's own."""
        text = statement.text
        try:
            if statement.source not in {"query", "kill"}:  # its thread may be another one's when it runs
                raise ONLY_NUMBERS
            instead = self._threads.kill(text, self._caller.name)
        except Refusal as refusal:
            return self._gate.deny(self._caller.world, text, refusal)
        return self._gate.stand_in(self._caller.world, text, "KILL", instead)

    def _unguarded(self, statement: Statement, ruling: Ruling) -> Ruling:
        """The ruling of a statement of a caller from whom nothing is hidden."""
        if self._shared_account and may_hide_kill(ruling.plan.judgement.kinds, statement.text):
            return self._gate.deny(self._caller.world, statement.text, ONLY_NUMBERS)
        return ruling

    def _found(self, text: bytes, tracked: Tracked) -> Ruling | None:
        """The ruling of a text as the server reads it; None when it names what the catalog does not hold."""
        if not tracked.reads(text):
            return self._gate.deny(self._caller.world, text, _UNREADABLE)
        if tracked is not self._noted:
            self._noted = tracked
            self._caller.note(Facts(tracked.schema, tracked.modes))
        return self._caller.find(text)

    async def rule(self, statement: Statement) -> Ruling:
        """Rule a statement for which something has to be asked first. Raises ProtocolViolation when the session has to end."""
        caller, text = self._caller, statement.text
        try:
            if not self._identified:
                await self._track()
            if self._conversation.tracked is None:
                caller.reset()
            await caller.settle(self._tell)
            if self._may_kill_others(statement):
                return self._kill(statement)
            if caller.guarded:
                tracked = statement.tracked or self._conversation.tracked or await self._track()
                return self._found(text, tracked) or await caller.look_up(self._tell, text)
            return self._unguarded(statement, caller.find(text) or await caller.look_up(self._tell, text))
        except (CatalogUnavailable, Unsettled) as reason:
            return self._gate.deny(caller.world, text, _REFUSALS[type(reason)])
        except Outgrown:
            raise ProtocolViolation(OUTGROWN, "57P01") from None

    async def _track(self) -> Tracked:
        """Have the server tell the state that statements are read in, now and whenever it changes."""
        await self._ask(START_TRACKING)  # again each time: whoever resets the session takes it back
        rows = (await self._ask(READ_TRACKED)).rows
        try:
            tracked, account = read_tracked(rows[0])
        except (IndexError, ValueError):
            raise ProtocolViolation("the state of this session cannot be read") from None
        if not account:
            raise ProtocolViolation(_NOBODY, "28000")
        self._identified = True
        self._conversation.tracked = tracked
        return tracked

    async def _tell(self, text: str) -> None:
        await self._ask(text)

    async def _ask(self, text: str) -> Question:
        """Ask the session's own server. Raises ProtocolViolation when it fails."""
        question = self._session.ask(text)
        self._send()
        if not self._session.quiet:
            self._quiet = asyncio.get_running_loop().create_future()
            try:
                await self._quiet
            finally:
                self._quiet = None
        if question.error or not question.done:
            raise ProtocolViolation(f"this session's own server could not be asked ({question.error})")
        return question
