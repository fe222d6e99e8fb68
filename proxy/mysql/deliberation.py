"""The ruling of each statement of a MySQL session: at hand, or after the session's own server was asked.

Owns the order: know who and what the session is, settle the caller's world, read the text in the state that the server reports,
rule, remember what is copied. May not do: read or write a socket, know how a statement that has its ruling goes on.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from proxy.catalogs import CatalogUnavailable
from proxy.context import Unmet
from proxy.ledger import LedgerUnavailable
from proxy.listening import Listening
from proxy.mysql.gate import may_make
from proxy.mysql.threads import ONLY_NUMBERS, kills, may_hide_kill
from proxy.mysql.wire.packets import ProtocolViolation
from proxy.mysql.wire.tracking import READ_TRACKED, START_TRACKING, Tracked, read_tracked
from proxy.wording import NO_CATALOG, NO_LEDGER, OUTGROWN, UNSETTLED
from proxy.world import Outgrown, Unsettled
from rewriter.model import Refusal
from rewriter.mysql.catalog import Facts

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.context import Context
    from proxy.mysql.caller import MySQLCaller
    from proxy.mysql.gate import MySQLGate
    from proxy.mysql.threads import Threads
    from proxy.mysql.wire.replies import Question
    from proxy.mysql.wire.session import MySQLSession
    from proxy.mysql.wire.statements import Statement
    from proxy.plans import Ruling

_ROUNDS: Final = 20
"""How often one statement is ruled anew because what it copies had to be remembered first. One round is the rule."""

_PREPARED: Final = 1000
"""Prepared definitions of which it is remembered under which schema they were; of others the one of now is taken."""

_REFUSALS: Final[dict[type[Exception], Refusal]] = {
    CatalogUnavailable: NO_CATALOG,
    LedgerUnavailable: NO_LEDGER,
    Unsettled: UNSETTLED,
}
"""Why nothing can be ruled now, as the client is told."""

_UNREADABLE: Final = Refusal(
    "0A000",
    "louver reads statements in UTF-8 while columns are masked for you, and this session speaks another character set",
    hint="Run SET NAMES utf8mb4, or let the driver connect with the character set utf8mb4.",
)
_NOBODY: Final = "the database does not know who this session is; let it come as a named account"


def _makes(ruling: Ruling, statement: Statement) -> bool:
    """Whether a statement may make or alter a table, so that what it inherits is to be known before it goes."""
    return ruling.plan.copies and statement.source in {"query", "prepare", "execute"} and may_make(statement.text)


class MySQLDeliberation:
    """Rules the statements of one session, one at a time.

    `context` is who the caller is. `send` sends what the session has for its server; call `answered` whenever that has said something. `threads`: which
    sessions are whose; with a `shared_account` the database cannot tell.
    """

    def __init__(  # noqa: PLR0913  what a ruling takes
        self,
        session: MySQLSession,
        caller: MySQLCaller,
        gate: MySQLGate,
        send: Callable[[], None],
        *,
        context: Context,
        threads: Threads,
        shared_account: bool,
    ) -> None:
        self._session = session
        self._conversation = session.conversation
        self._caller = caller
        self._gate = gate
        self._send = send
        self._listening = Listening(context, lambda text, refusal: gate.deny(caller.world, text, refusal))
        self._threads = threads
        self._shared_account = shared_account
        # by Louver itself; else the database may have let any name in, as nobody in particular
        self._identified = shared_account
        self._noted: Tracked | None = None  # what the caller's facts are taken from
        self._prepared: dict[bytes, Tracked] = {}  # what definitions were prepared in
        self._quiet: asyncio.Future[None] | None = None

    def answered(self) -> None:
        """The server has said something: go on when it owes nothing more."""
        if self._quiet is not None and self._session.quiet and not self._quiet.done():
            self._quiet.set_result(None)

    def at_hand(self, statement: Statement) -> Ruling | None:
        """The ruling of a statement, by what it and those before say of the session, when nothing of the outside is needed for it."""
        try:
            ruling = self._listening.hear(statement.text)
            while ruling is None:
                found = self._found_now(statement)
                if found is None or found.plan.declares is None:
                    return found
                ruling = self._listening.declare(found, statement.text)
                if ruling is None and self._caller.current:
                    return found
        except Unmet:
            return None
        return ruling

    def _found_now(self, statement: Statement) -> Ruling | None:
        caller = self._caller
        if not self._identified or (not caller.current and not caller.renew()):
            return None
        if self._may_kill_others(statement):
            return self._kill(statement)
        if not caller.guarded:
            ruling = caller.find(statement.text)
            return None if ruling is None or _makes(ruling, statement) else self._unguarded(statement, ruling)
        if statement.tracked is None or self._conversation.tracked is None:
            return None
        ruling = self._found(statement.text, statement.tracked)
        return None if ruling is None or _makes(ruling, statement) else ruling

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
        ruling = await self._listening.heard(statement.text) or await self._ruled(statement)
        while ruling.plan.declares is not None:
            denied = await self._listening.declared(ruling, statement.text)
            if denied is not None or self._caller.current:
                return denied or ruling
            ruling = await self._ruled(statement)
        return ruling

    async def _ruled(self, statement: Statement) -> Ruling:
        """Rule a statement in the world as it is found to be now, or refuse it when that cannot be found."""
        caller = self._caller
        try:
            if not self._identified:
                await self._track()
            return await self._settled(statement)
        except (CatalogUnavailable, LedgerUnavailable, Unsettled) as reason:
            return self._gate.deny(caller.world, statement.text, _REFUSALS[type(reason)])
        except Outgrown:
            raise ProtocolViolation(OUTGROWN, "57P01") from None

    async def _settled(self, statement: Statement) -> Ruling:
        """Rule a statement; what it copies is remembered first."""
        for _ in range(_ROUNDS):
            ruling = await self._ruled_now(statement)
            if not _makes(ruling, statement) or await self._remembered(statement):
                return ruling
        raise Unsettled

    async def _ruled_now(self, statement: Statement) -> Ruling:
        """Rule a statement in the world as it is found to be now."""
        caller, text = self._caller, statement.text
        if self._conversation.tracked is None:
            caller.reset()
        await caller.settle(self._tell)
        if self._may_kill_others(statement):
            return self._kill(statement)
        if caller.guarded:
            now = statement.tracked or self._conversation.tracked
            if now is None:
                now = await self._track()
                await caller.settle(self._tell)  # policies and definitions may have moved on meanwhile
            if caller.guarded:
                return self._found(text, now) or await caller.look_up(self._tell, text)
        return self._unguarded(statement, caller.find(text) or await caller.look_up(self._tell, text))

    async def _remembered(self, statement: Statement) -> bool:
        """Have on the disk what a statement makes; False when it is to be ruled again first. What is prepared makes nothing yet."""
        tracked = statement.tracked or self._conversation.tracked
        if tracked is None and statement.source == "execute":
            tracked = self._prepared.get(statement.text)
        if tracked is None:
            tracked, _ = await self._state()
        if statement.source == "prepare":
            if len(self._prepared) >= _PREPARED:
                self._prepared.clear()
            self._prepared[statement.text] = tracked
            return self._caller.current
        facts = Facts(tracked.schema, tracked.modes)
        return await self._caller.makes(tracked.decoded(statement.text), facts, self._conversation.number)

    async def _track(self) -> Tracked:
        """Have the server tell the state that statements are read in, now and whenever it changes."""
        await self._ask(START_TRACKING)  # again each time: whoever resets the session takes it back
        tracked, account = await self._state()
        if not account:
            raise ProtocolViolation(_NOBODY, "28000")
        self._identified = True
        self._conversation.tracked = tracked
        return tracked

    async def _state(self) -> tuple[Tracked, str]:
        """The state that statements are read in now, and the account that the session runs as."""
        rows = (await self._ask(READ_TRACKED)).rows
        try:
            return read_tracked(rows[0])
        except (IndexError, ValueError):
            raise ProtocolViolation("the state of this session cannot be read") from None

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
