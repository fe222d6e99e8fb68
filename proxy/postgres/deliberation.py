"""The ruling of each statement of a PostgreSQL session: at hand, or after something was looked up.

Owns the order: hear what a statement says of itself, wait until the server owes nothing, settle the caller's world, ask the session's own server what names mean, rule,
remember what is copied. May not do: read or write a socket, know how a statement that has its ruling goes on.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from proxy.catalogs import CatalogUnavailable
from proxy.context import Unmet
from proxy.ledger import LedgerUnavailable
from proxy.listening import Listening
from proxy.postgres.wire.conversation import FAILED, ProtocolViolation
from proxy.postgres.wording import ABORTED, UNREADABLE
from proxy.wording import NO_CATALOG, NO_LEDGER, OUTGROWN, UNSETTLED
from proxy.world import Outgrown, Unsettled
from rewriter.model import Refusal, UnknownNames

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.context import Context
    from proxy.plans import Ruling
    from proxy.postgres.caller import Caller
    from proxy.postgres.gate import PostgresGate
    from proxy.postgres.wire.session import PostgresSession

_ROUNDS: Final = 20
"""How often one statement is ruled anew because what it copies had to be remembered first, or because it uses what was made
earlier and policies or definitions have moved on. One round is the rule."""

_REFUSALS: Final[dict[type[Exception], Refusal]] = {
    CatalogUnavailable: NO_CATALOG,
    LedgerUnavailable: NO_LEDGER,
    Unsettled: UNSETTLED,
}
"""Why nothing can be ruled now, as the client is told."""


class Deliberation:
    """Rules the statements of one session, one at a time.

    `context` is who the caller is. `send` sends what the session has for its server; call `answered` whenever that has said something.
    `renew` lets the session go by the world that the caller is in by now.
    """

    def __init__(  # noqa: PLR0913  what a ruling takes
        self,
        session: PostgresSession,
        caller: Caller,
        gate: PostgresGate,
        send: Callable[[], None],
        *,
        context: Context,
        renew: Callable[[], None],
    ) -> None:
        self._session = session
        self._conversation = session.conversation
        self._caller = caller
        self._gate = gate
        self._send = send
        self._context = context
        self._renew = renew
        self._listening = Listening(context, lambda text, refusal: gate.deny(caller.world, text, refusal))
        self._quiet: asyncio.Future[None] | None = None

    def answered(self) -> None:
        """The server has said something: go on when it owes nothing more."""
        if self._quiet is not None and self._session.quiet and not self._quiet.done():
            self._quiet.set_result(None)

    def at_hand(self, text: bytes) -> Ruling | None:
        """The ruling of a statement, by what it and those before say of the session; None when something has to be asked first."""
        caller = self._caller
        try:
            ruling = self._hear(text)
            while ruling is None:
                found = caller.find(text) if self._is_settled() else None
                if found is None or found.plan.declares is None:
                    return found
                ruling = self._listening.declare(found, text)
                if not caller.current:
                    self._renew()
                elif ruling is None:
                    return found
        except Unmet:
            return None
        return ruling

    def _hear(self, text: bytes) -> Ruling | None:
        if not self._context.speaking:
            return None
        denied = self._listening.hear(text)
        if denied is None and not self._caller.current:
            self._renew()
        return denied

    def _is_settled(self) -> bool:
        """Whether the caller's world is known, so that a ruling needs nothing of the outside."""
        caller = self._caller
        conversation = self._conversation
        return caller.current and not (caller.guarded and (conversation.names_stale or not conversation.readable))

    async def rule(self, text: bytes, *, portal: bool) -> Ruling:
        """Rule a text for which something has to be asked first; `portal`: it is executed again under a name.

        Raises ProtocolViolation when the session has to end.
        """
        ruling = await self._heard(text) or await self._ruled(text, portal=portal)
        while ruling.plan.declares is not None:
            denied = await self._listening.declared(ruling, text)
            if denied is not None or self._caller.current:
                return denied or ruling
            ruling = await self._ruled(text, portal=portal)
        return ruling

    async def _heard(self, text: bytes) -> Ruling | None:
        if not self._context.speaking:
            return None
        denied = await self._listening.heard(text)
        if denied is None and not self._caller.current:
            self._caller.renew()
        return denied

    async def _ruled(self, text: bytes, *, portal: bool) -> Ruling:
        """Rule a text in the world as it is found to be now, or refuse it when that cannot be found."""
        conversation = self._conversation
        caller = self._caller
        if not portal and not conversation.skipping and (conversation.readable or not caller.guarded):
            early = caller.find_early(text, conversation.number)
            if early is not None:
                return early
        if not self._session.quiet:  # how what is under way ends decides what the session can be asked
            await self._silence()
        if conversation.skipping:  # an earlier error of the pipeline: the server will not look at this one
            return self._gate.deny(caller.world, text, ABORTED)
        if (caller.guarded or not caller.current) and conversation.status == FAILED and not conversation.queue:
            return self._in_failed_transaction(text)
        try:
            return await self._settled(text)
        except (CatalogUnavailable, LedgerUnavailable, Unsettled) as reason:
            return self._gate.deny(caller.world, text, _REFUSALS[type(reason)])
        except Outgrown:
            raise ProtocolViolation(OUTGROWN, "57P01") from None

    async def _settled(self, text: bytes) -> Ruling:
        """Rule a text in the world as it is found to be now; what it copies is remembered first."""
        conversation = self._conversation
        caller = self._caller
        for _ in range(_ROUNDS):
            await caller.settle(self._ask, names_stale=conversation.names_stale, status=conversation.status)
            conversation.names_stale = False
            if caller.guarded and not conversation.readable:
                raise ProtocolViolation(UNREADABLE, "0A000")
            ruling = caller.find(text) or await caller.look_up(self._ask, text)
            if ruling.plan.copies and caller.makes(text, conversation.number):
                await caller.remember()
            elif caller.current or not ruling.plan.uses_made:
                return ruling
            # what was made earlier is compared with the decision of now, which is to be found first
        raise Unsettled

    def _in_failed_transaction(self, text: bytes) -> Ruling:
        """Nothing can be looked up; only what ends the transaction needs no name."""
        try:
            return self._gate.rule(self._caller.nameless_world(), text)
        except UnknownNames:
            return self._gate.deny(self._caller.world, text, ABORTED)

    async def _silence(self) -> None:
        """Wait until the server owes nothing."""
        self._session.hurry()
        self._send()
        if not self._session.quiet:
            self._quiet = asyncio.get_running_loop().create_future()
            try:
                await self._quiet
            finally:
                self._quiet = None

    async def _ask(self, text: str, *values: str) -> list[list[str | None]]:
        """Ask the session's own server; raises ProtocolViolation when it cannot answer."""
        await self._silence()
        question = self._session.ask(text.encode(), [value.encode() for value in values])
        self._send()
        await self._silence()
        if question.error or not question.done:
            raise ProtocolViolation(f"louver could not look up names on this session ({question.error})", "XX000")
        return [[None if column is None else column.decode() for column in row] for row in question.rows]
