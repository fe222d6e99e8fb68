"""What leaves for a statement that has its ruling: the message as it came, another text, or what the server must fail.

Owns what is prepared anew behind the client's back, and what it is told of a decision that has changed since. Source: PostgreSQL
manual, 55.2 (message flow).
May not do: I/O, reading messages, deciding.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from proxy.postgres.wire import frames
from proxy.postgres.wire.frames import frame
from proxy.postgres.wire.provocations import (
    PROVOKE_BIND,
    PROVOKE_EXECUTE,
    PROVOKE_QUERY,
    parse_frame,
    provoke_parse,
)
from proxy.postgres.wire.replies import Action, Change, Execution, Reply
from proxy.postgres.wire.statements import NO_EPOCH, Prepared, Statement, reshaped, still_prepared
from proxy.values import Bound, plain

if TYPE_CHECKING:
    from proxy.plans import Ruling
    from proxy.postgres.wire.conversation import Conversation
    from proxy.postgres.wire.provocations import Refusals

# Final, and one by one: the compiled reader takes them without a look-up.
_PARSE: Final = Reply.PARSE
_BIND: Final = Reply.BIND
_EXECUTE: Final = Reply.EXECUTE
_CLOSE: Final = Reply.CLOSE
_QUERY: Final = Reply.QUERY


class Admission:
    """Admits the statements of one session, as they were ruled. `ruled` is prepared by the ruling at hand: its Bind comes next."""

    def __init__(self, conversation: Conversation, refusals: Refusals) -> None:
        self.ruled: Prepared | None = None
        self._conversation = conversation
        self._refusals = refusals

    def admit(self, statement: Statement, ruling: Ruling) -> tuple[bytes | None, bool]:
        """What is to be written for a statement, and whether its message is still to be read; as `Requests.answer`."""
        if statement.source == "query":
            return self._query(statement, ruling), False
        if statement.source == "parse":
            return self._parse(statement, ruling), False
        if statement.source == "portal":
            return self._portal(statement, ruling)
        return self._again(statement, ruling)

    def _query(self, statement: Statement, ruling: Ruling) -> bytes | None:
        plan = ruling.plan
        conversation = self._conversation
        behind, conversation.pipelined = conversation.pipelined, False
        if plan.uses_made and conversation.outdated():
            conversation.start(Execution(_QUERY, plan, statement.text, refused=self._refusals.changed))
            return PROVOKE_QUERY
        error = plan.error or conversation.overdrawn(plan.probes) or conversation.spent(plan)
        execution = Execution(_QUERY, plan, statement.text, refused=error)
        execution.sent_text = ruling.text
        if conversation.values is not None and ruling.literals is not None and plan.judgement.columns:
            execution.values = Bound(plain(ruling.literals), b"", read=True)
        execution.whole = not behind and b";" not in statement.text.rstrip(b"; \t\r\n")
        conversation.start(execution)
        if error:
            return PROVOKE_QUERY
        return None if ruling.text is None else frame(frames.QUERY, ruling.text + b"\0")

    def _parse(self, statement: Statement, ruling: Ruling) -> bytes | None:
        plan = ruling.plan
        conversation = self._conversation
        conversation.pipelined = True
        name = statement.name
        if plan.verdict == "deny":
            conversation.start(Execution(_PARSE, plan, statement.text, refused=plan.error))
            return provoke_parse(name)
        if plan.uses_made and conversation.outdated():
            conversation.start(Execution(_PARSE, plan, statement.text, refused=self._refusals.changed))
            return provoke_parse(name)
        identity = conversation.identity
        prepared = Prepared(statement.text, statement.parameter_types, plan, ruling.text, identity)
        conversation.queue.append(Change(_PARSE, conversation.statements, name, prepared))
        return None if ruling.text is None else parse_frame(name, ruling.text, statement.parameter_types)

    def _again(self, statement: Statement, ruling: Ruling) -> tuple[bytes | None, bool]:
        """Re-prepare a statement whose decision has changed, behind the client's back, before its Bind goes on."""
        conversation = self._conversation
        plan = ruling.plan
        name = statement.name
        statements = conversation.statements
        if plan.verdict == "deny":
            conversation.start(Execution(_BIND, plan, statement.text, refused=plan.error))
            conversation.pipelined = True
            return PROVOKE_BIND, False
        old = statements[name]
        identity = conversation.identity
        if old.plan is plan and old.identity is identity:  # ruled the same again: what is prepared stands
            self.ruled = old
            return None, True
        if still_prepared(old, ruling):
            self.ruled = statements[name] = old.under(plan, identity)
            return None, True
        if reshaped(old.plan, plan):
            # The result may have another shape than the client was told; the server itself would refuse this, too.
            conversation.start(Execution(_BIND, plan, statement.text, refused=self._refusals.reshaped))
            conversation.pipelined = True
            return PROVOKE_BIND, False
        # If only the Close succeeds, the name must be prepared again before it can be bound.
        unprepared = old.under(replace(old.plan, epoch=NO_EPOCH), identity)
        self.ruled = Prepared(statement.text, statement.parameter_types, plan, ruling.text, identity)
        conversation.queue.append(Change(_CLOSE, statements, name, unprepared, Action.DROP))
        conversation.queue.append(Change(_PARSE, statements, name, self.ruled, Action.DROP))
        text = statement.text if ruling.text is None else ruling.text
        return frame(frames.CLOSE, b"S" + name + b"\0") + parse_frame(name, text, statement.parameter_types), True

    def _portal(self, statement: Statement, ruling: Ruling) -> tuple[bytes | None, bool]:
        """Go on with an Execute once the caller's decision is known again; refuse it when that cannot be known."""
        if self._conversation.decision is not None:
            return None, True
        error = ruling.plan.error or self._refusals.changed
        self._conversation.start(Execution(_EXECUTE, ruling.plan, statement.text, refused=error))
        return PROVOKE_EXECUTE, False
